//! Why a connector is not installed, found or removed.

use std::path::PathBuf;

use appsec_grant::{Code, UnknownName};

/// Why a connector is not installed, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No connector of that id is installed.
    #[error("connector `{}` is not installed{}", .0.name, .0.question())]
    Unknown(UnknownName),
    /// No component of that hash is installed.
    #[error("no connector with SHA-256 `{0}` is installed")]
    NotInstalled(String),
    /// The connector is installed, but not this version of it.
    #[error("version `{version}` of the connector `{id}` is not installed; installed: {}", .versions.join(", "))]
    NoVersion {
        /// Its id.
        id: String,
        /// The version.
        version: String,
        /// Those that are there, newest first.
        versions: Vec<String>,
    },
    /// Several are meant.
    #[error("several installed connectors match `{0}`")]
    Ambiguous(String),
    /// The component on disk is not the one that was installed.
    #[error("the installed connector {0} is damaged: its SHA-256 does not match its name")]
    Damaged(PathBuf),
    /// Not a SHA-256.
    #[error("`{0}` is not a SHA-256: 64 hexadecimal digits, in lower case")]
    Hash(String),
    /// The component is not the expected one.
    #[error("this is not the expected component: expected SHA-256 {expected}, found {found}; nothing was installed")]
    OtherHash {
        /// Hash of the one that is wanted.
        expected: String,
        /// Hash of the one that is there.
        found: String,
    },
    /// Whoever is between could have changed it.
    #[error("refusing to install from {0}: without TLS anybody on the way can exchange the component")]
    WithoutTls(String),
    /// The address gives nothing.
    #[error("cannot download {url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// It says nothing of the packages in it.
    #[error("the component does not say which packages are in it")]
    NoPackages,
    /// No artifact of a registry.
    #[error("`{0}` names no component in a registry: write it as oci://registry/repository@sha256:HEX")]
    OciReference(String),
    /// What a registry has is no connector.
    #[error("{reference} is no connector: {what}; nothing was installed")]
    Artifact {
        /// Its address.
        reference: String,
        /// Why.
        what: String,
    },
    /// Instances run it.
    #[error("the connector {connector} is in use: {}; nothing was removed", .instances.join(", "))]
    InUse {
        /// Its id and version.
        connector: String,
        /// The instances, each with its tenant.
        instances: Vec<String>,
    },
}

impl ConnectorError {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Unknown(_) | Self::NotInstalled(_) | Self::NoVersion { .. } | Self::Ambiguous(_) => {
                Code::ConnectorNotInstalled
            }
            Self::Damaged(_) => Code::ConnectorDamaged,
            Self::Hash(_) => Code::Usage,
            Self::OtherHash { .. } => Code::ConnectorHash,
            Self::WithoutTls(_) => Code::DownloadWithoutTls,
            Self::Download { .. } => Code::DownloadFailed,
            Self::NoPackages => Code::SbomNotFound,
            Self::OciReference(_) => Code::OciReference,
            Self::Artifact { .. } => Code::ConnectorUnusable,
            Self::InUse { .. } => Code::ConnectorInUse,
        }
    }
}
