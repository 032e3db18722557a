//! A result and a rule of SARIF 2.1.0, as far as the command-line tool fills
//! them. The field names are the standard's.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Count, DependencyNode, Text, Texts,
    repair::Wire,
    scalar::{List, object, objects},
};

impl Wire for SarifResult<'_> {
    type Of<'a> = SarifResult<'a>;
}

impl Wire for SarifRule<'_> {
    type Of<'a> = SarifRule<'a>;
}

/// A result.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifResult<'a> {
    #[serde(borrow)]
    pub rule_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub level: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub message: Option<SarifText<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub locations: Option<Vec<SarifLocation<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub fingerprints: Option<SarifFingerprints<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub suppressions: Option<Vec<SarifSuppression<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub properties: Option<SarifProperties<'a>>,
    #[serde(borrow, deserialize_with = "objects")]
    pub code_flows: Option<Vec<SarifCodeFlow<'a>>>,
    /// As text: one value deep inside is of use.
    #[serde(borrow)]
    pub fixes: Option<&'a RawValue>,
}

/// A text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifText<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub markdown: Option<Text<'a>>,
}

/// A place.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifLocation<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub physical_location: Option<SarifPlace<'a>>,
}

/// A place in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifPlace<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub artifact_location: Option<SarifArtifact<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub region: Option<SarifRegion<'a>>,
}

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifArtifact<'a> {
    #[serde(borrow)]
    pub uri: Option<Text<'a>>,
}

/// A part of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifRegion<'a> {
    pub start_line: Option<Count>,
    pub start_column: Option<Count>,
    pub end_line: Option<Count>,
    pub end_column: Option<Count>,
    #[serde(borrow, deserialize_with = "object")]
    pub snippet: Option<SarifText<'a>>,
}

/// The vendor's fingerprint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifFingerprints<'a> {
    #[serde(borrow, rename = "matchBasedId/v1")]
    pub match_based: Option<Text<'a>>,
}

/// Why a result is not to be shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifSuppression<'a> {
    #[serde(borrow)]
    pub status: Option<Text<'a>>,
    /// What drafts of the standard called the status.
    #[serde(borrow)]
    pub state: Option<Text<'a>>,
    #[serde(borrow)]
    pub justification: Option<Text<'a>>,
}

/// What the standard has no place for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifProperties<'a> {
    #[serde(borrow)]
    pub exposure: Option<Text<'a>>,
    /// Paths from the project's own dependency to the package.
    #[serde(borrow)]
    pub dependency_paths: Option<List<List<DependencyNode<'a>>>>,
}

/// A data flow.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifCodeFlow<'a> {
    #[serde(borrow, deserialize_with = "objects")]
    pub thread_flows: Option<Vec<SarifThreadFlow<'a>>>,
}

/// A data flow in one thread.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifThreadFlow<'a> {
    #[serde(borrow, deserialize_with = "objects")]
    pub locations: Option<Vec<SarifStep<'a>>>,
}

/// A step of a data flow.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifStep<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub location: Option<SarifLocation<'a>>,
}

/// A rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SarifRule<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub short_description: Option<SarifText<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub full_description: Option<SarifText<'a>>,
    #[serde(borrow)]
    pub help_uri: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub default_configuration: Option<SarifConfiguration<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub properties: Option<SarifRuleProperties<'a>>,
}

/// How a rule is set up.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifConfiguration<'a> {
    #[serde(borrow)]
    pub level: Option<Text<'a>>,
}

/// What the standard has no place for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SarifRuleProperties<'a> {
    #[serde(borrow)]
    pub tags: Option<Texts<'a>>,
    /// As text: a number, or one written as a text.
    #[serde(borrow, rename = "security-severity")]
    pub security_severity: Option<&'a RawValue>,
}
