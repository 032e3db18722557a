//! Why the store failed, and why something in it ended as it did.

use std::path::PathBuf;

use appsec_grant::Code;
use rusqlite::ErrorCode;

/// Why a run or fetch ended as it did, as the run log keeps it. Advice is not
/// stored: whoever shows it knows by the code what to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// A stable word for the reason.
    pub code: Code,
    /// What happened, for people.
    pub message: String,
}

impl Cause {
    /// A cause of that code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why the store failed, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or file cannot be made.
    #[error("cannot open the store {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk is full.
    #[error("the disk is full: nothing was lost")]
    Full,
    /// Another process writes.
    #[error("the store is locked by another process")]
    Busy,
    /// The file is damaged.
    #[error("the store is damaged")]
    Corrupt,
    /// The file may not be written.
    #[error("the store is read-only")]
    ReadOnly,
    /// The file is of a newer version of this program.
    #[error("database version {found} is newer than this program supports ({known})")]
    TooNew {
        /// Version of the file.
        found: i64,
        /// Newest version that is known.
        known: i64,
    },
    /// The file is of a version that was never released.
    #[error("unsupported pre-release database version")]
    TooOld,
    /// The schema of the file is not that of its version.
    #[error("unexpected database schema: {0}")]
    ForeignSchema(String),
    /// A check took longer than it may.
    #[error("the database check timed out")]
    TooSlow,
    /// The file is another tenant's.
    #[error("the store belongs to the tenant `{0}`")]
    OtherTenant(String),
    /// A document in the store is not of its form.
    #[error("the store contains an invalid {what}")]
    Document {
        /// What it is of.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Compression failed.
    #[error("a raw record cannot be compressed or read back")]
    Compression(#[source] std::io::Error),
    /// The policies in force cannot be read.
    #[error("the stored policies cannot be read by this program: {0}")]
    Policies(String),
    /// Something with that name is already there.
    #[error("instance `{0}` already exists")]
    InstanceExists(String),
    /// An onboarding of that name is under way.
    #[error("an onboarding of `{0}` is in progress")]
    OnboardingExists(String),
    /// The read of a page is not under way any more.
    #[error("page discarded: its fetch had already ended")]
    FetchEnded,
    /// The file is not the one that was opened.
    #[error("the store was deleted or replaced while this program used it")]
    Replaced,
    /// A cursor is of another order.
    #[error("cursor does not match the sort order")]
    OtherOrder,
    /// No finding is known by a name.
    #[error("finding `{0}` not found")]
    NoFinding(String),
    /// No issue is known by a name.
    #[error("issue `{0}` not found")]
    NoIssue(String),
    /// Several are known by a name.
    #[error("`{name}` matches several {what}: {candidates}")]
    Ambiguous {
        /// Findings or issues.
        what: &'static str,
        /// The name.
        name: String,
        /// Their ids.
        candidates: String,
    },
    /// Anything else of SQLite.
    #[error("database error")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(ErrorCode::OperationInterrupted) => Self::TooSlow,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly,
            _ => Self::Sqlite(error),
        }
    }
}

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// A stable word for it.
    pub fn code(&self) -> Code {
        match self {
            Self::Full => Code::DiskFull,
            Self::Busy => Code::StoreBusy,
            Self::Corrupt => Code::StoreDamaged,
            Self::ReadOnly => Code::StoreReadOnly,
            Self::TooNew { .. } | Self::TooOld => Code::StoreVersion,
            Self::OtherTenant(_) => Code::StoreTenant,
            Self::Replaced => Code::StoreReplaced,
            Self::ForeignSchema(_) => Code::StoreSchema,
            Self::TooSlow => Code::StoreTooSlow,
            Self::Policies(_) => Code::InvalidPolicies,
            Self::InstanceExists(_) => Code::InstanceExists,
            Self::OnboardingExists(_) => Code::OnboardingExists,
            Self::OtherOrder => Code::CursorMismatch,
            Self::NoFinding(_) => Code::FindingNotFound,
            Self::NoIssue(_) => Code::IssueNotFound,
            Self::Ambiguous { .. } => Code::AmbiguousId,
            Self::Open { .. } | Self::Document { .. } | Self::Compression(_) | Self::FetchEnded | Self::Sqlite(_) => {
                Code::Store
            }
        }
    }
}
