//! What a report tells beside the findings that are exported: what happened on each
//! day, and which repositories are looked after.

/// What a report tells beside findings.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// Days, the oldest first, without a gap.
    pub days: Vec<Day>,
    /// Repositories, those that need somebody first.
    pub repositories: Vec<CoveredRepository>,
    /// States of coverage, the best first: the first one is that of what is covered.
    pub states: Vec<String>,
    /// Repositories that no instance covers.
    pub uncovered: u64,
    /// Projects that belong to no repository.
    pub unmapped: u64,
}

/// What happened on a day.
#[derive(Clone, Debug, Default)]
pub struct Day {
    /// The day, as `2026-01-31`.
    pub day: String,
    /// Findings first seen.
    pub new: u64,
    /// Findings that are open again.
    pub reopened: u64,
    /// Findings that are fixed.
    pub fixed: u64,
    /// Findings that are no longer reported.
    pub vanished: u64,
    /// Findings that were ignored.
    pub dismissed: u64,
    /// Findings that were open at its end.
    pub open: u64,
}

/// How a repository is looked after.
#[derive(Clone, Debug, Default)]
pub struct CoveredRepository {
    /// Its full name.
    pub name: String,
    /// State of what looks for vulnerabilities of packages, and open ones.
    pub vulnerabilities: (String, u64),
    /// State of what looks for weaknesses of code, and open ones.
    pub weaknesses: (String, u64),
}
