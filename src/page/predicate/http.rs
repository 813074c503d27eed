//! Methods and statuses of HTTP, as plans and models name them (pure).

use std::fmt;

/// A method that a plan or a model may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads the head alone.
    Head,
    /// Does something.
    Post,
    /// Puts something in its place.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
    /// Asks what can be asked.
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// As it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The method of this name, however it is capitalised.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether asking twice is the same as asking once: only those may be tried again.
    pub fn only_reads(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options => true,
            Self::Post | Self::Put | Self::Patch | Self::Delete => false,
        }
    }
}

/// Which statuses are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// This one.
    One(u16),
    /// All that begin with this digit, as `2xx`.
    Class(u16),
}

impl Statuses {
    /// `200` or `2xx`, from 100 to 599.
    pub fn read(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let low = text.to_ascii_lowercase();
        let (text, class) = match low.strip_suffix("xx") {
            Some(class) => (class, true),
            None => (low.as_str(), false),
        };
        let number: u16 = text.parse().ok().filter(|_| digits(text))?;
        match (class, text.len()) {
            (true, 1) if (1..=5).contains(&number) => Some(Self::Class(number)),
            (false, 3) if (100..=599).contains(&number) => Some(Self::One(number)),
            _ => None,
        }
    }

    /// Whether this status is one of them.
    pub fn holds(self, status: u16) -> bool {
        match self {
            Self::One(one) => status == one,
            Self::Class(digit) => status / 100 == digit,
        }
    }

    /// Whether they are those of redirects, so that following one would miss what is asked about.
    pub fn are_redirects(self) -> bool {
        match self {
            Self::One(one) => one / 100 == 3,
            Self::Class(digit) => digit == 3,
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => one.fmt(formatter),
            Self::Class(digit) => write!(formatter, "{digit}xx"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_three_digits_or_one_and_xx() {
        for (text, read) in [
            ("200", Some(Statuses::One(200))),
            ("2xx", Some(Statuses::Class(2))),
            ("5XX", Some(Statuses::Class(5))),
            ("20", None),
            ("2000", None),
            ("6xx", None),
            ("099", None),
            ("20x", None),
            ("+20", None),
            ("xx", None),
            ("OK", None),
        ] {
            assert_eq!(Statuses::read(text), read, "{text}");
        }
        assert!(Statuses::Class(2).holds(204) && !Statuses::Class(2).holds(301));
        assert!(Statuses::One(201).holds(201) && !Statuses::One(201).holds(200));
    }

    #[test]
    fn methods_are_known_by_name_and_only_some_may_be_repeated() {
        assert_eq!(Method::named("patch"), Some(Method::Patch));
        assert_eq!(Method::named("TRACE"), None);
        let repeated: Vec<_> = Method::ALL.into_iter().filter(|one| one.only_reads()).collect();
        assert_eq!(repeated, [Method::Get, Method::Head, Method::Options]);
    }
}
