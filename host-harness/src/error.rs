//! What can go wrong.

pub(crate) mod backup;
mod catalogue;
mod connector;
mod mapping;
mod onboarding;
mod webhook;

use std::path::{Path, PathBuf};

pub use self::{
    backup::BackupError,
    catalogue::CatalogueError,
    connector::ConnectorError,
    mapping::MappingError,
    onboarding::{OnboardingError, OnboardingStep},
    webhook::WebhookError,
};
use crate::{access::AccessError, query::QueryError, triage_file::TriageProblem, vault::VaultError};
use appsec_analysis::TriageError;
use appsec_conformance::CassetteError;
use appsec_exports::Error as ExportError;
use appsec_grant::{
    BucketError, Code, InstanceName, OriginError, ProxyError, SecretError, UnknownName, files::Exposure,
};
use appsec_ingest::{Error as IngestError, ImportError};
use appsec_sandbox::{CallError, CallFailure, RuntimeError};
use appsec_store::{ConnectorSource, ScheduleError, StoreError};

/// Why the harness could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sync, an import or a renormalization failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connector cannot be loaded.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Recorded answers cannot be used or kept.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    /// What a function of a connector is to be given cannot be read.
    #[error("the input of `{function}` cannot be read: {detail}")]
    CallInput {
        /// Of which function.
        function: &'static str,
        /// Why.
        detail: String,
    },
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The vault does not give or take a secret.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A secret is needed and nothing says where it is.
    #[error("the connector needs the secret {0}, but the instance has no source for it")]
    NoSecret(String),
    /// One source is given for several secrets.
    #[error("the connector needs several secrets, and one source is given: {}", .0.join(", "))]
    SeveralSecrets(Vec<String>),
    /// The connector needs no such secret.
    #[error("the connector needs no secret `{}`{}", .0.name, .0.question())]
    NoSecretNeed(UnknownName),
    /// An origin is malformed.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// There is no such instance.
    #[error("instance `{}` not found{}", .0.name, .0.question())]
    NoInstance(UnknownName),
    /// There is no such bundled connector.
    #[error("connector `{0}` is not bundled with this program")]
    NoConnector(String),
    /// The component is another connector than the instance was made with.
    #[error("connector mismatch: instance uses `{made_with}`, component is `{found}`")]
    OtherConnector {
        /// Id at the time.
        made_with: String,
        /// Id now.
        found: String,
    },
    /// The connector's file is another one than somebody accepted.
    #[error("the connector {connector} has changed since it was accepted: expected SHA-256 {accepted}, found {found}")]
    ConnectorChanged {
        /// Where it is.
        connector: ConnectorSource,
        /// Hash of the one that was accepted.
        accepted: String,
        /// Hash of the one that is there.
        found: String,
    },
    /// The connector is not installed, or not removed.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A catalogue is not believed, or names no connector.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The connector is held to nothing.
    #[error("`{0}` uses the bundled connector, which changes only with this program: there is nothing to update")]
    NotPinned(InstanceName),
    /// Somebody else decides what is in a folder.
    #[error("refusing to use the directory {0}: {1}")]
    Exposed(PathBuf, Exposure),
    /// Another connector was given for what only the instance's own may do.
    #[error("`{0}` can be normalized only by the connector that it was set up with")]
    OnlyOwnConnector(InstanceName),
    /// The instance takes in reports of other scanners.
    #[error("this instance only imports reports; it has no connector")]
    ImportOnly,
    /// The instance is one of a connector.
    #[error("instance `{0}` has a connector; it cannot import third-party reports")]
    NotNative(InstanceName),
    /// Another process syncs the instance.
    #[error("instance is locked by another process")]
    Locked,
    /// Another process works on the instance, and this one.
    #[error("instance is locked: {0}")]
    AtWork(String),
    /// Another daemon works on the data folder.
    #[error("another daemon is running on this data directory: {0}")]
    DaemonRuns(String),
    /// Other machines may share the data folder.
    #[error(
        "the data directory {0} is on a network file system ({1}), where SQLite's write-ahead log is not safe to use"
    )]
    NetworkFileSystem(PathBuf, String),
    /// A schedule cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The lock's file cannot be made.
    #[error("cannot lock the instance with the file {0}")]
    Lock(PathBuf, #[source] std::io::Error),
    /// Repositories or mappings are not what was asked for.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// No file of the operator rates this advisory.
    #[error("advisory `{0}` not found")]
    NoAdvisory(String),
    /// A query of a list cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A decision is refused.
    #[error(transparent)]
    Triage(#[from] TriageError),
    /// A file of decisions is refused.
    #[error("invalid triage file, nothing was changed:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    TriageFile(Vec<TriageProblem>),
    /// Nothing is named that a decision is made on.
    #[error("nothing to decide on: no finding, issue or filter is given")]
    NoTriageTargets,
    /// Two ways to name them at once.
    #[error("either findings and issues are decided on by their ids, or what filters find")]
    MixedTriageTargets,
    /// The connector hands no decisions on.
    #[error("the connector `{0}` cannot write decisions back to its vendor")]
    NoWriteBack(String),
    /// Nobody has switched it on.
    #[error("writing decisions back to the vendor is off for instance `{0}`; nothing was written")]
    WriteBackOff(InstanceName),
    /// A policy file is refused.
    #[error("invalid policies, nothing was changed:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Policies(Vec<appsec_policy::Problem>),
    /// There are no policies.
    #[error("there are no policies")]
    NoPolicies,
    /// There is no such policy.
    #[error("policy `{}` not found{}", .0.name, .0.question())]
    NoPolicy(UnknownName),
    /// Something about webhooks cannot be done.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A backup cannot be made or brought back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// An export cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A run is not there.
    #[error("run {0} not found")]
    NoRun(i64),
    /// The instance is paused.
    #[error("the instance `{0}` is paused")]
    Paused(InstanceName),
    /// The instance was restored, and nobody has accepted it.
    #[error("instance `{0}` was restored from a backup, and its origins and secret sources have not been accepted yet")]
    Unaccepted(InstanceName),
    /// The secret, or the settings, are those of another account.
    #[error("account mismatch: the vendor reports {now}, but the instance uses {before}; nothing was changed")]
    OtherAccount {
        /// The account of the instance.
        before: String,
        /// The other one.
        now: String,
    },
    /// A stored secret is to be changed, and nothing says where the new one is.
    #[error("the token is stored in the vault, and no source is given for the new one")]
    NoNewSecret,
    /// A secret from standard input would be gone after the command.
    #[error("a token from stdin is not stored")]
    NotKept,
    /// The instance has no such setting.
    #[error("the instance has no setting `{}`{}", .0.name, .0.question())]
    NoSetting(UnknownName),
    /// The connector does not let one choose kinds.
    #[error("the connector `{0}` has no setting for the kinds to fetch")]
    NoKindSetting(String),
    /// An onboarding does not go on.
    #[error(transparent)]
    Onboarding(#[from] OnboardingError),
    /// The bucket of a connector failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Access is not given or changed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no random numbers.
    #[error("cannot get random numbers from the operating system")]
    Random(#[from] getrandom::Error),
    /// There is no such tenant.
    #[error("tenant `{}` not found{}", .0.name, .0.question())]
    NoTenant(UnknownName),
    /// There is one already.
    #[error("tenant `{0}` already exists")]
    TenantExists(String),
    /// Files of the tenant lie elsewhere, and a link leads to them.
    #[error("{0} is a link whose target would be left behind; nothing was deleted")]
    LinkedFiles(PathBuf),
    /// A deletion was confirmed with another name.
    #[error("the confirmation `{confirmed}` does not match the name `{name}`; nothing was deleted")]
    NotConfirmed {
        /// What was to be deleted.
        name: String,
        /// What was given.
        confirmed: String,
    },
    /// A check over projects that are not there.
    #[error("no project matches the filters; nothing was checked")]
    NothingInScope,
    /// A deletion that others keep from being finished.
    #[error("`{0}` is deleted, but another process keeps the store open, so its old content cannot be erased yet")]
    DeletionWaits(InstanceName),
    /// A file or folder of the tenant cannot be read or removed.
    #[error("I/O error on {0}")]
    Folder(PathBuf, #[source] std::io::Error),
    /// The program is shutting down.
    #[error("stopped")]
    Stopped,
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Ingest(error.into())
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        Self::Ingest(error.into())
    }
}

impl Error {
    /// What a folder is refused for, or why it cannot be looked at.
    pub(crate) fn exposed(folder: &Path) -> impl FnOnce(std::io::Error) -> Self {
        |error| match Exposure::behind(&error) {
            Some(exposure) => Self::Exposed(folder.to_owned(), exposure),
            None => Self::Folder(folder.to_owned(), error),
        }
    }

    fn ingest(&self) -> Option<&IngestError> {
        match self {
            Self::Ingest(error) => Some(error),
            _ => None,
        }
    }

    /// Why a call failed, if that is what went wrong.
    pub fn failure(&self) -> Option<&CallFailure> {
        self.ingest().and_then(IngestError::failure)
    }

    /// Whether the same may be tried later, because somebody else is at work, or
    /// the operator said so.
    pub(crate) fn is_for_later(&self) -> bool {
        matches!(
            self,
            Self::Locked | Self::AtWork(_) | Self::Paused(_) | Self::Unaccepted(_) | Self::Ingest(IngestError::Stopped)
        )
    }

    /// A stable word for scripts.
    pub fn code(&self) -> Code {
        match self {
            Self::Ingest(error) => error.code(),
            Self::Store(error) | Self::Access(AccessError::Store(error)) => error.code(),
            Self::Access(AccessError::NoToken(_)) => Code::TokenNotFound,
            Self::Access(AccessError::Lifetime) => Code::TokenLifetime,
            Self::Access(AccessError::NoView(_)) => Code::ViewNotFound,
            Self::Access(AccessError::ViewName) => Code::ViewName,
            Self::Access(AccessError::Random) => Code::Host,
            Self::Mapping(error) => error.code(),
            Self::Webhook(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Backup(error) => error.code(),
            Self::Onboarding(error) => error.code(),
            Self::Connector(error) => error.code(),
            Self::Catalogue(error) => error.code(),
            Self::ConnectorChanged { .. } => Code::ConnectorChanged,
            Self::NotPinned(_) => Code::ConnectorNotPinned,
            Self::Exposed(..) => Code::FolderExposed,
            Self::Secret(SecretError::Exposed(..)) => Code::FileExposed,
            Self::Secret(SecretError::Reserved(_) | SecretError::VaultKey(_)) => Code::SecretReserved,
            Self::Runtime(_) => Code::ConnectorUnusable,
            Self::Cassette(CassetteError::Missing { .. }) => Code::CassetteIncomplete,
            Self::Cassette(CassetteError::Secret(_) | CassetteError::Setting) => Code::CassetteSecret,
            Self::Cassette(_) => Code::CassetteUnreadable,
            Self::Secret(_) => Code::Secret,
            Self::SeveralSecrets(_) | Self::NoSecret(_) => Code::SecretAmbiguous,
            Self::NoSecretNeed(_) => Code::SecretUnknown,
            Self::Origin(_) => Code::InvalidOrigin,
            Self::Proxy(_) => Code::InvalidProxy,
            Self::NoInstance(_) => Code::InstanceNotFound,
            Self::OnlyOwnConnector(_) => Code::ConnectorNotOwn,
            Self::ImportOnly => Code::ImportOnly,
            Self::NotNative(_) => Code::NotImportOnly,
            Self::NoConnector(_) => Code::ConnectorNotFound,
            Self::OtherConnector { .. } => Code::ConnectorMismatch,
            Self::NoAdvisory(_) => Code::AdvisoryNotFound,
            Self::Query(_) | Self::NoTriageTargets | Self::MixedTriageTargets | Self::CallInput { .. } => Code::Usage,
            Self::Triage(_) => Code::InvalidDecision,
            Self::NoWriteBack(_) => Code::WriteBackUnsupported,
            Self::WriteBackOff(_) => Code::WriteBackOff,
            Self::TriageFile(_) => Code::InvalidTriageFile,
            Self::Policies(_) => Code::InvalidPolicies,
            Self::NoPolicies => Code::NoPolicies,
            Self::NoPolicy(_) => Code::PolicyNotFound,
            Self::NoTenant(_) => Code::TenantNotFound,
            Self::TenantExists(_) => Code::TenantExists,
            Self::NotConfirmed { .. } => Code::NotConfirmed,
            Self::NothingInScope => Code::NothingInScope,
            Self::DeletionWaits(_) => Code::DeletionPending,
            Self::Export(ExportError::TooManyRuns) => Code::Limit,
            Self::Folder(_, error) | Self::Export(ExportError::Write(error)) => match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
                _ => Code::Io,
            },
            Self::Locked | Self::AtWork(_) | Self::Lock(..) => Code::Locked,
            Self::DaemonRuns(_) => Code::DaemonRunning,
            Self::NetworkFileSystem(..) => Code::NetworkFileSystem,
            Self::Schedule(_) => Code::InvalidSchedule,
            Self::NoRun(_) => Code::RunNotFound,
            Self::Paused(_) => Code::Paused,
            Self::Unaccepted(_) => Code::NotAccepted,
            Self::LinkedFiles(_) => Code::LinkedFiles,
            Self::OtherAccount { .. } => Code::AccountMismatch,
            Self::NoNewSecret => Code::SecretNotGiven,
            Self::NotKept => Code::SecretNotStored,
            Self::NoSetting(_) | Self::NoKindSetting(_) => Code::SettingNotFound,
            Self::Bucket(_) => Code::Store,
            Self::Stopped => Code::Stopped,
            Self::Tls(_) | Self::Random(_) => Code::Host,
        }
    }
}
