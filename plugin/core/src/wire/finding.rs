//! A finding as the vendor's findings endpoint sends it, of any kind: the kinds
//! share most fields, and those of another kind are simply absent.
//!
//! The field names are the API reference's. Two spellings of one thing are two
//! fields, and the mapping takes whichever is there.

use guest_json::{Anything, Raw, object};

use super::{Count, Id, Text, Texts, repair::Wire, scalar::List};

impl Wire for Finding<'_> {
    type Of<'a> = Finding<'a>;
}

object! {
    /// A finding.
    #[derive(Debug, Default)]
    pub struct Finding<'a> {
        pub id: Option<Id<'a>>,
        /// Branch, or the word for a pull request.
        pub ref_: Option<Text<'a>> = "ref",
        pub first_seen_scan_id: Option<Id<'a>>,
        pub syntactic_id: Option<Text<'a>>,
        pub match_based_id: Option<Text<'a>>,
        pub external_ticket: Option<Ticket<'a>>,
        pub review_comments: Option<Vec<ReviewComment<'a>>>,
        pub repository: Option<Repository<'a>>,
        pub line_of_code_url: Option<Text<'a>>,
        pub triage_state: Option<Text<'a>>,
        pub state: Option<Text<'a>>,
        pub status: Option<Text<'a>>,
        pub severity: Option<Id<'a>>,
        pub confidence: Option<Id<'a>>,
        pub categories: Option<Texts<'a>>,
        pub created_at: Option<Text<'a>>,
        pub relevant_since: Option<Text<'a>>,
        pub rule_name: Option<Text<'a>>,
        pub rule_message: Option<Text<'a>>,
        pub location: Option<Location<'a>>,
        pub sourcing_policy: Option<Policy<'a>>,
        pub triaged_at: Option<Text<'a>>,
        pub triage_comment: Option<Text<'a>>,
        pub triage_reason: Option<Text<'a>>,
        pub state_updated_at: Option<Text<'a>>,
        /// As text: records of one page share few rules, and equal texts are read once.
        pub rule: Option<Raw<'a>>,
        pub assistant: Option<Assistant<'a>>,
        pub click_to_fix_prs: Option<Vec<PullRequest<'a>>>,
        pub click_to_fix_failures: Option<Vec<Failure<'a>>>,
        /// Kind `ai-sast` only.
        pub ai_impact: Option<Text<'a>>,
        /// Kind `sca` only, as everything below.
        pub vulnerability_identifier: Option<Text<'a>>,
        pub reachability: Option<Text<'a>>,
        pub reachable_condition: Option<Text<'a>>,
        pub found_dependency: Option<Dependency<'a>>,
        pub fix_recommendations: Option<Vec<FixRecommendation<'a>>>,
        pub usage: Option<Usage<'a>>,
        pub epss_score: Option<Epss>,
        pub is_malicious: Option<bool>,
        /// Only in records of the secrets endpoint, which this type is not for.
        pub finding_path: Option<Anything> = "findingPath",
        /// As above.
        pub validation_state: Option<Anything> = "validationState",
    }

    /// The repository that a finding is in.
    #[derive(Debug, Default)]
    pub struct Repository<'a> {
        pub name: Option<Text<'a>>,
        pub url: Option<Text<'a>>,
    }

    /// A place in a file, in both shapes: the API reference's, and the one that
    /// `usage.location` really has.
    #[derive(Debug, Default)]
    pub struct Location<'a> {
        pub file_path: Option<Text<'a>>,
        pub line: Option<Count>,
        pub column: Option<Count>,
        pub end_line: Option<Count>,
        pub end_column: Option<Count>,
        /// The second shape's words, as far as they differ.
        pub path: Option<Text<'a>>,
        pub start_line: Option<Count>,
        pub start_col: Option<Count>,
        pub end_col: Option<Count>,
        pub url: Option<Text<'a>>,
    }

    /// The package that has the vulnerability.
    #[derive(Debug, Default)]
    pub struct Dependency<'a> {
        pub package: Option<Text<'a>>,
        pub version: Option<Text<'a>>,
        pub ecosystem: Option<Text<'a>>,
        pub transitivity: Option<Text<'a>>,
        pub lockfile_line_url: Option<Text<'a>>,
    }

    /// A version without the vulnerability.
    #[derive(Debug, Default)]
    pub struct FixRecommendation<'a> {
        pub package: Option<Text<'a>>,
        pub version: Option<Text<'a>>,
    }

    /// Where the vulnerable code is used.
    #[derive(Debug, Default)]
    pub struct Usage<'a> {
        pub location: Option<Location<'a>>,
        pub external_ticket: Option<Ticket<'a>>,
    }

    /// The Exploit Prediction Scoring System's numbers.
    #[derive(Debug, Default)]
    pub struct Epss {
        pub score: Option<f64>,
        pub percentile: Option<f64>,
    }

    /// A ticket; the API has used both spellings.
    #[derive(Debug, Default)]
    pub struct Ticket<'a> {
        pub external_slug: Option<Text<'a>>,
        /// The second spelling.
        pub external_slug_camel: Option<Text<'a>> = "externalSlug",
        pub url: Option<Text<'a>>,
        pub id: Option<Id<'a>>,
        pub linked_issue_ids: Option<List<Id<'a>>>,
        /// The second spelling.
        pub linked_issue_ids_camel: Option<List<Id<'a>>> = "linkedIssueIds",
    }

    /// A comment on a pull request.
    #[derive(Debug, Default)]
    pub struct ReviewComment<'a> {
        pub external_discussion_id: Option<Id<'a>>,
        pub external_note_id: Option<Id<'a>>,
    }

    /// The policy that asked for the rule.
    #[derive(Debug, Default)]
    pub struct Policy<'a> {
        pub id: Option<Id<'a>>,
        pub name: Option<Text<'a>>,
        pub slug: Option<Text<'a>>,
    }

    /// A pull request with a fix.
    #[derive(Debug, Default)]
    pub struct PullRequest<'a> {
        pub url: Option<Text<'a>>,
        pub created_at: Option<Text<'a>>,
    }

    /// A failed attempt at a pull request.
    #[derive(Debug, Default)]
    pub struct Failure<'a> {
        pub reason: Option<Text<'a>>,
        pub created_at: Option<Text<'a>>,
    }

    /// What the vendor's AI says.
    #[derive(Debug, Default)]
    pub struct Assistant<'a> {
        pub autofix: Option<Autofix<'a>>,
        pub autotriage: Option<Autotriage<'a>>,
        pub component: Option<Component<'a>>,
        pub guidance: Option<Guidance<'a>>,
        pub rule_explanation: Option<Explanation<'a>>,
    }

    /// Code that would fix it.
    #[derive(Debug, Default)]
    pub struct Autofix<'a> {
        pub fix_code: Option<Text<'a>>,
    }

    /// A verdict.
    #[derive(Debug, Default)]
    pub struct Autotriage<'a> {
        pub verdict: Option<Text<'a>>,
        pub reason: Option<Text<'a>>,
    }

    /// The sort of code.
    #[derive(Debug, Default)]
    pub struct Component<'a> {
        pub tag: Option<Text<'a>>,
        pub risk: Option<Text<'a>>,
    }

    /// How to fix it.
    #[derive(Debug, Default)]
    pub struct Guidance<'a> {
        pub summary: Option<Text<'a>>,
        pub instructions: Option<Text<'a>>,
    }

    /// What the rule is about.
    #[derive(Debug, Default)]
    pub struct Explanation<'a> {
        pub summary: Option<Text<'a>>,
        pub explanation: Option<Text<'a>>,
    }
}
