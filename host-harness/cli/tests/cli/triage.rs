//! Decisions about findings, as a person at a terminal and a pipeline make them.

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::TestContext;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");

/// Findings of a file of the vendor's tool, and a policy that they violate.
fn context() -> (TestContext, String) {
    let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![]);
    let report = format!("{FIXTURES}/cli/current.json");
    context.ok(&["import", &report, "--project", "acme/shop"]);
    let policy =
        "[[policy]]\nid = 'critical'\ntitle = 'Any'\nseverity = 'high'\nwhen = 'is_open && severity == \"critical\"'\n";
    context.ok(&["policy", "import", &context.file("policies.toml", policy)]);
    (context, report)
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["findings"].as_array().unwrap();
    rows.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_accepted_passes_the_gate_until_its_end() {
    let (context, report) = context();
    assert_eq!(context.run(&["policy", "check"]).code, 4);
    // What keeps to no rows means none, and never all of them.
    for wide in [&[][..], &["--include-non-security"], &["--include-closed"], &["--project", ""]] {
        let everything = context.run(&[&["triage", "set", "--decision", "wont-fix", "--reason", "x"], wide].concat());
        let told = everything.stderr.contains("nothing to decide on");
        assert_eq!((everything.code, told), (2, true), "{wide:?}: {}", everything.stderr);
    }
    assert_eq!(context.json(&["triage", "list"])["total"], 0);
    let set = ["triage", "set", "--severity", "critical", "--decision", "accepted-risk"];
    let refused = context.run(&set);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("needs a reason"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: say why with --reason"), "{}", refused.stderr);
    for (field, signs) in [("--reason", 501), ("--comment", 3_001), ("--assignee", 101), ("--author", 101)] {
        let text = "x".repeat(signs);
        let long = context
            .run(&[&set[..], &["--reason", "x"][..2 * usize::from(field != "--reason")], &[field, &text]].concat());
        let told = format!("{} is longer than {} characters", field.trim_start_matches('-'), signs - 1);
        assert!(long.code == 1 && long.stderr.contains(&told), "{}", long.stderr);
        assert!(long.stderr.contains("hint: shorten it: a reason has up to 500"), "{}", long.stderr);
    }

    let set = [&set[..], &["--reason", "VPN only", "--until", "2100-01-01", "--label", "q4"]].concat();
    let shown = context.json(&[&set[..], &["--dry-run"]].concat());
    context.follows("triage-set", &shown);
    assert_eq!((&shown["findings"], &shown["changed"]), (&2.into(), &2.into()));
    assert_eq!(shown["sample"].as_array().unwrap().len(), 2);
    assert_eq!(context.run(&["policy", "check"]).code, 4, "a dry run changes nothing");

    let critical = ids(&context.json(&["findings", "--severity", "critical"]));
    context.ok(&set);
    let passed = context.run(&["policy", "check"]);
    assert_eq!(
        (passed.code, passed.stdout.as_str()),
        (0, "passed: 0 of 1 policy violated, 0 violations, 0 errors, 2 exceptions by triage\n")
    );
    let check = context.json(&["policy", "check"]);
    context.follows("policy-check", &check);
    assert_eq!((&check["excepted"], &check["violated"]), (&2.into(), &0.into()));
    assert!(!ids(&context.json(&["findings"])).iter().any(|id| critical.contains(id)));
    assert_eq!(ids(&context.json(&["findings", "--decision", "accepted-risk", "--label", "q4"])), critical);
    // Words are alternatives; with `none` comes what asks for work without a decision.
    let decided = |words: &str, more: &[&str]| {
        let words = words.split(',').flat_map(|word| ["--decision", word]);
        let arguments: Vec<&str> = std::iter::once("findings").chain(words).chain(more.iter().copied()).collect();
        ids(&context.json(&arguments))
    };
    assert_eq!(decided("any,fixing", &[]), critical);
    assert_eq!(decided("none,fixing", &[]), decided("none", &[]));
    assert_eq!(decided("none,accepted-risk", &[]).len(), decided("none", &[]).len() + critical.len());
    assert_eq!(decided("none,accepted-risk", &["--label", "q4"]), critical);
    assert_eq!(decided("none", &["--label", "q4"]), [""; 0]);
    assert_eq!(
        decided("none,any", &["--include-closed"]).len(),
        ids(&context.json(&["findings", "--include-closed"])).len()
    );
    let refused = context.run(&["triage", "list", "--decision", "any"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let statuses = context.json(&["dashboard"])["statuses"].clone();
    let ignored = |it: &Value| it["name"] == "ignored" && it["findings"].as_u64() >= Some(2);
    assert!(statuses.as_array().unwrap().iter().any(ignored), "{statuses:#}");
    let list = context.json(&["triage", "list"]);
    context.follows("triage-list", &list);
    assert_eq!(list["total"], 2);
    let exported = context.ok(&["export", "sarif", "--include-closed"]);
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let results = exported["runs"][0]["results"].as_array().unwrap();
    let suppressed = results.iter().filter(|it| it["suppressions"][0]["justification"] == "VPN only");
    assert_eq!(suppressed.count(), 2);

    // The same report again, and a backup.
    context.ok(&["import", &report, "--project", "acme/shop"]);
    assert_eq!(context.run(&["policy", "check"]).code, 0);
    let backup = context.folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    context.ok(&["backup", backup]);
    context.ok(&["restore", backup, "--as", "again"]);
    assert_eq!(context.json(&["triage", "list", "--tenant", "again"])["total"], 2);

    // One of them ends.
    context.ok(&["triage", "set", &critical[0], "--decision", "accepted-risk", "--reason", "x", "--until", "1s"]);
    let lifted = || context.run(&["policy", "check"]).code == 4;
    let began = std::time::Instant::now();
    while !lifted() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it did not end");
    }
    let found = context.json(&["finding", &critical[0]]);
    context.follows("finding", &found);
    assert_eq!((&found["status"], &found["decision"]), (&"open".into(), &Value::Null));
    assert_eq!(found["decisions"][0]["ended"], "expired");
    assert_eq!(found["decisions"][1]["ended"], "replaced");
    let cleared = context.json(&["triage", "clear", "--severity", "critical", "--author", "ada"]);
    context.follows("triage-clear", &cleared);
    assert_eq!(cleared["changed"], 1);
    assert_eq!(ids(&context.json(&["findings", "--severity", "critical"])), critical);
}

#[test]
fn triage_as_code_changes_nothing_the_second_time() {
    let (context, _) = context();
    let file = context.file(
        "triage.toml",
        "[[decision]]\nmatch = { severity = 'critical' }\ndecision = 'accepted-risk'\nreason = 'all'\n\
         [[decision]]\nmatch = { path = 'order form', severity = 'critical' }\ndecision = 'false-positive'\nreason = 'this one'\n\
         [[decision]]\nmatch = { advisory = 'CVE-1999-0001' }\ndecision = 'fixing'\n\
         [[decision]]\nmatch = { severity = 'high' }\ndecision = 'fixing'\nuntil = 2020-01-01\n",
    );
    let import = ["triage", "import", &file, "--author", "pipeline"];
    let done = context.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(done.stdout, "4 entries for 3 findings, 3 would be decided on\n");
    assert!(done.stderr.contains("entry 3 matches nothing: advisory=CVE-1999-0001"), "{}", done.stderr);
    assert!(done.stderr.contains("entry 4 has ended: severity=high"), "{}", done.stderr);
    let imported = context.json(&import);
    context.follows("triage-import", &imported);
    assert_eq!((&imported["changed"], &imported["unmatched"][0]["entry"]), (&3.into(), &3.into()));
    assert_eq!(context.json(&import)["changed"], 0);
    let of = |path: &str| {
        context.json(&["findings", "--path", path, "--decision", "any"])["findings"][0]["decision"].clone()
    };
    assert_eq!(
        (of("order form")["decision"].clone(), of("größe")["reason"].clone()),
        ("false-positive".into(), "all".into())
    );

    // What is exported brings the same back.
    let exported = context.file("exported.toml", &context.ok(&["triage", "export"]));
    assert_eq!(context.json(&["triage", "import", &exported])["changed"], 0);
    context.ok(&["triage", "clear", "--decision", "any"]);
    assert_eq!(context.json(&["triage", "import", &exported])["changed"], 3);

    let csv = context.file("triage.csv", "path,severity,decision,reason\norder form,critical,wont-fix,no time\n");
    assert_eq!(context.json(&["triage", "import", &csv])["changed"], 1);
    let wrong = context.file("wrong.toml", "[[decision]]\nmatch = { pth = 'a' }\ndecision = 'fixing'\n");
    let done = context.run(&["triage", "import", &wrong]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("entry 1: unknown filter `pth`; did you mean `path`?"), "{}", done.stderr);
}

#[test]
fn decisions_go_back_to_the_vendor_once_somebody_says_so() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 40, sca: 0, ..WorldShape::default() }, vec![]);
    context.added();
    context.ok(&["sync"]);
    let set =
        ["triage", "set", "--include-non-security", "--kind", "sast", "--decision", "wont-fix", "--reason", "old"];
    let decided = context.json(&set)["changed"].as_u64().unwrap();
    assert!(decided > 5);
    let asked = || context.simulator.stats().log.iter().filter(|it| it.target.ends_with("/triage")).count();
    let push = ["triage", "push", "code"];
    let applied = [&push[..], &["--apply"]].concat();
    let refused = context.run(&applied);
    assert!(refused.code == 1 && refused.stderr.contains("--write-back on"), "{}", refused.stderr);
    context.ok(&["instance", "set", "code", "--write-back", "on"]);
    assert!(context.ok(&["instance", "show", "code"]).contains("write-back"));
    let plan = context.json(&push);
    context.follows("triage-push", &plan);
    assert_eq!((&plan["dry_run"], &plan["written"], asked()), (&true.into(), &decided.into(), 0));
    let shown = context.ok(&push);
    // Of one branch alone, the store knows of no other.
    assert!(!shown.contains("on other branches would be"), "{shown}");
    assert!(shown.contains("harness triage push code --apply"));
    assert_eq!(context.json(&applied)["written"], decided);
    assert_eq!(asked(), 1);
    assert!(context.ok(&applied).contains("no decision is waiting"));
    let log = context.json(&["triage", "push", "code", "--log", "--limit", "3"]);
    context.follows("triage-push-log", &log);
    assert_eq!(log["entries"].as_array().unwrap().len(), 3);
    // Some of them are no longer listed: done in part.
    let set = ["triage", "set", "--include-closed", "--kind", "sast", "--decision", "duplicate", "--reason", "twice"];
    context.ok(&set);
    (0..20).for_each(|_| _ = context.simulator.advance());
    assert_eq!(context.run(&push).code, 0);
    let done = context.run(&applied);
    assert!(done.code == 3 && done.stdout.contains("not taken by the vendor"), "{} {}", done.code, done.stdout);
}
