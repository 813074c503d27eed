//! discovered.md: a section a page with its cases, which is a plan as it stands (pure).
//!
//! Sections are comments: a heading would be a line of the case before it.

use std::fmt::Write as _;

use super::{Case, Discovered};

/// The file.
pub fn markdown(pages: &[Discovered]) -> String {
    let mut text = String::from(
        "<!-- Cases that were proposed while a plan ran. Read them before you run them: nobody has. -->\n",
    );
    let mut number = 0;
    for Discovered { url, title, cases } in pages {
        write!(text, "\n<!-- {} · {} -->\n", commented(title), commented(url)).ok();
        for Case { name, text: body } in cases {
            number += 1;
            let body = body.replace("<!--", "‹!--");
            write!(text, "#Case {number}: {}\n{body}\n\n", name.trim()).ok();
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Text that cannot end a comment.
fn commented(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").replace("--", "- -").replace('>', "›")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::plan::{Plan, variables::Variables};

    fn page(title: &str, names: &[&str]) -> Discovered {
        let case = |name: &&str| Case {
            name: (*name).to_owned(),
            text: "Open /cart\nVerify \"Your cart\" is visible".to_owned(),
        };
        Discovered {
            url: "https://shop.example/cart?x=*".to_owned(),
            title: title.to_owned(),
            cases: names.iter().map(case).collect(),
        }
    }

    #[test]
    fn the_file_is_a_plan_whatever_the_titles_are() {
        let titles = ["Cart", "a --> b\n#Case 9: evil\nx", "Test 3: A"];
        let pages = titles.map(|title| page(title, &["One: a", "Two"]));
        let text = markdown(&pages);
        let plan = Plan::parse(&text, &[], &Variables::default()).unwrap();
        let names: Vec<_> = plan.scenarios.iter().map(|one| one.name.as_str()).collect();
        let wanted = ["One: a", "Two", "One: a", "Two", "One: a", "Two"];
        let wanted: Vec<_> =
            (1..).zip(wanted).map(|(n, name)| format!("Case {n}: {name}")).collect();
        assert_eq!(names, wanted, "{text}");
        assert!(plan.preamble.is_empty() && plan.warnings.is_empty(), "{plan:?}");
        assert!(plan.scenarios.iter().all(|one| one.clauses.len() == 2), "{text}");
        assert!(text.contains("<!-- Cart · https://shop.example/cart?x=* -->\n#Case 1: One: a\n"));
    }
}
