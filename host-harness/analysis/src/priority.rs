//! How urgent a finding is: a number from 0 to 100, with the reasons for it.
//!
#![doc = include_str!("priority.md")]

mod band;
mod facts;

use serde::Serialize;

pub use self::{
    band::{Band, ParseBandError},
    facts::{Facts, Validation},
};
use appsec_model::{Conclusion, Epss, ReachabilityVerdict, Severity, Status};

/// The formula as Markdown, for documents.
pub const FORMULA: &str = include_str!("priority.md");

/// How urgent a finding is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Priority {
    /// From 0, nothing to do, to 100.
    pub score: u8,
    /// The score in a word.
    pub band: Band,
    /// What the score is made of: the points add up to it.
    pub inputs: Vec<Input>,
}

/// A fact, and what it adds to the score.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Input {
    /// What it is about, such as `reachability`.
    pub name: &'static str,
    /// What is known of it.
    pub value: String,
    /// What it adds; less than 0 where it speaks against urgency.
    pub points: i16,
}

/// A credential that is known to be a dead one never scores higher.
const MOST_FOR_INVALID: i16 = 10;
/// One more than what any sum reaches.
const LEAST_FOR_VALID: i16 = 99;
const MOST: i16 = 100;
/// Points for likely exploitation, and for a known one in their place.
const MOST_FOR_EXPLOITATION: i16 = 5;
/// What is exploited is urgent, unless it is shown that nothing reaches it.
const LEAST_FOR_EXPLOITED: i16 = 80;

impl Priority {
    /// Computes it.
    pub fn of(facts: &Facts) -> Self {
        if is_over(&facts.status) {
            let status = Input { name: "status", value: facts.status.to_string(), points: 0 };
            return Self { score: 0, band: Band::of(0), inputs: vec![status] };
        }
        let mut sum = Sum::default();
        sum.add("severity", facts.severity.as_str(), severity(facts.severity));
        sum.add("status", facts.status.as_str(), 0);
        let verdict = facts.reachability.as_ref();
        sum.add("reachability", verdict.map_or("first-party code", |it| it.as_str()), reachability(verdict));
        let likely = facts.epss.as_ref().map_or(0, epss);
        if let Some(rating) = &facts.epss {
            sum.add("epss", epss_text(rating), likely);
        }
        if let Some(score) = facts.cvss {
            sum.add("cvss", format!("{score:.1}"), cvss(score));
        }
        if let Some(rank) = facts.top25 {
            sum.add("cwe-top-25", format!("rank {rank}"), top25(rank));
        }
        if let Some(available) = facts.fix_available {
            sum.add("fix", if available { "available" } else { "none" }, i16::from(available));
        }
        if let Some(conclusion) = &facts.ai_verdict {
            sum.add("ai-verdict", conclusion.as_str(), ai_verdict(conclusion, verdict));
        }
        if facts.kev {
            let least = if verdict == Some(&ReachabilityVerdict::Unreachable) { 0 } else { LEAST_FOR_EXPLOITED };
            let points = (MOST_FOR_EXPLOITATION - likely).max(least - sum.total);
            sum.add("kev", "listed", points);
        }
        if let Some(validation) = facts.validation {
            let score = match validation {
                Validation::ConfirmedInvalid => sum.total.min(MOST_FOR_INVALID),
                Validation::ConfirmedValid => sum.total.max(LEAST_FOR_VALID),
                Validation::ValidationError | Validation::NoValidator => sum.total,
            };
            sum.add("validation", validation.as_str(), score - sum.total);
        }
        if let Some(malicious) = facts.malicious {
            let points = if malicious { MOST - sum.total } else { 0 };
            sum.add("malicious", if malicious { "yes" } else { "no" }, points);
        }
        sum.priority()
    }
}

#[derive(Default)]
struct Sum {
    total: i16,
    inputs: Vec<Input>,
}

impl Sum {
    fn add(&mut self, name: &'static str, value: impl Into<String>, points: i16) {
        self.total += points;
        self.inputs.push(Input { name, value: value.into(), points });
    }

    /// An open finding has at least 1 point; the formula reaches neither bound.
    fn priority(self) -> Priority {
        let score = u8::try_from(self.total.clamp(1, MOST)).unwrap_or(1);
        Priority { score, band: Band::of(score), inputs: self.inputs }
    }
}

/// Whether there is nothing to do any more. A status that is not known counts
/// as open, so that nothing gets lost by a new word.
fn is_over(status: &Status) -> bool {
    match status {
        Status::Fixed | Status::Ignored | Status::ProvisionallyIgnored => true,
        Status::Open | Status::Reviewing | Status::Fixing | Status::Unknown => false,
        Status::Other(word) => {
            ["vanished", "removed", "muted"].iter().any(|over| word.trim().eq_ignore_ascii_case(over))
        }
    }
}

const fn severity(severity: Severity) -> i16 {
    match severity {
        Severity::Critical => 46,
        Severity::High => 35,
        Severity::Medium => 23,
        Severity::Low | Severity::Unknown => 11,
        Severity::Info => 5,
    }
}

const fn reachability(verdict: Option<&ReachabilityVerdict>) -> i16 {
    match verdict {
        Some(ReachabilityVerdict::AlwaysReachable | ReachabilityVerdict::Reachable) => 42,
        Some(ReachabilityVerdict::ConditionallyReachable) | None => 28,
        Some(ReachabilityVerdict::NotAnalyzed | ReachabilityVerdict::Other(_)) => 14,
        Some(ReachabilityVerdict::Unreachable) => 0,
    }
}

/// Most scores are far below 0.01: the steps follow their spread, not a line.
fn epss(rating: &Epss) -> i16 {
    let by_score = points(rating.score, 1.0, &[(0.5, 5), (0.1, 4), (0.05, 2), (0.01, 1)]);
    let by_percentile = rating.percentile.map_or(0, |it| points(it, 1.0, &[(0.99, 4), (0.95, 2), (0.9, 1)]));
    by_score.max(by_percentile)
}

fn epss_text(rating: &Epss) -> String {
    match rating.percentile {
        Some(percentile) => format!("{:.5}, percentile {percentile:.5}", rating.score),
        None => format!("{:.5}", rating.score),
    }
}

fn cvss(score: f64) -> i16 {
    points(score, 10.0, &[(9.0, 2), (7.0, 1)])
}

/// Points of the first step that a value reaches; none for what is no number
/// up to the most possible one.
fn points(value: f64, most: f64, steps: &[(f64, i16)]) -> i16 {
    if !(0.0..=most).contains(&value) {
        return 0;
    }
    steps.iter().find(|(from, _)| value >= *from).map_or(0, |(_, points)| *points)
}

const fn top25(rank: u8) -> i16 {
    match rank {
        1..=10 => 2,
        11..=25 => 1,
        _ => 0,
    }
}

const fn ai_verdict(conclusion: &Conclusion, reachability: Option<&ReachabilityVerdict>) -> i16 {
    match (conclusion, reachability) {
        (Conclusion::FalsePositive, None) => -15,
        (Conclusion::FalsePositive, Some(_)) => -3,
        (Conclusion::TruePositive | Conclusion::Other(_), _) => 0,
    }
}

#[cfg(test)]
mod tests;
