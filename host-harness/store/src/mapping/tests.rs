use crate::{
    fixture::{Desk, at, project},
    instances::NewInstance,
    mapping::{AutoMap, KeptFindings, MappingFilter, MappingRow, MappingState, ResolvedMappings, ScanFields},
};
use appsec_analysis::repository::RepositoryList;
use appsec_model::{Project, ProjectRef};
use serde_json::json;

fn put(desk: &Desk, csv: &str) -> ResolvedMappings {
    let list = RepositoryList::read_csv(csv.as_bytes(), "list").unwrap();
    assert_eq!(list.problems, []);
    desk.store.with(|store| store.put_repositories(&list.repositories, false, at(1))).unwrap().settled
}

fn auto(desk: &Desk, mode: AutoMap) -> ResolvedMappings {
    desk.store.with(|store| store.set_auto_map(desk.instance_id, mode, at(1))).unwrap()
}

fn at_url(id: &str, name: &str, url: &str) -> Project {
    Project { url: Some(url.to_owned()), ..project(id, name, "main") }
}

fn rows(desk: &Desk) -> Vec<MappingRow> {
    desk.store.with(|store| store.mappings(&MappingFilter::default())).unwrap()
}

/// Each project in a line: how it stands and why, its repository, and what is
/// proposed.
fn shown(desk: &Desk) -> String {
    let line = |it: MappingRow| {
        let by = it.by.map_or("-", |by| by.as_str());
        let reason = it.reason.unwrap_or_else(|| "-".to_owned());
        let repository = it.repository_url.or(it.repository).unwrap_or_else(|| "-".to_owned());
        let proposal = it.proposal.map(|it| format!(" proposed {} {:.1}", it.repository, it.confidence));
        let candidates: Vec<String> = it.candidates.into_iter().map(|it| it.repository).collect();
        let candidates = (!candidates.is_empty()).then(|| format!(" or {}", candidates.join(", ")));
        format!(
            "{}: {} {by} {reason} {repository}{}{}",
            it.project,
            it.state.as_str(),
            proposal.unwrap_or_default(),
            candidates.unwrap_or_default()
        )
    };
    rows(desk).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row_of(desk: &Desk, name: &str) -> i64 {
    desk.store.with(|store| store.projects_named(None, name)).unwrap()[0].row
}

fn repository_of(desk: &Desk, name: &str) -> i64 {
    desk.store.with(|store| store.repositories(Some(name))).unwrap()[0].row
}

const LIST: &str = "url\nhttps://github.com/acme/shop\nhttps://github.com/acme/api\nhttps://gitlab.com/acme/api\n";

#[test]
fn without_a_list_every_project_makes_its_repository() {
    let desk = Desk::new();
    desk.list(
        &[
            at_url("1", "acme/shop", "https://github.com/acme/shop"),
            at_url("2", "acme/shop-worker", "git@github.com:Acme/shop.git"),
            project("3", "local/thing", "main"),
            project("4", "me@host/\u{7}odd", "main"),
            project("5", "", "main"),
        ],
        1,
    );
    insta::assert_snapshot!(shown(&desk), @"
    : mapped auto adopted project-129005166223532
    acme/shop: mapped auto adopted https://github.com/acme/shop
    acme/shop-worker: mapped auto adopted https://github.com/acme/shop
    local/thing: mapped auto adopted local/thing
    me@host/\u{7}odd: mapped auto adopted me-host/-odd
    ");
    assert_eq!(desk.store.with(|store| store.read_projects(desk.instance_id)).unwrap().len(), 5);
}

#[test]
fn with_a_list_what_matches_well_is_mapped_and_the_rest_waits() {
    let desk = Desk::new();
    put(&desk, LIST);
    auto(&desk, AutoMap::Match);
    desk.list(
        &[
            at_url("1", "anything", "https://github.com/acme/shop"),
            project("2", "acme/shop", "main"),
            project("3", "acme/api", "main"),
            project("4", "shop", "main"),
            project("5", "acme/shpo", "main"),
            project("6", "other/thing", "main"),
        ],
        1,
    );
    insta::assert_snapshot!(shown(&desk), @"
    acme/api: unmapped - - - or acme/api, acme/api
    acme/shop: mapped auto full-name https://github.com/acme/shop
    acme/shpo: unmapped - - - or acme/shop
    anything: mapped auto url https://github.com/acme/shop
    other/thing: unmapped - - -
    shop: unmapped - - - proposed acme/shop 0.4
    ");
    let read = desk.store.with(|store| store.read_projects(desk.instance_id)).unwrap();
    assert_eq!(read, ["1", "2"].map(str::to_owned).into());
    assert_eq!(auto(&desk, AutoMap::Manual), ResolvedMappings::default());
    let settled = auto(&desk, AutoMap::Create);
    assert_eq!((settled.projects_matched, settled.projects_created), (0, 4));
    assert_eq!(desk.store.with(|store| store.mapping_counts(None)).unwrap().mapped, 6);
}

#[test]
fn a_list_that_comes_later_takes_over_what_was_made_of_projects() {
    let desk = Desk::new();
    desk.list(&[project("1", "acme/shop", "main"), project("2", "other/thing", "main")], 1);
    assert_eq!(put(&desk, LIST).projects_matched, 1);
    insta::assert_snapshot!(shown(&desk), @"
    acme/shop: mapped auto full-name https://github.com/acme/shop
    other/thing: mapped auto adopted other/thing
    ");
    let made = desk.store.with(|store| store.repositories(None)).unwrap().iter().filter(|it| !it.listed).count();
    assert_eq!(made, 1, "a repository that was made of a project goes with it");
}

#[test]
fn a_project_of_a_file_is_of_the_repository_of_its_name_whichever_comes_first() {
    for file_first in [true, false] {
        let desk = Desk::new();
        let files = NewInstance {
            name: "files".parse().unwrap(),
            ..desk.store.with(|store| store.instances()).unwrap().remove(0).made
        };
        let files = desk.store.with(|store| store.add_instance(&files, at(0))).unwrap();
        let named = ProjectRef { id: None, name: Some("Acme/Shop".to_owned()) };
        let import =
            || desk.store.with(|store| store.ensure_projects(files, std::slice::from_ref(&named), at(1))).unwrap();
        if file_first {
            import();
        }
        desk.list(&[at_url("1", "acme/shop", "https://github.com/acme/shop")], 1);
        if !file_first {
            import();
        }
        let repositories = desk.store.with(|store| store.repositories(None)).unwrap();
        assert_eq!((repositories.len(), repositories[0].projects), (1, 2), "file first: {file_first}");
    }
}

#[test]
fn another_url_is_a_mismatch_that_is_still_read_until_a_person_repairs_it() {
    let desk = Desk::new();
    put(&desk, LIST);
    let shop = |url: &str| at_url("1", "acme/app", url);
    desk.list(&[shop("https://github.com/acme/shop")], 1);
    // Another spelling of the same.
    desk.list(&[shop("https://github.com/Acme/shop.git")], 2);
    assert!(shown(&desk).starts_with("acme/app: mapped auto url"), "{}", shown(&desk));
    for now in [3, 4] {
        desk.list(&[shop("https://gitlab.com/acme/api")], now);
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&desk), @"acme/app: drifted auto url https://github.com/acme/shop proposed acme/api 1.0");
        }
    }
    assert_eq!(desk.store.with(|store| store.read_projects(desk.instance_id)).unwrap().len(), 1);
    // It leads there again.
    desk.list(&[shop("ssh://git@github.com/acme/shop")], 5);
    assert!(shown(&desk).starts_with("acme/app: mapped auto url"), "{}", shown(&desk));
    desk.list(&[shop("https://gitlab.com/acme/api")], 6);
    // A person says that it is right so, and is believed until the URL changes.
    let (row, repository) = (row_of(&desk, "acme/app"), repository_of(&desk, "shop"));
    desk.store.with(|store| store.map_projects(&[(row, repository, None)], at(7))).unwrap();
    desk.list(&[shop("https://gitlab.com/acme/api")], 8);
    insta::assert_snapshot!(shown(&desk), @"acme/app: mapped manual - https://github.com/acme/shop");
    desk.list(&[shop("https://github.com/acme/api")], 9);
    assert_eq!(rows(&desk)[0].state, MappingState::Drifted);
}

#[test]
fn a_repository_that_was_made_of_a_project_follows_its_url() {
    let desk = Desk::new();
    desk.list(&[at_url("1", "acme/shop", "https://github.com/acme/shop")], 1);
    desk.list(&[at_url("1", "new/shop", "https://github.com/new/shop")], 2);
    insta::assert_snapshot!(shown(&desk), @"new/shop: mapped auto adopted https://github.com/new/shop");
    assert_eq!(desk.store.with(|store| store.repositories(None)).unwrap().len(), 1);
    // With `match` nothing is made any more.
    auto(&desk, AutoMap::Match);
    desk.list(&[at_url("1", "far/shop", "https://github.com/far/shop")], 3);
    insta::assert_snapshot!(shown(&desk), @"far/shop: drifted auto adopted https://github.com/new/shop");
}

#[test]
fn records_of_projects_that_are_not_read_are_counted_and_say_nothing() {
    let desk = Desk::new();
    desk.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 1);
    let of =
        |id: &str, name: &str| json!({ "id": id, "key": id, "title": name, "in": name, "project": { "name": name } });
    let both = [of("1", "acme/app"), of("2", "acme/two")];
    assert_eq!(desk.findings(&both, 2).new, 2);
    let two = row_of(&desk, "acme/two");
    let released = desk.store.with(|store| store.release_project(two, false, KeptFindings::Keep, at(3))).unwrap();
    assert_eq!((released.kept, released.deleted), (1, 0));
    let statuses = |desk: &Desk| desk.all().iter().map(|it| it.row.status.clone()).collect::<Vec<_>>();
    assert_eq!(statuses(&desk), ["open", "vanished"]);
    let counts = desk.findings(&[both[0].clone(), both[1].clone(), of("3", "acme/two")], 4);
    assert_eq!((counts.unchanged, counts.unmapped, counts.new, counts.vanished), (1, 2, 0, 0));
    // Nobody maps by itself what a person unmapped.
    desk.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 5);
    assert_eq!(rows(&desk)[1].state, MappingState::Unmapped);
    assert!(!desk.store.with(|store| store.has_mapped_since(desk.instance_id, at(5))).unwrap());
    // Taken up again, what is still there returns, with its id.
    let before = desk.all()[1].row.id;
    let named = desk.store.with(|store| store.projects_named(None, "ACME/two")).unwrap().remove(0);
    desk.store.with(|store| store.restore_project(&named, at(6))).unwrap();
    assert!(desk.store.with(|store| store.has_mapped_since(desk.instance_id, at(5))).unwrap());
    desk.findings(&both, 7);
    assert_eq!((statuses(&desk), desk.all()[1].row.id), (vec!["open".to_owned(), "open".to_owned()], before));
}

#[test]
fn a_project_is_released_with_everything_that_it_brought() {
    let desk = Desk::new();
    desk.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 1);
    let of =
        |id: &str, name: &str| json!({ "id": id, "key": id, "title": name, "in": name, "project": { "name": name } });
    desk.findings(&[of("1", "acme/app"), of("2", "acme/two")], 2);
    let before = desk.all()[1].row.id;
    let two = row_of(&desk, "acme/two");
    assert_eq!(desk.store.with(|store| store.holdings(two)).unwrap(), (1, 1));
    desk.store.with(|store| store.refresh(at(3))).unwrap();
    let released = desk.store.with(|store| store.release_project(two, true, KeptFindings::Delete, at(3))).unwrap();
    assert_eq!((released.kept, released.deleted), (0, 1));
    assert_eq!(desk.store.with(|store| store.holdings(two)).unwrap(), (0, 0));
    assert_eq!(desk.all().len(), 1);
    assert!(desk.store.with(|store| store.is_stale(at(0))).unwrap());
    // An ignored one keeps its repository, and is never taken up by itself.
    desk.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 4);
    let row = rows(&desk).remove(1);
    assert_eq!((row.state, row.repository.as_deref(), row.read), (MappingState::Ignored, Some("acme/two"), false));
    let named = desk.store.with(|store| store.projects_named(Some(desk.instance_id), "2")).unwrap().remove(0);
    desk.store.with(|store| store.restore_project(&named, at(5))).unwrap();
    desk.findings(&[of("1", "acme/app"), of("2", "acme/two")], 6);
    assert_eq!((desk.all().len(), desk.all()[1].row.id), (2, before));
}

#[test]
fn what_the_vendor_no_longer_lists_is_stale_and_comes_back_as_it_was() {
    let desk = Desk::new();
    let listed = [project("1", "acme/app", "main"), project("2", "acme/two", "main")];
    desk.list(&listed, 1);
    desk.list(&listed[..1], 2);
    let states = |desk: &Desk| rows(desk).iter().map(|it| it.state).collect::<Vec<_>>();
    assert_eq!(states(&desk), [MappingState::Mapped, MappingState::Stale]);
    let counts = desk.store.with(|store| store.mapping_counts(None)).unwrap();
    assert_eq!((counts.mapped, counts.stale), (1, 1));
    desk.list(&listed, 3);
    assert_eq!(states(&desk), [MappingState::Mapped, MappingState::Mapped]);
}

#[test]
fn another_repository_or_field_makes_findings_stale() {
    let desk = Desk::with_project();
    desk.findings(&[json!({ "id": "1" })], 2);
    desk.store.with(|store| store.refresh(at(3))).unwrap();
    let is_stale = |desk: &Desk| desk.store.with(|store| store.is_stale(at(0))).unwrap();
    assert!(!is_stale(&desk));
    put(&desk, LIST);
    assert!(!is_stale(&desk));
    let (row, repository) = (row_of(&desk, "acme/app"), repository_of(&desk, "shop"));
    desk.store.with(|store| store.map_projects(&[(row, repository, None)], at(4))).unwrap();
    assert!(is_stale(&desk));
    desk.store.with(|store| store.refresh(at(5))).unwrap();
    let metadata = [("team".to_owned(), "web".to_owned())].into();
    let fields = ScanFields { environment: Some("production".to_owned()), metadata, ..ScanFields::default() };
    desk.store.with(|store| store.set_scan_fields(row, &fields)).unwrap();
    assert!(is_stale(&desk));
    assert_eq!(desk.store.with(|store| store.scan_fields(row)).unwrap(), fields);
    assert_eq!(rows(&desk)[0].scan_fields, fields);
}
