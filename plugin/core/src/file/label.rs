//! What a record of a file is called: its kind, its id and its project.

use appsec_model::{Kind, ProjectRef};
use guest_json::{Anything, object};

use super::{csv, format::Format, outline::Group, ssc, webhook};
use crate::{api::dependencies, wire::skim};

/// What a record is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: Option<String>,
    /// Its project, where it names one.
    pub project: Option<ProjectRef>,
}

/// The label of a record. Records of the API have the one that `fetch-findings`
/// gives them.
pub fn label(format: Format, group: Option<Group>, text: &str) -> Label {
    match format {
        Format::Findings => finding(group.and_then(Group::kind), text),
        Format::Secrets => secret(text),
        Format::Dependencies => dependency(text),
        Format::SscVulns => ssc::label(text),
        Format::Csv => csv::label(text),
        Format::Webhook => webhook::label(text),
        // Their results are numbered instead.
        Format::CliJson | Format::Sarif => Label { kind: Kind::Sast, id: None, project: None },
    }
}

/// A record of the findings endpoint.
fn finding(kind: Option<Kind>, text: &str) -> Label {
    let (id, repository) = skim(text);
    let kind = kind.unwrap_or_else(|| match shape(text) {
        Shape::Sast | Shape::Bare | Shape::Upload => Kind::Sast,
        Shape::Sca => Kind::Sca,
        Shape::AiSast => Kind::AiSast,
        Shape::Secret => Kind::Secrets,
    });
    Label { kind, id, project: project(None, repository) }
}

/// A record of the secrets endpoint.
fn secret(text: &str) -> Label {
    let (id, repository) = skim(text);
    Label { kind: Kind::Secrets, id, project: project(None, repository) }
}

/// A record of the dependencies endpoint.
fn dependency(text: &str) -> Label {
    let (id, project) = dependencies::label(text);
    Label { kind: Kind::Packages, id, project }
}

/// A project, if anything names it.
pub fn project(id: Option<String>, name: Option<String>) -> Option<ProjectRef> {
    (id.is_some() || name.is_some()).then_some(ProjectRef { id, name })
}

/// What a record in a list `findings` is, by the fields that only it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Of the findings endpoint.
    Sast,
    /// As above.
    Sca,
    /// As above.
    AiSast,
    /// Of the secrets endpoint.
    Secret,
    /// Of what the command line uploads.
    Upload,
    /// Of one that is told by nothing.
    Bare,
}

/// The shape of a record.
pub fn shape(text: &str) -> Shape {
    object! {
        #[derive(Default)]
        struct Fields {
            found_dependency: Option<Anything>,
            vulnerability_identifier: Option<Anything>,
            reachability: Option<Anything>,
            fix_recommendations: Option<Anything>,
            ai_impact: Option<Anything>,
            syntactic_id: Option<Anything>,
            match_based_id: Option<Anything>,
            check_id: Option<Anything>,
            finding_path: Option<Anything> = "findingPath",
            validation_state: Option<Anything> = "validationState",
        }
    }
    let fields: Fields = guest_json::read(text).unwrap_or_default();
    let is_sca = fields.found_dependency.is_some()
        || fields.vulnerability_identifier.is_some()
        || fields.reachability.is_some()
        || fields.fix_recommendations.is_some();
    if is_sca {
        Shape::Sca
    } else if fields.ai_impact.is_some() {
        Shape::AiSast
    } else if fields.finding_path.is_some() || fields.validation_state.is_some() {
        Shape::Secret
    } else if fields.check_id.is_some() {
        Shape::Upload
    } else if fields.syntactic_id.is_some() || fields.match_based_id.is_some() {
        Shape::Sast
    } else {
        Shape::Bare
    }
}
