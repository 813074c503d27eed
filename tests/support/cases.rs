//! The cases of `tests/support/manifests`: what an API server takes and refuses of our kinds. They run
//! offline against our own reading of the definitions, and unchanged against a real server.
//!
//! A case starts from the file's `base`. `set` and `unset` change it before it is created. With
//! `update` and `remove` it is created so and then updated: the case is about the update. With
//! `status` it is created and given that status; with `then` it is given that one afterwards (null: no
//! status), and the case is about the last step. `says` is a piece of the refusal; without it the step
//! is accepted. A path that is set may be new. A value `{repeat: a, times: 3}` is the text `aaa`.
//!
//! A row of `bounds` is a few cases: both ends of the range are accepted, what lies beyond is refused
//! and so is a value of another type. `with` is set and `without` unset before. `begins` is the
//! text's beginning, `short` a text to take instead of the shortest one. `semantic: false`: what the
//! server accepts there makes no sense to the operator.

use handback::manifest::offline::yaml;
use serde_json::{Map, Value, json};

/// One step that a server accepts or refuses.
#[derive(Clone, Debug)]
pub struct Case {
    /// A sentence or so, unique in its file.
    pub name: String,
    /// The object as it is created.
    pub object: Value,
    /// What happens to it then.
    pub step: Step,
    /// A piece of the refusal; none: accepted.
    pub says: Option<String>,
    /// The operator can carry out what the server accepts here.
    pub semantic: bool,
}

/// See [`Case`].
#[derive(Clone, Debug)]
pub enum Step {
    /// The creation itself is what the case is about.
    Create,
    /// It is replaced by this one.
    Update(Value),
    /// Its status is written, and then perhaps another one in its place.
    Status {
        /// The object with the first status.
        first: Value,
        /// The object with the second one.
        second: Option<Value>,
    },
}

/// The cases about one kind.
#[derive(Debug)]
pub struct Cases {
    /// `TestRun`, `Handoff`.
    pub kind: String,
    /// In the order of the file.
    pub cases: Vec<Case>,
}

/// All files.
pub fn all() -> Vec<Cases> {
    [include_str!("manifests/test_run.yaml"), include_str!("manifests/handoff.yaml")]
        .into_iter()
        .map(read)
        .collect()
}

fn read(text: &str) -> Cases {
    let file = yaml::read(text).expect("the cases are YAML").remove(0).value();
    let base = &file["base"];
    let mut cases: Vec<Case> = list(&file["cases"]).map(|row| case(base, row)).collect();
    cases.extend(list(&file["bounds"]).flat_map(|row| bounds(base, row)));
    Cases { kind: base["kind"].as_str().expect("a kind").to_owned(), cases }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn case(base: &Value, row: &Value) -> Case {
    let known = ["name", "set", "unset", "update", "remove", "status", "then", "says"];
    only(row, &known);
    let name = row["name"].as_str().expect("a name").to_owned();
    let object = changed(base, &row["set"], &row["unset"]);
    let step = if row.get("update").is_some() || row.get("remove").is_some() {
        Step::Update(changed(&object, &row["update"], &row["remove"]))
    } else if let Some(status) = row.get("status") {
        let with = |status: &Value| {
            let mut object = object.clone();
            object["status"] = status.clone();
            object
        };
        let second = row.get("then").map(|then| match then {
            Value::Null => object.clone(),
            status => with(status),
        });
        Step::Status { first: with(status), second }
    } else {
        Step::Create
    };
    let says = row.get("says").map(|says| says.as_str().expect("a text").to_owned());
    Case { name, object, step, says, semantic: true }
}

fn bounds(base: &Value, row: &Value) -> Vec<Case> {
    let known = [
        "field", "with", "without", "numbers", "text", "begins", "short", "one_of", "items",
        "item", "entries", "entry", "semantic",
    ];
    only(row, &known);
    let field = row["field"].as_str().expect("a field");
    let object = changed(base, &row["with"], &row["without"]);
    let make = |what: &str, value: Value, fits: bool| {
        let mut object = object.clone();
        put(&mut object, field, value);
        let step = if field.starts_with("status.") {
            Step::Status { first: object.clone(), second: None }
        } else {
            Step::Create
        };
        let says = (!fits).then(|| field.to_owned());
        let semantic = row.get("semantic").is_none_or(|semantic| *semantic == json!(true));
        let object = match step {
            Step::Status { .. } => base.clone(),
            Step::Create | Step::Update(_) => object,
        };
        Case { name: format!("{field}: {what}"), object, step, says, semantic }
    };
    let mut cases = vec![make("a value of another type", json!([{"no": "such"}]), false)];
    if let Some(range) = row.get("numbers") {
        let least = range[0].as_i64().expect("a number");
        cases.push(make("the least", json!(least), true));
        cases.push(make("below the least", json!(least - 1), false));
        if let Some(most) = range.get(1).and_then(Value::as_i64) {
            cases.push(make("the most", json!(most), true));
            cases.push(make("above the most", json!(most + 1), false));
        }
    }
    if let Some(range) = row.get("text") {
        let [least, most] = [0, 1].map(|at| count(&range[at]));
        let begins = row.get("begins").and_then(Value::as_str).unwrap_or_default();
        let text = |count: usize| {
            json!(begins.chars().chain(std::iter::repeat('a')).take(count).collect::<String>())
        };
        let shortest = if begins.is_empty() { text(least) } else { text(begins.len() + 1) };
        cases.push(make("the shortest", row.get("short").cloned().unwrap_or(shortest), true));
        cases.push(make("the longest", text(most), true));
        cases.push(make("one more", text(most + 1), false));
        if least > 0 {
            cases.push(make("one less", text(least - 1), false));
        }
    }
    for choice in row.get("one_of").into_iter().flat_map(list) {
        cases.push(make(choice.as_str().expect("a text"), choice.clone(), true));
    }
    if row.get("one_of").is_some() {
        cases.push(make("no choice", json!("Nonsense"), false));
    }
    if let Some(most) = row.get("items").map(count) {
        let items =
            |count: usize| Value::Array((0..count).map(|n| numbered(&row["item"], n)).collect());
        cases.push(make("none", items(0), true));
        cases.push(make("the most", items(most), true));
        cases.push(make("one more", items(most + 1), false));
    }
    if let Some(most) = row.get("entries").map(count) {
        let entries = |count: usize| {
            Value::Object((0..count).map(|n| (format!("k{n}"), row["entry"].clone())).collect())
        };
        cases.push(make("the most", entries(most), true));
        cases.push(make("one more", entries(most + 1), false));
    }
    assert!(cases.len() > 1, "{field}: a row without a bound");
    cases
}

fn count(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a count")).expect("a small one")
}

/// A typo in a case would test nothing.
fn only(row: &Value, known: &[&str]) {
    for name in row.as_object().expect("a row").keys() {
        assert!(known.contains(&name.as_str()), "no such word: {name} in {row}");
    }
}

/// With `{n}` in all its texts replaced.
fn numbered(value: &Value, n: usize) -> Value {
    match value {
        Value::String(text) => json!(text.replace("{n}", &n.to_string())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), numbered(value, n)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn changed(object: &Value, set: &Value, unset: &Value) -> Value {
    let mut object = object.clone();
    for path in unset.as_array().into_iter().flatten() {
        let path = path.as_str().expect("a path");
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let parent = at(&mut object, parent);
        assert!(
            parent.as_object_mut().is_some_and(|fields| fields.shift_remove(name).is_some()),
            "{path} is not there"
        );
    }
    for (path, value) in set.as_object().into_iter().flatten() {
        put(&mut object, path, expanded(value));
    }
    object
}

/// `{repeat: a, times: 3}` as `aaa`, anywhere in it.
fn expanded(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("repeat"), fields.get("times")) {
            (Some(Value::String(text)), Some(times)) => json!(text.repeat(count(times))),
            _ => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), expanded(value)));
                Value::Object(fields.collect())
            }
        },
        Value::Array(items) => Value::Array(items.iter().map(expanded).collect()),
        other => other.clone(),
    }
}

fn put(object: &mut Value, path: &str, value: Value) {
    *at(object, path) = value;
}

/// The place at `a.b[0].c`; objects on the way are made.
fn at<'v>(object: &'v mut Value, path: &str) -> &'v mut Value {
    let mut place = object;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('[');
        let name = pieces.next().expect("a name");
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name];
        for index in pieces {
            let index: usize = index.trim_end_matches(']').parse().expect("a number");
            place = &mut place[index];
        }
    }
    place
}
