//! Why a call of the contract failed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a call failed. The code says who must act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Error {
    /// Who must act.
    pub code: ErrorCode,
    /// What happened, in words.
    pub detail: String,
    /// What it is about: a name, an origin, method and path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Names that exist and may be meant by the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub did_you_mean: Vec<String>,
    /// HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long to wait, where the vendor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Each wrong setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<SettingProblem>,
}

/// Who must act.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ErrorCode {
    /// The settings are wrong.
    InvalidSettings,
    /// No `configure` has succeeded for this instance.
    NotConfigured,
    /// The secret is wrong or expired.
    Unauthorized,
    /// The secret may not do this.
    Forbidden,
    /// The secret lacks a scope.
    MissingScope,
    /// The secret is right, and sees no deployment.
    NoDeployment,
    /// The vendor has no such deployment.
    DeploymentNotFound,
    /// The vendor has no such project.
    ProjectNotFound,
    /// Too many requests.
    RateLimited,
    /// The vendor cannot answer now.
    Unavailable,
    /// The host refused the origin.
    EgressDenied,
    /// The answer is not what the vendor's API promises.
    Protocol,
    /// The cursor is damaged, of another connector, or of another request.
    InvalidCursor,
    /// Something that the connector lacks.
    Unsupported,
    /// The input or the answer is larger than the connector takes.
    Limit,
    /// A fault in the connector.
    Internal,
}

/// One wrong setting.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingProblem {
    /// Key of the setting; empty for the settings as a whole.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ErrorCode {
    /// Its stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSettings => "invalid-settings",
            Self::NotConfigured => "not-configured",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::MissingScope => "missing-scope",
            Self::NoDeployment => "no-deployment",
            Self::DeploymentNotFound => "deployment-not-found",
            Self::ProjectNotFound => "project-not-found",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::EgressDenied => "egress-denied",
            Self::Protocol => "protocol",
            Self::InvalidCursor => "invalid-cursor",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit",
            Self::Internal => "internal",
        }
    }

    /// What a message begins with.
    const fn words(self) -> &'static str {
        match self {
            Self::InvalidSettings => "invalid settings",
            Self::NotConfigured => "not configured",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::MissingScope => "missing scope",
            Self::NoDeployment => "no deployment",
            Self::DeploymentNotFound => "no such deployment",
            Self::ProjectNotFound => "no such project",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::EgressDenied => "egress denied",
            Self::Protocol => "unexpected answer",
            Self::InvalidCursor => "invalid cursor",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit exceeded",
            Self::Internal => "fault in the connector",
        }
    }
}

impl Error {
    /// An error of this code, with what happened in words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            subject: None,
            did_you_mean: Vec::new(),
            status: None,
            retry_after_ms: None,
            problems: Vec::new(),
        }
    }

    /// `invalid-settings`, with each wrong setting.
    pub fn invalid_settings(problems: Vec<SettingProblem>) -> Self {
        Self { problems, ..Self::new(ErrorCode::InvalidSettings, "") }
    }

    /// `not-configured`.
    pub fn not_configured() -> Self {
        Self::new(ErrorCode::NotConfigured, "")
    }

    /// `unsupported`.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unsupported, what)
    }

    /// `limit`.
    pub fn limit(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::Limit, what)
    }

    /// `internal`.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, what)
    }

    /// `protocol`, with method and path of the answer.
    pub fn protocol(endpoint: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(ErrorCode::Protocol, what).about(endpoint)
    }

    /// `unavailable`, with the status of the answer if there was one.
    pub fn unavailable(status: Option<u16>, detail: impl Into<String>) -> Self {
        Self { status, ..Self::new(ErrorCode::Unavailable, detail) }
    }

    /// The same, about something.
    #[must_use]
    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same, with a wait that the vendor asks for.
    #[must_use]
    pub fn after(self, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms, ..self }
    }
}

/// Each wrong setting with what is wrong with it, in one line.
fn write_problems(out: &mut fmt::Formatter<'_>, problems: &[SettingProblem]) -> fmt::Result {
    for (position, SettingProblem { key, problem }) in problems.iter().enumerate() {
        out.write_str(if position == 0 { ": " } else { "; " })?;
        if !key.is_empty() {
            write!(out, "`{key}` ")?;
        }
        out.write_str(problem)?;
    }
    Ok(())
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, &self.subject) {
            (ErrorCode::DeploymentNotFound, Some(slug)) => write!(out, "no deployment `{slug}`")?,
            (ErrorCode::ProjectNotFound, Some(name)) => write!(out, "no project `{name}`")?,
            (ErrorCode::Protocol, Some(endpoint)) => write!(out, "unexpected answer of {endpoint}")?,
            (code, Some(subject)) => write!(out, "{}: {subject}", code.words())?,
            (code, None) => out.write_str(code.words())?,
        }
        if let Some(status) = self.status {
            write!(out, " (HTTP {status})")?;
        }
        write_problems(out, &self.problems)?;
        if !self.detail.is_empty() {
            write!(out, ": {}", self.detail)?;
        }
        for (position, name) in self.did_you_mean.iter().enumerate() {
            write!(out, "{}`{name}`", if position == 0 { ", did you mean " } else { " or " })?;
        }
        if !self.did_you_mean.is_empty() {
            out.write_str("?")?;
        }
        match self.retry_after_ms {
            Some(millis) => write!(out, ", again after {millis} ms"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
