//! Policies, as a pipeline and a person at a terminal use them.

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::TestContext;

fn context() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

#[test]
fn a_pipeline_fails_until_what_violates_a_policy_is_gone() {
    let context = context();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/supply-chain.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(fixture).unwrap()).unwrap();
    // What names no scanned file proves nothing about files without findings.
    let paths: Vec<Value> = report["results"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
    report["paths"]["scanned"] = paths.into();
    let bad = context.file("bad.json", &report.to_string());
    report["results"].as_array_mut().unwrap().retain(|it| it["extra"]["severity"] != "CRITICAL");
    let good = context.file("good.json", &report.to_string());

    context.ok(&["import", &bad, "--project", "acme/shop"]);
    let done = context.run(&["policy", "check"]);
    assert_eq!(done.code, 1, "without policies, nothing passes: {}", done.stdout);
    assert!(done.stderr.contains("harness policy init"), "{}", done.stderr);

    let starter = context.file("policies.toml", &context.ok(&["policy", "init"]));
    context.ok(&["policy", "import", &starter]);
    let done = context.run(&["policy", "check", "--fail-on", "high"]);
    assert_eq!(done.code, 4, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("critical malicious-package: ") && done.stdout.contains("FAILED"), "{}", done.stdout);
    assert_eq!(context.run(&["policy", "check", "--fail-on", "never"]).code, 0);
    assert_eq!(context.run(&["policy", "check", "--kind", "sast"]).code, 0);
    assert_eq!(context.run(&["policy", "check", "--policy", "verified-secret"]).code, 0);
    assert_eq!(context.run(&["policy", "check", "--policy", "no-such"]).code, 1);

    let found = context.run(&["policy", "check", "--json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let of = |list: &Value| list.as_array().unwrap().iter().find(|it| it["policy_id"] == "malicious-package").cloned();
    let id = of(&found["violations"]).unwrap()["results"][0]["id"].as_str().unwrap().to_owned();
    let id = id.as_str();
    let detail = context.json(&["finding", id]);
    assert!(of(&detail["policy_results"]).is_some(), "{detail:#}");
    assert_eq!(context.json(&["policy", "results", "--finding", id])["results"], detail["policy_results"]);
    for (name, arguments) in [
        ("policy-check", &["policy", "check", "--fail-on", "never"][..]),
        ("policy-list", &["policy", "list"]),
        ("policy-show", &["policy", "show", "top-25-high"]),
        ("policy-results", &["policy", "results"]),
        ("policy-import", &["policy", "import", &starter]),
    ] {
        context.follows(name, &context.json(arguments));
    }

    context.ok(&["import", &good, "--project", "acme/shop", "--complete"]);
    let done = context.run(&["policy", "check", "--fail-on", "high"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("passed"), "{}", done.stdout);
    assert_eq!(context.json(&["policy", "remove", "--all"])["removed"], true);
}

#[test]
fn all_that_is_wrong_with_a_policy_file_is_told_and_nothing_changes() {
    let context = context();
    let starter = context.file("starter.toml", &context.ok(&["policy", "init"]));
    context.ok(&["policy", "import", &starter]);
    let before = context.json(&["policy", "list"]);
    let bad = context.file(
        "bad.toml",
        "[[policy]]\nid = 'a'\ntitle = 'A'\nseverity = 'hihg'\nwhen = 'sevrity == 1'\n\
         [[policy]]\nid = 'a'\ntitle = 'B'\nseverity = 'low'\nwhen = 'is_open &&'\n",
    );
    for arguments in [&["policy", "import", &bad][..], &["policy", "import", &bad, "--check"]] {
        let done = context.run(arguments);
        assert_eq!(done.code, 1, "{}", done.stdout);
        for part in ["key `severity`", "did you mean `high`", "did you mean `severity`", "key `id`", "policy `a`"] {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
    }
    let done = context.run(&["policy", "import", &bad, "--json"]);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(report["problems"].as_array().unwrap().len() >= 4, "{report:#}");
    assert_eq!(context.json(&["policy", "list"]), before);
    let fewer = context.file("one.toml", "[[policy]]\nid = 'a'\ntitle = 'A'\nseverity = 'low'\nwhen = 'is_open'\n");
    assert!(context.ok(&["policy", "import", &fewer, "--check"]).contains("Nothing was stored"));
    assert_eq!(context.json(&["policy", "list"]), before);
    context.ok(&["policy", "import", &fewer]);
    let after = context.json(&["policy", "list"]);
    assert_eq!(after["history"][0]["version"], before["version"]);
    assert_eq!(after["policies"].as_array().unwrap().len(), 1);
}

#[test]
fn a_gate_speaks_the_formats_of_build_servers() {
    let context = context();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/supply-chain.json");
    context.ok(&["import", fixture, "--project", "acme/shop"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &context.ok(&["policy", "init"]))]);
    let check = |format: &str| {
        let done = context.run(&["policy", "check", "--format", format]);
        assert_eq!((done.code, done.stderr.as_str()), (4, ""), "{format}");
        done.stdout
    };
    let line = "web/package-lock.json:41: critical: CVE-2021-44906: minimist 1.2.5; fix: minimist 1.2.6 [";
    assert!(check("table").contains(line), "{}", check("table"));
    assert!(check("github").starts_with("::error file=web/package-lock.json,line="), "{}", check("github"));
    assert!(check("junit").contains("<testsuite name=\"critical-reachable\""), "{}", check("junit"));
    let json = |format: &str| serde_json::from_str::<Value>(&check(format)).unwrap();
    assert_eq!(
        json("json")["violated"].as_u64().unwrap() as usize,
        json("gitlab-codequality").as_array().unwrap().len()
    );
    let results = json("sarif")["runs"][0]["results"].as_array().unwrap().len();
    assert!((1..=json("json")["violated"].as_u64().unwrap() as usize).contains(&results), "{results}");
}

#[test]
fn a_violation_of_an_issue_has_the_place_and_fix_of_its_finding() {
    let context = context();
    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli/supply-chain.json");
    context.ok(&["import", report, "--project", "acme/shop"]);
    let policy = "[[policy]]\nid = 'issue'\ntitle = 'Any'\nseverity = 'high'\non = 'issue'\n\
                  when = 'is_open && severity == \"critical\"'\n";
    context.ok(&["policy", "import", &context.file("policies.toml", policy)]);
    let check = |format: &str| {
        let done = context.run(&["policy", "check", "--format", format]);
        assert_eq!((done.code, done.stderr.as_str()), (4, ""), "{format}");
        done.stdout
    };
    let line = "web/package-lock.json:41: critical: CVE-2021-44906: minimist 1.2.5; fix: minimist 1.2.6 [";
    assert!(check("table").contains(line), "{}", check("table"));
    assert!(check("github").contains("::error file=web/package-lock.json,line=41,"), "{}", check("github"));
    assert!(check("junit").contains("web/package-lock.json:41: critical"), "{}", check("junit"));
    assert!(check("csv").contains(",\"web/package-lock.json\",41,"), "{}", check("csv"));
    let json = |format: &str| serde_json::from_str::<Value>(&check(format)).unwrap();
    let found = json("json");
    let results = found["violations"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|it| it["path"].is_string() && it["start_line"].is_number()), "{found}");
    let result = results.iter().find(|it| it["fixes"].is_array()).unwrap();
    let quality = json("gitlab-codequality");
    let places: Vec<&Value> = quality.as_array().unwrap().iter().map(|it| &it["location"]).collect();
    let place = serde_json::json!({ "path": "web/package-lock.json", "lines": { "begin": 41 } });
    assert!(places.contains(&&place), "{quality}");
    let location = &json("sarif")["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert!(location["artifactLocation"]["uri"].is_string() && location["region"]["startLine"].is_number());

    // Decided on as an issue, it is an exception; what is no longer in force is none.
    let all = json("json")["violated"].as_u64().unwrap();
    let issue = result["id"].as_str().unwrap().to_owned();
    let decide = ["triage", "set", "--issue", &issue, "--decision", "accepted-risk", "--reason", "x"];
    context.ok(&[&decide[..], &["--until", "90d"]].concat());
    let counts = || {
        let done = context.run(&["policy", "check", "--json"]);
        let check: Value = serde_json::from_str(&done.stdout).unwrap();
        (check["violated"].as_u64().unwrap(), check["excepted"].as_u64().unwrap())
    };
    assert_eq!(counts(), (all - 1, 1));
    assert!(check("table").contains("1 exception by triage"), "{}", check("table"));
    let none = context.run(&["policy", "check", "--json", "--kind", "sast"]);
    assert_eq!(serde_json::from_str::<Value>(&none.stdout).unwrap()["excepted"], 0);
    context.ok(&["triage", "clear", "--issue", &issue]);
    assert_eq!(counts(), (all, 0));
}

#[test]
fn a_gate_with_a_base_fails_only_on_what_is_new() {
    let context = context();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli");
    context.ok(&["import", &format!("{fixtures}/supply-chain.json"), "--project", "acme/shop", "--ref", "main"]);
    let policy = "[[policy]]\nid = 'critical'\ntitle = 'Any'\nseverity = 'high'\nwhen = 'is_open && severity == \"critical\"'\n\
                  [[policy]]\nid = 'issue'\ntitle = 'Any'\nseverity = 'high'\non = 'issue'\nwhen = 'is_open && severity == \"critical\"'\n";
    context.ok(&["policy", "import", &context.file("policies.toml", policy)]);
    let run = context.json(&["runs"])["runs"][0]["id"].to_string();
    let violated = |base: &[&str]| {
        let done = context.run(&[&["policy", "check", "--json"], base].concat());
        let check: Value = serde_json::from_str(&done.stdout).unwrap();
        let count = check["violated"].as_u64().unwrap();
        assert_eq!(done.code, if count > 0 { 4 } else { 0 });
        count
    };
    let all = violated(&[]);
    assert!(all > 2, "{all}");
    for base in [run.as_str(), "main", "refs/heads/main"] {
        assert_eq!(violated(&["--new-since", base]), 0, "{base}");
    }
    assert_eq!(violated(&["--branch", "refs/heads/main"]), all);
    assert_eq!(violated(&["--new-since", "1d"]), all);
    let ahead = context.run(&["policy", "check", "--new-since", "2100-01-01"]);
    assert!(ahead.code == 2 && ahead.stderr.contains("a moment that has passed"), "{}", ahead.stderr);
    let missing = context.run(&["policy", "check", "--new-since", "99999"]);
    assert_eq!(missing.code, 1, "a run that is not there is no base: {}{}", missing.stdout, missing.stderr);
    assert_eq!(violated(&["--new-since", "no-such-branch"]), all, "what nobody knows has nothing");
    let told = |base: &str| context.run(&["policy", "check", "--new-since", base]).stderr;
    assert!(told("no-such-branch").contains("nothing was ever seen on the branch `no-such-branch`"));
    assert_eq!((told("main"), told(&run), told("1d")), Default::default());
    // Another branch brings the same and more: two findings of code, each an issue.
    for file in ["supply-chain.json", "current.json"] {
        context.ok(&["import", &format!("{fixtures}/{file}"), "--project", "acme/shop", "--ref", "feature"]);
    }
    assert_eq!(violated(&["--new-since", "main"]), 4);
    assert_eq!(violated(&["--new-since", run.as_str()]), 4);
    assert_eq!(violated(&[]), all + 4);
}

#[test]
fn the_pipeline_that_keeps_the_store_of_its_base_fails_on_what_is_new_alone() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gates.md")).unwrap();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_harness")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let steps = pipelines(&guide).pop().unwrap();
    assert!(steps.last().unwrap().contains("--new-since main"), "{steps:?}");
    let context = context();
    context.file("policies.toml", "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'high'\nwhen = 'is_open'\n");
    context.file("triage.toml", "");
    // A push, a pull request that brings the same, and one that brings more.
    for (reports, head, code) in [
        (&["supply-chain.json"][..], "", 0),
        (&["supply-chain.json"], "same", 0),
        (&["current.json", "supply-chain.json"], "more", 4),
    ] {
        for report in reports {
            std::fs::copy(format!("{fixtures}/{report}"), context.folder.path().join("report.json")).unwrap();
            let codes = steps.iter().map(|step| {
                let mut command = context.command_of("sh", &["-c", step]);
                command.current_dir(context.folder.path()).env("PATH", &path).env("GITHUB_REPOSITORY", "acme/shop");
                command.env("GITHUB_HEAD_REF", head).env("GITHUB_REF_NAME", "main").env("GITHUB_ACTOR", "ada");
                command.output().unwrap().status.code().unwrap()
            });
            let codes: Vec<i32> = codes.collect();
            let (last, before) = codes.split_last().unwrap();
            assert!(before.iter().all(|it| *it == 0), "{codes:?}");
            assert_eq!(*last, code, "{head} {report}");
        }
    }
}

/// The `harness` commands of each pipeline of the guide.
fn pipelines(guide: &str) -> Vec<Vec<String>> {
    let blocks = guide.split("```").skip(1).step_by(2);
    let pipelines = blocks.filter(|block| ["yaml\n", "groovy\n"].iter().any(|language| block.starts_with(language)));
    let command = |line: &str| {
        let step = ["- run: ", "- ", "sh '"].iter().find_map(|before| line.trim().strip_prefix(before))?;
        step.starts_with("harness ").then(|| step.trim_end_matches('\'').to_owned())
    };
    pipelines.map(|block| block.lines().filter_map(command).collect()).collect()
}

#[test]
fn the_pipelines_of_the_guide_run_step_by_step() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gates.md")).unwrap();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cli");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_harness")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let pipelines = pipelines(&guide);
    assert_eq!(pipelines.len(), 4);
    for steps in pipelines {
        let context = context();
        std::fs::copy(format!("{fixtures}/supply-chain.json"), context.folder.path().join("report.json")).unwrap();
        context.file("policies.toml", &context.ok(&["policy", "init"]));
        let triage = "[[decision]]\nmatch = { severity = 'critical' }\ndecision = 'accepted-risk'\nreason = 'x'\n";
        context.file("triage.toml", triage);
        assert!(steps.len() >= 4 && steps.last().unwrap().contains("--fail-on high"), "{steps:?}");
        for step in &steps {
            let mut command = context.command_of("sh", &["-c", step]);
            command.current_dir(context.folder.path()).env("PATH", &path);
            for name in ["GITHUB_REPOSITORY", "CI_PROJECT_PATH", "PROJECT"] {
                command.env(name, "acme/shop");
            }
            for name in [
                "GITHUB_HEAD_REF",
                "CI_COMMIT_REF_NAME",
                "BRANCH_NAME",
                "GITHUB_ACTOR",
                "GITLAB_USER_LOGIN",
                "BUILD_TAG",
            ] {
                command.env(name, "feature");
            }
            // What an event does not have is empty, or not there.
            command.env("GITHUB_REF_NAME", "12/merge").env_remove("CHANGE_BRANCH");
            let done = command.output().unwrap();
            assert!(done.status.success(), "{step}: {}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(context.json(&["triage", "list"])["decisions"][0]["author"], "feature");
        let refs = context.json(&["findings", "--include-closed", "--branch", "feature"]);
        assert!(!refs["findings"].as_array().unwrap().is_empty(), "{steps:?}");
        // What the report has without decisions fails the last step.
        context.ok(&["triage", "clear", "--decision", "any"]);
        assert_eq!(context.run(&["policy", "check", "--fail-on", "high"]).code, 4);
    }
}
