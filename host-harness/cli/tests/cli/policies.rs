//! Policies, as a pipeline and a person at a terminal use them.

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::Desk;

fn desk() -> Desk {
    Desk::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

#[test]
fn a_pipeline_fails_until_what_violates_a_policy_is_gone() {
    let desk = desk();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/supply-chain.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(fixture).unwrap()).unwrap();
    // What names no scanned file proves nothing about files without findings.
    let paths: Vec<Value> = report["results"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
    report["paths"]["scanned"] = paths.into();
    let bad = desk.file("bad.json", &report.to_string());
    report["results"].as_array_mut().unwrap().retain(|it| it["extra"]["severity"] != "CRITICAL");
    let good = desk.file("good.json", &report.to_string());

    desk.ok(&["import", &bad, "--project", "acme/shop"]);
    let done = desk.run(&["policy", "check"]);
    assert_eq!(done.code, 1, "without policies, nothing passes: {}", done.stdout);
    assert!(done.stderr.contains("harness policy init"), "{}", done.stderr);

    let starter = desk.file("policies.toml", &desk.ok(&["policy", "init"]));
    desk.ok(&["policy", "import", &starter]);
    let done = desk.run(&["policy", "check", "--fail-on", "high"]);
    assert_eq!(done.code, 4, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("critical malicious-package: ") && done.stdout.contains("FAILED"), "{}", done.stdout);
    assert_eq!(desk.run(&["policy", "check", "--fail-on", "never"]).code, 0);
    assert_eq!(desk.run(&["policy", "check", "--kind", "sast"]).code, 0);
    assert_eq!(desk.run(&["policy", "check", "--policy", "verified-secret"]).code, 0);
    assert_eq!(desk.run(&["policy", "check", "--policy", "no-such"]).code, 1);

    let found = desk.run(&["policy", "check", "--json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let of = |list: &Value| list.as_array().unwrap().iter().find(|it| it["policy_id"] == "malicious-package").cloned();
    let id = of(&found["violations"]).unwrap()["results"][0]["id"].as_str().unwrap().to_owned();
    let id = id.as_str();
    let detail = desk.json(&["finding", id]);
    assert!(of(&detail["policy_results"]).is_some(), "{detail:#}");
    assert_eq!(desk.json(&["policy", "results", "--finding", id])["results"], detail["policy_results"]);
    for (name, arguments) in [
        ("policy-check", &["policy", "check", "--fail-on", "never"][..]),
        ("policy-list", &["policy", "list"]),
        ("policy-show", &["policy", "show", "top-25-high"]),
        ("policy-results", &["policy", "results"]),
        ("policy-import", &["policy", "import", &starter]),
    ] {
        desk.follows(name, &desk.json(arguments));
    }

    desk.ok(&["import", &good, "--project", "acme/shop", "--complete"]);
    let done = desk.run(&["policy", "check", "--fail-on", "high"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("passed"), "{}", done.stdout);
    assert_eq!(desk.json(&["policy", "remove", "--all"])["removed"], true);
}

#[test]
fn all_that_is_wrong_with_a_policy_file_is_told_and_nothing_changes() {
    let desk = desk();
    let starter = desk.file("starter.toml", &desk.ok(&["policy", "init"]));
    desk.ok(&["policy", "import", &starter]);
    let before = desk.json(&["policy", "list"]);
    let bad = desk.file(
        "bad.toml",
        "[[policy]]\nid = 'a'\ntitle = 'A'\nseverity = 'hihg'\nwhen = 'sevrity == 1'\n\
         [[policy]]\nid = 'a'\ntitle = 'B'\nseverity = 'low'\nwhen = 'is_open &&'\n",
    );
    for arguments in [&["policy", "import", &bad][..], &["policy", "import", &bad, "--check"]] {
        let done = desk.run(arguments);
        assert_eq!(done.code, 1, "{}", done.stdout);
        for part in ["key `severity`", "did you mean `high`", "did you mean `severity`", "key `id`", "policy `a`"] {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
    }
    let done = desk.run(&["policy", "import", &bad, "--json"]);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(report["problems"].as_array().unwrap().len() >= 4, "{report:#}");
    assert_eq!(desk.json(&["policy", "list"]), before);
    let fewer = desk.file("one.toml", "[[policy]]\nid = 'a'\ntitle = 'A'\nseverity = 'low'\nwhen = 'is_open'\n");
    assert!(desk.ok(&["policy", "import", &fewer, "--check"]).contains("Nothing was stored"));
    assert_eq!(desk.json(&["policy", "list"]), before);
    desk.ok(&["policy", "import", &fewer]);
    let after = desk.json(&["policy", "list"]);
    assert_eq!(after["history"][0]["version"], before["version"]);
    assert_eq!(after["policies"].as_array().unwrap().len(), 1);
}
