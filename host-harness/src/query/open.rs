//! Fields whose words stay open: those of the model, and others that connectors
//! bring.

use appsec_grant::UnknownName;
use appsec_model::{Kind, ReachabilityVerdict, Transitivity};
use appsec_store::{Filter, QueryStore, StoreError};

use super::QueryError;

/// A field whose words stay open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Open {
    /// Kinds.
    Kind,
    /// Statuses.
    Status,
    /// Verdicts of reachability.
    Verdict,
    /// How packages came into projects.
    Transitivity,
}

impl Open {
    /// What one is called.
    const fn noun(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Status => "status",
            Self::Verdict => "reachability verdict",
            Self::Transitivity => "transitivity",
        }
    }

    /// The model's words.
    pub fn named(self) -> Vec<&'static str> {
        match self {
            Self::Kind => Kind::NAMED.iter().map(Kind::as_str).collect(),
            Self::Status => Filter::statuses().collect(),
            Self::Verdict => ReachabilityVerdict::NAMED.iter().map(ReachabilityVerdict::as_str).collect(),
            Self::Transitivity => Transitivity::NAMED.iter().map(Transitivity::as_str).collect(),
        }
    }

    /// The words that the store holds.
    pub(crate) fn in_use(self, store: &dyn QueryStore) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Kind => store.kinds_in_use(),
            Self::Status => store.statuses_in_use(),
            Self::Verdict => store.verdicts_in_use(),
            Self::Transitivity => store.transitivities_in_use(),
        }
    }

    /// Whether all of these words are the model's.
    pub(crate) fn knows(self, words: &[String]) -> bool {
        words.iter().all(|word| self.named().iter().any(|it| it.eq_ignore_ascii_case(word)))
    }

    /// The words as the model or the store has them: they may be given in any case.
    pub(crate) fn spelled(self, words: &[String], in_use: Vec<String>) -> Result<Vec<String>, QueryError> {
        let mut known: Vec<String> = self.named().into_iter().map(str::to_owned).collect();
        known.extend(in_use.into_iter().filter(|word| !self.named().contains(&word.as_str())));
        let spelled = words.iter().map(|word| {
            known.iter().find(|it| it.eq_ignore_ascii_case(word)).cloned().ok_or_else(|| QueryError::Word {
                noun: self.noun(),
                word: UnknownName::among(word, &known),
                known: known.clone(),
            })
        });
        spelled.collect()
    }
}
