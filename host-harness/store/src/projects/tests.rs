use crate::{
    fixture::{TestContext, at, project},
    runs::RunExtent,
};
use appsec_model::ProjectRef;
use serde_json::json;

fn named(name: &str) -> ProjectRef {
    ProjectRef { id: None, name: Some(name.to_owned()) }
}

#[test]
fn a_project_of_a_file_becomes_the_one_that_the_vendor_lists_and_its_findings_keep_their_ids() {
    let mut context = TestContext::new();
    let ensure = |context: &TestContext, name: &str, branch: Option<&str>| {
        context.store.with(|store| store.ensure_project(context.instance_id, &named(name), branch, at(1))).unwrap()
    };
    let row = ensure(&context, "Acme/App", None);
    assert_eq!(ensure(&context, "acme/app", Some("main")), row);
    context.origin = "files".to_owned();
    context.findings(&[json!({ "id": "1" })], 2);
    let before = context.all().remove(0).row.id;

    context.list(&[], 3);
    let listed = |context: &TestContext| context.store.with(|store| store.projects(None, None)).unwrap();
    assert!(listed(&context)[0].vanished_at.is_none(), "what only files name is not looked for in a list");
    context.list(&[project("7", "acme/APP", "main")], 4);
    let projects = listed(&context);
    assert_eq!((projects.len(), projects[0].row, projects[0].project.id.as_str()), (1, row, "7"));
    context.findings(&[json!({ "id": "1", "line": 9 })], 5);
    let after = context.all();
    assert_eq!((after.len(), after[0].row.id), (1, before));
    assert_eq!(ensure(&context, "acme/app", None), row);

    // The name is free again when the vendor gives the project another one.
    context.list(&[project("7", "acme/moved", "main")], 6);
    assert_ne!(ensure(&context, "acme/app", None), row);
    context.findings(&[json!({ "id": "2" })], 7);
    assert_eq!(context.all().len(), 2, "another project's finding is another finding");
}

#[test]
fn another_primary_branch_is_another_leading_occurrence() {
    let context = TestContext::with_project();
    let on = |id: &str, branch: &str| json!({ "id": id, "ref": branch, "title": branch });
    context.findings(&[on("1", "main"), on("2", "next")], 2);
    assert_eq!(context.all()[0].row.title, "main");
    context.list(&[project("7", "acme/app", "next")], 3);
    let found = context.all().remove(0);
    assert_eq!((found.row.title.as_str(), found.row.occurrences, found.row.changed_at), ("next", 2, at(3)));
    assert_eq!(found.occurrence_details[0].finding.id, "2");
}

#[test]
fn a_project_that_is_listed_again_is_read_in_full_again() {
    let context = TestContext::with_project();
    let read_since = |moment| {
        context.store.with(|store| store.has_mapped_since(context.instance_id, at(moment), RunExtent::Whole).unwrap())
    };
    assert!(!read_since(5));
    context.list(&[], 6);
    context.list(&[project("7", "acme/app", "main")], 7);
    assert!(read_since(6), "an incremental run since then would not bring all of it");
    assert!(!read_since(7));
}
