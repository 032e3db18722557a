//! Failures as a person reads them: what happened, to whom, and what to do.

use std::process::ExitCode;

use host_harness::{
    Error,
    grant::{Code, InstanceName, TenantId},
    query::QueryError,
};
use serde::Serialize;

use crate::hint::hint;

/// The code of wrong usage.
pub const USAGE: &str = "usage";

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// Whom it happened to: tenant, and instance where there is one.
    pub instance_path: Option<String>,
    pub report: FailureReport,
}

/// A failed command, as `--json` prints it on standard error.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FailureReport {
    /// A stable word for the reason.
    pub code: String,
    /// The tenant, and the instance where there is one: `tenant/instance`.
    pub instance_path: Option<String>,
    /// What happened, from the outside in.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// Any other failure of the command line itself.
    pub fn new(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        let report = FailureReport {
            code: code.to_owned(),
            instance_path: None,
            message: message.into(),
            hint: hint.map(str::to_owned),
        };
        Self { instance_path: None, report }
    }

    /// A failure that the library has a word for.
    pub fn coded(code: Code, message: impl Into<String>) -> Self {
        Self::new(code.as_str(), message, hint(code))
    }

    /// Another hint, where the command knows better which option is meant.
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.report.hint = Some(hint.to_owned());
        self
    }

    /// What the program ends with.
    pub fn exit_code(&self) -> ExitCode {
        if self.report.code == USAGE { ExitCode::from(2) } else { ExitCode::FAILURE }
    }

    /// Says whose instance it is that is not there.
    pub fn of_instance(self, tenant: &TenantId) -> Self {
        if self.report.code == Code::InstanceNotFound.as_str() { self.of(tenant, None) } else { self }
    }

    /// Says whom it happened to.
    pub fn of(mut self, tenant: &TenantId, instance: Option<&InstanceName>) -> Self {
        let instance_path = match instance {
            Some(instance) => format!("{tenant}/{instance}"),
            None => tenant.to_string(),
        };
        self.report.instance_path = Some(instance_path.clone());
        self.instance_path = Some(instance_path);
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::coded(error.code(), host_harness::grant::with_causes(&error));
        match error {
            Error::Query(QueryError::Word { known, .. }) => {
                failure.with_hint(&format!("give one of {}", known.join(", ")))
            }
            _ => failure,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new("io", error.to_string(), None)
    }
}
