//! Stable words for what went wrong, for scripts, the run log and other
//! programs. Advice for people is not here: it belongs to the surface that shows
//! it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// The caller asked for something that cannot be: an HTTP API answers 400 or
    /// 404.
    Usage,
    /// The caller may not: a token, a grant, a confirmation is missing.
    Refused,
    /// Somebody else does not answer, or asks to wait. The same works later.
    Unavailable,
    /// The state of things is in the way: a lock, a name that is taken.
    Conflict,
    /// A fault of the connector, the host or the machine.
    Internal,
}

macro_rules! codes {
    ($($variant:ident $word:literal $class:ident)*) => {
        /// What went wrong, as a stable word.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[expect(missing_docs, reason = "the words are the documentation")]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Who has to act.
            pub const fn class(self) -> Class {
                match self {
                    $(Self::$variant => Class::$class,)*
                }
            }
        }
    };
}

codes! {
    // What a connector answers.
    InvalidSettings "invalid-settings" Usage
    NotConfigured "not-configured" Conflict
    Unauthorized "unauthorized" Refused
    Forbidden "forbidden" Refused
    MissingScope "missing-scope" Refused
    NoDeployment "no-deployment" Refused
    DeploymentNotFound "deployment-not-found" Usage
    ProjectNotFound "project-not-found" Usage
    RateLimited "rate-limited" Unavailable
    Unavailable "unavailable" Unavailable
    EgressDenied "egress-denied" Refused
    Protocol "protocol" Unavailable
    InvalidCursor "invalid-cursor" Conflict
    Unsupported "unsupported" Usage
    Limit "limit" Internal
    Internal "internal" Internal

    // The sandbox.
    RequestRefused "request-refused" Refused
    EncodedAnswer "encoded-answer" Unavailable
    ProxyUnavailable "proxy-unavailable" Unavailable
    ProxyRefused "proxy-refused" Refused
    ProxyCredentials "proxy-credentials" Refused
    ProxyProtocol "proxy-protocol" Unavailable
    InvalidProxy "invalid-proxy" Usage
    OauthRefused "oauth-refused" Refused
    OauthUnavailable "oauth-unavailable" Unavailable
    OauthProtocol "oauth-protocol" Unavailable
    SandboxLimit "sandbox-limit" Internal
    CassetteIncomplete "cassette-incomplete" Usage
    CassetteSecret "cassette-secret" Refused
    CassetteUnreadable "cassette-unreadable" Usage
    ConnectorCrashed "connector-crashed" Internal
    ConnectorUnusable "connector-unusable" Usage
    ConnectorNotFound "connector-not-found" Usage
    ConnectorMismatch "connector-mismatch" Conflict
    ConnectorChanged "connector-changed" Refused
    ConnectorNotPinned "connector-not-pinned" Usage
    ConnectorNotOwn "connector-not-own" Usage
    ConnectorNotInstalled "connector-not-installed" Usage
    ConnectorDamaged "connector-damaged" Internal
    ConnectorHash "connector-hash" Refused
    SbomNotFound "sbom-not-found" Usage
    OciReference "oci-reference" Usage
    ConnectorInUse "connector-in-use" Conflict
    DownloadWithoutTls "download-without-tls" Refused
    DownloadFailed "download-failed" Unavailable
    CatalogueNotFound "catalogue-not-found" Usage
    CatalogueExists "catalogue-exists" Conflict
    CatalogueKey "catalogue-key" Usage
    CatalogueUnavailable "catalogue-unavailable" Unavailable
    CatalogueSignature "catalogue-signature" Refused
    CatalogueInvalid "catalogue-invalid" Refused
    CatalogueExpired "catalogue-expired" Refused
    CatalogueRolledBack "catalogue-rolled-back" Refused
    ConnectorNotCatalogued "connector-not-catalogued" Usage
    ConnectorYanked "connector-yanked" Refused

    // Instances and their secrets.
    InstanceNotFound "instance-not-found" Usage
    InstanceExists "instance-exists" Conflict
    ImportOnly "import-only" Usage
    NotImportOnly "not-import-only" Usage
    Locked "locked" Conflict
    DaemonRunning "daemon-running" Conflict
    Paused "paused" Conflict
    NotAccepted "not-accepted" Refused
    AccountMismatch "account-mismatch" Conflict
    SettingNotFound "setting-not-found" Usage
    InvalidOrigin "invalid-origin" Usage
    Secret "secret" Refused
    SecretReserved "secret-reserved" Refused
    SecretNotGiven "secret-not-given" Usage
    SecretNotStored "secret-not-stored" Usage
    SecretAmbiguous "secret-ambiguous" Usage
    SecretUnknown "secret-unknown" Usage
    NotConfirmed "not-confirmed" Usage
    LinkedFiles "linked-files" Refused
    DeletionPending "deletion-pending" Conflict
    InvalidSchedule "invalid-schedule" Usage

    // The vault.
    VaultKey "vault-key" Refused
    VaultKeyForm "vault-key-form" Usage
    VaultKeyMismatch "vault-key-mismatch" Refused
    VaultDamaged "vault-damaged" Internal
    VaultVersion "vault-version" Conflict
    VaultTenant "vault-tenant" Conflict
    VaultAudience "vault-audience" Refused
    VaultEntry "vault-entry" Refused
    VaultFile "vault-file" Internal

    // Syncs and imports.
    Selection "selection" Usage
    NoProjects "no-projects" Conflict
    RemovalRefused "removal-refused" Conflict
    DryRun "dry-run" Conflict
    ScanFailed "scan-failed" Usage
    Superseded "superseded" Conflict
    PagingStuck "paging-stuck" Internal
    NotPrepared "not-prepared" Unavailable
    RunNotFound "run-not-found" Usage
    FileUnreadable "file-unreadable" Usage
    FileUnsupported "file-unsupported" Usage
    FileChanged "file-changed" Conflict
    ReportRefused "report-refused" Usage
    FormatNotFound "format-not-found" Usage
    ProjectNotNamed "project-not-named" Usage
    KindMismatch "kind-mismatch" Usage
    KindNotNamed "kind-not-named" Usage
    ScanIncomplete "scan-incomplete" Usage

    // Repositories and mapping.
    ProjectUnknown "project-unknown" Usage
    RepositoryNotFound "repository-not-found" Usage
    RepositoryAmbiguous "repository-ambiguous" Usage
    ProjectAmbiguous "project-ambiguous" Usage
    InvalidRepository "invalid-repository" Usage
    IncompleteList "incomplete-list" Usage
    RepositoryInUse "repository-in-use" Conflict
    FindingsUndecided "findings-undecided" Usage
    FieldNotFound "field-not-found" Usage

    // Onboarding.
    OnboardingNotFound "onboarding-not-found" Usage
    OnboardingExists "onboarding-exists" Conflict
    OnboardingConnectorChanged "onboarding-connector-changed" Refused
    OnboardingIncomplete "onboarding-incomplete" Usage
    NoReadableKind "no-readable-kind" Refused
    KindNotReadable "kind-not-readable" Refused
    PatternUnmatched "pattern-unmatched" Usage

    // Policies.
    InvalidPolicies "invalid-policies" Usage
    NoPolicies "no-policies" Usage
    PolicyNotFound "policy-not-found" Usage
    NothingInScope "nothing-in-scope" Usage

    // Triage.
    InvalidDecision "invalid-decision" Usage
    InvalidTriageFile "invalid-triage-file" Usage
    WriteBackUnsupported "write-back-unsupported" Usage
    WriteBackOff "write-back-off" Refused

    // Notifications and webhooks.
    InvalidUrl "invalid-url" Usage
    UrlFragment "url-fragment" Usage
    UrlWithoutTls "url-without-tls" Refused
    OriginMismatch "origin-mismatch" Usage
    SecretTooShort "secret-too-short" Usage
    SecretForm "secret-form" Usage
    SecretOnce "secret-once" Usage
    NotifyNotFound "notify-not-found" Usage
    AlertNotFound "alert-not-found" Usage
    InvalidMailAddress "invalid-mail-address" Usage
    MailFolder "mail-folder" Usage
    DeliveryNotFound "delivery-not-found" Usage
    NoEvents "no-events" Usage
    SignatureUnsupported "signature-unsupported" Usage
    InvalidHeader "invalid-header" Internal
    WebhookNotFound "webhook-not-found" Usage
    RemoteListen "remote-listen" Refused
    ListenFailed "listen-failed" Conflict

    // Tenants and backups.
    TenantNotFound "tenant-not-found" Usage
    TenantExists "tenant-exists" Conflict
    BackupExists "backup-exists" Conflict
    BackupFile "backup-file" Internal
    NotABackup "not-a-backup" Usage
    BackupForged "backup-forged" Refused
    BackupExchanged "backup-exchanged" Refused
    BackupDamaged "backup-damaged" Refused

    // Access.
    TokenNotFound "token-not-found" Usage
    ViewNotFound "view-not-found" Usage
    ViewName "view-name" Usage
    TokenLifetime "token-lifetime" Usage

    // Views.
    FindingNotFound "finding-not-found" Usage
    IssueNotFound "issue-not-found" Usage
    AmbiguousId "ambiguous-id" Usage
    AdvisoryNotFound "advisory-not-found" Usage
    CursorMismatch "cursor-mismatch" Usage

    // The machine.
    Usage "usage" Usage
    FolderExposed "folder-exposed" Refused
    FileExposed "file-exposed" Refused
    Io "io" Internal
    NetworkFileSystem "network-file-system" Refused
    DiskFull "disk-full" Internal
    StoreBusy "store-busy" Conflict
    StoreDamaged "store-damaged" Internal
    StoreReadOnly "store-read-only" Internal
    StoreSchema "store-schema" Refused
    StoreTooSlow "store-too-slow" Refused
    StoreVersion "store-version" Conflict
    StoreTenant "store-tenant" Conflict
    StoreReplaced "store-replaced" Conflict
    Store "store" Internal
    Stopped "stopped" Unavailable
    Host "host" Internal
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A word that is no code.
#[derive(Debug, thiserror::Error)]
#[error("unknown error code `{0}`")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word).ok_or_else(|| UnknownCode(word.to_owned()))
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Code;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.as_str().parse::<Code>().unwrap(), *code);
        }
    }
}
