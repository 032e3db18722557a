//! The first pass: what a file is, whether it is whole, and what its records
//! need of each other.

use std::collections::BTreeMap;

use appsec_model::{Completeness, DocumentHead, DocumentSummary, Kind, KindCount, folder::AbsolutePaths};

use super::{
    Fault,
    bases::Bases,
    cli,
    exposed::ExposedLines,
    fingerprints::Fingerprints,
    format::Format,
    input::{Input, Part},
    json::Item,
    label::{Label, Shape, label, shape},
    numbering::Numbering,
    outline::{Group, Place},
    place as path,
    report::Report,
    sarif,
    shelf::RuleCache,
    sketch::Sketch,
};
use crate::wire::shorten;

/// How many names of scanned files are kept. Without them it cannot be told which
/// files a scan looked at.
const MAX_SCANNED: usize = 1_000_000;

/// What the first pass has learnt so far.
#[derive(Default)]
pub struct Survey {
    format: Option<Format>,
    /// The rules of a SARIF file.
    pub shelf: RuleCache,
    /// The folders that the files of each run are named from.
    pub bases: Vec<Bases>,
    /// The project's folder where the host names it.
    given: Option<String>,
    /// The numbers of the results of a scanner's report.
    pub numbering: Numbering,
    /// The fingerprints of the results.
    pub fingerprints: Fingerprints,
    /// Version of the tool that wrote the file.
    pub version: Option<String>,
    /// Records so far.
    pub records: u64,
    kinds: BTreeMap<Kind, u64>,
    /// Records that do not name their project.
    unnamed: u64,
    report: Report,
    /// The absolute paths of results and of what was scanned.
    absolute: AbsolutePaths,
    root: Option<String>,
    /// The branch that its results are of.
    pub branch: Option<String>,
    /// The files that were scanned; none of more than are kept.
    scanned: Option<Vec<String>>,
    credentials: cli::Credentials,
    /// The lines that show credentials.
    pub exposed: ExposedLines,
    /// Answers so far.
    answers: u64,
    /// Whether the current answer has a list of records.
    has_list: bool,
    /// Whether there is a list `findings`, of which only a record tells what it
    /// is.
    has_findings: bool,
    /// Whether a record has the marks of its format.
    is_marked: bool,
}

impl Survey {
    /// A survey of a file of which this is known.
    pub fn new(head: &DocumentHead) -> Self {
        Self { given: head.root.clone(), scanned: Some(Vec::new()), ..Self::default() }
    }

    /// Takes a part of the file.
    pub fn part(&mut self, part: Part<'_>) -> Result<(), Fault> {
        match part {
            Part::Row(row) => {
                self.found(Format::Csv)?;
                self.record(Format::Csv, None, row);
                Ok(())
            }
            Part::Json(Item::Key(_)) => Ok(()),
            Part::Json(Item::Open(place)) => self.open(place),
            Part::Json(Item::Close(Place::Answer)) if !self.has_list => Err(Fault::Unknown),
            Part::Json(Item::Close(place)) => self.report.close(place),
            Part::Json(Item::Value(place, text)) => self.value(place, text),
        }
    }

    /// The end of the file.
    pub fn finish(&mut self, head: &DocumentHead, input: &Input, documents: u64) -> Result<DocumentSummary, Fault> {
        let format = self.detected(input)?;
        if documents == 0 {
            return Err(Fault::Unknown);
        }
        let given = match head.format.as_deref() {
            Some(name) => Some(Format::named(name).ok_or_else(|| unknown_format(name))?),
            None => None,
        };
        // A list `findings` without a record can be of two endpoints.
        let is_either = self.format.is_none() && matches!(given, Some(Format::Findings | Format::Secrets));
        let format = match given {
            Some(given) if given == format || is_either => given,
            Some(given) => {
                let (given, is, name) = (given.name(), format.is(), format.name());
                return Err(Fault::Alien(format!("it as `{given}`: it looks like {is} (`{name}`)")));
            }
            None => format,
        };
        self.format = Some(format);
        self.numbering.finish();
        self.fingerprints.finish();
        self.exposed.finish(&self.shelf.exposing());
        self.find_root(head);
        self.branch = self.report.branch(head.r#ref.as_deref());
        let (tool, completeness) = match format {
            Format::CliJson => {
                self.version = self.report.cli_version().map(str::to_owned);
                (self.report.cli_tool(), self.report.cli_completeness())
            }
            Format::Sarif => {
                self.version = self.report.sarif_version().map(str::to_owned);
                (self.report.sarif_tool(), self.report.sarif_completeness(self.records))
            }
            _ => {
                let reason = format.incomplete().unwrap_or_default().to_owned();
                (None, Completeness::Incomplete { reason })
            }
        };
        let scanned = self.scanned.take().filter(|_| format == Format::CliJson).map(|list| {
            let root = self.root(head);
            list.into_iter().map(|path| path::below(&path, root).to_owned()).collect()
        });
        if input.is_open() {
            let message = "the last row has no line end: the file may have been cut there";
            self.report.remark("no-line-end", message);
        }
        let kinds = std::mem::take(&mut self.kinds);
        Ok(DocumentSummary {
            format: format.name().to_owned(),
            origin: format.origin().map(str::to_owned),
            tool,
            records: self.records,
            kinds: kinds.into_iter().map(|(kind, records)| KindCount { kind, records }).collect(),
            names_projects: self.unnamed == 0,
            completeness,
            scanned,
            diagnostics: std::mem::take(&mut self.report).into_notes(),
        })
    }

    /// The folder of the project on the machine of the scan, where results have
    /// absolute paths.
    fn find_root(&mut self, head: &DocumentHead) {
        self.root = if head.root.is_none() { self.absolute.root() } else { None };
        if let Some(root) = &self.root {
            let message = format!(
                "paths were made relative to `{}`, the folder that the absolute ones are in; name the project's folder \
                 on the machine of the scan if it is another one",
                shorten(root)
            );
            self.report.remark("project-folder", &message);
        }
    }

    /// The folder that paths are made relative to.
    pub fn root<'a>(&'a self, head: &'a DocumentHead) -> Option<&'a str> {
        head.root.as_deref().map(|root| root.trim_end_matches('/')).or(self.root.as_deref())
    }

    /// The format, once it is known for certain.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    fn detected(&self, input: &Input) -> Result<Format, Fault> {
        let format = match self.format {
            Some(format) => format,
            // Rows would have told.
            None if input.is_table() => return Ok(Format::Csv),
            None if input.has_key("ignores") || input.has_key("searched_paths") => return Err(Fault::Unknown),
            // The secrets endpoint pages by cursor, the findings endpoint does not.
            None if input.has_key("cursor") => Format::Secrets,
            None => Format::Findings,
        };
        let is_alien = match format {
            // Other scanners have a list of this name, too.
            Format::CliJson => self.records > 0 && !self.is_marked || input.has_key("generated_at"),
            Format::Findings => self.records > 0 && !self.is_marked,
            Format::Dependencies => self.records > 0 && !self.is_marked || input.has_key("reportSchema"),
            Format::Sarif => self.report.runs() == 0,
            _ => false,
        };
        if is_alien { Err(Fault::Unknown) } else { Ok(format) }
    }

    fn open(&mut self, place: Place) -> Result<(), Fault> {
        match place {
            Place::Answer => {
                self.answers += 1;
                self.has_list = false;
                // A report of a scan is whole; a second one is another scan.
                self.refuse_several()?;
            }
            Place::Findings(_) => (self.has_list, self.has_findings) = (true, true),
            Place::Dependencies => self.found(Format::Dependencies)?,
            Place::Vulns => self.found(Format::SscVulns)?,
            Place::CliResults => self.found(Format::CliJson)?,
            Place::Runs => self.found(Format::Sarif)?,
            Place::Run => {
                self.shelf.start_run();
                self.bases.push(Bases::default());
            }
            _ => {}
        }
        self.report.open(place);
        Ok(())
    }

    fn value(&mut self, place: Place, text: &str) -> Result<(), Fault> {
        match place {
            Place::Findings(group) => {
                match shape(text) {
                    Shape::Upload => return Err(Fault::Unknown),
                    Shape::Secret => self.found(Format::Secrets)?,
                    Shape::Sast | Shape::Sca | Shape::AiSast => self.found(Format::Findings)?,
                    Shape::Bare if self.format.is_none() => self.found(Format::Findings)?,
                    Shape::Bare => {}
                }
                let marks = ["\"id\"", "\"repository\"", "\"rule_name\"", "\"match_based_id\""];
                self.is_marked = self.is_marked || marks.iter().any(|mark| text.contains(mark));
                self.record(self.format.unwrap_or(Format::Findings), Some(group), text);
            }
            Place::Dependencies => {
                self.is_marked = self.is_marked || text.contains("\"repositoryId\"") || text.contains("\"definedAt\"");
                self.record(Format::Dependencies, None, text);
            }
            Place::Vulns => self.record(Format::SscVulns, None, text),
            Place::WebhookFinding => {
                self.found(Format::Webhook)?;
                self.record(Format::Webhook, None, text);
            }
            Place::WebhookScan => {
                self.found(Format::Webhook)?;
                self.count(super::webhook::scan_label(text));
            }
            Place::CliResults => {
                self.is_marked = self.is_marked || text.contains("\"check_id\"");
                let sketch = cli::sketch(text, None, &mut self.credentials);
                self.result(sketch, None, || Kind::Sast)?;
            }
            Place::SarifResults => {
                if text.contains("\"baselineState\"") {
                    self.report.compared();
                }
                self.shelf.name(text);
                // Rules come before or after the results, as the tool likes; the
                // sketch must not depend on it.
                let resolved = self.bases.last().and_then(|bases| bases.resolve(text));
                let text = resolved.as_deref().unwrap_or(text);
                let run = self.bases.len().checked_sub(1);
                self.result(sarif::sketch(text, None, None), run, || sarif::kind(text))?;
            }
            Place::Bases => {
                if let Some(bases) = self.bases.last_mut() {
                    *bases = Bases::read(text, self.given.as_deref());
                }
            }
            Place::DriverRules => self.shelf.put(text, true)?,
            Place::ExtensionRules => self.shelf.put(text, false)?,
            place => {
                if place == Place::Scanned
                    && let Some(path) = guest_json::string(text)
                {
                    let path = path::path(&path);
                    self.absolute.add(&path);
                    self.scanned = self.scanned.take().filter(|list| list.len() < MAX_SCANNED);
                    self.scanned.iter_mut().for_each(|list| list.push(path.clone().into_owned()));
                }
                self.report.value(place, text);
            }
        }
        Ok(())
    }

    /// The current answer has records of this format.
    fn found(&mut self, format: Format) -> Result<(), Fault> {
        self.has_list = true;
        match self.format {
            None => self.format = Some(format),
            Some(before) if before == format => {}
            Some(before) => {
                let what = format!("a file that is both {} and {}", before.is(), format.is());
                return Err(Fault::Alien(what));
            }
        }
        if self.has_findings && !matches!(format, Format::Findings | Format::Secrets) {
            return Err(Fault::Unknown);
        }
        self.refuse_several()
    }

    fn refuse_several(&self) -> Result<(), Fault> {
        if self.answers > 1 && matches!(self.format, Some(Format::CliJson | Format::Sarif)) {
            return Err(Fault::Alien("a file of several reports; hand them over one by one".to_owned()));
        }
        Ok(())
    }

    fn record(&mut self, format: Format, group: Option<Group>, text: &str) {
        self.count(label(format, group, text));
    }

    fn count(&mut self, label: Label) {
        self.records += 1;
        self.unnamed += u64::from(label.project.is_none());
        *self.kinds.entry(label.kind).or_default() += 1;
    }

    fn result(&mut self, sketch: Option<Sketch>, run: Option<usize>, kind: impl FnOnce() -> Kind) -> Result<(), Fault> {
        sketch.iter().for_each(|sketch| self.exposed.add(sketch, run));
        sketch.iter().filter_map(|sketch| sketch.absolute.as_deref()).for_each(|path| self.absolute.add(path));
        self.numbering.add(sketch.as_ref())?;
        self.fingerprints.add(sketch.as_ref());
        let kind = sketch.map_or_else(kind, |sketch| sketch.kind);
        self.count(Label { kind, id: None, project: None });
        Ok(())
    }
}

fn unknown_format(name: &str) -> Fault {
    Fault::Alien(format!("its format `{}`", shorten(name)))
}
