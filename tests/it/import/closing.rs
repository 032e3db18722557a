//! What complete scans close and what they do not; which branch a report is of.

use std::collections::BTreeSet;

use super::*;

/// A report of another scanner with results of these rules.
fn sarif(rules: std::ops::Range<usize>, run: &Value) -> String {
    let results: Vec<Value> = rules
        .map(|number| {
            let at = json!({ "artifactLocation": { "uri": "src/one.c" }, "region": { "startLine": number + 1 } });
            json!({ "ruleId": format!("L{number}"), "message": { "text": format!("finding {number}") },
                "locations": [{ "physicalLocation": at }] })
        })
        .collect();
    let mut whole = json!({ "tool": { "driver": { "name": "Lamp" } }, "results": results,
        "invocations": [{ "executionSuccessful": true }] });
    whole.as_object_mut().unwrap().extend(run.as_object().unwrap().clone());
    json!({ "version": "2.1.0", "runs": [whole] }).to_string()
}

/// A file with so many results for each route, and the instance that takes it in.
fn either_route(files: &Files, results: usize) -> [(InstanceName, PathBuf); 2] {
    let ours: Vec<Value> =
        (0..results).map(|number| result(&format!("rules.r{number}"), "app/a.py", 10, "a finding")).collect();
    [
        (name("files"), files.put(&format!("{results}.json"), report(&ours))),
        (name("lamp"), files.put(&format!("{results}.sarif"), sarif(0..results, &json!({})))),
    ]
}

async fn both_routes(context: &TestContext) -> Tenant {
    let tenant = offline(context, "acme").await;
    tenant.source(&name("lamp")).await.unwrap();
    tenant
}

fn vanished(tenant: &Tenant) -> usize {
    statuses(tenant).iter().filter(|(_, status)| status == "vanished").count()
}

#[tokio::test]
async fn a_complete_scan_of_a_branch_closes_nothing_of_another() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let on = |branch: Option<&str>| ImportOptions { r#ref: branch.map(str::to_owned), complete: true, ..shop() };
    let (three, one) = (either_route(&files, 3), either_route(&files, 1));
    for ((instance, three), (_, one)) in three.iter().zip(&one) {
        import_into(&tenant, instance, three, on(Some("main"))).await.unwrap();
        for branch in [Some("feature"), Some("refs/heads/other"), None] {
            let run = import_into(&tenant, instance, one, on(branch)).await.unwrap().run;
            assert_eq!((run.counts.vanished, vanished(&tenant)), (0, 0), "{instance} {branch:?}");
        }
        // Of its own branch it does tell.
        let run = import_into(&tenant, instance, one, on(Some("refs/heads/main"))).await.unwrap().run;
        assert_eq!(run.counts.vanished, 2, "{instance}");
        assert_eq!(vanished(&tenant), 2, "{instance}");
        import_into(&tenant, instance, three, on(Some("main"))).await.unwrap();
    }
}

#[tokio::test]
async fn a_complete_file_closes_no_more_than_the_guard_allows() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let complete = |vanishing| ImportOptions { complete: true, vanishing, ..shop() };
    let (forty, ten) = (either_route(&files, 40), either_route(&files, 10));
    for ((instance, forty), (_, ten)) in forty.iter().zip(&ten) {
        import_into(&tenant, instance, forty, shop()).await.unwrap();
        let refused = import_into(&tenant, instance, ten, complete(Vanishing::AsSet)).await.unwrap().run;
        assert_eq!((refused.counts.vanished, refused.code), (0, Some(Code::RemovalRefused)), "{instance}");
        assert!(!refused.is_whole());
        let message = refused.message.unwrap();
        assert!(message.contains("30 of 40 open findings of the kind sast in acme/shop"), "{message}");
        let allowed = import_into(&tenant, instance, ten, complete(Vanishing::Allow)).await.unwrap().run;
        assert_eq!((allowed.counts.vanished, allowed.is_whole()), (30, true), "{instance}");
    }
}

#[tokio::test]
async fn reports_of_two_categories_close_nothing_of_each_other() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let of = |id: &str| json!({ "automationDetails": { "id": id } });
    let complete = || ImportOptions { complete: true, ..shop() };
    for (file, content) in [
        ("c.sarif", sarif(0..3, &of("lamp/c/1"))),
        ("python.sarif", sarif(3..5, &of("lamp/python/1"))),
        ("c-again.sarif", sarif(0..3, &of("lamp/c/2"))),
    ] {
        let run = import_into(&tenant, &name("lamp"), &files.put(file, content), complete()).await.unwrap().run;
        assert_eq!(run.counts.vanished, 0, "{file}");
    }
    let less = files.put("c-less.sarif", sarif(0..2, &of("lamp/c/3")));
    assert_eq!(import_into(&tenant, &name("lamp"), &less, complete()).await.unwrap().run.counts.vanished, 1);
}

#[tokio::test]
async fn a_scan_of_a_part_closes_nothing() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let called = |members: Value| {
        let mut call = json!({ "executionSuccessful": true });
        call.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({ "invocations": [call] })
    };
    for (run, why) in [
        (json!({ "baselineGuid": "5f1b1c8e-0000-4000-8000-000000000000" }), "a comparison with a baseline"),
        (called(json!({ "commandLine": "scan --baseline-commit abc src" })), "asked for what changed"),
        (called(json!({ "arguments": ["scan", "--staged"] })), "asked for what changed"),
        (called(json!({ "exitSignalName": "SIGKILL" })), "did not come to its end"),
    ] {
        let theirs = sarif(0..1, &run);
        let ours = theirs.replace("Lamp", "Semgrep");
        for (instance, content) in [("lamp", theirs), ("files", ours)] {
            let file = files.put("part.sarif", content);
            let options = ImportOptions { complete: true, ..shop() };
            let error = import_into(&tenant, &name(instance), &file, options).await.unwrap_err();
            assert_eq!(error.code(), Code::ScanIncomplete, "{instance}: {error}");
            assert!(error.to_string().contains(why), "{error}");
            import_into(&tenant, &name(instance), &file, shop()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_branch_of_a_report_counts_unless_the_operator_names_another_one() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let of = |tool: &str, branch: &str| {
        let at = json!([{ "repositoryUri": "https://git.example/acme/shop", "branch": branch }]);
        sarif(0..1, &json!({ "versionControlProvenance": at })).replace("Lamp", tool)
    };
    for (instance, tool) in [("lamp", "Lamp"), ("files", "Semgrep")] {
        let mut seen = BTreeSet::new();
        for (said, named, counts) in [
            // What stands there where no branch was checked out.
            ("HEAD", None, ""),
            ("refs/heads/develop", None, "develop"),
            ("refs/heads/develop", Some("refs/heads/develop"), "develop"),
            ("refs/heads/develop", Some("main"), "main"),
        ] {
            let file = files.put("branch.sarif", of(tool, said));
            let options = ImportOptions { r#ref: named.map(str::to_owned), ..shop() };
            let report = import_into(&tenant, &name(instance), &file, options).await.unwrap();
            let codes: Vec<&str> = report.summary.diagnostics.iter().map(|it| it.code.as_str()).collect();
            assert_eq!(codes.contains(&"other-branch"), counts == "main", "{instance} {named:?}: {codes:?}");
            seen.insert(counts.to_owned());
            assert_eq!(refs(&tenant, instance), seen, "{named:?}");
        }
    }
}

/// The branches on which an instance has findings; empty where there is none.
fn refs(tenant: &Tenant, instance: &str) -> BTreeSet<String> {
    let found = content(tenant).findings.into_iter().filter(|it| it["instance"] == instance);
    let details = found.map(|it| {
        let id = it["id"].as_str().unwrap().parse().unwrap();
        store(tenant).run_now(|store| store.finding(id, false)).unwrap().unwrap()
    });
    details.flat_map(|it| it.occurrence_details).map(|it| it.finding.r#ref.unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_scan_of_one_folder_closes_nothing_of_the_others() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let complete = |vanishing| ImportOptions { complete: true, vanishing, ..shop() };
    let at = |paths: &[&str]| -> [(&str, PathBuf); 2] {
        let ours: Vec<Value> = paths.iter().map(|path| result("rules.sql", path, 10, "a finding")).collect();
        let mut cli: Value = serde_json::from_str(&report(&ours)).unwrap();
        // As from a container: absolute.
        let scanned = ["web/a.js", "web/b.js", "web/c.js", "app/a.py"].iter();
        let scanned = scanned.filter(|path| paths.len() > 2 || path.starts_with("web/"));
        cli["paths"]["scanned"] = scanned.map(|path| json!(format!("/src/{path}"))).collect();
        cli["results"].as_array_mut().unwrap().iter_mut().for_each(|it| {
            it["path"] = json!(format!("/src/{}", it["path"].as_str().unwrap()));
        });
        let mut theirs: Value = serde_json::from_str(&sarif(0..paths.len(), &json!({}))).unwrap();
        for (result, path) in theirs["runs"][0]["results"].as_array_mut().unwrap().iter_mut().zip(paths) {
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = json!(path);
        }
        let name = paths.len();
        [
            ("files", files.put(&format!("{name}.json"), cli.to_string())),
            ("lamp", files.put(&format!("{name}.sarif"), theirs.to_string())),
        ]
    };
    let all = at(&["web/a.js", "web/b.js", "app/a.py", "app/a.py"]);
    for ((instance, all), (_, part)) in all.iter().zip(&at(&["web/a.js", "web/b.js"])) {
        let instance = name(instance);
        import_into(&tenant, &instance, all, complete(Vanishing::AsSet)).await.unwrap();
        let run = import_into(&tenant, &instance, part, complete(Vanishing::AsSet)).await.unwrap().run;
        assert_eq!((run.counts.vanished, run.code), (0, Some(Code::RemovalRefused)), "{instance}");
        assert!(run.message.unwrap().contains("2 of 4 open findings would be"), "{instance}");
        let run = import_into(&tenant, &instance, part, complete(Vanishing::Allow)).await.unwrap().run;
        assert_eq!((run.counts.vanished, run.is_whole()), (2, true), "{instance}");
    }
    // What was mended in a file that was looked at closes without a question.
    let mended = at(&["web/a.js"]);
    let run = import_into(&tenant, &name("files"), &mended[0].1, complete(Vanishing::AsSet)).await.unwrap().run;
    assert_eq!((run.counts.vanished, run.is_whole()), (1, true));
}

#[tokio::test]
async fn the_operator_goes_before_what_a_file_says() {
    let (context, files) = (world(), Files::new());
    let tenant = both_routes(&context).await;
    let provenance = json!([{ "repositoryUri": "https://git.example/acme/shop", "branch": "dev" }]);
    let file = files.put("head.sarif", sarif(0..1, &json!({ "versionControlProvenance": provenance })));
    let options = ImportOptions { r#ref: Some("main".to_owned()), ..shop() };
    let report = import_into(&tenant, &name("lamp"), &file, options).await.unwrap();
    assert_eq!(report.summary.origin.as_deref(), Some("sarif/lamp@main"));
    let said: Vec<&str> = report.summary.diagnostics.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(said, ["other-branch"]);
    let found = content(&tenant).findings;
    let id = found[0]["id"].as_str().unwrap().parse().unwrap();
    let detail = store(&tenant).run_now(|store| store.finding(id, false)).unwrap().unwrap();
    assert_eq!(detail.occurrence_details[0].finding.r#ref.as_deref(), Some("main"));
}
