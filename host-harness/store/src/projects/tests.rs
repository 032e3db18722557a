use crate::fixture::{Desk, at, project};
use appsec_model::ProjectRef;
use serde_json::json;

fn named(name: &str) -> ProjectRef {
    ProjectRef { id: None, name: Some(name.to_owned()) }
}

#[test]
fn a_project_of_a_file_becomes_the_one_that_the_vendor_lists_and_its_findings_keep_their_ids() {
    let mut desk = Desk::new();
    let ensure = |desk: &Desk, name: &str, branch: Option<&str>| {
        desk.store.with(|store| store.ensure_project(desk.instance_id, &named(name), branch, at(1))).unwrap()
    };
    let row = ensure(&desk, "Acme/App", None);
    assert_eq!(ensure(&desk, "acme/app", Some("main")), row);
    desk.origin = "files".to_owned();
    desk.findings(&[json!({ "id": "1" })], 2);
    let before = desk.all().remove(0).row.id;

    desk.list(&[], 3);
    let listed = |desk: &Desk| desk.store.with(|store| store.projects(None, None)).unwrap();
    assert!(listed(&desk)[0].vanished_at.is_none(), "what only files name is not looked for in a list");
    desk.list(&[project("7", "acme/APP", "main")], 4);
    let projects = listed(&desk);
    assert_eq!((projects.len(), projects[0].row, projects[0].project.id.as_str()), (1, row, "7"));
    desk.findings(&[json!({ "id": "1", "line": 9 })], 5);
    let after = desk.all();
    assert_eq!((after.len(), after[0].row.id), (1, before));
    assert_eq!(ensure(&desk, "acme/app", None), row);

    // The name is free again when the vendor gives the project another one.
    desk.list(&[project("7", "acme/moved", "main")], 6);
    assert_ne!(ensure(&desk, "acme/app", None), row);
    desk.findings(&[json!({ "id": "2" })], 7);
    assert_eq!(desk.all().len(), 2, "another project's finding is another finding");
}

#[test]
fn another_primary_branch_is_another_leading_occurrence() {
    let desk = Desk::with_project();
    let on = |id: &str, branch: &str| json!({ "id": id, "ref": branch, "title": branch });
    desk.findings(&[on("1", "main"), on("2", "next")], 2);
    assert_eq!(desk.all()[0].row.title, "main");
    desk.list(&[project("7", "acme/app", "next")], 3);
    let found = desk.all().remove(0);
    assert_eq!((found.row.title.as_str(), found.row.occurrences, found.row.changed_at), ("next", 2, at(3)));
    assert_eq!(found.occurrence_details[0].finding.id, "2");
}

#[test]
fn a_project_that_is_listed_again_is_read_in_full_again() {
    let desk = Desk::with_project();
    let read_since = |moment| desk.store.with(|store| store.has_mapped_since(desk.instance_id, at(moment)).unwrap());
    assert!(!read_since(5));
    desk.list(&[], 6);
    desk.list(&[project("7", "acme/app", "main")], 7);
    assert!(read_since(6), "an incremental run since then would not bring all of it");
    assert!(!read_since(7));
}
