//! Why a file cannot be imported.

use appsec_grant::{Code, UnknownName};

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("cannot read {file}")]
    File {
        /// Its name.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no report of another scanner that can be read.
    #[error("cannot read {file} as a scanner report: {refusal}")]
    Refused {
        /// Its name.
        file: String,
        /// Why.
        refusal: appsec_reports::Refusal,
    },
    /// There is no such format of reports.
    #[error("unknown report format `{}`: use sarif, cyclonedx, osv-scanner or gitlab{}", .0.name, .0.question())]
    NoFormat(UnknownName),
    /// Its records name no project, and the operator named none.
    #[error("the records of {0} do not say which project they belong to")]
    NoProject(String),
    /// It holds nothing of the kinds that were asked for.
    #[error("{file} contains {found}, but {wanted} was requested")]
    OtherKinds {
        /// Its name.
        file: String,
        /// What it holds.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// What is not in it proves nothing.
    #[error("{file} cannot be taken as a complete scan: {reason}")]
    Incomplete {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
    },
    /// A complete scan without findings, and nobody says of which kind.
    #[error("{0} contains no records, so the kind of its scan is unknown")]
    NoKind(String),
    /// A complete scan of which project?
    #[error("{0} is imported as a complete scan, but no project is named")]
    NoScope(String),
    /// It changed while it was read.
    #[error("{0} changed while it was read")]
    Changed(String),
}

impl ImportError {
    /// A stable word for it.
    pub fn code(&self) -> Code {
        match self {
            Self::File { .. } => Code::FileUnreadable,
            Self::Refused { .. } => Code::ReportRefused,
            Self::NoFormat(_) => Code::FormatNotFound,
            Self::NoProject(_) | Self::NoScope(_) => Code::ProjectNotNamed,
            Self::OtherKinds { .. } => Code::KindMismatch,
            Self::Incomplete { .. } => Code::ScanIncomplete,
            Self::NoKind(_) => Code::KindNotNamed,
            Self::Changed(_) => Code::FileChanged,
        }
    }
}
