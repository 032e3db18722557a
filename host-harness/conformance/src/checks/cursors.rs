//! C2, C5 and C6: cursors, their own and those of others.

use std::collections::BTreeSet;

use appsec_model::{ErrorCode, FetchRequest, Kind, NextPage, RawPage, RawRecord, Scope};

use super::{
    Book, Ready, Trial, failed_with, short, shown, told,
    walk::{Asked, Walk, is_pending, is_same},
};
use crate::{
    lab::Lab,
    subject::{Called, Subject},
};

/// Most bytes of a cursor.
const CURSOR_BYTES: usize = 4 << 10;

pub(super) async fn check(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    (walks, listed): (&[(Kind, Walk)], &BTreeSet<String>),
) {
    let later = later(walks);
    if let Some(mut trial) = book.open("C2") {
        of_projects(&mut trial, subject, lab, ready, (&later, listed)).await;
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C5") {
        again(&mut trial, subject, lab, ready, (walks, &later)).await;
        book.close(trial);
    }
    if let Some(mut trial) = book.open("C6") {
        of_findings(&mut trial, subject, lab, ready, (walks, &later, listed)).await;
        if trial.cases == 0 {
            trial.note = Some("no read had a second page".to_owned());
        }
        book.close(trial);
    }
}

/// A request with a cursor of each kind, and what came of it: a page, if there is
/// one behind what the vendor was preparing.
fn later(walks: &[(Kind, Walk)]) -> Vec<&Asked> {
    let mut later: Vec<&Asked> = Vec::new();
    for only_pages in [true, false] {
        for asked in walks.iter().flat_map(|(_, walk)| walk.pages.iter().skip(1)) {
            let is_new = later.iter().all(|it| it.request.kind != asked.request.kind);
            if is_new && asked.request.cursor.is_some() && !(only_pages && is_pending(&asked.page)) {
                later.push(asked);
            }
        }
    }
    later
}

fn is_invalid_cursor<T>(called: &Called<T>) -> bool {
    failed_with(called, &[ErrorCode::InvalidCursor])
}

/// C2.
async fn of_projects(
    trial: &mut Trial,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    (later, listed): (&[&Asked], &BTreeSet<String>),
) {
    let made = ["", "!", "{\"made\": \"by a test\"}", "\u{1f980}"].map(|it| ("", it.to_owned()));
    let damaged = listed.iter().take(1).map(|own| (" of it with more after it", format!("{own}~")));
    // Those that happen to be its own ones are not foreign.
    let others = later.iter().filter_map(|asked| asked.request.cursor.clone()).filter(|it| !listed.contains(it));
    let others = others.map(|cursor| (" of `fetch-findings`", cursor));
    for (whose, cursor) in made.into_iter().chain(damaged).chain(others) {
        lab.begin();
        let called = subject.list_projects(&ready.call(), Some(&cursor)).await;
        let case = format!("`list-projects` with the cursor{whose} `{}`", short(&cursor));
        trial.case(is_invalid_cursor(&called), case, "`invalid-cursor`", || told(&called));
    }
}

/// C5.
async fn again(
    trial: &mut Trial,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    (walks, later): (&[(Kind, Walk)], &[&Asked]),
) {
    let first = walks.iter().filter_map(|(_, walk)| walk.pages.first());
    for asked in first.chain(later.iter().copied()) {
        lab.begin();
        let again = subject.fetch_findings(&ready.call(), asked.request.clone()).await;
        let case = match &asked.request.cursor {
            None => format!("the first page of {}", asked.request.kind),
            Some(cursor) => format!("the page of {} at `{}`", asked.request.kind, short(cursor)),
        };
        let is_kept = again.as_ref().is_ok_and(|again| is_same(&asked.page, &again.value));
        trial.case(is_kept, case, "the same page again", || match &again {
            Ok(_) => "another one".to_owned(),
            Err(failure) => shown(failure),
        });
    }
}

/// C6.
async fn of_findings(
    trial: &mut Trial,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    (walks, later, listed): (&[(Kind, Walk)], &[&Asked], &BTreeSet<String>),
) {
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
    for asked in later {
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
        let is_own = |foreign: &str| later.iter().any(|it| it.request.cursor.as_deref() == Some(foreign));
        if let Some(foreign) = listed.iter().find(|it| !is_own(it)) {
            damaged.push(("the cursor of `list-projects`".to_owned(), foreign.clone()));
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
        beyond(trial, subject, lab, ready, (kind, walk)).await;
    }
}

/// A page of another project than the first: beyond the end of a read of that one.
async fn beyond(trial: &mut Trial, subject: &impl Subject, lab: &Lab, ready: &Ready, (kind, walk): (&Kind, &Walk)) {
    let Some(last) = walk.pages.iter().rev().find(|asked| !asked.page.records.is_empty()) else { return };
    let Scope::Projects(projects) = &last.request.scope else { return };
    let ([first, _, ..], Some(_)) = (projects.as_slice(), &last.request.cursor) else { return };
    let is_of_first = |record: &RawRecord| {
        let of = record.project.as_ref();
        of.is_none_or(|it| it.id.as_ref() == Some(&first.id) || it.name.as_ref() == Some(&first.name))
    };
    if last.page.records.iter().any(is_of_first) {
        return;
    }
    lab.begin();
    let request = FetchRequest { scope: Scope::Projects(vec![first.clone()]), ..last.request.clone() };
    let called = subject.fetch_findings(&ready.call(), request).await;
    let is_end = |page: &RawPage| page.next == NextPage::Complete && page.records.is_empty();
    let is_kept = !called.as_ref().is_ok_and(|response| is_end(&response.value));
    let case = format!("{kind}: the cursor of a read of more projects");
    trial.case(is_kept, case, "`invalid-cursor`", || "a read that is complete".to_owned());
}
