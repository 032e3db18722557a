//! Why a sync, an import or a renormalization cannot do what was asked.

mod import;
mod selection;

use std::time::Duration;

use appsec_grant::Code;
use appsec_model::{Error as ContractError, ErrorCode};
use appsec_sandbox::{CallError, CallFailure, CallStats};
use appsec_store::{Cause, FetchStats, StoreError};

pub use self::{import::ImportError, selection::SelectionError};

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
        usage: Box<FetchStats>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The selection names what is not there.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A file cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A run is not there.
    #[error("run {0} not found")]
    NoRun(i64),
    /// The vendor's list of projects has no end.
    #[error("project listing did not terminate ({0} projects so far)")]
    EndlessProjects(usize),
    /// The vendor's list of projects is empty, and was not before.
    #[error("the vendor no longer lists any projects, but listed {0} before; nothing was fetched or marked")]
    NoProjects(usize),
    /// The program is shutting down.
    #[error("stopped")]
    Stopped,
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl Error {
    /// A failure of a call that the host finds in its result.
    pub fn call(instance_path: &str, function: &'static str, failure: CallFailure) -> Self {
        Self::from(CallError {
            instance_path: instance_path.to_owned(),
            function,
            failure,
            report: CallStats::default(),
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

    pub(crate) fn has_code(&self, code: ErrorCode) -> bool {
        self.contract().is_some_and(|error| error.code == code)
    }

    /// Whether a call of the connector failed.
    pub fn is_call(&self) -> bool {
        self.failure().is_some()
    }

    /// Whether the instance has to be configured first.
    pub fn is_not_configured(&self) -> bool {
        self.has_code(ErrorCode::NotConfigured)
    }

    /// Whether the vendor refuses the token.
    pub fn is_unauthorized(&self) -> bool {
        self.has_code(ErrorCode::Unauthorized) || self.code() == Code::OauthRefused
    }

    pub(crate) fn is_invalid_cursor(&self) -> bool {
        self.has_code(ErrorCode::InvalidCursor)
    }

    /// What the failed tries took.
    pub(crate) fn usage(&self) -> Option<FetchStats> {
        match self {
            Self::Exhausted { usage, .. } => Some(**usage),
            Self::Call(error) => Some(FetchStats {
                requests: u64::from(error.report.requests),
                received_bytes: error.report.received_bytes,
                ..FetchStats::default()
            }),
            _ => None,
        }
    }

    /// A stable word for it.
    pub fn code(&self) -> Code {
        match self {
            Self::Call(error) | Self::Exhausted { error, .. } => error.code(),
            Self::Store(error) => error.code(),
            Self::Selection(_) => Code::Selection,
            Self::Import(error) => error.code(),
            Self::NoRun(_) => Code::RunNotFound,
            Self::EndlessProjects(_) => Code::Protocol,
            Self::NoProjects(_) => Code::NoProjects,
            Self::Stopped => Code::Stopped,
        }
    }

    /// It, as the run log keeps it.
    pub fn cause(&self) -> Cause {
        Cause { code: self.code(), message: self.to_string() }
    }
}
