//! What people mistype, or overlook: it is told, and leaves nothing behind.

use std::fs;

use serde_json::Value;

use crate::support::{TestContext, shape};

fn tenants(context: &TestContext) -> Vec<String> {
    let list = context.json(&["tenant", "list"]);
    list["tenants"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_tenant_whose_name_is_mistyped_is_not_made() {
    let context = TestContext::new(shape(), vec![]);
    let of = |arguments: &[&str]| context.run(&[&["--tenant", "acem"][..], arguments].concat());
    let reads: &[&[&str]] = &[
        &["findings"],
        &["issues"],
        &["packages"],
        &["projects"],
        &["runs"],
        &["coverage"],
        &["dashboard"],
        &["sync"],
        &["renormalize"],
        &["mapping", "list"],
        &["repositories", "list"],
        &["instance", "list"],
        &["instance", "test", "code"],
        &["onboard", "--list"],
        &["policy", "check"],
        &["advisories", "show", "CVE-1"],
        &["notify", "list"],
        &["vault", "show"],
        &["backup", "there"],
    ];
    for arguments in reads {
        let done = of(arguments);
        assert_eq!(done.code, 1, "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("tenant `acem` not found"), "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains("harness tenant add NAME"), "{arguments:?}: {}", done.stderr);
    }
    // Nor for a file that is not there.
    let done = of(&["import", "nothing.json"]);
    assert_eq!((done.code, done.stderr.contains("cannot read nothing.json")), (1, true), "{}", done.stderr);
    assert_eq!(tenants(&context), Vec::<String>::new());
}

#[test]
fn a_command_without_its_second_word_shows_what_there_is() {
    let context = TestContext::new(shape(), vec![]);
    for (arguments, line) in [(&[][..], "  onboard          Set up an instance"), (&["instance"], "  rotate-token")] {
        let done = context.run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(done.stderr.contains(line) && !done.stderr.contains("error:"), "{}", done.stderr);
    }
}

#[test]
fn no_line_on_standard_error_is_longer_than_the_terminal() {
    let context = TestContext::new(shape(), vec![]);
    for arguments in [&["notify", "set"][..], &["findings", "--project", "acme/a-project-that-nobody-has"], &[]] {
        let done = crate::support::done(context.command(arguments).env("COLUMNS", "60").output().unwrap());
        let longest = done.stderr.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(longest <= 60, "{arguments:?}: {}", done.stderr);
    }
}

/// Commands that only read, each as somebody types it on the first day.
const READERS: [&[&str]; 22] = [
    &["findings"],
    &["vulnerabilities"],
    &["weaknesses"],
    &["secrets"],
    &["issues"],
    &["packages"],
    &["projects"],
    &["repositories", "list"],
    &["mapping", "list"],
    &["coverage"],
    &["dashboard"],
    &["runs"],
    &["status"],
    &["instance", "list"],
    &["policy", "results"],
    &["policy", "list"],
    &["advisories", "show", "CVE-2021-44228"],
    &["onboard", "--list"],
    &["vault", "show"],
    &["finding", "0123"],
    &["issue", "0123"],
    &["notify", "list"],
];

#[test]
fn a_command_that_reads_makes_no_tenant() {
    let context = TestContext::new(shape(), vec![]);
    for command in READERS {
        let done = context.run(command);
        assert!(done.code <= 1, "{command:?}: {}", done.stderr);
        assert_eq!(tenants(&context), Vec::<String>::new(), "{command:?}");
    }
}

#[test]
fn status_shows_all_tenants_or_the_one_that_is_named() {
    let context = TestContext::new(shape(), vec![]);
    let source = context.file("scan.sarif", include_str!("../../../../fixtures/reports/sarif/codeql.sarif"));
    for tenant in ["one", "two"] {
        context.ok(&["tenant", "add", tenant]);
        context.ok(&["--tenant", tenant, "import", "--source", "codeql", &source, "--project", "acme/app"]);
    }
    let shown = |arguments: &[&str]| -> Vec<String> {
        let status = context.json(arguments);
        let instances = status["instances"].as_array().unwrap().iter();
        instances.map(|it| it["tenant"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(shown(&["status"]), ["one", "two"]);
    assert_eq!(shown(&["status", "--tenant", "two"]), ["two"]);
    assert_eq!(context.run(&["status", "--tenant", "tow"]).code, 1);
    // Where there are others, the usual one is not taken for one without findings.
    let done = context.run(&["findings"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("tenant `default` not found"), "{}", done.stderr);
    assert_eq!(tenants(&context), ["one", "two"]);
}

#[test]
fn an_import_that_fails_leaves_no_instance_behind() {
    let context = TestContext::new(shape(), vec![]);
    let (empty, alien) = (context.file("empty.json", ""), context.file("alien.json", "{\"hello\": 1}"));
    for file in ["nothing.json", &empty, &alien] {
        let done = context.run(&["import", file]);
        assert_eq!(done.code, 1, "{file}: {}{}", done.stdout, done.stderr);
        let instances = context.json(&["instance", "list"]);
        assert_eq!(instances["instances"].as_array().unwrap().len(), 0, "{file}: {instances:#}");
    }
}

#[test]
fn a_report_of_a_scan_that_went_wrong_is_not_taken_for_all_there_is() {
    let context = TestContext::new(shape(), vec![]);
    let result = r#"{"check_id":"a.b","path":"a.py","start":{"line":1,"col":1},"end":{"line":1,"col":9},
        "extra":{"message":"m","severity":"ERROR","metadata":{}}}"#;
    let report = |level: &str| {
        let error =
            format!(r#"{{"code":2,"level":"{level}","type":"Rule parse error","message":"cannot parse rule"}}"#);
        let rest = r#""version":"1.182.0","paths":{"scanned":["a.py"]}"#;
        format!(r#"{{"results":[{result}],"errors":[{error}],{rest}}}"#)
    };
    let (broken, warned) =
        (context.file("broken.json", &report("error")), context.file("warned.json", &report("warn")));
    let done = context.run(&["import", &broken, "--project", "acme/app"]);
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("partial: the scan itself had errors"), "{}", done.stdout);
    let run = context.json(&["runs", "1"]);
    assert_eq!(run["runs"][0]["state"], "partial");
    assert_eq!(run["diagnostics"][0]["code"], "scan-error", "{run:#}");
    let doctor = context.run(&["doctor"]);
    assert!(doctor.stdout.contains("harness import --instance files FILE"), "{}", doctor.stdout);
    // A warning tells of a file that was not looked at, which is usual.
    assert_eq!(context.run(&["import", &warned, "--project", "acme/app"]).code, 0);
    let run = context.json(&["runs", "2"]);
    assert_eq!((&run["runs"][0]["state"], &run["diagnostics"][0]["code"]), (&"complete".into(), &"scan-error".into()));
    let sarif = context.file(
        "failed.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Other"}},"results":[],
            "invocations":[{"executionSuccessful":false}]}]}"#,
    );
    let done = context.run(&["import", "--source", "other", &sarif, "--project", "acme/app"]);
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_check_over_projects_that_are_not_there_does_not_pass() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &context.ok(&["policy", "init"]))]);
    for option in ["--project", "--repository", "--group", "--environment", "--branch", "--tag"] {
        let done = context.run(&["policy", "check", option, "no-such"]);
        assert_eq!(done.code, 1, "{option}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("nothing was checked"), "{option}: {}", done.stderr);
    }
    assert_eq!(context.run(&["policy", "check", "--instance", "no-such"]).code, 1);
    assert_ne!(context.run(&["policy", "check", "--project", "shop"]).code, 1);
}

#[test]
fn a_project_that_is_not_read_is_not_clean() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let of = |name: &str| {
        let list = context.json(&["projects", "--search", name]);
        list["projects"][0].clone()
    };
    let projects = context.json(&["projects"]);
    let scanned = |it: &&Value| it["last_scan_at"].is_string() && it["outcome"] == "findings";
    let name = projects["projects"].as_array().unwrap().iter().find(scanned).unwrap()["name"].as_str().unwrap();
    context.ok(&["mapping", "ignore", name, "--delete"]);
    assert_eq!(of(name)["outcome"], "not-read", "{:#}", of(name));
    let coverage = context.json(&["coverage"]);
    let unmapped = coverage["unmapped"].as_array().unwrap();
    assert_eq!(unmapped.iter().find(|it| it["project"] == name).unwrap()["outcome"], "not-read");
    // Nor when it is mapped again, until somebody reads it.
    context.ok(&["mapping", "restore", name]);
    assert_eq!(of(name)["outcome"], "not-read", "{:#}", of(name));
    context.ok(&["sync"]);
    assert_eq!(of(name)["outcome"], "findings", "{:#}", of(name));
}

#[test]
fn a_doctor_tells_how_the_last_work_ended() {
    let context = TestContext::new(shape(), vec![]);
    let untried = context.add(&["--skip-verify"]);
    assert_eq!(untried.code, 0, "{}", untried.stderr);
    let check = |done: &str| -> Value {
        let report: Value = serde_json::from_str(done).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|it| it["what"] == "instance default/code: last work").unwrap_or_default()
    };
    let doctor = || context.run(&["--json", "doctor"]);
    assert_eq!(check(&doctor().stdout)["detail"], "its connection has not been tested yet");
    fs::write(context.token_file(), "revoked").unwrap();
    assert_eq!(context.run(&["sync"]).code, 1);
    let done = doctor();
    let told = check(&done.stdout);
    assert_eq!((done.code, &told["condition"]), (1, &"problem".into()), "{told:#}");
    assert!(told["hint"].as_str().unwrap().contains("rotate-token"), "{told:#}");
}

#[test]
fn a_source_of_reports_is_neither_scheduled_nor_paused() {
    let context = TestContext::new(shape(), vec![]);
    let sarif = context.file(
        "other.sarif",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Other"}},"results":[],
            "invocations":[{"executionSuccessful":true}]}]}"#,
    );
    context.ok(&["import", "--source", "other", &sarif, "--project", "acme/app"]);
    for arguments in [
        &["instance", "schedule", "other", "--every", "1h"][..],
        &["instance", "pause", "other"],
        &["instance", "resume", "other"],
    ] {
        let done = context.run(arguments);
        assert_eq!(done.code, 1, "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("import its reports"), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn the_nearest_name_is_offered_wherever_one_thing_is_asked_for() {
    let context = TestContext::new(shape(), vec![]);
    context.ok(&["tenant", "add", "acme"]);
    context.added();
    context.ok(&["sync"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &context.ok(&["policy", "init"]))]);
    let projects = context.json(&["projects"]);
    let project = projects["projects"][0]["name"].as_str().unwrap();
    let repositories = context.json(&["repositories", "list"]);
    let repository = repositories["repositories"][0]["full_name"].as_str().unwrap();
    let policies = context.json(&["policy", "list"]);
    let policy = policies["policies"][0]["id"].as_str().unwrap();
    // The last two signs stand in the wrong order.
    let mistyped = |name: &str| {
        let mut signs: Vec<char> = name.chars().collect();
        let last = signs.len() - 1;
        signs.swap(last - 1, last);
        signs.into_iter().collect::<String>()
    };
    let (wrong_project, wrong_repository) = (mistyped(project), mistyped(repository));
    let sarif = context.file("scan.sarif", "{}");
    let commands: &[(&[&str], &str)] = &[
        (&["--tenant", "amce", "findings"], "acme"),
        (&["--tenant", "amce", "tenant", "show", "amce"], "acme"),
        (&["tenant", "delete", "amce"], "acme"),
        (&["--tenant", "amce", "backup", "there"], "acme"),
        (&["sync", "coed"], "code"),
        (&["instance", "show", "coed"], "code"),
        (&["findings", "--instance", "coed"], "code"),
        (&["notify", "show", "coed"], "code"),
        (&["sync", "--project", &wrong_project], project),
        (&["sync", "--kind", "sats"], "sast"),
        (&["findings", "--kind", "sats"], "sast"),
        (&["findings", "--status", "opne"], "open"),
        (&["findings", "--reachability", "reachabel"], "reachable"),
        (&["findings", "--severity", "hihg"], "high"),
        (&["findings", "--project", &wrong_project], project),
        (&["findings", "--repository", &wrong_repository], repository),
        (&["schema", "findngs"], "findings"),
        (&["mapping", "set", &wrong_project, repository], project),
        (&["mapping", "set", project, &wrong_repository], repository),
        (&["mapping", "metadata", project, "--clear", "branhc"], "branch"),
        (&["policy", "show", &mistyped(policy)], policy),
        (&["policy", "check", "--policy", &mistyped(policy)], policy),
        (&["instance", "set", "code", "--unset", "orgin"], "origin"),
        (&["import", "--source", "other", "--format", "sarfi", &sarif], "sarif"),
    ];
    for (arguments, meant) in commands {
        let done = context.run(arguments);
        let question = format!("did you mean `{meant}`?");
        assert!(done.stderr.contains(&question), "{arguments:?}: {}{}", done.stdout, done.stderr);
    }
    assert_eq!(tenants(&context), ["acme", "default"]);
}
