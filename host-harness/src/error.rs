//! What can go wrong, and what to do about it.

use std::{path::PathBuf, time::Duration};

use appsec_model::Error as ContractError;

use crate::{
    backup::BackupError,
    capability::{egress::OriginError, http::Refused, storage::BucketError},
    ids::InstanceName,
    import::ImportError,
    mapping::MappingError,
    onboarding::OnboardingError,
    runtime::{CallError, CallFailure, RuntimeError},
    schedule::ScheduleError,
    secrets::SecretError,
    store::{ReadCounts, StoreError},
    sync::SelectionError,
    vault::VaultError,
    webhook::WebhookError,
};

/// Why the harness could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A call of the connector failed.
    #[error("{0}")]
    Call(Box<CallError>),
    /// A call was tried until tries or time were used up.
    #[error("{error} (tries: {tries}, waited {} s)", waited.as_secs())]
    Exhausted {
        /// The last failure.
        error: Box<CallError>,
        /// How often it was tried.
        tries: u32,
        /// How long was waited in all.
        waited: Duration,
        /// What the tries took.
        costs: Box<ReadCounts>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connector cannot be loaded.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The vault does not give or take a secret.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A secret is needed and nothing says where it is.
    #[error("the connector needs the secret {0}, and the instance does not say where to read it")]
    NoSecret(String),
    /// The selection names what is not there.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// An origin is malformed.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// There is no such instance.
    #[error("there is no instance `{name}`{}", .known.as_ref().map(|known| format!(", did you mean `{known}`?")).unwrap_or_default())]
    NoInstance {
        /// The name.
        name: InstanceName,
        /// One that there is.
        known: Option<String>,
    },
    /// There is no such bundled connector.
    #[error("this program carries no connector `{0}`")]
    NoConnector(String),
    /// The component is another connector than the instance was made with.
    #[error("the instance was made with the connector `{made_with}`, and the component is `{found}`")]
    OtherConnector {
        /// Id at the time.
        made_with: String,
        /// Id now.
        found: String,
    },
    /// Another connector was given for what only the instance's own may do.
    #[error("`{0}` is normalized by the connector that it was set up with, and by no other")]
    OnlyOwnConnector(InstanceName),
    /// The instance takes in reports of other scanners.
    #[error(
        "it takes in reports of other scanners and has no connector: there is nothing to connect to, to sync or to normalize again"
    )]
    Native,
    /// The instance is one of a connector.
    #[error("`{0}` is an instance of a connector, and takes in no reports of other scanners")]
    NotNative(InstanceName),
    /// Another process syncs the instance.
    #[error("another process is at work on this instance")]
    Locked,
    /// Another process works on the instance, and this one.
    #[error("another process is at work on this instance: {0}")]
    AtWork(String),
    /// Another daemon works on the data folder.
    #[error("another daemon is at work on this data folder: {0}")]
    DaemonRuns(String),
    /// A schedule cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The lock's file cannot be made.
    #[error("cannot lock the instance with the file {0}")]
    Lock(PathBuf, #[source] std::io::Error),
    /// A file cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Repositories or mappings are not what was asked for.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// A policy file is refused.
    #[error("the policies are refused, and nothing was changed:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Policies(Vec<appsec_policy::Problem>),
    /// There are no policies.
    #[error("there are no policies")]
    NoPolicies,
    /// There is no such policy.
    #[error("there is no policy `{0}`")]
    NoPolicy(String),
    /// Something about webhooks cannot be done.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A backup cannot be made or brought back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A run is not there.
    #[error("there is no run {0}")]
    NoRun(i64),
    /// The vendor's list of projects has no end.
    #[error("the vendor's list of projects does not come to an end ({0} projects so far)")]
    EndlessProjects(usize),
    /// The vendor's list of projects is empty, and was not before.
    #[error("the vendor lists no project any more, and listed {0} before: nothing was read or marked")]
    NoProjects(usize),
    /// The instance is paused.
    #[error("the instance `{0}` is paused")]
    Paused(InstanceName),
    /// The instance was restored, and nobody has accepted it.
    #[error("the instance `{0}` was restored from a backup, and nobody has accepted yet what it may reach")]
    Unaccepted(InstanceName),
    /// The secret, or the settings, are those of another account.
    #[error("this is the account {now} at the vendor, and the instance is of {before}: nothing was changed")]
    OtherAccount {
        /// The account of the instance.
        before: String,
        /// The other one.
        now: String,
    },
    /// A stored secret is to be changed, and nothing says where the new one is.
    #[error("the token is in the vault, and nothing says where the new one is")]
    NoNewSecret,
    /// A secret from standard input would be gone after the command.
    #[error("a token from standard input is for one command only, and the instance would be left without one")]
    NotKept,
    /// The instance has no such setting.
    #[error("the instance has no setting `{0}`")]
    NoSetting(String),
    /// The connector does not let one choose kinds.
    #[error("the connector `{0}` has no setting for the kinds to bring")]
    NoKindSetting(String),
    /// An onboarding does not go on.
    #[error(transparent)]
    Onboarding(#[from] OnboardingError),
    /// The bucket of a connector failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// There is one already.
    #[error("there is already a tenant `{0}`")]
    TenantExists(String),
    /// Files of the tenant lie elsewhere, and a link leads to them.
    #[error("{0} is a link: what it leads to would stay behind, so nothing was deleted")]
    LinkedFiles(PathBuf),
    /// A deletion was confirmed with another name.
    #[error("`{confirmed}` is not the name of what is to be deleted, which is `{name}`: nothing was deleted")]
    NotConfirmed {
        /// What was to be deleted.
        name: String,
        /// What was given.
        confirmed: String,
    },
    /// A check over projects that are not there.
    #[error("no project is what the options say: nothing was checked")]
    NothingInScope,
    /// A deletion that others keep from being finished.
    #[error("`{0}` is deleted, and another process keeps the store from being cleared of what was there")]
    DeletionWaits(InstanceName),
    /// A file or folder of the tenant cannot be read or removed.
    #[error("cannot work on {0}")]
    Folder(PathBuf, #[source] std::io::Error),
    /// The program is shutting down.
    #[error("stopped")]
    Stopped,
}

impl From<CallError> for HarnessError {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl HarnessError {
    /// A failure of a call that the host finds in its result.
    pub(crate) fn call(owner: &str, verb: &'static str, failure: CallFailure) -> Self {
        Self::from(CallError {
            owner: owner.to_owned(),
            verb,
            failure,
            report: crate::runtime::CallReport::default(),
            log_tail: Vec::new(),
        })
    }

    /// Why a call failed, if that is what went wrong.
    pub fn failure(&self) -> Option<&CallFailure> {
        match self {
            Self::Call(error) | Self::Exhausted { error, .. } => Some(&error.failure),
            _ => None,
        }
    }

    fn contract(&self) -> Option<&ContractError> {
        match self.failure() {
            Some(CallFailure::Contract(error)) => Some(error),
            _ => None,
        }
    }

    pub(crate) fn is_call(&self) -> bool {
        self.failure().is_some()
    }

    /// Whether the same may be tried later, because somebody else is at work, or
    /// the operator said so.
    pub(crate) fn is_for_later(&self) -> bool {
        matches!(self, Self::Locked | Self::AtWork(_) | Self::Paused(_) | Self::Unaccepted(_) | Self::Stopped)
    }

    pub(crate) fn is_not_configured(&self) -> bool {
        matches!(self.contract(), Some(ContractError::NotConfigured))
    }

    pub(crate) fn is_invalid_cursor(&self) -> bool {
        matches!(self.contract(), Some(ContractError::InvalidCursor { .. }))
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        matches!(self.contract(), Some(ContractError::Unauthorized { .. }))
    }

    /// Whether the connector cannot read a file.
    fn is_about_a_file(&self) -> bool {
        let unsupported = matches!(self.contract(), Some(ContractError::Unsupported { .. }));
        let of_file = |verb: &str| verb == "normalize" || verb.starts_with("document-reader");
        unsupported && matches!(self, Self::Call(error) if of_file(error.verb))
    }

    pub(crate) fn costs(&self) -> Option<ReadCounts> {
        match self {
            Self::Exhausted { costs, .. } => Some(**costs),
            Self::Call(error) => Some(ReadCounts {
                requests: u64::from(error.report.requests),
                received_bytes: error.report.received_bytes,
                ..ReadCounts::default()
            }),
            _ => None,
        }
    }

    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Call(error) | Self::Exhausted { error, .. } => failure_code(&error.failure),
            Self::Runtime(_) => "connector-unusable",
            Self::Secret(_) | Self::NoSecret(_) => "secret",
            Self::Vault(_) => "vault",
            Self::Selection(_) => "selection",
            Self::Origin(_) => "invalid-origin",
            Self::NoInstance { .. } => "no-such-instance",
            Self::OnlyOwnConnector(_) => "not-its-connector",
            Self::Native => "native-source",
            Self::NotNative(_) => "no-native-source",
            Self::NoConnector(_) | Self::OtherConnector { .. } => "no-such-connector",
            Self::Import(_) => "import",
            Self::Mapping(error) => error.code(),
            Self::Policies(_) | Self::Store(StoreError::Policies(_)) => "invalid-policies",
            Self::Store(_) => "store",
            Self::NoPolicies => "no-policies",
            Self::NoPolicy(_) => "no-such-policy",
            Self::Webhook(error) => error.code(),
            Self::Backup(_) => "backup",
            Self::NoTenant(_) => "no-such-tenant",
            Self::TenantExists(_) => "tenant-exists",
            Self::NotConfirmed { .. } => "not-confirmed",
            Self::NothingInScope => "nothing-in-scope",
            Self::DeletionWaits(_) => "deletion-waits",
            Self::LinkedFiles(_) => "linked-files",
            Self::Folder(..) => "io",
            Self::Locked | Self::AtWork(_) | Self::Lock(..) => "locked",
            Self::DaemonRuns(_) => "daemon-runs",
            Self::Schedule(_) => "invalid-schedule",
            Self::NoRun(_) => "no-such-run",
            Self::EndlessProjects(_) => "protocol",
            Self::NoProjects(_) => "no-projects",
            Self::Paused(_) => "paused",
            Self::Unaccepted(_) => "not-accepted",
            Self::OtherAccount { .. } => "other-account",
            Self::NoNewSecret => "no-new-secret",
            Self::NotKept => "secret-not-kept",
            Self::NoSetting(_) | Self::NoKindSetting(_) => "no-such-setting",
            Self::Onboarding(_) => "onboarding",
            Self::Bucket(_) => "store",
            Self::Tls(_) | Self::Random(_) | Self::Stopped => "host",
        }
    }

    /// The error with what to do about it, for the run log.
    pub(crate) fn with_remedy(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{self}\n  to do: {remedy}"),
            None => self.to_string(),
        }
    }

    /// What the operator can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        if let Self::Import(error) = self {
            return Some(error.remedy());
        }
        if let Self::Mapping(error) = self {
            return error.remedy();
        }
        if let Self::Webhook(error) = self {
            return Some(error.remedy());
        }
        if let Self::Backup(error) = self {
            return Some(error.remedy());
        }
        if let Self::Onboarding(error) = self {
            return Some(error.remedy());
        }
        if let Self::Vault(error) = self {
            return error.remedy();
        }
        if self.is_about_a_file() {
            return Some(
                "check that the file is whole, and of the tool that the connector reads: `harness inspect` lists its \
                 formats; a report of another scanner (SARIF, CycloneDX, OSV-Scanner) is taken in with: \
                 harness import --source NAME FILE",
            );
        }
        let remedy = match self.code() {
            "invalid-settings" => {
                "correct the settings that are named; `harness inspect` lists all settings of the connector"
            }
            "not-configured" => "run `harness instance check` for this instance",
            "unauthorized" => {
                "the token is wrong, revoked or expired: make a new one at the vendor, and give it by its environment \
                 variable or with --token-file; an instance that is there takes it with: \
                 harness instance rotate-token NAME"
            }
            "forbidden" => "the token is valid but may not do this: give its owner the right at the vendor",
            "missing-scope" => {
                "make sure that the token has the scope for the vendor's Web API, and that the deployment's name is right"
            }
            "deployment-not-found" => "correct the name of the deployment in the settings, or leave it out",
            "not-its-connector" => {
                "to see what the other one would change, add --dry-run; to use it, put it in the place of the file that \
                 `harness instance show` names, or use the harness that carries it"
            }
            "project-not-found" => "`harness projects` shows the projects that there are",
            "rate-limited" => "nothing is lost: run the command again later; it reads only what is missing",
            "unavailable" => {
                "check that the vendor's address is right and reachable from here, then run the command again; nothing \
                 that was read is lost"
            }
            "egress-denied" => {
                "grant the origin when the instance is added: --allow-origin ORIGIN, and for an address of this machine \
                 or network --allow-private-origin ORIGIN"
            }
            "request-refused" => {
                "no grant lifts this: it is a rule for all connectors, and the author of this one should know that it \
                 breaks it"
            }
            "protocol" => {
                "the address may be that of a proxy or login page; if not, the vendor's API has changed and the connector \
                 needs an update"
            }
            "no-projects" => {
                "check at the vendor what the token may see; if all projects are gone indeed, confirm with: \
                 harness sync --allow-vanish"
            }
            "paused" => "let it go on with: harness instance resume NAME",
            "not-accepted" => {
                "check its origins and where its secrets are read from: harness instance show NAME, and \
                 harness webhook show NAME; then accept them with: harness instance resume NAME"
            }
            "other-account" => {
                "give a token of the same account; if the other one is meant, say so with --other-account: what was \
                 brought from the old one is marked as vanished by the next full sync with --allow-vanish"
            }
            "no-new-secret" => "give it with --token-file FILE, --token-env VARIABLE or --token-stdin",
            "secret-not-kept" => "store it with --store-token, or give a file or variable",
            "no-such-setting" => "`harness instance show` lists what is set, `harness inspect` what there is",
            "invalid-cursor" => "run the sync again with --fresh",
            "unsupported" => "this connector cannot do that; `harness inspect` shows what it can",
            "limit" | "sandbox-limit" => {
                "a smaller page size may help; if not, the connector has a fault that its author should know of"
            }
            "internal" | "connector-crashed" => {
                "the connector has a fault: tell its author what is above; nothing that was stored is harmed"
            }
            "secret" if matches!(self, Self::Secret(SecretError::Reserved(_) | SecretError::VaultKey(_))) => {
                "give the secret by another variable, or with --token-file FILE or --token-stdin"
            }
            "secret" => "set the environment variable, or give the token with --token-file FILE or --token-stdin",
            "no-such-instance" => "`harness instance list` shows the instances; `harness instance add` makes one",
            "invalid-policies" => {
                "correct the file and import it: harness policy import FILE; with --check nothing is stored"
            }
            "no-policies" => {
                "import some: harness policy import FILE; `harness policy starter` prints a set to begin with"
            }
            "no-such-policy" => "`harness policy list` shows the policies",
            "tenant-exists" => "choose another name; `harness tenant list` shows those that there are",
            "no-such-tenant" => "`harness tenant list` shows the tenants, `harness tenant add NAME` makes one",
            "nothing-in-scope" => {
                "`harness projects` and `harness mapping list` show the projects with their repositories, environments, \
                 branches and tags; correct the option, or leave it out"
            }
            "deletion-waits" => {
                "nothing more is to be asked for: the first command on this tenant after the other process has ended \
                 finishes it and says what the proof found; until then `harness doctor` tells of it"
            }
            "linked-files" => {
                "move what the link leads to into its place, so that it is no link any more, and delete again; or remove \
                 both yourself"
            }
            "not-confirmed" => "give the name of what is to be deleted, letter by letter",
            "native-source" => "import its reports (again): harness import --source NAME FILE...",
            "no-native-source" => "choose another name for --source, such as reports; it is made if it is not there",
            "no-such-connector" => "give the right component with --connector FILE.wasm",
            "connector-unusable" => "check the file; `harness inspect FILE.wasm` shows what it is",
            "invalid-origin" => "write it as https://host or https://host:port",
            "daemon-runs" => "`harness status` shows it; stop it first, or leave the work to it",
            "locked" => "wait for the other process to finish, then run the command again",
            _ => return None,
        };
        Some(remedy)
    }
}

/// A stable word for the failure of a call.
pub(crate) fn failure_code(failure: &CallFailure) -> &'static str {
    match failure {
        CallFailure::Contract(error) => error.code(),
        CallFailure::Refused(Refused { by_rule: true, .. }) => "request-refused",
        CallFailure::Refused(_) => "egress-denied",
        CallFailure::Limit(_) => "sandbox-limit",
        CallFailure::Trap(_) | CallFailure::Manifest(_) => "connector-crashed",
        CallFailure::Host(_) => "host",
    }
}

/// An error and what caused it, on one line. A cause that the text before it
/// names already is not named again.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
