//! The policies of a file, and their evaluation.

use appsec_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    file,
    policy::{Outcome, Policy, hexadecimal},
    problem::Problem,
    subject::{On, Subject},
};

/// Policies of a file, ready to be evaluated. Threads may share them.
#[derive(Debug)]
pub struct Policies {
    policies: Vec<Policy>,
    remarks: Vec<Problem>,
    version: String,
}

/// What came of all policies over a subject.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evaluation {
    /// What came of those that are violated or cannot be evaluated, in the order of the file.
    pub outcomes: Vec<Outcome>,
    /// The first moment at which this may be different although the subject is the
    /// same: a count of days reaches a number. None where time does not matter.
    pub until: Option<Timestamp>,
}

impl Policies {
    /// Reads a policy file. Returns all that is wrong with it.
    pub fn load(text: &str) -> Result<Self, Vec<Problem>> {
        let file::Contents { policies, remarks } = file::read(text)?;
        let mut hash = Sha256::new();
        for policy in &policies {
            hash.update(policy.version().as_bytes());
        }
        Ok(Self { version: hexadecimal(&hash.finalize()), policies, remarks })
    }

    /// The version of them all: 64 hex digits. It changes with anything that a
    /// policy says and with their order, not with comments or layout.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What is allowed, and probably not meant.
    pub fn remarks(&self) -> &[Problem] {
        &self.remarks
    }

    /// The policies, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Policy> {
        self.policies.iter()
    }

    /// The policy with an id.
    pub fn get(&self, id: &str) -> Option<&Policy> {
        self.iter().find(|policy| policy.definition().id == id)
    }

    /// Evaluates the policies over a subject, in the order of the file. Those that are
    /// not violated, that do not apply or that are not enabled have no outcome.
    pub fn evaluate(&self, subject: &Subject, now: Timestamp) -> Vec<Outcome> {
        self.evaluate_until(subject, now).outcomes
    }

    /// The same, and how long it holds.
    pub fn evaluate_until(&self, subject: &Subject, now: Timestamp) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for policy in self {
            let (outcome, until) = policy.evaluate_until(subject, now);
            evaluation.outcomes.extend(outcome);
            evaluation.until = evaluation.until.into_iter().chain(until).min();
        }
        evaluation
    }

    /// Whether any of them is enabled and over subjects of this sort.
    pub fn any_on(&self, on: On) -> bool {
        self.iter().any(|policy| policy.definition().enabled && policy.definition().on == on)
    }
}

impl<'a> IntoIterator for &'a Policies {
    type Item = &'a Policy;
    type IntoIter = std::slice::Iter<'a, Policy>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
