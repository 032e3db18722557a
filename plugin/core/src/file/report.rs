//! What a scanner's own report tells of the scan: which tool it was, what went
//! wrong, and whether all was looked at.

use std::borrow::Cow;

use appsec_model::{Completeness, Diagnostic, DiagnosticLevel, credential, scan::asks_for_a_part};
use guest_json::{Raw, Read, Reader, Slot, Value, object};

use super::{Fault, outline::Place};
use crate::{
    normalize::branch_name,
    wire::{Text, shorten},
};

/// How many of a report's errors become diagnostics.
const MAX_NOTES: usize = 20;

/// Why files are passed over of which a scan of the whole project would tell.
const LEFT_OUT: [&str; 4] = [
    "\"cli_include_flags_do_not_match\"",
    "\"cli_exclude_flags_match\"",
    "\"analysis_failed_parser_or_internal_error\"",
    "\"too_many_matches\"",
];

/// What is said of a run that says of itself that it failed.
const SCAN_FAILED: &str = "the report says that the scan did not end well";

/// What a report tells.
#[derive(Default)]
pub struct Report {
    /// Version of the command line.
    version: Option<String>,
    /// Files that it looked at.
    scanned: u64,
    /// Whether there is a list of errors.
    lists_errors: bool,
    /// Errors after which something was not looked at.
    failures: u64,
    run: Run,
    /// The branch that it says it is of.
    branch: Option<String>,
    /// The first run's tool.
    tool: Option<(String, Option<String>)>,
    runs: u64,
    /// The first reason why the report proves nothing.
    problem: Option<&'static str>,
    notes: Vec<Diagnostic>,
    notes_left_out: u64,
    errors_left_out: bool,
}

/// What a SARIF run tells.
#[derive(Default)]
struct Run {
    driver: Option<String>,
    semantic_version: Option<String>,
    version: Option<String>,
    invocations: u64,
    /// How many of them ended well.
    successes: u64,
}

object! {
    /// An error in the command line's report.
    #[derive(Default)]
    struct CliError<'a> {
        /// A word, or a list of a word and details.
        sort: Option<Raw<'a>> = "type",
        level: Option<Text<'a>>,
        message: Option<Text<'a>>,
        path: Option<Text<'a>>,
    }

    /// A complaint in a SARIF run.
    #[derive(Default)]
    struct Notification<'a> {
        descriptor: Descriptor<'a>,
        level: Option<Text<'a>>,
        message: Message<'a>,
    }

    #[derive(Default)]
    struct Descriptor<'a> {
        id: Option<Text<'a>>,
    }

    #[derive(Default)]
    struct Message<'a> {
        text: Option<Text<'a>>,
    }
}

impl<'a> Slot<'a> for Descriptor<'a> {
    fn set(&mut self, json: &mut Reader<'a>) -> Read {
        *self = Value::read(json)?;
        Ok(())
    }
}

impl<'a> Slot<'a> for Message<'a> {
    fn set(&mut self, json: &mut Reader<'a>) -> Read {
        *self = Value::read(json)?;
        Ok(())
    }
}

impl Report {
    /// A container begins.
    pub fn open(&mut self, place: Place) {
        match place {
            Place::CliErrors => self.lists_errors = true,
            Place::Run => self.run = Run::default(),
            Place::Invocation => self.run.invocations += 1,
            _ => {}
        }
    }

    /// A container ends.
    pub fn close(&mut self, place: Place) -> Result<(), Fault> {
        if place == Place::Run { self.end_run() } else { Ok(()) }
    }

    /// A value that is no record.
    pub fn value(&mut self, place: Place, text: &str) {
        match place {
            Place::Version => self.version = string(text),
            Place::Scanned => self.scanned += 1,
            Place::CliErrors => self.cli_error(text),
            Place::DriverName => self.run.driver = string(text),
            Place::SemanticVersion => self.run.semantic_version = string(text),
            Place::DriverVersion => self.run.version = string(text),
            Place::Successful if text == "true" => self.run.successes += 1,
            Place::Successful if text == "false" => {
                self.notes.push(note(DiagnosticLevel::Error, "scan-error", SCAN_FAILED.to_owned()));
            }
            Place::Notifications => self.notification(text),
            Place::Skipped if LEFT_OUT.iter().any(|reason| text.contains(reason)) => {
                self.problem.get_or_insert("files were left out of the scan");
            }
            Place::SkippedRules => {
                self.problem.get_or_insert("rules were left out of the scan");
            }
            Place::Baseline if text != "null" => self.compared(),
            Place::Asked if text.split([' ', '"']).any(asks_for_a_part) => {
                self.problem.get_or_insert("the scan was asked for what changed");
            }
            Place::CutOff if !matches!(text, "null" | "\"\"") => {
                self.problem.get_or_insert("the scan did not come to its end");
            }
            Place::Provenance => self.of_branch(text),
            _ => {}
        }
    }

    /// A run tells its branch. `HEAD` is none, and what several runs contradict is none
    /// of the report.
    fn of_branch(&mut self, text: &str) {
        let found: serde_json::Value = guest_json::read(text).unwrap_or_default();
        let said = found.get("branch").and_then(|it| it.as_str()).map(branch_name).unwrap_or_default();
        match &mut self.branch {
            _ if matches!(said, "" | "HEAD") => {}
            Some(known) if known != said => known.clear(),
            _ => self.branch = Some(said.to_owned()),
        }
    }

    /// The report compares with another one.
    pub fn compared(&mut self) {
        self.problem.get_or_insert("a run is a comparison with a baseline, and may hold only what changed");
    }

    /// Version of the command line.
    pub fn cli_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Version of the tool of the SARIF runs.
    pub fn sarif_version(&self) -> Option<&str> {
        self.tool.as_ref().and_then(|(_, version)| version.as_deref())
    }

    /// Name and version of the command line.
    pub fn cli_tool(&self) -> Option<String> {
        self.version.as_ref().map(|version| format!("semgrep {}", shorten(version)))
    }

    /// Name and version of the tool of the SARIF runs.
    pub fn sarif_tool(&self) -> Option<String> {
        self.tool.as_ref().map(|(name, version)| match version {
            Some(version) => format!("{} {}", shorten(name), shorten(version)),
            None => shorten(name),
        })
    }

    /// Whether the command line's report proves a complete scan.
    pub fn cli_completeness(&self) -> Completeness {
        let reason = if self.failures > 0 {
            format!("the report names {} after which something was not scanned", count(self.failures))
        } else if self.version.is_none() {
            "the report does not name the version that wrote it".to_owned()
        } else if !self.lists_errors {
            "the report has no list of errors".to_owned()
        } else if self.scanned == 0 {
            "the report names no file that was scanned".to_owned()
        } else if let Some(problem) = self.problem {
            problem.to_owned()
        } else {
            return Completeness::Complete;
        };
        Completeness::Incomplete { reason }
    }

    /// Whether the SARIF runs prove a complete scan. They do not name what was
    /// scanned: without a result it may have been nothing.
    pub fn sarif_completeness(&self, results: u64) -> Completeness {
        let reason = if self.failures > 0 {
            format!("the report names {} after which something was not scanned", count(self.failures))
        } else if let Some(problem) = self.problem {
            problem.to_owned()
        } else if results == 0 {
            "a report without results does not tell whether anything was scanned".to_owned()
        } else {
            return Completeness::Complete;
        };
        Completeness::Incomplete { reason }
    }

    /// The branch that a report is of: the one that the operator names, which goes first,
    /// or the one that it names.
    pub fn branch(&mut self, given: Option<&str>) -> Option<String> {
        let said = self.branch.take().filter(|said| !said.is_empty());
        let Some(given) = given else { return said };
        if let Some(said) = said.filter(|said| said != branch_name(given)) {
            let message = format!("the report says that it is of the branch `{}`; {given} counts", shorten(&said));
            self.remark("other-branch", &message);
        }
        Some(given.to_owned())
    }

    /// How many SARIF runs there are.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The report's errors, as remarks on the file.
    pub fn into_notes(mut self) -> Vec<Diagnostic> {
        if self.notes_left_out > 0 {
            let message = format!("the report names {} more", count(self.notes_left_out));
            let level = if self.errors_left_out { DiagnosticLevel::Error } else { DiagnosticLevel::Warning };
            self.notes.push(note(level, "scan-error", message));
        }
        self.notes
    }

    /// Adds a remark of our own on the file.
    pub fn remark(&mut self, code: &str, message: &str) {
        self.notes.push(note(DiagnosticLevel::Warning, code, message.to_owned()));
    }

    fn end_run(&mut self) -> Result<(), Fault> {
        let run = std::mem::take(&mut self.run);
        self.runs += 1;
        let Some(name) = run.driver else {
            return Err(Fault::Alien("SARIF that does not name its tool; of SARIF it reads Semgrep's only".to_owned()));
        };
        // Opengrep is a fork that writes the same.
        if !["semgrep", "opengrep"].iter().any(|tool| name.to_ascii_lowercase().contains(tool)) {
            let what = format!(
                "SARIF of the tool `{}`; of SARIF it reads Semgrep's only, and any other as a report of another scanner",
                shorten(&name)
            );
            return Err(Fault::Alien(what));
        }
        if run.invocations == 0 {
            self.problem.get_or_insert("a run does not tell how the scan ended");
        } else if run.successes < run.invocations {
            self.problem.get_or_insert("a run does not say that the scan ended well");
        }
        self.tool.get_or_insert((name, run.semantic_version.or(run.version)));
        Ok(())
    }

    fn cli_error(&mut self, text: &str) {
        let error: CliError<'_> = guest_json::read(text).unwrap_or_default();
        let sort = error.sort.and_then(|sort| sort.get().split('"').nth(1)).unwrap_or("error");
        let message = error.message.as_deref().unwrap_or_default();
        let path = error.path.as_deref();
        self.failure(level(error.level.as_deref()), sort, path, message);
    }

    fn notification(&mut self, text: &str) {
        let notification: Notification<'_> = guest_json::read(text).unwrap_or_default();
        let sort = notification.descriptor.id.as_deref().unwrap_or("error");
        let level = level(notification.level.as_deref());
        self.failure(level, sort, None, notification.message.text.as_deref().unwrap_or_default());
    }

    /// A complaint. Whatever its level: a file that was parsed in part only, a
    /// rule that was left out, a time-out — something was not looked at.
    fn failure(&mut self, level: DiagnosticLevel, sort: &str, path: Option<&str>, message: &str) {
        self.failures += 1;
        if self.notes.len() >= MAX_NOTES {
            self.notes_left_out += 1;
            self.errors_left_out |= level == DiagnosticLevel::Error;
            return;
        }
        let mut text = shorten(sort);
        if let Some(path) = path.filter(|path| !message.contains(path)) {
            text = format!("{text} in {}", shorten(path));
        }
        if !message.is_empty() {
            let message = credential::masked(&without_code(message));
            let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
            text = format!("{text}: {}", shorten(&line));
        }
        self.notes.push(note(level, "scan-error", text));
    }
}

/// A message without the code that it quotes, which may show a credential. Code may
/// hold such signs itself.
fn without_code(message: &str) -> Cow<'_, str> {
    match (message.find('`'), message.rfind('`')) {
        (Some(start), Some(end)) if start < end => {
            let (before, after) = (message.get(..=start), message.get(end..));
            format!("{}…{}", before.unwrap_or_default(), after.unwrap_or_default()).into()
        }
        _ => message.into(),
    }
}

fn count(errors: u64) -> String {
    if errors == 1 { "an error".to_owned() } else { format!("{errors} errors") }
}

/// Command line and SARIF call it an error where the scan itself went wrong.
fn level(word: Option<&str>) -> DiagnosticLevel {
    if word == Some("error") { DiagnosticLevel::Error } else { DiagnosticLevel::Warning }
}

fn note(level: DiagnosticLevel, code: &str, message: String) -> Diagnostic {
    let code = code.to_owned();
    Diagnostic { level, code, index: None, id: None, pointer: None, message }
}

fn string(text: &str) -> Option<String> {
    guest_json::string(text).map(Cow::into_owned)
}
