//! Reads reports of any scanner into the unified model, by public formats only.
//!
//! | format | versions | records |
//! |---|---|---|
//! | SARIF | 2.1.0 | results |
//! | CycloneDX JSON | 1.4 to 1.7 | components, and each vulnerability of each component |
//! | OSV-Scanner JSON | as of OSV-Scanner 1 and 2 | packages, and each group of aliases of each package |
//! | GitLab security report | 14 and 15 | dependencies, and vulnerabilities |
//!
//! Nothing here reads files, asks a network or knows the time: bytes go in,
//! values come out, and the same bytes give the same values. Which member
//! becomes what is in this crate's `README.md`.
//!
//! ```
//! use appsec_reports::{Format, Options, detect, read};
//!
//! let file = br#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"check"}},"results":[
//!     {"ruleId":"weak-hash","level":"note","message":{"text":"MD5 is weak."}}]}]}"#;
//! assert_eq!(detect(file).unwrap(), Format::Sarif);
//! let report = read(file, &Options::default()).unwrap();
//! assert_eq!(report.head.records, 1);
//! assert_eq!(report.normalized.findings[0].title, "MD5 is weak.");
//! ```

#![warn(missing_docs)]

mod advisory;
mod bounds;
mod collection;
mod cyclonedx;
mod detect;
mod format;
mod gitlab;
mod identity;
mod json;
mod osv;
mod package;
mod place;
mod read;
mod refusal;
mod report;
mod sarif;
mod weakness;
mod words;

pub use crate::{
    detect::detect,
    format::Format,
    identity::{FINGERPRINT, OWN, PARTIAL_FINGERPRINT},
    read::read,
    refusal::Refusal,
    report::{Head, Options, Record, Report, Tool},
};

/// The largest report that is read, unpacked, in bytes. The text stays in
/// memory while it is read, and findings take about as much again; code scanning
/// services take 10 MiB packed at most.
pub const MAX_BYTES: usize = 256 << 20;

/// The most records that a report may hold: more of them than fit into
/// [`MAX_BYTES`] in any format but the emptiest.
pub const MAX_RECORDS: usize = 2_000_000;

/// The longest text of a finding or rule, such as a message or code, in bytes. A
/// longer one is cut, and a diagnostic says so. Nobody reads on.
pub const MAX_TEXT_BYTES: usize = 64 << 10;

/// The longest word, name, address or path, in bytes: the longest path of most
/// systems. A longer one is cut too.
pub const MAX_WORD_BYTES: usize = 4 << 10;

/// The longest list of a finding, rule or package, such as its advisories.
pub const MAX_LIST: usize = 1_000;

/// Bytes that a report may become for each of its own: one of its texts may be
/// the message of many findings. A record of some hundred bytes becomes about
/// four times as much.
pub const MADE_PER_BYTE: usize = 8;

/// Bytes that a report may become besides, however small it is.
pub const MADE_AT_LEAST: usize = 64 << 20;

#[cfg(test)]
mod tests;
