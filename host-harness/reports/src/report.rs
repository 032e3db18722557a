//! What is read of a report.

use std::borrow::Cow;

use appsec_model::{Completeness, DocumentSummary, Kind, KindCount, Normalized, ProjectRef};

use crate::{bounds, format::Format};

/// How many tools of a report are told of.
const MAX_TOOLS: usize = 100;

/// What is known of a report before it is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its format, if it is not to be detected.
    pub format: Option<Format>,
    /// The project that it is about.
    pub project: ProjectRef,
    /// The branch that was scanned; it goes before what the report says.
    pub r#ref: Option<String>,
    /// The folder of the project on the machine of the scan, such as
    /// `/builds/acme/shop`: absolute paths below it become relative ones.
    /// Where it is not given, it is looked for among the report's absolute paths.
    pub root: Option<String>,
}

/// A tool that took part in a report.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// What is known of a report as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its format.
    pub format: Format,
    /// The version of its format, where it says.
    pub format_version: Option<String>,
    /// The tools that wrote it, in the order of the report, each once.
    pub tools: Vec<Tool>,
    /// How many records it holds.
    pub records: u64,
    /// How many of which kind; those that could not be read count as what the format holds.
    pub kinds: Vec<KindCount>,
    /// Whether it says that the scan ended well.
    pub completeness: Completeness,
    /// Which of several scans of a project it is of, where it says so.
    pub categories: Vec<String>,
}

impl Head {
    /// The same, as a connector tells of a file. `origin` names what its records stand beside.
    pub fn summary(&self, origin: &str) -> DocumentSummary {
        let tool = |tool: &Tool| match &tool.version {
            Some(version) => format!("{} {version}", tool.name),
            None => tool.name.clone(),
        };
        let tools: Vec<String> = self.tools.iter().map(tool).collect();
        DocumentSummary {
            format: self.format.name().to_owned(),
            origin: Some(origin.to_owned()),
            tool: (!tools.is_empty()).then(|| tools.join(", ")),
            records: self.records,
            kinds: self.kinds.clone(),
            names_projects: false,
            completeness: self.completeness.clone(),
            scanned: None,
            diagnostics: Vec::new(),
        }
    }
}

/// One record of a report, at the position that findings, packages and
/// diagnostics give as `index`.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its JSON as it is in the report. Where it is about a credential, without
    /// the code that shows it. What is normalized may depend on more, such as the
    /// rule, which is elsewhere in the report.
    pub body: Cow<'a, str>,
}

/// A report, read. For every record there is a finding, a package with its
/// `index`, or a diagnostic of the level `error` or `skipped`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    /// What is known of it as a whole.
    pub head: Head,
    /// Its records.
    pub records: Vec<Record<'a>>,
    /// What they say.
    pub normalized: Normalized,
}

impl Report<'_> {
    /// The same, apart from the text that it was read from.
    pub(crate) fn into_owned(self) -> Report<'static> {
        let own = |it: Record<'_>| Record { kind: it.kind, body: Cow::Owned(it.body.into_owned()) };
        let records = self.records.into_iter().map(own).collect();
        Report { head: self.head, records, normalized: self.normalized }
    }
}

/// What the reader of a format learns beside records.
pub(crate) struct Outline {
    pub version: Option<String>,
    pub tools: Vec<Tool>,
    pub completeness: Completeness,
}

impl Outline {
    /// Adds a tool unless it is known.
    pub fn add_tool(tools: &mut Vec<Tool>, name: Option<&str>, version: Option<&str>) {
        let Some(name) = name else { return };
        let tool = Tool { name: bounds::word(name).to_owned(), version: version.map(|it| bounds::word(it).to_owned()) };
        if tools.len() < MAX_TOOLS && !tools.contains(&tool) {
            tools.push(tool);
        }
    }
}
