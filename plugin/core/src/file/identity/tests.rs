use super::{Fnv, group, hides_fingerprints, identity, is_match_based, record_id};

#[test]
fn the_hash_is_the_published_one() {
    let check = |text: &str, expect| {
        let mut hash = Fnv::new();
        hash.bytes(text.as_bytes());
        assert_eq!(hash.finish(), expect, "{text}");
    };
    check("", 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    check("a", 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    check("foobar", 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
}

/// These are in stores: a change needs another name of the algorithm.
#[test]
fn keys_never_change() {
    let key = |rule, path, message| format!("{:032x}", group(rule, path, message));
    insta::assert_snapshot!(key("rules.md5", "app/größe.py", "MD5 is broken."), @"cc07d88bd08333a0217902fb0ae09848");
    insta::assert_snapshot!(key("-", "a", ""), @"c87b74af0e83d94f70806d45c7991b2a");
    insta::assert_snapshot!(key("", "", ""), @"a68b3a0a9e8b5822836dbc7895a2fd34");
}

#[test]
fn white_space_of_a_message_does_not_count_and_parts_stay_apart() {
    assert_eq!(group("r", "p", " one\r\n\ttwo  three\n"), group("r", "p", "one two three"));
    assert_ne!(group("r", "p", "onetwo"), group("r", "p", "one two"));
    assert_ne!(group("rp", "", "m"), group("r", "p", "m"));
    assert_ne!(group("r", "pm", ""), group("r", "p", "m"));
}

#[test]
fn an_id_names_the_branch() {
    assert_eq!(record_id(10, 2, None), "0000000000000000000000000000000a-2");
    assert_eq!(record_id(10, 2, Some("refs/heads/main")), "0000000000000000000000000000000a-2@main");
    assert_eq!(record_id(10, 0, Some("refs/pull/7/merge")), "0000000000000000000000000000000a-0@refs/pull/7/merge");
}

#[test]
fn the_vendors_fingerprint_is_the_key_of_runs_with_login_only() {
    let own = "00000000000000000000000000000001_3";
    let long = format!("{}_0", "ab".repeat(64));
    let check = |fingerprint: Option<&str>, logged_in, key: &str, algorithm: &str, aliases: &[&str]| {
        let identity = identity(1, 3, fingerprint, logged_in);
        assert_eq!((identity.key.as_str(), identity.algorithm.as_str()), (key, algorithm));
        assert_eq!(identity.aliases, aliases);
    };
    check(Some(&long), true, &long, "semgrep-match-based-id", &[own]);
    check(Some(&long), false, own, "semgrep-file-v1", &[&long]);
    let old = "0123456789abcdef0123456789abcdef";
    check(Some(old), true, own, "semgrep-file-v1", &[old]);
    for dummy in ["requires login", "", "0x42", "...", "00", &"ab".repeat(200), &format!("{old}_"), &format!("{old}_x")]
    {
        check(Some(dummy), true, own, "semgrep-file-v1", &[]);
    }
    check(None, true, own, "semgrep-file-v1", &[]);
    assert!(is_match_based(&long) && !is_match_based(old) && !is_match_based("é_0"));
}

#[test]
fn versions_from_1_98_on_print_fingerprints_with_login_only() {
    for tool in ["1.98.0", "1.182.0", "Semgrep OSS 1.98.0", "semgrep v2.0"] {
        assert!(hides_fingerprints(Some(tool)), "{tool}");
    }
    for tool in ["1.97.0", "0.99.1", "Semgrep OSS", "", "placeholder", "Opengrep OSS 1.99.0", "1", "1.x"] {
        assert!(!hides_fingerprints(Some(tool)), "{tool}");
    }
    assert!(!hides_fingerprints(None));
}
