//! From text to [`Plan`]: finds the scenarios, reports everything that is wrong at once.

use std::collections::HashSet;

use super::{
    Check, CheckKind, Clause, Header, Plan, Problem, Scenario,
    clauses::{self, pieces},
    headers::{self, Kind},
    hosts,
    source::{self, Code, Line},
    variables::{self, Variables},
};

/// Enough for hundreds of scenarios; more is not a plan but an accident.
const LARGEST: usize = 256 * 1024;
const MOST_SCENARIOS: usize = 200;
const MOST_CRITERIA: usize = 20;

/// A scenario's lines, before its name is known.
struct Draft<'t> {
    header: Option<Header>,
    line: u32,
    body: Vec<Line<'t>>,
}

impl Plan {
    /// Parses a plan. Each non-blank line of a text of `criteria` is one pass criterion, mandatory
    /// in every scenario. `variables` serve only to find unknown ones.
    pub fn parse(
        text: &str,
        criteria: &[String],
        variables: &Variables,
    ) -> Result<Self, Vec<Problem>> {
        if text.len() > LARGEST {
            return Err(vec![whole(
                "plan_too_large",
                format!("the plan has {} bytes, more than {LARGEST}: split it", text.len()),
            )]);
        }
        let text = source::cleaned(text);
        if text.lines().all(|line| line.trim().is_empty()) {
            return Err(vec![whole("plan_empty", "the plan has no text".to_owned())]);
        }
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let (lines, open_fence) = source::lines(&text);
        warnings.extend(open_fence.map(|line| Problem {
            line: Some(line),
            ..whole(
                "fence_open",
                "this code fence is never closed, so no header behind it counts".to_owned(),
            )
        }));
        let (preamble, drafts) = drafts(&lines, &mut problems);
        if drafts.len() > MOST_SCENARIOS {
            let message =
                format!("the plan has {} scenarios, more than {MOST_SCENARIOS}", drafts.len());
            problems.push(whole("plan_too_large", message));
            return Err(problems);
        }
        let criteria = criterion_lines(criteria);
        if criteria.len() > MOST_CRITERIA {
            let message =
                format!("there are {} pass criteria, more than {MOST_CRITERIA}", criteria.len());
            problems.push(whole("plan_too_large", message));
        }
        warnings.extend(preamble.iter().copied().filter_map(steps_in_preamble));
        problems.extend(unknown_variables(&lines, &criteria, variables));

        let mut names = HashSet::new();
        let single = drafts.len() == 1;
        let mut scenarios = Vec::new();
        for (position, draft) in (1..).zip(&drafts) {
            if draft.body.iter().all(Line::is_idle) {
                problems.push(Problem {
                    line: Some(draft.line),
                    text: line_text(&lines, draft.line),
                    ..whole(
                        "scenario_empty",
                        "this scenario has no steps below its header".to_owned(),
                    )
                });
            }
            let wanted = name(draft.header.as_ref(), position, single);
            let unique = unique(&wanted, &mut names);
            if unique != wanted {
                let message = format!("the name {wanted:?} is taken, this one becomes {unique:?}");
                warnings
                    .push(Problem { line: Some(draft.line), ..whole("name_repeated", message) });
            }
            scenarios.push(scenario(draft, unique, &criteria));
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.line.unwrap_or(0));
            return Err(problems);
        }
        warnings.sort_by_key(|warning| warning.line.unwrap_or(0));
        let texts = lines.iter().map(|line| line.text).chain(criteria.iter().map(String::as_str));
        let hosts = hosts::named(texts);
        Ok(Self { preamble: body(&preamble), hosts, scenarios, warnings })
    }
}

fn whole(code: &'static str, message: String) -> Problem {
    Problem { code, line: None, text: String::new(), message, nearest: None }
}

/// Splits the lines at headers. A header without its separator starts a scenario too, so that what
/// follows is not judged as part of another.
fn drafts<'t>(lines: &[Line<'t>], problems: &mut Vec<Problem>) -> (Vec<Line<'t>>, Vec<Draft<'t>>) {
    let mut preamble = Vec::new();
    let mut drafts: Vec<Draft<'t>> = Vec::new();
    for line in lines {
        let kind = if line.code == Code::No { headers::kind(line.text) } else { Kind::Text };
        let header = match kind {
            Kind::Text => {
                let body = drafts.last_mut().map_or(&mut preamble, |draft| &mut draft.body);
                body.push(*line);
                continue;
            }
            Kind::Header(header) => Some(header),
            Kind::NoSeparator => {
                problems.push(Problem {
                    line: Some(line.number),
                    text: line.text.trim().to_owned(),
                    ..whole(
                        "header_separator",
                        "a header needs `: ` between its number and its title".to_owned(),
                    )
                });
                None
            }
        };
        drafts.push(Draft { header, line: line.number, body: Vec::new() });
    }
    if drafts.is_empty() {
        let first = preamble.iter().find(|line| !line.text.trim().is_empty());
        let line = first.map_or(1, |line| line.number);
        drafts.push(Draft { header: None, line, body: std::mem::take(&mut preamble) });
    }
    (preamble, drafts)
}

/// The lines without blank ones at both ends.
fn body(lines: &[Line<'_>]) -> String {
    let filled = |line: &Line<'_>| !line.text.trim().is_empty();
    let from = lines.iter().position(filled).unwrap_or(0);
    let to = lines.iter().rposition(filled).map_or(0, |last| last + 1);
    let kept = lines.get(from..to).unwrap_or_default().iter().map(|line| line.text);
    kept.collect::<Vec<_>>().join("\n")
}

/// `KEYWORD number: title`.
fn name(header: Option<&Header>, position: u32, single: bool) -> String {
    let Some(header) = header else { return format!("Scenario {position}") };
    let number = match &header.number {
        Some(number) => format!(" {number}"),
        None if single => String::new(),
        None => format!(" {position}"),
    };
    let title = header.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
    format!("{}{number}{title}", header.keyword)
}

fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut count = 1;
    while !taken.insert(candidate.clone()) {
        count += 1;
        candidate = format!("{name} ({count})");
    }
    candidate
}

fn scenario(draft: &Draft<'_>, name: String, criteria: &[String]) -> Scenario {
    let mut clauses = Vec::new();
    let mut checks = Vec::new();
    for line in draft.body.iter().filter(|line| !line.is_idle()) {
        for piece in pieces(line.text) {
            let id = piece.is_check.then(|| format!("v{}", checks.len() + 1));
            checks.extend(id.clone().map(|id| Check {
                id,
                kind: CheckKind::Verify,
                line: Some(line.number),
                text: piece.text.clone(),
            }));
            clauses.push(Clause { line: line.number, text: piece.text, check: id });
        }
    }
    checks.extend((1..).zip(criteria).map(|(number, text): (u32, _)| Check {
        id: format!("p{number}"),
        kind: CheckKind::Criterion,
        line: None,
        text: text.clone(),
    }));
    let header = draft.header.clone();
    Scenario { name, header, line: draft.line, body: body(&draft.body), clauses, checks }
}

fn criterion_lines(criteria: &[String]) -> Vec<String> {
    let lines = criteria.iter().flat_map(|text| text.lines());
    lines.map(clauses::without_marks).filter(|line| !line.is_empty()).collect()
}

fn line_text(lines: &[Line<'_>], number: u32) -> String {
    let line = lines.iter().find(|line| line.number == number);
    line.map(|line| line.text.trim().to_owned()).unwrap_or_default()
}

/// People put steps above the first header and wonder why they do not run.
fn steps_in_preamble(line: Line<'_>) -> Option<Problem> {
    let looks = !line.is_idle()
        && pieces(line.text)
            .iter()
            .any(|piece| piece.is_check || super::direct::is_action(&piece.text));
    looks.then(|| Problem {
        line: Some(line.number),
        text: line.text.trim().to_owned(),
        ..whole(
            "preamble_steps",
            "this looks like a step but stands above the first header, so it does not run"
                .to_owned(),
        )
    })
}

fn unknown_variables(
    lines: &[Line<'_>],
    criteria: &[String],
    variables: &Variables,
) -> Vec<Problem> {
    let lines = lines.iter().map(|line| (Some(line.number), line.text));
    let all = lines.chain(criteria.iter().map(|text| (None, text.as_str())));
    let mut problems = Vec::new();
    for (line, text) in all {
        for name in variables::names(text).into_iter().filter(|name| !variables.knows(name)) {
            let known = variables.nearest(name).map_or_else(
                || format!("give it with --var {name}=… or --secret {name}=…"),
                |near| format!("did you mean {{{{{near}}}}}?"),
            );
            problems.push(Problem {
                line,
                text: text.trim().to_owned(),
                ..whole("unknown_variable", format!("there is no variable {name}: {known}"))
            });
        }
    }
    problems
}
