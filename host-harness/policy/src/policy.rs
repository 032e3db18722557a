//! A policy, and its evaluation.

use std::fmt;

use appsec_model::{Severity, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    node::{self, Node},
    scope::{Matcher, Scope},
    subject::{On, Subject},
};

/// What an organisation does not accept.
#[derive(Debug)]
pub struct Policy {
    definition: Definition,
    version: String,
    matcher: Matcher,
    condition: Node,
}

/// A policy as its file has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Definition {
    /// Its name in results.
    pub id: String,
    /// A line for people.
    pub title: String,
    /// Why it is there, and what to do.
    pub description: Option<String>,
    /// What it is evaluated over.
    pub on: On,
    /// When it is violated.
    pub when: String,
    /// How bad a violation is.
    pub severity: Severity,
    /// Where it applies.
    pub scope: Scope,
    /// Whether it is evaluated.
    pub enabled: bool,
}

/// What came of a policy that was violated, or that could not be evaluated.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy's id.
    pub policy_id: String,
    /// The policy's version.
    pub version: String,
    /// How bad a violation of it is.
    pub severity: Severity,
    /// What came of it.
    #[serde(flatten)]
    pub result: OutcomeResult,
}

/// What came of an evaluation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum OutcomeResult {
    /// The condition holds.
    Violated,
    /// Nobody can tell whether it holds.
    Error {
        /// Why.
        reason: String,
    },
}

impl Policy {
    pub(crate) fn new(definition: Definition, canonical: &str, condition: Node) -> Self {
        /// What a version is computed from: the condition in its one form.
        #[derive(Serialize)]
        struct Content<'a> {
            format: u8,
            condition: &'a str,
            #[serde(flatten)]
            definition: &'a Definition,
        }
        let stated = Definition { when: String::new(), ..definition.clone() };
        let content = Content { format: 1, condition: canonical, definition: &stated };
        // Texts, words and flags always have a JSON form.
        let content = serde_json::to_vec(&content).unwrap_or_default();
        let version = hexadecimal(&Sha256::digest(&content));
        Self { matcher: Matcher::new(&definition.scope), definition, version, condition }
    }

    /// What its file says.
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Its version: 64 hex digits. It changes with anything that the policy
    /// says, not with comments or layout.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is enabled and made for a subject like this.
    pub fn applies(&self, subject: &Subject) -> bool {
        self.definition.enabled && self.definition.on == subject.on && self.matcher.holds(subject)
    }

    /// Evaluates it over a subject. There is no outcome where it does not apply or is not violated.
    pub fn evaluate(&self, subject: &Subject, now: Timestamp) -> Option<Outcome> {
        self.evaluate_until(subject, now).0
    }

    /// The same, and the first moment at which it may be different although the
    /// subject is the same.
    pub(crate) fn evaluate_until(&self, subject: &Subject, now: Timestamp) -> (Option<Outcome>, Option<Timestamp>) {
        if !self.applies(subject) {
            return (None, None);
        }
        let mut scope = node::Scope::new(subject, now);
        let result = match self.condition.holds(&mut scope) {
            Ok(false) => return (None, scope.until()),
            Ok(true) => OutcomeResult::Violated,
            Err(error) => OutcomeResult::Error { reason: error.to_string() },
        };
        let Definition { id, severity, .. } = &self.definition;
        let outcome = Outcome { policy_id: id.clone(), version: self.version.clone(), severity: *severity, result };
        (Some(outcome), scope.until())
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.definition.title, self.definition.id)
    }
}

/// Bytes as hex digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
