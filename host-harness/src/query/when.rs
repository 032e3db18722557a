//! Moments as people give them.

use std::{fmt, str::FromStr};

use appsec_model::Timestamp;
use appsec_store::Interval;

/// A moment: a date, a date with time, or how long ago.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// This moment.
    At(Timestamp),
    /// That long ago.
    Ago(Interval),
}

impl When {
    /// The moment, seen from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let micros = i64::try_from(ago.duration().as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.as_micros().saturating_sub(micros))
            }
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(out),
            Self::Ago(ago) => ago.fmt(out),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        let when = at.map(Self::At).or_else(|_| text.parse().map(Self::Ago));
        when.map_err(|_| {
            "a date such as 2026-01-31, a moment such as 2026-01-31T12:00:00Z, or a time ago such as 12h, 7d or 4w"
                .to_owned()
        })
    }
}

/// A moment to come: a date, a date with time, or how far ahead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ahead {
    /// This moment.
    At(Timestamp),
    /// That far from now.
    In(Interval),
}

impl Ahead {
    /// The moment, seen from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(ahead) => {
                let micros = i64::try_from(ahead.duration().as_micros()).unwrap_or(i64::MAX);
                Timestamp::from_micros(now.as_micros().saturating_add(micros))
            }
        }
    }
}

impl fmt::Display for Ahead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(out),
            Self::In(ahead) => ahead.fmt(out),
        }
    }
}

impl FromStr for Ahead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(When::At(at)) => Ok(Self::At(at)),
            Ok(When::Ago(span)) => Ok(Self::In(span)),
            Err(_) => Err("a date such as 2026-01-31, a moment such as 2026-01-31T12:00:00Z, or a time from now such \
                           as 12h, 30d or 4w"
                .to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, When};

    #[test]
    fn dates_moments_and_times_ago_are_understood() {
        let now = "2026-02-08T12:00:00Z".parse().unwrap();
        let told = |text: &str| text.parse::<When>().map(|when| when.moment(now).to_string());
        assert_eq!(told("2026-01-31").unwrap(), "2026-01-31T00:00:00Z");
        assert_eq!(told("2026-01-31T10:00:00+02:00").unwrap(), "2026-01-31T08:00:00Z");
        assert_eq!(told("12h").unwrap(), "2026-02-08T00:00:00Z");
        assert_eq!(told("7d").unwrap(), "2026-02-01T12:00:00Z");
        assert_eq!(told("1w"), told("7d"));
        for wrong in ["", "d", "-1d", "yesterday", "2026-13-01", "99999999999999999999d"] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_ahead_are_understood() {
        let now = "2026-02-08T12:00:00Z".parse().unwrap();
        let told = |text: &str| text.parse::<Ahead>().map(|when| when.moment(now).to_string());
        assert_eq!(told("2026-03-31").unwrap(), "2026-03-31T00:00:00Z");
        assert_eq!(told("30d").unwrap(), "2026-03-10T12:00:00Z");
        assert!(told("soon").unwrap_err().contains("a time from now"));
    }

    proptest::proptest! {
        #[test]
        fn a_moment_goes_to_text_and_back(seconds in 0_u64..4_000_000_000, micros in 0_i64..4_000_000_000_000_000) {
            let ago: When = format!("{seconds}s").parse().unwrap();
            let at = When::At(appsec_model::Timestamp::from_micros(micros));
            for when in [ago, at] {
                proptest::prop_assert_eq!(when.to_string().parse::<When>(), Ok(when));
            }
        }
    }
}
