//! What each format is: a document under way.

use std::{collections::BTreeMap, io};

use appsec_model::Timestamp;
use serde::Serialize;

use crate::{
    exported::{Exported, ListedPackage},
    overview::Overview,
};

/// How to export.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Now: what is dated by the export has this date.
    pub moment: Timestamp,
    /// Whose findings they are: the name of the tenant.
    pub owner: String,
    /// Version of the program.
    pub version: String,
    /// Keep to the limits of GitHub code scanning.
    pub for_github: bool,
    /// SARIF: one run of everything under this id, also of nothing, so that each
    /// upload takes the place of the one before.
    pub single_run: Option<String>,
    /// Say of what is unreachable that it is not affected, where no source says
    /// otherwise.
    pub unreachable_is_unaffected: bool,
    /// The version of CycloneDX.
    pub cyclonedx: CycloneDxVersion,
}

/// A version of CycloneDX.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CycloneDxVersion {
    /// Version 1.6.
    #[default]
    V1_6,
    /// Version 1.7.
    V1_7,
}

impl CycloneDxVersion {
    /// Its number.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
    /// GitHub would refuse the file.
    #[error(
        "the export has more than 20 runs, and GitHub takes no more per file; there is one for each repository, \
         branch and tool, and for each 25,000 results"
    )]
    TooManyRuns,
}

/// What became of a finding.
pub(crate) enum Outcome {
    Written,
    /// Left out, for this reason.
    LeftOut(&'static str),
}

/// A document under way.
pub(crate) trait Document {
    /// Adds a finding.
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error>;

    /// Adds a package, after all findings.
    fn package(&mut self, _: &ListedPackage) -> Result<(), Error> {
        Ok(())
    }

    /// Says what it tells beside findings, in whatever order.
    fn overview(&mut self, _: Overview) {}

    /// Writes what is left of it.
    fn end(&mut self) -> Result<(), Error>;
}

/// What was exported.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Summary {
    /// Findings that were written.
    pub findings: u64,
    /// Findings that the format does not take, by the reason.
    pub left_out: BTreeMap<&'static str, u64>,
}
