//! Moments in time, to the microsecond.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment: microseconds since 1970-01-01T00:00:00Z. Written as RFC 3339.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

/// A text is no moment with a known offset from UTC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not a date and time with an offset, such as 2026-01-31T12:00:00Z")
    }
}

impl std::error::Error for ParseTimestampError {}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, also with a space instead of `T`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment: jiff::Timestamp = text.trim().parse().map_err(|_| ParseTimestampError)?;
        Ok(Self(moment.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => moment.fmt(out),
            // Outside of the years -9999 to 9999 there is no RFC 3339 form.
            Err(_) => write!(out, "{}us", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_suffix("us").and_then(|micros| micros.parse().ok()) {
            Some(micros) => Ok(Self(micros)),
            None => text.parse().map_err(de::Error::custom),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "A moment in UTC (RFC 3339), to the microsecond.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn both_spellings_of_the_vendor_are_the_same_moment() {
        let with_t: Timestamp = "2024-07-11T20:46:25.269650Z".parse().unwrap();
        let with_space: Timestamp = "2024-07-11 20:46:25.269650+00:00".parse().unwrap();
        assert_eq!(with_t, with_space);
        assert_eq!(with_t.to_string(), "2024-07-11T20:46:25.26965Z");
    }

    #[test]
    fn a_moment_without_offset_is_refused() {
        assert!("2024-07-11T20:46:25".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_json_form_survives_a_round_trip_even_outside_of_the_calendar() {
        for micros in [0, 1, -1, 1_720_730_785_269_650, i64::MAX, i64::MIN] {
            let moment = Timestamp::from_micros(micros);
            let text = serde_json::to_string(&moment).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), moment, "{text}");
        }
    }
}
