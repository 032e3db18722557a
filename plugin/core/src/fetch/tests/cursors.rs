//! Reads of the endpoints that page by a cursor of their own.

use appsec_model::{FetchRequest, Kind, NextPage, ProjectScope, Scope, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{project, read_all, request};
use crate::{
    Response, TransportError,
    cursor::MAX_VENDOR_CURSOR_BYTES,
    fakes::{MemoryBucket, Vendor, ok, parameter, status, with},
    fetch::fetch_findings,
};

fn settings() -> Value {
    json!({ "kinds": ["secrets", "packages"], "page_size": 100 })
}

/// The cursor of a request, where it has one.
fn cursor(asked: &str) -> Option<String> {
    if asked.starts_with("POST") {
        let body: Value = serde_json::from_str(asked.splitn(3, ' ').last().unwrap()).unwrap();
        return body["cursor"].as_str().map(str::to_owned);
    }
    parameter(asked, "cursor").map(str::to_owned)
}

/// A vendor that has so many secrets, and as many packages.
fn vendor(count: usize) -> impl FnMut(&str) -> Value {
    move |asked| {
        let first: usize = cursor(asked).map_or(0, |cursor| cursor.trim_start_matches('c').parse().unwrap());
        let last = count.min(first + 100);
        let next = (last < count).then(|| format!("c{last}"));
        if asked.starts_with("POST") {
            let found = |at| json!({ "repositoryId": "7", "package": { "name": format!("part-{at}") } });
            let found: Vec<_> = (first..last).map(found).collect();
            json!({ "dependencies": found, "hasMore": next.is_some(), "cursor": next.unwrap_or_default() })
        } else {
            let found: Vec<_> = (first..last).map(|at| json!({ "id": at.to_string() })).collect();
            json!({ "findings": found, "cursor": next })
        }
    }
}

#[test]
fn secrets_are_read_by_name_over_all_branches() {
    let scope = Scope::Projects(vec![project(0, Some("main")), project(1, Some("dev"))]);
    let read = FetchRequest { since: Some(Timestamp::from_micros(1_500_000)), ..request(Kind::Secrets, scope) };
    let (records, asked) = read_all(&read, &settings(), vendor(150));
    assert_eq!(records.len(), 150);
    insta::assert_snapshot!(asked.join("\n"), @r"
    /api/v1/deployments/1/secrets?limit=100&since=1970-01-01T00%3A00%3A01.500000Z&repo=acme/shop-0&repo=acme/shop-1
    /api/v1/deployments/1/secrets?limit=100&cursor=c100&since=1970-01-01T00%3A00%3A01.500000Z&repo=acme/shop-0&repo=acme/shop-1
    ");
}

#[test]
fn packages_are_read_by_id_and_have_ids() {
    let scope = Scope::Projects(vec![project(0, Some("main")), project(1, None)]);
    let read = FetchRequest { since: Some(Timestamp::from_micros(1)), ..request(Kind::Packages, scope) };
    let (records, asked) = read_all(&read, &settings(), vendor(101));
    assert_eq!(records[100].id.as_deref(), Some("7::part-100::"));
    assert_eq!(records[100].project.as_ref().unwrap().id.as_deref(), Some("7"));
    insta::assert_snapshot!(asked.join("\n"), @r#"
    POST /api/v1/deployments/1/dependencies {"dependencyFilter":{"repositoryId":["0","1"]},"pageSize":100}
    POST /api/v1/deployments/1/dependencies {"cursor":"c100","dependencyFilter":{"repositoryId":["0","1"]},"pageSize":100}
    "#);
}

#[test]
fn the_whole_deployment_is_read_whatever_the_branches() {
    for (kind, asked_for) in [
        (Kind::Secrets, "/api/v1/deployments/1/secrets?limit=100"),
        (Kind::Packages, "POST /api/v1/deployments/1/dependencies {\"pageSize\":100}"),
    ] {
        let (_, asked) = read_all(&request(kind, Scope::Deployment), &settings(), vendor(1));
        assert_eq!(asked, [asked_for]);
    }
}

#[test]
fn each_group_of_projects_starts_without_a_cursor() {
    let long = |number: usize| ProjectScope { name: "x".repeat(3000), ..project(number, None) };
    let scope = Scope::Projects(vec![long(0), long(1)]);
    let (records, asked) = read_all(&request(Kind::Secrets, scope), &settings(), vendor(150));
    let cursors: Vec<_> = asked.iter().map(|asked| cursor(asked)).collect();
    assert_eq!((records.len(), cursors), (300, vec![None, Some("c100".into()), None, Some("c100".into())]));
}

type Answer = Result<Response, TransportError>;

/// How a read goes whose answers are all the same, within two pages.
fn twice(kind: &Kind, answer: &Answer) -> String {
    let mut vendor = Vendor::new(|_| answer.clone());
    let mut bucket = MemoryBucket::configured(&settings());
    let mut read = request(kind.clone(), Scope::Deployment);
    for _ in 0..2 {
        match with(&mut vendor, &mut bucket, |outside| fetch_findings(&read, outside)) {
            Ok(page) => match page.next {
                NextPage::Cursor(cursor) => read.cursor = Some(cursor),
                NextPage::Pending(_) => return "pending".to_owned(),
                NextPage::Complete => return "complete".to_owned(),
            },
            Err(error) => return error.to_string(),
        }
    }
    "goes on".to_owned()
}

#[test]
fn a_cursor_that_does_not_move_never_loops() {
    let secrets = |answer: Value| twice(&Kind::Secrets, &ok(&answer));
    let long = "x".repeat(MAX_VENDOR_CURSOR_BYTES + 1);
    let texts = [
        secrets(json!({ "findings": [{ "id": 1 }], "cursor": "a" })),
        secrets(json!({ "findings": [], "cursor": "a" })),
        secrets(json!({ "findings": [{ "id": 1 }], "cursor": "" })),
        secrets(json!({ "findings": [{ "id": 1 }], "cursor": null })),
        secrets(json!({ "findings": [{ "id": 1 }] })),
        secrets(json!({ "findings": [], "cursor": long })),
        secrets(json!({ "cursor": "a" })),
        secrets(json!({ "findings": 7 })),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    unexpected answer of GET /api/v1/deployments/1/secrets: the cursor of the next page is that of this page
    complete
    complete
    complete
    complete
    unexpected answer of GET /api/v1/deployments/1/secrets: the cursor of the next page is longer than 2000 bytes
    unexpected answer of GET /api/v1/deployments/1/secrets: the body is JSON without a list `findings`
    unexpected answer of GET /api/v1/deployments/1/secrets: the body is not the promised JSON: line 1 column 13
    ");
    let packages = |answer: Value| twice(&Kind::Packages, &ok(&answer));
    let texts = [
        packages(json!({ "dependencies": [{}], "hasMore": true, "cursor": 7 })),
        packages(json!({ "dependencies": [], "hasMore": true, "cursor": "7" })),
        packages(json!({ "dependencies": [{}], "hasMore": true })),
        packages(json!({ "dependencies": [{}], "hasMore": false, "cursor": "7" })),
        packages(json!({ "dependencies": [{}], "has_more": false, "cursor": "7" })),
        packages(json!({ "dependencies": [{}], "cursor": "7" })),
        packages(json!({ "dependencies": [{}] })),
        packages(json!({ "hasMore": false })),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    unexpected answer of POST /api/v1/deployments/1/dependencies: the cursor of the next page is that of this page
    unexpected answer of POST /api/v1/deployments/1/dependencies: the cursor of the next page is that of this page
    unexpected answer of POST /api/v1/deployments/1/dependencies: `hasMore` is true, and there is no cursor
    complete
    complete
    unexpected answer of POST /api/v1/deployments/1/dependencies: the cursor of the next page is that of this page
    complete
    unexpected answer of POST /api/v1/deployments/1/dependencies: the body is JSON without a list `dependencies`
    ");
}

#[test]
fn statuses_mean_what_they_mean_elsewhere() {
    let body = |body: &str| Ok(Response { status: 200, body: body.into(), ..Response::default() });
    for kind in [Kind::Secrets, Kind::Packages] {
        for (answer, expect) in [
            (status(401), "unauthorized: "),
            (status(403), "forbidden: "),
            (status(404), "missing scope: "),
            (status(410), "unsupported: "),
            (status(429), "rate limited"),
            (status(500), "unavailable (HTTP 500)"),
            (body(""), "unexpected answer of "),
            (body("{\"findings\":[{"), "unavailable (HTTP 200): the body ends in the middle"),
            (body("<html>"), "unexpected answer of "),
            (Err(TransportError::Cut("x".into())), "unavailable: the answer was cut off"),
        ] {
            let text = twice(&kind, &answer);
            assert!(text.starts_with(expect), "{kind}: {text}");
        }
    }
}

proptest! {
    #[test]
    fn paging_by_cursor_brings_each_record_once(count in 0usize..450, packages: bool) {
        let kind = if packages { Kind::Packages } else { Kind::Secrets };
        let (records, asked) = read_all(&request(kind, Scope::Deployment), &settings(), vendor(count));
        let ids: std::collections::BTreeSet<_> = records.iter().map(|record| record.id.clone()).collect();
        prop_assert_eq!((records.len(), ids.len(), asked.len()), (count, count, count.div_ceil(100).max(1)));
    }
}
