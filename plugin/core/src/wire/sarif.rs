//! A result and a rule of SARIF 2.1.0, as far as the command-line tool fills
//! them. The field names are the standard's.

use guest_json::{Raw, object};

use super::{Count, DependencyNode, Labels, Text, repair::Wire, scalar::List};

impl Wire for SarifResult<'_> {
    type Of<'a> = SarifResult<'a>;
}

impl Wire for SarifRule<'_> {
    type Of<'a> = SarifRule<'a>;
}

object! {
    /// A result.
    #[derive(Debug, Default)]
    pub struct SarifResult<'a> {
        pub rule_id: Option<Text<'a>> = "ruleId",
        pub level: Option<Text<'a>>,
        pub message: Option<SarifText<'a>>,
        pub locations: Option<Vec<SarifLocation<'a>>>,
        pub fingerprints: Option<SarifFingerprints<'a>>,
        pub suppressions: Option<Vec<SarifSuppression<'a>>>,
        pub properties: Option<SarifProperties<'a>>,
        pub code_flows: Option<Vec<SarifCodeFlow<'a>>> = "codeFlows",
        /// As text: one value deep inside is of use.
        pub fixes: Option<Raw<'a>>,
    }

    /// A text.
    #[derive(Debug, Default)]
    pub struct SarifText<'a> {
        pub text: Option<Text<'a>>,
        pub markdown: Option<Text<'a>>,
    }

    /// A place.
    #[derive(Debug, Default)]
    pub struct SarifLocation<'a> {
        pub physical_location: Option<SarifPlace<'a>> = "physicalLocation",
    }

    /// A place in a file.
    #[derive(Debug, Default)]
    pub struct SarifPlace<'a> {
        pub artifact_location: Option<SarifArtifact<'a>> = "artifactLocation",
        pub region: Option<SarifRegion<'a>>,
    }

    /// A file.
    #[derive(Debug, Default)]
    pub struct SarifArtifact<'a> {
        pub uri: Option<Text<'a>>,
    }

    /// A part of a file.
    #[derive(Debug, Default)]
    pub struct SarifRegion<'a> {
        pub start_line: Option<Count> = "startLine",
        pub start_column: Option<Count> = "startColumn",
        pub end_line: Option<Count> = "endLine",
        pub end_column: Option<Count> = "endColumn",
        pub snippet: Option<SarifText<'a>>,
    }

    /// The vendor's fingerprint.
    #[derive(Debug, Default)]
    pub struct SarifFingerprints<'a> {
        pub match_based: Option<Text<'a>> = "matchBasedId/v1",
    }

    /// Why a result is not to be shown.
    #[derive(Debug, Default)]
    pub struct SarifSuppression<'a> {
        pub status: Option<Text<'a>>,
        /// What drafts of the standard called the status.
        pub state: Option<Text<'a>>,
        pub justification: Option<Text<'a>>,
    }

    /// What the standard has no place for.
    #[derive(Debug, Default)]
    pub struct SarifProperties<'a> {
        pub exposure: Option<Text<'a>>,
        /// Paths from the project's own dependency to the package.
        pub dependency_paths: Option<List<List<DependencyNode<'a>>>> = "dependencyPaths",
    }

    /// A data flow.
    #[derive(Debug, Default)]
    pub struct SarifCodeFlow<'a> {
        pub thread_flows: Option<Vec<SarifThreadFlow<'a>>> = "threadFlows",
    }

    /// A data flow in one thread.
    #[derive(Debug, Default)]
    pub struct SarifThreadFlow<'a> {
        pub locations: Option<Vec<SarifStep<'a>>>,
    }

    /// A step of a data flow.
    #[derive(Debug, Default)]
    pub struct SarifStep<'a> {
        pub location: Option<SarifLocation<'a>>,
    }

    /// A rule.
    #[derive(Debug, Default)]
    pub struct SarifRule<'a> {
        pub id: Option<Text<'a>>,
        pub name: Option<Text<'a>>,
        pub short_description: Option<SarifText<'a>> = "shortDescription",
        pub full_description: Option<SarifText<'a>> = "fullDescription",
        pub help_uri: Option<Text<'a>> = "helpUri",
        pub default_configuration: Option<SarifConfiguration<'a>> = "defaultConfiguration",
        pub properties: Option<SarifRuleProperties<'a>>,
    }

    /// How a rule is set up.
    #[derive(Debug, Default)]
    pub struct SarifConfiguration<'a> {
        pub level: Option<Text<'a>>,
    }

    /// What the standard has no place for.
    #[derive(Debug, Default)]
    pub struct SarifRuleProperties<'a> {
        pub tags: Option<Labels<'a>>,
        /// As text: a number, or one written as a text.
        pub security_severity: Option<Raw<'a>> = "security-severity",
    }
}
