//! C1 to C14 and D10: projects, and reads to their ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use appsec_model::{
    Access, ErrorCode, FetchRequest, Kind, Manifest, Project, ProjectScope, RawRecord, Scope, Timestamp,
};
use appsec_sandbox::CallFailure;

use super::{
    Book, Ready, Trial, cursors, failed_with, pages, records, short, shown, told,
    walk::{MOST_PAGES, Walk, fault_of, first_of_each, is_same, walk},
};
use crate::{fault::Fault, lab::Lab, subject::Subject};

/// Most records that are kept to try `normalize` with, of a kind.
const KEPT_RECORDS: usize = 40;

/// What a call takes longer than others only if it waits: less than faults tell
/// it to.
const WAITED: Duration = Duration::from_secs(5);

/// The first moment of 2020: what a vendor has is in part older and in part not,
/// or all the same.
const SINCE: i64 = 1_577_836_800_000_000;

/// What was read.
#[derive(Default)]
pub struct Read {
    /// Some records of each kind that has any.
    pub records: BTreeMap<String, Vec<RawRecord>>,
}

pub async fn check(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, manifest: &Manifest, ready: &Ready) -> Read {
    let (projects, listed) = projects(book, subject, lab, ready).await;
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
            lab.begin();
            _ = subject.fetch_findings(&ready.call(), request.clone()).await;
            let usual = subject.took();
            for fault in [
                Fault::Maintenance,
                Fault::RateLimited,
                Fault::RateLimitedSeconds,
                Fault::RateLimitedDate,
                Fault::Reset,
                Fault::Html,
            ] {
                lab.begin_with(0, fault);
                _ = subject.fetch_findings(&ready.call(), request.clone()).await;
                let case = format!("{kind}, {}", fault.name());
                trial.case(lab.count() <= 1, &case, "one request a call", || format!("{} of them", lab.count()));
                let took = subject.took();
                trial.case(took < usual + WAITED, case, "an error at once", || format!("it after {took:.1?}"));
            }
        }
        book.close(trial);
    }
    if let Some(trial) = end {
        book.close(trial);
    }
    cursors::check(book, subject, lab, ready, (&walks, &listed)).await;
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
    records::check(book, lab, &projects, &walks);
    records::large(book, subject, lab, ready, &walks).await;
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

/// C1; gives the cursors, too.
async fn projects(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
) -> (Vec<Project>, BTreeSet<String>) {
    let (mut projects, mut cursor, mut fault) = (Vec::new(), None::<String>, None);
    let mut cursors = BTreeSet::new();
    let trial = book.open("C1");
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
    if let Some(mut trial) = trial {
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
    (projects, cursors)
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
        let is_kept = match (&good, &again) {
            (Ok(good), Ok(again)) => is_same(&good.value, &again.value),
            _ => false,
        };
        trial.case(is_kept, format!("{place} of {kind} after all of them"), "the page", || told(&again));
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
