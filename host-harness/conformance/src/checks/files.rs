//! D7 and D8: files, whole and piece by piece.

use appsec_model::{Completeness, Document, DocumentHead, ErrorCode, Manifest, RawInput};
use appsec_sandbox::{CallFailure, Still};

use super::{Book, Trial, normalize::is_read, told};
use crate::subject::{ReadFile, Subject};

/// A file of a format that a connector reads.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name, without folders.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Most pieces that a file is cut into: each is a call.
const MOST_PIECES: usize = 1_000;

/// Bytes of a large one.
const LARGE_PIECE: usize = 4_096;

/// Most places at which a file is cut off.
const MOST_CUTS: usize = 120;

/// A format that no connector has.
const NO_FORMAT: &str = "no-such-format";

pub async fn check(book: &mut Book<'_>, subject: &impl Subject, manifest: &Manifest) {
    let samples = &book.plan.samples;
    if samples.is_empty() && !manifest.formats.is_empty() {
        return;
    }
    let mut read = Vec::new();
    for sample in samples {
        read.push((sample, subject.read_file(head(sample), &[&sample.content]).await));
    }
    if let Some(mut trial) = book.open("D7") {
        unknown(&mut trial, subject).await;
        for (sample, read) in &read {
            whole(&mut trial, subject, sample, read).await;
        }
        let is_read = |name: &str| read.iter().any(|(_, it)| it.as_ref().is_ok_and(|it| it.summary.format == name));
        let without: Vec<&str> =
            manifest.formats.iter().map(|it| it.name.as_str()).filter(|name| !is_read(name)).collect();
        if !without.is_empty() {
            trial.note = Some(format!("no sample was given of {}", without.join(", ")));
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("D8") {
        for (sample, read) in &read {
            if let Ok(read) = read {
                pieces(&mut trial, subject, sample, read).await;
                cuts(&mut trial, subject, sample).await;
            }
        }
        if manifest.formats.is_empty() {
            let empty = Sample { name: "file".to_owned(), content: b"{}".to_vec() };
            let called = subject.read_file(head(&empty), &[&empty.content]).await;
            is_unsupported(&mut trial, "the reader of a connector without formats", called.as_ref().err());
        }
        book.close(trial);
    }
}

fn head(sample: &Sample) -> DocumentHead {
    let project = appsec_model::ProjectRef { id: None, name: Some("acme/shop".to_owned()) };
    DocumentHead { name: sample.name.clone(), project: Some(project), ..DocumentHead::default() }
}

fn is_unsupported(trial: &mut Trial, case: &str, failure: Option<&CallFailure>) {
    let is_told = matches!(failure, Some(CallFailure::Contract(error)) if error.code == ErrorCode::Unsupported);
    trial.case(is_told, case, "`unsupported`", || failure.map_or_else(|| "success".to_owned(), super::shown));
}

async fn unknown(trial: &mut Trial, subject: &impl Subject) {
    let sample = Sample { name: "file".to_owned(), content: b"{}".to_vec() };
    let head = DocumentHead { format: Some(NO_FORMAT.to_owned()), ..head(&sample) };
    let document = Document { head: head.clone(), content: sample.content.clone() };
    let called = subject.normalize(Still::default(), RawInput::Document(document)).await;
    is_unsupported(trial, "`normalize` of a file of an unknown format", called.as_ref().err());
    let called = subject.read_file(head, &[&sample.content]).await;
    is_unsupported(trial, "the reader of an unknown format", called.as_ref().err());
}

/// A file as a whole gives what its records give.
async fn whole(trial: &mut Trial, subject: &impl Subject, sample: &Sample, read: &Result<ReadFile, CallFailure>) {
    let read = match read {
        Ok(read) => read,
        Err(failure) => return trial.case(false, &sample.name, "its records", || super::shown(failure)),
    };
    let document = Document { head: head(sample), content: sample.content.clone() };
    let whole = subject.normalize(Still::default(), RawInput::Document(document)).await;
    let records = subject.normalize(Still::default(), RawInput::Records(read.records.clone())).await;
    let (Ok(whole), Ok(records)) = (&whole, &records) else {
        trial.case(whole.is_ok(), &sample.name, "findings from the whole file", || told(&whole));
        return trial.case(records.is_ok(), &sample.name, "findings from its records", || told(&records));
    };
    let (whole, records) = (&whole.value, &records.value);
    trial.case(read.records.is_empty() || is_read(records), &sample.name, "not errors alone", || {
        format!("{} records and no finding", read.records.len())
    });
    trial.case(whole.findings == records.findings, &sample.name, "the findings of its records", || {
        format!("{} whole, {} by records, or others", whole.findings.len(), records.findings.len())
    });
    trial.case(whole.packages == records.packages, &sample.name, "the packages of its records", || {
        format!("{} whole, {} by records, or others", whole.packages.len(), records.packages.len())
    });
}

/// However it is cut, it gives the same.
async fn pieces(trial: &mut Trial, subject: &impl Subject, sample: &Sample, whole: &ReadFile) {
    let content = sample.content.as_slice();
    let least = content.len().div_ceil(MOST_PIECES).max(1);
    for (size, pieces) in [
        (1, small_at_the_ends(content, 1)),
        (7, small_at_the_ends(content, 7)),
        (least, content.chunks(least).collect()),
        (LARGE_PIECE, content.chunks(LARGE_PIECE).collect()),
    ] {
        let read = subject.read_file(head(sample), &pieces).await;
        let case = format!("{} in pieces of {size} bytes", sample.name);
        let is_same = read.as_ref().is_ok_and(|read| read == whole);
        trial.case(is_same, case, "the same records and summary", || match &read {
            Ok(_) => "others".to_owned(),
            Err(failure) => super::shown(failure),
        });
    }
    let (said, given) = (whole.summary.records, whole.records.len() as u64);
    trial.case(said == given, &sample.name, "as many records as the summary says", || format!("{given} of {said}"));
    for count in &whole.summary.kinds {
        let given = whole.records.iter().filter(|it| it.kind == count.kind).count() as u64;
        trial.case(given == count.records, format!("{}, {}", sample.name, count.kind), count.records, || {
            given.to_string()
        });
    }
}

/// A file in pieces of a size as far as they may be many, at its beginning and its
/// end; what is between them in large ones.
fn small_at_the_ends(content: &[u8], size: usize) -> Vec<&[u8]> {
    let end = content.len().min(size * MOST_PIECES / 2);
    let (begin, rest) = content.split_at(end);
    let (middle, last) = rest.split_at(rest.len().saturating_sub(end));
    begin.chunks(size).chain(middle.chunks(LARGE_PIECE)).chain(last.chunks(size)).collect()
}

/// What is cut off fails, or is told to be no whole file.
async fn cuts(trial: &mut Trial, subject: &impl Subject, sample: &Sample) {
    // What comes after the last sign is no part of it.
    let length = sample.content.trim_ascii_end().len();
    let step = (length / MOST_CUTS).max(100);
    let last = length.checked_sub(1).filter(|end| *end > 0);
    for end in (1..length).step_by(step).chain(last) {
        let part = sample.content.get(..end).unwrap_or_default();
        let read = subject.read_file(head(sample), &[part]).await;
        let is_told = match &read {
            Ok(read) => read.summary.completeness != Completeness::Complete,
            Err(failure) => matches!(failure, CallFailure::Contract(_)),
        };
        let case = format!("the first {end} bytes of {}", sample.name);
        trial.case(is_told, case, "an error, or no `complete`", || match &read {
            Ok(_) => "a complete file".to_owned(),
            Err(failure) => super::shown(failure),
        });
    }
}
