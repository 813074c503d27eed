//! The tools of the MCP server (agent.md 14; pure): names, parameters, caps and defaults. Schema and
//! check of arguments are those of the tools that a model drives a page with.

use crate::agent::tools::{Beyond, Kind, Parameter, Tool};

/// Characters of a plan, which is at most 256 KiB.
const PLAN: usize = 256 << 10;
/// As of `--timeout` and `--keep-alive`.
const WEEK: i64 = 604_800;
/// As of any URL.
const URL: usize = 8192;

const fn takes(name: &'static str, kind: Kind, says: &'static str) -> Parameter {
    Parameter { name, required: false, kind, says }
}

const fn text(least: usize, most: usize) -> Kind {
    Kind::Text { least, most }
}

const fn tool(name: &'static str, says: &'static str, takes: &'static [Parameter]) -> Tool {
    Tool { name, core: true, action: name, says, takes, one_of: &[] }
}

/// `test`.
pub(super) const TEST: Tool = Tool {
    one_of: &[&["plan", "run_id"]],
    ..tool(
        "test",
        "Runs a plan in a real browser and returns its verdict, every step and every check, with \
         pictures of what failed. A failed test is a normal result; isError says that the test \
         could not be carried out.",
        &[
            takes(
                "url",
                text(1, URL),
                "Where the run begins; the app must be running. May be left out with session=reuse: \
                 then the run begins on the page as it is.",
            ),
            takes(
                "plan",
                text(1, PLAN),
                "The plan: cases as '#Case 1: name' with a line for each step and Verify lines.",
            ),
            takes("run_id", text(1, 64), "Take the plan of this earlier run."),
            takes(
                "pass_criteria",
                Kind::Texts { least: 0, most: 20, each: 2000 },
                "What must hold in every case, as in a Verify line.",
            ),
            takes("variables", Kind::Pairs { most: 100 }, "Values for {{NAME}} in the plan."),
            takes(
                "secrets",
                Kind::Pairs { most: 100 },
                "Secrets for {{NAME}}: each value is env:VARIABLE, a variable of the server's own \
                 environment. Never the secret itself.",
            ),
            takes(
                "driver",
                Kind::Choice { of: &["auto", "direct", "model"], usual: None },
                "Who decides: direct never asks a model and takes direct phrases only; auto is \
                 direct where the whole case can be. Default auto.",
            ),
            takes("model", text(1, 200), "Which model drives: [PROVIDER:]NAME."),
            takes(
                "timeout",
                Kind::Whole { least: 1, most: WEEK, usual: None, beyond: Beyond::Clamped },
                "Seconds for the whole run. Default 1800.",
            ),
            takes(
                "stop_on_first_failure",
                Kind::Flag,
                "Skip the rest after a case that did not pass.",
            ),
            takes(
                "viewport",
                text(1, 20),
                "Size of the page: WIDTHxHEIGHT, desktop (1440x900) or mobile (375x812). Default \
                 1600x900.",
            ),
            takes("headed", Kind::Flag, "Show the browser on the person's own desktop."),
            takes(
                "isolated",
                Kind::Choice { of: &["off", "run", "scenario"], usual: None },
                "off keeps cookies and storage from run to run, run begins without any, scenario \
                 gives each case a context of its own. Default off.",
            ),
            takes(
                "video",
                Kind::Claim,
                "true: a video or no run; false: none. Left out: recorded where it is possible.",
            ),
            takes(
                "keep_alive",
                Kind::Whole { least: 0, most: WEEK, usual: None, beyond: Beyond::Clamped },
                "Seconds that the browser is kept after the run while nobody uses it; 0 closes it \
                 at once. Default 900.",
            ),
            takes("auto_open", Kind::Flag, "Open the player of the run on the person's desktop."),
            takes(
                "session",
                Kind::Choice { of: &["new", "reuse"], usual: Some("new") },
                "reuse goes on in the browser that the latest run has left, with its page and its \
                 cookies.",
            ),
            takes("name", text(1, 200), "What people call the run."),
            takes(
                "tags",
                Kind::Texts { least: 0, most: 20, each: 100 },
                "Kept with the results, under options.",
            ),
        ],
    )
};

/// All of them, in the order in which they are offered.
pub(super) const TOOLS: &[&Tool] = &[&TEST];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::tools::{arguments, schema};

    #[test]
    fn every_schema_is_closed_and_says_what_each_parameter_is() {
        for tool in TOOLS {
            let schema = schema::of(tool);
            assert_eq!(schema["additionalProperties"], json!(false), "{}", tool.name);
            for (name, property) in schema["properties"].as_object().unwrap() {
                assert!(
                    property["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_test_has_a_plan_or_the_id_of_a_run_and_not_both() {
        let check = |given| arguments::check(&TEST, &given).is_ok();
        assert!(check(json!({"url": "http://x", "plan": "Verify \"x\" is visible"})));
        assert!(check(json!({"url": "http://x", "run_id": "01k"})));
        assert!(!check(json!({"url": "http://x"})));
        assert!(!check(json!({"url": "http://x", "plan": "x", "run_id": "01k"})));
        assert!(!check(json!({"url": "http://x", "plan": "x", "bogus": 1})));
    }
}
