//! Errors and diagnostics to the host.

use super::{ToWit, record_to_wit, words_to_wit};
use crate::bindings::appsec::connector::model as wit;

record_to_wit!(Error { code, detail, subject, did_you_mean, status, retry_after_ms, problems });
words_to_wit!(ErrorCode {
    InvalidSettings,
    NotConfigured,
    Unauthorized,
    Forbidden,
    MissingScope,
    NoDeployment,
    DeploymentNotFound,
    ProjectNotFound,
    RateLimited,
    Unavailable,
    EgressDenied,
    Protocol,
    InvalidCursor,
    Unsupported,
    Limit,
    Internal
});
record_to_wit!(SettingProblem { key, problem });
record_to_wit!(Diagnostic { level, code, index, id, pointer, message });
words_to_wit!(DiagnosticLevel { Warning, Skipped, Error });
