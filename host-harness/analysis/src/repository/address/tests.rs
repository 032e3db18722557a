use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

fn read(text: &str) -> RepositoryAddress {
    RepositoryAddress::parse(text, None).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn key(text: &str) -> String {
    read(text).as_key().to_owned()
}

#[test]
fn all_spellings_of_a_repository_are_one_address() {
    let families: &[(&str, &[&str])] = &[
        (
            "github.com/acme/shop",
            &[
                "https://github.com/acme/shop",
                "https://github.com/acme/shop/",
                "https://github.com/acme/shop.git",
                "https://github.com/acme/shop.git/",
                "http://GitHub.com:80/Acme/Shop",
                "https://www.github.com:443/acme/shop/tree/main/services/api",
                "https://github.com./acme/shop/blob/main/README.md?plain=1#L3",
                "https://github.com//acme//shop/pull/7",
                "https://x-access-token:t0ps3cret@github.com/acme/shop.git",
                "https://t0ps3cret@github.com/acme/shop",
                "t0ps3cret@github.com/acme/shop",
                "user:t0ps3cret@github.com/acme/shop",
                "git@github.com:acme/shop.git",
                "git@github.com:/acme/shop",
                "ssh://git@github.com/acme/shop.git",
                "ssh://git@github.com:22/acme/shop.git",
                "ssh://git@ssh.github.com:443/acme/shop.git",
                "ssh://git@github.com:acme/shop.git",
                "git+ssh://git@github.com:acme/shop.git",
                "git+https://github.com/acme/shop.git",
                "git://github.com/acme/shop.git",
                "scm:git:https://github.com/acme/shop.git",
                "scm:git:git@github.com:acme/shop.git",
                "github:acme/shop",
                "github.com/acme/shop",
                "github.com:acme/shop",
                "www.github.com/acme/shop",
                "  https://github.com/%61cme/sho%70  ",
                "https://api.github.com/repos/acme/shop",
            ],
        ),
        (
            "gitlab.com/acme/platform/api",
            &[
                "https://gitlab.com/acme/platform/api",
                "https://gitlab.com/acme/platform/api/-/tree/main/src",
                "https://gitlab.com/acme/platform/api/tree/main",
                "https://gitlab.com/acme/platform/api/-/merge_requests/1",
                "https://oauth2:t0ps3cret@gitlab.com/acme%2Fplatform%2Fapi.git",
                "git@gitlab.com:Acme/Platform/API.git",
                "ssh://git@altssh.gitlab.com:443/acme/platform/api.git",
            ],
        ),
        (
            "bitbucket.org/acme/shop",
            &[
                "https://bitbucket.org/acme/shop/src/main/",
                "https://me@bitbucket.org/acme/shop.git",
                "git@bitbucket.org:Acme/shop.git",
                "bitbucket:acme/shop",
            ],
        ),
        (
            "dev.azure.com/acme/web shop/api",
            &[
                "https://dev.azure.com/acme/Web%20Shop/_git/api",
                "https://acme@dev.azure.com/acme/Web%20Shop/_git/api?path=/src&version=GBmain",
                "https://dev.azure.com/acme/Web%20Shop/_git/api/commit/0123456",
                "https://dev.azure.com/acme/Web%20Shop/_git/_full/api",
                "https://dev.azure.com/acme/Web Shop/api",
                "git@ssh.dev.azure.com:v3/acme/Web%20Shop/api",
                "ssh://git@ssh.dev.azure.com/v3/acme/Web%20Shop/api",
                "acme@vs-ssh.visualstudio.com:v3/acme/Web%20Shop/api",
                "https://acme.visualstudio.com/Web%20Shop/_git/api",
                "https://acme.visualstudio.com/DefaultCollection/Web%20Shop/_git/api",
            ],
        ),
        (
            "dev.azure.com/acme/shop/shop",
            &["https://dev.azure.com/acme/_git/shop", "https://acme.visualstudio.com/_git/shop"],
        ),
        (
            "bitbucket.acme.example/pay/shop",
            &[
                "https://bitbucket.acme.example/scm/PAY/shop.git",
                "https://bitbucket.acme.example/projects/PAY/repos/shop/browse/src?at=main",
                "https://bitbucket.acme.example/context/scm/pay/shop.git",
                "ssh://git@bitbucket.acme.example:7999/pay/shop.git",
            ],
        ),
        (
            "code.acme.example/~ann/shop",
            &["https://code.acme.example/scm/~ann/shop.git", "https://code.acme.example/users/ann/repos/shop/browse"],
        ),
        (
            "gitea.acme.example:3000/acme/shop",
            &[
                "http://gitea.acme.example:3000/acme/shop",
                "https://gitea.acme.example:3000/Acme/shop/src/branch/main/a.rs",
            ],
        ),
        ("tfs.acme.example/tfs/Main/Pay/api", &["https://tfs.acme.example/tfs/Main/Pay/_git/api?version=GBmain"]),
        ("xn--bcher-kva.example/a/b", &["https://Bücher.example/a/b", "git@xn--bcher-kva.example:a/b.git"]),
        ("[::1]/a/b", &["https://[::1]/a/b", "ssh://git@[::1]:22/a/b.git", "git@[::1]:a/b.git"]),
        ("git.acme.example/repo", &["git@git.acme.example:repo.git", "https://git.acme.example/repo.git/info/refs"]),
        ("localhost:8080/a/b", &["localhost:8080/a/b", "http://localhost:8080/a/b/"]),
    ];
    for (expected, spellings) in families {
        for spelling in *spellings {
            assert_eq!(key(spelling), *expected, "{spelling}");
        }
    }
}

#[test]
fn different_repositories_have_different_addresses() {
    let all = [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.wiki",
        "https://github.com/other/shop",
        "https://gitlab.com/acme/shop",
        "https://gitlab.com/acme/shop/api",
        "https://git.acme.example/acme/shop",
        "https://git2.acme.example/acme/shop",
        "https://git.acme.example:8443/acme/shop",
        "https://git.acme.example:9443/acme/shop",
        "https://git.acme.example/acme/Shop",
        "https://gist.github.com/acme/shop",
    ];
    let keys: std::collections::HashSet<String> = all.iter().map(|it| key(it)).collect();
    assert_eq!(keys.len(), all.len());
}

#[test]
fn a_provider_that_is_told_gives_its_rules_to_a_host_of_ones_own() {
    let read = |text, provider| RepositoryAddress::parse(text, Some(&provider)).unwrap().as_key().to_owned();
    assert_eq!(read("https://code.acme.example/Acme/Shop", Provider::Gitlab), "code.acme.example/acme/shop");
    assert_eq!(read("https://code.acme.example/scm/a/b", Provider::Gitlab), "code.acme.example/scm/a/b");
    assert_eq!(read("https://code.acme.example/x/scm/a/b", Provider::Bitbucket), "code.acme.example/a/b");
    assert_eq!(read("https://code.acme.example/api/v3/repos/a/b", Provider::Github), "code.acme.example/a/b");
    let own = Provider::Other("own".to_owned());
    assert_eq!(read("https://code.acme.example/Acme/Shop", own), "code.acme.example/Acme/Shop");
}

#[test]
fn a_link_leads_to_the_page_of_the_repository() {
    let link = |text| read(text).to_string();
    assert_eq!(link("git@github.com:Acme/Shop.git"), "https://github.com/Acme/Shop");
    assert_eq!(link("http://git.acme.example:3000/a/b"), "http://git.acme.example:3000/a/b");
    assert_eq!(link("git@ssh.dev.azure.com:v3/acme/Web%20Shop/api"), "https://dev.azure.com/acme/Web%20Shop/_git/api");
    let server = "https://code.acme.example/scm/PAY/shop.git";
    assert_eq!(link(server), "https://code.acme.example/projects/PAY/repos/shop");
    assert_eq!(link("https://code.acme.example/scm/~ann/shop.git"), "https://code.acme.example/users/ann/repos/shop");
}

#[test]
fn what_is_no_address_of_a_repository_is_told_without_repeating_it() {
    let long = format!("https://github.com/acme/{}", "t0ps3cret".repeat(MAX_ADDRESS_BYTES / 9));
    let cases = [
        ("", AddressError::Form),
        ("acme/shop", AddressError::Form),
        ("@acme/shop", AddressError::Form),
        ("local/t0ps3cret:part", AddressError::Form),
        (r"C:\src\t0ps3cret", AddressError::Form),
        ("C:/src/t0ps3cret", AddressError::Form),
        ("../t0ps3cret", AddressError::Form),
        ("/srv/git/t0ps3cret", AddressError::Form),
        (&long, AddressError::Length),
        ("file:///srv/git/t0ps3cret", AddressError::Host),
        ("svn://acme.example/t0ps3cret", AddressError::Scheme),
        ("https:///t0ps3cret/shop", AddressError::Host),
        ("https://t0ps3cret:a/b@github.com/acme/shop", AddressError::Host),
        ("https://t0ps3cret/b@github.com/acme/shop", AddressError::Path),
        ("https://acme.example/a/b%0At0ps3cret", AddressError::Path),
        ("https://acme.example/a/%FFt0ps3cret", AddressError::Path),
        ("https://acme.example/a%2F..%2Ft0ps3cret", AddressError::Path),
        ("https://github.com/t0ps3cret", AddressError::NoRepository),
        ("https://github.com", AddressError::NoRepository),
        ("https://api.github.com/users/t0ps3cret", AddressError::NoRepository),
        ("https://dev.azure.com/acme/t0ps3cret", AddressError::NoRepository),
        ("https://dev.azure.com/acme/t0ps3cret/_build", AddressError::NoRepository),
        ("ann@acme.example", AddressError::NoRepository),
    ];
    for (text, expected) in cases {
        let error = RepositoryAddress::parse(text, None).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("t0ps3cret"));
    }
}

#[test]
fn user_info_is_kept_nowhere() {
    for text in [
        "https://t0ps3cret@github.com/acme/shop",
        "https://ann:t0ps3cret@git.acme.example/acme/shop",
        "ann:t0ps3cret@git.acme.example/acme/shop",
        "https://ann:t0p@s3cret@git.acme.example/acme/shop",
        "t0ps3cret@git.acme.example:acme/shop",
        "ssh://t0ps3cret@git.acme.example:22/acme/shop",
    ] {
        let all = format!("{0} {0:?}", read(text));
        assert!(!all.contains("s3cret"), "{all}");
    }
}

const HOSTS: [&str; 10] = [
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "dev.azure.com",
    "acme.visualstudio.com",
    "codeberg.org",
    "gitlab.acme.example",
    "bitbucket.acme.example",
    "code.acme.example",
    "www.acme.example",
];

/// Words with a meaning in paths, and such that need escapes.
const PARTS: [&str; 34] = [
    "acme",
    "Shop",
    "shop.git",
    ".git",
    "a.git.git",
    "scm",
    "projects",
    "repos",
    "users",
    "~ann",
    "~",
    "~..",
    "_git",
    "_ssh",
    "_full",
    "tree",
    "-",
    "src",
    "branch",
    "blob",
    "commit",
    "abcdef0",
    "pull",
    "7",
    "v3",
    "api",
    "DefaultCollection",
    "a%2Fb",
    "a%20b",
    "%25",
    "%2525",
    "ü",
    "a:b",
    "%5C",
];

fn provider() -> impl Strategy<Value = Option<Provider>> {
    option::of(select(Provider::NAMED.into_iter().chain([Provider::Other("own".to_owned())]).collect::<Vec<_>>()))
}

fn web() -> impl Strategy<Value = String> {
    let port = option::of(select(vec![80, 443, 8443]));
    (select(vec!["http", "https"]), select(HOSTS.to_vec()), port, vec(select(PARTS.to_vec()), 0..7)).prop_map(
        |(scheme, host, port, parts)| {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            format!("{scheme}://{host}{port}/{}", parts.join("/"))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn an_address_is_read_from_its_link_as_itself(text in web(), provider in provider()) {
        if let Ok(address) = RepositoryAddress::parse(&text, provider.as_ref()) {
            let link = address.to_string();
            let again = RepositoryAddress::parse(&link, provider.as_ref()).map_err(|it| TestCaseError::fail(format!("{link}: {it}")))?;
            prop_assert_eq!(&again, &address, "{}", link);
            prop_assert_eq!(again.to_string(), link);
        }
    }

    #[test]
    fn spellings_of_any_repository_are_equal(
        host in select(HOSTS.to_vec()),
        names in vec("[a-z][a-z0-9._]{0,8}[a-z0-9]", 2..4),
        user in "[a-z]{1,8}(:[a-zA-Z0-9%]{0,2}[a-z]{1,8})?",
    ) {
        let azure = host == "dev.azure.com";
        prop_assume!(!host.contains("visualstudio") && (!azure || names.len() == 3));
        let names: Vec<&str> = if matches!(host, "github.com" | "bitbucket.org") { names.iter().take(2).map(String::as_str).collect() } else { names.iter().map(String::as_str).collect() };
        prop_assume!(!names.iter().any(|it| ["tree", "blob", "raw", "edit", "refs", "src", "blame", "commits", "scm"].contains(it) || it.ends_with(".git")));
        let path = names.join("/");
        let expected = read(&format!("https://{host}/{path}"));
        let upper = host.to_uppercase();
        let mut all = vec![
            format!("https://{host}/{path}/"),
            format!("https://{upper}./{path}.git"),
            format!("http://{user}@{host}:80/{path}.git/"),
            format!("git+https://{host}/{path}.GIT"),
            format!("ssh://git@{host}:22/{path}.git"),
            format!("ssh://git@{host}:{path}.git"),
            format!("git@{host}:{path}.git"),
            format!("{user}@{host}/{path}"),
            format!("{host}/{path}?a=b#c"),
            format!("https://{host}/{}", path.bytes().map(|it| if it == b'/' { "/".to_owned() } else { format!("%{it:02X}") }).collect::<String>()),
        ];
        if expected.provider().is_some() {
            all.push(format!("https://{host}/{}", path.to_uppercase()));
        }
        for text in all {
            prop_assert_eq!(read(&text), expected.clone(), "{}", text);
        }
    }

    #[test]
    fn no_text_breaks_it(text in ".{0,80}", more in "[a-z:/@.%?#\\[\\]+-]{0,40}") {
        for text in [text, more] {
            if let Ok(address) = RepositoryAddress::parse(&text, None) {
                let link = address.to_string();
                let again = RepositoryAddress::parse(&link, None).map_err(|it| TestCaseError::fail(format!("{link}: {it}")))?;
                prop_assert_eq!(again, address);
            }
        }
    }
}
