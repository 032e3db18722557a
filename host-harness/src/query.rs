//! What is asked of a tenant's lists.

/// What a list of findings is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// Findings of any kind.
    All,
    /// Vulnerable packages.
    Vulnerabilities,
    /// Weaknesses of first-party code.
    Weaknesses,
    /// Leaked credentials.
    Secrets,
}

impl View {
    /// The kinds that it shows; none where it shows all.
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::Vulnerabilities => &["sca"],
            Self::Weaknesses => &["sast", "ai-sast"],
            Self::Secrets => &["secrets"],
        }
    }

    /// What the list calls its rows.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::All => "findings",
            Self::Vulnerabilities => "vulnerabilities",
            Self::Weaknesses => "weaknesses",
            Self::Secrets => "secrets",
        }
    }
}
