//! What the queries of routes hold that are no lists of the library.

use host_harness::{
    query::{Field, List, Takes, View},
    store::MappingState,
};

use crate::table::{Fields, LIMIT, field};

const INSTANCE: Field = field("instance", Takes::Instance, "Filter by instance");

const OFFSET: Field = field("offset", Takes::Whole(u32::MAX), "Skip this many results");

pub(super) const INSTANCES: Fields = Fields::these(&[LIMIT, OFFSET]);

pub(super) const RESULTS: Fields = Fields::these(&[
    field("policy", Takes::Texts, "Filter by policy"),
    field("finding", Takes::Text, "Filter by finding"),
    field("issue", Takes::Text, "Filter by issue"),
    LIMIT,
    OFFSET,
]);

pub(super) const REPOSITORIES: Fields =
    Fields::these(&[field("search", Takes::Text, "Filter by text in name, URL or group"), LIMIT, OFFSET]);

pub(super) const REPLACE: Fields =
    Fields::these(&[field("replace", Takes::Flag, "Remove those that the list does not have and no project needs")]);

pub(super) const MAPPINGS: Fields =
    Fields::these(&[INSTANCE, field("state", Takes::Choice(MappingState::WORDS), "Filter by state"), LIMIT, OFFSET]);

pub(super) const SUGGESTIONS: Fields = Fields::these(&[INSTANCE]);

pub(super) const DELIVERIES: Fields = Fields::these(&[INSTANCE, LIMIT, OFFSET]);

pub(super) const AUDIT: Fields = Fields::these(&[
    field("action", Takes::Text, "Filter by what was done, such as sync"),
    field("who", Takes::Text, "Filter by who did it: browser, cli, token, or one of them, such as token:ID"),
    field("since", Takes::When, "Filter by when, at or after this time: a date, a timestamp, or an age such as 7d"),
    LIMIT,
    field("cursor", Takes::Text, "Continue after the previous page: give its `next_cursor`"),
]);

pub(super) const PROJECTS: Fields =
    Fields::these(&[field("search", Takes::Text, "Filter by text in name or tags"), INSTANCE, LIMIT, OFFSET]);

pub(super) const OF_RUN: Fields = Fields::these(&[LIMIT]);

pub(super) const IMPORT: Fields = Fields::these(&[
    field("source", Takes::Instance, "The source that the file is of; it is made if there is none of this name"),
    field("project", Takes::Text, "The project of records that do not name one"),
    field("ref", Takes::Text, "The branch that was scanned"),
    field("complete", Takes::Flag, "Close findings missing from the file: it is of a complete scan"),
])
.requiring(&["source"]);

pub(super) const ADVISORIES: Fields =
    Fields::these(&[field("name", Takes::Text, "What the file is called, such as kev.json")]).requiring(&["name"]);

/// What is said of an export beside its filter, by the names of the options of
/// `harness export`.
pub(super) const EXPORT: &[Field] = &[
    field("at", Takes::When, "Set the time of the export: a date, a timestamp, or an age"),
    field("for", Takes::Choice(&["github"]), "Keep to the limits of a service, in SARIF"),
    field(
        "unreachable-not-affected",
        Takes::Flag,
        "Mark open unreachable findings as not affected, in CycloneDX and OpenVEX",
    ),
    field(
        "baseline",
        Takes::Text,
        "Mark each result as new or known to a base, in SARIF: a run, a date or a time ago such as 7d, or a branch",
    ),
    field("spec-version", Takes::Choice(&["1.6", "1.7"]), "Set the version of CycloneDX"),
];

/// What is asked of an export of a view.
pub(super) const fn export(view: View) -> Fields {
    Fields::whole(List::Findings(view)).and(EXPORT)
}

/// In what form the outcome of a check is answered, as `harness policy check` prints it.
pub(super) const FORMATS: &[Field] = &[field(
    "format",
    Takes::Choice(&["json", "csv", "sarif", "junit", "github", "gitlab-codequality"]),
    "Answer all of it in this form, instead of the first results of each policy",
)];

pub(super) const CHECK: Fields = Fields::of(List::PolicyCheck).and(FORMATS);
