//! What goes into and comes out of `describe`, `configure`, `list-projects` and
//! `fetch-findings`.

use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Kind, OauthClient, OriginNeed, ProjectRef, SecretNeed, Timestamp, WebhookScheme, WriteBack};

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
    /// How events of the vendor's webhooks are signed; none where it takes none.
    #[serde(default)]
    pub webhook: Option<WebhookScheme>,
    /// How the host gets access tokens; none where the vendor asks for none.
    #[serde(default)]
    pub oauth: Option<OauthClient>,
    /// What `write-decisions` takes; none where it takes nothing.
    #[serde(default)]
    pub write_back: Option<WriteBack>,
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
    /// The vendor is still preparing the rest.
    Pending(Pending),
    /// The read is complete.
    Complete,
}

/// When and with what to call again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pending {
    /// Opaque.
    pub cursor: String,
    /// How long to wait before.
    pub retry_after_ms: u64,
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
    /// What other formats of the same origin tell of it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gist: Option<Gist>,
}

/// What formats of one origin tell alike of a record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gist {
    /// How much the format tells of it.
    pub detail: u32,
    /// The same text in each of them.
    pub text: String,
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
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document {
    /// What is known of it.
    pub head: DocumentHead,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What is known of a file before it is read.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentHead {
    /// Name of its format, or none to have it detected.
    pub format: Option<String>,
    /// File name without folders, for messages.
    pub name: String,
    /// The project of records that name none.
    pub project: Option<ProjectRef>,
    /// The branch that was scanned.
    pub r#ref: Option<String>,
    /// The folder of the project on the machine of the scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// What the first pass over a file learnt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DocumentSummary {
    /// Name of its format.
    pub format: String,
    /// Which records of an instance these stand beside; none for those of `fetch-findings`.
    pub origin: Option<String>,
    /// The tool that wrote it.
    pub tool: Option<String>,
    /// How many records it holds.
    pub records: u64,
    /// How many of which kind.
    pub kinds: Vec<KindCount>,
    /// Whether every record names its project.
    pub names_projects: bool,
    /// Whether what is not in it is not there.
    pub completeness: Completeness,
    /// The files that the scan looked at, where it says; a long list, and in no JSON.
    #[serde(skip)]
    pub scanned: Option<Vec<String>>,
    /// Remarks on the file as a whole.
    pub diagnostics: Vec<Diagnostic>,
}

/// How many records are of one kind.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// How many.
    pub records: u64,
}

/// Whether what is not in a file is not there.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "completeness", rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Completeness {
    /// The result of a scan that ended well.
    Complete,
    /// It does not tell: whoever ran the scan may.
    Unknown {
        /// Why.
        reason: String,
    },
    /// It is not.
    Incomplete {
        /// Why.
        reason: String,
    },
}

impl Completeness {
    /// That of two parts together: what is less, and of equal ones the first.
    pub fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Incomplete { .. }, _) | (Self::Unknown { .. }, Self::Unknown { .. }) | (_, Self::Complete) => self,
            _ => other,
        }
    }
}

/// A scan, and the commit that it looked at.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scan {
    /// The vendor's id.
    pub id: String,
    /// Hash of the commit.
    pub commit: Option<String>,
    /// First line of its message.
    pub commit_title: Option<String>,
    /// Who made it.
    pub author: Option<Author>,
    /// Branch name without `refs/heads/`.
    pub branch: Option<String>,
    /// The pull or merge request that it belongs to.
    pub pull_request: Option<PullRequest>,
    /// Web address of the job that ran it.
    pub job_url: Option<String>,
    /// What made it run.
    pub trigger: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// Who made a commit.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// Name for people.
    pub name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Name of the account.
    pub username: Option<String>,
}

/// A pull or merge request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PullRequest {
    /// Its number.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Account of its author.
    pub author: Option<String>,
}
