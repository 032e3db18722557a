//! Exports: everything that the filter means is there or counted, and a file is
//! complete or not there.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{Desk, shape};

/// All formats, as the help lists them.
const FORMATS: [&str; 11] = [
    "ndjson",
    "csv",
    "sarif",
    "cyclonedx",
    "openvex",
    "gitlab-sast",
    "gitlab-dependencies",
    "gitlab-secrets",
    "defectdojo",
    "ocsf",
    "html",
];

fn synced() -> Desk {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync", "code"]);
    desk
}

/// The numbers of findings that standard error tells: exported, and left out.
fn counted(stderr: &str) -> u64 {
    let numbers = stderr.lines().filter_map(|line| {
        let number = line.strip_prefix("exported ").unwrap_or(line).split(' ').next()?;
        (line.starts_with("exported ") || line.contains(" left out: ")).then(|| number.parse::<u64>().unwrap())
    });
    numbers.sum()
}

#[test]
fn every_format_has_or_counts_each_finding_and_is_the_same_again() {
    let desk = synced();
    let listed = desk.json(&["findings", "--include-closed", "--include-non-security", "--limit", "1"]);
    let total = listed["total"].as_u64().unwrap();
    assert!(total > 500);
    for format in FORMATS {
        let arguments = ["export", format, "--include-closed", "--include-non-security", "--at", "2026-11-01"];
        let (one, other) = (desk.run(&arguments), desk.run(&arguments));
        assert_eq!(one.code, 0, "{format}: {}", one.stderr);
        assert_eq!(counted(&one.stderr), total, "{format}: {}", one.stderr);
        assert!(one.stdout == other.stdout, "{format} is another one the second time");
    }
}

#[test]
fn lines_of_json_are_what_finding_prints() {
    let desk = synced();
    let lines = desk.ok(&["export", "ndjson", "--kind", "sca", "--min-severity", "high"]);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first, desk.json(&["finding", first["id"].as_str().unwrap()]));
    let ids: BTreeSet<String> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
    let listed = desk.json(&["findings", "--kind", "sca", "--min-severity", "high", "--limit", "100000"]);
    let expected: BTreeSet<String> =
        listed["findings"].as_array().unwrap().iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids, expected);
    let csv = desk.ok(&["export", "csv", "--kind", "sca", "--min-severity", "high"]);
    let printed = desk.ok(&["findings", "--csv", "--kind", "sca", "--min-severity", "high", "--limit", "100000"]);
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    assert_eq!(rows(&csv), rows(&printed));
}

#[test]
fn a_file_is_replaced_when_all_of_it_is_there() {
    let desk = synced();
    let path = desk.file("out.sarif", "before");
    let done = desk.run(&["export", "csv", "--for", "github", "-o", &path]);
    assert_eq!((done.code, fs::read_to_string(&path).unwrap().as_str()), (2, "before"), "{}", done.stderr);
    assert!(done.stderr.contains("--for github is for the format sarif"), "{}", done.stderr);
    // What one that was killed left is removed.
    desk.file(".harness-export-killed", "half");
    let done = desk.run(&["export", "sarif", "-o", &path]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written["version"], "2.1.0");
    let beside = fs::read_dir(desk.folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!beside.into_iter().any(|name| name.contains("harness-export")));
    let nowhere = desk.run(&["export", "csv", "-o", "/nowhere/out.csv"]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.stderr.contains("/nowhere/out.csv"), "{}", nowhere.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_no_half_export() {
    let desk = Desk::new(shape(), vec![]);
    desk.command(&[]);
    let script = "
        mount -o remount,size=64m $DISK
        harness sync > out 2>&1
        mkdir small; mount -t tmpfs -o size=64k none small
        echo before > small/findings
        code=0; harness export ndjson -o small/findings > told 2>&1 || code=$?
        echo $code > code
        ls -A small > left
        cat small/findings > content
        code=0; harness export ndjson > /dev/full 2>> told || code=$?
        echo $code >> code";
    let Some(done) = super::disks::mounting(&desk, script) else { return };
    let read = |name: &str| fs::read_to_string(desk.folder.path().join(name)).unwrap();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert_eq!(read("code"), "1\n1\n", "{}", read("told"));
    assert_eq!((read("left").trim(), read("content").trim()), ("findings", "before"));
    assert!(read("told").contains("hint: free some space and run the command again"), "{}", read("told"));
}

#[test]
fn an_empty_store_is_a_document_of_nothing() {
    let desk = Desk::new(shape(), vec![]);
    for format in FORMATS {
        let done = desk.run(&["export", format]);
        assert_eq!((done.code, counted(&done.stderr)), (0, 0), "{format}: {}", done.stderr);
        if !["ndjson", "csv", "ocsf", "html"].contains(&format) {
            serde_json::from_str::<Value>(&done.stdout).unwrap();
        }
    }
}

/// What a report in a format of others says of findings: of code its place, of a
/// package what it is, once for each advisory, since readers take what is there for
/// several places as one. Package URLs have names in small letters.
fn told(desk: &Desk, arguments: &[&str]) -> BTreeSet<String> {
    let listed = desk.json(&[&["findings", "--limit", "100000"], arguments].concat());
    let of_code = ["kind", "severity", "rule_id", "path", "start_line"];
    let of_package = ["kind", "severity", "package", "advisories"];
    let one = |it: &Value| {
        let members = if it["kind"] == "sca" { &of_package[..] } else { &of_code };
        members.iter().map(|member| it[member].to_string().to_lowercase()).collect::<Vec<_>>().join(" ")
    };
    listed["findings"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn what_is_exported_comes_back_as_the_same_findings() {
    let desk = synced();
    let projects = desk.json(&["projects"]);
    let names = projects["projects"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    let project = names.max_by_key(|name| told(&desk, &["--project", name, "--instance", "code"]).len()).unwrap();
    for (format, kinds) in
        [("sarif", "sast,sca"), ("gitlab-sast", "sast"), ("gitlab-dependencies", "sca"), ("cyclonedx", "sca")]
    {
        let file = desk.folder.path().join(format!("{format}.json"));
        let file = file.to_str().unwrap();
        // What has no severity that is known takes that of its rule in some formats.
        let rated = "critical,high,medium,low";
        let meant = ["--project", &project, "--kind", kinds, "--instance", "code", "--severity", rated];
        desk.ok(&[&["export", format, "-o", file], &meant[..]].concat());
        let imported = desk.run(&["import", "--source", format, file, "--project", &project]);
        assert_eq!(imported.code, 0, "{format}: {}{}", imported.stdout, imported.stderr);
        let original = told(&desk, &meant);
        let back = told(&desk, &["--instance", format, "--include-non-security"]);
        assert!(original.len() > 10, "{format}");
        let differ: Vec<&String> = original.symmetric_difference(&back).collect();
        assert!(differ.is_empty(), "{format}: {differ:#?}\n{}", imported.stdout);
        // The same export again is the same findings.
        let again = desk.ok(&["import", "--source", format, file, "--project", &project]);
        assert!(again.contains("0 new"), "{format}: {again}");
    }
}
