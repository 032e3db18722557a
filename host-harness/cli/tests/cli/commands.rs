//! The usual way of a user, and what each command says.

use vendor_sim::{Expectation, Kind, Refs};

use crate::support::{TOKEN, TestContext, damaged, shape};

#[test]
fn from_nothing_to_findings_that_are_those_of_the_vendor() {
    let context = TestContext::new(damaged(), vec![]);
    insta::assert_snapshot!(context.ok(&["instance", "list"]), @"No instances yet. Set one up with: harness onboard");
    context.added();
    let list = context.json(&["instance", "list"]);
    assert_eq!(list["instances"][0]["status"], "connected");
    assert_eq!(list["instances"][0]["connection"]["deployment"]["slug"], "demo-corp");

    let run = context.json_in_part(&["sync"])["runs"][0].clone();
    assert_eq!(run["state"], "complete", "{run:#}");
    let expected = context.simulator.world().expected(Expectation { refs: Refs::Primary, dedup: false });
    let total = |arguments: &[&str]| context.json(arguments)["total"].as_u64().unwrap() as usize;
    assert_eq!(
        total(&["findings", "--include-closed", "--include-non-security", "--kind", "sast"]),
        expected.of(Kind::Sast).identities
    );
    assert_eq!(
        total(&["findings", "--include-closed", "--include-non-security", "--kind", "sca"]),
        expected.of(Kind::Sca).identities
    );
    assert_eq!(total(&["packages"]), expected.packages);
    assert_eq!(context.json(&["projects"])["projects"].as_array().unwrap().len(), expected.projects);
    assert_eq!(run["rejected"].as_u64().unwrap() as usize, expected.damaged());
    assert_eq!(run["records"].as_u64().unwrap() as usize, expected.of(Kind::Sast).rows + expected.of(Kind::Sca).rows);

    // Rejected records are reported each time.
    let again = context.json_in_part(&["sync", "code"])["runs"][0].clone();
    assert_eq!((&again["new"], &again["changed"], &again["vanished"]), (&0.into(), &0.into(), &0.into()), "{again:#}");
    assert_eq!((&again["unchanged"], &again["rejected"]), (&run["new"], &run["rejected"]));
}

#[test]
fn a_finding_is_shown_with_what_the_vendor_sent() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let list = context.json(&["findings", "--kind", "sca", "--limit", "1"]);
    let id = list["findings"][0]["id"].as_str().unwrap();
    let detail = context.json(&["finding", id, "--raw"]);
    let occurrence = &detail["occurrence_details"][0];
    assert_eq!(occurrence["raw"]["id"].to_string().trim_matches('"'), occurrence["finding"]["id"].as_str().unwrap());
    let shown = context.ok(&["finding", id]);
    assert!(shown.contains(id) && shown.contains("advisories"), "{shown}");
}

#[test]
fn a_finding_is_meant_by_whatever_it_is_known_by() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    let first = context.json(&["findings", "--limit", "1"])["findings"][0].clone();
    let id = first["id"].as_str().unwrap();
    let detail = context.json(&["finding", id]);
    let vendor = detail["occurrence_details"][0]["finding"]["id"].as_str().unwrap();
    let issue = context.json(&["issue", id])["id"].as_str().unwrap().to_owned();
    for name in [&id[..8], vendor] {
        assert_eq!(context.json(&["finding", name])["id"], id, "{name}");
        assert_eq!(context.json(&["issue", name])["id"], issue.as_str(), "{name}");
        context.ok(&["policy", "results", "--finding", name]);
    }
    assert_eq!(context.json(&["issue", &issue[..8]])["id"], issue.as_str());
    // An issue stands for its findings: for the only one, or they are listed.
    let of_issue = context.run(&["finding", &issue, "--json"]);
    let told = of_issue.stdout + &of_issue.stderr;
    assert!(told.contains(id), "{told}");
    let failed = context.run(&["finding", "nothing-of-the-sort", "--json"]).error();
    assert_eq!(failed["code"], "finding-not-found", "{failed}");
}

#[test]
fn counts_of_open_findings_agree_and_each_says_what_it_counts() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    let open = context.json(&["findings", "--limit", "0"])["total"].as_u64().unwrap();
    assert_eq!(context.json(&["dashboard"])["open"], open);
    let projects = context.json(&["projects"])["projects"].clone();
    let sum = |field: &str| -> u64 {
        projects.as_array().unwrap().iter().map(|it| it["findings"][field].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("open"), open);
    let all = context.json(&["findings", "--limit", "0", "--include-non-security"])["total"].as_u64().unwrap();
    assert_eq!(sum("open_non_security"), all - open);
    let coverage = context.json(&["coverage"]);
    let cells = coverage["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["instances"].as_object().unwrap().values());
    let unmapped = coverage["unmapped"].as_array().unwrap().iter();
    let covered: u64 = cells.chain(unmapped).map(|it| it["open"].as_u64().unwrap()).sum();
    assert_eq!(covered, open);
    if all > open {
        let note = format!("{} more open ones are not about security", all - open);
        assert!(context.ok(&["projects"]).contains(&note));
    }
}

#[test]
fn filters_keep_to_what_they_say() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let all = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"]);
    let all = all["findings"].as_array().unwrap();
    let count = |key: &str, value: &str| all.iter().filter(|it| it[key] == value).count() as u64;
    for (flag, key, value) in
        [("--kind", "kind", "sca"), ("--severity", "severity", "high"), ("--status", "status", "fixed")]
    {
        let mut arguments = vec!["findings", "--include-non-security", flag, value];
        if key != "status" {
            arguments.push("--include-closed");
        }
        let found = context.json(&arguments);
        assert_eq!(found["total"], count(key, value), "{flag}");
        assert!(found["total"].as_u64() > Some(0), "{flag}");
        assert!(found["findings"].as_array().unwrap().iter().all(|it| it[key] == value), "{flag}");
    }
    let open = context.json(&["findings", "--include-non-security"])["total"].as_u64().unwrap();
    let active: u64 = ["open", "reviewing", "fixing", "unknown"].iter().map(|status| count("status", status)).sum();
    assert_eq!(open, active);
}

#[test]
fn a_world_that_moves_on_is_followed() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context.simulator.advance();
    let run = context.json(&["sync"])["runs"][0].clone();
    for count in ["new", "changed", "vanished"] {
        assert!(run[count].as_u64() > Some(0), "{count}: {run:#}");
    }
    let expected = context.simulator.world().expected(Expectation { refs: Refs::Primary, dedup: false });
    let all = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"]);
    let there = all["findings"].as_array().unwrap().iter().filter(|it| it["status"] != "vanished").count();
    assert_eq!(there, expected.of(Kind::Sast).identities + expected.of(Kind::Sca).identities);
}

#[test]
fn a_connector_is_judged_with_and_without_a_vendor() {
    let context = TestContext::new(shape(), vec![]);
    let told = |arguments: &[&str], code: i32| {
        let done = context.run(&[&["conformance"], arguments].concat());
        assert_eq!(done.code, code, "{arguments:?}: {}{}", done.stdout, done.stderr);
        // The component is another one after every build.
        let lines = done.stdout.lines().filter(|line| !line.contains("sha256") && !line.contains("  size "));
        context.stable(&lines.collect::<Vec<_>>().join("\n"))
    };
    let checks = "A4,A6,B3,B5,D4";
    insta::assert_snapshot!("judged_without_a_vendor", told(&["--only", checks], 3));
    let against = ["--against", context.simulator.url(), "--token-file", &context.file("wrong", "sgp_wrong")];
    let junit = context.folder.path().join("report.xml");
    let refused = [&["--only", checks, "--junit", junit.to_str().unwrap()], &against[..]].concat();
    insta::assert_snapshot!("judged_with_a_refused_token", told(&refused, 3));
    assert!(std::fs::read_to_string(&junit).unwrap().contains(r#"<testcase name="A6 describe.manifest"/>"#));
    let tape = context.folder.path().join("tape").to_str().unwrap().to_owned();
    let good = ["--against", context.simulator.url(), "--token-file", &context.file("good", TOKEN)];
    told(&[&["--only", "B1", "--record", &tape], &good[..]].concat(), 0);
    told(&["--only", "B1,B3", "--cassette", &tape], 0);
    insta::assert_snapshot!("judged_by_answers_that_lack_one", told(&["--only", "C1", "--cassette", &tape], 3));
    let file = context.file("connector.wasm", "\0asm\u{1}\0\0\0");
    insta::assert_snapshot!("judged_and_no_component", told(&[&file], 1));
    let wrong = context.run(&["conformance", "--skip", "B5"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("write it as CHECK=REASON"), "{}", wrong.stderr);
}

#[test]
fn a_file_is_normalized_without_a_store() {
    let context = TestContext::new(shape(), vec![]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/api/findings/sca-full.json");
    let normalized: serde_json::Value = serde_json::from_str(&context.ok(&["normalize", file])).unwrap();
    assert!(!normalized["findings"].as_array().unwrap().is_empty());
    let damaged = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/api/findings/damaged.json");
    let done = context.run(&["normalize", damaged]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let huge = context.folder.path().join("huge.json");
    // Takes no place on the disk.
    std::fs::File::create(&huge).unwrap().set_len((64 << 20) + 1).unwrap();
    let done = context.run(&["normalize", huge.to_str().unwrap()]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(context.stable(&done.stderr), @"
    error: FOLDER/huge.json is larger than 64 MiB
      hint: `harness import` reads files of any size
    ");
    assert!(!context.data_dir().join("tenants").exists());
}

#[test]
fn tenants_see_nothing_of_each_other() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context.ok(&["tenant", "add", "other"]);
    let other = context.json(&["--tenant", "other", "findings", "--include-closed"]);
    assert_eq!(other["total"], 0);
    assert_eq!(context.json(&["--tenant", "other", "instance", "list"])["instances"].as_array().unwrap().len(), 0);
}

#[test]
fn the_token_is_in_no_file() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let done = context.run(&["-vv", "sync"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(context.in_no_file(&[TOKEN]) >= 1);
}

#[test]
fn tenants_are_listed_with_what_they_hold() {
    let context = TestContext::new(shape(), vec![]);
    assert_eq!(context.json(&["tenant", "list"])["tenants"].as_array().unwrap().len(), 0);
    context.ok(&["tenant", "add", "small"]);
    assert_eq!(context.run(&["tenant", "add", "small"]).code, 1);
    assert_eq!(context.add(&["--tenant", "large"]).code, 0);
    context.ok(&["--tenant", "large", "sync"]);
    let list = context.json(&["tenant", "list"]);
    let names: Vec<&str> = list["tenants"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["large", "small"]);
    let large = context.json(&["tenant", "show", "large"]);
    assert_eq!((&large["instances"][0]["name"], &large["last_run"]["state"]), (&"code".into(), &"complete".into()));
    let all =
        context.json(&["--tenant", "large", "findings", "--include-closed", "--include-non-security"])["total"].clone();
    assert_eq!(large["findings"], all);
    assert!(large["bytes"].as_u64() > list["tenants"][1]["bytes"].as_u64());
    // To look for a tenant makes none.
    assert_eq!(context.run(&["tenant", "show", "largo"]).code, 1);
    assert_eq!(context.json(&["tenant", "list"])["tenants"].as_array().unwrap().len(), 2);
}
