//! What a policy file may hold, and where policies apply.

use insta::assert_snapshot;

use super::{NOW, full, problems};
use crate::{On, Policies, Subject, SubjectRepository};

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = r#"
        owner = "me"
        [[policy]]
        id = "first"
        title = "First"
        wehn = "is_open"
        severity = "hihg"
        kinds = ["sast"]
        enabled = "yes"
        [[policy]]
        id = "first"
        title = ""
        when = "is_opne && severty == 'high'"
        severity = "unknown"
        on = "findings"
        scope = { project = ["a"], branches = "main", tags = [], kinds = ["SAST"], environments = ["[", 1, ""] }
        [[policy]]
        id = "Third One"
        title = 3
        description = ["a"]
        scope = "everywhere"
        when = true
    "#;
    assert_snapshot!(problems(text));
}

#[test]
fn a_file_that_is_none_is_told_so() {
    assert_snapshot!(problems(""), @"the file has no policy: each begins with `[[policy]]`");
    assert_snapshot!(problems("[policy]\nid = \"a\""), @"a policy begins with `[[policy]]`, in two pairs of brackets");
    assert_snapshot!(problems("policy = [1]"), @"policy `#1`, is not a table: a policy begins with `[[policy]]`");
    assert_snapshot!(problems("[[policies]]\nid = 1"), @"
    key `policies`: unknown key: policies begin with `[[policy]]`
    the file has no policy: each begins with `[[policy]]`
    ");
    assert_snapshot!(problems("[[policy]]\nid = \"a"), @"the file is not valid TOML at line 2: invalid basic string, expected `\"`");
    assert!(problems(&"#".repeat(2 << 20)).contains("1048576 are allowed"));
    assert!(problems(&"[[policy]]\n".repeat(1001)).contains("1001 policies, of which 1000"));
}

fn applies(scope: &str, subject: &Subject) -> bool {
    let text =
        format!("[[policy]]\nid = \"p\"\ntitle = \"P\"\nwhen = \"is_open\"\nseverity = \"low\"\nscope = {scope}");
    let policies = Policies::load(&text).unwrap_or_else(|problems| panic!("{scope}: {}", super::lines(&problems)));
    !policies.evaluate(subject, NOW).is_empty()
}

#[test]
fn a_scope_restricts_where_a_policy_applies() {
    for scope in [
        "{}",
        r#"{ kinds = ["sast", "sca"] }"#,
        r#"{ projects = ["acme/*"], repositories = ["*/web"], repository_groups = ["pay*"] }"#,
        r#"{ environments = ["prod*"], branches = ["release/**", "main"], tags = ["v*"] }"#,
        r#"{ projects = ["**", "!acme/legacy*"] }"#,
        r#"{ branches = ["!dev*"] }"#,
    ] {
        assert!(applies(scope, &full()), "{scope}");
    }
    for scope in [
        r#"{ kinds = ["sast"] }"#,
        r#"{ projects = ["acme"] }"#,
        r#"{ projects = ["*"] }"#,
        r#"{ projects = ["ACME/*"] }"#,
        r#"{ projects = ["acme/*"], branches = ["dev"] }"#,
        r#"{ repository_groups = ["payments", "!public"] }"#,
        r#"{ branches = ["!main"] }"#,
    ] {
        assert!(!applies(scope, &full()), "{scope}");
    }
}

#[test]
fn what_is_not_known_is_in_no_list_and_in_no_exception() {
    let unknown = Subject { is_open: true, ..Subject::default() };
    for key in ["repositories", "repository_groups", "environments", "branches", "tags"] {
        assert!(!applies(&format!("{{ {key} = [\"**\"] }}"), &unknown), "{key}");
        assert!(applies(&format!("{{ {key} = [\"!x\"] }}"), &unknown), "{key}");
    }
    let bare = Subject { repository: Some(SubjectRepository::default()), ..unknown };
    assert!(!applies(r#"{ repository_groups = ["**"] }"#, &bare));
}

#[test]
fn a_policy_is_evaluated_over_what_it_is_on_and_only_if_enabled() {
    let of = |more: &str| {
        let text = format!("[[policy]]\nid = \"p\"\ntitle = \"P\"\nwhen = \"is_open\"\nseverity = \"low\"\n{more}");
        let policies = Policies::load(&text).unwrap();
        [On::Finding, On::Issue].map(|on| policies.evaluate(&Subject { on, ..full() }, NOW).len())
    };
    assert_eq!(of(""), [1, 0]);
    assert_eq!(of("on = \"finding\""), [1, 0]);
    assert_eq!(of("on = \"issue\""), [0, 1]);
    assert_eq!(of("enabled = false"), [0, 0]);
}

#[test]
fn policies_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Policies>();
}
