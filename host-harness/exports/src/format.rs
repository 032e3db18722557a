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
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sarif, Self::CycloneDx, Self::OpenVex];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::OpenVex => "openvex",
        }
    }

    /// Whether it lists packages.
    pub const fn takes_packages(self) -> bool {
        matches!(self, Self::CycloneDx)
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Sarif => "SARIF 2.1.0: a run for each repository, branch and tool",
            Self::CycloneDx => "CycloneDX 1.6: packages, their vulnerabilities, and VEX",
            Self::OpenVex => "OpenVEX 0.2.0: statements on vulnerabilities of packages",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}
