//! Rows of the platform's CSV export.
//!
//! A row is read as a record of the findings endpoint, of which it is a part.
//! Its words are those of the platform's pages, in Title Case; its dates are in
//! the time zone of whoever pressed the button.

use std::collections::BTreeMap;

use appsec_model::{Finding, Identity, Kind, LeakedSecret, ProjectRef, Rule, Validation, Visibility};
use guest_json::{Raw, Reader, members};
use serde_json::{Map, Value};

use super::{
    label::{Label, project},
    record::FileRecord,
    table::fold,
};
use crate::{
    kept::{self, Keep, shows_credentials},
    moment,
    normalize::{Batch, record},
    wire::{self, Id, Remarks, Text, Texts, shorten},
};

/// The cells of a row, by the words of its header.
fn cells(text: &str) -> Option<BTreeMap<String, String>> {
    let mut cells = BTreeMap::new();
    let mut json = Reader::new(text);
    json.entries(&mut |word, json| {
        cells.insert(word.to_owned(), json.string("a text")?.into_owned());
        Ok(())
    })
    .and_then(|()| json.end())
    .ok()?;
    Some(cells)
}

/// A row, by the folded words of its header. Empty cells are absent.
struct Row(BTreeMap<String, String>);

impl Row {
    fn read(text: &str) -> Option<Self> {
        let cells = cells(text)?.into_iter().map(|(word, cell)| (fold(&word), cell));
        let mut row = BTreeMap::new();
        // Not collected: that would bring a sort.
        row.extend(cells.filter(|(_, cell)| !cell.trim().is_empty()));
        Some(Self(row))
    }

    fn get(&self, word: &str) -> Option<&str> {
        self.0.get(word).map(|cell| cell.trim())
    }

    fn text(&self, word: &str) -> Option<Text<'_>> {
        self.get(word).map(|cell| Text(cell.into()))
    }

    fn id(&self, word: &str) -> Option<Id<'_>> {
        self.text(word).map(Id::Text)
    }

    fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.0.contains_key(*word))
    }

    /// The kind, by the product's name, or else by the columns that only one
    /// product fills.
    fn kind(&self) -> Kind {
        match self.get("product").map(fold).as_deref() {
            Some("code") => Kind::Sast,
            Some("codeai" | "aicode") => Kind::AiSast,
            Some("supplychain") => Kind::Sca,
            Some("secrets" | "secret") => Kind::Secrets,
            Some(_) => Kind::Other(self.get("product").unwrap_or_default().to_owned()),
            None if self.has(&["dependency", "reachability", "transitivity", "cve", "epss"]) => Kind::Sca,
            None if self.has(&["secrettype", "validation", "projectvisibility"]) => Kind::Secrets,
            None => Kind::Sast,
        }
    }
}

/// Columns, by the folded words of their headers. The description of a rule may
/// be a message, into which the rule puts the code that it matched.
const COLUMNS: &[(&str, Keep)] = &[
    ("id", Keep::Id),
    ("product", Keep::Words),
    ("branch", Keep::Name),
    ("repositoryname", Keep::Name),
    ("repositoryurl", Keep::Address),
    ("lineofcodeurl", Keep::Address),
    ("status", Keep::Words),
    ("severity", Keep::Words),
    ("confidence", Keep::Words),
    ("category", Keep::Words),
    ("createdat", Keep::Date),
    ("lastopenedat", Keep::Date),
    ("triagedat", Keep::Date),
    ("triagecomment", Keep::Words),
    ("triagereason", Keep::Words),
    ("rulename", Keep::Name),
    ("assistanttriageresult", Keep::Words),
    ("assistanttriagereason", Keep::Words),
    ("assistantcomponent", Keep::Words),
    ("multimodaltriageresult", Keep::Words),
    ("multimodalcomponent", Keep::Words),
    ("secrettype", Keep::Words),
    ("validation", Keep::Words),
    ("projectvisibility", Keep::Words),
];

/// What is kept of a row; none where that is all.
pub fn kept(text: &str) -> Option<String> {
    let row = Row::read(text)?;
    let kind = row.kind();
    let rule = Rule {
        id: row.get("rulename").unwrap_or_default().to_owned(),
        message: row.get("ruledescription").map(str::to_owned),
        ..Rule::default()
    };
    if kind == Kind::Sca || !shows_credentials(&kind, &rule) {
        return None;
    }
    let cells = cells(text)?;
    let names: Vec<&str> = ["branch", "repositoryname"].into_iter().filter_map(|word| row.get(word)).collect();
    let mut kept = Map::new();
    kept.extend(cells.iter().filter_map(|(word, cell)| {
        let (_, keep) = COLUMNS.iter().find(|(known, _)| *known == fold(word))?;
        Some((word.clone(), kept::text(cell, *keep, &names)?.into()))
    }));
    Some(guest_json::text(&Value::Object(kept)))
}

/// What a row is called.
pub fn label(text: &str) -> Label {
    let Some(row) = Row::read(text) else { return Label { kind: Kind::Sast, id: None, project: None } };
    Label {
        kind: row.kind(),
        id: row.get("id").map(str::to_owned),
        project: project(None, row.get("repositoryname").map(str::to_owned)),
    }
}

/// The finding of a row, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    file: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    let Some(row) = Row::read(file.record) else {
        batch.remarks.error("not-a-row", "the record is no row of a table".to_owned());
        return Err(None);
    };
    let id = row.get("id").map(str::to_owned);
    let kind = row.kind();
    if let Kind::Other(product) = &kind {
        let message = format!("this version does not read findings of the product `{}`", shorten(product));
        batch.remarks.error("unsupported-kind", message);
        return Err(id);
    }
    let created_at = date(&row, "createdat", &mut batch.remarks);
    let relevant_since = date(&row, "lastopenedat", &mut batch.remarks);
    let triaged_at = date(&row, "triagedat", &mut batch.remarks);
    let rule = rule(&row);
    let is_sca = kind == Kind::Sca;
    let (package, version) = row.get("dependency").map_or((None, None), package);
    let verdict = row.get("assistanttriageresult").or(row.get("multimodaltriageresult"));
    let component = row.get("multimodalcomponent").or(row.get("assistantcomponent"));
    let found = wire::Finding {
        id: row.id("id"),
        ref_: row.text("branch").or_else(|| file.head.ref_.as_deref().map(|name| Text(name.into()))),
        repository: Some(wire::Repository { name: row.text("repositoryname"), url: row.text("repositoryurl") }),
        line_of_code_url: row.text("lineofcodeurl"),
        status: row.text("status"),
        severity: row.id("severity"),
        confidence: row.id("confidence"),
        categories: row.text("category").map(|category| Texts(vec![category])),
        created_at,
        relevant_since,
        triaged_at,
        triage_comment: row.text("triagecomment"),
        // The API's words have underscores.
        triage_reason: row.get("triagereason").map(|word| Text(words(word).into())),
        rule: rule.as_deref().map(Raw::new),
        rule_name: row.text("rulename"),
        rule_message: row.text("ruledescription"),
        assistant: Some(wire::Assistant {
            autotriage: verdict.map(|word| wire::Autotriage {
                verdict: Some(Text(word.into())),
                reason: row.text("assistanttriagereason"),
            }),
            component: component.map(|tag| wire::Component { tag: Some(Text(tag.into())), risk: None }),
            ..wire::Assistant::default()
        }),
        vulnerability_identifier: row.text("cve").filter(|_| is_sca),
        reachability: row.text("reachability").filter(|_| is_sca),
        found_dependency: is_sca.then(|| wire::Dependency {
            package: package.map(|name| Text(name.into())),
            version: version.map(|version| Text(version.into())),
            transitivity: row.text("transitivity"),
            ..wire::Dependency::default()
        }),
        epss_score: row.get("epss").filter(|_| is_sca).and_then(epss),
        ..wire::Finding::default()
    };
    let mut finding = record::finding(batch, index, kind, project, found).ok_or(id.clone())?;
    // The number is the platform's own; the export has no other identity.
    let key = id.unwrap_or_default();
    finding.identity = Identity { key, algorithm: "semgrep-csv-id".to_owned(), aliases: Vec::new() };
    batch.remarks.forget("weak-identity");
    // The export has no column for it.
    batch.remarks.forget("missing-ecosystem");
    if finding.kind == Kind::Secrets {
        let service = row.get("secrettype").map(str::to_owned);
        finding.secret = Some(LeakedSecret {
            service,
            validation: row.get("validation").map(validation).unwrap_or_default(),
            visibility: row.get("projectvisibility").map(visibility),
            history: None,
        });
    }
    Ok(finding)
}

/// A word of the platform's pages, as the API writes it.
fn words(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '_' } else { letter }).collect()
}

/// The rule, as the findings endpoint writes it.
fn rule(row: &Row) -> Option<String> {
    let rule = members(vec![
        ("name", row.get("rulename")?.into()),
        ("message", row.get("ruledescription").into()),
        ("confidence", row.get("confidence").into()),
        ("category", row.get("category").into()),
    ]);
    Some(guest_json::text(&rule))
}

/// A date. One without an offset could be of any time zone: it is left out.
fn date<'a>(row: &'a Row, word: &str, remarks: &mut Remarks) -> Option<Text<'a>> {
    let text = row.get(word)?;
    if moment::read(text).is_none() && text.bytes().any(|byte| byte.is_ascii_digit()) {
        let message = format!("`{}` does not tell its time zone; the date is left out", shorten(text));
        remarks.warn("ambiguous-date", "", message);
        return None;
    }
    Some(Text(text.into()))
}

/// A package's name and version; the export writes them as `name@version`.
fn package(text: &str) -> (Option<&str>, Option<&str>) {
    match text.rsplit_once('@').or_else(|| text.split_once(' ')) {
        // The first letter of a scope is no separator.
        Some((name, version)) if !name.is_empty() => (Some(name.trim()), Some(version.trim())),
        _ => (Some(text), None),
    }
}

/// A score from 0 to 1, also written in percent.
fn epss(text: &str) -> Option<wire::Epss> {
    let (text, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    let score = text.trim().parse::<f64>().ok()? / scale;
    (0.0..=1.0).contains(&score).then_some(wire::Epss { score: Some(score), percentile: None })
}

/// Whether a credential still works, by the words of the platform's pages.
fn validation(word: &str) -> Validation {
    match fold(word).as_str() {
        "valid" | "confirmedvalid" => Validation::ConfirmedValid,
        "invalid" | "confirmedinvalid" => Validation::ConfirmedInvalid,
        "validationerror" => Validation::ValidationError,
        "novalidator" => Validation::NoValidator,
        _ => Validation::Other(word.to_owned()),
    }
}

fn visibility(word: &str) -> Visibility {
    Visibility::from(word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
