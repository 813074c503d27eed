//! A value that never prints itself (ground, pure).

use std::fmt;

/// Wraps a value so that neither `Debug` nor a derive can leak it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }
}

impl Secret<String> {
    /// The value itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2".to_owned()))), "Some(***)");
    }
}
