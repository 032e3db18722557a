//! Repositories and mapping, as a person at a terminal does them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vendor_sim::{World, WorldShape};

use crate::support::TestContext;

fn shape(seed: u64, projects: u32) -> WorldShape {
    WorldShape { seed, projects, sast: 200, sca: 80, ..crate::support::shape() }
}

fn names(context: &TestContext) -> Vec<String> {
    context.simulator.world().project_names().map(str::to_owned).collect()
}

/// Names of the projects that have findings which did not vanish.
fn found(context: &TestContext) -> BTreeSet<String> {
    let findings = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"]);
    let findings = findings["findings"].as_array().unwrap().clone();
    let there = findings.iter().filter(|it| it["status"] != "vanished");
    there.map(|it| it["project"].as_str().unwrap().to_owned()).collect()
}

fn total(context: &TestContext) -> u64 {
    context.json(&["findings", "--include-closed", "--include-non-security"])["total"].as_u64().unwrap()
}

/// The state of a project.
fn state(context: &TestContext, project: &str) -> Value {
    let list = context.json(&["mapping", "list", "code"]);
    let projects = list["projects"].as_array().unwrap();
    projects.iter().find(|it| it["project"] == project).unwrap()["state"].clone()
}

#[test]
fn only_what_matches_the_list_is_read_and_a_new_project_joins_in_the_same_sync() {
    let context = TestContext::new(shape(1, 5), vec![]);
    let later = World::new(shape(1, 6));
    let mut known: Vec<String> = names(&context).into_iter().take(2).collect();
    known.push(later.project_names().nth(5).unwrap().to_owned());
    let list = context.file("list.csv", &format!("full_name,group\n{},web\n", known.join(",web\n")));
    // What is read stays, what is not is told by line.
    let list_with_problem = context.file("bad.csv", &format!("full_name,url\n{},\n,ftp://x/y/z\n", known[0]));
    let done = context.run(&["repositories", "import", &list_with_problem]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stdout.contains("bad.csv:3: "), "{}", done.stdout);
    let done = context.run(&["repositories", "import", &list_with_problem, "--replace"]);
    assert_eq!(done.code, 1, "{}", done.stdout);
    let changes = context.json(&["repositories", "import", &list]);
    assert_eq!((&changes["added"], &changes["updated"]), (&2.into(), &1.into()), "{changes:#}");

    context.added();
    context.ok(&["mapping", "mode", "code", "match"]);
    let shown = context.ok(&["sync"]);
    assert!(shown.contains("3 projects without a repository, not synced"), "{shown}");
    assert_eq!(found(&context), known[..2].iter().cloned().collect());
    let done = context.run(&["sync", "--project", &names(&context)[3]]);
    assert!(done.code == 1 && done.stderr.contains("harness mapping set"), "{}", done.stderr);

    context.simulator.set_world(later);
    let run = context.json(&["sync", "--allow-removal"])["runs"][0].clone();
    assert_eq!((&run["state"], &run["projects"]), (&"complete".into(), &3.into()));
    assert_eq!(found(&context), known.iter().cloned().collect());
    let counts = context.json(&["mapping", "list"])["counts"].clone();
    assert_eq!((&counts["mapped"], &counts["unmapped"]), (&3.into(), &3.into()));

    // Those that wait are mapped by hand, and are read.
    let name = names(&context)[3].clone();
    context.ok(&["mapping", "set", &name, &known[0]]);
    context.ok(&["sync"]);
    assert!(found(&context).contains(&name));
    let detail = context.json(&["repositories", "show", &known[0]]);
    assert_eq!(detail["repository"]["projects"], 2, "{detail:#}");
}

#[test]
fn a_project_that_leads_elsewhere_is_told_and_repaired_by_hand() {
    let context = TestContext::new(shape(1, 3), vec![]);
    context.added();
    context.ok(&["sync"]);
    let listed = |context: &TestContext| -> Value {
        let projects = context.json(&["projects"])["projects"].clone();
        let with_url = projects.as_array().unwrap().iter().filter(|it| !it["url"].is_null());
        with_url.map(|it| json!({ "html_url": it["url"], "name": it["name"] })).collect()
    };
    let old = listed(&context);
    let list = context.file("list.json", &old.to_string());
    let changes = context.json(&["repositories", "import", &list]);
    assert_eq!(changes["projects_matched"], old.as_array().unwrap().len(), "{changes:#}");
    let before = total(&context);

    // The same projects under other names, at other places.
    context.simulator.set_world(World::new(shape(2, 3)));
    let shown = context.ok(&["sync", "--allow-removal"]);
    assert!(shown.contains("harness mapping list --state drifted"), "{shown}");
    let drifted = context.json(&["mapping", "list", "--state", "drifted"]);
    let row = drifted["projects"][0].clone();
    assert_eq!((&row["read"], &row["proposal"]), (&true.into(), &Value::Null), "{row:#}");
    assert!(total(&context) > before, "it is still read");
    let (name, url) = (row["project"].as_str().unwrap(), row["url"].as_str().unwrap());

    context.ok(&["repositories", "add", name, "--url", url, "--group", "web"]);
    let proposed = context.json(&["mapping", "suggest", "code"]);
    let proposal =
        proposed["projects"].as_array().unwrap().iter().find(|it| it["project"] == name).unwrap()["proposal"].clone();
    assert_eq!((&proposal["repository"], &proposal["confidence"]), (&name.into(), &1.0.into()));
    let findings =
        context.json(&["repositories", "show", row["repository"].as_str().unwrap()])["repository"]["findings"].clone();
    let repaired = context.json(&["mapping", "set", name, url]);
    assert_eq!((&repaired["state"], &repaired["by"]), (&"mapped".into(), &"manual".into()));
    let moved = context.json(&["repositories", "show", url])["repository"].clone();
    assert_eq!((&moved["findings"], &moved["groups"]), (&findings, &json!(["web"])), "findings go along");
    context.ok(&["sync"]);
    assert_eq!(state(&context, name), "mapped");
}

#[test]
fn a_project_that_is_unmapped_or_ignored_takes_its_findings_as_a_person_says() {
    let context = TestContext::new(shape(1, 3), vec![]);
    context.added();
    context.ok(&["sync"]);
    let name = names(&context)[0].clone();
    let (all, before) = (found(&context), context.content());
    let done = context.run(&["mapping", "unset", &name]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("--keep") && done.stderr.contains("--delete"), "{}", done.stderr);
    assert_eq!(context.content(), before, "nothing was changed");

    let total_before = total(&context);
    context.ok(&["mapping", "unset", &name, "--keep"]);
    assert_eq!((total(&context), found(&context).contains(&name)), (total_before, false));
    context.ok(&["sync"]);
    assert_eq!((total(&context), found(&context).contains(&name)), (total_before, false), "it is not read");
    assert_eq!(state(&context, &name), "unmapped");
    context.ok(&["mapping", "restore", &name]);
    // Also where only what is new is asked for.
    context.ok(&["sync", "--incremental"]);
    assert_eq!((total(&context), found(&context)), (total_before, all.clone()));

    context.ok(&["mapping", "ignore", &name, "--delete"]);
    assert!(total(&context) < total_before && !found(&context).contains(&name));
    context.ok(&["sync"]);
    assert!(!found(&context).contains(&name));
    assert_eq!(state(&context, &name), "ignored");
    assert!(context.ok(&["mapping", "restore", &name]).contains("is mapped to"));
    context.ok(&["sync"]);
    assert_eq!((total(&context), found(&context)), (total_before, all));
}

#[test]
fn what_is_said_of_scans_and_what_is_printed_follows_its_form() {
    let context = TestContext::new(shape(1, 3), vec![]);
    context.added();
    context.ok(&["sync"]);
    let name = names(&context)[0].clone();
    let list = context.file("list.csv", "full_name\nacme/nearly\n");
    let set = ["mapping", "metadata", &name, "--environment", "production", "--tag", "v1", "--metadata", "team=web"];
    let commands: &[(&str, &[&str])] = &[
        ("repositories-import", &["repositories", "import", &list]),
        ("repositories-add", &["repositories", "add", "acme/other", "--provider", "gitlab", "--default-branch", "x"]),
        ("repositories-list", &["repositories", "list", "--search", "acme"]),
        ("repositories-show", &["repositories", "show", "Acme/Other"]),
        ("repositories-remove", &["repositories", "remove", "acme/other"]),
        ("mapping-metadata", &set),
        ("mapping-list", &["mapping", "list", "--state", "mapped"]),
        ("mapping-suggest", &["mapping", "suggest"]),
        ("mapping-accept", &["mapping", "accept", "--all"]),
        ("mapping-mode", &["mapping", "mode", "code"]),
        ("mapping-set", &["mapping", "set", &name, "acme/nearly"]),
        ("mapping-ignore", &["mapping", "ignore", &name, "--keep"]),
        ("mapping-restore", &["mapping", "restore", &name]),
        ("mapping-unset", &["mapping", "unset", &name, "--delete"]),
        ("projects", &["projects"]),
    ];
    for (form, arguments) in commands {
        context.follows(form, &context.json(arguments));
    }
    let row = context.json(&["mapping", "metadata", &name, "--clear", "tag", "--metadata", "tier=1"]);
    let metadata = json!({ "team": "web", "tier": "1" });
    let fields = |scheduled: bool| {
        json!({
            "environment": "production", "branch": null, "tag": null, "metadata": metadata,
            "scheduled": scheduled, "notify": true,
        })
    };
    assert_eq!(row["scan_fields"], fields(true));
    let row = context.json(&["mapping", "metadata", &name, "--scheduled", "no"]);
    assert_eq!(row["scan_fields"], fields(false));
    let shown = context.ok(&["mapping", "list", "code", "--state", "unmapped"]);
    assert!(shown.contains("environment=production") && shown.contains("1 unmapped"), "{shown}");
    let done = context.run(&["mapping", "set", "no/such", "acme/nearly"]);
    assert!(done.code == 1 && done.stderr.contains("harness projects"), "{}", done.stderr);
}

#[test]
fn a_file_of_a_project_that_is_not_mapped_is_counted_and_not_taken_in() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![]);
    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/current.json");
    let import = ["import", report, "--project", "acme/shop"];
    context.added();
    context.ok(&["mapping", "mode", "code", "match"]);
    let done = context.run(&import);
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stdout.contains("of unmapped projects"), "{}", done.stdout);
    assert_eq!(total(&context), 0);
    context.ok(&["repositories", "add", "acme/shop"]);
    context.run(&import);
    assert_eq!(found(&context), ["acme/shop".to_owned()].into());
}
