//! Whether somebody looked at a project, and what is known of it since.
//!
//! Nothing open is told from nothing scanned, and from nothing read.

use std::collections::{BTreeMap, HashMap};

use appsec_model::Project;
use serde::Serialize;

/// Findings of a project.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct ProjectCounts {
    /// Open ones about security, as every count of open findings.
    pub open: u64,
    /// Open ones that are not about security.
    pub open_non_security: u64,
    /// All of them.
    pub total: u64,
}

/// What a project that only files name begins its `vendor_id` with.
pub(crate) const NAMED: &str = "name:";

/// Whether somebody looked at a project.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Looked {
    /// It was scanned, and what the scan found was brought.
    Read,
    /// It was scanned.
    Scanned,
    /// It was not, as far as is known.
    Never,
}

/// What tells whether somebody looked at a project.
pub(crate) struct Evidence<'a> {
    pub instance_id: i64,
    pub vendor_id: &'a str,
    pub project: &'a Project,
    /// Whether it is read into a repository, and since when.
    pub mapped: bool,
    pub mapped_at: Option<i64>,
    /// Whether there are records of it.
    pub has_records: bool,
}

/// When what was last read, each kind by itself.
#[derive(Default)]
pub(crate) struct FetchTimes {
    /// All projects of an instance.
    pub instances: HashMap<i64, BTreeMap<String, i64>>,
    /// Single ones, by the vendor's id.
    pub projects: HashMap<(i64, String), BTreeMap<String, i64>>,
}

impl FetchTimes {
    /// The kinds of which runs have fetched what there is of a project since it is
    /// mapped.
    pub fn fetched(&self, it: &Evidence<'_>) -> impl Iterator<Item = &String> {
        let single = self.projects.get(&(it.instance_id, it.vendor_id.to_owned()));
        let times = self.instances.get(&it.instance_id).into_iter().chain(single).flatten();
        let late = times.filter(|(_, at)| it.mapped_at.is_none_or(|mapped_at| **at >= mapped_at));
        late.map(|(kind, _)| kind)
    }

    /// Whether a project was looked at: the vendor says when it was scanned, or
    /// there are records of it, or it is only known from a file of its results.
    /// What was found is known if it was read since it is mapped.
    pub fn looked(&self, it: &Evidence<'_>) -> Looked {
        let from_file = it.vendor_id.starts_with(NAMED);
        match (it.project.last_scan_at.is_some(), it.has_records || from_file) {
            (_, true) if it.mapped => Looked::Read,
            (true, false) if it.mapped && self.fetched(it).next().is_some() => Looked::Read,
            (false, false) => Looked::Never,
            _ => Looked::Scanned,
        }
    }
}

/// Whether a project of this mapping is read into a repository.
pub(crate) fn is_mapped(mapping: &str) -> bool {
    matches!(mapping, "mapped" | "drifted")
}

words! {
    /// What is known of something that may have findings.
    Outcome {
        /// It has open findings.
        Findings = "findings",
        /// It has none, but records that could not be used: what they say is not
        /// known.
        Incomplete = "incomplete",
        /// It was scanned and has none.
        Clean = "clean",
        /// It was scanned, but no run has fetched it: it is not mapped, or was not
        /// when the last run that fetched everything began.
        NotRead = "not-read",
        /// It has none because it was never scanned.
        NeverScanned = "never-scanned",
    }
}

impl Outcome {
    /// What a number of open findings says, of a project that was looked at or
    /// not, and with records that could not be used or without.
    pub(crate) const fn of(open: u64, looked: Looked, unusable: bool) -> Self {
        match (open, unusable, looked) {
            (1.., _, _) => Self::Findings,
            (0, true, _) => Self::Incomplete,
            (0, false, Looked::Read) => Self::Clean,
            (0, false, Looked::Scanned) => Self::NotRead,
            (0, false, Looked::Never) => Self::NeverScanned,
        }
    }
}
