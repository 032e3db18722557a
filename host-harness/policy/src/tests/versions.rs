//! Versions change with what a policy says, and with nothing else.

use insta::assert_snapshot;

use crate::Policies;

const ONE: &str = r#"
[[policy]]
id = "a"
title = "A"
when = "is_open && (priority > 80) && has(cvss) && title.contains('x')"
severity = "high"
[policy.scope]
branches = ["main"]
"#;

fn version(text: &str) -> String {
    Policies::load(text).unwrap_or_else(|problems| panic!("{}", super::lines(&problems))).version().to_owned()
}

#[test]
fn comments_layout_and_defaults_do_not_change_a_version() {
    let other = r#"
        # Not part of it.
        [[policy]]
        severity = 'high'
        scope = { branches = [ "main" ] }
        on = "finding"
        enabled = true
        when = '''
            is_open // neither is this
                && priority>80 && has( cvss ) && title.contains(r"x")
        '''
        title = "\u0041"
        id = "a"
    "#;
    assert_eq!(version(ONE), version(other));
}

#[test]
fn anything_that_a_policy_says_changes_its_version() {
    let mut versions = vec![version(ONE)];
    for (from, to) in [
        ("id = \"a\"", "id = \"b\""),
        ("title = \"A\"", "title = \"B\""),
        ("title = \"A\"", "title = \"A\"\ndescription = \"d\""),
        ("title = \"A\"", "title = \"A\"\non = \"issue\""),
        ("title = \"A\"", "title = \"A\"\nenabled = false"),
        ("80", "81"),
        ("80", "80.0"),
        ("'x'", "'X'"),
        ("priority > 80", "80 < priority"),
        ("severity = \"high\"", "severity = \"low\""),
        ("branches = [\"main\"]", "branches = [\"main\", \"dev\"]"),
        ("branches", "tags"),
        ("[policy.scope]\nbranches = [\"main\"]", ""),
    ] {
        let text = ONE.replace(from, to);
        assert_ne!(text, ONE, "{from}");
        versions.push(version(&text));
    }
    let count = versions.len();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), count);
}

#[test]
fn a_policy_has_a_version_of_its_own() {
    let two = format!("{ONE}{}", ONE.replace("id = \"a\"", "id = \"b\""));
    let (one, two) = (Policies::load(ONE).unwrap(), Policies::load(&two).unwrap());
    assert_eq!(one.get("a").unwrap().version(), two.get("a").unwrap().version());
    assert_ne!(two.get("a").unwrap().version(), two.get("b").unwrap().version());
    assert_ne!(one.version(), two.version());
}

/// Stored results name versions: a release that changes them breaks the link.
#[test]
fn versions_stay_what_they_are_between_releases() {
    assert_snapshot!(version(ONE), @"acb13ab080abd296b5db08c1b3b22ff6621d3a8e47f677d04978109b7065ca88");
}
