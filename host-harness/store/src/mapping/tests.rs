use crate::{
    fixture::{TestContext, at, project},
    instances::NewInstance,
    mapping::{AutoMap, KeptFindings, MappingFilter, MappingRow, MappingState, ResolvedMappings, ScanFields},
    runs::RunExtent,
};
use appsec_analysis::repository::RepositoryList;
use appsec_model::{Project, ProjectRef};
use serde_json::json;

fn put(context: &TestContext, csv: &str) -> ResolvedMappings {
    let list = RepositoryList::read_csv(csv.as_bytes(), "list").unwrap();
    assert_eq!(list.problems, []);
    context.store.with(|store| store.put_repositories(&list.repositories, false, at(1))).unwrap().settled
}

fn auto(context: &TestContext, mode: AutoMap) -> ResolvedMappings {
    context.store.with(|store| store.set_auto_map(context.instance_id, mode, at(1))).unwrap()
}

fn at_url(id: &str, name: &str, url: &str) -> Project {
    Project { url: Some(url.to_owned()), ..project(id, name, "main") }
}

fn rows(context: &TestContext) -> Vec<MappingRow> {
    context.store.with(|store| store.mappings(&MappingFilter::default())).unwrap()
}

/// Each project in a line: how it stands and why, its repository, and what is
/// proposed.
fn shown(context: &TestContext) -> String {
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
    rows(context).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row_of(context: &TestContext, name: &str) -> i64 {
    context.store.with(|store| store.projects_named(None, name)).unwrap()[0].row
}

fn repository_of(context: &TestContext, name: &str) -> i64 {
    context.store.with(|store| store.repositories(Some(name))).unwrap()[0].row
}

const LIST: &str = "url\nhttps://github.com/acme/shop\nhttps://github.com/acme/api\nhttps://gitlab.com/acme/api\n";

#[test]
fn without_a_list_every_project_makes_its_repository() {
    let context = TestContext::new();
    context.list(
        &[
            at_url("1", "acme/shop", "https://github.com/acme/shop"),
            at_url("2", "acme/shop-worker", "git@github.com:Acme/shop.git"),
            project("3", "local/thing", "main"),
            project("4", "me@host/\u{7}odd", "main"),
            project("5", "", "main"),
        ],
        1,
    );
    insta::assert_snapshot!(shown(&context), @"
    : mapped auto created project-129005166223532
    acme/shop: mapped auto created https://github.com/acme/shop
    acme/shop-worker: mapped auto created https://github.com/acme/shop
    local/thing: mapped auto created local/thing
    me@host/\u{7}odd: mapped auto created me-host/-odd
    ");
    assert_eq!(context.store.with(|store| store.read_projects(context.instance_id)).unwrap().len(), 5);
}

#[test]
fn with_a_list_what_matches_well_is_mapped_and_the_rest_waits() {
    let context = TestContext::new();
    put(&context, LIST);
    auto(&context, AutoMap::Match);
    context.list(
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
    insta::assert_snapshot!(shown(&context), @"
    acme/api: unmapped - - - or acme/api, acme/api
    acme/shop: mapped auto full-name https://github.com/acme/shop
    acme/shpo: unmapped - - - or acme/shop
    anything: mapped auto url https://github.com/acme/shop
    other/thing: unmapped - - -
    shop: unmapped - - - proposed acme/shop 0.4
    ");
    let read = context.store.with(|store| store.read_projects(context.instance_id)).unwrap();
    assert_eq!(read, ["1", "2"].map(str::to_owned).into());
    assert_eq!(auto(&context, AutoMap::Manual), ResolvedMappings::default());
    let settled = auto(&context, AutoMap::Create);
    assert_eq!((settled.projects_matched, settled.projects_created), (0, 4));
    assert_eq!(context.store.with(|store| store.mapping_counts(None)).unwrap().mapped, 6);
}

#[test]
fn a_list_that_comes_later_takes_over_what_was_made_of_projects() {
    let context = TestContext::new();
    context.list(&[project("1", "acme/shop", "main"), project("2", "other/thing", "main")], 1);
    assert_eq!(put(&context, LIST).projects_matched, 1);
    insta::assert_snapshot!(shown(&context), @"
    acme/shop: mapped auto full-name https://github.com/acme/shop
    other/thing: mapped auto created other/thing
    ");
    let made = context.store.with(|store| store.repositories(None)).unwrap().iter().filter(|it| !it.listed).count();
    assert_eq!(made, 1, "a repository that was made of a project goes with it");
}

#[test]
fn a_project_of_a_file_is_of_the_repository_of_its_name_whichever_comes_first() {
    for file_first in [true, false] {
        let context = TestContext::new();
        let files = NewInstance {
            name: "files".parse().unwrap(),
            ..context.store.with(|store| store.instances()).unwrap().remove(0).made
        };
        let files = context.store.with(|store| store.add_instance(&files, at(0))).unwrap();
        let named = ProjectRef { id: None, name: Some("Acme/Shop".to_owned()) };
        let import =
            || context.store.with(|store| store.ensure_projects(files, std::slice::from_ref(&named), at(1))).unwrap();
        if file_first {
            import();
        }
        context.list(&[at_url("1", "acme/shop", "https://github.com/acme/shop")], 1);
        if !file_first {
            import();
        }
        let repositories = context.store.with(|store| store.repositories(None)).unwrap();
        assert_eq!((repositories.len(), repositories[0].projects), (1, 2), "file first: {file_first}");
    }
}

#[test]
fn another_url_is_a_mismatch_that_is_still_read_until_a_person_repairs_it() {
    let context = TestContext::new();
    put(&context, LIST);
    let shop = |url: &str| at_url("1", "acme/app", url);
    context.list(&[shop("https://github.com/acme/shop")], 1);
    // Another spelling of the same.
    context.list(&[shop("https://github.com/Acme/shop.git")], 2);
    assert!(shown(&context).starts_with("acme/app: mapped auto url"), "{}", shown(&context));
    for now in [3, 4] {
        context.list(&[shop("https://gitlab.com/acme/api")], now);
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&context), @"acme/app: drifted auto url https://github.com/acme/shop proposed acme/api 1.0");
        }
    }
    assert_eq!(context.store.with(|store| store.read_projects(context.instance_id)).unwrap().len(), 1);
    // It leads there again.
    context.list(&[shop("ssh://git@github.com/acme/shop")], 5);
    assert!(shown(&context).starts_with("acme/app: mapped auto url"), "{}", shown(&context));
    context.list(&[shop("https://gitlab.com/acme/api")], 6);
    // A person says that it is right so, and is believed until the URL changes.
    let (row, repository) = (row_of(&context, "acme/app"), repository_of(&context, "shop"));
    context.store.with(|store| store.map_projects(&[(row, repository, None)], at(7))).unwrap();
    context.list(&[shop("https://gitlab.com/acme/api")], 8);
    insta::assert_snapshot!(shown(&context), @"acme/app: mapped manual - https://github.com/acme/shop");
    context.list(&[shop("https://github.com/acme/api")], 9);
    assert_eq!(rows(&context)[0].state, MappingState::Drifted);
}

#[test]
fn a_repository_that_was_made_of_a_project_follows_its_url() {
    let context = TestContext::new();
    context.list(&[at_url("1", "acme/shop", "https://github.com/acme/shop")], 1);
    context.list(&[at_url("1", "new/shop", "https://github.com/new/shop")], 2);
    insta::assert_snapshot!(shown(&context), @"new/shop: mapped auto created https://github.com/new/shop");
    assert_eq!(context.store.with(|store| store.repositories(None)).unwrap().len(), 1);
    // With `match` nothing is made any more.
    auto(&context, AutoMap::Match);
    context.list(&[at_url("1", "far/shop", "https://github.com/far/shop")], 3);
    insta::assert_snapshot!(shown(&context), @"far/shop: drifted auto created https://github.com/new/shop");
}

#[test]
fn records_of_projects_that_are_not_read_are_counted_and_say_nothing() {
    let context = TestContext::new();
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 1);
    let of =
        |id: &str, name: &str| json!({ "id": id, "key": id, "title": name, "in": name, "project": { "name": name } });
    let both = [of("1", "acme/app"), of("2", "acme/two")];
    assert_eq!(context.findings(&both, 2).new, 2);
    let two = row_of(&context, "acme/two");
    let released = context.store.with(|store| store.release_project(two, false, KeptFindings::Keep, at(3))).unwrap();
    assert_eq!((released.kept, released.deleted), (1, 0));
    let statuses = |context: &TestContext| context.all().iter().map(|it| it.row.status.clone()).collect::<Vec<_>>();
    assert_eq!(statuses(&context), ["open", "vanished"]);
    let counts = context.findings(&[both[0].clone(), both[1].clone(), of("3", "acme/two")], 4);
    assert_eq!((counts.unchanged, counts.unmapped, counts.new, counts.vanished), (1, 2, 0, 0));
    // Nobody maps by itself what a person unmapped.
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 5);
    assert_eq!(rows(&context)[1].state, MappingState::Unmapped);
    assert!(!context.store.with(|store| store.has_mapped_since(context.instance_id, at(5), RunExtent::Whole)).unwrap());
    // Taken up again, what is still there returns, with its id.
    let before = context.all()[1].row.id;
    let named = context.store.with(|store| store.projects_named(None, "ACME/two")).unwrap().remove(0);
    context.store.with(|store| store.restore_project(&named, at(6))).unwrap();
    assert!(context.store.with(|store| store.has_mapped_since(context.instance_id, at(5), RunExtent::Whole)).unwrap());
    context.findings(&both, 7);
    assert_eq!((statuses(&context), context.all()[1].row.id), (vec!["open".to_owned(), "open".to_owned()], before));
}

#[test]
fn a_project_is_released_with_everything_that_it_brought() {
    let context = TestContext::new();
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 1);
    let of =
        |id: &str, name: &str| json!({ "id": id, "key": id, "title": name, "in": name, "project": { "name": name } });
    context.findings(&[of("1", "acme/app"), of("2", "acme/two")], 2);
    let before = context.all()[1].row.id;
    let two = row_of(&context, "acme/two");
    assert_eq!(context.store.with(|store| store.holdings(two)).unwrap(), (1, 1));
    context.store.with(|store| store.refresh(at(3))).unwrap();
    let released = context.store.with(|store| store.release_project(two, true, KeptFindings::Delete, at(3))).unwrap();
    assert_eq!((released.kept, released.deleted), (0, 1));
    assert_eq!(context.store.with(|store| store.holdings(two)).unwrap(), (0, 0));
    assert_eq!(context.all().len(), 1);
    assert!(context.store.with(|store| store.is_stale(at(0))).unwrap());
    // An ignored one keeps its repository, and is never taken up by itself.
    context.list(&[project("1", "acme/app", "main"), project("2", "acme/two", "main")], 4);
    let row = rows(&context).remove(1);
    assert_eq!((row.state, row.repository.as_deref(), row.read), (MappingState::Ignored, Some("acme/two"), false));
    let named = context.store.with(|store| store.projects_named(Some(context.instance_id), "2")).unwrap().remove(0);
    context.store.with(|store| store.restore_project(&named, at(5))).unwrap();
    context.findings(&[of("1", "acme/app"), of("2", "acme/two")], 6);
    assert_eq!((context.all().len(), context.all()[1].row.id), (2, before));
}

#[test]
fn what_the_vendor_no_longer_lists_is_stale_and_comes_back_as_it_was() {
    let context = TestContext::new();
    let listed = [project("1", "acme/app", "main"), project("2", "acme/two", "main")];
    context.list(&listed, 1);
    context.list(&listed[..1], 2);
    let states = |context: &TestContext| rows(context).iter().map(|it| it.state).collect::<Vec<_>>();
    assert_eq!(states(&context), [MappingState::Mapped, MappingState::Stale]);
    let counts = context.store.with(|store| store.mapping_counts(None)).unwrap();
    assert_eq!((counts.mapped, counts.stale), (1, 1));
    context.list(&listed, 3);
    assert_eq!(states(&context), [MappingState::Mapped, MappingState::Mapped]);
}

#[test]
fn another_repository_or_field_makes_findings_stale() {
    let context = TestContext::with_project();
    context.findings(&[json!({ "id": "1" })], 2);
    context.store.with(|store| store.refresh(at(3))).unwrap();
    let is_stale = |context: &TestContext| context.store.with(|store| store.is_stale(at(0))).unwrap();
    assert!(!is_stale(&context));
    put(&context, LIST);
    assert!(!is_stale(&context));
    let (row, repository) = (row_of(&context, "acme/app"), repository_of(&context, "shop"));
    context.store.with(|store| store.map_projects(&[(row, repository, None)], at(4))).unwrap();
    assert!(is_stale(&context));
    context.store.with(|store| store.refresh(at(5))).unwrap();
    let metadata = [("team".to_owned(), "web".to_owned())].into();
    let fields = ScanFields { environment: Some("production".to_owned()), metadata, ..ScanFields::default() };
    context.store.with(|store| store.set_scan_fields(row, &fields, at(6))).unwrap();
    assert!(is_stale(&context));
    assert_eq!(context.store.with(|store| store.scan_fields(row)).unwrap(), fields);
    assert_eq!(rows(&context)[0].scan_fields, fields);
}

#[test]
fn a_project_that_is_put_back_into_the_schedule_is_read_in_full_by_it() {
    let context = TestContext::with_project();
    let row = row_of(&context, "acme/app");
    let set = |scheduled, now| {
        let fields = ScanFields { scheduled, ..ScanFields::default() };
        context.store.with(|store| store.set_scan_fields(row, &fields, at(now))).unwrap();
        context.store.with(|store| store.left_out_of_schedule(context.instance_id)).unwrap().len()
    };
    let is_new = |then, extent| {
        context.store.with(|store| store.has_mapped_since(context.instance_id, at(then), extent)).unwrap()
    };
    assert_eq!((set(true, 5), is_new(3, RunExtent::Scheduled)), (0, false), "it was in it all the time");
    assert_eq!((set(false, 6), set(false, 7), set(true, 8), set(true, 9)), (1, 1, 0, 0));
    assert!(is_new(7, RunExtent::Scheduled) && !is_new(8, RunExtent::Scheduled));
    assert!(!is_new(7, RunExtent::Whole), "other syncs have read it");
}
