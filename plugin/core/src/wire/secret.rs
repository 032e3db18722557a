//! A secret as the vendor's secrets endpoint sends it: camelCase, words with a
//! prefix, numbers of 64 bits as texts.

use serde::Deserialize;

use super::{
    Id, Text,
    finding::{Autotriage, Ticket},
    repair::Wire,
    scalar::{object, objects},
};

impl Wire for Secret<'_> {
    type Of<'a> = Secret<'a>;
}

/// A leaked credential.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret<'a> {
    #[serde(borrow)]
    pub id: Option<Id<'a>>,
    /// What the credential opens.
    #[serde(borrow, rename = "type")]
    pub type_: Option<Text<'a>>,
    /// With the line glued on: `src/ai.py:232`.
    #[serde(borrow)]
    pub finding_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub finding_path_url: Option<Text<'a>>,
    #[serde(borrow, rename = "ref")]
    pub ref_: Option<Text<'a>>,
    #[serde(borrow)]
    pub mode: Option<Text<'a>>,
    #[serde(borrow)]
    pub rule_hash_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub created_at: Option<Text<'a>>,
    #[serde(borrow)]
    pub updated_at: Option<Text<'a>>,
    #[serde(borrow)]
    pub confidence: Option<Id<'a>>,
    #[serde(borrow)]
    pub severity: Option<Id<'a>>,
    #[serde(borrow)]
    pub status: Option<Text<'a>>,
    #[serde(borrow)]
    pub validation_state: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub repository: Option<SecretRepository<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub review_comments: Option<Vec<SecretComment<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub external_ticket: Option<Ticket<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub historical_info: Option<HistoricalInfo<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub autotriage: Option<Autotriage<'a>>,
}

/// The repository that a secret is in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SecretRepository<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub visibility: Option<Text<'a>>,
}

/// A comment on a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretComment<'a> {
    #[serde(borrow)]
    pub external_discussion_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub external_note_id: Option<Id<'a>>,
}

/// Where a secret stands in the history.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HistoricalInfo<'a> {
    #[serde(borrow)]
    pub git_commit: Option<Text<'a>>,
    #[serde(borrow)]
    pub git_blob: Option<Text<'a>>,
    #[serde(borrow)]
    pub git_commit_timestamp: Option<Text<'a>>,
}
