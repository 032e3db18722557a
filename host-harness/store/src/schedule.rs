//! When an instance is synced: pure arithmetic over times that are given.
//!
//! A cadence is an interval, counted from when it was set, or a cron expression
//! in a time zone. Each instance is off by a part of the jitter that follows
//! from its name, always the same one: instances of one cadence do not all come
//! at once, and the time between two syncs of one instance is what was asked
//! for.

use std::{fmt, str::FromStr, time::Duration};

use appsec_model::Timestamp;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Shortest time between two syncs: an API is not a stream.
const SHORTEST: Duration = Duration::from_secs(60);

/// Longest time between two syncs, and longest jitter.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const LONGEST_JITTER: Duration = Duration::from_secs(86_400);

/// A schedule cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// No duration.
    #[error("invalid duration `{0}`: write numbers with the units s, m, h, d or w, such as 90s, 1h30m or 7d")]
    Duration(String),
    /// Too short or long.
    #[error("`{0}` is out of range: an interval must be 1 minute to 366 days, a jitter at most 1 day")]
    Bounds(String),
    /// No cron expression.
    #[error("invalid cron expression `{expression}`: {why}; write five fields, such as 30 2 * * 1-5")]
    Cron {
        /// The text.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// A cron expression of a time that never comes.
    #[error("cron expression `{0}` never matches any date")]
    Never(String),
    /// No time zone.
    #[error("unknown time zone `{0}`: use a name such as Europe/Berlin or UTC")]
    Zone(String),
}

/// A length of time in whole seconds, written such as `1h30m`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval(u64);

impl Interval {
    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    fn micros(self) -> i64 {
        i64::try_from(self.duration().as_micros()).unwrap_or(i64::MAX)
    }
}

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Interval {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ScheduleError::Duration(text.chars().take(40).collect());
        let (mut sum, mut number) = (0_u64, String::new());
        for sign in text.chars().filter(|sign| !sign.is_whitespace()) {
            if sign.is_ascii_digit() {
                number.push(sign);
                continue;
            }
            let (_, seconds) = UNITS.iter().find(|(unit, _)| *unit == sign).ok_or_else(wrong)?;
            let count: u64 = number.parse().map_err(|_| wrong())?;
            sum = count.checked_mul(*seconds).and_then(|part| sum.checked_add(part)).ok_or_else(wrong)?;
            number.clear();
        }
        // A zero needs no unit.
        match number.as_str() {
            "" if !text.trim().is_empty() => Ok(Self(sum)),
            "0" if sum == 0 => Ok(Self(0)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return out.write_str("0s");
        }
        let mut rest = self.0;
        // Weeks are read, and days are what people count in.
        for (unit, seconds) in UNITS.into_iter().skip(1) {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 {
                write!(out, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Interval {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Interval> for String {
    fn from(span: Interval) -> Self {
        span.to_string()
    }
}

/// How often something is done. Written `every 1h` or `cron 30 2 * * *`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cadence {
    /// At this interval.
    Every(Interval),
    /// When a cron expression says so.
    Cron(Box<Cron>),
}

impl Cadence {
    /// An interval.
    pub fn every(span: Interval) -> Result<Self, ScheduleError> {
        match (SHORTEST..=LONGEST).contains(&span.duration()) {
            true => Ok(Self::Every(span)),
            false => Err(ScheduleError::Bounds(span.to_string())),
        }
    }

    /// A cron expression: minute, hour, day of the month, month, day of the
    /// week; also `@daily` and the like.
    pub fn cron(expression: &str) -> Result<Self, ScheduleError> {
        let wrong = |why: String| ScheduleError::Cron {
            expression: expression.chars().take(80).collect(),
            why: why.trim_end_matches('.').to_owned(),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| wrong(error.to_string()))?;
        let cadence = Self::Cron(Box::new(cron));
        // 2024 began a leap year: a 29th of February is near.
        match cadence.after(Timestamp::from_micros(1_704_067_200_000_000), Timestamp::from_micros(0), &TimeZone::UTC) {
            Some(_) => Ok(cadence),
            None => Err(ScheduleError::Never(expression.to_owned())),
        }
    }

    /// The first time after `after`, by the wall clock of a zone. Intervals are
    /// counted from `anchor`, which is such a time itself. Where a clock leaps
    /// forward, a time that it leaps over is at the end of the leap; where it
    /// goes back, a time that it shows twice comes once.
    fn after(&self, after: Timestamp, anchor: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(span) => {
                let (after, anchor) = (after.as_micros(), anchor.as_micros());
                let step = span.micros().max(1);
                // The anchor lies ahead where the clock was put back since.
                let done = after.checked_sub(anchor)?.div_euclid(step);
                done.checked_add(1)?.checked_mul(step)?.checked_add(anchor).map(Timestamp::from_micros)
            }
            Self::Cron(cron) => {
                let from = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?.to_zoned(zone.clone());
                // The search works in seconds, and finds nothing or an earlier
                // time where the clock leaps over what it would find: what
                // counts must be later still. A leap may take a day, as that
                // over the date line.
                for step in [0, 1, 60, 3_600, 86_400] {
                    let from = from.checked_add(jiff::SignedDuration::from_secs(step)).ok()?;
                    let Ok(found) = cron.find_next_occurrence(&from, false) else { continue };
                    let micros = found.timestamp().as_microsecond();
                    if micros > after.as_micros() {
                        return Some(Timestamp::from_micros(micros));
                    }
                }
                None
            }
        }
    }
}

impl FromStr for Cadence {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(' ') {
            Some(("every", span)) => Self::every(span.parse()?),
            Some(("cron", expression)) => Self::cron(expression),
            _ => Err(ScheduleError::Duration(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(span) => write!(out, "every {span}"),
            Self::Cron(cron) => write!(out, "cron {}", cron.as_str()),
        }
    }
}

impl TryFrom<String> for Cadence {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cadence> for String {
    fn from(cadence: Cadence) -> Self {
        cadence.to_string()
    }
}

/// A time zone by its name. The rules are those of the system, or where it has
/// none those that this program carries.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(String);

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl Zone {
    fn rules(&self) -> TimeZone {
        // Checked when it was made; a system whose rules went away since has
        // those of this program.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = ScheduleError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Self(zone.iana_name().unwrap_or(name).to_owned())),
            Err(_) => Err(ScheduleError::Zone(name.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TryFrom<String> for Zone {
    type Error = ScheduleError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0
    }
}

/// When an instance is synced.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Plan {
    /// When to read what is new; none for never.
    pub sync: Option<Cadence>,
    /// When to read everything, and to mark what is not there any more.
    pub full: Option<Cadence>,
    /// Whose wall clock cron expressions are of.
    #[serde(default)]
    pub zone: Zone,
    /// Up to so much later, always the same for an instance.
    #[serde(default)]
    pub jitter: Interval,
}

/// The next times of a plan.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Next {
    /// To read what is new.
    pub sync: Option<Timestamp>,
    /// To read everything.
    pub full: Option<Timestamp>,
}

impl Plan {
    /// Checks the bounds of the jitter.
    pub fn checked(self) -> Result<Self, ScheduleError> {
        match self.jitter.duration() <= LONGEST_JITTER {
            true => Ok(self),
            false => Err(ScheduleError::Bounds(self.jitter.to_string())),
        }
    }

    /// The first times of a plan that is set now: an interval begins at once,
    /// but for reading everything, which the very first sync does anyway.
    pub fn first(&self, instance_path: &str, now: Timestamp) -> Next {
        let just_before = Timestamp::from_micros(now.as_micros().saturating_sub(1));
        Next {
            sync: self.time(self.sync.as_ref(), just_before, now, Duration::ZERO, instance_path),
            full: self.time(self.full.as_ref(), now, now, Duration::ZERO, instance_path),
        }
    }

    /// The first times after `after`, for the instance whose name and tenant
    /// are `instance_path`. Intervals are counted from `anchor`.
    pub fn next(&self, instance_path: &str, after: Timestamp, anchor: Timestamp) -> Next {
        let offset = self.offset(instance_path);
        Next {
            sync: self.time(self.sync.as_ref(), after, anchor, offset, instance_path),
            full: self.time(self.full.as_ref(), after, anchor, offset, instance_path),
        }
    }

    /// The first time of a cadence, moved by the jitter, that is after `after`.
    fn time(
        &self,
        cadence: Option<&Cadence>,
        after: Timestamp,
        anchor: Timestamp,
        back: Duration,
        instance_path: &str,
    ) -> Option<Timestamp> {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        // Back to the time without jitter, and forth again.
        let from = Timestamp::from_micros(after.as_micros().saturating_sub(micros(back)));
        let found = cadence?.after(from, anchor, &self.zone.rules())?;
        Some(Timestamp::from_micros(found.as_micros().saturating_add(micros(self.offset(instance_path)))))
    }

    /// How much later than others an instance comes: a part of the jitter.
    fn offset(&self, instance_path: &str) -> Duration {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(instance_path));
        let chance = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Duration::from_secs(chance % (self.jitter.0 + 1))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sync {
            Some(cadence) => write!(out, "{cadence}")?,
            None => write!(out, "no syncs")?,
        }
        if let Some(cadence) = &self.full {
            write!(out, ", everything {cadence}")?;
        }
        let uses_zone = [&self.sync, &self.full].into_iter().flatten().any(|it| matches!(it, Cadence::Cron(_)));
        if uses_zone {
            write!(out, " ({})", self.zone)?;
        }
        if self.jitter.0 > 0 {
            write!(out, ", up to {} later", self.jitter)?;
        }
        Ok(())
    }
}

/// Longest time that an instance that failed is left alone.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(6 * 3600);

/// How long an instance that failed is left alone: 5 minutes after the first
/// time, doubled with each further one in a row, up to 6 hours.
pub fn backoff(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(300);
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests;
