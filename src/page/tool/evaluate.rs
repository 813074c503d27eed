//! `evaluate`: a script of the caller's in the page's own world (agent.md 4.3).
//!
//! Whether it is an expression or statements the browser's own parser says: the text is put into a
//! function that is defined and not called. Nothing settles afterwards.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::dispatch::{Acted, Page, Unresolved};
use crate::page::{
    Text,
    cdp::{
        CdpError, Session,
        script::{Given, Script, Thrown},
    },
    tool::{Code, Failed, Subject},
    view::Element,
};

/// How long a script may run, promises included.
const LIMIT: Duration = Duration::from_secs(10);
/// When the browser ends one that never gives way: after we have said that it took too long, so that this
/// is said of every script in the same words.
const LOOP: Duration = Duration::from_millis(10_500);
/// Longest script, in characters.
const LONGEST: usize = 20_000;
/// Longest result, in bytes of JSON.
const LARGEST: usize = 16 << 10;
/// Resolving a description waits as long for several matches to become one.
const ATTEMPT: usize = 3;

/// Turns the value `this` into JSON in the page. What JSON cannot say is described.
const TO_JSON: &str = "function (most) {
    const above = [];
    const text = JSON.stringify(this, function (key, value) {
        while (above.length && above[above.length - 1] !== this) above.pop();
        if (typeof value === 'bigint') return `${value}n`;
        if (typeof value === 'function') return `[function ${value.name || ''}]`.replace(' ]', ']');
        if (typeof value === 'symbol') return String(value);
        if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
        if (value === null || typeof value !== 'object') return value;
        if (above.includes(value)) return '[circular]';
        above.push(value);
        if (value instanceof Node) return `[${value.nodeName.toLowerCase()}${value.id ? '#' + value.id : ''}]`;
        if (value instanceof Error) return `[${value.name}: ${value.message}]`;
        if (value instanceof Map) return Object.fromEntries(value);
        if (value instanceof Set) return [...value];
        if (value instanceof RegExp || value instanceof Promise || value === window) return `[${Object.prototype.toString.call(value).slice(8, -1)}]`;
        return value;
    });
    return { text: (text === undefined ? 'null' : text).slice(0, most), whole: (text || '').length <= most };
}";

#[derive(Debug, Deserialize)]
struct Json {
    text: String,
    whole: bool,
}

/// How a script is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It has a value; a function is called.
    Expression,
    /// The value is that of the last expression.
    Statements,
    /// The value is what it returns.
    Body,
}

impl Page {
    pub(super) async fn evaluate(
        &self,
        expression: &Text,
        on: Option<&Subject>,
    ) -> Result<Acted, Failed> {
        if expression.is_secret() {
            let message = "a secret may not be given to a script";
            return Err(Failed::new(Code::BlockedByPolicy, message).with(json!({"rule": "secret"})));
        }
        let source = expression.expose();
        if source.chars().count() > LONGEST {
            let message = format!("a script has at most {LONGEST} characters");
            return Err(Failed::new(Code::InvalidArgument, message));
        }
        let element = match on {
            Some(on) => match self.resolve(on, ATTEMPT).await? {
                Ok(element) => Some(element),
                Err(Unresolved::Later(failed) | Unresolved::Final(failed)) => return Err(failed),
            },
            None => None,
        };
        let start = Instant::now();
        let script = async {
            tokio::select! {
                outcome = self.run(source, element.as_ref()) => outcome,
                // Not every script is told to end with its page.
                lost = self.left(start) => Err(lost),
            }
        };
        match timeout(LIMIT, script).await {
            Ok(Ok(Ok(data))) => {
                let sentence = if data.get("truncated").is_some() {
                    "evaluated; the value was cut"
                } else {
                    "evaluated"
                };
                Ok(Acted { data, ..Acted::say(sentence) })
            }
            Ok(Ok(Err(thrown))) => Err(threw(thrown)),
            Ok(Err(error)) if error.page_moved() => {
                self.alive().await?;
                if let (Some(Subject::Ref { reference, .. }), CdpError::TargetLost { .. }) =
                    (on, &error)
                {
                    return Err(self.stale(reference).await);
                }
                let message = "the page was left before the script returned";
                Err(Failed::new(Code::EvaluateFailed, message).with(json!({"name": "Navigation"})))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => {
                let message = format!("the script did not return within {} s", LIMIT.as_secs());
                Err(Failed::new(Code::Timeout, message))
            }
        }
    }

    /// Resolves when the page is another one.
    async fn left(&self, start: Instant) -> CdpError {
        let until = start + LIMIT;
        match self.browser.until(until, move |state| state.arrived(start).map(drop)).await {
            Ok(Some(())) => CdpError::Refused {
                method: "Runtime.evaluate".into(),
                message: "Inspected target navigated or closed".to_owned(),
            },
            Ok(None) => std::future::pending().await,
            Err(error) => error,
        }
    }

    async fn run(
        &self,
        source: &str,
        element: Option<&Element>,
    ) -> Result<Result<Value, Thrown>, CdpError> {
        let session = match element {
            Some(element) => element.document.session.clone(),
            None => self
                .browser
                .with(|state| state.main_document().map(|document| document.session))
                .await?
                .ok_or_else(|| CdpError::TargetLost { method: "Runtime.evaluate".into() })?,
        };
        let object = match element {
            Some(element) => Some(page_object(&session, element).await?),
            None => None,
        };
        let defined = format!("void (async (element) => (\n{source}\n))");
        let reading = match session.run(&defined).await? {
            Ok(_) => Reading::Expression,
            Err(_) if object.is_some() => Reading::Body,
            Err(_) => Reading::Statements,
        };
        let mut outcome = execute(&session, source, object.as_deref(), reading).await?;
        if reading == Reading::Statements && outcome.as_ref().is_err_and(Thrown::is_illegal_return)
        {
            outcome = execute(&session, source, None, Reading::Body).await?;
        }
        if let Some(object) = object {
            session.release(&object);
        }
        Ok(match outcome {
            Ok(given) => Ok(told(&session, given).await?),
            Err(thrown) => Err(thrown),
        })
    }
}

async fn execute(
    session: &Session,
    source: &str,
    object: Option<&str>,
    reading: Reading,
) -> Result<Script, CdpError> {
    let body = match reading {
        Reading::Expression => {
            let call = if is_function(source) {
                "typeof value === 'function' ? value(element) : value"
            } else {
                "value"
            };
            // The script keeps its place: its first line is the second.
            format!("async (element) => {{ const value = (\n{source}\n); return {call}; }}")
        }
        Reading::Body => format!("async (element) => {{\n{source}\n}}"),
        Reading::Statements => return session.run_all(&format!("{{\n{source}\n}}"), LOOP).await,
    };
    match object {
        Some(object) => {
            let function = format!("async function (element) {{ return ({body})(element); }}");
            session.run_on(object, &function).await
        }
        None => session.run_for(&format!("({body})(null)"), LOOP).await,
    }
}

/// Whether an expression is written as a function. Only its value shows whether it is one.
fn is_function(source: &str) -> bool {
    let text = source.trim_start();
    let word = |text: &str| {
        text.chars().take_while(|char| char.is_alphanumeric() || "_$".contains(*char)).count()
    };
    let after = text.get(word(text)..).unwrap_or_default().trim_start();
    text.starts_with('(')
        || ["function", "async"].iter().any(|start| text.starts_with(start))
        || after.starts_with("=>")
}

/// An element of ours as an object of the page's world.
async fn page_object(session: &Session, element: &Element) -> Result<String, CdpError> {
    let (context, number) = (element.document.context, element.number);
    session.page_object(context, &format!("__hb.element({number})")).await
}

/// A value as the result has it.
async fn told(session: &Session, given: Given) -> Result<Value, CdpError> {
    let Given { value, unserializable, description, object, kind } = given;
    if let Some(object) = object {
        let argument = json!(LARGEST);
        let json = session.call_with(&object, TO_JSON, &argument).get::<Json>().await;
        session.release(&object);
        return Ok(match json {
            Ok(Json { text, whole: true }) if text.len() <= LARGEST => {
                let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                json!({"value": value})
            }
            Ok(Json { text, .. }) => cut(&text),
            // A getter that throws, say: then what the browser calls it.
            Err(CdpError::Script(_)) => json!({"value": description}),
            Err(error) => return Err(error),
        });
    }
    if let Some(text) = unserializable {
        return Ok(json!({"value": text}));
    }
    match value {
        Some(Value::String(text)) if text.len() > LARGEST => Ok(cut(&text)),
        Some(value) => Ok(json!({"value": value})),
        None => Ok(json!({"value": null, "type": kind})),
    }
}

fn cut(text: &str) -> Value {
    let short = text.get(..text.floor_char_boundary(LARGEST)).unwrap_or_default();
    json!({"value": short, "truncated": true})
}

fn threw(thrown: Thrown) -> Failed {
    let Thrown { name, message, line, column } = thrown;
    // The first line belongs to what we have put around the script.
    let line = line.max(1);
    let text = format!("{name}: {message} (line {line}, column {})", column + 1);
    Failed::new(Code::EvaluateFailed, text)
        .with(json!({"name": name, "message": message, "line": line, "column": column + 1}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_known_by_how_it_begins() {
        for text in
            ["() => 1", "x => x", " async x => x", "function () {}", "(a, b) => a", "$_1 => 2"]
        {
            assert!(is_function(text), "{text}");
        }
        for text in ["items.map(x => x)", "document.title", "1 + 1", "\"a => b\"", "", "a.b => 1"] {
            assert!(!is_function(text), "{text}");
        }
    }
}
