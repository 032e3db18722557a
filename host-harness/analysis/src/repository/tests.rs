use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseResult};

use super::*;

fn repository(full_name: &str, url: &str) -> Repository {
    Repository::new(Some(full_name).filter(|it| !it.is_empty()), Some(url).filter(|it| !it.is_empty()), None).unwrap()
}

fn at(urls: &[&str]) -> RepositoryIndex {
    RepositoryIndex::new(urls.iter().map(|url| repository("", url)))
}

/// A short text for a match.
fn told(found: &Match<'_>) -> String {
    let names = |all: &[&Repository]| all.iter().map(|it| it.key()).collect::<Vec<_>>().join(" ");
    match found {
        Match::Matched { repository, reason, confidence } => format!("{reason} {confidence} {}", repository.key()),
        Match::Ambiguous { reason, candidates, total } => format!("ambiguous {reason} {total}: {}", names(candidates)),
        Match::Unmatched { nearest } => {
            let near: Vec<String> =
                nearest.iter().map(|it| format!("{} {}", it.distance, it.repository.key())).collect();
            format!("unmatched {}", near.join(", ")).trim_end().to_owned()
        }
    }
}

fn found(index: &RepositoryIndex, name: &str, url: &str) -> String {
    let url = Some(url).filter(|it| !it.is_empty());
    told(&index.match_project(&ProjectFacts { name, url, provider: None }))
}

fn sample() -> RepositoryIndex {
    let mut all: Vec<Repository> = [
        "https://github.com/acme/shop",
        "https://github.com/acme/billing-service",
        "https://github.com/acme/infra",
        "https://github.com/other/infra",
        "https://gitlab.com/acme/infra",
        "https://gitlab.com/acme/platform/api",
        "https://dev.azure.com/acme/pay/_git/ledger",
        "https://code.acme.example:8443/team/tool",
        "https://code.acme.example/Team/Notes",
    ]
    .iter()
    .map(|url| repository("", url))
    .collect();
    all.push(repository("listed/only-by-name", ""));
    RepositoryIndex::new(all)
}

#[test]
fn a_url_decides_whatever_the_name_is() {
    let index = sample();
    let cases = [
        ("acme/infra", "git@github.com:other/infra.git", "url 1 github.com/other/infra"),
        ("anything", "https://t0k@gitlab.com/Acme/Platform/api/-/tree/main", "url 1 gitlab.com/acme/platform/api"),
        ("x", "https://acme.visualstudio.com/pay/_git/ledger", "url 1 dev.azure.com/acme/pay/ledger"),
        // A project that is a part of a repository.
        ("x", "https://gitlab.com/acme/platform/api/worker", "url 0.7 gitlab.com/acme/platform/api"),
        // Nobody knows whether capitals count there.
        ("x", "https://code.acme.example/Team/Notes", "url 1 code.acme.example/Team/Notes"),
        ("x", "https://code.acme.example/team/notes", "url 0.95 code.acme.example/Team/Notes"),
        // A name that is an address.
        ("https://github.com/acme/shop.git", "", "url 1 github.com/acme/shop"),
        ("github.com/acme/shop", "", "url 1 github.com/acme/shop"),
    ];
    for (name, url, expected) in cases {
        assert_eq!(found(&index, name, url), expected, "{name} {url}");
    }
}

#[test]
fn a_full_name_decides_where_the_url_does_not() {
    let index = sample();
    let cases = [
        ("acme/shop", "", "full-name 0.8 github.com/acme/shop"),
        ("Acme / Shop.git", "", "full-name 0.8 github.com/acme/shop"),
        ("acme/shop", "not a url", "full-name 0.8 github.com/acme/shop"),
        ("acme/shop:services/api", "", "full-name 0.7 github.com/acme/shop"),
        ("acme/shop#api", "", "full-name 0.7 github.com/acme/shop"),
        ("acme/shop//api", "", "full-name 0.7 github.com/acme/shop"),
        ("acme/shop/services/api", "", "full-name 0.7 github.com/acme/shop"),
        ("pay/ledger", "", "full-name 0.6 dev.azure.com/acme/pay/ledger"),
        ("acme/infra", "", "ambiguous full-name 2: github.com/acme/infra gitlab.com/acme/infra"),
        // The address of SSH tells nothing of the web's port.
        ("x", "ssh://git@code.acme.example:7999/team/tool.git", "full-name 0.9 code.acme.example:8443/team/tool"),
        ("x", "https://code.acme.example:9443/team/tool", "unmatched 0 code.acme.example:8443/team/tool"),
        // Renamed: the name is known, its old address is not.
        ("acme/shop", "https://github.com/acme/old", "full-name 0.5 github.com/acme/shop"),
        ("x", "https://github.com/listed/only-by-name", "full-name 0.8 :listed/only-by-name"),
    ];
    for (name, url, expected) in cases {
        assert_eq!(found(&index, name, url), expected, "{name} {url}");
    }
}

#[test]
fn a_mere_name_is_the_last_resort() {
    let index = sample();
    let cases = [
        ("shop", "", "name 0.4 github.com/acme/shop"),
        ("local/shop", "", "name 0.3 github.com/acme/shop"),
        ("local/shop:part", "", "name 0.3 github.com/acme/shop"),
        ("infra", "", "ambiguous name 3: github.com/acme/infra github.com/other/infra gitlab.com/acme/infra"),
        // That owner exists, and has no such repository.
        ("other/shop", "", "unmatched 0 github.com/acme/shop"),
        // That address exists nowhere here.
        ("shop", "https://github.com/fork/shop", "unmatched 0 github.com/acme/shop"),
        ("only-by-name", "https://git.other.example/some/where", "name 0.4 :listed/only-by-name"),
    ];
    for (name, url, expected) in cases {
        assert_eq!(found(&index, name, url), expected, "{name} {url}");
    }
}

#[test]
fn hosts_and_providers_are_never_mixed() {
    let index = at(&["https://git.one.example/acme/shop", "https://git.two.example/acme/shop"]);
    assert_eq!(found(&index, "acme/shop", "https://git.two.example/acme/shop"), "url 1 git.two.example/acme/shop");
    let elsewhere = found(&index, "acme/shop", "https://git.three.example/acme/shop");
    assert_eq!(elsewhere, "unmatched 0 git.one.example/acme/shop, 0 git.two.example/acme/shop");

    let index = at(&["https://github.com/acme/shop", "https://gitlab.com/acme/shop"]);
    let project = ProjectFacts { name: "acme/shop", url: None, provider: Some(&Provider::Gitlab) };
    assert_eq!(told(&index.match_project(&project)), "full-name 0.9 gitlab.com/acme/shop");
    let project = ProjectFacts { provider: Some(&Provider::Bitbucket), ..project };
    assert!(matches!(index.match_project(&project), Match::Unmatched { .. }));
}

#[test]
fn a_host_is_read_by_the_provider_that_the_list_gives_for_it() {
    let url = "https://code.acme.example/scm/tools/Shop";
    let listed = Repository::new(None, Some(url), Some(Provider::Gitlab)).unwrap();
    let index = RepositoryIndex::new([listed]);
    assert_eq!(
        found(&index, "x", "git@code.acme.example:SCM/tools/shop.git"),
        "url 1 code.acme.example/scm/tools/shop"
    );
    assert_eq!(found(&index, "x", url), "url 1 code.acme.example/scm/tools/shop");
}

#[test]
fn capitals_part_only_repositories_whose_provider_may_look_at_them() {
    let index = at(&["https://code.acme.example/a/Shop", "https://code.acme.example/a/shop"]);
    assert_eq!(found(&index, "x", "https://code.acme.example/a/Shop"), "url 1 code.acme.example/a/Shop");
    assert_eq!(found(&index, "a/shop", ""), "full-name 0.8 code.acme.example/a/shop");
    let both = "code.acme.example/a/Shop code.acme.example/a/shop";
    assert_eq!(found(&index, "x", "https://code.acme.example/a/SHOP"), format!("ambiguous url 2: {both}"));
    assert_eq!(found(&index, "a/SHOP", ""), format!("ambiguous full-name 2: {both}"));

    let index = at(&["https://github.com/acme/Shop", "https://gitlab.com/acme/shop"]);
    assert!(found(&index, "acme/shop", "").starts_with("ambiguous full-name 2"));
}

#[test]
fn what_nearly_has_the_name_is_told() {
    let index = sample();
    let cases = [
        ("acme/shpo", "unmatched 1 github.com/acme/shop"),
        ("acme/billing-servcies", "unmatched 2 github.com/acme/billing-service"),
        ("acme/bill-service", "unmatched"),
        ("acme/apx", "unmatched"),
        ("acme/infra2", "unmatched 1 github.com/acme/infra, 1 gitlab.com/acme/infra, 1 github.com/other/infra"),
        ("", "unmatched"),
    ];
    for (name, expected) in cases {
        assert_eq!(found(&index, name, ""), expected, "{name}");
    }
}

#[test]
fn so_many_candidates_are_told_and_all_are_counted() {
    let all = (0..50).map(|at| repository("", &format!("https://github.com/org{at}/infra")));
    let index = RepositoryIndex::new(all);
    let Match::Ambiguous { candidates, total, .. } =
        index.match_project(&ProjectFacts { name: "infra", ..Default::default() })
    else {
        panic!("not ambiguous")
    };
    assert_eq!((candidates.len(), total), (MAX_CANDIDATES, 50));
    let Match::Unmatched { nearest } = index.match_project(&ProjectFacts { name: "org1/infrb", ..Default::default() })
    else {
        panic!("matched")
    };
    let near: Vec<&str> = nearest.iter().map(|it| it.repository.full_name()).collect();
    assert_eq!(near, ["org1/infra", "org0/infra", "org10/infra"]);
}

#[test]
fn a_mapping_is_wrong_once_the_url_leads_elsewhere() {
    let index = sample();
    let check = |url, mapped: &Repository| {
        let found = index.mismatch(&ProjectFacts { name: "acme/shop", url, provider: None }, mapped)?;
        Some((found.address.as_key().to_owned(), found.repository.map(|it| it.key().into_owned())))
    };
    let shop = index.get("github.com/acme/shop").unwrap();
    for url in
        [None, Some("not a url"), Some("git@github.com:Acme/Shop.git"), Some("https://github.com/acme/shop/tree/x")]
    {
        assert_eq!(check(url, shop), None, "{url:?}");
    }
    let infra = "github.com/acme/infra".to_owned();
    assert_eq!(check(Some("https://github.com/acme/infra"), shop), Some((infra.clone(), Some(infra))));
    let gone = "github.com/acme/gone".to_owned();
    assert_eq!(check(Some("https://github.com/acme/gone"), shop), Some((gone, None)));
    let other_host = "gitlab.com/acme/shop".to_owned();
    assert_eq!(check(Some("https://gitlab.com/acme/shop"), shop), Some((other_host, None)));

    // Without an address of its own the name is what can speak against it.
    let nameless = Repository::new(Some("pay/ledger"), None, Some(Provider::AzureDevops)).unwrap();
    assert_eq!(check(Some("https://dev.azure.com/acme/pay/_git/ledger"), &nameless), None);
    assert!(check(Some("https://github.com/pay/ledger"), &nameless).is_some());
    let tool = index.get("code.acme.example:8443/team/tool").unwrap();
    assert_eq!(check(Some("git@code.acme.example:team/tool.git"), tool), None);
    // A repository that is no longer known can still be right.
    assert_eq!(check(Some("https://github.com/acme/gone"), &repository("", "https://github.com/acme/gone")), None);
    // A part of a repository leads to it.
    let api = index.get("gitlab.com/acme/platform/api").unwrap();
    assert_eq!(check(Some("https://gitlab.com/acme/platform/api/worker"), api), None);
}

#[test]
fn a_repository_is_named_by_its_address_or_by_itself() {
    assert_eq!(repository("shop", "https://github.com/acme/shop").full_name(), "acme/shop");
    assert_eq!(repository("", "https://github.com/Acme/Shop").full_name(), "Acme/Shop");
    let listed = repository(" acme / shop.git/", "");
    assert_eq!((listed.full_name(), listed.name(), listed.provider()), ("acme/shop", "shop", None));
    assert_eq!(repository("acme/shop", "https://gitlab.com/acme/shop").provider(), Some(&Provider::Gitlab));
    let error = |name, url, provider| Repository::new(name, url, provider).unwrap_err();
    assert_eq!(error(None, None, None), RepositoryError::Nameless);
    assert_eq!(error(Some(" / "), None, None), RepositoryError::Name);
    assert_eq!(error(Some("t0k@github.com/acme"), None, None), RepositoryError::Name);
    let url = Some("https://github.com/acme/shop");
    assert_eq!(error(Some("acme/tool"), url, None), RepositoryError::Contradiction);
    let stated = Provider::Gitlab;
    assert_eq!(error(None, url, Some(stated.clone())), RepositoryError::Providers { stated, found: Provider::Github });
    let json = serde_json::to_string(&repository("", "https://t0k@github.com/acme/shop.git")).unwrap();
    assert_eq!(json, r#"{"url":"https://github.com/acme/shop","full_name":"acme/shop","provider":"github"}"#);
}

#[test]
fn providers_go_by_the_words_in_use() {
    for (text, expected) in [
        ("GitHub", Provider::Github),
        ("github_enterprise", Provider::Github),
        ("GITLAB", Provider::Gitlab),
        ("Bitbucket Server", Provider::Bitbucket),
        ("azure-devops", Provider::AzureDevops),
        ("Azure DevOps", Provider::AzureDevops),
        ("Forgejo", Provider::Gitea),
        ("Own Forge", Provider::Other("own forge".to_owned())),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
    for named in Provider::NAMED {
        assert_eq!(named.as_str().parse(), Ok(named));
    }
    for text in ["", " ", "https://t0k@github.com/a/b", &"x".repeat(50)] {
        assert_eq!(text.parse::<Provider>(), Err(ParseProviderError));
    }
}

/// Few words, so that there is much to confuse.
fn any_repository() -> impl Strategy<Value = Repository> {
    let host = select(vec!["github.com", "gitlab.com", "code.one.example", "code.two.example:8443", ""]);
    let owner = select(vec!["acme", "Acme", "other"]);
    let name = select(vec!["shop", "Shop", "shpo", "platform/api", "billing"]);
    (host, owner, name).prop_filter_map("two parts", |(host, owner, name)| {
        let full_name = format!("{owner}/{name}");
        let url = format!("https://{host}/{full_name}");
        Repository::new(None, Some(url.as_str()).filter(|_| !host.is_empty()), None)
            .or_else(|_| Repository::new(Some(&full_name), None, None))
            .ok()
    })
}

fn any_project() -> impl Strategy<Value = (String, Option<String>)> {
    let host = select(vec!["github.com", "gitlab.com", "code.one.example", "code.two.example", "elsewhere.example"]);
    let path = select(vec!["acme/shop", "ACME/Shop", "other/shop", "acme/platform/api", "acme/gone"]);
    let name = select(vec![
        "acme/shop",
        "shop",
        "local/shop",
        "acme/shop:part",
        "platform/api",
        "acme/bilinlg",
        "x",
        "acme/shop/a",
    ]);
    (name.prop_map(str::to_owned), option::of((host, path).prop_map(|(host, path)| format!("https://{host}/{path}"))))
}

/// What must hold of any match.
fn holds(found: &Match<'_>, project: &ProjectFacts<'_>) -> TestCaseResult {
    match found {
        Match::Matched { repository, confidence, .. } => {
            prop_assert!((0.0..=1.0).contains(confidence));
            if let (Some(address), Some(url)) = (repository.address(), project.url) {
                prop_assert_eq!(address.host(), RepositoryAddress::parse(url, None).unwrap().host().to_owned());
            }
        }
        Match::Ambiguous { candidates, total, .. } => {
            let keys: std::collections::BTreeSet<_> = candidates.iter().map(|it| it.key()).collect();
            prop_assert!(*total > 1 && keys.len() == candidates.len() && candidates.len() <= *total);
        }
        Match::Unmatched { nearest } => {
            prop_assert!(nearest.len() <= MAX_NEAREST && nearest.is_sorted_by_key(|it| it.distance));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_order_of_repositories_does_not_count(
        (given, shuffled) in vec(any_repository(), 0..12).prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        (name, url) in any_project(),
    ) {
        let project = ProjectFacts { name: &name, url: url.as_deref(), provider: None };
        let (given, shuffled) = (RepositoryIndex::new(given), RepositoryIndex::new(shuffled));
        prop_assert_eq!(given.repositories(), shuffled.repositories());
        let found = given.match_project(&project);
        prop_assert_eq!(&found, &shuffled.match_project(&project));
        holds(&found, &project)?;
    }

    #[test]
    fn a_second_repository_of_the_same_kind_is_never_chosen_against(
        all in vec(any_repository(), 1..8),
        (name, url) in any_project(),
    ) {
        let project = ProjectFacts { name: &name, url: url.as_deref(), provider: None };
        let index = RepositoryIndex::new(all.clone());
        let Match::Matched { repository, reason, .. } = index.match_project(&project) else { return Ok(()) };
        // Whoever shares what the match rests on is the same repository, or can be told apart.
        let same: Vec<&Repository> = index.repositories().iter().filter(|it| match reason {
            Reason::Name => project.url.is_none() && it.name().eq_ignore_ascii_case(repository.name()),
            Reason::FullName => project.url.is_none() && it.full_name() == repository.full_name(),
            Reason::Url => it.address() == repository.address(),
        }).collect();
        prop_assert!(same.len() <= 1, "{:?}", same);
    }

    #[test]
    fn the_nearest_names_are_those_that_comparing_all_finds(
        names in vec("[a-c]{1,5}(-[ab]{1,5})?", 1..20),
        wanted in "[a-c]{1,5}(-[ab]{1,5})?",
    ) {
        let index = RepositoryIndex::new(names.iter().map(|it| Repository::new(Some(it), None, None).unwrap()));
        let most = match wanted.len() { 0..4 => 0, 4..8 => 1, _ => 2 };
        let mut all: Vec<(usize, &str)> = index.repositories().iter()
            .map(|it| (rapidfuzz::distance::osa::distance(it.full_name().chars(), wanted.chars()), it.full_name()))
            .filter(|(distance, _)| *distance <= most)
            .collect();
        all.sort_unstable();
        all.truncate(MAX_NEAREST);
        let found: Vec<_> = index.nearest(&wanted).iter().map(|it| (it.distance, it.repository.full_name())).collect();
        prop_assert_eq!(found, all);
    }

    #[test]
    fn a_repository_is_found_by_its_own_link(all in vec(any_repository(), 1..12)) {
        let index = RepositoryIndex::new(all);
        for repository in index.repositories() {
            let Some(link) = repository.address().map(ToString::to_string) else { continue };
            let found = index.match_project(&ProjectFacts { name: "x", url: Some(&link), provider: None });
            let sure = matches!(found, Match::Matched { repository: it, reason: Reason::Url, confidence } if it == repository && confidence == 1.0);
            prop_assert!(sure, "{} {}", link, told(&found));
            let project = ProjectFacts { name: "x", url: Some(&link), provider: None };
            let mismatch = index.mismatch(&project, repository);
            prop_assert_eq!(mismatch, None);
        }
    }
}
