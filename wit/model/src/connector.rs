//! What goes into and comes out of `describe`, `configure`, `list-projects` and
//! `fetch-findings`.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Kind, ProjectRef, Timestamp};

/// What a connector is, can bring and needs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// Stable, lower case, unique among connectors.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Version of the connector.
    pub version: String,
    /// Version of the contract that it was written against.
    pub contract_version: String,
    /// Name of the vendor for people.
    pub vendor: String,
    /// Kinds that it can bring.
    pub kinds: Vec<KindSupport>,
    /// JSON Schema of the settings, as text.
    pub settings_schema: String,
    /// Origins that it must reach.
    pub origins: Vec<OriginNeed>,
    /// Secrets that it needs.
    pub secrets: Vec<SecretNeed>,
    /// File formats that `normalize` reads.
    pub formats: Vec<DocumentFormat>,
}

/// A kind that a connector can bring.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindSupport {
    /// The kind.
    pub kind: Kind,
    /// Whether settings without a word on kinds switch it on.
    pub on_by_default: bool,
}

/// An origin that a connector must reach.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OriginNeed {
    /// What it is needed for.
    pub purpose: String,
    /// The origin.
    pub default: String,
    /// Key of the setting that replaces the default.
    pub setting: Option<String>,
}

/// A secret that a connector sends as `Authorization: Bearer <value>`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretNeed {
    /// Name of the environment variable.
    pub variable: String,
    /// Where a person gets it and which rights it needs.
    pub description: String,
}

/// A file format that `normalize` reads.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentFormat {
    /// Stable name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What it can hold.
    pub kinds: Vec<Kind>,
}

/// What `configure` learnt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// The vendor's account.
    pub deployment: Deployment,
    /// Every kind that the settings ask for.
    pub kinds: Vec<KindAccess>,
    /// Whether a read may take the whole deployment as its scope.
    pub deployment_wide: bool,
    /// Remarks.
    pub diagnostics: Vec<Diagnostic>,
}

/// The vendor's account that a secret belongs to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deployment {
    /// The vendor's id.
    pub id: String,
    /// Short name in addresses.
    pub slug: String,
    /// Name for people.
    pub name: Option<String>,
}

/// Whether one kind can be read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindAccess {
    /// The kind.
    pub kind: Kind,
    /// Whether it can be read.
    #[serde(flatten)]
    pub access: Access,
}

/// Whether the secret may read something.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "access", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Access {
    /// A request for it succeeded.
    Readable,
    /// The vendor refused.
    Denied {
        /// Why, in words.
        reason: String,
    },
}

/// A page of projects.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectPage {
    /// The projects.
    pub projects: Vec<Project>,
    /// Cursor of the next page; none tells that the list is complete.
    pub next: Option<String>,
    /// Remarks.
    pub diagnostics: Vec<Diagnostic>,
}

/// A repository, or a part of one, that the vendor scans.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project {
    /// The vendor's id.
    pub id: String,
    /// The vendor's name.
    pub name: String,
    /// Web address of the repository.
    pub url: Option<String>,
    /// The vendor's tags.
    pub tags: Vec<String>,
    /// Name of the default branch.
    pub default_branch: Option<String>,
    /// Name of the branch whose findings count.
    pub primary_branch: Option<String>,
    /// When the vendor first knew of it.
    pub created_at: Option<Timestamp>,
    /// When it was last scanned; none where it never was.
    pub last_scan_at: Option<Timestamp>,
    /// None where the vendor does not say.
    pub archived: Option<bool>,
}

/// Which records to read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FetchRequest {
    /// Of which kind.
    pub kind: Kind,
    /// How wide.
    pub scope: Scope,
    /// Only what appeared or reappeared since then.
    pub since: Option<Timestamp>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// How wide a read is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Scope {
    /// Everything that the secret can see.
    Deployment,
    /// These projects only.
    Projects(Vec<ProjectScope>),
}

/// One project of a scope.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectScope {
    /// The vendor's id.
    pub id: String,
    /// The vendor's name.
    pub name: String,
    /// The branch that a read of primary branches only keeps to.
    pub primary_branch: Option<String>,
}

/// A page of raw records.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RawPage {
    /// The records.
    pub records: Vec<RawRecord>,
    /// How the read goes on.
    pub next: NextPage,
    /// Remarks.
    pub diagnostics: Vec<Diagnostic>,
}

/// How a read goes on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NextPage {
    /// Opaque.
    Cursor(String),
    /// The read is complete.
    Complete,
}

/// One record as the vendor sent it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RawRecord {
    /// Its kind.
    pub kind: Kind,
    /// The vendor's id; none where it has none that can be read.
    pub id: Option<String>,
    /// The project that it belongs to, as far as it says.
    pub project: Option<ProjectRef>,
    /// The vendor's JSON of this one record, byte for byte.
    pub body: String,
}

/// What to normalize.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RawInput {
    /// Records that `fetch-findings` brought.
    Records(Vec<RawRecord>),
    /// A whole file.
    Document(Document),
}

/// A file to normalize.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document {
    /// Name of its format, or none to have it detected.
    pub format: Option<String>,
    /// File name without folders, for messages.
    pub name: String,
    /// The file's bytes.
    pub content: Vec<u8>,
}
