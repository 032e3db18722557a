use proptest::prelude::*;

use super::*;

fn told(list: &RepositoryList) -> Vec<String> {
    let all = list.repositories.iter().map(|it| serde_json::to_string(it).unwrap());
    all.chain(list.problems.iter().map(ToString::to_string)).collect()
}

fn csv(text: &str) -> Vec<String> {
    told(&RepositoryList::read_csv(text.as_bytes(), "t.csv").unwrap())
}

fn json(text: &str) -> Vec<String> {
    told(&RepositoryList::read_json(text.as_bytes(), "t.json"))
}

#[test]
fn a_table_is_read_whatever_the_case_of_its_columns() {
    let text = "\u{feff}Full_Name,URL,Provider,Default Branch,Groups,Archived,notes\r\n\
        acme/shop,https://t0k@github.com/acme/shop.git,GitHub,main,team-a; team-b;team-a,No,x\r\n\
        \r\n\
        acme/tool,,,,,,\r\n\
        ,git@code.acme.example:Acme/Lib.git,gitlab,refs/heads/trunk\r\n";
    insta::assert_snapshot!(csv(text).join("\n"), @r#"
    {"url":"https://github.com/acme/shop","full_name":"acme/shop","provider":"github","default_branch":"main","groups":["team-a","team-b"],"archived":false}
    {"full_name":"acme/tool"}
    {"url":"https://code.acme.example/Acme/Lib","full_name":"Acme/Lib","provider":"gitlab","default_branch":"trunk"}
    "#);
}

#[test]
fn columns_go_by_other_names_too() {
    for header in
        ["name,html_url", "repo,Web URL", "PATH_WITH_NAMESPACE,clone-url", "nameWithOwner,url", "repository,sshUrl"]
    {
        let text = format!("{header}\nacme/shop,https://github.com/acme/shop\n");
        assert_eq!(
            csv(&text),
            [r#"{"url":"https://github.com/acme/shop","full_name":"acme/shop","provider":"github"}"#]
        );
    }
    // The more telling one of several counts, wherever it stands.
    let both =
        "name,url,full_name,html_url\nShop,https://api.github.com/repos/a/b,acme/shop,https://github.com/acme/shop\n";
    assert_eq!(csv(both), [r#"{"url":"https://github.com/acme/shop","full_name":"acme/shop","provider":"github"}"#]);
}

#[test]
fn every_bad_row_is_told_with_its_line_and_without_its_text() {
    let text = "full_name,url,provider,archived\n\
        acme/a,https://t0k/x@github.com/acme/a,,\n\
        acme/b,https://github.com/acme/other,,\n\
        ,,gitlab,\n\
        \"acme\n/c\",,,\n\
        acme/d,,https://t0k@github.com/acme/d,\n\
        acme/e,,,t0k\n\
        acme/f,https://github.com/acme/f,gitlab,\n\
        t0k@github.com/acme/g,,,\n\
        acme/h,,,,too,many\n\
        acme/ok,https://github.com/acme/ok\n\
        ACME/ok,git@github.com:acme/OK.git,,\n";
    let told = csv(text);
    assert!(!told.join("").contains("t0k"), "{told:?}");
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"url":"https://github.com/acme/ok","full_name":"acme/ok","provider":"github"}
    t.csv:2: a URL with a path that cannot be read: escape `@`, `/` and `:` in user name and password, or leave them out
    t.csv:3: the full name and the URL are of different repositories: give only one of them
    t.csv:4: a full name or a URL is required
    t.csv:5: invalid full name: write it as `org/repo`
    t.csv:7: invalid provider: use github, gitlab, bitbucket, azure-devops, gitea or another short word
    t.csv:8: archived is neither true nor false
    t.csv:9: the provider is given as gitlab, but the URL belongs to github: correct one of them
    t.csv:10: invalid full name: write it as `org/repo`
    t.csv:11: 6 fields for 4 columns: quote fields with commas
    t.csv:13: the same repository as in line 12: github.com/acme/ok
    "#);
}

#[test]
fn a_table_needs_columns_that_name_repositories() {
    assert_eq!(csv("a,b\n1,2\n"), ["t.csv:1: no column `full_name` or `url`: name the columns in the first row"]);
    assert_eq!(csv("\n\n"), ["t.csv: a table without a row of column names"]);
    assert_eq!(csv("url\n"), Vec::<String>::new());
    let bytes = b"url,name\nhttps://github.com/a/b,\nhttps://github.com/a/c,\xff\n";
    let list = RepositoryList::read_csv(&bytes[..], "t.csv").unwrap();
    assert_eq!(
        (list.repositories.len(), list.problems[0].to_string()),
        (1, "t.csv:3: field 2 is not UTF-8".to_owned())
    );
}

#[test]
fn what_interfaces_of_providers_answer_with_is_read() {
    let github = r#"[
      {"id": 1, "name": "shop", "full_name": "acme/shop", "private": true, "owner": {"login": "acme"},
       "html_url": "https://github.com/acme/shop", "url": "https://api.github.com/repos/acme/shop",
       "clone_url": "https://github.com/acme/shop.git", "topics": ["pay", "web"], "archived": true,
       "default_branch": "main"},
      {"nameWithOwner": "acme/cli", "url": "https://github.com/acme/cli", "isArchived": false,
       "defaultBranchRef": {"name": "dev"}, "repositoryTopics": [{"name": "tools"}]}
    ]"#;
    insta::assert_snapshot!(json(github).join("\n"), @r#"
    {"url":"https://github.com/acme/shop","full_name":"acme/shop","provider":"github","default_branch":"main","groups":["pay","web"],"archived":true}
    {"url":"https://github.com/acme/cli","full_name":"acme/cli","provider":"github","default_branch":"dev","groups":["tools"],"archived":false}
    "#);
    let gitlab = r#"{"name":"Shop API","path_with_namespace":"acme/web/api","web_url":"https://git.acme.example/acme/web/api","topics":[],"tag_list":["x"],"archived":false,"default_branch":null}
{"name":"Other","http_url_to_repo":"https://git.acme.example/acme/web/other.git","provider":"gitlab"}"#;
    insta::assert_snapshot!(json(gitlab).join("\n"), @r#"
    {"url":"https://git.acme.example/acme/web/api","full_name":"acme/web/api","groups":["x"],"archived":false}
    {"url":"https://git.acme.example/acme/web/other","full_name":"acme/web/other","provider":"gitlab"}
    "#);
    let azure = r#"[{"name":"api","webUrl":"https://dev.azure.com/acme/pay/_git/api","defaultBranch":"refs/heads/main","isDisabled":false,"project":{"name":"pay"}}]"#;
    assert_eq!(
        json(azure),
        [
            r#"{"url":"https://dev.azure.com/acme/pay/_git/api","full_name":"acme/pay/api","provider":"azure-devops","default_branch":"main","archived":false}"#
        ]
    );
}

#[test]
fn every_bad_json_entry_is_told_with_its_line() {
    let array = "[\n {\"full_name\": \"acme/a\"},\n 7,\n\n {\"url\": \"https://t0k/b@c/d\"}, {\"full_name\":\n \"acme/a\"},\n {\"url\": }\n]";
    let lines = "{\"full_name\": \"acme/a\"}\n\n{\"t0k\n[]\n{\"full_name\": null}\n{\"full_name\":\"acme/a\"}\n";
    let told = [json(array), json(lines), json("[{\"full_name\":\"a/b\"}] x"), json("")].concat();
    assert!(!told.join("").contains("t0k"), "{told:?}");
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"full_name":"acme/a"}
    t.json:3: not a JSON object
    t.json:5: a URL with a path that cannot be read: escape `@`, `/` and `:` in user name and password, or leave them out
    t.json:5: the same repository as in line 2: :acme/a
    t.json:7: the JSON ends or breaks here: what follows was not read
    {"full_name":"acme/a"}
    t.json:3: not a JSON object
    t.json:4: not a JSON object
    t.json:5: a full name or a URL is required
    t.json:6: the same repository as in line 1: :acme/a
    {"full_name":"a/b"}
    t.json:1: the JSON ends or breaks here: what follows was not read
    "#);
    let list = RepositoryList::read_json(b"{}\n{\"name\":\"\xff\"}", "t.json");
    assert_eq!(list.problems[0].to_string(), "t.json:2: not UTF-8");
}

#[test]
fn the_table_of_names_in_the_document_is_the_one_in_use() {
    let documented =
        |name: &str| super::super::RULES.split('`').any(|word| field(word) == field(name) && field(word).is_some());
    for (name, _) in NAMES {
        assert!(documented(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_list_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-z\n ]{0,80}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = RepositoryList::read_json(bytes, "t");
            prop_assert!(RepositoryList::read_csv(bytes, "t").is_ok());
            prop_assert!(RepositoryList::read_csv(&[b"full_name,url\n", bytes].concat()[..], "t").is_ok());
        }
    }

    #[test]
    fn a_table_and_json_bring_the_same(names in proptest::collection::vec("[a-c]/[a-c]", 0..8)) {
        let table: String = names.iter().map(|it| format!("{it},https://github.com/{it}\n")).collect();
        let lines: String = names.iter().map(|it| format!("{{\"full_name\":\"{it}\",\"url\":\"https://github.com/{it}\"}}\n")).collect();
        let table = RepositoryList::read_csv(format!("full_name,url\n{table}").as_bytes(), "t").unwrap();
        let lines = RepositoryList::read_json(lines.as_bytes(), "t");
        prop_assert_eq!(&table.repositories, &lines.repositories);
        prop_assert_eq!(table.problems.len() + table.repositories.len(), names.len());
        prop_assert_eq!(table.problems.len(), lines.problems.len());
    }
}

#[test]
fn an_entry_of_any_size_is_not_parsed() {
    let large = format!(r#"{{"full_name":"a/b","x":[{}0]}}"#, "0,".repeat(200_000));
    assert!(json(&large).iter().any(|line| line.contains("more than 256 KiB")), "{:?}", json(&large));
}
