//! What findings and issues are known by, and the hashes that rows are found by.

use std::{fmt, str::FromStr};

use appsec_analysis::hash63;
use appsec_model::{Finding, Kind};
use serde::{Serialize, Serializer};

/// What a finding is known by: 16 hex digits, the same in every sync.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FindingId(pub(crate) i64);

impl fmt::Display for FindingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{:016x}", self.0))
    }
}

/// A text is no id of a finding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid finding id `{0}`: use 16 hex digits, such as 0123456789abcdef")]
pub struct FindingIdError(String);

impl FromStr for FindingId {
    type Err = FindingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = digits.then(|| i64::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| FindingIdError(text.chars().take(40).collect()))
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for FindingId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FindingId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// What an issue is known by: 16 hex digits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IssueId(pub(crate) i64);

impl fmt::Display for IssueId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{:016x}", self.0))
    }
}

/// A text is no id of an issue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid issue id `{0}`: use 16 hex digits, such as 0123456789abcdef")]
pub struct IssueIdError(String);

impl FromStr for IssueId {
    type Err = IssueIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One form for both, so that the id of a finding leads to its issue.
        let id: Result<FindingId, _> = text.parse();
        id.map(|id| Self(id.0)).map_err(|_| IssueIdError(text.chars().take(40).collect()))
    }
}

impl Serialize for IssueId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for IssueId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IssueId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}

/// What a record is found by: 63 bits of a hash over what makes it unique. The
/// words themselves would be the largest index of the store.
///
/// An API gives a record one id in all of an account, whichever project it moves
/// to. A file knows only itself: the same lines in two projects are two records.
pub(crate) fn key_hash(instance_id: i64, origin: &str, project_id: Option<i64>, kind: &Kind, key: &str) -> i64 {
    let project = match (origin, project_id) {
        ("", _) | (_, None) => 0,
        (_, Some(id)) => id,
    };
    let (instance, project) = (instance_id.to_le_bytes(), project.to_le_bytes());
    hash63([&instance[..], origin.as_bytes(), &project[..], kind.as_str().as_bytes(), key.as_bytes()])
}

/// What a finding is known by: the same for the same problem in every sync,
/// on every machine, also when the instance was removed and added again.
pub(crate) fn public_id(instance: &str, project: &str, finding: &Finding) -> i64 {
    public_id_of(instance, project, finding.kind.as_str(), &finding.identity.key)
}

/// The same from its parts: name of the instance, identity of the project,
/// kind, and the key of the finding's identity.
pub(crate) fn public_id_of(instance: &str, project: &str, kind: &str, key: &str) -> i64 {
    hash63([instance, project, kind, key].map(str::as_bytes))
}
