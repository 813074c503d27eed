//! What a model sent, checked against the table before anything is executed.

use serde_json::{Map, Value};
use strsim::damerau_levenshtein;

use super::{Beyond, Kind, PREDICATES, Parameter, Tool};

/// Arguments that are as the table has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// By name, defaults filled in and caps applied. A predicate is an object of its own.
    pub values: Map<String, Value>,
    /// Which caps were applied, in a sentence each.
    pub notes: Vec<String>,
}

/// Something that is not as the table has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {expected}")]
pub struct Invalid {
    /// Where: `headers.Accept`, `values[3]`, empty for the object itself.
    pub path: String,
    /// What was expected, and what was found.
    pub expected: String,
}

/// Checks `given` against what `tool` takes.
///
/// # Errors
/// With everything that is wrong.
pub fn check(tool: &Tool, given: &Value) -> Result<Arguments, Vec<Invalid>> {
    let mut reader = Reader { notes: Vec::new(), wrong: Vec::new() };
    let values = reader.object("", tool.takes, tool.one_of, given);
    let Reader { notes, wrong } = reader;
    if wrong.is_empty() { Ok(Arguments { values, notes }) } else { Err(wrong) }
}

struct Reader {
    notes: Vec<String>,
    wrong: Vec<Invalid>,
}

impl Reader {
    fn refuse(&mut self, path: &str, expected: impl Into<String>) {
        self.wrong.push(Invalid { path: path.to_owned(), expected: expected.into() });
    }

    fn object(
        &mut self,
        path: &str,
        fields: &[Parameter],
        one_of: &[&[&str]],
        given: &Value,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        let Some(given) = given.as_object() else {
            self.refuse(path, format!("an object is expected, not {}", called(given)));
            return values;
        };
        for name in given.keys().filter(|name| fields.iter().all(|one| one.name != **name)) {
            let known: Vec<_> = fields.iter().map(|one| one.name).collect();
            let near = known.iter().find(|one| damerau_levenshtein(one, name) <= 2);
            let rest = match near {
                Some(near) => format!("did you mean {near}?"),
                None if known.is_empty() => "there are none".to_owned(),
                None => format!("there are {}", known.join(", ")),
            };
            self.refuse(&below(path, name), format!("there is no such parameter; {rest}"));
        }
        for field in fields {
            let at = below(path, field.name);
            // Some models write null for what they leave out.
            match given.get(field.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    if let Some(value) = self.value(&at, &field.kind, value) {
                        values.insert(field.name.to_owned(), value);
                    }
                }
                None if field.required => self.refuse(&at, "it is required"),
                None => {
                    if let Some(usual) = usual(&field.kind) {
                        values.insert(field.name.to_owned(), usual);
                    }
                }
            }
        }
        for group in one_of {
            let count = group.iter().filter(|name| values.contains_key(**name)).count();
            let spoilt = group.iter().any(|name| given.contains_key(*name)) && count == 0;
            if count != 1 && !spoilt {
                self.refuse(path, format!("exactly one of {} is required", group.join(" and ")));
            }
        }
        values
    }

    fn value(&mut self, path: &str, kind: &Kind, given: &Value) -> Option<Value> {
        match kind {
            Kind::Text { least, most } => self.text(path, *least, *most, given).map(Value::String),
            Kind::Texts { least, most, each } => {
                let Some(items) = given.as_array() else {
                    self.refuse(
                        path,
                        format!("a list of texts is expected, not {}", called(given)),
                    );
                    return None;
                };
                if !(*least..=*most).contains(&items.len()) {
                    self.refuse(
                        path,
                        format!("{least} to {most} texts are expected, not {}", items.len()),
                    );
                    return None;
                }
                let texts = items.iter().enumerate();
                let texts = texts.map(|(index, item)| {
                    self.text(&format!("{path}[{index}]"), 0, *each, item).map(Value::String)
                });
                texts.collect::<Option<Vec<_>>>().map(Value::Array)
            }
            Kind::Flag | Kind::Claim => {
                if !given.is_boolean() {
                    self.refuse(path, format!("true or false is expected, not {}", called(given)));
                    return None;
                }
                Some(given.clone())
            }
            Kind::Whole { least, most, usual: _, beyond } => {
                self.whole(path, (*least, *most), *beyond, given)
            }
            Kind::Choice { of, usual: _ } => self.one(path, of, given),
            Kind::Choices { of } => {
                let Some(items) = given.as_array() else {
                    self.refuse(path, format!("a list is expected, not {}", called(given)));
                    return None;
                };
                let words = items.iter().enumerate();
                let words =
                    words.map(|(index, item)| self.one(&format!("{path}[{index}]"), of, item));
                let mut words = words.collect::<Option<Vec<_>>>()?;
                let mut seen = Vec::new();
                words.retain(|word| {
                    let new = !seen.contains(word);
                    seen.push(word.clone());
                    new
                });
                Some(Value::Array(words))
            }
            Kind::Reference => {
                let reference = given.as_str().filter(|text| is_ref(text));
                if reference.is_none() {
                    self.refuse(
                        path,
                        format!(
                            "a ref of the tree is expected, as e12 or f1e3, not {}",
                            shown(given)
                        ),
                    );
                }
                reference.map(|text| Value::String(text.to_owned()))
            }
            Kind::Pairs { most } => {
                let Some(pairs) = given.as_object() else {
                    self.refuse(path, format!("an object is expected, not {}", called(given)));
                    return None;
                };
                if pairs.len() > *most {
                    self.refuse(path, format!("at most {most} names are taken"));
                    return None;
                }
                for (name, value) in pairs.iter().filter(|(_, value)| !value.is_string()) {
                    self.refuse(
                        &below(path, name),
                        format!("text is expected, not {}", called(value)),
                    );
                }
                Some(given.clone())
            }
            Kind::Predicate => self.predicate(path, given),
        }
    }

    fn text(&mut self, path: &str, least: usize, most: usize, given: &Value) -> Option<String> {
        let Some(text) = given.as_str() else {
            self.refuse(path, format!("text is expected, not {}", called(given)));
            return None;
        };
        let length = text.chars().count();
        if length < least {
            self.refuse(path, "it may not be empty");
            return None;
        }
        if length > most {
            self.refuse(
                path,
                format!("at most {most} characters are taken, and these are {length}"),
            );
            return None;
        }
        Some(text.to_owned())
    }

    fn whole(
        &mut self,
        path: &str,
        (least, most): (i64, i64),
        beyond: Beyond,
        given: &Value,
    ) -> Option<Value> {
        // 3.0 is an integer to JSON Schema, and some models write it so.
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and a cast saturates")]
        let number = given
            .as_i64()
            .or_else(|| given.as_f64().filter(|one| one.fract() == 0.0).map(|one| one as i64));
        let Some(number) = number else {
            self.refuse(path, format!("a whole number is expected, not {}", called(given)));
            return None;
        };
        if number > most && beyond == Beyond::Clamped {
            self.notes.push(format!("{path} is {most}, the most that is allowed, not {number}"));
            return Some(most.into());
        }
        if !(least..=most).contains(&number) {
            self.refuse(path, format!("a number from {least} to {most} is expected, not {number}"));
            return None;
        }
        Some(number.into())
    }

    fn one(&mut self, path: &str, of: &[&str], given: &Value) -> Option<Value> {
        let word = given.as_str().filter(|word| of.contains(word));
        if word.is_none() {
            self.refuse(
                path,
                format!("one of {} is expected, not {}", of.join(", "), shown(given)),
            );
        }
        word.map(|word| Value::String(word.to_owned()))
    }

    fn predicate(&mut self, path: &str, given: &Value) -> Option<Value> {
        let kinds: Vec<_> = PREDICATES.iter().map(|shape| shape.kind).collect();
        let at = below(path, "kind");
        let kind = self.one(&at, &kinds, given.get("kind").unwrap_or(&Value::Null))?;
        let shape = PREDICATES.iter().find(|shape| kind == shape.kind)?;
        let mut rest = given.clone();
        if let Some(rest) = rest.as_object_mut() {
            rest.shift_remove("kind");
        }
        let mut values = self.object(path, shape.fields, shape.one_of, &rest);
        values.shift_insert(0, "kind".to_owned(), kind);
        Some(Value::Object(values))
    }
}

fn usual(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Flag => Some(false.into()),
        Kind::Whole { usual, .. } => usual.map(Value::from),
        Kind::Choice { usual, .. } => usual.map(Value::from),
        Kind::Text { .. }
        | Kind::Texts { .. }
        | Kind::Claim
        | Kind::Choices { .. }
        | Kind::Reference
        | Kind::Pairs { .. }
        | Kind::Predicate => None,
    }
}

/// `e12` or `f1e3`.
fn is_ref(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
    let rest = text.strip_prefix('f').map_or(Some(text), |rest| {
        let end = rest.find('e')?;
        let (frame, rest) = rest.split_at_checked(end)?;
        number(frame).then_some(rest)
    });
    rest.and_then(|rest| rest.strip_prefix('e')).is_some_and(number)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A value by its type: what it says may be a secret.
fn called(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A short word as it was written, anything else by its type.
fn shown(value: &Value) -> String {
    let word = value.as_str().filter(|text| text.chars().count() <= 40);
    word.map_or_else(|| called(value).to_owned(), |word| format!("{word:?}"))
}

#[cfg(test)]
mod tests;
