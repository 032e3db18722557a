//! Files give the same records, however they are cut.

use appsec_model::{Document, DocumentHead, DocumentSummary, Error, KindCount, ProjectRef, RawInput, RawRecord};
use semgrep_core::{DocumentReader, MAX_RECORDS, describe, normalize};

use crate::{
    input::{has, pick, split},
    normalizing::checked_in_calls,
};

/// Up to this length a file is also read byte by byte.
const MAX_BYTEWISE: usize = 4 << 10;

/// Any bytes as a file, of a given or detected format.
///
/// Choices: format (0 to detect it); bits: project, branch; three lengths of
/// pieces.
pub fn file(data: &[u8]) {
    let Some(([format, bits, cuts @ ..], content)) = split::<5>(data) else { return };
    check(&head(format_of(format), bits), content, cuts);
}

/// Any rows under a header with every column, as a file of the format.
///
/// Choices: bits: project, branch, rows that end in CR LF; three lengths of
/// pieces.
pub fn csv(data: &[u8]) {
    let Some(([bits, cuts @ ..], rows)) = split::<4>(data) else { return };
    let delimiter = if has(bits, 3) { ";" } else { "," };
    let mut content = COLUMNS.join(delimiter).into_bytes();
    content.extend_from_slice(if has(bits, 2) { b"\r\n" } else { b"\n" });
    content.extend_from_slice(rows);
    check(&head(Some("semgrep-csv".into()), bits), &content, cuts);
}

const COLUMNS: [&str; 28] = [
    "Id",
    "Rule Name",
    "Product",
    "Severity",
    "Status",
    "Confidence",
    "Assistant Component",
    "Repository Name",
    "Repository Url",
    "Line Of Code Url",
    "Semgrep Platform Link",
    "Created At",
    "Last Opened At",
    "Branch",
    "Triaged At",
    "Triage Comment",
    "Triage Reason",
    "Rule Description",
    "Category",
    "Dependency",
    "Reachability",
    "Transitivity",
    "CVE",
    "EPSS",
    "Secret Type",
    "Validation",
    "Project Visibility",
    "Assistant Triage Result",
];

fn format_of(choice: u8) -> Option<String> {
    let mut formats: Vec<Option<String>> = describe().formats.into_iter().map(|format| Some(format.name)).collect();
    formats.insert(0, None);
    formats.push(Some("other".into()));
    pick(choice, &formats)
}

fn head(format: Option<String>, bits: u8) -> DocumentHead {
    DocumentHead {
        format,
        name: "file".into(),
        project: has(bits, 0).then(|| ProjectRef { id: None, name: Some("acme/shop".into()) }),
        r#ref: has(bits, 1).then(|| "main".into()),
        root: has(bits, 2).then(|| "/src".into()),
    }
}

/// Reads a file in every way there is.
fn check(head: &DocumentHead, content: &[u8], cuts: [u8; 3]) {
    let whole = read(head, &[content]);
    assert_eq!(whole, read(head, &pieces(content, &cuts)), "whole, and in pieces");
    if content.len() <= MAX_BYTEWISE {
        assert_eq!(whole, read(head, &pieces(content, &[0])), "whole, and byte by byte");
    }
    let document = Document { head: head.clone(), content: content.to_vec() };
    let at_once = normalize(&RawInput::Document(document));
    match whole {
        Ok((_, records)) => {
            let findings = checked_in_calls(&records);
            if records.len() <= MAX_RECORDS {
                assert_eq!(Ok(findings), at_once.map(|normalized| normalized.findings));
            }
        }
        Err(error) => assert_eq!(Err(error), at_once),
    }
}

/// Pieces of these lengths, each one more than its number.
fn pieces<'a>(content: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut rest = content;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let (piece, tail) = rest.split_at(rest.len().min(usize::from(*length) + 1));
        pieces.push(piece);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

/// Both passes over a file, and what its summary promises.
pub fn read(head: &DocumentHead, pieces: &[&[u8]]) -> Result<(DocumentSummary, Vec<RawRecord>), Error> {
    let mut reader = DocumentReader::new(head.clone());
    for piece in pieces {
        reader.survey(piece)?;
    }
    let summary = reader.summarize()?;
    let mut records = Vec::new();
    for piece in pieces {
        records.extend(reader.read(piece).expect("the second pass finds what the first found"));
    }
    records.extend(reader.finish().expect("the second pass ends where the first ended"));
    assert_eq!(summary.records, records.len() as u64);
    assert_eq!(summary.records, summary.kinds.iter().map(|it| it.records).sum::<u64>());
    for KindCount { kind, records: count } in &summary.kinds {
        assert_eq!(*count, records.iter().filter(|record| record.kind == *kind).count() as u64, "{kind}");
    }
    if head.project.is_none() {
        assert_eq!(summary.names_projects, records.iter().all(|record| record.project.is_some()));
    }
    Ok((summary, records))
}
