//! Why an onboarding does not go on.

use appsec_grant::{Code, InstanceName, UnknownName};
use appsec_model::Kind;
use appsec_store::ConnectorSource;
use serde::Serialize;

/// What an onboarding waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnboardingStep {
    /// A token that the vendor accepts.
    Token,
    /// Which kinds to bring.
    Kinds,
    /// Which projects to bring.
    Projects,
    /// What becomes of projects without a repository.
    Mapping,
    /// Nothing: it can be saved.
    Save,
}

/// Why an onboarding does not go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OnboardingError {
    /// Nobody has begun it.
    #[error("no onboarding of `{0}` is in progress")]
    NotBegun(InstanceName),
    /// A step is missing.
    #[error("the onboarding of `{name}` is not complete: {} not chosen", .missing.missing())]
    Unfinished {
        /// Name of the instance to be.
        name: InstanceName,
        /// What it waits for.
        missing: OnboardingStep,
    },
    /// The connector's file was exchanged.
    #[error("the connector {connector} has changed since the onboarding of `{name}` began")]
    ConnectorChanged {
        /// Name of the instance to be.
        name: InstanceName,
        /// Where the connector is.
        connector: ConnectorSource,
    },
    /// No kind was chosen.
    #[error("no kind is left to fetch")]
    NoKind,
    /// The kind cannot be brought.
    #[error("cannot fetch {kind}: {reason}")]
    Kind {
        /// The kind.
        kind: Kind,
        /// Why.
        reason: String,
    },
    /// A pattern is the name of no project.
    #[error("none of the vendor's {listed} projects matches `{}`{}", .pattern.name, .pattern.question())]
    NoProject {
        /// The pattern.
        pattern: UnknownName,
        /// How many projects there are.
        listed: usize,
    },
}

impl OnboardingStep {
    fn missing(self) -> &'static str {
        match self {
            Self::Token => "the token is",
            Self::Kinds => "the kinds are",
            Self::Projects => "the projects are",
            Self::Mapping => "the mapping is",
            Self::Save => "nothing is",
        }
    }
}

impl OnboardingError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::NotBegun(_) => Code::OnboardingNotFound,
            Self::Unfinished { .. } => Code::OnboardingIncomplete,
            Self::ConnectorChanged { .. } => Code::OnboardingConnectorChanged,
            Self::NoKind => Code::NoReadableKind,
            Self::Kind { .. } => Code::KindNotReadable,
            Self::NoProject { .. } => Code::PatternUnmatched,
        }
    }
}
