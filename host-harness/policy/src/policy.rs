//! Policies, and their evaluation.

use std::fmt;

use appsec_model::{Severity, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    file,
    node::{self, Node},
    problem::Problem,
    scope::{Matcher, Scope},
    subject::{On, Subject},
};

/// Policies of a file, ready to be evaluated. Threads may share them.
#[derive(Debug)]
pub struct Policies {
    policies: Vec<Policy>,
    remarks: Vec<Problem>,
    version: String,
}

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

impl Policies {
    /// Reads a policy file. Returns all that is wrong with it.
    pub fn load(text: &str) -> Result<Self, Vec<Problem>> {
        let file::Contents { policies, remarks } = file::read(text)?;
        let mut hash = Sha256::new();
        for policy in &policies {
            hash.update(policy.version.as_bytes());
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
        self.iter().find(|policy| policy.definition.id == id)
    }

    /// Evaluates the policies over a subject, in the order of the file. Those that are
    /// not violated, that do not apply or that are not enabled have no outcome.
    pub fn evaluate(&self, subject: &Subject, now: Timestamp) -> Vec<Outcome> {
        self.iter().filter_map(|policy| policy.evaluate(subject, now)).collect()
    }
}

impl<'a> IntoIterator for &'a Policies {
    type Item = &'a Policy;
    type IntoIter = std::slice::Iter<'a, Policy>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
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
        if !self.applies(subject) {
            return None;
        }
        let result = match self.condition.holds(&mut node::Scope::new(subject, now)) {
            Ok(false) => return None,
            Ok(true) => OutcomeResult::Violated,
            Err(error) => OutcomeResult::Error { reason: error.to_string() },
        };
        let Definition { id, severity, .. } = &self.definition;
        Some(Outcome { policy_id: id.clone(), version: self.version.clone(), severity: *severity, result })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.definition.title, self.definition.id)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
