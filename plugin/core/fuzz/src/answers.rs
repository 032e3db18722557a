//! Answers of the vendor are read, or are errors that show no secret.

use std::sync::LazyLock;

use appsec_model::{Error, FetchRequest, Kind, NextPage, ProjectScope, Scope};
use semgrep_core::{Response, configure, fetch_findings, fetch_scan, list_projects};

use crate::{
    cursors::MAX_CURSOR_BYTES,
    input::{has, pick, split},
    normalizing::checked_in_calls,
    world::{MemoryBucket, TOKEN, Vendor, configured, friendly, with},
};

static CONFIGURED: LazyLock<MemoryBucket> = LazyLock::new(|| configured("all"));

/// Any bytes as an answer.
///
/// Choices: call; status; bits: whether the first line is a header's value, of
/// which headers, and what else the call is told.
pub fn answer(data: &[u8]) {
    let Some(([call, status, bits], rest)) = split(data) else { return };
    let (header, body) = match has(bits, 0).then(|| rest.iter().position(|byte| *byte == b'\n')).flatten() {
        Some(end) => (std::str::from_utf8(&rest[..end]).ok(), &rest[end + 1..]),
        None => (None, rest),
    };
    let header = |bit: u8| header.filter(|_| has(bits, bit)).map(str::to_owned);
    let response = Response {
        status: status_of(status),
        retry_after: header(1),
        date: header(2),
        content_type: header(3),
        location: header(4),
        body: body.to_vec(),
    };
    match call % 8 {
        0 => configuring(&response, has(bits, 5)),
        1 => projects(&response),
        2 => scan(&response),
        call => findings(pick(call - 3, &KINDS), &response, has(bits, 5)),
    }
}

const KINDS: [Kind; 5] = [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages];

/// 200 for half of all choices.
fn status_of(choice: u8) -> u16 {
    const STATUSES: [u16; 16] = [0, 100, 204, 301, 307, 400, 401, 403, 404, 408, 410, 418, 429, 500, 503, 999];
    if has(choice, 7) { pick(choice, &STATUSES) } else { 200 }
}

/// As the answer to the question for deployments, or to those for kinds.
fn configuring(response: &Response, to_kinds: bool) {
    let mut vendor = Vendor::new(|path| match path == "/api/v1/deployments" {
        true if to_kinds => friendly(path),
        false if !to_kinds => friendly(path),
        _ => response.clone(),
    });
    let mut bucket = MemoryBucket::default();
    let settings = r#"{"kinds":["sast","sca","ai-sast","secrets","packages"]}"#;
    let result = with(&mut vendor, &mut bucket, |outside| configure(settings, outside));
    match &result {
        Ok(connection) => {
            assert_eq!(connection.kinds.len(), KINDS.len());
            // What was remembered can be read back.
            let projects = with(&mut Vendor::new(friendly), &mut bucket, |outside| list_projects(None, outside));
            assert!(projects.is_ok(), "{projects:?}");
        }
        Err(_) => assert_eq!(bucket, MemoryBucket::default()),
    }
    shows_no_secret(result.err().as_ref());
}

fn projects(response: &Response) {
    let mut bucket = CONFIGURED.clone();
    let mut vendor = Vendor::new(|_| response.clone());
    let result = with(&mut vendor, &mut bucket, |outside| list_projects(None, outside));
    assert_eq!(vendor.asked, 1);
    if let Ok(page) = &result
        && let Some(next) = &page.next
    {
        assert!(next.len() <= MAX_CURSOR_BYTES);
        let last = with(&mut Vendor::new(friendly), &mut bucket, |outside| list_projects(Some(next), outside));
        assert!(last.is_ok_and(|page| page.next.is_none()));
    }
    shows_no_secret(result.err().as_ref());
}

fn scan(response: &Response) {
    let mut vendor = Vendor::new(|_| response.clone());
    let result = with(&mut vendor, &mut CONFIGURED.clone(), |outside| fetch_scan("77", outside));
    assert_eq!(vendor.asked, 1);
    shows_no_secret(result.err().as_ref());
}

fn findings(kind: Kind, response: &Response, by_project: bool) {
    let project = || ProjectScope { id: "7".into(), name: "acme/shop".into(), primary_branch: None };
    let scope = if by_project { Scope::Projects(vec![project()]) } else { Scope::Deployment };
    let request = FetchRequest { kind, scope, since: None, cursor: None };
    let mut bucket = CONFIGURED.clone();
    let mut vendor = Vendor::new(|_| response.clone());
    let result = with(&mut vendor, &mut bucket, |outside| fetch_findings(&request, outside));
    assert_eq!(vendor.asked, 1);
    if let Ok(page) = &result {
        assert!(page.records.iter().all(|record| record.kind == request.kind));
        checked_in_calls(&page.records);
        if let NextPage::Cursor(next) = &page.next {
            assert!(next.len() <= MAX_CURSOR_BYTES);
            let again = FetchRequest { cursor: Some(next.clone()), ..request.clone() };
            let last = with(&mut Vendor::new(friendly), &mut bucket, |outside| fetch_findings(&again, outside));
            assert!(last.is_ok_and(|page| page.records.is_empty()));
        }
    }
    shows_no_secret(result.err().as_ref());
}

fn shows_no_secret(error: Option<&Error>) {
    let shown = error.map(|error| format!("{error} {error:?}")).unwrap_or_default();
    assert!(!shown.contains(TOKEN), "{shown}");
}
