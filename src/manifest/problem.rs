//! What is wrong with an object, and where in it.

use std::fmt;

/// Where in an object, from its root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into the field of that name.
    Field(String),
    /// To the entry of a list, from 0.
    Item(usize),
}

impl Path {
    /// The object itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads `spec.variables[0].name`. A name that has a dot in it is taken for two, which happens in
    /// maps only; no rule points into one.
    pub fn read(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let mut pieces = part.split('[');
            steps.extend(
                pieces
                    .next()
                    .filter(|name| !name.is_empty())
                    .map(|name| Step::Field(name.to_owned())),
            );
            steps.extend(
                pieces.filter_map(|piece| piece.trim_end_matches(']').parse().ok()).map(Step::Item),
            );
        }
        Self(steps)
    }

    /// The field of that name below this place.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Field(name.to_owned()));
        Self(steps)
    }

    /// The entry below this place, from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Item(index));
        Self(steps)
    }

    /// From the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Item(index) => write!(formatter, "[{index}]")?,
                Step::Field(name) if name.contains(['.', '/']) => write!(formatter, "[{name}]")?,
                Step::Field(name) if at == 0 => formatter.write_str(name)?,
                Step::Field(name) => write!(formatter, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which field.
    pub path: Path,
    /// What is wrong with it and what to do, as a fragment that reads after the path and a colon.
    pub message: String,
    /// What kind of problem it is.
    pub kind: Kind,
}

/// See [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The field's name: there is no such field, or it stands there twice.
    Name,
    /// The field is missing, or its value cannot be what it should be at all. A server evaluates no
    /// rules then.
    Shape,
    /// The value is of the right kind, and refused.
    Value,
}

impl Problem {
    /// A value that is refused.
    pub fn value(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), kind: Kind::Value }
    }

    /// A value that cannot be what it should be.
    pub fn shape(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), kind: Kind::Shape }
    }

    /// A field that does not exist.
    pub fn name(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), kind: Kind::Name }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.steps().is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let path = Path::root().field("spec").field("variables").item(0).field("name");
        assert_eq!(path.to_string(), "spec.variables[0].name");
        assert_eq!(Path::read("spec.variables[0].name"), path);
        let label = Path::root().field("metadata").field("labels").field("app.kubernetes.io/name");
        assert_eq!(label.to_string(), "metadata.labels[app.kubernetes.io/name]");
        assert_eq!(Path::read(""), Path::root());
    }
}
