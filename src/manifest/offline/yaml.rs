//! YAML with the place of every value, as `kubectl` reads it: `yes` is true, `0600` is octal.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};
use serde_saphyr::{Location, Spanned, options::DuplicateKeyPolicy};

use super::super::problem::{Kind, Path, Problem, Step};

/// Whole numbers up to here have one float each.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A place in a text, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which line.
    pub line: usize,
    /// Which character of it.
    pub column: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its first character.
    pub place: Place,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// Text, number, true, false or null.
    Scalar(Value),
    List(Vec<Node>),
    /// In the order of the text, repeated names included.
    Fields(Vec<(String, Place, Node)>),
}

/// A text that is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it stops making sense, if that can be told.
    pub place: Option<Place>,
    /// Why.
    pub message: String,
}

/// The documents of a text; empty ones are left out.
///
/// # Errors
/// The first thing that is no YAML: what follows it could mean anything.
pub fn read(text: &str) -> Result<Vec<Node>, Unreadable> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Unreadable {
        place: error.location().map(place),
        message: error.without_snippet().to_string(),
    })
}

fn place(location: Location) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Place { line: number(location.line()), column: number(location.column()) }
}

impl Node {
    /// The value without places. Of a name that stands there twice the last one counts.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Content::Fields(fields) => {
                let fields = fields.iter().map(|(name, _, node)| (name.clone(), node.value()));
                Value::Object(Map::from_iter(fields))
            }
        }
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, _, node)| node)
    }

    /// The field as a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.field(name)?.content {
            Content::Scalar(Value::String(text)) => Some(text),
            Content::Scalar(_) | Content::List(_) | Content::Fields(_) => None,
        }
    }

    /// The entries of a list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            Content::Scalar(_) | Content::Fields(_) => &[],
        }
    }

    /// Names that stand in one object twice, all of them.
    pub fn repeated(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.repeated_below(&Path::root(), &mut problems);
        problems
    }

    fn repeated_below(&self, path: &Path, problems: &mut Vec<Problem>) {
        match &self.content {
            Content::Scalar(_) => {}
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.repeated_below(&path.item(index), problems);
                }
            }
            Content::Fields(fields) => {
                for (at, (name, _, node)) in fields.iter().enumerate() {
                    let path = path.field(name);
                    if let Some((_, first, _)) =
                        fields.iter().take(at).find(|(other, ..)| other == name)
                    {
                        let message = format!("stands there already, in line {}", first.line);
                        problems.push(Problem::name(path.clone(), message));
                    }
                    node.repeated_below(&path, problems);
                }
            }
        }
    }

    /// Where a problem is: at the name for one of the name, else at the value; where something is
    /// missing, at what it is missing from.
    pub fn locate(&self, problem: &Problem) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in problem.path.steps() {
            let found = match step {
                Step::Field(name) => node.entry(name).map(|(_, key, node)| (*key, node)),
                Step::Item(index) => node.items().get(*index).map(|node| (node.place, node)),
            };
            let Some((key, below)) = found else { return place };
            let of_name = problem.kind == Kind::Name || matches!(below.content, Content::Fields(_));
            place = if of_name { key } else { below.place };
            node = below;
        }
        place
    }

    fn entry(&self, name: &str) -> Option<&(String, Place, Self)> {
        match &self.content {
            Content::Fields(fields) => fields.iter().rev().find(|(other, ..)| other == name),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> de::Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(json!(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(json!(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(json!(value)))
    }

    /// On its way to a server 5.0 becomes 5.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        #[expect(clippy::cast_possible_truncation, reason = "the number is whole and exact")]
        let number = if value.fract() == 0.0 && value.abs() <= EXACT {
            json!(value as i64)
        } else {
            json!(value)
        };
        Ok(Content::Scalar(number))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(json!(value)))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = access.next_key::<Spanned<String>>()? {
            let key = place(name.referenced);
            fields.push((name.value, key, access.next_value()?));
        }
        Ok(Content::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let text = "# first\nspec:\n  url: http://a\n  list:\n    - name: x\n---\nkind: Other\n";
        let nodes = read(text).unwrap();
        assert_eq!(nodes.len(), 2);
        let at = |path: &str, kind| {
            let problem = Problem { path: Path::read(path), message: String::new(), kind };
            let Place { line, column } = nodes[0].locate(&problem);
            (line, column)
        };
        assert_eq!(at("spec.url", Kind::Value), (3, 8));
        assert_eq!(at("spec.url", Kind::Name), (3, 3));
        assert_eq!(at("spec.list[0].name", Kind::Value), (5, 13));
        assert_eq!(at("spec.missing", Kind::Shape), (2, 1));
        assert_eq!(nodes[1].text("kind"), Some("Other"));
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        let nodes = read("a: yes\nb: 0600\nc: 5.0\nd: '5'\ne: ~\nf: 1.5\ng: 1_000\n").unwrap();
        let expected =
            json!({"a": true, "b": 384, "c": 5, "d": "5", "e": null, "f": 1.5, "g": 1000});
        assert_eq!(nodes[0].value(), expected);
    }

    #[test]
    fn every_name_that_stands_there_twice_is_found() {
        let nodes = read("a: 1\nb: {c: 1, c: 2}\na: 3\n").unwrap();
        let found: Vec<String> = nodes[0].repeated().iter().map(ToString::to_string).collect();
        let expected =
            ["b.c: stands there already, in line 2", "a: stands there already, in line 1"];
        assert_eq!(found, expected);
        assert_eq!(nodes[0].value(), json!({"a": 3, "b": {"c": 2}}));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let error = read("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.place.is_some_and(|place| place.line >= 2), "{error:?}");
    }
}
