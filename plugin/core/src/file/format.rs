//! The formats that files come in.

use appsec_model::{DocumentFormat, Kind};

/// A format of files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Answers of the findings endpoint.
    Findings,
    /// Answers of the secrets endpoint.
    Secrets,
    /// Answers of the dependencies endpoint.
    Dependencies,
    /// Answers of the retired Supply Chain API.
    SscVulns,
    /// JSON of the command line.
    CliJson,
    /// SARIF of the command line.
    Sarif,
    /// The platform's CSV export.
    Csv,
    /// Events of the platform's webhooks.
    Webhook,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Findings,
        Self::Secrets,
        Self::Dependencies,
        Self::SscVulns,
        Self::CliJson,
        Self::Sarif,
        Self::Csv,
        Self::Webhook,
    ];

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Findings => "semgrep-api-findings",
            Self::Secrets => "semgrep-api-secrets",
            Self::Dependencies => "semgrep-api-dependencies",
            Self::SscVulns => "semgrep-api-ssc-vulns",
            Self::CliJson => "semgrep-cli-json",
            Self::Sarif => "semgrep-sarif",
            Self::Csv => "semgrep-csv",
            Self::Webhook => "semgrep-webhook",
        }
    }

    /// What a file of it is, in the middle of a sentence.
    pub fn is(self) -> &'static str {
        match self {
            Self::Findings => "an answer of the findings endpoint",
            Self::Secrets => "an answer of the secrets endpoint",
            Self::Dependencies => "an answer of the dependencies endpoint",
            Self::SscVulns => "an answer of the retired Supply Chain API",
            Self::CliJson => "the output of `semgrep scan --json`",
            Self::Sarif => "SARIF",
            Self::Csv => "a CSV export of the platform",
            Self::Webhook => "the payload of a webhook",
        }
    }

    /// Which records of an instance those of a file stand beside. None where
    /// they are what `fetch-findings` brings.
    pub fn origin(self) -> Option<&'static str> {
        match self {
            Self::Findings | Self::Secrets | Self::Dependencies => None,
            Self::SscVulns => Some("semgrep-ssc"),
            // Two spellings of one result.
            Self::CliJson | Self::Sarif => Some("semgrep-cli"),
            Self::Csv => Some("semgrep-csv"),
            Self::Webhook => Some("semgrep-webhook"),
        }
    }

    /// Why absence from a file of it says nothing. None where the file itself
    /// tells.
    pub fn incomplete(self) -> Option<&'static str> {
        match self {
            Self::Findings | Self::Secrets | Self::Dependencies => Some(
                "an answer of the API does not tell whether it is the last page, or which filters it was asked for",
            ),
            Self::SscVulns => Some("the retired Supply Chain API answered page by page"),
            Self::CliJson | Self::Sarif => None,
            Self::Csv => Some("a CSV export holds at most the 10,000 newest findings"),
            Self::Webhook => Some("a webhook brings single events"),
        }
    }

    /// Its entry in the manifest.
    pub fn describe(self) -> DocumentFormat {
        let (description, kinds): (_, &[Kind]) = match self {
            Self::Findings => (
                "Answers of the Web API's findings endpoint as JSON: one, several one after the other, or a list of \
                 them",
                &[Kind::Sast, Kind::Sca, Kind::AiSast],
            ),
            Self::Secrets => (
                "Answers of the Web API's secrets endpoint as JSON: one, several one after the other, or a list of them",
                &[Kind::Secrets],
            ),
            Self::Dependencies => (
                "Answers of the Web API's dependencies endpoint as JSON: one, several one after the other, or a list \
                 of them",
                &[Kind::Packages],
            ),
            Self::SscVulns => (
                "Answers of the Supply Chain API that was retired in 2024 (`ssc-vulns`) as JSON, with a list `vulns`",
                &[Kind::Sca],
            ),
            Self::CliJson => {
                ("The output of `semgrep scan --json` or `semgrep ci --json`", &[Kind::Sast, Kind::Sca, Kind::Secrets])
            }
            Self::Sarif => (
                "The output of `semgrep scan --sarif` or `semgrep ci --sarif` (SARIF 2.1.0)",
                &[Kind::Sast, Kind::Sca, Kind::Secrets],
            ),
            Self::Csv => (
                "The CSV export of the platform's findings pages",
                &[Kind::Sast, Kind::AiSast, Kind::Sca, Kind::Secrets],
            ),
            Self::Webhook => ("Events of the platform's webhooks as JSON: one, or a list of them", &[Kind::Sast]),
        };
        DocumentFormat { name: self.name().to_owned(), description: description.to_owned(), kinds: kinds.to_vec() }
    }
}
