//! A secret as the vendor's secrets endpoint sends it: camelCase, words with a
//! prefix, numbers of 64 bits as texts.

use guest_json::object;

use super::{
    Id, Text,
    finding::{Autotriage, Ticket},
    repair::Wire,
};

impl Wire for Secret<'_> {
    type Of<'a> = Secret<'a>;
}

object! {
    /// A leaked credential.
    #[derive(Debug, Default)]
    pub struct Secret<'a> {
        pub id: Option<Id<'a>>,
        /// What the credential opens.
        pub type_: Option<Text<'a>> = "type",
        /// With the line glued on: `src/ai.py:232`.
        pub finding_path: Option<Text<'a>> = "findingPath",
        pub finding_path_url: Option<Text<'a>> = "findingPathUrl",
        pub ref_: Option<Text<'a>> = "ref",
        pub mode: Option<Text<'a>>,
        pub rule_hash_id: Option<Id<'a>> = "ruleHashId",
        pub created_at: Option<Text<'a>> = "createdAt",
        pub updated_at: Option<Text<'a>> = "updatedAt",
        pub confidence: Option<Id<'a>>,
        pub severity: Option<Id<'a>>,
        pub status: Option<Text<'a>>,
        pub validation_state: Option<Text<'a>> = "validationState",
        pub repository: Option<SecretRepository<'a>>,
        pub review_comments: Option<Vec<SecretComment<'a>>> = "reviewComments",
        pub external_ticket: Option<Ticket<'a>> = "externalTicket",
        pub historical_info: Option<HistoricalInfo<'a>> = "historicalInfo",
        pub autotriage: Option<Autotriage<'a>>,
    }

    /// The repository that a secret is in.
    #[derive(Debug, Default)]
    pub struct SecretRepository<'a> {
        pub name: Option<Text<'a>>,
        pub url: Option<Text<'a>>,
        pub visibility: Option<Text<'a>>,
    }

    /// A comment on a pull request.
    #[derive(Debug, Default)]
    pub struct SecretComment<'a> {
        pub external_discussion_id: Option<Id<'a>> = "externalDiscussionId",
        pub external_note_id: Option<Id<'a>> = "externalNoteId",
    }

    /// Where a secret stands in the history.
    #[derive(Debug, Default)]
    pub struct HistoricalInfo<'a> {
        pub git_commit: Option<Text<'a>> = "gitCommit",
        pub git_blob: Option<Text<'a>> = "gitBlob",
        pub git_commit_timestamp: Option<Text<'a>> = "gitCommitTimestamp",
    }
}
