//! From a model's reply to cases (pure).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::plan::{Plan, Problem, variables::Variables};

/// A case that was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// What stands behind `#Case N:`.
    pub name: String,
    /// Its lines.
    pub text: String,
}

/// A page and what could be tested on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discovered {
    /// Where it is, as URLs are stored.
    pub url: String,
    /// Its title.
    pub title: String,
    /// At least one.
    pub cases: Vec<Case>,
}

/// The cases of a reply. A last one that was `cut` off is left out.
///
/// # Errors
/// What is wrong with it, in words that go on after `the cases are left out:`.
pub fn read(reply: &str, cut: bool) -> Result<Vec<Case>, String> {
    let plan = Plan::parse(without_fence(reply), &[], &Variables::default());
    let plan = plan.map_err(|problems| first(&problems))?;
    if let Some(open) = plan.warnings.iter().find(|warning| warning.code == "fence_open") {
        return Err(first(std::slice::from_ref(open)));
    }
    let mut cases: Vec<Case> = plan
        .scenarios
        .into_iter()
        .filter_map(|scenario| {
            let header = scenario.header?;
            let name = header.title.unwrap_or(scenario.name);
            Some(Case { name, text: scenario.body.trim().to_owned() })
        })
        .collect();
    if cut {
        cases.pop();
    }
    if cases.is_empty() {
        return Err(if cut { "the reply was cut" } else { "there is no `#Case` in it" }.to_owned());
    }
    Ok(cases)
}

fn first(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |one| one.message.clone())
}

/// What is within a code fence around the whole.
fn without_fence(reply: &str) -> &str {
    let text = reply.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner = inner.and_then(|rest| rest.split_once('\n')).map(|(_language, rest)| rest);
    inner.filter(|inner| !inner.contains("```")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "#Case 1: Open the cart\nOpen /cart, verify \"Your cart\" is visible\n\n\
                       #Case 2: Empty it\nOpen /cart\nClick \"Remove\"";

    fn names(reply: &str, cut: bool) -> Result<Vec<String>, String> {
        read(reply, cut).map(|cases| cases.into_iter().map(|case| case.name).collect())
    }

    #[test]
    fn cases_are_read_with_or_without_a_fence_or_a_word_before() {
        let both = Ok(vec!["Open the cart".to_owned(), "Empty it".to_owned()]);
        assert_eq!(names(TWO, false), both);
        assert_eq!(names(&format!("```markdown\n{TWO}\n```\n"), false), both);
        assert_eq!(names(&format!("Here you are:\n\n{TWO}"), false), both);
        assert_eq!(read(TWO, false).unwrap()[1].text, "Open /cart\nClick \"Remove\"");
    }

    #[test]
    fn what_is_no_plan_is_refused_with_its_reason() {
        for (reply, cut, why) in [
            ("", false, "the plan has no text"),
            ("I cannot see any controls.", false, "there is no `#Case` in it"),
            ("#Case 1: A\n\n#Case 2: B\nClick \"C\"", false, "no steps below its header"),
            ("#Case 1: A\nType {{X}} into \"B\"", false, "X"),
            ("#Case 1: A\nClick \"B\"\n```", false, "fence"),
            ("#Case 1: A\nClick \"B", true, "the reply was cut"),
        ] {
            let told = names(reply, cut).unwrap_err();
            assert!(told.contains(why), "{reply:?}: {told}");
        }
    }

    #[test]
    fn of_a_cut_reply_the_last_case_is_left_out() {
        assert_eq!(names(TWO, true), Ok(vec!["Open the cart".to_owned()]));
    }
}
