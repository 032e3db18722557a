//! Decisions about findings, as a person at a terminal and a pipeline make them.

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::Desk;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");

/// Findings of a file of the vendor's tool, and a policy that they violate.
fn desk() -> (Desk, String) {
    let desk = Desk::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![]);
    let report = format!("{FIXTURES}/cli/current.json");
    desk.ok(&["import", &report, "--project", "acme/shop"]);
    let policy =
        "[[policy]]\nid = 'critical'\ntitle = 'Any'\nseverity = 'high'\nwhen = 'is_open && severity == \"critical\"'\n";
    desk.ok(&["policy", "import", &desk.file("policies.toml", policy)]);
    (desk, report)
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["findings"].as_array().unwrap();
    rows.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_accepted_passes_the_gate_until_its_end() {
    let (desk, report) = desk();
    assert_eq!(desk.run(&["policy", "check"]).code, 4);
    // What keeps to no rows means none, and never all of them.
    for wide in [&[][..], &["--include-non-security"], &["--include-closed"], &["--project", ""]] {
        let everything = desk.run(&[&["triage", "set", "--decision", "wont-fix", "--reason", "x"], wide].concat());
        let told = everything.stderr.contains("nothing to decide on");
        assert_eq!((everything.code, told), (2, true), "{wide:?}: {}", everything.stderr);
    }
    assert_eq!(desk.json(&["triage", "list"])["total"], 0);
    let set = ["triage", "set", "--severity", "critical", "--decision", "accepted-risk"];
    let refused = desk.run(&set);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("needs a reason"), "{}", refused.stderr);

    let set = [&set[..], &["--reason", "VPN only", "--until", "2100-01-01", "--label", "q4"]].concat();
    let shown = desk.json(&[&set[..], &["--dry-run"]].concat());
    desk.follows("triage-set", &shown);
    assert_eq!((&shown["findings"], &shown["changed"]), (&2.into(), &2.into()));
    assert_eq!(shown["sample"].as_array().unwrap().len(), 2);
    assert_eq!(desk.run(&["policy", "check"]).code, 4, "a dry run changes nothing");

    let critical = ids(&desk.json(&["findings", "--severity", "critical"]));
    desk.ok(&set);
    let passed = desk.run(&["policy", "check"]);
    assert_eq!(
        (passed.code, passed.stdout.as_str()),
        (0, "passed: 0 of 1 policy violated, 0 violations, 0 errors, 2 exceptions by triage\n")
    );
    let check = desk.json(&["policy", "check"]);
    desk.follows("policy-check", &check);
    assert_eq!((&check["excepted"], &check["violated"]), (&2.into(), &0.into()));
    assert!(!ids(&desk.json(&["findings"])).iter().any(|id| critical.contains(id)));
    assert_eq!(ids(&desk.json(&["findings", "--decision", "accepted-risk", "--label", "q4"])), critical);
    let statuses = desk.json(&["dashboard"])["statuses"].clone();
    let ignored = |it: &Value| it["name"] == "ignored" && it["findings"].as_u64() >= Some(2);
    assert!(statuses.as_array().unwrap().iter().any(ignored), "{statuses:#}");
    let list = desk.json(&["triage", "list"]);
    desk.follows("triage-list", &list);
    assert_eq!(list["total"], 2);
    let exported = desk.ok(&["export", "sarif", "--include-closed"]);
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let results = exported["runs"][0]["results"].as_array().unwrap();
    let suppressed = results.iter().filter(|it| it["suppressions"][0]["justification"] == "VPN only");
    assert_eq!(suppressed.count(), 2);

    // The same report again, and a backup.
    desk.ok(&["import", &report, "--project", "acme/shop"]);
    assert_eq!(desk.run(&["policy", "check"]).code, 0);
    let backup = desk.folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    desk.ok(&["backup", backup]);
    desk.ok(&["restore", backup, "--as", "again"]);
    assert_eq!(desk.json(&["triage", "list", "--tenant", "again"])["total"], 2);

    // One of them ends.
    desk.ok(&["triage", "set", &critical[0], "--decision", "accepted-risk", "--reason", "x", "--until", "1s"]);
    let lifted = || desk.run(&["policy", "check"]).code == 4;
    let began = std::time::Instant::now();
    while !lifted() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it did not end");
    }
    let found = desk.json(&["finding", &critical[0]]);
    desk.follows("finding", &found);
    assert_eq!((&found["status"], &found["decision"]), (&"open".into(), &Value::Null));
    assert_eq!(found["decisions"][0]["ended"], "expired");
    assert_eq!(found["decisions"][1]["ended"], "replaced");
    let cleared = desk.json(&["triage", "clear", "--severity", "critical", "--author", "ada"]);
    desk.follows("triage-clear", &cleared);
    assert_eq!(cleared["changed"], 1);
    assert_eq!(ids(&desk.json(&["findings", "--severity", "critical"])), critical);
}

#[test]
fn triage_as_code_changes_nothing_the_second_time() {
    let (desk, _) = desk();
    let file = desk.file(
        "triage.toml",
        "[[decision]]\nmatch = { severity = 'critical' }\ndecision = 'accepted-risk'\nreason = 'all'\n\
         [[decision]]\nmatch = { path = 'order form', severity = 'critical' }\ndecision = 'false-positive'\nreason = 'this one'\n\
         [[decision]]\nmatch = { advisory = 'CVE-1999-0001' }\ndecision = 'fixing'\n\
         [[decision]]\nmatch = { severity = 'high' }\ndecision = 'fixing'\nuntil = 2020-01-01\n",
    );
    let import = ["triage", "import", &file, "--author", "pipeline"];
    let done = desk.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(done.stdout, "4 entries for 3 findings, 3 would be decided on\n");
    assert!(done.stderr.contains("entry 3 matches nothing: advisory=CVE-1999-0001"), "{}", done.stderr);
    assert!(done.stderr.contains("entry 4 has ended: severity=high"), "{}", done.stderr);
    let imported = desk.json(&import);
    desk.follows("triage-import", &imported);
    assert_eq!((&imported["changed"], &imported["unmatched"][0]["entry"]), (&3.into(), &3.into()));
    assert_eq!(desk.json(&import)["changed"], 0);
    let of =
        |path: &str| desk.json(&["findings", "--path", path, "--decision", "any"])["findings"][0]["decision"].clone();
    assert_eq!(
        (of("order form")["decision"].clone(), of("größe")["reason"].clone()),
        ("false-positive".into(), "all".into())
    );

    // What is exported brings the same back.
    let exported = desk.file("exported.toml", &desk.ok(&["triage", "export"]));
    assert_eq!(desk.json(&["triage", "import", &exported])["changed"], 0);
    desk.ok(&["triage", "clear", "--decision", "any"]);
    assert_eq!(desk.json(&["triage", "import", &exported])["changed"], 3);

    let csv = desk.file("triage.csv", "path,severity,decision,reason\norder form,critical,wont-fix,no time\n");
    assert_eq!(desk.json(&["triage", "import", &csv])["changed"], 1);
    let wrong = desk.file("wrong.toml", "[[decision]]\nmatch = { pth = 'a' }\ndecision = 'fixing'\n");
    let done = desk.run(&["triage", "import", &wrong]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("entry 1: unknown filter `pth`; did you mean `path`?"), "{}", done.stderr);
}
