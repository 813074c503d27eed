//! Headers, clauses and checks as tables (agent.md 2.1 and 2.2), and what holds for every text.

use proptest::prelude::*;

use super::{direct, variables::Variables, *};

fn parse(text: &str) -> Result<Plan, Vec<Problem>> {
    Plan::parse(text, &[], &Variables::default())
}

/// Scenarios as name and body.
fn check(text: &str, expected: &[(&str, &str)]) {
    for text in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
        let plan = parse(&text).unwrap_or_else(|problems| panic!("{text:?}: {problems:?}"));
        let found: Vec<(&str, &str)> =
            plan.scenarios.iter().map(|one| (one.name.as_str(), one.body.as_str())).collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

/// Problems as code and line.
fn refuse(text: &str, expected: &[(&str, Option<u32>)]) {
    let problems = parse(text).expect_err(text);
    let found: Vec<_> = problems.iter().map(|one| (one.code, one.line)).collect();
    assert_eq!(found, expected, "{text:?}");
}

/// The clauses of a line: checks with their id.
fn check_clauses(line: &str, expected: &[(Option<&str>, &str)]) {
    let plan = parse(line).unwrap();
    let clauses = &plan.scenarios[0].clauses;
    let found: Vec<(Option<&str>, &str)> =
        clauses.iter().map(|one| (one.check.as_deref(), one.text.as_str())).collect();
    assert_eq!(found, expected, "{line:?}");
}

// agent.md 17.2
#[test]
fn headers_divide_a_plan_into_scenarios() {
    check("#Case 1: A\nx\n#Case 2: B\ny", &[("Case 1: A", "x"), ("Case 2: B", "y")]);
    check("#Case 1: Login\nx", &[("Case 1: Login", "x")]);
    check(
        "Shop is in English.\n#Case 1: A\nx\n#Case 2: B\ny",
        &[("Case 1: A", "x"), ("Case 2: B", "y")],
    );
    check("x\ny", &[("Scenario 1", "x\ny")]);
    check("#Case: A\nx\n#Case: B\ny", &[("Case 1: A", "x"), ("Case 2: B", "y")]);
}

// agent.md 17.2
#[test]
fn every_way_to_write_a_header_is_one() {
    for (header, name) in [
        ("Scenario 2: A", "Scenario 2: A"),
        ("Test 3: A", "Test 3: A"),
        ("## Case 1: A", "Case 1: A"),
        ("**Case 1: A**", "Case 1: A"),
        ("1. Scenario 1: A", "Scenario 1: A"),
        ("Test Case 1: A", "Test Case 1: A"),
        ("Case 1. A", "Case 1: A"),
        ("#Case: Homepage", "Case: Homepage"),
        ("#Case 1", "Case 1"),
        ("  ###### TEST   scenario 07 :  A  ", "Test Scenario 07: A"),
        ("__Case 1__", "Case 1"),
        ("**Case 1:** A", "Case 1: A"),
        ("**Case 1**: A", "Case 1: A"),
        ("## 2) **Test Case 4: C# basics**", "Test Case 4: C# basics"),
        ("## Case 1: A ##", "Case 1: A"),
        ("case 1: a", "Case 1: a"),
        ("Case: A", "Case: A"),
        ("Case 1:", "Case 1"),
        ("#case: a", "Case: a"),
        ("#Case1: A", "Case 1: A"),
    ] {
        check(&format!("{header}\nx"), &[(name, "x")]);
    }
}

// agent.md 17.2
#[test]
fn lines_that_only_look_like_headers_stay_in_the_body() {
    for line in [
        "Go to https://test.example.com",
        "Open latest: version",
        "This is only a test. Click \"x\"",
        "Mail test.user@x.com",
        "showcase: y",
        "in case: z",
        "test.user@x.com",
        "Test 2.0 is out",
        "Test 1:30 pm",
        "Testing: x",
        "case: red",
        "Case",
        "Case 1",
        "1. Test the login",
        "####### Case 1: A",
        "- Case 1: A",
        "# Test plan",
        "test1: x",
    ] {
        check(&format!("#Case 9: A\nx\n{line}\ny"), &[("Case 9: A", &format!("x\n{line}\ny"))]);
        check(&format!("{line}\ny"), &[("Scenario 1", &format!("{line}\ny"))]);
    }
}

#[test]
fn lines_of_code_are_no_headers() {
    let code = "```text\n# Case 2: B\n```\ny";
    check(&format!("# Case 1: A\n{code}"), &[("Case 1: A", code)]);
    let longer = "~~~~\n~~~\n# Case 2: B\n~~~~\ny";
    check(&format!("# Case 1: A\n{longer}"), &[("Case 1: A", longer)]);
    let plan = parse("# Case 1: A\nx\n```\n# Case 2: B\ny").unwrap();
    assert_eq!((plan.warnings[0].code, plan.warnings[0].line), ("fence_open", Some(3)));
}

#[test]
fn comments_go_and_leave_line_numbers() {
    let plan = parse("<!-- a\n# Case 7: no\n-->\n# Case 1: A\nVerify <!-- x -->\"B\"").unwrap();
    let scenario = &plan.scenarios[0];
    assert_eq!((scenario.name.as_str(), scenario.line), ("Case 1: A", 4));
    assert_eq!((scenario.clauses[0].line, scenario.clauses[0].text.as_str()), (5, "Verify \"B\""));
    check("a <!-<!-- x -->- y --> b", &[("Scenario 1", "a  b")]);
    check("a <!-- b", &[("Scenario 1", "a <!-- b")]);
}

// agent.md 17.2
#[test]
fn structural_errors_have_their_line() {
    refuse("#Case 1 A\nx", &[("header_separator", Some(1))]);
    refuse("#Case 1: A\n\n#Case 2: B\ny", &[("scenario_empty", Some(1))]);
    refuse(
        "#Case 1: A\n---\n#Case 2: B\n<!-- y -->",
        &[("scenario_empty", Some(1)), ("scenario_empty", Some(3))],
    );
    refuse("", &[("plan_empty", None)]);
    refuse(" \n<!-- x -->\n", &[("plan_empty", None)]);
    refuse("x\n\n**Test 2 - A**\ny", &[("header_separator", Some(3))]);
    refuse("#Case 1:A\nx", &[("header_separator", Some(1))]);
    refuse(&"x".repeat(256 * 1024 + 1), &[("plan_too_large", None)]);
    refuse(&"# Case: A\nx\n".repeat(201), &[("plan_too_large", None)]);
    refuse(
        "#Case 1: A\n{{NAME}}\n{{NAME}} \\{{OTHER}} {{ ODD }}",
        &[("unknown_variable", Some(2)), ("unknown_variable", Some(3))],
    );
}

#[test]
fn a_repeated_name_is_numbered_with_a_warning() {
    let text = "# Case 1: A\nx\n# Case 1: A\ny\n# Case 1: A (2)\nz";
    check(text, &[("Case 1: A", "x"), ("Case 1: A (2)", "y"), ("Case 1: A (2) (2)", "z")]);
    let warnings = parse(text).unwrap().warnings;
    let found: Vec<_> = warnings.iter().map(|one| (one.code, one.line)).collect();
    assert_eq!(found, [("name_repeated", Some(3)), ("name_repeated", Some(5))]);
}

// agent.md 17.2
#[test]
fn the_preamble_is_context_and_warns_if_it_looks_like_steps() {
    let plan = parse("\nThe shop.\n\nOpen /cart\n#Case 1: A\nx").unwrap();
    assert_eq!(plan.preamble, "The shop.\n\nOpen /cart");
    let found: Vec<_> = plan.warnings.iter().map(|one| (one.code, one.line)).collect();
    assert_eq!(found, [("preamble_steps", Some(4))]);
    assert_eq!(plan.scenarios[0].checks, []);
}

#[test]
fn lines_are_split_into_clauses() {
    check_clauses("Click \"a\"; click \"b\";", &[(None, "Click \"a\""), (None, "click \"b\"")]);
    check_clauses("Click \"a\" then click \"b\"", &[(None, "Click \"a\""), (None, "click \"b\"")]);
    check_clauses(
        "Click \"a\", and then click \"b\"",
        &[(None, "Click \"a\""), (None, "click \"b\"")],
    );
    check_clauses(
        "Type \"x; y and click\" into \"b\"",
        &[(None, "Type \"x; y and click\" into \"b\"")],
    );
    check_clauses(
        "Select \"a\", \"b\" and \"c\" in \"d\"",
        &[(None, "Select \"a\", \"b\" and \"c\" in \"d\"")],
    );
    check_clauses(
        "Clear \"a\", type \"b\" and press Enter.",
        &[(None, "Clear \"a\""), (None, "type \"b\""), (None, "press Enter.")],
    );
    check_clauses("Then click \"a\"", &[(None, "Then click \"a\"")]);
}

// agent.md 17.3
#[test]
fn list_markers_and_emphasis_are_stripped() {
    for marked in [
        "- Verify \"a\"",
        "* Verify \"a\"",
        "+ Verify \"a\"",
        "• Verify \"a\"",
        "•Verify \"a\"",
        "> Verify \"a\"",
        "3. Verify \"a\"",
        "3) Verify \"a\"",
        "(3) Verify \"a\"",
        "[ ] Verify \"a\"",
        "> - [x] 1. Verify \"a\"",
        "**Verify \"a\"**",
        "*Verify* \"a\"",
        "- __Verify__ \"a\"",
    ] {
        check_clauses(marked, &[(Some("v1"), "Verify \"a\"")]);
    }
}

// agent.md 17.3
#[test]
fn checks_are_found_where_they_stand() {
    check_clauses("Check the \"Terms\" checkbox", &[(None, "Check the \"Terms\" checkbox")]);
    check_clauses("Check \"Terms\"", &[(None, "Check \"Terms\"")]);
    check_clauses("Check the total is $5", &[(Some("v1"), "Check the total is $5")]);
    check_clauses("Check \"Terms\" is visible", &[(Some("v1"), "Check \"Terms\" is visible")]);
    check_clauses(
        "Open home and verify the title is \"X\"",
        &[(None, "Open home"), (Some("v1"), "verify the title is \"X\"")],
    );
    check_clauses(
        "Open /a and check \"b\"; check that \"c\"; confirm that \"d\"; ensure \"e\"",
        &[
            (None, "Open /a"),
            (None, "check \"b\""),
            (Some("v1"), "check that \"c\""),
            (Some("v2"), "confirm that \"d\""),
            (Some("v3"), "ensure \"e\""),
        ],
    );
    for check in
        ["Then verify x", "The user verifies x", "And I assert x", "Now ensure 确认", "Confirm: y"]
    {
        check_clauses(check, &[(Some("v1"), check)]);
    }
    check_clauses("Verifying is fun", &[(None, "Verifying is fun")]);
}

#[test]
fn pass_criteria_are_checks_of_every_scenario() {
    let criteria =
        ["- \"A\" is visible\n\nthe title is \"B\"".to_owned(), "the url is /".to_owned()];
    let plan = Plan::parse("# Case 1\nVerify \"x\"\n# Case 2\ny", &criteria, &Variables::default())
        .unwrap();
    let ids = |scenario: &Scenario| -> Vec<String> {
        scenario.checks.iter().map(|check| check.id.clone()).collect()
    };
    assert_eq!(ids(&plan.scenarios[0]), ["v1", "p1", "p2", "p3"]);
    assert_eq!(ids(&plan.scenarios[1]), ["p1", "p2", "p3"]);
    assert_eq!(plan.scenarios[1].checks[0].text, "\"A\" is visible");
    let many = vec!["x".to_owned(); 21];
    assert_eq!(
        Plan::parse("x", &many, &Variables::default()).unwrap_err()[0].code,
        "plan_too_large"
    );
}

#[test]
fn a_problem_is_printed_with_line_text_and_nearest_form() {
    let plan = parse("# Case 1\n\n- Clik \"x\"").unwrap();
    let problems = direct::compile(&plan.scenarios[0]).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "line 3: unparsable: this sentence has no form that runs without a model: reword it, with \
         names in quotes\n    Clik \"x\"\n    nearest: A2: click/tap/press/push [on] T"
    );
}

#[test]
fn the_largest_plan_is_parsed_and_compiled_at_once() {
    let hostile = ["' \" ", "in a form ", "\\{{", "<!-", "{{", "click \"a\" and ", "# ", "**a "];
    let start = tokio::time::Instant::now();
    for text in hostile {
        if let Ok(plan) = parse(&text.repeat(250 * 1024 / text.len())) {
            drop(direct::compile(&plan.scenarios[0]));
        }
    }
    let line =
        "Click the \"Add to cart\" button in the \"Tea\" section and verify \"Added\" is visible\n";
    let plan = parse(&line.repeat(250 * 1024 / line.len())).unwrap();
    direct::compile(&plan.scenarios[0]).unwrap();
    // A second for each in an unoptimised build on a busy machine; quadratic time would take hours.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

/// What printing must keep: everything but the lines.
type Essence = (String, String, Vec<String>, Vec<(String, String)>);

fn essence(plan: &Plan) -> Vec<Essence> {
    let one = |scenario: &Scenario| {
        let clauses = scenario.clauses.iter().map(|clause| clause.text.clone()).collect();
        let checks = scenario.checks.iter().map(|one| (one.id.clone(), one.text.clone())).collect();
        (scenario.name.clone(), scenario.body.clone(), clauses, checks)
    };
    plan.scenarios.iter().map(one).collect()
}

proptest! {
    #[test]
    fn printing_a_plan_and_parsing_it_again_gives_the_same(
        text in r#"((#|##|\*\*|)(Case|Test|scenario) ?[0-9]{0,2}[:.]? ?[A-C"*#]{0,3}\n|Verify "a"\n|x and click "y"\n|```\n|<!--|-->|---\n|- |\n| |[a-z*]){0,30}"#
    ) {
        if let Ok(plan) = parse(&text) {
            let again = parse(&plan.to_string());
            prop_assert!(again.is_ok(), "{plan} gives {again:?}");
            prop_assert_eq!(essence(&plan), essence(&again.unwrap()));
        }
    }

    #[test]
    fn no_text_makes_the_pipeline_panic(
        text in r#"(Click |the |"a" |in |Verify |is |visible |and |; |\{\{A\}\}|\\|'|`|press |wait |for |5 s |\PC|\n){0,40}"#
    ) {
        if let Ok(plan) = Plan::parse(&text, std::slice::from_ref(&text), &Variables::default()) {
            for scenario in &plan.scenarios {
                if let Ok(steps) = direct::compile(scenario) {
                    for step in steps {
                        drop(Variables::default().fill(&step.deed));
                    }
                }
            }
        }
    }
}
