//! The formats by their names.

use std::fmt;

/// A format.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// Results of static analysis.
    Sarif,
    /// A bill of materials with vulnerabilities.
    CycloneDx,
    /// Statements on vulnerabilities.
    OpenVex,
    /// A report of GitLab on code.
    GitLabSast,
    /// A report of GitLab on packages.
    GitLabDependencies,
    /// A report of GitLab on credentials.
    GitLabSecrets,
    /// Findings as DefectDojo reads them from any tool.
    DefectDojo,
    /// Events.
    Ocsf,
    /// A page for people.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Sarif,
        Self::CycloneDx,
        Self::OpenVex,
        Self::GitLabSast,
        Self::GitLabDependencies,
        Self::GitLabSecrets,
        Self::DefectDojo,
        Self::Ocsf,
        Self::Html,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::OpenVex => "openvex",
            Self::GitLabSast => "gitlab-sast",
            Self::GitLabDependencies => "gitlab-dependencies",
            Self::GitLabSecrets => "gitlab-secrets",
            Self::DefectDojo => "defectdojo",
            Self::Ocsf => "ocsf",
            Self::Html => "html",
        }
    }

    /// Whether it lists packages.
    pub const fn takes_packages(self) -> bool {
        matches!(self, Self::CycloneDx | Self::GitLabDependencies)
    }

    /// Whether it tells more than findings: what happened on each day, and what is
    /// looked after.
    pub const fn takes_overview(self) -> bool {
        matches!(self, Self::Html)
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Sarif => "SARIF 2.1.0: one run per repository, branch and tool",
            Self::CycloneDx => "CycloneDX 1.6 or 1.7: packages, their vulnerabilities, and VEX",
            Self::OpenVex => "OpenVEX 0.2.0: statements about vulnerabilities of packages",
            Self::GitLabSast => "GitLab security report, schema 15: code findings",
            Self::GitLabDependencies => "GitLab security report, schema 15: packages and their vulnerabilities",
            Self::GitLabSecrets => "GitLab security report, schema 15: leaked credentials",
            Self::DefectDojo => "DefectDojo: generic findings in JSON",
            Self::Ocsf => "OCSF 1.8.0: one event per finding, one per line",
            Self::Html => "HTML: a self-contained report of one page for people, suitable for printing",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}
