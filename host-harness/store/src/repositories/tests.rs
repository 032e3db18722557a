use crate::{
    fixture::{TestContext, at, project},
    repositories::RepositoryChanges,
};
use appsec_analysis::repository::{Repository, RepositoryList};

fn list(csv: &str) -> Vec<Repository> {
    let list = RepositoryList::read_csv(csv.as_bytes(), "list").unwrap();
    assert_eq!(list.problems, []);
    list.repositories
}

fn put(context: &TestContext, csv: &str, replace: bool) -> RepositoryChanges {
    context.store.with(|store| store.put_repositories(&list(csv), replace, at(9))).unwrap()
}

/// Each repository in a line: its name, link, branch and groups, whether it is
/// listed, and its projects.
fn shown(context: &TestContext) -> Vec<String> {
    let rows = context.store.with(|store| store.repositories(None)).unwrap();
    let line = |it: crate::RepositoryRow| {
        let repository = &it.repository;
        format!(
            "{} {} {} {:?} {} {}",
            repository.full_name(),
            repository.address().map_or_else(|| "-".to_owned(), ToString::to_string),
            repository.default_branch.as_deref().unwrap_or("-"),
            repository.groups,
            if it.listed { "listed" } else { "made" },
            it.projects
        )
    };
    rows.into_iter().map(line).collect()
}

#[test]
fn a_list_brings_changes_and_takes_away() {
    let context = TestContext::new();
    let first = "url,groups,default_branch\nhttps://github.com/acme/shop,web,main\nhttps://git.acme.com/x/api,,\n";
    let changes = put(&context, first, false);
    assert_eq!((changes.added, changes.updated, changes.unchanged, changes.removed), (2, 0, 0, 0));
    assert_eq!(put(&context, first, true).unchanged, 2);
    let second = "url,groups\ngit@github.com:Acme/Shop.git,web;pci\nhttps://gitlab.com/acme/app,\n";
    let changes = put(&context, second, false);
    assert_eq!((changes.added, changes.updated, changes.unchanged), (1, 1, 0));
    insta::assert_snapshot!(shown(&context).join("\n"), @r#"
    Acme/Shop https://github.com/Acme/Shop main ["web", "pci"] listed 0
    acme/app https://gitlab.com/acme/app - [] listed 0
    x/api https://git.acme.com/x/api - [] listed 0
    "#);
    let changes = put(&context, "full_name\nnew/one\n", true);
    assert_eq!((changes.added, changes.removed), (1, 3));
    assert_eq!(shown(&context), ["new/one - - [] listed 0"]);
}

#[test]
fn a_repository_that_was_known_by_its_name_alone_gets_its_address() {
    let context = TestContext::new();
    put(&context, "full_name\nacme/shop\nacme/app\n", false);
    let changes = put(&context, "url\nhttps://github.com/acme/shop\nhttps://gitlab.com/acme/shop\n", false);
    assert_eq!((changes.added, changes.updated), (1, 1), "one of two gets it, or nobody knows which is meant");
    let found = context.store.with(|store| store.repositories(Some("GITLAB"))).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_repository_with_projects_stays_until_they_are_of_another_one() {
    let context = TestContext::new();
    put(&context, "full_name,groups\nacme/app,mobile\nacme/shop,\n", false);
    context.list(&[project("7", "acme/app", "main")], 1);
    let changes = put(&context, "full_name\nacme/shop\n", true);
    assert_eq!((changes.removed, changes.kept.as_slice()), (0, &["acme/app".to_owned()][..]));
    assert_eq!(shown(&context), ["acme/app - - [\"mobile\"] made 1", "acme/shop - - [] listed 0"]);
    let rows = context.store.with(|store| store.repositories(None)).unwrap();
    let (app, shop) = (rows[0].row, rows[1].row);
    assert_eq!(context.store.with(|store| store.remove_repository(app)).unwrap(), 1);
    let project = context.store.with(|store| store.projects(None, None)).unwrap()[0].row;
    context.store.with(|store| store.map_projects(&[(project, shop, None)], at(10))).unwrap();
    assert_eq!(shown(&context), ["acme/shop - - [] listed 1"]);
    assert_eq!(context.store.with(|store| store.remove_repository(shop)).unwrap(), 1);
}

#[test]
fn what_is_listed_again_keeps_what_was_made_of_projects() {
    let context = TestContext::new();
    let mut named = project("7", "acme/app", "main");
    named.url = Some("https://github.com/acme/app".to_owned());
    context.list(&[named], 1);
    assert_eq!(shown(&context), ["acme/app https://github.com/acme/app - [] made 1"]);
    let before = context.store.with(|store| store.repositories(None)).unwrap()[0].row;
    let changes = put(&context, "url,groups\nhttps://github.com/acme/app.git,mobile\n", false);
    assert_eq!((changes.added, changes.updated, changes.settled.projects_matched), (0, 1, 1));
    let after = context.store.with(|store| store.repositories(None)).unwrap();
    assert_eq!((after[0].row, after[0].listed, after[0].projects), (before, true, 1));
}
