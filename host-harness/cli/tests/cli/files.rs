//! Files, ratings of advisories and normalizing again, as a person at a
//! terminal does them.

use vendor_sim::WorldShape;

use crate::support::{TestContext, changed_connector};

fn context() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

/// A file of this repository's fixtures.
fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_record_of_a_file_is_accounted_for() {
    let context = context();
    let mut printed = Vec::new();
    for (file, more) in [
        ("cli/current.json", &["--project", "acme/shop"][..]),
        ("cli/current.json", &["--project", "acme/shop"]),
        ("cli/supply-chain.json", &["--project", "acme/shop", "--ref", "main"]),
        ("cli/damaged.json", &["--project", "acme/shop"]),
        ("sarif/current.sarif", &["--project", "acme/shop"]),
        ("cli/current.json", &["--project", "acme/shop", "--kind", "sca"]),
        ("cli/current.json", &[]),
        ("cli/nowhere.json", &[]),
    ] {
        let path = fixture(file);
        let arguments: Vec<&str> = ["import", &path].into_iter().chain(more.iter().copied()).collect();
        let done = context.run(&arguments);
        printed.push(format!(
            "$ harness import {file} {}\n{}{}[{}]",
            more.join(" "),
            done.stdout,
            done.stderr.replace(&fixture(""), "FIXTURES/"),
            done.code
        ));
    }
    insta::assert_snapshot!(context.stable(&printed.join("\n\n")));
}

#[test]
fn ratings_of_advisories_come_from_files_and_move_priorities() {
    let context = context();
    context.ok(&["import", &fixture("cli/supply-chain.json"), "--project", "acme/shop"]);
    let sca =
        |context: &TestContext| context.json(&["findings", "--kind", "sca"])["findings"].as_array().unwrap().clone();
    let before = sca(&context);
    assert!(before.iter().all(|finding| finding["cvss"].is_null() && finding["epss"].is_null()));
    let id = before.iter().find(|it| it["title"].as_str().unwrap().starts_with("CVE-")).unwrap()["id"].clone();
    let shown = context.json(&["finding", id.as_str().unwrap()]);
    let dependency = &shown["occurrence_details"][0]["finding"]["dependency"];
    let cve = dependency["advisories"][0]["id"].as_str().unwrap().to_owned();

    let file = context.folder.path().join("ratings.csv");
    let row = format!("{cve},CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,0.97,0.999");
    std::fs::write(
        &file,
        format!("#model_version:v1,score_date:2026-11-20\ncve,vector,epss,percentile\n{row}\nCVE-1,bad,,\n"),
    )
    .unwrap();
    let done = context.run(&["advisories", "import", file.to_str().unwrap()]);
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("ratings.csv:4: not a CVSS vector"), "{}", done.stdout);
    let rated = context.json(&["finding", id.as_str().unwrap()]);
    assert_eq!((&rated["cvss"], &rated["epss"]), (&9.8.into(), &0.97.into()));
    assert!(rated["priority"].as_u64() > shown["priority"].as_u64());
    assert_eq!(rated["severity"], shown["severity"], "a rating is no severity");
    assert_eq!(rated["ratings"]["epss"]["date"], "2026-11-20");
    // A file of another kind adds to it; of the same rating the new one counts.
    let epss = context.file("epss.csv", &format!("#score_date:2026-11-21\ncve,epss,percentile\n{cve},0.98,0.9991\n"));
    context.ok(&["advisories", "import", &epss]);
    let rated = context.json(&["finding", id.as_str().unwrap()]);
    assert_eq!((&rated["cvss"], &rated["epss"]), (&9.8.into(), &0.98.into()));
    // The catalogue of what is exploited is complete: the next one takes back what it lists no more.
    let catalogue = |id: &str| {
        let entry = serde_json::json!({ "cveID": id, "dateAdded": "2026-11-02", "dueDate": "2026-11-23",
            "knownRansomwareCampaignUse": "Known" });
        let catalogue = serde_json::json!({ "catalogVersion": "2026.11.02", "vulnerabilities": [entry] });
        context.file("kev.json", &catalogue.to_string())
    };
    context.ok(&["advisories", "import", &catalogue(&cve)]);
    let listed = |context: &TestContext| context.json(&["findings", "--kev"])["findings"].as_array().unwrap().clone();
    let exploited = listed(&context);
    assert!(!exploited.is_empty() && exploited.iter().all(|it| it["advisories"].to_string().contains(&cve)));
    assert_eq!(context.json(&["issues", "--kev"])["issues"][0]["kev"], true);
    let shown = context.ok(&["finding", id.as_str().unwrap()]);
    assert!(shown.contains("exploited, listed since 2026-11-02, due 2026-11-23, used for ransomware"), "{shown}");
    context.ok(&["advisories", "import", &catalogue("CVE-1999-0001")]);
    assert_eq!(listed(&context), [] as [serde_json::Value; 0]);
    let rated = context.json(&["finding", id.as_str().unwrap()]);
    assert_eq!((&rated["cvss"], &rated["epss"]), (&9.8.into(), &0.98.into()));
    // Without them all is as before.
    context.ok(&["advisories", "clear"]);
    assert_eq!(sca(&context), before);
}

#[test]
fn another_version_of_a_connector_is_tried_and_writes_nothing() {
    let context = context();
    context.added();
    context.ok(&["sync"]);
    let before = context.content();
    let file = context.folder.path().join("newer.wasm");
    std::fs::write(&file, changed_connector()).unwrap();
    let newer = ["renormalize", "--connector", file.to_str().unwrap()];
    let report = context.json(&[&newer[..], &["--dry-run"]].concat())["instances"][0].clone();
    assert!(report["changed"].as_u64() > Some(0), "{report:#}");
    let refused = context.run(&newer);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.stderr, @"
    error: default/code: `code` can be normalized only by the connector that it was set up with
      hint: to see what the other one would change, add --dry-run; to use it, give it to the instance: harness connector update NAME --to FILE; or use the program that bundles it
    ");
    assert_eq!(context.json(&["renormalize", "--dry-run"])["instances"][0]["changed"], 0);
    assert_eq!(context.content(), before);
}

#[test]
fn the_same_connector_changes_nothing() {
    let context = context();
    context.ok(&["import", &fixture("cli/supply-chain.json"), "--project", "acme/shop"]);
    context.ok(&["import", &fixture("api/dependencies/page.json")]);
    let before = context.content();
    for arguments in [&["renormalize", "--dry-run"][..], &["renormalize"]] {
        let report = context.json(arguments)["instances"][0].clone();
        assert_eq!((&report["changed"], &report["gained"], &report["lost"]), (&0.into(), &0.into(), &0.into()));
        assert!(report["unchanged"].as_u64() > Some(0), "{report:#}");
    }
    assert_eq!(context.content(), before);
    assert_eq!(context.json(&["runs"])["runs"][0]["mode"], "renormalize");
}

/// A report of another scanner with one result.
fn sarif(rule: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"Lamp"}}}},"results":[{{"ruleId":"{rule}","message":{{"text":"{rule} found"}}}}]}}]}}"#
    )
}

#[test]
fn each_unreadable_file_is_told_and_the_others_are_imported() {
    let page = "<!DOCTYPE html>\n<html><title>Please log in</title></html>\n";
    let ours = |rule: &str| std::fs::read_to_string(fixture("cli/current.json")).unwrap() + &" ".repeat(rule.len());
    for source in [&["--source", "lamp"][..], &[]] {
        let good = |rule: &str| if source.is_empty() { ours(rule) } else { sarif(rule) };
        let context = context();
        let files = [
            context.file("one.json", &good("L1")),
            context.file("page.json", page),
            context.file("two.json", &good("L22")),
            context.file("cut.json", "{\"runs\": [{"),
        ];
        for order in [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0]] {
            let paths = order.iter().map(|at: &usize| files[*at].as_str());
            let arguments: Vec<&str> =
                ["import", "--project", "p/x"].into_iter().chain(source.iter().copied()).chain(paths).collect();
            let done = context.run(&arguments);
            assert_eq!(done.code, 3, "{order:?}: {}{}", done.stdout, done.stderr);
            assert_eq!(done.stdout.matches("Imported ").count(), 2, "{}", done.stdout);
            assert_eq!(done.stderr.matches("error: ").count(), 2, "{}", done.stderr);
            assert!(done.stderr.contains("page.json") && done.stderr.contains("HTML"), "{}", done.stderr);
            assert!(done.stderr.contains("cut.json"), "{}", done.stderr);
        }
        let arguments: Vec<&str> = ["import", "--project", "p/x"]
            .into_iter()
            .chain(source.iter().copied())
            .chain([files[1].as_str(), &files[3]])
            .collect();
        let done = context.run(&arguments);
        assert_eq!((done.code, done.stderr.matches("error: ").count()), (1, 2), "{}", done.stderr);
    }
}

#[test]
fn what_cannot_be_used_is_told_each_time() {
    let context = context();
    let affects: Vec<String> = ["gone-a", "gone-b", "gone-b", "here"].map(|it| format!(r#"{{"ref":"{it}"}}"#)).to_vec();
    let file = context.file(
        "bom.json",
        &format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{{"bom-ref":"here","type":"library","name":"here","version":"1.0.0","purl":"pkg:npm/here@1.0.0"}}],"vulnerabilities":[{{"id":"CVE-2024-30001","affects":[{}]}}]}}"#,
            affects.join(",")
        ),
    );
    for (new, unchanged) in [(2, 0), (0, 2), (0, 2)] {
        let report = context.json_in_part(&["import", "--source", "bom", "--project", "p/x", &file]);
        let (outcome, run) = (&report["imports"][0]["outcome"], &report["imports"][0]["run"]);
        assert_eq!((&outcome["rejected"], &outcome["unchanged"]), (&3.into(), &unchanged.into()), "{outcome:#}");
        assert_eq!(&run["new"], &serde_json::Value::from(new), "{run:#}");
        let told = report["diagnostics"][0].as_array().unwrap();
        assert_eq!(told.iter().filter(|it| it["code"] == "unknown-component").count(), 3, "{told:#?}");
    }
}
