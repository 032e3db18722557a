use appsec_model::{Error, ErrorCode};
use serde_json::json;

use super::list_projects;
use crate::fakes::{MemoryBucket, Vendor, ok, parameter, status, with};

#[test]
fn the_list_ends_on_an_empty_page_and_not_on_a_short_one() {
    let mut bucket = MemoryBucket::configured(&json!({ "page_size": 100 }));
    let mut vendor = Vendor::new(|path| {
        let page: usize = parameter(path, "page").unwrap().parse().unwrap();
        let sizes = [100, 7, 100, 0];
        let project = |at: usize| json!({ "id": page * 1000 + at, "name": format!("acme/{page}-{at}"), "tags": [] });
        ok(&json!({ "projects": (0..sizes[page]).map(project).collect::<Vec<_>>() }))
    });
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = with(&mut vendor, &mut bucket, |outside| list_projects(cursor.as_deref(), outside)).unwrap();
        names.extend(page.projects.into_iter().map(|project| project.name));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 207);
    assert_eq!(vendor.asked[1], "/api/v1/deployments/acme/projects?page=1&page_size=100");
    assert_eq!(vendor.asked.len(), 4);
}

#[test]
fn every_field_is_read_and_a_damaged_project_harms_no_other() {
    let mut vendor = Vendor::new(|_| {
        ok(&json!({ "projects": [
            { "id": 1, "name": "acme/shop", "url": "https://github.example/acme/shop", "tags": ["a", null, "b"],
              "created_at": "2020-11-18 23:28:12.391807+00:00", "latest_scan_at": "2023-01-13T20:51:51.449081Z",
              "default_branch": "refs/heads/main", "primary_branch": "release/1.0", "managed_scan_config": {} },
            { "id": 2, "name": "acme/odd", "url": null, "tags": "one", "created_at": "yesterday", "primary_branch": 7 },
            { "name": "acme/no-id" },
            "nonsense",
            { "id": "4", "name": "acme/last" },
        ]}))
    });
    let mut bucket = MemoryBucket::configured(&json!({}));
    let page = with(&mut vendor, &mut bucket, |outside| list_projects(None, outside)).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&page.projects).unwrap(), @r#"
    [
      {
        "id": "1",
        "name": "acme/shop",
        "url": "https://github.example/acme/shop",
        "tags": [
          "a",
          "b"
        ],
        "default_branch": "main",
        "primary_branch": "release/1.0",
        "created_at": "2020-11-18T23:28:12.391807Z",
        "last_scan_at": "2023-01-13T20:51:51.449081Z",
        "archived": null
      },
      {
        "id": "2",
        "name": "acme/odd",
        "url": null,
        "tags": [
          "one"
        ],
        "default_branch": null,
        "primary_branch": null,
        "created_at": null,
        "last_scan_at": null,
        "archived": null
      },
      {
        "id": "4",
        "name": "acme/last",
        "url": null,
        "tags": [],
        "default_branch": null,
        "primary_branch": null,
        "created_at": null,
        "last_scan_at": null,
        "archived": null
      }
    ]
    "#);
    let remarks = page.diagnostics.iter().map(|it| {
        let pointer = it.pointer.as_deref().unwrap_or_default();
        format!("{:?} {:?} {:?} {} {pointer}: {}", it.level, it.index, it.id, it.code, it.message)
    });
    insta::assert_snapshot!(remarks.collect::<Vec<_>>().join("\n"), @r#"
    Warning Some(1) Some("2") wrong-type /primary_branch: invalid type: integer `7`, expected a text
    Warning Some(1) Some("2") invalid-date /created_at: `yesterday` is no date with an offset
    Error Some(2) None missing-id : the project has no id or no name
    Error Some(3) None not-an-object : the record is a text instead of an object
    "#);
}

#[test]
fn without_configure_there_is_no_list() {
    let mut vendor = Vendor::new(|_| status(200));
    let error = with(&mut vendor, &mut MemoryBucket::default(), |outside| list_projects(None, outside)).unwrap_err();
    assert_eq!(error, Error::not_configured());
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let mut vendor = Vendor::new(|_| ok(&json!({ "projects": [{ "id": 1, "name": "a" }] })));
    let mut list = |page_size: u16, cursor: Option<&str>| {
        let mut bucket = MemoryBucket::configured(&json!({ "page_size": page_size }));
        with(&mut vendor, &mut bucket, |outside| list_projects(cursor, outside))
    };
    let next = list(100, None).unwrap().next.unwrap();
    assert!(list(100, Some(&next)).is_ok());
    assert!(matches!(list(200, Some(&next)), Err(Error { code: ErrorCode::InvalidCursor, .. })));
    assert!(matches!(list(100, Some("")), Err(Error { code: ErrorCode::InvalidCursor, .. })));
}
