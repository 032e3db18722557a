mod credentials;
mod cursors;

use std::collections::BTreeMap;

use appsec_model::{Error, ErrorCode, FetchRequest, Kind, NextPage, ProjectScope, RawRecord, Scope, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Group, fetch_findings, groups};
use crate::{
    fakes::{MemoryBucket, Vendor, ok, parameter, status, with},
    settings::Branches,
};

fn request(kind: Kind, scope: Scope) -> FetchRequest {
    FetchRequest { kind, scope, since: None, cursor: None }
}

fn project(number: usize, branch: Option<&str>) -> ProjectScope {
    let name = format!("acme/shop-{number}");
    ProjectScope { id: number.to_string(), name, primary_branch: branch.map(str::to_owned) }
}

/// Reads to the end; gives the records and what the vendor was asked.
fn read_all(
    request: &FetchRequest,
    settings: &Value,
    answer: impl FnMut(&str) -> Value,
) -> (Vec<RawRecord>, Vec<String>) {
    let mut answer = answer;
    let mut vendor = Vendor::new(|path| ok(&answer(path)));
    let mut bucket = MemoryBucket::configured(settings);
    let (mut records, mut request) = (Vec::new(), request.clone());
    loop {
        let page = with(&mut vendor, &mut bucket, |outside| fetch_findings(&request, outside)).unwrap();
        records.extend(page.records);
        match page.next {
            NextPage::Cursor(cursor) => request.cursor = Some(cursor),
            NextPage::Pending(_) => panic!("nothing is prepared"),
            NextPage::Complete => return (records, vendor.asked),
        }
    }
}

/// A vendor that has so many findings on each branch.
fn findings_by_branch(counts: &BTreeMap<String, usize>) -> impl FnMut(&str) -> Value {
    |path| {
        let number = |key| parameter(path, key).unwrap().parse::<usize>().unwrap();
        let branch = parameter(path, "ref").unwrap_or_default();
        let first = number("page") * number("page_size");
        let last = counts.get(branch).copied().unwrap_or(0).min(first + number("page_size"));
        let finding = |at: usize| json!({ "id": format!("{branch}-{at}"), "repository": { "name": "acme/shop-0" } });
        json!({ "findings": (first..last).map(finding).collect::<Vec<_>>() })
    }
}

#[test]
fn projects_are_read_together_by_their_primary_branch() {
    let projects = vec![
        project(0, Some("refs/heads/main")),
        project(1, Some("develop")),
        project(2, Some("main")),
        project(3, None),
    ];
    let mut read = request(Kind::Sast, Scope::Projects(projects));
    read.since = Some(Timestamp::from_micros(1_500_000));
    let counts = BTreeMap::from([("main".into(), 101), ("develop".into(), 0), (String::new(), 1)]);
    let settings = json!({ "page_size": 100, "duplicates": "merged" });
    let (records, asked) = read_all(&read, &settings, findings_by_branch(&counts));
    assert_eq!(records.len(), 102);
    insta::assert_snapshot!(asked.join("\n"), @r"
    /api/v1/deployments/acme/findings?issue_type=sast&page=0&page_size=100&ref=main&dedup=true&since=1.5&repos=acme/shop-0&repos=acme/shop-2
    /api/v1/deployments/acme/findings?issue_type=sast&page=1&page_size=100&ref=main&dedup=true&since=1.5&repos=acme/shop-0&repos=acme/shop-2
    /api/v1/deployments/acme/findings?issue_type=sast&page=2&page_size=100&ref=main&dedup=true&since=1.5&repos=acme/shop-0&repos=acme/shop-2
    /api/v1/deployments/acme/findings?issue_type=sast&page=0&page_size=100&ref=develop&dedup=true&since=1.5&repos=acme/shop-1
    /api/v1/deployments/acme/findings?issue_type=sast&page=0&page_size=100&dedup=true&since=1.5&repos=acme/shop-3
    /api/v1/deployments/acme/findings?issue_type=sast&page=1&page_size=100&dedup=true&since=1.5&repos=acme/shop-3
    ");
}

#[test]
fn all_branches_are_read_in_one_go() {
    let counts = BTreeMap::from([(String::new(), 150)]);
    let settings = json!({ "page_size": 100, "branches": "all" });
    let (records, asked) = read_all(&request(Kind::Sca, Scope::Deployment), &settings, findings_by_branch(&counts));
    assert_eq!((records.len(), asked.len()), (150, 3));
    assert_eq!(asked[2], "/api/v1/deployments/acme/findings?issue_type=sca&page=2&page_size=100");
}

#[test]
fn many_projects_are_cut_into_groups_with_addresses_of_bearable_length() {
    let projects: Vec<_> = (0..5000).map(|number| project(number, Some("main"))).collect();
    let scope = Scope::Projects(projects);
    let groups = groups(&scope, Branches::Primary, |project| &project.name).unwrap();
    assert!(groups.len() < 25, "{} groups", groups.len());
    assert_eq!(groups.iter().map(|group| group.projects.len()).sum::<usize>(), 5000);
    assert!(groups.iter().all(|group| super::names_bytes(&group.projects) <= super::MAX_NAMES_BYTES));
}

#[test]
fn halves_of_surrogate_pairs_become_the_replacement_character() {
    let body = r#"{"findings":[{"id":"1\udce9","rule_message":"caf\ud800 \ud83d\ude00","repository":{"name":"acme/\udc00"},
        "findingPath":"caf\ud800.py:1","versionSpecifier":"1\ud800"}],"dependencies":[{"id":"\ud800"}],"cursor":"\ud800"}"#;
    for kind in [Kind::Sast, Kind::Secrets, Kind::Packages] {
        let mut vendor = Vendor::new(|_| Ok(crate::Response { status: 200, body: body.into(), ..Default::default() }));
        let mut bucket =
            MemoryBucket::configured(&json!({ "branches": "all", "kinds": ["sast", "secrets", "packages"] }));
        let read = request(kind.clone(), Scope::Deployment);
        let page = with(&mut vendor, &mut bucket, |outside| fetch_findings(&read, outside)).unwrap();
        assert_eq!(page.records.len(), 1, "{kind}");
        let record = serde_json::from_str::<Value>(&page.records[0].body).unwrap();
        if kind == Kind::Sast {
            assert_eq!(record["rule_message"], "caf\u{fffd} \u{1f600}");
            assert_eq!(page.records[0].project.as_ref().unwrap().name.as_deref(), Some("acme/\u{fffd}"));
        }
    }
}

#[test]
fn an_empty_scope_is_complete_without_a_request() {
    let read = request(Kind::Sast, Scope::Projects(Vec::new()));
    let (records, asked) = read_all(&read, &json!({}), |_| json!({}));
    assert!(records.is_empty() && asked.is_empty());
}

#[test]
fn what_cannot_be_read_is_said() {
    let check = |read: &FetchRequest, settings: Value| {
        let mut vendor = Vendor::new(|_| status(404));
        let mut bucket = MemoryBucket::configured(&settings);
        with(&mut vendor, &mut bucket, |outside| fetch_findings(read, outside)).unwrap_err().to_string()
    };
    let one = || Scope::Projects(vec![project(0, None)]);
    let errors = [
        check(&request(Kind::Sast, Scope::Deployment), json!({})),
        check(&request(Kind::Secrets, one()), json!({})),
        check(&request(Kind::Other("dast".into()), one()), json!({})),
        check(&request(Kind::Sca, one()), json!({ "kinds": ["sast"] })),
        check(&request(Kind::Sast, one()), json!({})),
        check(&FetchRequest { cursor: Some("x".into()), ..request(Kind::Sast, one()) }, json!({})),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r"
    unsupported: reading the whole deployment at once while `branches` is `primary`: the vendor's API cannot tell primary branches from others, so they are read by project
    unsupported: the settings leave out the kind `secrets`
    unsupported: the connector lacks the kind `dast`
    unsupported: the settings leave out the kind `sca`
    missing scope: GET /api/v1/deployments/acme/findings answered 404: the token lacks the Web API scope (Semgrep hides what it protects), or the origin or the deployment's slug is wrong
    invalid cursor: it was not made by this version of the connector
    ");
}

#[test]
fn a_cursor_holds_for_its_own_read_only() {
    let mut vendor = Vendor::new(|_| ok(&json!({ "findings": [{ "id": 1 }] })));
    let mut fetch = |read: &FetchRequest, settings: Value| {
        let mut bucket = MemoryBucket::configured(&settings);
        with(&mut vendor, &mut bucket, |outside| fetch_findings(read, outside))
    };
    let read = request(Kind::Sast, Scope::Projects(vec![project(0, Some("main"))]));
    let NextPage::Cursor(cursor) = fetch(&read, json!({})).unwrap().next else { panic!("a record is not the end") };
    let with_cursor = |read: FetchRequest| FetchRequest { cursor: Some(cursor.clone()), ..read };
    assert!(fetch(&with_cursor(read.clone()), json!({})).is_ok());
    let others = [
        (request(Kind::Sca, read.scope.clone()), json!({})),
        (request(Kind::Sast, Scope::Projects(vec![project(1, Some("main"))])), json!({})),
        (request(Kind::Sast, Scope::Projects(vec![project(0, Some("dev"))])), json!({})),
        (FetchRequest { since: Some(Timestamp::from_micros(1)), ..read.clone() }, json!({})),
        (read.clone(), json!({ "page_size": 100 })),
        (read.clone(), json!({ "duplicates": "merged" })),
        (read.clone(), json!({ "branches": "all" })),
    ];
    for (other, settings) in others {
        let error = fetch(&with_cursor(other), settings).unwrap_err();
        assert!(matches!(error, Error { code: ErrorCode::InvalidCursor, .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn paging_brings_each_record_once(
        branches in proptest::collection::vec(proptest::option::of("[a-d]"), 0..12),
        counts in proptest::collection::btree_map("[a-d]|", 0usize..350, 0..5),
    ) {
        let projects: Vec<_> =
            branches.iter().enumerate().map(|(number, branch)| project(number, branch.as_deref())).collect();
        let scope = Scope::Projects(projects);
        let asked_for: std::collections::BTreeSet<_> =
            branches.iter().map(|branch| branch.clone().unwrap_or_default()).collect();
        let mut expect: Vec<_> = asked_for
            .iter()
            .flat_map(|branch| (0..counts.get(branch).copied().unwrap_or(0)).map(move |at| format!("{branch}-{at}")))
            .collect();
        let read = request(Kind::Sast, scope);
        let (records, _) = read_all(&read, &json!({ "page_size": 100 }), findings_by_branch(&counts));
        let mut ids: Vec<_> = records.into_iter().map(|record| record.id.unwrap()).collect();
        ids.sort();
        expect.sort();
        prop_assert_eq!(ids, expect);
    }

    #[test]
    fn groups_hold_each_project_once(branches in proptest::collection::vec(proptest::option::of("[a-c]{1,2}"), 0..200)) {
        let projects: Vec<_> =
            branches.iter().enumerate().map(|(number, branch)| project(number, branch.as_deref())).collect();
        let scope = Scope::Projects(projects.clone());
        let groups = groups(&scope, Branches::Primary, |project| &project.name).unwrap();
        let mut grouped: Vec<(Option<&str>, &str)> = groups
            .iter()
            .flat_map(|Group { branch, projects }| projects.iter().map(|name| (*branch, *name)))
            .collect();
        let mut given: Vec<_> =
            projects.iter().map(|it| (it.primary_branch.as_deref(), it.name.as_str())).collect();
        grouped.sort();
        given.sort();
        prop_assert_eq!(grouped, given);
    }
}
