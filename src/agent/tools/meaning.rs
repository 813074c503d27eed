//! From checked arguments to a deed (pure). What the table cannot say, such as what is a key or a
//! regular expression, is refused here, before anything is executed.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    Tool,
    arguments::{Arguments, Invalid},
};
use crate::{
    agent::{
        deed::{Asserted, Claim, Completion, Deed, Look, Mail, Source, Sourced, Suggestion},
        http::Request,
        plan::direct,
    },
    page::{
        Text,
        heard::Level,
        keys,
        predicate::{Method, Predicate},
        target::{Among, Target},
        tool::{Button, Call, Modifier, ScrollBy, Subject, TabChoice, TypeMode, Wanted},
    },
};

mod predicates;

/// What `wait_for_stable` takes for 0.
const STABLE: (u64, u64) = (2, 30);
/// `wait`: without text at most so long, in milliseconds; and if nothing is said.
const SLEEP_CAP: u64 = 10_000;
const SLEEP: u64 = 1_000;

/// What a model wants done.
#[derive(Clone, Debug, PartialEq)]
pub struct Meant {
    /// What it is.
    pub deed: Deed,
    /// How long an element may take until it can be used, if that was said.
    pub within: Option<Duration>,
    /// Which caps were applied, in a sentence each.
    pub notes: Vec<String>,
}

/// A check of the scenario, as far as `assert` needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// `v1`, `p1`.
    pub id: String,
    /// As written.
    pub text: String,
}

/// What `arguments` of `tool` mean in a scenario with these checks.
///
/// # Errors
/// With what is wrong and where.
pub fn meaning(tool: &Tool, arguments: Arguments, checks: &[Known]) -> Result<Meant, Vec<Invalid>> {
    let Arguments { values, mut notes } = arguments;
    let given = Given(&values);
    let within = given.whole("timeout_ms").map(Duration::from_millis);
    let deed = match tool.name {
        "snapshot" => Ok(Deed::Look(Look::Tree(Wanted {
            reference: given.string("ref"),
            find: given.string("find"),
            max_tokens: given.whole("max_tokens").and_then(|most| u32::try_from(most).ok()),
        }))),
        "console_messages" => Ok(Deed::Look(Look::Console {
            level: Level::parse(given.str("level")).unwrap_or_default(),
            limit: given.size("limit"),
        })),
        "network_requests" => Ok(Deed::Look(Look::Requests {
            filter: given.string("filter"),
            failed_only: given.flag("failed_only"),
            limit: given.size("limit"),
        })),
        "http_request" => Ok(Deed::Http(Box::new(Request {
            method: Method::named(given.str("method")).unwrap_or_default(),
            url: given.text("url"),
            headers: given.pairs("headers").map(|(k, v)| (k.to_owned(), v.into())).collect(),
            body: given.has("body").then(|| given.text("body")),
        }))),
        "create_temp_email" => Ok(Deed::Mail(Mail::CreateAddress)),
        "wait_for_verification_code" => Ok(Deed::Mail(Mail::WaitForCode {
            timeout: Duration::from_secs(given.whole("timeout_seconds").unwrap_or(60)),
            from: given.string("from"),
            subject: given.string("subject"),
        })),
        "check_email_inbox" => Ok(Deed::Mail(Mail::Newest { limit: given.size("limit") })),
        "assert" => asserted(&given, checks).map(|one| Deed::Assert(Box::new(one))),
        "complete_scenario" => Ok(Deed::Complete(Completion {
            summary: given.string("summary").unwrap_or_default(),
            passed: given.flag("passed"),
        })),
        "suggest_improvement" => Ok(Deed::Suggest(Box::new(Suggestion {
            title: given.string("title").unwrap_or_default(),
            severity: given.string("severity").unwrap_or_default(),
            description: given.string("description").unwrap_or_default(),
            suggestion: given.string("suggestion").unwrap_or_default(),
            reference: given.string("ref"),
        }))),
        name => call(name, &given, &mut notes).map(|call| Deed::Act(Box::new(call))),
    };
    deed.map(|deed| Meant { deed, within, notes }).map_err(|wrong| vec![wrong])
}

/// A call on the page.
fn call(name: &str, given: &Given<'_>, notes: &mut Vec<String>) -> Result<Call, Invalid> {
    Ok(match name {
        "navigate" if given.flag("reload") => Call::Reload,
        "navigate" => Call::Navigate { url: given.text("url") },
        "click" => Call::Click {
            on: given.subject("element", "ref", Among::Clickable),
            button: match given.str("button") {
                "middle" => Button::Middle,
                "right" => Button::Right,
                _ => Button::Left,
            },
            count: if given.whole("count") == Some(2) { 2 } else { 1 },
            modifiers: given.strings("modifiers").filter_map(modifier).collect(),
        },
        "type_text" => Call::TypeText {
            into: Some(given.subject("element", "ref", Among::TextFields)),
            text: given.text("text"),
            mode: match given.str("mode") {
                "append" => TypeMode::Append,
                "keys" => TypeMode::Keys,
                _ => TypeMode::Fill,
            },
            submit: given.flag("submit"),
        },
        "select_option" => Call::SelectOption {
            from: given.subject("element", "ref", Among::Choosers),
            values: match given.0.get("value") {
                Some(_) => vec![given.text("value")],
                None => given.strings("values").map(Text::from).collect(),
            },
        },
        "scroll" => scroll(given)?,
        "press_key" => {
            let key = given.str("key");
            let key = keys::canonical(key).ok_or_else(|| wrong("key", format!(
                "there is no key {key:?}: name one as Enter, ArrowDown, F5, a character, or a chord as Control+A"
            )))?;
            let repeat = given.whole("repeat").and_then(|times| u32::try_from(times).ok());
            Call::PressKey {
                key,
                repeat: repeat.unwrap_or(1),
                on: given.string("ref").map(Subject::of),
            }
        }
        "wait" => wait(given, notes),
        "screenshot" => Call::Screenshot { full_page: given.flag("full_page") },
        "evaluate" => Call::Evaluate {
            expression: given.text("expression"),
            on: given.string("ref").map(Subject::of),
        },
        "wait_for_stable" => {
            let or = |name, usual| match given.whole(name) {
                Some(0) | None => Duration::from_secs(usual),
                Some(seconds) => Duration::from_secs(seconds),
            };
            Call::WaitForStable {
                stable: or("stable_seconds", STABLE.0),
                timeout: or("timeout_seconds", STABLE.1),
            }
        }
        "go_back" => Call::GoBack,
        "hover" => Call::Hover { on: given.subject("element", "ref", Among::Clickable) },
        "drag" => Call::Drag {
            from: given.subject("from_element", "from_ref", Among::Clickable),
            to: given.subject("to_element", "to_ref", Among::Anything),
        },
        "upload_file" => Call::UploadFile {
            to: Some(given.subject("element", "ref", Among::FileInputs)),
            files: given.strings("files").map(Text::from).collect(),
        },
        "handle_dialog" => Call::HandleDialog {
            accept: given.flag("accept"),
            text: given.string("text").map(Text::plain),
        },
        "switch_tab" => Call::SwitchTab {
            to: given.string("tab").map(|tab| TabChoice::parse(&tab)),
            close: given.flag("close"),
        },
        "paste_code" => Call::PasteCode {
            into: (given.has("element") || given.has("ref"))
                .then(|| given.subject("element", "ref", Among::TextFields)),
            code: given.text("code"),
        },
        other => return Err(wrong("", format!("{other} cannot be carried out"))),
    })
}

fn scroll(given: &Given<'_>) -> Result<Call, Invalid> {
    let within = given.string("ref").map(Subject::of);
    if given.flag("into_view") {
        return match within {
            Some(to) => Ok(Call::ScrollTo { to }),
            None => Err(wrong("into_view", "it needs ref: say what is to come into view".into())),
        };
    }
    let pixels = |name| given.number(name).and_then(|far| i32::try_from(far).ok()).unwrap_or(0);
    Ok(Call::Scroll { within, by: ScrollBy::Pixels { x: pixels("x"), y: pixels("y") } })
}

fn wait(given: &Given<'_>, notes: &mut Vec<String>) -> Call {
    let ms = given.whole("ms");
    if given.has("text") {
        return Call::WaitForText {
            text: given.text("text"),
            gone: given.flag("gone"),
            timeout: ms.map(Duration::from_millis),
        };
    }
    let ms = ms.unwrap_or(SLEEP);
    if ms > SLEEP_CAP {
        notes.push(format!("ms: {SLEEP_CAP} is the most without text, and was taken"));
    }
    Call::Sleep { time: Duration::from_millis(ms.min(SLEEP_CAP)) }
}

fn asserted(given: &Given<'_>, checks: &[Known]) -> Result<Asserted, Invalid> {
    let check = given.string("check");
    let known = match &check {
        None => None,
        Some(id) => Some(checks.iter().find(|one| one.id == *id).ok_or_else(|| {
            let ids: Vec<_> = checks.iter().map(|one| one.id.as_str()).collect();
            let rest = if ids.is_empty() { "there are none".to_owned() } else { ids.join(", ") };
            wrong("check", format!("there is no check {id:?}; there are: {rest}"))
        })?),
    };
    // The check's own words, where they are a form of the grammar, are looked up whatever is sent.
    let own = known.and_then(|one| direct::predicates(&one.text));
    let sourced = |source| move |predicate: Predicate| Sourced { source, predicate };
    let mut all: Vec<_> = own.into_iter().flatten().map(sourced(Source::Check)).collect();
    if let Some(Value::Object(fields)) = given.0.get("predicate") {
        all.push(sourced(Source::Model)(predicates::read(fields)?));
    }
    Ok(Asserted {
        check,
        description: given.string("description").unwrap_or_default(),
        claim: Some(Claim {
            passed: given.flag("passed"),
            evidence: given.string("evidence").unwrap_or_default(),
        }),
        predicates: all,
    })
}

fn modifier(name: &str) -> Option<Modifier> {
    let all = [Modifier::Alt, Modifier::Control, Modifier::Meta, Modifier::Shift];
    all.into_iter().find(|one| one.name() == name)
}

fn wrong(path: &str, expected: String) -> Invalid {
    Invalid { path: path.to_owned(), expected }
}

/// Checked values by name.
struct Given<'a>(&'a Map<String, Value>);

impl<'a> Given<'a> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn str(&self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn string(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(Value::as_str).map(str::to_owned)
    }

    fn text(&self, name: &str) -> Text {
        Text::from(self.str(name))
    }

    fn strings(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let items = self.0.get(name).and_then(Value::as_array).map(Vec::as_slice);
        items.unwrap_or_default().iter().filter_map(Value::as_str)
    }

    fn pairs(&self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let fields = self.0.get(name).and_then(Value::as_object).into_iter().flatten();
        fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn whole(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// How many; one, if nothing is said.
    fn size(&self, name: &str) -> usize {
        self.whole(name).and_then(|size| usize::try_from(size).ok()).unwrap_or(1)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// With a ref the ref decides, and the description is what it is called.
    fn subject(&self, element: &str, by_ref: &str, among: Among) -> Subject {
        let described = self.str(element);
        match self.string(by_ref) {
            Some(reference) => Subject::Ref { reference, label: described.to_owned() },
            None => Subject::Described { target: Target::describe(described), among },
        }
    }
}
