//! What people decide about findings here, and what status a finding has by it.
//!
//! A decision is a layer of its own: it changes nothing of what a source says,
//! and what a source says changes nothing of it. [`effective`] is the one rule
//! that puts them together; `docs/triage.md` has it as a table.

use std::{fmt, str::FromStr};

use appsec_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::VANISHED;

/// What is decided about a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TriageDecision {
    /// Somebody looks into it.
    Reviewing,
    /// Somebody fixes it.
    Fixing,
    /// It is true, and accepted.
    AcceptedRisk,
    /// It is not true.
    FalsePositive,
    /// It is true, and nobody will fix it.
    WontFix,
    /// Another finding stands for it.
    Duplicate,
}

impl TriageDecision {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Reviewing, Self::Fixing, Self::AcceptedRisk, Self::FalsePositive, Self::WontFix, Self::Duplicate];

    /// Their words.
    pub const WORDS: &[&str] = &["reviewing", "fixing", "accepted-risk", "false-positive", "wont-fix", "duplicate"];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reviewing => "reviewing",
            Self::Fixing => "fixing",
            Self::AcceptedRisk => "accepted-risk",
            Self::FalsePositive => "false-positive",
            Self::WontFix => "wont-fix",
            Self::Duplicate => "duplicate",
        }
    }

    /// The status that a finding has by it.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Reviewing => "reviewing",
            Self::Fixing => "fixing",
            Self::AcceptedRisk | Self::FalsePositive | Self::WontFix | Self::Duplicate => "ignored",
        }
    }

    /// What a source means by a reason for which it ignores a finding, however the
    /// word is spelled; none where no decision says the same.
    pub fn of_reason(reason: &str) -> Option<Self> {
        let word: String = reason.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        Some(match word.as_str() {
            "acceptablerisk" | "acceptedrisk" | "riskaccepted" => Self::AcceptedRisk,
            "falsepositive" => Self::FalsePositive,
            "wontfix" | "notime" => Self::WontFix,
            "duplicate" => Self::Duplicate,
            _ => return None,
        })
    }

    /// Whether it closes a finding: then somebody has to say why.
    pub const fn closes(self) -> bool {
        match self {
            Self::Reviewing | Self::Fixing => false,
            Self::AcceptedRisk | Self::FalsePositive | Self::WontFix | Self::Duplicate => true,
        }
    }
}

impl fmt::Display for TriageDecision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl FromStr for TriageDecision {
    type Err = TriageError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == word);
        found.ok_or_else(|| TriageError::Decision(word.chars().take(40).collect()))
    }
}

/// The status of a finding: `source` is what its source and our looks for it
/// make of it, `ours` a decision and until when it holds.
///
/// What was seen is a fact: a finding that is fixed or vanished stays so,
/// whatever anybody decided. Else our decision counts before the triage at the
/// source, up to the moment of its end.
pub fn effective(source: &str, ours: Option<(TriageDecision, Option<Timestamp>)>, now: Timestamp) -> &str {
    match ours {
        Some((decision, until)) if is_decided_on(source) && holds(until, now) => decision.status(),
        _ => source,
    }
}

/// Whether a decision with this end holds.
pub fn holds(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until)
}

/// Whether people can decide on what has this status at its source.
pub fn is_decided_on(source: &str) -> bool {
    !matches!(source, "fixed" | VANISHED)
}

/// A decision as somebody makes it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TriageEntry {
    /// What is decided.
    pub decision: TriageDecision,
    /// Why; there is one where the decision closes a finding.
    pub reason: Option<String>,
    /// More about it.
    pub comment: Option<String>,
    /// Up to which moment it holds.
    pub until: Option<Timestamp>,
    /// Who is to work on it.
    pub assignee: Option<String>,
    /// Words to find it by, in order, each once.
    pub labels: Vec<String>,
}

/// Signs that a text may have.
const REASON_SIGNS: usize = 500;
const COMMENT_SIGNS: usize = 3_000;
const NAME_SIGNS: usize = 100;

/// Labels that a decision may have.
const LABELS: usize = 20;

/// The last moment that is written with a year of four digits, wherever it is read.
const LAST: Timestamp = Timestamp::from_micros(253_402_207_200_000_000);

impl TriageEntry {
    /// A decision with nothing beside it.
    pub const fn new(decision: TriageDecision) -> Self {
        Self { decision, reason: None, comment: None, until: None, assignee: None, labels: Vec::new() }
    }

    /// The decision as it is kept: texts without blanks around them, labels in
    /// order. Refuses one that closes without a reason, or that would hold at no
    /// moment.
    pub fn checked(self, now: Timestamp) -> Result<Self, TriageError> {
        let Self { decision, reason, comment, until, assignee, labels } = self;
        let entry = Self {
            decision,
            reason: text("reason", reason, REASON_SIGNS)?,
            comment: text("comment", comment, COMMENT_SIGNS)?,
            until,
            assignee: text("assignee", assignee, NAME_SIGNS)?,
            labels: listed(labels)?,
        };
        if entry.decision.closes() && entry.reason.is_none() {
            return Err(TriageError::NoReason(entry.decision));
        }
        match entry.until {
            Some(until) if !holds(Some(until), now) => Err(TriageError::Ended(until)),
            Some(until) if until > LAST => Err(TriageError::TooLate),
            _ => Ok(entry),
        }
    }
}

/// Who decides, as it is kept.
pub fn author(name: &str) -> Result<String, TriageError> {
    text("author", Some(name.to_owned()), NAME_SIGNS)?.ok_or(TriageError::NoAuthor)
}

/// A text without blanks around it; none where nothing is left.
fn text(field: &'static str, text: Option<String>, signs: usize) -> Result<Option<String>, TriageError> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match &text {
        Some(long) if long.chars().count() > signs => Err(TriageError::TooLong { field, signs }),
        _ => Ok(text),
    }
}

fn listed(labels: Vec<String>) -> Result<Vec<String>, TriageError> {
    let labels = labels.into_iter().map(|label| text("label", Some(label), NAME_SIGNS));
    let mut labels: Vec<String> = labels.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    labels.sort();
    labels.dedup();
    if labels.len() > LABELS { Err(TriageError::TooManyLabels) } else { Ok(labels) }
}

/// Why a decision is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TriageError {
    /// There is no such decision.
    #[error("invalid decision `{0}`: one of {list}", list = TriageDecision::WORDS.join(", "))]
    Decision(String),
    /// It closes findings and gives no reason.
    #[error("`{0}` closes a finding and needs a reason")]
    NoReason(TriageDecision),
    /// Nobody says who decides.
    #[error("a decision needs an author")]
    NoAuthor,
    /// It would hold at no moment.
    #[error("the decision ends at {0}, which has passed")]
    Ended(Timestamp),
    /// It would end after all dates that can be written.
    #[error("the decision ends after the year 9999")]
    TooLate,
    /// A text is too long.
    #[error("the {field} is longer than {signs} characters")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// How long it may be.
        signs: usize,
    },
    /// It has too many labels.
    #[error("a decision has at most {LABELS} labels")]
    TooManyLabels,
}

#[cfg(test)]
mod tests {
    use appsec_model::Timestamp;
    use proptest::{prelude::*, sample::select};

    use super::{TriageDecision, TriageEntry, TriageError, effective};
    use crate::status::{TABLE, is_open};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn source() -> impl Strategy<Value = String> {
        let words: Vec<String> = TABLE.iter().map(|row| row.word.to_owned()).collect();
        prop_oneof![select(words), "[a-z-]{0,12}"]
    }

    fn ours() -> impl Strategy<Value = Option<(TriageDecision, Option<Timestamp>)>> {
        proptest::option::of((select(&TriageDecision::ALL[..]), proptest::option::of((-9_i64..9).prop_map(at))))
    }

    proptest! {
        #[test]
        fn every_finding_has_one_status(source in source(), ours in ours(), now in -9_i64..9) {
            let status = effective(&source, ours, at(now));
            // It is the source's own word or one of the table.
            prop_assert!(status == source || TABLE.iter().any(|row| row.word == status));
            // What was seen stands.
            if ["fixed", "vanished"].contains(&source.as_str()) {
                prop_assert_eq!(status, source.as_str());
            }
            match ours {
                None => prop_assert_eq!(status, source.as_str()),
                Some((decision, until)) => {
                    let ended = until.is_some_and(|until| until <= at(now));
                    let seen = ["fixed", "vanished"].contains(&source.as_str());
                    let wanted = if ended || seen { source.as_str() } else { decision.status() };
                    prop_assert_eq!(status, wanted);
                    prop_assert!(ended || seen || is_open(status) != decision.closes());
                }
            }
            // The rule asks nothing but what it is given: applied again it says the same.
            prop_assert_eq!(effective(status, ours, at(now)), status);
        }

        #[test]
        fn a_decision_is_kept_as_it_is_checked(reason in ".{0,40}", labels in proptest::collection::vec("[a-c ]{0,3}", 0..6)) {
            let entry = TriageEntry {
                reason: Some(reason.clone()),
                labels,
                ..TriageEntry::new(TriageDecision::AcceptedRisk)
            };
            match entry.checked(at(0)) {
                Ok(kept) => {
                    prop_assert_eq!(kept.reason.as_deref(), Some(reason.trim()));
                    prop_assert!(kept.labels.is_sorted() && kept.labels.iter().all(|it| it.trim() == it && !it.is_empty()));
                    prop_assert_eq!(kept.clone().checked(at(0)), Ok(kept));
                }
                Err(error) => {
                    prop_assert_eq!(error, TriageError::NoReason(TriageDecision::AcceptedRisk));
                    prop_assert!(reason.trim().is_empty());
                }
            }
        }
    }

    #[test]
    fn what_closes_a_finding_needs_a_reason() {
        for decision in TriageDecision::ALL {
            let bare = TriageEntry::new(decision).checked(at(0));
            assert_eq!(bare.is_err(), decision.closes(), "{decision}");
            assert_eq!(is_open(decision.status()), !decision.closes(), "{decision}");
        }
    }

    #[test]
    fn a_decision_that_has_ended_already_is_refused() {
        let until = |until| TriageEntry { until: Some(at(until)), ..TriageEntry::new(TriageDecision::Fixing) };
        assert_eq!(until(5).checked(at(5)), Err(TriageError::Ended(at(5))));
        assert!(until(6).checked(at(5)).is_ok());
    }

    #[test]
    fn the_words_are_those_of_the_list() {
        let words: Vec<_> = TriageDecision::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(words, TriageDecision::WORDS);
        for decision in TriageDecision::ALL {
            assert_eq!(decision.as_str().parse(), Ok(decision));
        }
        insta::assert_snapshot!("ignored".parse::<TriageDecision>().unwrap_err(), @"invalid decision `ignored`: one of reviewing, fixing, accepted-risk, false-positive, wont-fix, duplicate");
    }

    #[test]
    fn the_guide_has_every_decision_with_its_status() {
        let guide = include_str!("../../../docs/triage.md");
        for decision in TriageDecision::ALL {
            let reason = if decision.closes() { "required" } else { "optional" };
            let row = format!("| `{decision}` | `{}` | {reason} |", decision.status());
            assert!(guide.contains(&row), "{row}");
        }
    }
}
