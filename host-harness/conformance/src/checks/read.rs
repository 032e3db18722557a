//! C1 to C13 and D10: projects, pages, cursors.

use std::collections::{BTreeMap, BTreeSet};

use appsec_model::{
    Access, ErrorCode, FetchRequest, Kind, Manifest, NextPage, Project, ProjectScope, RawPage, RawRecord, Scope,
    Timestamp,
};
use appsec_sandbox::CallFailure;
use serde_json::Value;

use super::{
    Book, Ready, Trial, failed_with, pages, short, shown, told,
    walk::{Asked, MOST_PAGES, Walk, fault_of, walk},
};
use crate::{
    fault::Fault,
    lab::Lab,
    subject::{Called, Subject},
};

/// Most records that are kept to try `normalize` with, of a kind.
const KEPT_RECORDS: usize = 40;

/// Most cases of records that are looked for in the answers.
const MOST_COMPARED: u32 = 2_000;

/// Most records of a page.
const MOST_RECORDS: usize = 10_000;

/// The first moment of 2020: what a vendor has is in part older and in part not,
/// or all the same.
const SINCE: i64 = 1_577_836_800_000_000;

/// Most bytes of a cursor.
const CURSOR_BYTES: usize = 4 << 10;

/// What was read.
#[derive(Default)]
pub struct Read {
    /// Some records of each kind that has any.
    pub records: BTreeMap<String, Vec<RawRecord>>,
}

pub async fn check(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, manifest: &Manifest, ready: &Ready) -> Read {
    let projects = projects(book, subject, lab, ready).await;
    let scopes: Vec<ProjectScope> = projects
        .iter()
        .map(|it| ProjectScope { id: it.id.clone(), name: it.name.clone(), primary_branch: it.primary_branch.clone() })
        .collect();
    let readable: Vec<Kind> =
        ready.connection.kinds.iter().filter(|it| it.access == Access::Readable).map(|it| it.kind.clone()).collect();

    let mut walks = Vec::new();
    let mut one_request = book.open("C3");
    let mut end = book.open("C4");
    for kind in &readable {
        for (name, scope) in [
            ("no project", Scope::Projects(Vec::new())),
            ("one project", Scope::Projects(scopes.iter().take(1).cloned().collect())),
            ("all projects", Scope::Projects(scopes.clone())),
            ("the whole deployment", Scope::Deployment),
        ] {
            let is_whole = scope == Scope::Deployment;
            let (walk, most) = walk(subject, lab, ready, start(kind, scope)).await;
            let case = format!("{kind} of {name}");
            if let Some(trial) = &mut one_request {
                trial.case(most <= 1, &case, "one request a call", || format!("{most} of them"));
            }
            if let Some(trial) = &mut end {
                if is_whole && !ready.connection.deployment_wide {
                    let is_told = walk.fault.as_deref().is_some_and(|it| it.starts_with("`unsupported`"));
                    trial.case(is_told, &case, "`unsupported`, since it is not announced", || fault_of(&walk));
                } else {
                    trial.case(walk.fault.is_none(), &case, "pages to `complete`", || fault_of(&walk));
                }
            }
            walks.push((kind.clone(), walk));
        }
        let unknown =
            ProjectScope { id: "no-such-id".to_owned(), name: "no-such/project".to_owned(), primary_branch: None };
        lab.begin();
        let request = start(kind, Scope::Projects(vec![unknown]));
        let called = subject.fetch_findings(&ready.call(), request).await;
        if let Some(trial) = &mut end {
            let is_told = match &called {
                Ok(response) => response.value.records.is_empty(),
                Err(CallFailure::Contract(error)) => error.code == ErrorCode::ProjectNotFound,
                Err(_) => false,
            };
            let case = format!("{kind} of a project that does not exist");
            trial.case(is_told, case, "`project-not-found`, or no record", || match &called {
                Ok(response) => format!("{} records", response.value.records.len()),
                Err(failure) => shown(failure),
            });
        }
    }
    if let Some(mut trial) = one_request {
        // Also where it fails: a retry is a second request.
        for (kind, request) in first_of_each(&walks) {
            for fault in [Fault::Maintenance, Fault::RateLimited, Fault::Reset, Fault::Html] {
                lab.begin_with(0, fault);
                _ = subject.fetch_findings(&ready.call(), request.clone()).await;
                let case = format!("{kind}, {}", fault.name());
                trial.case(lab.count() <= 1, case, "one request a call", || format!("{} of them", lab.count()));
            }
        }
        book.close(trial);
    }
    if let Some(trial) = end {
        book.close(trial);
    }
    cursors(book, subject, lab, ready, &walks).await;
    if let Some(mut trial) = book.open("C7") {
        faults(&mut trial, subject, lab, ready, &walks).await;
        book.close(trial);
    }
    pages::check(book, subject, lab, ready, &walks).await;
    if let Some(mut trial) = book.open("C9") {
        for kind in &readable {
            since(&mut trial, subject, lab, ready, kind, (&scopes, &walks)).await;
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C13") {
        for (kind, walk) in &walks {
            for count in walk.pages.iter().map(|asked| asked.page.records.len()) {
                trial.case(count <= MOST_RECORDS, format!("a page of {kind}"), "at most 10,000 records", || {
                    count.to_string()
                });
            }
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C10") {
        let mut kinds = vec![Kind::Other("no-such-kind".to_owned())];
        let known = [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages];
        kinds.extend(known.into_iter().filter(|kind| manifest.kinds.iter().all(|it| it.kind != *kind)));
        for kind in kinds {
            lab.begin();
            let called = subject.fetch_findings(&ready.call(), start(&kind, Scope::Projects(scopes.clone()))).await;
            let is_told = failed_with(&called, &[ErrorCode::Unsupported]);
            trial.case(is_told, format!("kind {kind}"), "`unsupported`", || told(&called));
        }
        book.close(trial);
    }
    records(book, lab, &walks);
    if let Some(mut trial) = book.open("D10") {
        lab.begin();
        let called = subject.fetch_scan(&ready.call(), "0").await;
        let is_told = match &called {
            Ok(response) => response.value.is_none(),
            failed => failed_with(failed, &[ErrorCode::Unsupported]),
        };
        trial.case(is_told, "`fetch-scan` of an unknown id", "none, or `unsupported`", || told(&called));
        trial.case(lab.count() <= 1, "`fetch-scan`", "one request at most", || format!("{} of them", lab.count()));
        book.close(trial);
    }
    let mut read = Read::default();
    for (kind, walk) in walks {
        let kept = read.records.entry(kind.to_string()).or_default();
        for record in walk.pages.into_iter().flat_map(|asked| asked.page.records) {
            if kept.len() < KEPT_RECORDS && kept.iter().all(|it| it.body != record.body) {
                kept.push(record);
            }
        }
    }
    read.records.retain(|_, records| !records.is_empty());
    read
}

fn start(kind: &Kind, scope: Scope) -> FetchRequest {
    FetchRequest { kind: kind.clone(), scope, since: None, cursor: None }
}

/// C1 and C2.
async fn projects(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, ready: &Ready) -> Vec<Project> {
    let (mut projects, mut cursor, mut fault) = (Vec::new(), None::<String>, None);
    let mut cursors = BTreeSet::new();
    loop {
        lab.begin();
        match subject.list_projects(&ready.call(), cursor.as_deref()).await {
            Ok(response) => {
                projects.extend(response.value.projects);
                match response.value.next {
                    None => break,
                    Some(next) if cursors.len() < MOST_PAGES && cursors.insert(next.clone()) => cursor = Some(next),
                    Some(next) => {
                        fault = Some(format!("the cursor `{}` again", short(&next)));
                        break;
                    }
                }
            }
            Err(failure) => {
                fault = Some(shown(&failure));
                break;
            }
        }
    }
    if let Some(mut trial) = book.open("C1") {
        trial.case(fault.is_none(), "`list-projects`", "pages to the end", || fault.clone().unwrap_or_default());
        let mut ids = BTreeSet::new();
        for project in &projects {
            trial.case(!project.id.is_empty(), format!("project `{}`", project.name), "an id", || "none".to_owned());
            let is_named = !project.name.is_empty();
            trial.case(is_named, format!("project `{}`", project.id), "a name", || "none".to_owned());
            let is_first = ids.insert(project.id.as_str());
            trial.case(is_first, format!("project `{}`", project.id), "an id of its own", || "it twice".to_owned());
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C2") {
        for foreign in ["", "!", "{\"made\": \"by a test\"}", "\u{1f980}"] {
            lab.begin();
            let called = subject.list_projects(&ready.call(), Some(foreign)).await;
            let case = format!("`list-projects` with the cursor `{foreign}`");
            trial.case(is_invalid_cursor(&called), case, "`invalid-cursor`", || told(&called));
        }
        book.close(trial);
    }
    projects
}

fn is_invalid_cursor<T>(called: &Called<T>) -> bool {
    failed_with(called, &[ErrorCode::InvalidCursor])
}

/// The first request of a read that has records, for each kind.
fn first_of_each(walks: &[(Kind, Walk)]) -> Vec<(Kind, FetchRequest)> {
    let mut first: Vec<(Kind, FetchRequest)> = Vec::new();
    for (kind, walk) in walks {
        if let Some(asked) = walk.pages.iter().find(|asked| !asked.page.records.is_empty())
            && first.iter().all(|(known, _)| known != kind)
        {
            first.push((kind.clone(), asked.request.clone()));
        }
    }
    first
}

/// C5 and C6.
async fn cursors(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, ready: &Ready, walks: &[(Kind, Walk)]) {
    // The request with a cursor of each kind, and what came of it.
    let mut later: Vec<&Asked> = Vec::new();
    for (kind, walk) in walks {
        if let Some(asked) = walk.pages.get(1)
            && later.iter().all(|it| it.request.kind != *kind)
        {
            later.push(asked);
        }
    }
    if let Some(mut trial) = book.open("C5") {
        let first = walks.iter().filter_map(|(_, walk)| walk.pages.first());
        for asked in first.chain(later.iter().copied()) {
            lab.begin();
            let again = subject.fetch_findings(&ready.call(), asked.request.clone()).await;
            let case = match &asked.request.cursor {
                None => format!("the first page of {}", asked.request.kind),
                Some(cursor) => format!("the page of {} at `{}`", asked.request.kind, short(cursor)),
            };
            let is_same = again.as_ref().is_ok_and(|again| again.value == asked.page);
            trial.case(is_same, case, "the same page again", || match &again {
                Ok(_) => "another one".to_owned(),
                Err(failure) => shown(failure),
            });
        }
        book.close(trial);
    }
    let Some(mut trial) = book.open("C6") else { return };
    for (kind, walk) in walks {
        for asked in &walk.pages {
            if let Some(cursor) = &asked.request.cursor {
                let length = cursor.len();
                trial.case(length <= CURSOR_BYTES, format!("a cursor of {kind}"), "at most 4 KiB", || {
                    format!("{length} bytes")
                });
            }
        }
    }
    for asked in &later {
        let Some(cursor) = &asked.request.cursor else { continue };
        let kind = &asked.request.kind;
        let cut: String = cursor.chars().take(cursor.chars().count() / 2).collect();
        let mut damaged = vec![
            ("an empty cursor".to_owned(), String::new()),
            ("a cursor that is cut".to_owned(), cut),
            ("a cursor with more after it".to_owned(), format!("{cursor}~")),
            ("a cursor of nobody".to_owned(), "made by a test".to_owned()),
        ];
        if let Some(other) = later.iter().find(|it| it.request.kind != *kind)
            && let Some(foreign) = &other.request.cursor
            && foreign != cursor
        {
            damaged.push((format!("the cursor of {}", other.request.kind), foreign.clone()));
        }
        for (case, cursor) in damaged {
            lab.begin();
            let request = FetchRequest { cursor: Some(cursor), ..asked.request.clone() };
            let called = subject.fetch_findings(&ready.call(), request).await;
            let got = || match &called {
                Ok(response) if response.value.next == NextPage::Complete => "a read that is complete".to_owned(),
                _ => told(&called),
            };
            trial.case(is_invalid_cursor(&called), format!("{kind}: {case}"), "`invalid-cursor`", got);
        }
    }
    for (kind, walk) in walks {
        // A page of another project than the first: beyond the end of a read of that one.
        let Some(last) = walk.pages.iter().rev().find(|asked| !asked.page.records.is_empty()) else { continue };
        let Scope::Projects(projects) = &last.request.scope else { continue };
        let ([first, _, ..], Some(_)) = (projects.as_slice(), &last.request.cursor) else { continue };
        let is_of_first = |record: &RawRecord| {
            record
                .project
                .as_ref()
                .is_none_or(|it| it.id.as_ref() == Some(&first.id) || it.name.as_ref() == Some(&first.name))
        };
        if last.page.records.iter().any(is_of_first) {
            continue;
        }
        lab.begin();
        let request = FetchRequest { scope: Scope::Projects(vec![first.clone()]), ..last.request.clone() };
        let called = subject.fetch_findings(&ready.call(), request).await;
        let is_end = |page: &RawPage| page.next == NextPage::Complete && page.records.is_empty();
        let is_kept = !called.as_ref().is_ok_and(|response| is_end(&response.value));
        let case = format!("{kind}: the cursor of a read of more projects");
        trial.case(is_kept, case, "`invalid-cursor`", || "a read that is complete".to_owned());
    }
    if trial.cases == 0 {
        trial.note = Some("no read had a second page".to_owned());
    }
    book.close(trial);
}

/// C7: faults at the first page and at a later one.
async fn faults(trial: &mut Trial, subject: &impl Subject, lab: &Lab, ready: &Ready, walks: &[(Kind, Walk)]) {
    let mut tried: Vec<(&Kind, bool)> = Vec::new();
    for asked in walks.iter().flat_map(|(_, walk)| &walk.pages) {
        let (kind, is_later) = (&asked.request.kind, asked.request.cursor.is_some());
        lab.begin();
        let good = subject.fetch_findings(&ready.call(), asked.request.clone()).await;
        let Some(request) = lab.requests().into_iter().next().filter(|_| good.is_ok()) else { continue };
        if tried.contains(&(kind, is_later)) {
            continue;
        }
        tried.push((kind, is_later));
        let place = if is_later { "a later page" } else { "the first page" };
        let answer = lab.good(&request);
        for fault in Fault::ALL.into_iter().filter(|fault| fault.fits(answer.as_ref())) {
            lab.begin_with(0, fault);
            let called = subject.fetch_findings(&ready.call(), asked.request.clone()).await;
            let is_told = called.as_ref().err().is_some_and(|failure| fault.is_told(failure));
            let case = format!("{} at {place} of {kind}", fault.name());
            trial.case(is_told, case, fault.expected(), || told(&called));
        }
        lab.begin();
        let again = subject.fetch_findings(&ready.call(), asked.request.clone()).await;
        let is_same = again.as_ref().is_ok_and(|again| again.value == asked.page);
        trial.case(is_same, format!("{place} of {kind} after all of them"), "the page", || told(&again));
    }
}

/// C9: what appeared since a moment is a part of all.
async fn since(
    trial: &mut Trial,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    kind: &Kind,
    (scopes, walks): (&[ProjectScope], &[(Kind, Walk)]),
) {
    let all = Scope::Projects(scopes.to_vec());
    let whole = walks.iter().find(|(of, walk)| {
        of == kind && walk.pages.first().is_some_and(|asked| asked.request.scope == all) && walk.fault.is_none()
    });
    let Some((_, whole)) = whole else { return };
    let ids = |walk: &Walk| -> BTreeSet<Option<String>> {
        walk.pages.iter().flat_map(|asked| &asked.page.records).map(|record| record.id.clone()).collect()
    };
    let request = FetchRequest { since: Some(Timestamp::from_micros(SINCE)), ..start(kind, all) };
    let (part, _) = walk(subject, lab, ready, request).await;
    let case = format!("{kind} since 2020");
    trial.case(part.fault.is_none(), &case, "pages to `complete`", || fault_of(&part));
    let (part, whole) = (ids(&part), ids(whole));
    let others = part.difference(&whole).count();
    trial.case(others == 0, &case, "records of a whole read", || format!("{others} others"));
}

/// Whether a record holds nothing that the vendor did not send: of one that
/// shows a credential only what cannot repeat it is kept.
fn is_less(lab: &Lab, body: &str) -> bool {
    fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
            leaf => found.push(leaf),
        }
    }
    let Ok(value) = serde_json::from_str::<Value>(body) else { return false };
    let mut found = Vec::new();
    leaves(&value, &mut found);
    found.iter().all(|leaf| lab.has_answered(&leaf.to_string()))
}

/// C11 and C12.
fn records(book: &mut Book<'_>, lab: &Lab, walks: &[(Kind, Walk)]) {
    if let Some(mut trial) = book.open("C11") {
        for record in walks.iter().flat_map(|(_, walk)| &walk.pages).flat_map(|asked| &asked.page.records) {
            let case = format!("record `{}` of {}", record.id.as_deref().unwrap_or("without an id"), record.kind);
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&record.body).is_ok();
            trial.case(is_json, &case, "JSON", || short(&record.body));
            if trial.cases < MOST_COMPARED {
                let is_part = lab.has_answered(&record.body) || is_less(lab, &record.body);
                trial.case(is_part, &case, "a part of the vendor's answer", || short(&record.body));
            }
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C12") {
        for (kind, walk) in walks {
            let mut seen: BTreeMap<&str, &RawRecord> = BTreeMap::new();
            for record in walk.pages.iter().flat_map(|asked| &asked.page.records) {
                let Some(id) = record.id.as_deref() else { continue };
                // Pages overlap: the same record again is no other one.
                let is_own = seen.insert(id, record).is_none_or(|known| known.body == record.body);
                trial.case(is_own, format!("id `{id}` of {kind}"), "one record", || "two of them".to_owned());
                trial.case(!id.is_empty(), format!("a record of {kind}"), "an id, or none", || {
                    "an empty one".to_owned()
                });
            }
        }
        book.close(trial);
    }
}
