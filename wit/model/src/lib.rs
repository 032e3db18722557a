//! The data of the contract `appsec:connector@0.1.0` as plain Rust types.
//!
//! Connectors written in Rust build these types, hosts store and print them,
//! and both compare them: the JSON form is part of the public face, with
//! `snake_case` keys and `kebab-case` values. The meaning of each field is in
//! `wit/types.wit`; the names here are the same.
//!
//! ```
//! use appsec_model::{Kind, Timestamp};
//!
//! let kind: Kind = "ai-sast".parse().unwrap();
//! assert_eq!(kind, Kind::AiSast);
//! let moment: Timestamp = "2020-11-18 23:28:12.391807+00:00".parse().unwrap();
//! assert_eq!(moment.to_string(), "2020-11-18T23:28:12.391807Z");
//! ```

mod open;

mod connector;
mod diagnostic;
mod error;
mod finding;
mod kind;
mod timestamp;

pub use crate::{
    connector::{
        Access, Connection, Deployment, Document, DocumentFormat, FetchRequest, KindAccess, KindSupport, Manifest,
        NextPage, OriginNeed, Project, ProjectPage, ProjectScope, RawInput, RawPage, RawRecord, Scope, SecretNeed,
    },
    diagnostic::{Diagnostic, DiagnosticLevel},
    error::{Error, SettingProblem},
    finding::{
        AdvisoryId, AdvisorySource, Assistance, Component, Conclusion, Confidence, Cwe, Dependency, Ecosystem, Epss,
        Explanation, Finding, Fix, FixFailure, FixRequest, Identity, Lifecycle, Location, Normalized, Owasp, Package,
        PackageVersion, Policy, Reachability, ReachabilityVerdict, ReviewComment, Rule, ScanState, Severity, Status,
        Ticket, Transitivity, Triage, TriageState, Upgrade, Usage, Verdict,
    },
    kind::{Kind, ProjectRef},
    timestamp::{ParseTimestampError, Timestamp},
};

/// Version of the contract that these types belong to.
pub const CONTRACT_VERSION: &str = "0.1.0";
