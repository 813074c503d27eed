//! From the arguments of `test` to a run that can be carried out here. They become the options of
//! `handback run`, read as that reads them: defaults, environment and refusals are the same.

use clap::{Args as _, FromArgMatches as _};
use serde_json::{Map, Value};

use super::{earlier, table};
use crate::{
    agent::{
        assignment::Refusal,
        tools::{Parameter, Tool, arguments},
    },
    cli::run::{
        args::Args,
        options::{Options, Surroundings, out_dir},
    },
    pod::contract::Exit,
};

/// A browser that a client did not ask to have closed is kept, since somebody may want to see why a
/// test failed (agent.md 14).
const KEEP_ALIVE: &str = "--keep-alive=900";

/// What a client wants.
#[derive(Debug)]
pub(super) struct Wish {
    /// The run.
    pub(super) options: Options,
    /// In the browser that the latest run has left.
    pub(super) reuse: bool,
}

/// The arguments of a call, checked.
///
/// # Errors
/// With everything that is wrong, `invalid_argument`.
pub(super) fn check(tool: &Tool, given: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    match arguments::check(tool, &Value::Object(given)) {
        Ok(checked) => Ok(checked.values),
        Err(wrong) => {
            let lines: Vec<_> = wrong
                .iter()
                .map(|one| match one.path.as_str() {
                    "" => one.expected.clone(),
                    _ => one.to_string(),
                })
                .collect();
            Err(invalid(lines.join("\n")))
        }
    }
}

/// An argument that makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    let message = message.into();
    Refusal { exit: Exit::Usage, code: "invalid_argument".to_owned(), message }
}

impl Wish {
    /// Whether it is to go on where a kept browser is: `session` is `reuse`, and there is no URL.
    pub(super) fn needs_page(given: &Map<String, Value>) -> bool {
        given.get("session").and_then(Value::as_str) == Some("reuse")
            && given.get("url").is_none_or(Value::is_null)
    }

    /// What `given` means here. `page` is the URL of the kept browser's page, if it begins there.
    ///
    /// # Errors
    /// Nothing was attempted, and why.
    pub(super) fn read(
        given: Map<String, Value>,
        page: Option<String>,
        here: &Surroundings,
    ) -> Result<Self, Refusal> {
        let mut given = check(&table::TEST, given)?;
        let as_it_is = page.is_some();
        if let Some(page) = page {
            given.insert("url".to_owned(), Value::String(page));
        }
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let mut args = parse(typed(&given)?)?;
        if let Some(id) = text("run_id") {
            args.plan = Some(earlier::plan(&out_dir(args.out.as_deref(), here)?, id)?);
            args.plan_file = None;
        }
        let mut options = Options::read(args, here).map_err(worded)?;
        options.assignment.manner.as_it_is = as_it_is;
        if let Some(name) = text("name") {
            name.clone_into(&mut options.assignment.name);
        }
        if let Some(tags) = given.get("tags") {
            options.assignment.in_effect.insert("tags".to_owned(), tags.clone());
        }
        Ok(Self { options, reuse: text("session") == Some("reuse") })
    }
}

/// As they would be typed after `handback run`. What is text stands behind a `=`, so that it cannot be
/// taken for another option.
fn typed(given: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let mut typed = vec!["run".to_owned()];
    let mut plain_keep = true;
    for (name, value) in given {
        let option = option(name);
        match (name.as_str(), value) {
            // These are no options, or read apart.
            ("name" | "tags" | "session" | "run_id", _) => {}
            ("variables", Value::Object(pairs)) => {
                let pairs = pairs.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                typed.extend(pairs.map(|(name, value)| format!("--var={name}={value}")));
            }
            ("secrets", Value::Object(pairs)) => {
                for (name, source) in pairs {
                    typed.push(secret(name, source.as_str().unwrap_or_default())?);
                }
            }
            ("video" | "auto_open", Value::Bool(on)) => {
                let no = if *on { "" } else { "no-" };
                typed.push(format!("--{no}{}", option.trim_start_matches("--")));
            }
            ("keep_alive", seconds) => {
                plain_keep = false;
                typed.push(match seconds.as_u64() {
                    Some(0) | None => "--no-keep-alive".to_owned(),
                    Some(seconds) => format!("{option}={seconds}"),
                });
            }
            ("isolated", Value::String(word)) if word == "off" => {}
            (_, Value::Bool(true)) => typed.push(option),
            (_, Value::Bool(false) | Value::Null) => {}
            (_, Value::Array(items)) => {
                let items = items.iter().filter_map(Value::as_str);
                typed.extend(items.map(|item| format!("{option}={item}")));
            }
            (_, Value::String(text)) => typed.push(format!("{option}={text}")),
            (_, other @ (Value::Number(_) | Value::Object(_))) => {
                typed.push(format!("{option}={other}"));
            }
        }
    }
    if plain_keep {
        typed.push(KEEP_ALIVE.to_owned());
    }
    Ok(typed)
}

/// A secret by the name of a variable. Whoever may call tools could otherwise have any file read, or
/// have our own credentials typed into a page.
fn secret(name: &str, source: &str) -> Result<String, Refusal> {
    let variable = source.strip_prefix("env:").filter(|variable| {
        let mut letters = variable.chars();
        let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        first && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let Some(variable) = variable else {
        return Err(invalid(format!(
            "secrets.{name}: write env:VARIABLE, the name of a variable of the server's environment; the secret itself does not belong into a call"
        )));
    };
    if variable.starts_with("HANDBACK_")
        || matches!(variable, "ANTHROPIC_API_KEY" | "OPENAI_API_KEY")
    {
        return Err(invalid(format!(
            "secrets.{name}: {variable} is a credential of handback itself and is given to no page"
        )));
    }
    Ok(format!("--secret={name}={source}"))
}

fn parse(typed: Vec<String>) -> Result<Args, Refusal> {
    let command = Args::augment_args(clap::Command::new("test").no_binary_name(false));
    let read = || {
        let matches = command.disable_help_flag(true).try_get_matches_from(typed)?;
        let mut args = Args::from_arg_matches(&matches)?;
        args.settle(&matches);
        Ok::<_, clap::Error>(args)
    };
    read().map_err(|error| {
        let text = error.to_string();
        let text = text.lines().next().unwrap_or_default();
        worded(invalid(text.strip_prefix("error: ").unwrap_or(text)))
    })
}

/// `pass_criteria` is `--pass-criteria`.
fn option(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// A refusal of `handback run` in the words of this server: parameters, not options. What is said of a
/// plan quotes it, and stays as it is.
fn worded(mut refusal: Refusal) -> Refusal {
    if !matches!(refusal.code.as_str(), "usage" | "invalid_argument") {
        return refusal;
    }
    let mut names: Vec<_> = table::TEST.takes.iter().map(|one: &Parameter| one.name).collect();
    // The longest first: `--plan` begins `--plan-file`, which stays as it is.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        let option = option(name);
        let mut text = String::new();
        let mut rest = refusal.message.as_str();
        while let Some((before, after)) = rest.split_once(option.as_str()) {
            let whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            text.push_str(before);
            text.push_str(if whole { name } else { &option });
            rest = after;
        }
        text.push_str(rest);
        refusal.message = text;
    }
    refusal
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAN: &str = "Verify \"x\" is visible";

    fn here() -> Surroundings {
        Surroundings {
            terminal: false,
            ci: false,
            desktop: false,
            state: Some("/nowhere/state".into()),
            runtime: None,
            user: "ada".to_owned(),
        }
    }

    fn read(given: Value) -> Result<Wish, Refusal> {
        let Value::Object(given) = given else { panic!("an object") };
        Wish::read(given, None, &here())
    }

    #[track_caller]
    fn refused(given: Value, code: &str, part: &str) {
        let refusal = read(given).expect_err("refused");
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.message.contains(part), "{part:?} is not in {:?}", refusal.message);
    }

    #[test]
    fn what_is_left_out_is_as_in_run_but_the_browser_is_kept_and_no_player_opened() {
        let wish = read(json!({"url": "http://127.0.0.1:9", "plan": PLAN})).unwrap();
        assert!(!wish.reuse && !wish.options.auto_open);
        assert_eq!(wish.options.keep.map(|keep| keep.as_secs()), Some(900));
        let effect = &wish.options.assignment.in_effect;
        for (name, value) in [
            ("driver", json!("auto")),
            ("timeout", json!(1800)),
            ("viewport", json!("1600x900")),
            ("video", json!("auto")),
            ("isolated", json!("off")),
        ] {
            assert_eq!(effect[name], value, "{name}");
        }
    }

    #[test]
    fn everything_that_is_said_arrives() {
        let wish = read(json!({
            "url": "http://127.0.0.1:9", "plan": "Verify \"{{WHO}}\" is visible",
            "pass_criteria": ["\"a\" is visible", "--url=http://evil.example"],
            "variables": {"WHO": "--url=x\nb"}, "driver": "auto", "timeout": 9,
            "stop_on_first_failure": true, "viewport": "mobile", "isolated": "run", "video": false,
            "keep_alive": 0, "auto_open": true, "session": "reuse", "name": "Checkout",
            "tags": ["a", "b"],
        }));
        // A criterion that is no sentence is refused as one; it has not become an option.
        let refusal = wish.expect_err("refused");
        assert!(refusal.message.contains("--url=http://evil.example"), "{refusal:?}");
        let wish = read(json!({
            "url": "http://127.0.0.1:9", "plan": "Verify \"{{WHO}}\" is visible",
            "pass_criteria": ["\"a\" is visible"], "variables": {"WHO": "--url=x\nb"},
            "timeout": 9, "stop_on_first_failure": true, "viewport": "mobile", "isolated": "run",
            "video": false, "keep_alive": 0, "auto_open": true, "session": "reuse",
            "name": "Checkout", "tags": ["a", "b"],
        }))
        .unwrap();
        assert!(wish.reuse && wish.options.auto_open && wish.options.keep.is_none());
        let assignment = &wish.options.assignment;
        assert_eq!((assignment.name.as_str(), assignment.criteria.len()), ("Checkout", 1));
        assert_eq!(assignment.url.as_str(), "http://127.0.0.1:9/");
        assert_eq!(assignment.variables.plain().collect::<Vec<_>>(), [("WHO", "--url=x\nb")]);
        for (name, value) in [
            ("timeout", json!(9)),
            ("stop_on_first_failure", json!(true)),
            ("viewport", json!("mobile")),
            ("isolated", json!("run")),
            ("video", json!("off")),
            ("keep_alive", json!(null)),
            ("tags", json!(["a", "b"])),
        ] {
            assert_eq!(assignment.in_effect[name], value, "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_the_words_of_the_call() {
        let url = "http://127.0.0.1:9";
        refused(json!({"url": url}), "invalid_argument", "exactly one of plan and run_id");
        refused(
            json!({"url": url, "plan": PLAN, "x": 1}),
            "invalid_argument",
            "x: there is no such",
        );
        refused(json!({"plan": PLAN}), "usage", "There is no url");
        refused(json!({"url": "ftp://x", "plan": PLAN}), "usage", "url has the scheme");
        refused(json!({"url": url, "plan": "Log in as admin"}), "unparsable", "line 1");
        refused(json!({"url": url, "plan": " "}), "plan_empty", "");
        refused(json!({"url": url, "plan": PLAN, "viewport": "tablet"}), "usage", "viewport \"tab");
        refused(json!({"url": url, "run_id": "01kunknown"}), "unknown_run", "01kunknown");
        refused(json!({"url": url, "run_id": "../x"}), "unknown_run", "../x");
        refused(json!({"url": url, "plan": PLAN, "driver": "model"}), "model_missing", "model");
    }

    #[test]
    fn a_secret_is_named_and_never_said() {
        let with = |source: &str| json!({"url": "http://127.0.0.1:9", "plan": PLAN, "secrets": {"PW": source}});
        refused(with("hunter2hunter2"), "invalid_argument", "secrets.PW: write env:VARIABLE");
        refused(with("file:/etc/shadow"), "invalid_argument", "secrets.PW: write env:VARIABLE");
        refused(with("env:PATH,origin=https://evil.example"), "invalid_argument", "secrets.PW");
        refused(with("env:OPENAI_API_KEY"), "invalid_argument", "given to no page");
        refused(with("env:NO_SUCH_VARIABLE_HERE"), "usage", "NO_SUCH_VARIABLE_HERE");
        assert!(read(with("env:PATH")).is_ok());
        let refusal = read(with("hunter2hunter2")).expect_err("refused");
        assert!(!refusal.message.contains("hunter2"), "{refusal:?}");
    }
}
