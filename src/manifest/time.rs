//! A moment as objects of the API store it.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A wall-clock time in UTC, to the millisecond: RFC 3339 in text, `2026-11-21T16:40:00.123Z`.
///
/// Kubernetes' own type drops what is below a second when it is written, so that what is read back
/// would differ from what was meant, and stages of a run could not be told apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Time(Timestamp);

impl Time {
    /// The moment itself.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    /// Cuts what is below a millisecond.
    fn from(at: Timestamp) -> Self {
        // Every whole number of milliseconds of a valid time is a valid time.
        Self(Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_millisecond_is_cut_and_the_rest_survives_a_round_trip() {
        let time = Time::from("2026-11-21T16:40:00.123456789Z".parse::<Timestamp>().unwrap());
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2026-11-21T16:40:00.123Z""#);
        let back: Time = serde_json::from_str(r#""2026-11-21T17:40:00.1230001+01:00""#).unwrap();
        assert_eq!(back, time);
    }
}
