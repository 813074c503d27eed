//! The table as a page of Markdown, for docs/tools.md.

use std::fmt::Write;

use super::{Beyond, Kind, PREDICATES, Parameter, Shape, TOOLS, Tool};

/// Every tool, its parameters, and the predicates.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Tools\n\n\
         What a model can call, and what a plan's lines turn into. `handback check --schema tools` prints \
         the same as JSON Schema. Text that is too long is an error; a duration, count or size above its \
         limit is cut to the limit, and the result says so.\n",
    );
    for (title, core) in [("Core tools", true), ("Extensions", false)] {
        write!(page, "\n## {title}\n").ok();
        for tool in TOOLS.iter().filter(|tool| tool.core == core) {
            describe(&mut page, tool);
        }
    }
    page.push_str("\n## Predicates\n\nWhat `assert` takes as `predicate`.\n");
    for Shape { kind: name, fields, one_of } in PREDICATES {
        write!(page, "\n### {name}\n\n").ok();
        parameters(&mut page, fields, one_of);
    }
    page
}

fn describe(page: &mut String, tool: &Tool) {
    write!(page, "\n### {}\n\n{}\n", tool.name, tool.says).ok();
    if tool.takes.is_empty() {
        return;
    }
    page.push('\n');
    parameters(page, tool.takes, tool.one_of);
}

fn parameters(page: &mut String, fields: &[Parameter], one_of: &[&[&str]]) {
    page.push_str("| parameter | is | |\n|---|---|---|\n");
    for field in fields {
        let alternative = one_of.iter().find(|group| group.contains(&field.name));
        let required = match alternative {
            Some(group) => {
                let others: Vec<_> = group
                    .iter()
                    .filter(|name| **name != field.name)
                    .map(|one| format!("`{one}`"))
                    .collect();
                format!(", or {}", others.join(", "))
            }
            None if field.required => ", required".to_owned(),
            None => String::new(),
        };
        let says = field.says.replace('|', "\\|");
        writeln!(page, "| `{}` | {}{required} | {says} |", field.name, kind(&field.kind)).ok();
    }
}

fn kind(kind: &Kind) -> String {
    let usually = |usual: Option<String>| usual.map_or(String::new(), |one| format!(" = {one}"));
    match kind {
        Kind::Text { most, .. } => format!("text ≤ {most}"),
        Kind::Texts { least, most, each } => format!("{least}–{most} texts ≤ {each}"),
        Kind::Flag => "true or false = false".to_owned(),
        Kind::Claim => "true or false".to_owned(),
        Kind::Whole { least, most, usual, beyond } => {
            let cut = if *beyond == Beyond::Clamped { "" } else { ", no other" };
            format!("{least}–{most}{cut}{}", usually(usual.map(|one| one.to_string())))
        }
        Kind::Choice { of, usual } => {
            format!("{}{}", of.join(", "), usually(usual.map(str::to_owned)))
        }
        Kind::Choices { of } => format!("some of {}", of.join(", ")),
        Kind::Reference => "ref".to_owned(),
        Kind::Pairs { most } => format!("names and values ≤ {most}"),
        Kind::Predicate => "a predicate".to_owned(),
    }
}
