//! The answer on standard output: every scenario with its checks, then three lines: verdict, where
//! the results are, how to take over (pure).

use std::fmt::Write as _;

use crate::{
    agent::{
        results::{CheckStatus, Results, Scenario, StepStatus},
        verdict::Verdict,
    },
    cli::paint::{COLUMNS, Paint, fit, seconds},
};

/// What the last two lines say.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The run directory.
    pub(crate) directory: String,
    /// Address or path of the player.
    pub(crate) player: String,
    /// The takeover address, or why there is none.
    pub(crate) takeover: Result<String, String>,
}

/// Renders all of it.
pub(crate) fn render(results: &Results, places: &Places, paint: Paint) -> String {
    story(results, paint) + &addresses(places)
}

/// All but the last two lines.
pub(crate) fn story(results: &Results, paint: Paint) -> String {
    let mut text = String::new();
    for one in &results.scenarios {
        scenario(&mut text, one, paint);
    }
    if let Some(error) = &results.error {
        let _ = writeln!(text, "{} {}", paint.bad("✕"), wrap(&error.message, 2));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", verdict(results, paint));
    text
}

/// The last two lines.
pub(crate) fn addresses(places: &Places) -> String {
    let Places { directory, player, takeover } = places;
    let takeover = match takeover {
        Ok(address) => format!("Take over: {address}"),
        Err(why) => format!("Take over: {why}"),
    };
    format!("Results: {directory}   Player: {player}\n{takeover}\n")
}

fn scenario(text: &mut String, one: &Scenario, paint: Paint) {
    let verdict = one.verdict.unwrap_or(Verdict::Skipped);
    let reasons: Vec<_> = one.reasons.iter().map(|reason| reason.as_str()).collect();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!("  {}", reasons.join(", ")) };
    let _ = writeln!(
        text,
        "{} {}  {}{}",
        paint.sign(verdict),
        paint.strong(&fit(&one.name, COLUMNS.saturating_sub(16 + reasons.len()).max(20))),
        paint.soft(&seconds(one.duration_ms)),
        paint.bad(&reasons),
    );
    for step in one.steps.iter().filter(|step| step.status == StepStatus::Failed) {
        let line = step.line.map_or(String::new(), |line| format!("line {line}: "));
        let _ = writeln!(
            text,
            "    {} {}",
            paint.bad("✕"),
            fit(&format!("{line}{}", step.description), COLUMNS - 6)
        );
        let _ = writeln!(text, "        {}", wrap(step.error.as_deref().unwrap_or_default(), 8));
    }
    for check in &one.checks {
        let (sign, note) = match check.status {
            CheckStatus::Passed => (paint.good("✓"), ""),
            CheckStatus::Failed => (paint.bad("✕"), ""),
            CheckStatus::Uncovered => (paint.soft("–"), "  (not checked)"),
        };
        let _ = writeln!(
            text,
            "    {sign} {} {}{}",
            paint.soft(&check.id),
            fit(&check.text, COLUMNS - 12 - note.len()),
            paint.soft(note)
        );
        let failed = one
            .assertions
            .iter()
            .find(|each| !each.passed && each.check.as_ref() == Some(&check.id));
        if let Some(failed) = failed {
            let _ = writeln!(text, "        {}", wrap(&failed.evidence, 8));
        }
    }
}

fn verdict(results: &Results, paint: Paint) -> String {
    let verdict = results.verdict.unwrap_or(Verdict::Errored);
    let word = match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Errored => "Errored",
        Verdict::Aborted => "Aborted",
        Verdict::Cancelled => "Cancelled",
        Verdict::Skipped => "Skipped",
    };
    let reason = results.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let checks: Vec<_> = results.scenarios.iter().flat_map(|one| &one.checks).collect();
    let good = checks.iter().filter(|one| one.status == CheckStatus::Passed).count();
    let head = format!("{} {}{reason}", paint.sign(verdict), paint.strong(word));
    format!(
        "{head}   {} of {} scenarios, {good} of {} checks, {}",
        results.counts.passed,
        results.counts.total,
        checks.len(),
        seconds(results.duration_ms)
    )
}

/// Breaks a sentence into lines of at most 100 columns, `indent` blanks before all but the first.
fn wrap(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in fit(text, 10 * COLUMNS).split(' ').filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMNS - indent {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::fixtures;

    fn places() -> Places {
        Places {
            directory: "/home/ada/.local/state/handback/runs/01j".to_owned(),
            player: "http://01j.localhost:4100/#t=one&p=/runs/01j/player.html".to_owned(),
            takeover: Ok("http://01j.localhost:4100/#t=two".to_owned()),
        }
    }

    #[test]
    fn the_summary_ends_in_three_lines() {
        insta::assert_snapshot!(render(&fixtures::results(), &places(), Paint { colour: false }));
    }

    #[test]
    fn no_line_of_ours_is_wider_than_a_hundred_columns() {
        let mut results = fixtures::results();
        for one in &mut results.scenarios {
            one.name = "n".repeat(300);
            for check in &mut one.checks {
                check.text = "t".repeat(300);
            }
            for each in &mut one.assertions {
                each.evidence = "some words of evidence ".repeat(30);
            }
        }
        let text = render(&results, &places(), Paint { colour: false });
        for line in text.lines().filter(|line| !line.starts_with("Results")) {
            assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
        }
    }
}
