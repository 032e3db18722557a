//! Where in a report the values stand that the connector reads.

use appsec_model::Kind;

/// A container or value of the outline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A list at the outermost level: of answers, or of webhook events.
    List,
    /// An object at the outermost level, or in such a list.
    Answer,
    /// The object around a list of records of one kind.
    Nested(Group),
    /// Records of the findings endpoint, the secrets endpoint or of an upload.
    Findings(Group),
    /// Records of the dependencies endpoint.
    Dependencies,
    /// Records of the retired Supply Chain API.
    Vulns,
    /// A finding that a webhook brought.
    WebhookFinding,
    /// A scan that a webhook brought.
    WebhookScan,
    /// Results of the command line.
    CliResults,
    /// Its errors.
    CliErrors,
    /// What it looked at.
    Paths,
    /// The files among it.
    Scanned,
    /// A version: the command line's, or the file format's.
    Version,
    /// Runs of a SARIF file.
    Runs,
    /// One of them.
    Run,
    /// Its results.
    SarifResults,
    /// The tool that ran.
    Tool,
    /// The tool's main part.
    Driver,
    /// Its name.
    DriverName,
    /// Its version in numbers.
    SemanticVersion,
    /// Its version.
    DriverVersion,
    /// Parts that were added to it.
    Extensions,
    /// One of them.
    Extension,
    /// Rules of the main part.
    DriverRules,
    /// Rules of an added part.
    ExtensionRules,
    /// How the tool was called.
    Invocations,
    /// One call.
    Invocation,
    /// Whether it ended well.
    Successful,
    /// What it complained about.
    Notifications,
    /// Files that the command line passed over.
    Skipped,
    /// Rules that it did not run.
    SkippedRules,
    /// What a run is compared with.
    Baseline,
    /// The folders that its files are named from.
    Bases,
    /// Which revision it looked at.
    Provenance,
    /// What a call asked for.
    Asked,
    /// Why it was cut off.
    CutOff,
}

/// What the name of a list tells of the records in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// Nothing.
    Any,
    /// [`Kind::Sast`].
    Sast,
    /// [`Kind::Sca`].
    Sca,
    /// [`Kind::AiSast`].
    AiSast,
}

impl Group {
    /// The kind of the records, where the name of the list tells it.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Any => None,
            Self::Sast => Some(Kind::Sast),
            Self::Sca => Some(Kind::Sca),
            Self::AiSast => Some(Kind::AiSast),
        }
    }
}

/// What to do with a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Look into it.
    Enter(Place),
    /// Keep it whole.
    Take(Place),
    /// Pass over it.
    Pass,
    /// Give up: the file is something else.
    Refuse(&'static str),
}

/// What to do with the value that begins with `first`, in the container at
/// `place`, under `key` if that is an object.
pub fn step(place: Option<Place>, key: &str, first: u8) -> Step {
    let list = |place| if first == b'[' { Step::Enter(place) } else { Step::Pass };
    let object = |place| if first == b'{' { Step::Enter(place) } else { Step::Pass };
    let records = |group| match first {
        b'[' => Step::Enter(Place::Findings(group)),
        b'{' => Step::Enter(Place::Nested(group)),
        _ => Step::Pass,
    };
    match (place, key) {
        (None, _) if first == b'[' => Step::Enter(Place::List),
        (None | Some(Place::List), _) if first == b'{' => Step::Enter(Place::Answer),
        (None, _) => Step::Refuse("a file that is not JSON"),
        (Some(Place::List), _) => Step::Refuse("a list of other things than objects"),
        (Some(Place::Answer), "findings") => records(Group::Any),
        (Some(Place::Answer), "sastFindings" | "sast_findings") => records(Group::Sast),
        (Some(Place::Answer), "scaFindings" | "sca_findings") => records(Group::Sca),
        (Some(Place::Answer), "aiSastFindings" | "ai_sast_findings") => records(Group::AiSast),
        (Some(Place::Nested(group)), "findings") => list(Place::Findings(group)),
        (Some(Place::Answer), "dependencies") => list(Place::Dependencies),
        (Some(Place::Answer), "vulns") => list(Place::Vulns),
        (Some(Place::Answer), "semgrep_finding") => Step::Take(Place::WebhookFinding),
        (Some(Place::Answer), "semgrep_scan") => Step::Take(Place::WebhookScan),
        (Some(Place::Answer), "results") => list(Place::CliResults),
        (Some(Place::Answer), "errors") => list(Place::CliErrors),
        (Some(Place::Answer), "version") if first == b'"' => Step::Take(Place::Version),
        (Some(Place::Answer), "paths") => object(Place::Paths),
        (Some(Place::Paths), "scanned") => list(Place::Scanned),
        (Some(Place::Paths), "skipped") => list(Place::Skipped),
        (Some(Place::Answer), "skipped_rules") => list(Place::SkippedRules),
        (Some(Place::Run), "baselineGuid") => Step::Take(Place::Baseline),
        (Some(Place::Run), "originalUriBaseIds") if first == b'{' => Step::Take(Place::Bases),
        (Some(Place::Answer), "runs") => list(Place::Runs),
        (Some(Place::Runs), _) => object(Place::Run),
        (Some(Place::Run), "results") => list(Place::SarifResults),
        (Some(Place::Run), "versionControlProvenance") => list(Place::Provenance),
        (Some(Place::Run), "tool") => object(Place::Tool),
        (Some(Place::Run), "invocations") => list(Place::Invocations),
        (Some(Place::Tool), "driver") => object(Place::Driver),
        (Some(Place::Tool), "extensions") => list(Place::Extensions),
        (Some(Place::Extensions), _) => object(Place::Extension),
        (Some(Place::Driver), "name") => Step::Take(Place::DriverName),
        (Some(Place::Driver), "semanticVersion") => Step::Take(Place::SemanticVersion),
        (Some(Place::Driver), "version") => Step::Take(Place::DriverVersion),
        (Some(Place::Driver), "rules") => list(Place::DriverRules),
        (Some(Place::Extension), "rules") => list(Place::ExtensionRules),
        (Some(Place::Invocations), _) => object(Place::Invocation),
        (Some(Place::Invocation), "executionSuccessful") => Step::Take(Place::Successful),
        (Some(Place::Invocation), "commandLine") => Step::Take(Place::Asked),
        (Some(Place::Invocation), "arguments") => list(Place::Asked),
        (Some(Place::Invocation), "exitSignalName" | "exitSignalNumber" | "processStartFailureMessage") => {
            Step::Take(Place::CutOff)
        }
        (Some(Place::Invocation), "toolExecutionNotifications" | "toolConfigurationNotifications") => {
            list(Place::Notifications)
        }
        (Some(place), _) if place.is_list_of_values() => Step::Take(place),
        (Some(_), _) => Step::Pass,
    }
}

impl Place {
    /// Whether it is what the API answers, too.
    pub fn is_of_api(self) -> bool {
        matches!(self, Self::Findings(_) | Self::Dependencies | Self::Vulns | Self::WebhookFinding | Self::WebhookScan)
    }

    /// Whether it is a list whose elements are kept.
    fn is_list_of_values(self) -> bool {
        matches!(
            self,
            Self::Findings(_)
                | Self::Dependencies
                | Self::Vulns
                | Self::CliResults
                | Self::CliErrors
                | Self::Scanned
                | Self::Skipped
                | Self::SkippedRules
                | Self::SarifResults
                | Self::DriverRules
                | Self::ExtensionRules
                | Self::Notifications
                | Self::Provenance
                | Self::Asked
        )
    }
}
