//! Why a call of the contract failed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a call failed. The case says who must act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Error {
    /// The settings are wrong.
    InvalidSettings {
        /// Each wrong setting.
        problems: Vec<SettingProblem>,
    },
    /// No `configure` has succeeded for this instance.
    NotConfigured,
    /// The secret is wrong or expired.
    Unauthorized {
        /// The vendor's answer in words.
        detail: String,
    },
    /// The secret may not do this.
    Forbidden {
        /// The vendor's answer in words.
        detail: String,
    },
    /// The secret lacks a scope.
    MissingScope {
        /// Which, and what else it could be.
        detail: String,
    },
    /// The secret is right, and sees no deployment.
    NoDeployment {
        /// What may be the cause, and what to do.
        detail: String,
    },
    /// The vendor has no such deployment.
    DeploymentNotFound {
        /// The slug that was asked for.
        slug: String,
        /// The one that the secret sees.
        did_you_mean: Option<String>,
    },
    /// The vendor has no such project.
    ProjectNotFound {
        /// The name that was asked for.
        name: String,
        /// A name like it that exists.
        did_you_mean: Option<String>,
    },
    /// Too many requests.
    RateLimited {
        /// How long to wait, where the vendor says.
        retry_after_ms: Option<u64>,
    },
    /// The vendor cannot answer now.
    Unavailable {
        /// HTTP status; none where there was no answer.
        status: Option<u16>,
        /// What happened.
        detail: String,
        /// How long to wait, where the vendor says.
        retry_after_ms: Option<u64>,
    },
    /// The host refused the origin.
    EgressDenied {
        /// The origin.
        origin: String,
    },
    /// The answer is not what the vendor's API promises.
    Protocol {
        /// Method and path.
        endpoint: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// The cursor is damaged, of another connector, or of another request.
    InvalidCursor {
        /// What is wrong with it.
        detail: String,
    },
    /// Something that the connector lacks.
    Unsupported {
        /// What.
        what: String,
    },
    /// The input or the answer is larger than the connector takes.
    Limit {
        /// Which limit.
        what: String,
    },
    /// A fault in the connector.
    Internal {
        /// What went wrong.
        detail: String,
    },
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

impl Error {
    /// The stable word of the case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidSettings { .. } => "invalid-settings",
            Self::NotConfigured => "not-configured",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::MissingScope { .. } => "missing-scope",
            Self::NoDeployment { .. } => "no-deployment",
            Self::DeploymentNotFound { .. } => "deployment-not-found",
            Self::ProjectNotFound { .. } => "project-not-found",
            Self::RateLimited { .. } => "rate-limited",
            Self::Unavailable { .. } => "unavailable",
            Self::EgressDenied { .. } => "egress-denied",
            Self::Protocol { .. } => "protocol",
            Self::InvalidCursor { .. } => "invalid-cursor",
            Self::Unsupported { .. } => "unsupported",
            Self::Limit { .. } => "limit",
            Self::Internal { .. } => "internal",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSettings { problems } => {
                out.write_str("invalid settings")?;
                for (position, SettingProblem { key, problem }) in problems.iter().enumerate() {
                    out.write_str(if position == 0 { ": " } else { "; " })?;
                    if !key.is_empty() {
                        write!(out, "`{key}` ")?;
                    }
                    out.write_str(problem)?;
                }
                Ok(())
            }
            Self::NotConfigured => out.write_str("not configured"),
            Self::Unauthorized { detail } => write!(out, "unauthorized: {detail}"),
            Self::Forbidden { detail } => write!(out, "forbidden: {detail}"),
            Self::MissingScope { detail } => write!(out, "missing scope: {detail}"),
            Self::NoDeployment { detail } => write!(out, "no deployment: {detail}"),
            Self::DeploymentNotFound { slug, did_you_mean } => {
                write!(out, "no deployment `{slug}`")?;
                suggest(out, did_you_mean.as_deref())
            }
            Self::ProjectNotFound { name, did_you_mean } => {
                write!(out, "no project `{name}`")?;
                suggest(out, did_you_mean.as_deref())
            }
            Self::RateLimited { retry_after_ms } => {
                out.write_str("rate limited")?;
                after(out, *retry_after_ms)
            }
            Self::Unavailable { status, detail, retry_after_ms } => {
                match status {
                    Some(status) => write!(out, "unavailable (HTTP {status}): {detail}")?,
                    None => write!(out, "unavailable: {detail}")?,
                }
                after(out, *retry_after_ms)
            }
            Self::EgressDenied { origin } => write!(out, "egress denied: {origin}"),
            Self::Protocol { endpoint, what } => write!(out, "unexpected answer of {endpoint}: {what}"),
            Self::InvalidCursor { detail } => write!(out, "invalid cursor: {detail}"),
            Self::Unsupported { what } => write!(out, "unsupported: {what}"),
            Self::Limit { what } => write!(out, "limit exceeded: {what}"),
            Self::Internal { detail } => write!(out, "fault in the connector: {detail}"),
        }
    }
}

fn suggest(out: &mut fmt::Formatter<'_>, did_you_mean: Option<&str>) -> fmt::Result {
    match did_you_mean {
        Some(name) => write!(out, ", did you mean `{name}`?"),
        None => Ok(()),
    }
}

fn after(out: &mut fmt::Formatter<'_>, retry_after_ms: Option<u64>) -> fmt::Result {
    match retry_after_ms {
        Some(millis) => write!(out, ", again after {millis} ms"),
        None => Ok(()),
    }
}

impl std::error::Error for Error {}
