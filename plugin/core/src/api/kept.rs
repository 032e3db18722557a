//! What is kept of records that show a credential, by endpoint.

use std::collections::BTreeMap;

use appsec_model::{Kind, Rule};
use guest_json::{Raw, object};

use crate::{
    kept::{self, Keep, shows_credentials},
    normalize::weakness,
    wire::{self, Text, Texts},
};

const TICKET: Keep = Keep::Fields(&[
    ("external_slug", Keep::Words),
    ("externalSlug", Keep::Words),
    ("url", Keep::Address),
    ("id", Keep::Number),
    ("linked_issue_ids", Keep::Number),
    ("linkedIssueIds", Keep::Number),
]);

const COMMENT: Keep = Keep::Fields(&[
    ("external_discussion_id", Keep::Hash),
    ("externalDiscussionId", Keep::Hash),
    ("external_note_id", Keep::Number),
    ("externalNoteId", Keep::Number),
]);

const VERDICT: Keep = Keep::Fields(&[("verdict", Keep::Words), ("reason", Keep::Words)]);

/// Fields of the secrets endpoint.
const SECRET: &[(&str, Keep)] = &[
    ("id", Keep::Id),
    ("type", Keep::Words),
    ("findingPath", Keep::Name),
    ("findingPathUrl", Keep::Address),
    ("ref", Keep::Name),
    ("refUrl", Keep::Address),
    ("mode", Keep::Words),
    ("ruleHashId", Keep::Id),
    ("createdAt", Keep::Date),
    ("updatedAt", Keep::Date),
    ("confidence", Keep::Words),
    ("severity", Keep::Words),
    ("status", Keep::Words),
    ("validationState", Keep::Words),
    (
        "repository",
        Keep::Fields(&[
            ("name", Keep::Name),
            ("url", Keep::Address),
            ("visibility", Keep::Words),
            ("scmType", Keep::Words),
        ]),
    ),
    ("reviewComments", COMMENT),
    (
        "historicalInfo",
        Keep::Fields(&[("gitCommit", Keep::Hash), ("gitBlob", Keep::Hash), ("gitCommitTimestamp", Keep::Date)]),
    ),
    ("externalTicket", TICKET),
    ("autotriage", VERDICT),
];

/// Fields of the findings endpoint. Messages and fixes are not among them: rules
/// put the code that they matched into these.
const FINDING: &[(&str, Keep)] = &[
    ("id", Keep::Id),
    ("ref", Keep::Name),
    ("first_seen_scan_id", Keep::Number),
    ("syntactic_id", Keep::ShortHash),
    ("match_based_id", Keep::Fingerprint),
    ("external_ticket", TICKET),
    ("review_comments", COMMENT),
    ("repository", Keep::Fields(&[("name", Keep::Name), ("url", Keep::Address)])),
    ("line_of_code_url", Keep::Address),
    ("triage_state", Keep::Words),
    ("state", Keep::Words),
    ("status", Keep::Words),
    ("severity", Keep::Words),
    ("confidence", Keep::Words),
    ("categories", Keep::Words),
    ("created_at", Keep::Date),
    ("relevant_since", Keep::Date),
    ("rule_name", Keep::Name),
    (
        "location",
        Keep::Fields(&[
            ("file_path", Keep::Name),
            ("line", Keep::Number),
            ("column", Keep::Number),
            ("end_line", Keep::Number),
            ("end_column", Keep::Number),
        ]),
    ),
    ("sourcing_policy", Keep::Fields(&[("id", Keep::Number), ("name", Keep::Words), ("slug", Keep::Words)])),
    ("triaged_at", Keep::Date),
    ("triage_comment", Keep::Words),
    ("triage_reason", Keep::Words),
    ("state_updated_at", Keep::Date),
    (
        "rule",
        Keep::Fields(&[
            ("name", Keep::Name),
            ("message", Keep::Words),
            ("confidence", Keep::Words),
            ("category", Keep::Words),
            ("subcategories", Keep::Words),
            ("vulnerability_classes", Keep::Words),
            ("cwe_names", Keep::Words),
            ("owasp_names", Keep::Words),
        ]),
    ),
    (
        "assistant",
        Keep::Fields(&[
            ("autotriage", VERDICT),
            ("component", Keep::Fields(&[("tag", Keep::Words), ("risk", Keep::Words)])),
            ("guidance", Keep::Fields(&[("summary", Keep::Words), ("instructions", Keep::Words)])),
            ("rule_explanation", Keep::Fields(&[("summary", Keep::Words), ("explanation", Keep::Words)])),
        ]),
    ),
    ("click_to_fix_prs", Keep::Fields(&[("url", Keep::Address), ("created_at", Keep::Date)])),
    ("click_to_fix_failures", Keep::Fields(&[("reason", Keep::Words), ("created_at", Keep::Date)])),
    ("ai_impact", Keep::Words),
];

/// What is kept of a record of the secrets endpoint.
pub fn secret(body: &str) -> String {
    kept::record(body, SECRET)
}

/// The rules of a page, and whether their findings show credentials: a page has
/// many findings of few rules.
#[derive(Default)]
pub struct Rules(BTreeMap<String, bool>);

object! {
    /// What of a finding names its rule.
    #[derive(Default)]
    struct Named<'a> {
        rule: Option<Raw<'a>>,
        rule_name: Option<Raw<'a>>,
    }
}

impl Rules {
    /// What is kept of a record of the findings endpoint; none where that is all.
    pub fn kept(&mut self, kind: &Kind, body: &str) -> Option<String> {
        // What is vulnerable in a package is in no code of one's own.
        if !matches!(kind, Kind::Sast | Kind::AiSast) {
            return (*kind == Kind::Secrets).then(|| secret(body));
        }
        let Some(named) = guest_json::read::<Named<'_>>(body) else { return Some(kept::record(body, FINDING)) };
        let text = |raw: Option<Raw<'_>>| raw.map_or("", Raw::get).to_owned();
        let key = format!("{}\n{}", text(named.rule), text(named.rule_name));
        let shows = *self.0.entry(key).or_insert_with(|| shows(&named));
        shows.then(|| kept::record(body, FINDING))
    }
}

fn shows(named: &Named<'_>) -> bool {
    let name = |raw: Option<Raw<'_>>| Some(guest_json::string(raw?.get())?.into_owned());
    let mut spare = String::new();
    let rule =
        named.rule.and_then(|raw| wire::read::<wire::Rule<'_>>(raw.get(), &mut spare, &mut wire::Remarks::default()));
    let rule = rule.unwrap_or_default();
    let texts = |texts: Option<Texts<'_>>| texts.map(Texts::into_strings).unwrap_or_default();
    let rule = Rule {
        id: rule.name.map(Text::into_string).unwrap_or_default(),
        message: rule.message.map(Text::into_string),
        category: rule.category.map(Text::into_string),
        subcategories: texts(rule.subcategories),
        vulnerability_classes: texts(rule.vulnerability_classes),
        cwes: weakness::cwes(texts(rule.cwe_names)),
        ..Rule::default()
    };
    let other = Rule { id: name(named.rule_name).unwrap_or_default(), ..Rule::default() };
    shows_credentials(&Kind::Sast, &rule) || shows_credentials(&Kind::Sast, &other)
}
