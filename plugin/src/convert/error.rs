//! Errors and diagnostics to the host.

use appsec_model as model;

use super::{ToWit, record_to_wit, words_to_wit};
use crate::bindings::appsec::connector::types as wit;

impl ToWit for model::Error {
    type Wit = wit::Error;

    #[inline(never)] // not into each function that may fail
    fn to_wit(self) -> wit::Error {
        match self {
            Self::InvalidSettings { problems } => wit::Error::InvalidSettings(problems.to_wit()),
            Self::NotConfigured => wit::Error::NotConfigured,
            Self::Unauthorized { detail } => wit::Error::Unauthorized(detail),
            Self::Forbidden { detail } => wit::Error::Forbidden(detail),
            Self::MissingScope { detail } => wit::Error::MissingScope(detail),
            Self::NoDeployment { detail } => wit::Error::NoDeployment(detail),
            Self::DeploymentNotFound { slug, did_you_mean } => {
                wit::Error::DeploymentNotFound(wit::DeploymentNotFound { slug, did_you_mean })
            }
            Self::ProjectNotFound { name, did_you_mean } => {
                wit::Error::ProjectNotFound(wit::ProjectNotFound { name, did_you_mean })
            }
            Self::RateLimited { retry_after_ms } => wit::Error::RateLimited(wit::RateLimited { retry_after_ms }),
            Self::Unavailable { status, detail, retry_after_ms } => {
                wit::Error::Unavailable(wit::Unavailable { status, detail, retry_after_ms })
            }
            Self::EgressDenied { origin } => wit::Error::EgressDenied(origin),
            Self::Protocol { endpoint, what } => wit::Error::Protocol(wit::ProtocolViolation { endpoint, what }),
            Self::InvalidCursor { detail } => wit::Error::InvalidCursor(detail),
            Self::Unsupported { what } => wit::Error::Unsupported(what),
            Self::Limit { what } => wit::Error::Limit(what),
            Self::Internal { detail } => wit::Error::Internal(detail),
        }
    }
}

record_to_wit!(SettingProblem { key, problem });
record_to_wit!(Diagnostic { level, code, index, id, pointer, message });
words_to_wit!(DiagnosticLevel { Warning, Skipped, Error });
