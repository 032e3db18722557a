//! The data of the contract `appsec:connector@0.2.0` as plain Rust types.
//!
//! Connectors written in Rust build these types, hosts store and print them,
//! and both compare them: the JSON form is part of the public face, with
//! `snake_case` keys and `kebab-case` values. The meaning of each field is in
//! `wit/model.wit`; the names here are the same.
//!
//! ```
//! use appsec_model::{Kind, Timestamp};
//!
//! let kind: Kind = "ai-sast".parse().unwrap();
//! assert_eq!(kind, Kind::AiSast);
//! let moment: Timestamp = "2020-11-18 23:28:12.391807+00:00".parse().unwrap();
//! assert_eq!(moment.to_string(), "2020-11-18T23:28:12.391807Z");
//! ```

#![warn(missing_docs)]

mod open;

mod assistance;
mod connector;
pub mod credential;
mod dependency;
mod diagnostic;
mod error;
mod finding;
pub mod folder;
pub mod foreign;
mod kind;
mod lifecycle;
mod need;
mod rule;
pub mod scan;
mod secret;
pub mod text;
mod timestamp;
mod webhook;
mod write_back;

pub use crate::{
    assistance::{Assistance, Component, Conclusion, Explanation, Verdict},
    connector::{
        Access, Author, Completeness, Connection, Deployment, Document, DocumentFormat, DocumentHead, DocumentSummary,
        FetchRequest, Gist, KindAccess, KindCount, KindSupport, Manifest, NextPage, Pending, Project, ProjectPage,
        ProjectScope, PullRequest, RawInput, RawPage, RawRecord, Scan, Scope,
    },
    dependency::{
        AdvisoryId, AdvisorySource, Dependency, Ecosystem, Epss, Fix, Package, PackageVersion, Reachability,
        ReachabilityVerdict, Transitivity, Upgrade, Usage,
    },
    diagnostic::{Diagnostic, DiagnosticLevel},
    error::{Error, ErrorCode, SettingProblem},
    finding::{
        Confidence, Finding, FixFailure, FixRequest, FlowRole, FlowStep, Identity, Location, Normalized, Policy,
        ReviewComment, Severity, Ticket,
    },
    kind::{Kind, ProjectRef},
    lifecycle::{Lifecycle, ScanState, Status, Triage, TriageState},
    need::{OauthAuthentication, OauthClient, OauthGrant, OriginNeed, SecretHeader, SecretNeed, SecretPlacement},
    rule::{Cwe, Owasp, Rule},
    secret::{History, LeakedSecret, Validation, Visibility},
    timestamp::{ParseTimestampError, Timestamp},
    webhook::{Event, EventType, SignatureAlgorithm, SignatureEncoding, WebhookScheme},
    write_back::{Decision, DecisionBatch, DecisionOutcome, DecisionReport, WriteBack},
};

/// Version of the contract that these types belong to.
pub const CONTRACT_VERSION: &str = "0.2.0";
