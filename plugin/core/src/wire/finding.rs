//! A finding as the vendor's findings endpoint sends it, of any kind: the kinds
//! share most fields, and those of another kind are simply absent.
//!
//! The field names are the API reference's. Two spellings of one thing are two
//! fields, and the mapping takes whichever is there.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Count, Id, Text, Texts,
    repair::Wire,
    scalar::{List, object, objects},
};

impl Wire for Finding<'_> {
    type Of<'a> = Finding<'a>;
}

/// A finding.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Finding<'a> {
    #[serde(borrow)]
    pub id: Option<Id<'a>>,
    /// Branch, or the word for a pull request.
    #[serde(borrow, rename = "ref")]
    pub ref_: Option<Text<'a>>,
    #[serde(borrow)]
    pub first_seen_scan_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub syntactic_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub match_based_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub external_ticket: Option<Ticket<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub review_comments: Option<Vec<ReviewComment<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub repository: Option<Repository<'a>>,
    #[serde(borrow)]
    pub line_of_code_url: Option<Text<'a>>,
    #[serde(borrow)]
    pub triage_state: Option<Text<'a>>,
    #[serde(borrow)]
    pub state: Option<Text<'a>>,
    #[serde(borrow)]
    pub status: Option<Text<'a>>,
    #[serde(borrow)]
    pub severity: Option<Id<'a>>,
    #[serde(borrow)]
    pub confidence: Option<Id<'a>>,
    #[serde(borrow)]
    pub categories: Option<Texts<'a>>,
    #[serde(borrow)]
    pub created_at: Option<Text<'a>>,
    #[serde(borrow)]
    pub relevant_since: Option<Text<'a>>,
    #[serde(borrow)]
    pub rule_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub rule_message: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub location: Option<Location<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub sourcing_policy: Option<Policy<'a>>,
    #[serde(borrow)]
    pub triaged_at: Option<Text<'a>>,
    #[serde(borrow)]
    pub triage_comment: Option<Text<'a>>,
    #[serde(borrow)]
    pub triage_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub state_updated_at: Option<Text<'a>>,
    /// As text: records of one page share few rules, and equal texts are read once.
    #[serde(borrow)]
    pub rule: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "object")]
    pub assistant: Option<Assistant<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub click_to_fix_prs: Option<Vec<PullRequest<'a>>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub click_to_fix_failures: Option<Vec<Failure<'a>>>,
    /// Kind `ai-sast` only.
    #[serde(borrow)]
    pub ai_impact: Option<Text<'a>>,
    /// Kind `sca` only, as everything below.
    #[serde(borrow)]
    pub vulnerability_identifier: Option<Text<'a>>,
    #[serde(borrow)]
    pub reachability: Option<Text<'a>>,
    #[serde(borrow)]
    pub reachable_condition: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub found_dependency: Option<Dependency<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub fix_recommendations: Option<Vec<FixRecommendation<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub usage: Option<Usage<'a>>,
    #[serde(deserialize_with = "object")]
    pub epss_score: Option<Epss>,
    pub is_malicious: Option<bool>,
    /// Only in records of the secrets endpoint, which this type is not for.
    #[serde(rename = "findingPath")]
    pub finding_path: Option<IgnoredAny>,
    /// As above.
    #[serde(rename = "validationState")]
    pub validation_state: Option<IgnoredAny>,
}

/// The repository that a finding is in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Repository<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
}

/// A place in a file, in both shapes: the API reference's, and the one that
/// `usage.location` really has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Location<'a> {
    #[serde(borrow)]
    pub file_path: Option<Text<'a>>,
    pub line: Option<Count>,
    pub column: Option<Count>,
    pub end_line: Option<Count>,
    pub end_column: Option<Count>,
    /// The second shape's words, as far as they differ.
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    pub start_line: Option<Count>,
    pub start_col: Option<Count>,
    pub end_col: Option<Count>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
}

/// The package that has the vulnerability.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Dependency<'a> {
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
    #[serde(borrow)]
    pub ecosystem: Option<Text<'a>>,
    #[serde(borrow)]
    pub transitivity: Option<Text<'a>>,
    #[serde(borrow)]
    pub lockfile_line_url: Option<Text<'a>>,
}

/// A version without the vulnerability.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FixRecommendation<'a> {
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
}

/// Where the vulnerable code is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Usage<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub location: Option<Location<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub external_ticket: Option<Ticket<'a>>,
}

/// The Exploit Prediction Scoring System's numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Epss {
    pub score: Option<f64>,
    pub percentile: Option<f64>,
}

/// A ticket; the API has used both spellings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ticket<'a> {
    #[serde(borrow)]
    pub external_slug: Option<Text<'a>>,
    /// The second spelling.
    #[serde(borrow, rename = "externalSlug")]
    pub external_slug_camel: Option<Text<'a>>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub id: Option<Id<'a>>,
    #[serde(borrow)]
    pub linked_issue_ids: Option<List<Id<'a>>>,
    /// The second spelling.
    #[serde(borrow, rename = "linkedIssueIds")]
    pub linked_issue_ids_camel: Option<List<Id<'a>>>,
}

/// A comment on a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReviewComment<'a> {
    #[serde(borrow)]
    pub external_discussion_id: Option<Id<'a>>,
    #[serde(borrow)]
    pub external_note_id: Option<Id<'a>>,
}

/// The policy that asked for the rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Policy<'a> {
    #[serde(borrow)]
    pub id: Option<Id<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub slug: Option<Text<'a>>,
}

/// A pull request with a fix.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PullRequest<'a> {
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub created_at: Option<Text<'a>>,
}

/// A failed attempt at a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure<'a> {
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub created_at: Option<Text<'a>>,
}

/// What the vendor's AI says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Assistant<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub autofix: Option<Autofix<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub autotriage: Option<Autotriage<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub component: Option<Component<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub guidance: Option<Guidance<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub rule_explanation: Option<Explanation<'a>>,
}

/// Code that would fix it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Autofix<'a> {
    #[serde(borrow)]
    pub fix_code: Option<Text<'a>>,
}

/// A verdict.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Autotriage<'a> {
    #[serde(borrow)]
    pub verdict: Option<Text<'a>>,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
}

/// The sort of code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Component<'a> {
    #[serde(borrow)]
    pub tag: Option<Text<'a>>,
    #[serde(borrow)]
    pub risk: Option<Text<'a>>,
}

/// How to fix it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Guidance<'a> {
    #[serde(borrow)]
    pub summary: Option<Text<'a>>,
    #[serde(borrow)]
    pub instructions: Option<Text<'a>>,
}

/// What the rule is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Explanation<'a> {
    #[serde(borrow)]
    pub summary: Option<Text<'a>>,
    #[serde(borrow)]
    pub explanation: Option<Text<'a>>,
}
