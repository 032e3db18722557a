//! Triage as code: a file of decisions, each with what it matches, in TOML or
//! CSV. What matches is told in the fields of the list of findings.

use std::{collections::BTreeMap, fmt, fmt::Write, str::FromStr};

use appsec_analysis::triage::{TriageEntry, TriageError};
use appsec_exports::text;
use appsec_grant::UnknownName;
use appsec_model::Timestamp;
use appsec_store::DecidedFinding;
use serde::Serialize;

use crate::{
    query::{Ahead, List, Query},
    toml_problem::toml_problem,
};

/// Keys of an entry beside what it matches.
const KEYS: [&str; 6] = ["decision", "reason", "comment", "until", "assignee", "labels"];

/// The key of what an entry matches, in TOML; in CSV each field is a column.
const MATCH: &str = "match";

/// A file of decisions.
#[derive(Clone, Debug)]
pub struct TriageFile {
    /// Its entries.
    pub(crate) entries: Vec<TriageFileEntry>,
}

/// A decision, and what it is made on.
#[derive(Clone, Debug)]
pub(crate) struct TriageFileEntry {
    /// Its position, from 1.
    pub number: u64,
    /// What it matches.
    pub query: Query,
    /// What is decided. Its end may have passed.
    pub entry: TriageEntry,
}

/// What is wrong with a file of decisions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TriageProblem {
    /// Position of the entry, from 1; none where it is the file.
    pub entry: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TriageProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(out, "entry {entry}: ")?;
        }
        out.write_str(&self.message)
    }
}

/// Keys and texts of an entry; a key may have several.
type Pairs = Vec<(String, String)>;

impl TriageFile {
    /// Bytes that a file may have.
    pub const MOST_BYTES: u64 = 16 << 20;

    /// Reads TOML: a table `[[decision]]` for each entry.
    pub fn of_toml(content: &str) -> Result<Self, Vec<TriageProblem>> {
        let of_file = |message: String| vec![TriageProblem { entry: None, message }];
        let table: toml::Table =
            content.parse().map_err(|error: toml::de::Error| of_file(toml_problem(content, &error)))?;
        let mut entries = Vec::new();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("decision", toml::Value::Array(list)) => entries = list,
                (key, _) => return Err(of_file(format!("unknown key `{key}`: a file has tables [[decision]]"))),
            }
        }
        Self::of(entries.into_iter().map(toml_pairs))
    }

    /// Reads CSV: a row for each entry, and a column for each field that is matched.
    pub fn of_csv(text: &str) -> Result<Self, Vec<TriageProblem>> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let of_file = |error: csv::Error| vec![TriageProblem { entry: None, message: error.to_string() }];
        let names = reader.headers().map_err(of_file)?.clone();
        let rows = reader.records().map(|row| {
            let row = row.map_err(|error| error.to_string())?;
            let cells = names.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
            let of_cell = |(name, cell): (&str, &str)| match name {
                "labels" => cell.split([',', ';']).map(|label| (name.to_owned(), label.to_owned())).collect(),
                _ => vec![(name.to_owned(), cell.to_owned())],
            };
            Ok((
                cells.clone().filter(|(name, _)| !KEYS.contains(name)).flat_map(of_cell).collect(),
                cells.filter(|(name, _)| KEYS.contains(name)).flat_map(of_cell).collect(),
            ))
        });
        Self::of(rows)
    }

    /// Entries of what they match and what they decide.
    fn of(entries: impl Iterator<Item = Result<(Pairs, Pairs), String>>) -> Result<Self, Vec<TriageProblem>> {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for (number, pairs) in (1..).zip(entries) {
            match pairs.and_then(|(matched, decided)| entry(number, &matched, decided)) {
                Ok(entry) => read.push(entry),
                Err(message) => problems.push(TriageProblem { entry: Some(number), message }),
            }
        }
        if problems.is_empty() { Ok(Self { entries: read }) } else { Err(problems) }
    }
}

/// What an entry of TOML matches and decides.
fn toml_pairs(entry: toml::Value) -> Result<(Pairs, Pairs), String> {
    let toml::Value::Table(table) = entry else { return Err("it is no table".to_owned()) };
    let (mut matched, mut decided) = (Pairs::new(), Pairs::new());
    for (key, value) in table {
        match value {
            toml::Value::Table(fields) if key == MATCH => {
                for (field, value) in fields {
                    toml_texts(&field, value, &mut matched)?;
                }
            }
            _ if key == MATCH => return Err("`match` is a table of fields".to_owned()),
            value => toml_texts(&key, value, &mut decided)?,
        }
    }
    Ok((matched, decided))
}

fn toml_texts(key: &str, value: toml::Value, pairs: &mut Pairs) -> Result<(), String> {
    let text = match value {
        toml::Value::String(text) => text,
        toml::Value::Boolean(false) => return Ok(()),
        toml::Value::Boolean(true) => "true".to_owned(),
        toml::Value::Array(list) => return list.into_iter().try_for_each(|value| toml_texts(key, value, pairs)),
        toml::Value::Table(_) => return Err(format!("`{key}` is no table")),
        value @ (toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Datetime(_)) => value.to_string(),
    };
    pairs.push((key.to_owned(), text));
    Ok(())
}

fn entry(number: u64, matched: &Pairs, decided: Pairs) -> Result<TriageFileEntry, String> {
    let pairs = matched.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let query = Query::parse(List::Triage, pairs).map_err(|error| error.to_string())?;
    if !query.narrows() {
        return Err("it says nothing that it matches".to_owned());
    }
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut labels = Vec::new();
    for (key, value) in decided {
        match KEYS.iter().find(|known| **known == key) {
            Some(&"labels") => labels.push(value),
            Some(known) if texts.insert(known, value).is_some() => return Err(format!("`{known}` is given twice")),
            Some(_) => {}
            None => {
                let known = KEYS.iter().chain([&MATCH]);
                return Err(format!("unknown key `{key}`{}", UnknownName::among(&key, known).question()));
            }
        }
    }
    let decision = texts.remove("decision").ok_or("it decides nothing: give a `decision`")?;
    let until = texts.remove("until").map(|text| match Ahead::from_str(&text) {
        Ok(Ahead::At(at)) => Ok(at),
        Ok(Ahead::In(_)) => {
            Err("`until` is a date or a moment here: a time from now would move with each import".to_owned())
        }
        Err(expected) => Err(format!("invalid `until`: {expected}")),
    });
    let entry = TriageEntry {
        reason: texts.remove("reason"),
        comment: texts.remove("comment"),
        until: until.transpose()?,
        assignee: texts.remove("assignee"),
        labels,
        ..TriageEntry::new(decision.parse().map_err(|error: TriageError| error.to_string())?)
    };
    // Whether its end has passed is a matter of the moment at which it is imported.
    let entry = entry.checked(Timestamp::from_micros(i64::MIN)).map_err(|error| error.to_string())?;
    Ok(TriageFileEntry { number, query, entry })
}

/// Decisions as TOML, each on its finding, as [`TriageFile::of_toml`] reads them.
pub(crate) fn to_toml(decisions: &[DecidedFinding]) -> String {
    // A string of JSON is one of TOML, and nothing acts on it.
    let quoted = |text: &str| {
        let mut out = Vec::new();
        // Writing to memory does not fail.
        let _ = text::json_line(&mut out, &text);
        String::from_utf8_lossy(&out).into_owned()
    };
    let mut out = String::new();
    for it in decisions {
        let entry = &it.row.entry;
        // Writing to a `String` does not fail.
        let _ = write!(
            out,
            "# {}: {}\n[[decision]]\nmatch = {{ identifier = \"{}\", include-non-security = true }}\ndecision = \"{}\"\n",
            text::line(&it.project),
            text::line(&it.title),
            it.finding,
            entry.decision
        );
        for (key, value) in [("reason", &entry.reason), ("comment", &entry.comment), ("assignee", &entry.assignee)] {
            if let Some(value) = value {
                let _ = writeln!(out, "{key} = {}", quoted(value));
            }
        }
        if let Some(until) = entry.until {
            let _ = writeln!(out, "until = \"{until}\"");
        }
        if !entry.labels.is_empty() {
            let labels: Vec<String> = entry.labels.iter().map(|label| quoted(label)).collect();
            let _ = writeln!(out, "labels = [{}]", labels.join(", "));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use appsec_analysis::triage::{TriageDecision, TriageEntry};
    use appsec_model::{Severity, Timestamp};
    use appsec_store::{DecidedFinding, DecisionRow};

    use super::{TriageFile, to_toml};

    #[test]
    fn toml_and_csv_say_the_same() {
        let toml = "[[decision]]\nmatch = { advisory = 'CVE-2024-1', severity = ['low', 'info'], fix-available = true }\n\
                    decision = 'accepted-risk'\nreason = 'Not exposed'\nuntil = 2027-01-31\nlabels = ['a', 'b']\n";
        let csv = "advisory,severity,fix-available,decision,reason,until,labels,comment\n\
                   CVE-2024-1,\"low,info\",true,accepted-risk,Not exposed,2027-01-31,b;a,\n";
        let (toml, csv) = (TriageFile::of_toml(toml).unwrap(), TriageFile::of_csv(csv).unwrap());
        let said =
            |file: &TriageFile| file.entries.iter().map(|it| (it.query.pairs(), it.entry.clone())).collect::<Vec<_>>();
        assert_eq!(said(&toml), said(&csv));
        let entry = &toml.entries[0].entry;
        assert_eq!(
            (entry.labels.as_slice(), entry.until.unwrap().to_string().as_str()),
            (&["a".to_owned(), "b".to_owned()][..], "2027-01-31T00:00:00Z")
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let toml = "[[decision]]\ndecision = 'fixing'\n\
                    [[decision]]\nmatch = { advisory = 'CVE-1' }\ndecision = 'wont-fix'\n\
                    [[decision]]\nmatch = { advisry = 'CVE-1' }\ndecision = 'fixing'\n\
                    [[decision]]\nmatch = { advisory = 'CVE-1' }\ndecision = 'never'\n\
                    [[decision]]\nmatch = { advisory = 'CVE-1' }\ndecision = 'fixing'\nreson = 'x'\n\
                    [[decision]]\nmatch = { advisory = 'CVE-1' }\ndecision = 'fixing'\nuntil = '30d'\n";
        let problems: Vec<String> = TriageFile::of_toml(toml).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"), @r"
        entry 1: it says nothing that it matches
        entry 2: `wont-fix` closes a finding and needs a reason
        entry 3: unknown filter `advisry`; did you mean `advisory`?
        entry 4: invalid decision `never`: one of reviewing, fixing, accepted-risk, false-positive, wont-fix, duplicate
        entry 5: unknown key `reson`; did you mean `reason`?
        entry 6: `until` is a date or a moment here: a time from now would move with each import
        ");
        insta::assert_snapshot!(TriageFile::of_toml("[[decisions]]").unwrap_err()[0], @"unknown key `decisions`: a file has tables [[decision]]");
        insta::assert_snapshot!(TriageFile::of_csv("advisory,decision\nCVE-1,fixing,x\n").unwrap_err()[0], @"entry 1: CSV error: record 1 (line: 2, byte: 18): found record with 3 fields, but the previous record has 2 fields");
    }

    proptest::proptest! {
        #[test]
        fn what_is_exported_is_read_back_the_same(reason in ".{1,30}", comment in ".{0,30}", title in ".{0,30}", label in ".{0,9}") {
            let at = Timestamp::from_micros(1_800_000_000_123_456);
            let entry = TriageEntry {
                reason: Some(reason),
                comment: Some(comment),
                until: Some(at),
                labels: vec![label],
                ..TriageEntry::new(TriageDecision::WontFix)
            };
            let Ok(entry) = entry.checked(at.min(Timestamp::from_micros(0))) else { return Ok(()) };
            let row = DecisionRow {
                entry: entry.clone(),
                author: "ada".to_owned(),
                decided_at: at,
                issue: None,
                ended_at: None,
                ended: None,
                ended_by: None,
            };
            let decided = DecidedFinding {
                finding: "0123456789abcdef".parse().unwrap(),
                row,
                instance: "code".to_owned(),
                project: title.clone(),
                kind: "sast".to_owned(),
                severity: Severity::High,
                status: "ignored".to_owned(),
                title,
                rule_id: None,
                path: None,
                start_line: None,
            };
            let text = to_toml(&[decided.clone(), decided]);
            let read = TriageFile::of_toml(&text).unwrap();
            proptest::prop_assert_eq!(read.entries.len(), 2);
            proptest::prop_assert_eq!(&read.entries[1].entry, &entry);
            let pairs = read.entries[1].query.pairs();
            proptest::prop_assert_eq!(pairs[0].clone(), ("identifier", "0123456789abcdef".to_owned()));
        }
    }
}
