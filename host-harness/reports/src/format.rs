//! The formats of reports.

use std::fmt;

/// A format of reports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Format {
    /// Static Analysis Results Interchange Format, of OASIS.
    Sarif,
    /// CycloneDX bill of materials in JSON, of Ecma (ECMA-424).
    CycloneDx,
    /// The JSON of OSV-Scanner, around records of the OSV schema.
    OsvScanner,
    /// Security report of GitLab, which many analyzers write.
    GitLab,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sarif, Self::CycloneDx, Self::OsvScanner, Self::GitLab];

    /// The stable word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::OsvScanner => "osv-scanner",
            Self::GitLab => "gitlab",
        }
    }

    /// The format of this word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The versions of it that are read.
    pub const fn versions(self) -> &'static str {
        match self {
            Self::Sarif => "2.1.0",
            Self::CycloneDx => "1.4, 1.5, 1.6 or 1.7",
            Self::OsvScanner => "1 or 2",
            Self::GitLab => "14 or 15",
        }
    }

    pub(crate) fn expected() -> String {
        let one = |format: Self| format!("{format} {}", format.versions());
        let [first, second, third, fourth] = Self::ALL.map(one);
        format!("{first}; {second}; {third}; or {fourth}")
    }
}

impl Format {
    /// What stands before its name in a sentence: a report is one of several, and JSON is
    /// none.
    pub(crate) const fn article(self) -> &'static str {
        match self {
            Self::GitLab => "a ",
            Self::Sarif | Self::CycloneDx | Self::OsvScanner => "",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Sarif => "SARIF",
            Self::CycloneDx => "CycloneDX JSON",
            Self::OsvScanner => "OSV-Scanner JSON",
            Self::GitLab => "GitLab security report",
        })
    }
}
