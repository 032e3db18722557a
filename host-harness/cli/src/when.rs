//! Moments as people give them.

use std::str::FromStr;

use appsec_model::Timestamp;

/// A moment: a date, a date with time, or how long ago.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// This moment.
    At(Timestamp),
    /// That many microseconds ago.
    Ago(i64),
}

impl When {
    /// The moment, seen from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(micros) => Timestamp::from_micros(now.as_micros().saturating_sub(micros)),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HOUR: i64 = 3_600_000_000;
        let ago = [('h', HOUR), ('d', 24 * HOUR), ('w', 7 * 24 * HOUR)].into_iter().find_map(|(unit, micros)| {
            let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
            i64::from(number).checked_mul(micros)
        });
        if let Some(micros) = ago {
            return Ok(Self::Ago(micros));
        }
        let at = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        at.map(Self::At).map_err(|_| {
            "a date such as 2026-01-31, a moment such as 2026-01-31T12:00:00Z, or a time ago such as 12h, 7d or 4w"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::When;

    #[test]
    fn dates_moments_and_times_ago_are_understood() {
        let now = "2026-02-08T12:00:00Z".parse().unwrap();
        let told = |text: &str| text.parse::<When>().map(|when| when.moment(now).to_string());
        assert_eq!(told("2026-01-31").unwrap(), "2026-01-31T00:00:00Z");
        assert_eq!(told("2026-01-31T10:00:00+02:00").unwrap(), "2026-01-31T08:00:00Z");
        assert_eq!(told("12h").unwrap(), "2026-02-08T00:00:00Z");
        assert_eq!(told("7d").unwrap(), "2026-02-01T12:00:00Z");
        assert_eq!(told("1w"), told("7d"));
        for wrong in ["", "d", "-1d", "yesterday", "2026-13-01", "99999999999d"] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
    }
}
