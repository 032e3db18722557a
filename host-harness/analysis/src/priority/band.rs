//! The score of a priority in a word.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The score of a priority in a word. The more urgent, the greater.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Band {
    /// Nothing to do any more.
    None,
    /// Less than 40.
    Low,
    /// From 40.
    Medium,
    /// From 60.
    High,
    /// From 80.
    Urgent,
}

impl Band {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Urgent, Self::High, Self::Medium, Self::Low, Self::None];

    /// The band of a score.
    pub const fn of(score: u8) -> Self {
        match score {
            80.. => Self::Urgent,
            60.. => Self::High,
            40.. => Self::Medium,
            1.. => Self::Low,
            0 => Self::None,
        }
    }

    /// The least score of the band.
    pub const fn least_score(self) -> u8 {
        match self {
            Self::Urgent => 80,
            Self::High => 60,
            Self::Medium => 40,
            Self::Low => 1,
            Self::None => 0,
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A text is not the word of a band.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseBandError;

impl fmt::Display for ParseBandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not a priority: one of urgent, high, medium, low and none")
    }
}

impl std::error::Error for ParseBandError {}

impl FromStr for Band {
    type Err = ParseBandError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|band| band.as_str() == text).ok_or(ParseBandError)
    }
}
