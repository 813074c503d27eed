//! Putting values into a step.

use super::{
    Variables,
    placeholders::{Part, parts},
};
use crate::{
    agent::{
        deed::{Asserted, Deed, Sourced},
        http::Request,
        plan::Problem,
    },
    page::{
        Text,
        predicate::{Counted, Op, Predicate},
        target::{Region, Target},
        tool::{Call, Subject, TabChoice},
    },
    secret::Secret,
};

/// Whether a secret may stand here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Allowed,
    Blocked,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Literal,
    /// In a regular expression, where the value's characters mean themselves.
    Pattern,
}

impl Variables {
    /// The step with values for placeholders. Secrets become texts that only the browser gets to
    /// see.
    ///
    /// # Errors
    /// `blocked_by_policy`: a secret where none may stand. `mail_unavailable`: a value that comes with
    /// mail and has not come. `unknown_variable`: a URL that its values leave empty.
    pub fn fill(&self, deed: &Deed) -> Result<Deed, Problem> {
        Ok(match deed {
            Deed::Act(call) => Deed::Act(Box::new(self.call(call)?)),
            Deed::Assert(asserted) => {
                let Asserted { check, description, claim, predicates } = &**asserted;
                let filled = |one: &Sourced| {
                    let predicate = self.predicate(&one.predicate)?;
                    Ok(Sourced { source: one.source, predicate })
                };
                Deed::Assert(Box::new(Asserted {
                    check: check.clone(),
                    description: description.clone(),
                    claim: claim.clone(),
                    predicates: predicates.iter().map(filled).collect::<Result<_, _>>()?,
                }))
            }
            Deed::Http(request) => Deed::Http(Box::new(self.request(request)?)),
            // Nothing of these gets to a page.
            Deed::Look(_) | Deed::Mail(_) | Deed::Suggest(_) | Deed::Complete(_) => deed.clone(),
        })
    }

    /// A request of the runner's own with values for placeholders, as [`Self::fill`].
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub fn request(&self, request: &Request) -> Result<Request, Problem> {
        let Request { method, url, headers, body } = request;
        let header = |(name, value): &(String, Text)| Ok((name.clone(), self.secret(value)?));
        Ok(Request {
            method: *method,
            url: self.secret(url)?,
            headers: headers.iter().map(header).collect::<Result<_, _>>()?,
            body: body.as_ref().map(|body| self.secret(body)).transpose()?,
        })
    }

    fn call(&self, call: &Call) -> Result<Call, Problem> {
        Ok(match call {
            // `Go to the home page`.
            Call::Navigate { url } if url.shown().is_empty() => {
                Call::Navigate { url: Text::plain(self.run_url.clone().unwrap_or_default()) }
            }
            Call::Navigate { url } => {
                let filled = self.secret(url)?;
                if filled.expose().is_empty() {
                    return Err(problem("unknown_variable", url, "this URL is empty".to_owned()));
                }
                Call::Navigate { url: filled }
            }
            Call::Click { on, button, count, modifiers } => Call::Click {
                on: self.subject(on)?,
                button: *button,
                count: *count,
                modifiers: modifiers.clone(),
            },
            Call::Hover { on } => Call::Hover { on: self.subject(on)? },
            Call::Drag { from, to } => {
                Call::Drag { from: self.subject(from)?, to: self.subject(to)? }
            }
            Call::SetChecked { on, checked } => {
                Call::SetChecked { on: self.subject(on)?, checked: *checked }
            }
            Call::Expand { on, expanded } => {
                Call::Expand { on: self.subject(on)?, expanded: *expanded }
            }
            Call::TypeText { into, text, mode, submit } => Call::TypeText {
                into: self.maybe(into.as_ref())?,
                text: self.secret(text)?,
                mode: *mode,
                submit: *submit,
            },
            Call::PasteCode { into, code } => {
                Call::PasteCode { into: self.maybe(into.as_ref())?, code: self.secret(code)? }
            }
            Call::Evaluate { expression, on } => {
                Call::Evaluate { expression: self.open(expression)?, on: self.maybe(on.as_ref())? }
            }
            Call::SelectOption { from, values } => Call::SelectOption {
                from: self.subject(from)?,
                values: values.iter().map(|value| self.open(value)).collect::<Result<_, _>>()?,
            },
            Call::UploadFile { to, files } => Call::UploadFile {
                to: self.maybe(to.as_ref())?,
                files: files.iter().map(|file| self.open(file)).collect::<Result<_, _>>()?,
            },
            Call::HandleDialog { accept, text } => Call::HandleDialog {
                accept: *accept,
                text: text.as_ref().map(|text| self.open(text)).transpose()?,
            },
            Call::SwitchTab { to: Some(TabChoice::Called(text)), close } => {
                Call::SwitchTab { to: Some(TabChoice::Called(self.open(text)?)), close: *close }
            }
            Call::PressKey { key, repeat, on } => {
                Call::PressKey { key: key.clone(), repeat: *repeat, on: self.maybe(on.as_ref())? }
            }
            Call::Scroll { within, by } => {
                Call::Scroll { within: self.maybe(within.as_ref())?, by: *by }
            }
            Call::ScrollTo { to } => Call::ScrollTo { to: self.subject(to)? },
            Call::ScrollUntil { down, text } => {
                Call::ScrollUntil { down: *down, text: self.open(text)? }
            }
            Call::WaitForText { text, gone, timeout } => {
                Call::WaitForText { text: self.open(text)?, gone: *gone, timeout: *timeout }
            }
            Call::WaitUntil { predicate } => {
                Call::WaitUntil { predicate: self.predicate(predicate)? }
            }
            Call::SwitchTab { .. }
            | Call::Reload
            | Call::GoBack
            | Call::Sleep { .. }
            | Call::WaitForStable { .. }
            | Call::Screenshot { .. } => call.clone(),
        })
    }

    fn predicate(&self, predicate: &Predicate) -> Result<Predicate, Problem> {
        Ok(match predicate {
            Predicate::TextVisible { text, within, exact } => Predicate::TextVisible {
                text: self.secret(text)?,
                within: self.within(within)?,
                exact: *exact,
            },
            Predicate::TextAbsent { text, within } => {
                Predicate::TextAbsent { text: self.secret(text)?, within: self.within(within)? }
            }
            Predicate::Url { part, op, value } => {
                Predicate::Url { part: *part, op: *op, value: self.compared(*op, value)? }
            }
            Predicate::Dialog { op, value } => {
                Predicate::Dialog { op: *op, value: self.compared(*op, value)? }
            }
            Predicate::HttpStatus { method, url, status } => {
                Predicate::HttpStatus { method: *method, url: self.secret(url)?, status: *status }
            }
            Predicate::Title { op, value } => {
                Predicate::Title { op: *op, value: self.compared(*op, value)? }
            }
            Predicate::ElementState { target, state, negate } => Predicate::ElementState {
                target: self.target(target)?,
                state: *state,
                negate: *negate,
            },
            Predicate::Value { target, op, value } => Predicate::Value {
                target: self.target(target)?,
                op: *op,
                value: self.compared(*op, value)?,
            },
            Predicate::Count { what, within, cmp, n } => Predicate::Count {
                what: match what {
                    Counted::Elements { role, name } => Counted::Elements {
                        role: *role,
                        name: name.as_ref().map(|name| self.open(name)).transpose()?,
                    },
                    Counted::Text(text) => Counted::Text(self.secret(text)?),
                },
                within: self.within(within)?,
                cmp: *cmp,
                n: *n,
            },
            Predicate::Options { target, values, exact } => Predicate::Options {
                target: self.target(target)?,
                values: values.iter().map(|value| self.secret(value)).collect::<Result<_, _>>()?,
                exact: *exact,
            },
        })
    }

    fn maybe(&self, subject: Option<&Subject>) -> Result<Option<Subject>, Problem> {
        subject.map(|subject| self.subject(subject)).transpose()
    }

    fn subject(&self, subject: &Subject) -> Result<Subject, Problem> {
        Ok(match subject {
            Subject::Ref { .. } => subject.clone(),
            Subject::Described { target, among } => {
                Subject::Described { target: self.target(target)?, among: *among }
            }
        })
    }

    fn target(&self, target: &Target) -> Result<Target, Problem> {
        let open = |text: Option<&Text>| text.map(|text| self.open(text)).transpose();
        Ok(Target {
            reference: target.reference.clone(),
            ordinal: target.ordinal,
            role: target.role,
            name: open(target.name.as_ref())?,
            within: self.within(&target.within)?,
            near: open(target.near.as_ref())?,
        })
    }

    fn within(&self, regions: &[Region]) -> Result<Vec<Region>, Problem> {
        let one = |region: &Region| {
            Ok(match region {
                Region::Named { role, name } => {
                    Region::Named { role: *role, name: self.open(name)? }
                }
                Region::The(role) => Region::The(*role),
            })
        };
        regions.iter().map(one).collect()
    }

    fn compared(&self, op: Op, text: &Text) -> Result<Text, Problem> {
        let writing = if op == Op::Matches { Writing::Pattern } else { Writing::Literal };
        self.text(text, Secrets::Allowed, writing)
    }

    fn secret(&self, text: &Text) -> Result<Text, Problem> {
        self.text(text, Secrets::Allowed, Writing::Literal)
    }

    fn open(&self, text: &Text) -> Result<Text, Problem> {
        self.text(text, Secrets::Blocked, Writing::Literal)
    }

    fn text(&self, text: &Text, secrets: Secrets, writing: Writing) -> Result<Text, Problem> {
        let written = |value: &str| match writing {
            Writing::Literal => value.to_owned(),
            Writing::Pattern => regex::escape(value),
        };
        let (mut shown, mut meant) = (String::new(), String::new());
        // A text with two secrets may go only where both may.
        let mut origins: Option<Vec<String>> = None;
        for part in parts(text.shown()) {
            let name = match part {
                Part::Text(as_it_is) => {
                    shown.push_str(as_it_is);
                    meant.push_str(as_it_is);
                    continue;
                }
                Part::Name(name) => name,
            };
            if let Some(value) = self.plain.get(name) {
                shown.push_str(&written(value));
                meant.push_str(&written(value));
            } else if let Some(held) = self.secrets.get(name) {
                if secrets == Secrets::Blocked {
                    let message = format!(
                        "the secret {{{{{name}}}}} may not stand here: only in what is typed, in a URL \
                         to open and in what a check compares"
                    );
                    return Err(problem("blocked_by_policy", text, message));
                }
                shown.extend(["{{", name, "}}"]);
                meant.push_str(&written(held.value.expose()));
                let mut own = self.origins.clone();
                own.extend(held.origins.iter().cloned());
                if let Some(before) = origins {
                    own.retain(|origin| before.contains(origin));
                }
                origins = Some(own);
            } else {
                return Err(without_value(name, text));
            }
        }
        Ok(match origins {
            Some(origins) => Text::secret(shown, Secret::new(meant), origins),
            None => Text::plain(shown),
        })
    }
}

/// A name that gets its value from a step which has not been carried out, or came to nothing.
fn without_value(name: &str, text: &Text) -> Problem {
    let (code, before) = match name {
        super::ADDRESS => ("mail_unavailable", ": `create a temporary email` has to come before"),
        super::CODE => ("mail_unavailable", ": no mail with a code has come"),
        super::LINK => ("mail_unavailable", ": no mail with a link has come"),
        _ => ("unknown_variable", ""),
    };
    problem(code, text, format!("{{{{{name}}}}} has no value yet{before}"))
}

fn problem(code: &'static str, text: &Text, message: String) -> Problem {
    Problem { code, line: None, text: text.shown().to_owned(), message, nearest: None }
}
