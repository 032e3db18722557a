//! C11 to C14: the records of pages, and pages that are large.

use std::collections::BTreeMap;

use appsec_model::{Kind, Project, ProjectRef, RawRecord, Scope};
use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::{
    Book, Ready, Trial, short, told,
    walk::{Walk, first_of_each, is_pending, is_same},
};
use crate::{lab::Lab, subject::Subject};

/// Most cases of records that are looked for in the answers.
const MOST_COMPARED: u32 = 2_000;

/// Most records of a page.
const MOST_RECORDS: usize = 10_000;

/// Bytes of an answer that is large: a quarter of what this host lets through. The
/// stand-in of tests reads slowly.
const LARGE: usize = if cfg!(test) { 2 << 20 } else { 16 << 20 };

/// C11 to C13.
pub(super) fn check(book: &mut Book<'_>, lab: &Lab, projects: &[Project], walks: &[(Kind, Walk)]) {
    if let Some(mut trial) = book.open("C11") {
        for record in records(walks) {
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
            of_projects(&mut trial, projects, kind, walk);
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C13") {
        for (kind, walk) in walks {
            for count in walk.pages.iter().map(|asked| asked.page.records.len()) {
                trial.case(count <= MOST_RECORDS, format!("a page of {kind}"), "at most 10,000 records", || {
                    count.to_string()
                });
            }
        }
        book.close(trial);
    }
}

fn records(walks: &[(Kind, Walk)]) -> impl Iterator<Item = &RawRecord> {
    walks.iter().flat_map(|(_, walk)| &walk.pages).flat_map(|asked| &asked.page.records)
}

/// The project of a record is one that was asked for, as `list-projects` calls it.
fn of_projects(trial: &mut Trial, projects: &[Project], kind: &Kind, walk: &Walk) {
    let Some(scope) = walk.pages.first().map(|asked| &asked.request.scope) else { return };
    let (name, known): (_, Vec<(&str, &str)>) = match scope {
        Scope::Deployment => {
            ("the whole deployment".to_owned(), projects.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect())
        }
        Scope::Projects(scope) => (
            format!("{} of the projects", scope.len()),
            scope.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect(),
        ),
    };
    let is_known = |of: &ProjectRef| {
        known.iter().any(|(id, name)| {
            of.id.as_deref().is_none_or(|it| it == *id) && of.name.as_deref().is_none_or(|it| it == *name)
        })
    };
    let pages = walk.pages.iter().flat_map(|asked| &asked.page.records);
    let foreign = pages.filter_map(|record| record.project.as_ref()).find(|of| !is_known(of));
    let case = format!("the records of {kind} of {name}");
    trial.case(foreign.is_none(), case, "a project that `list-projects` has and that was asked for", || {
        foreign.map(super::json).unwrap_or_default()
    });
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

/// C14: the same page in an answer that is large, by space that JSON does not count.
pub(super) async fn large(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    walks: &[(Kind, Walk)],
) {
    let Some(mut trial) = book.open("C14") else { return };
    for (kind, request) in first_of_each(walks) {
        lab.begin();
        let Ok(usual) = subject.fetch_findings(&ready.call(), request.clone()).await else { continue };
        let requests = lab.requests();
        let [asked] = requests.as_slice() else { continue };
        let Some(answer) = lab.good(asked).as_ref().and_then(enlarged).filter(|_| !is_pending(&usual.value)) else {
            continue;
        };
        lab.begin_answering(answer);
        let called = subject.fetch_findings(&ready.call(), request).await;
        let is_kept = called.as_ref().is_ok_and(|large| is_same(&usual.value, &large.value));
        trial.case(is_kept, format!("a page of {kind} of 16 MiB"), "the page", || match &called {
            Ok(_) => "another one".to_owned(),
            failed => told(failed),
        });
    }
    book.close(trial);
}

/// An answer in JSON with space before its first part.
fn enlarged(answer: &Response<Bytes>) -> Option<Response<Bytes>> {
    let text = std::str::from_utf8(answer.body()).ok()?;
    let (opening, rest) = text.split_at_checked(text.find(['{', '['])? + 1)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let space = "\n".repeat(LARGE.saturating_sub(text.len()));
    Some(answer.clone().map(|_| Bytes::from([opening, &space, rest].concat())))
}
