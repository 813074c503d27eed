//! The JUnit report: a suite for the run, a case for each scenario. Well-formed whatever the page's
//! text holds (agent.md 11.3; pure).

use std::fmt::Write as _;

use crate::agent::{
    results::{CheckStatus, Results, Scenario, StepStatus},
    verdict::{Reason, Verdict},
};

/// What JUnit calls an error.
const BROKEN: &[Verdict] = &[Verdict::Errored, Verdict::Aborted, Verdict::Cancelled];

/// Renders the report.
pub fn render(results: &Results) -> String {
    let count = |wanted: &[Verdict]| {
        results
            .scenarios
            .iter()
            .filter(|one| one.verdict.is_some_and(|v| wanted.contains(&v)))
            .count()
    };
    let lone = count(BROKEN) == 0 && results.error.is_some();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        results.scenarios.len() + usize::from(lone),
        count(&[Verdict::Failed]),
        count(BROKEN) + usize::from(lone),
        count(&[Verdict::Skipped]),
        seconds(results.duration_ms),
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites name=\"handback\" {totals}>");
    let _ = writeln!(
        xml,
        "  <testsuite name=\"handback\" {totals} timestamp=\"{}\">",
        escape(&results.started_at)
    );
    let _ = writeln!(xml, "    <properties>");
    for (name, value) in [("run_id", &results.run_id), ("url", &results.url)] {
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", escape(value));
    }
    let _ = writeln!(xml, "    </properties>");
    for scenario in &results.scenarios {
        case(&mut xml, scenario, results);
    }
    if let (true, Some(error)) = (lone, &results.error) {
        // Without a case of its own most readers show a green suite.
        let _ = writeln!(
            xml,
            "    <testcase classname=\"handback\" name=\"run\" time=\"0.000\">\n      <error type=\"{}\" message=\"{}\"/>\n    </testcase>",
            escape(&error.code),
            escape(&error.message)
        );
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(xml: &mut String, scenario: &Scenario, results: &Results) {
    let _ = writeln!(
        xml,
        "    <testcase classname=\"handback\" name=\"{}\" time=\"{}\">",
        escape(&scenario.name),
        seconds(scenario.duration_ms)
    );
    let reason = scenario.reasons.first().map_or("", |reason| reason.as_str());
    let mut outcome = |tag: &str| {
        let _ = writeln!(
            xml,
            "      <{tag} type=\"{}\" message=\"{}\">{}</{tag}>",
            escape(reason),
            escape(&scenario.summary),
            escape(&why(scenario))
        );
    };
    match scenario.verdict {
        Some(Verdict::Failed) => outcome("failure"),
        Some(Verdict::Errored | Verdict::Aborted | Verdict::Cancelled) => outcome("error"),
        Some(Verdict::Skipped) => {
            let _ = writeln!(xml, "      <skipped message=\"{}\"/>", escape(reason));
        }
        Some(Verdict::Passed) | None => {}
    }
    let last = scenario.steps.iter().rev().find_map(|step| step.screenshot.as_deref());
    let video =
        results.artifacts.iter().find(|one| one.kind == "video").map(|one| one.path.as_str());
    if last.is_some() || video.is_some() {
        xml.push_str("      <system-out>");
        for path in last.into_iter().chain(video) {
            let _ = writeln!(xml, "[[ATTACHMENT|{}]]", escape(path));
        }
        xml.push_str("</system-out>\n");
    }
    xml.push_str("    </testcase>\n");
}

/// Failing assertions, the failed step and what was never checked, a line each.
fn why(scenario: &Scenario) -> String {
    let mut lines = Vec::new();
    for step in scenario.steps.iter().filter(|step| step.status == StepStatus::Failed) {
        lines.push(format!(
            "step {} {}: {}",
            step.id,
            step.description,
            step.error.as_deref().unwrap_or_default()
        ));
    }
    for one in scenario.assertions.iter().filter(|one| !one.passed) {
        let check = one.check.as_deref().unwrap_or("-");
        lines.push(format!("{check} {}: {}", one.description, one.evidence));
    }
    if scenario.reasons.contains(&Reason::ChecksUncovered)
        || scenario.verdict != Some(Verdict::Failed)
    {
        for check in scenario.checks.iter().filter(|one| one.status == CheckStatus::Uncovered) {
            lines.push(format!("{} {}: not checked", check.id, check.text));
        }
    }
    lines.join("\n")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text for element content and attributes alike. XML 1.0 has no way to write most control
/// characters, not even escaped: they become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::fixtures;

    #[test]
    fn a_report_says_what_failed_and_why() {
        insta::assert_snapshot!(render(&fixtures::results()));
    }

    #[test]
    fn a_run_that_never_began_is_an_error_not_an_empty_suite() {
        let mut results = fixtures::results();
        results.scenarios.truncate(1);
        results.error = Some(crate::agent::results::Problem {
            code: "preflight_failed".to_owned(),
            message: "connection refused".to_owned(),
        });
        let xml = render(&results);
        assert!(xml.contains("tests=\"2\"") && xml.contains("errors=\"1\""), "{xml}");
        assert!(xml.contains("<error type=\"preflight_failed\" message=\"connection refused\"/>"));
    }

    #[test]
    fn page_text_cannot_break_out() {
        let hostile =
            "]]></failure><x a='1' b=\"2\"> & \u{0}\u{1}\u{8}\u{b}\u{1b}[31m\u{ffff} é😀\r\n";
        let mut results = fixtures::results();
        for scenario in &mut results.scenarios {
            scenario.name = hostile.to_owned();
            scenario.summary = hostile.to_owned();
            for assertion in &mut scenario.assertions {
                assertion.evidence = hostile.to_owned();
            }
        }
        results.url = hostile.to_owned();
        let xml = render(&results);
        well_formed(&xml);
        assert!(!xml.contains("<x a="), "{xml}");
        assert!(xml.chars().all(|c| c == '\n' || (c >= ' ' && c != '\u{ffff}')), "{xml:?}");
    }

    /// Every tag closed in order, no bare markup characters. Enough for what we write ourselves.
    fn well_formed(xml: &str) {
        let mut open = Vec::new();
        let mut rest = xml;
        while let Some(start) = rest.find('<') {
            assert!(!rest[..start].contains('>'), "stray > before {}", &rest[start..]);
            let end = start + rest[start..].find('>').expect("an unclosed tag");
            let tag = &rest[start + 1..end];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name));
            } else if !tag.ends_with('/') && !tag.starts_with('?') {
                open.push(tag.split(' ').next().unwrap().to_owned());
            }
            assert!(!tag.contains('<'), "{tag}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
