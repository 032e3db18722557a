//! The second pass: the records of a file, ready to be kept.

use std::{borrow::Cow, collections::BTreeMap};

use appsec_model::{DocumentHead, Gist, Kind, RawRecord};

use super::{
    Fault, cli, csv,
    format::Format,
    input::Part,
    json::Item,
    kept,
    label::{Label, label},
    outline::Place,
    record::{FileHead, FileRecord},
    sarif,
    survey::Survey,
    webhook,
};
use crate::api::kept::Rules;

/// What the second pass has given so far.
#[derive(Default)]
pub struct Output {
    /// Records so far.
    pub records: u64,
    runs: usize,
    results: usize,
    is_resolved: bool,
    credentials: cli::Credentials,
    rules: Rules,
    /// How many results there are of each group, once one of them came that names
    /// its rule by position only.
    late: Option<BTreeMap<u128, u32>>,
}

impl Output {
    /// Takes a part of the file; gives its record if it is one.
    pub fn part(&mut self, part: Part<'_>, survey: &Survey, head: &DocumentHead) -> Result<Option<RawRecord>, Fault> {
        let Some(format) = survey.format() else { return Ok(None) };
        let record = match part {
            Part::Row(row) => {
                let row = csv::kept(row).map_or(Cow::Borrowed(row), Cow::Owned);
                wrapped(format, label(format, None, &row), &row, head)
            }
            Part::Json(Item::Value(Place::Findings(group), text)) => {
                let given = label(format, Some(group), text);
                match self.rules.kept(&given.kind, text) {
                    // Its id may be another one.
                    Some(kept) => plain(Label { kind: given.kind, ..label(format, Some(group), &kept) }, &kept, head),
                    None => plain(given, text, head),
                }
            }
            Part::Json(Item::Value(Place::Dependencies, text)) => plain(label(format, None, text), text, head),
            Part::Json(Item::Value(Place::Vulns, text)) => wrapped(format, label(format, None, text), text, head),
            Part::Json(Item::Value(Place::WebhookFinding, text)) => {
                let text = webhook::kept(text).map_or(Cow::Borrowed(text), Cow::Owned);
                wrapped(format, label(format, None, &text), &text, head)
            }
            Part::Json(Item::Value(Place::WebhookScan, text)) => wrapped(format, webhook::scan_label(text), text, head),
            Part::Json(Item::Value(Place::CliResults, text)) => self.result(format, None, text, survey, head),
            Part::Json(Item::Value(Place::SarifResults, text)) => {
                let run = self.runs.saturating_sub(1);
                let resolved = survey.bases.get(run).and_then(|bases| bases.resolve(text));
                // Bases that stand behind the results were not known to the first pass.
                self.is_resolved = resolved.is_some();
                let text = resolved.as_deref().unwrap_or(text);
                self.result(format, survey.shelf.get(run, text), text, survey, head)
            }
            Part::Json(Item::Open(Place::Run)) => {
                self.runs += 1;
                return Ok(None);
            }
            Part::Json(_) => return Ok(None),
        };
        self.records += 1;
        Ok(Some(record))
    }

    /// A result of a scanner's report.
    fn result(
        &mut self,
        format: Format,
        rule: Option<(&str, bool)>,
        text: &str,
        survey: &Survey,
        head: &DocumentHead,
    ) -> RawRecord {
        let (rule, by_rule) = rule.map_or((None, false), |(rule, shows)| (Some(rule), shows));
        let numbered = survey.numbering.get(self.results);
        self.results += 1;
        let numbered = numbered
            .map(|it| (it.kind.clone(), it.group, it.ordinal, it.shows_credentials))
            .or_else(|| self.number_late(rule?, text, survey));
        let root = survey.root(head);
        // The first pass knew no root yet, nor all fingerprints.
        let sketch = match format {
            _ if root.is_none() && !self.is_resolved && !survey.fingerprints.are_shared() => None,
            Format::Sarif => sarif::sketch(text, rule, root),
            _ => cli::sketch(text, root, &mut self.credentials),
        };
        let shared = sketch.as_ref().is_some_and(|sketch| survey.fingerprints.is_shared(sketch));
        // What cannot be read may show a credential as well as anything; what is vulnerable in
        // a package is in no code of one's own.
        let shows = numbered.as_ref().is_none_or(|(kind, .., shows)| *kind != Kind::Sca && (by_rule || *shows));
        let kept = if shows { Some(kept::kept(text)) } else { survey.exposed.without_code(text) };
        let veil = |group| if shows { kept::veiled(group) } else { group };
        // What cannot be read tells nothing.
        let gist = numbered.as_ref().and_then(|(kind, ..)| match format {
            Format::Sarif => Some(Gist { detail: 0, text: sarif::gist(text, rule, kind)? }),
            _ => Some(Gist { detail: 1, text: cli::gist(text, kind)? }),
        });
        let (kind, group, ordinal) = match numbered {
            Some((kind, group, ordinal, _)) => (kind, Some(veil(sketch.map_or(group, |it| it.group))), ordinal),
            None if format == Format::Sarif => (sarif::kind(text), None, 0),
            None => (Kind::Sast, None, 0),
        };
        // The same result on another branch is another record.
        let at = survey.branch.as_deref().map(|name| format!("@{name}")).unwrap_or_default();
        let id = group.map(|group| format!("{group:032x}-{ordinal}{at}"));
        let file_head = FileHead {
            format: Cow::Borrowed(format.name()),
            tool: survey.version.as_deref().map(Cow::Borrowed),
            ref_: survey.branch.as_deref().map(Cow::Borrowed),
            ordinal,
            root: root.map(Cow::Borrowed),
            group: group.filter(|_| shows).map(|group| format!("{group:032x}").into()),
            shared,
        };
        let body = wrap(file_head, rule, kept.as_deref().unwrap_or(text));
        RawRecord { kind, id, project: head.project.clone(), body, gist }
    }

    /// Kind, group and number of a result that names its rule by position only.
    ///
    /// The rules may stand behind the results, so the first pass does not know its
    /// group. It is numbered after the others of the group, in the order of the
    /// file. No version of the tool writes such results; the standard allows them.
    fn number_late(&mut self, rule: &str, text: &str, survey: &Survey) -> Option<(Kind, u128, u32, bool)> {
        let sketch = sarif::sketch(text, Some(rule), None)?;
        let counts = self.late.get_or_insert_with(|| survey.numbering.counts());
        let count = counts.entry(sketch.group).or_default();
        let ordinal = *count;
        *count += 1;
        Some((sketch.kind, sketch.group, ordinal, sketch.shows_credentials))
    }
}

/// A record that stays as it is.
fn plain(label: Label, text: &str, head: &DocumentHead) -> RawRecord {
    let project = label.project.or_else(|| head.project.clone());
    RawRecord { kind: label.kind, id: label.id, project, body: text.to_owned(), gist: None }
}

/// A record that stands for itself, in a wrapper that tells its format.
fn wrapped(format: Format, label: Label, text: &str, head: &DocumentHead) -> RawRecord {
    let project = label.project.or_else(|| head.project.clone());
    let file_head = FileHead {
        format: Cow::Borrowed(format.name()),
        tool: None,
        ref_: head.r#ref.as_deref().map(Cow::Borrowed),
        ordinal: 0,
        root: None,
        group: None,
        shared: false,
    };
    RawRecord { kind: label.kind, id: label.id, project, body: wrap(file_head, None, text), gist: None }
}

/// Rule and record were checked to be JSON when the file was cut.
fn wrap(head: FileHead<'_>, rule: Option<&str>, record: &str) -> String {
    FileRecord { head, rule, record }.to_text()
}
