//! Files, ratings of advisories and normalizing again, as a person at a
//! terminal does them.

use vendor_sim::WorldShape;

use crate::support::{Desk, changed_connector};

fn desk() -> Desk {
    Desk::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

/// A file of this repository's fixtures.
fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_record_of_a_file_is_accounted_for() {
    let desk = desk();
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
        let done = desk.run(&arguments);
        printed.push(format!(
            "$ harness import {file} {}\n{}{}[{}]",
            more.join(" "),
            done.stdout,
            done.stderr.replace(&fixture(""), "FIXTURES/"),
            done.code
        ));
    }
    insta::assert_snapshot!(desk.stable(&printed.join("\n\n")));
}

#[test]
fn ratings_of_advisories_come_from_files_and_move_priorities() {
    let desk = desk();
    desk.ok(&["import", &fixture("cli/supply-chain.json"), "--project", "acme/shop"]);
    let sca = |desk: &Desk| desk.json(&["findings", "--kind", "sca"])["findings"].as_array().unwrap().clone();
    let before = sca(&desk);
    assert!(before.iter().all(|finding| finding["cvss"].is_null() && finding["epss"].is_null()));
    let id = before.iter().find(|it| it["title"].as_str().unwrap().starts_with("CVE-")).unwrap()["id"].clone();
    let shown = desk.json(&["finding", id.as_str().unwrap()]);
    let dependency = &shown["occurrence_details"][0]["finding"]["dependency"];
    let cve = dependency["advisories"][0]["id"].as_str().unwrap().to_owned();

    let file = desk.folder.path().join("ratings.csv");
    let row = format!("{cve},CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,0.97,0.999");
    std::fs::write(
        &file,
        format!("#model_version:v1,score_date:2026-11-20\ncve,vector,epss,percentile\n{row}\nCVE-1,bad,,\n"),
    )
    .unwrap();
    let done = desk.run(&["advisories", "import", file.to_str().unwrap()]);
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("ratings.csv:4: not a CVSS vector"), "{}", done.stdout);
    let rated = desk.json(&["finding", id.as_str().unwrap()]);
    assert_eq!((&rated["cvss"], &rated["epss"]), (&9.8.into(), &0.97.into()));
    assert!(rated["priority"].as_u64() > shown["priority"].as_u64());
    assert_eq!(rated["severity"], shown["severity"], "a rating is no severity");
    assert_eq!(rated["ratings"]["epss"]["date"], "2026-11-20");
    // A file of another kind adds to it; of the same rating the new one counts.
    let epss = desk.file("epss.csv", &format!("#score_date:2026-11-21\ncve,epss,percentile\n{cve},0.98,0.9991\n"));
    desk.ok(&["advisories", "import", &epss]);
    let rated = desk.json(&["finding", id.as_str().unwrap()]);
    assert_eq!((&rated["cvss"], &rated["epss"]), (&9.8.into(), &0.98.into()));
    // Without them all is as before.
    desk.ok(&["advisories", "clear"]);
    assert_eq!(sca(&desk), before);
}

#[test]
fn another_version_of_a_connector_is_tried_and_writes_nothing() {
    let desk = desk();
    desk.added();
    desk.ok(&["sync"]);
    let before = desk.content();
    let file = desk.folder.path().join("newer.wasm");
    std::fs::write(&file, changed_connector()).unwrap();
    let newer = ["renormalize", "--connector", file.to_str().unwrap()];
    let report = desk.json(&[&newer[..], &["--dry-run"]].concat())["instances"][0].clone();
    assert!(report["changed"].as_u64() > Some(0), "{report:#}");
    let refused = desk.run(&newer);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.stderr, @"
    error: default/code: `code` can be normalized only by the connector that it was set up with
      hint: to see what the other one would change, add --dry-run; to use it, replace the file that `harness instance show` names and accept it with `harness instance accept-connector NAME`, or use the program that bundles it
    ");
    assert_eq!(desk.json(&["renormalize", "--dry-run"])["instances"][0]["changed"], 0);
    assert_eq!(desk.content(), before);
}

#[test]
fn the_same_connector_changes_nothing() {
    let desk = desk();
    desk.ok(&["import", &fixture("cli/supply-chain.json"), "--project", "acme/shop"]);
    desk.ok(&["import", &fixture("api/dependencies/page.json")]);
    let before = desk.content();
    for arguments in [&["renormalize", "--dry-run"][..], &["renormalize"]] {
        let report = desk.json(arguments)["instances"][0].clone();
        assert_eq!((&report["changed"], &report["gained"], &report["lost"]), (&0.into(), &0.into(), &0.into()));
        assert!(report["unchanged"].as_u64() > Some(0), "{report:#}");
    }
    assert_eq!(desk.content(), before);
    assert_eq!(desk.json(&["runs"])["runs"][0]["mode"], "renormalize");
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
        let desk = desk();
        let files = [
            desk.file("one.json", &good("L1")),
            desk.file("page.json", page),
            desk.file("two.json", &good("L22")),
            desk.file("cut.json", "{\"runs\": [{"),
        ];
        for order in [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0]] {
            let paths = order.iter().map(|at: &usize| files[*at].as_str());
            let arguments: Vec<&str> =
                ["import", "--project", "p/x"].into_iter().chain(source.iter().copied()).chain(paths).collect();
            let done = desk.run(&arguments);
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
        let done = desk.run(&arguments);
        assert_eq!((done.code, done.stderr.matches("error: ").count()), (1, 2), "{}", done.stderr);
    }
}

#[test]
fn what_cannot_be_used_is_told_each_time() {
    let desk = desk();
    let affects: Vec<String> = ["gone-a", "gone-b", "gone-b", "here"].map(|it| format!(r#"{{"ref":"{it}"}}"#)).to_vec();
    let file = desk.file(
        "bom.json",
        &format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{{"bom-ref":"here","type":"library","name":"here","version":"1.0.0","purl":"pkg:npm/here@1.0.0"}}],"vulnerabilities":[{{"id":"CVE-2024-30001","affects":[{}]}}]}}"#,
            affects.join(",")
        ),
    );
    for (new, unchanged) in [(2, 0), (0, 2), (0, 2)] {
        let report = desk.json_in_part(&["import", "--source", "bom", "--project", "p/x", &file]);
        let (outcome, run) = (&report["imports"][0]["outcome"], &report["imports"][0]["run"]);
        assert_eq!((&outcome["rejected"], &outcome["unchanged"]), (&3.into(), &unchanged.into()), "{outcome:#}");
        assert_eq!(&run["new"], &serde_json::Value::from(new), "{run:#}");
        let told = report["diagnostics"][0].as_array().unwrap();
        assert_eq!(told.iter().filter(|it| it["code"] == "unknown-component").count(), 3, "{told:#?}");
    }
}
