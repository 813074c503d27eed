//! What goes where a placeholder stands, and what may not (agent.md 2.3).

use std::iter;

use super::*;
use crate::{
    agent::{
        deed::Deed,
        plan::{Problem, Step, direct},
    },
    page::{
        Text,
        predicate::Predicate,
        tool::{Call, TypeMode},
    },
};

const ORIGIN: &str = "https://app.example";

fn variables(plain: &[(&str, &str)], secrets: &[(&str, &str, &[&str])]) -> Variables {
    let plain =
        plain.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let secret = |(name, value, origins): &(&str, &str, &[&str])| SecretVariable {
        name: (*name).to_owned(),
        value: Secret::new((*value).to_owned()),
        origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
    };
    Variables::new(plain, secrets.iter().map(secret).collect()).unwrap()
}

fn known() -> Variables {
    variables(
        &[("NAME", "Zoë \"$&\" {{PW}} \\1"), ("EMPTY", ""), ("RE", "a.b*")],
        &[("PW", "hunter2", &["https://idp.example"]), ("KEY", "k3y!", &[])],
    )
}

/// Parses one line, fills its only step.
#[expect(clippy::unwrap_in_result, reason = "the lines of the tests are plans")]
fn filled(line: &str) -> Result<Deed, Problem> {
    let variables = known();
    let plan = Plan::parse(&format!("{line}\nVerify \"x\""), &[], &variables).unwrap();
    let steps: Vec<Step> = direct::compile(&plan.scenarios[0]).unwrap();
    let url = Url::parse("https://app.example/start").unwrap();
    variables.released_to(&url, &plan).fill(&steps[0].deed)
}

fn typed(line: &str) -> Text {
    let Deed::Act(call) = filled(line).unwrap() else { panic!("{line} is a check") };
    let Call::TypeText { text, .. } = *call else { panic!("{line} types nothing") };
    text
}

fn compared(line: &str) -> Text {
    let Deed::Assert(asserted) = filled(line).unwrap() else { panic!("{line}") };
    let mut predicates: Vec<_> = asserted.predicates.into_iter().map(|one| one.predicate).collect();
    let Some(Predicate::Title { value, .. }) = predicates.pop() else { panic!("{line}") };
    value
}

// agent.md 17.34
#[test]
fn a_value_is_put_in_literally_and_never_read_again() {
    let text = typed("Type \"<{{NAME}}>\" into \"a\"");
    assert_eq!(text.expose(), "<Zoë \"$&\" {{PW}} \\1>");
    assert!(!text.is_secret());
}

#[test]
fn a_backslash_makes_a_placeholder_text() {
    for (written, meant) in [
        (r"\{{NAME}}", "{{NAME}}"),
        (r"\\{{EMPTY}}", "\\"),
        (r"\\\{{EMPTY}}", r"\{{EMPTY}}"),
        (r"\{{NO}}{{ NAME }}{{1}}{{", r"{{NO}}{{ NAME }}{{1}}{{"),
        (r"a\b", r"a\b"),
    ] {
        for quote in ['"', '\''] {
            let text = typed(&format!("Type {quote}{written}{quote} into \"a\""));
            assert_eq!(text.expose(), meant, "{quote}{written}{quote}");
        }
    }
}

#[test]
fn a_secret_is_shown_by_its_name_and_goes_only_to_its_origins() {
    let text = typed("Type \"x{{PW}}\" into \"a\"");
    assert_eq!((text.shown(), text.expose()), ("x{{PW}}", "xhunter2"));
    assert!(text.allowed_at(ORIGIN) && text.allowed_at("https://idp.example"));
    assert!(!text.allowed_at("http://app.example") && !text.allowed_at("https://evil.example"));
    // With two secrets only where both may go.
    let both = typed("Type \"{{PW}}{{KEY}}\" into \"a\"");
    assert!(both.allowed_at(ORIGIN) && !both.allowed_at("https://idp.example"));
    assert!(!format!("{both:?}").contains("hunter2"));
}

#[test]
fn hosts_that_the_plan_names_may_receive_secrets_by_https() {
    let variables = known();
    let plan =
        Plan::parse("Open https://sso.example:8443/x\nMail bob@mail.example", &[], &variables);
    let url = Url::parse("http://localhost:3000/").unwrap();
    let released = variables.released_to(&url, &plan.unwrap());
    assert_eq!(released.origins, ["http://localhost:3000", "https://sso.example:8443"]);
}

#[test]
fn secrets_stand_only_where_they_may() {
    for line in [
        "Type \"{{PW}}\" into \"a\"",
        "Open \"/login?token={{PW}}\"",
        "Verify the \"a\" field is \"{{PW}}\"",
        "Verify the title is \"{{PW}}\"",
        "Verify \"{{PW}}\" is visible",
        "Verify the url contains \"{{PW}}\"",
    ] {
        assert!(filled(line).is_ok(), "{line}");
    }
    for line in [
        "Click \"{{PW}}\"",
        "Click \"a\" in \"{{PW}}\"",
        "Type \"a\" into \"{{PW}}\"",
        "Select \"{{PW}}\" in \"a\"",
        "Wait for \"{{PW}}\"",
        "Scroll down until \"{{PW}}\" is visible",
        "Verify \"a\" is visible in \"{{PW}}\"",
        "Verify the \"{{PW}}\" button is enabled",
    ] {
        assert_eq!(filled(line).unwrap_err().code, "blocked_by_policy", "{line}");
        assert!(filled(&line.replace("{{PW}}", "{{NAME}}")).is_ok(), "{line}");
    }
}

// agent.md 17.34
#[test]
fn in_a_pattern_the_characters_of_a_value_mean_themselves() {
    assert_eq!(compared("Verify the title matches \"^{{RE}}$\"").expose(), r"^a\.b\*$");
    assert_eq!(compared("Verify the title is \"{{RE}}\"").expose(), "a.b*");
}

#[test]
fn what_has_no_value_is_told() {
    for name in ["temp_email", "code", "mail_link"] {
        let line = format!("Type \"{{{{{name}}}}}\" into \"a\"");
        assert_eq!(filled(&line).unwrap_err().code, "mail_unavailable", "{name}");
    }
    assert_eq!(filled("Go to {{EMPTY}}").unwrap_err().code, "unknown_variable");
}

#[test]
fn the_home_page_is_the_run_url() {
    let home = Call::Navigate { url: Text::plain("https://app.example/start") };
    for line in ["Go to the home page", "Open the start page"] {
        assert_eq!(filled(line).unwrap(), Deed::Act(Box::new(home.clone())));
    }
}

#[test]
fn what_came_by_mail_has_the_latest_value_and_stays_a_secret() {
    let mut variables = known();
    let plan = Plan::parse(
        "Type \"{{temp_email}} {{code}}\"\nOpen the link in the email",
        &[],
        &variables,
    );
    let plan = plan.unwrap();
    variables = variables.released_to(&Url::parse("https://app.example/").unwrap(), &plan);
    let steps = |line: &str| {
        let plan = Plan::parse(&format!("{line}\nVerify \"x\""), &[], &known()).unwrap();
        direct::compile(&plan.scenarios[0]).unwrap().swap_remove(0).deed
    };
    variables.set_address("hb1@shop.test".to_owned());
    variables.set_code(Secret::new("111111".to_owned()));
    variables.set_code(Secret::new("222222".to_owned()));
    variables.set_link(Secret::new("https://mail.example/v?t=1".to_owned()));
    let typed = variables.fill(&steps("Type \"{{temp_email}} {{code}}\" into \"a\"")).unwrap();
    let Deed::Act(call) = typed else { panic!() };
    let Call::TypeText { text, .. } = *call else { panic!() };
    assert_eq!((text.shown(), text.expose()), ("hb1@shop.test {{code}}", "hb1@shop.test 222222"));
    assert!(text.allowed_at(ORIGIN) && !text.allowed_at("https://mail.example"));
    // Wherever the link leads it may go, and the code may not go with it.
    let Deed::Act(call) = variables.fill(&steps("Open the link in the email")).unwrap() else {
        panic!()
    };
    let Call::Navigate { url } = *call else { panic!() };
    assert_eq!((url.shown(), url.expose()), ("{{mail_link}}", "https://mail.example/v?t=1"));
    assert!(url.allowed_at("https://mail.example") && !url.allowed_at("https://evil.example"));
}

#[test]
fn variables_that_cannot_be_used_are_refused_together() {
    let plain = [("1A", "x"), ("A B", "x"), ("code", "x"), ("A", "x"), ("A", "y")];
    let plain = plain.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let secret = |name: &str, value: &str, origin: Option<&str>| SecretVariable {
        name: name.to_owned(),
        value: Secret::new(value.to_owned()),
        origins: origin.into_iter().map(str::to_owned).collect(),
    };
    let secrets = vec![
        secret("A", "long enough", None),
        secret("B", "abc", None),
        secret("C", "long enough", Some("app.example")),
        secret("D", "long enough", Some("https://app.example/path")),
    ];
    let errors = Variables::new(plain, secrets).unwrap_err();
    let named = |name: &str| name.to_owned();
    assert_eq!(
        errors,
        [
            VariableError::Name { name: named("1A") },
            VariableError::Name { name: named("A B") },
            VariableError::Reserved { name: named("code") },
            VariableError::Repeated { name: named("A") },
            VariableError::Repeated { name: named("A") },
            VariableError::Short { name: named("B") },
            VariableError::Origin { name: named("C"), origin: named("app.example") },
            VariableError::Origin { name: named("D"), origin: named("https://app.example/path") },
        ]
    );
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_name() {
    let problems = Plan::parse("Type \"{{NAMES}} {{xyz}}\"", &[], &known()).unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "there is no variable NAMES: did you mean {{NAME}}?",
            "there is no variable xyz: give it with --var xyz=… or --secret xyz=…"
        ]
    );
}

// agent.md 17.34
#[test]
fn a_value_can_make_no_structure() {
    let value = "# Case 2: B\n\"; click \"c";
    let variables = variables(&[("V", value)], &[]);
    let plan =
        Plan::parse("# Case 1: A\nType \"{{V}}\" and verify \"x\"", &[], &variables).unwrap();
    assert_eq!(plan.scenarios.len(), 1);
    let steps = direct::compile(&plan.scenarios[0]).unwrap();
    let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(texts, ["Type \"{{V}}\"", "verify \"x\""]);
    let expected = Call::TypeText {
        into: None,
        text: Text::plain(value),
        mode: TypeMode::Fill,
        submit: false,
    };
    assert_eq!(variables.fill(&steps[0].deed).unwrap(), Deed::Act(Box::new(expected)));
}

#[test]
fn secrets_are_registered_with_their_placeholder() {
    let registered = known().registered();
    let found: Vec<_> = iter::zip(&registered, ["{{KEY}}", "{{PW}}"]).collect();
    assert_eq!(registered.len(), 2);
    for (one, placeholder) in found {
        assert_eq!(one.placeholder.as_deref(), Some(placeholder));
    }
}
