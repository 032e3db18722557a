//! Exports: everything that the filter means is there or counted, and a file is
//! complete or not there.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{TestContext, shape};

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

fn synced() -> TestContext {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync", "code"]);
    context
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
    let context = synced();
    let listed = context.json(&["findings", "--include-closed", "--include-non-security", "--limit", "1"]);
    let total = listed["total"].as_u64().unwrap();
    assert!(total > 500);
    for format in FORMATS {
        let arguments = ["export", format, "--include-closed", "--include-non-security", "--at", "2026-11-01"];
        let (one, other) = (context.run(&arguments), context.run(&arguments));
        assert_eq!(one.code, 0, "{format}: {}", one.stderr);
        assert_eq!(counted(&one.stderr), total, "{format}: {}", one.stderr);
        assert!(one.stdout == other.stdout, "{format} is another one the second time");
    }
}

#[test]
fn lines_of_json_are_what_finding_prints() {
    let context = synced();
    let lines = context.ok(&["export", "ndjson", "--kind", "sca", "--min-severity", "high"]);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first, context.json(&["finding", first["id"].as_str().unwrap()]));
    let ids: BTreeSet<String> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string()).collect();
    let listed = context.json(&["findings", "--kind", "sca", "--min-severity", "high", "--limit", "100000"]);
    let expected: BTreeSet<String> =
        listed["findings"].as_array().unwrap().iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids, expected);
    let csv = context.ok(&["export", "csv", "--kind", "sca", "--min-severity", "high"]);
    let printed = context.ok(&["findings", "--csv", "--kind", "sca", "--min-severity", "high", "--limit", "100000"]);
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    assert_eq!(rows(&csv), rows(&printed));
}

#[test]
fn a_file_is_replaced_when_all_of_it_is_there() {
    let context = synced();
    let path = context.file("out.sarif", "before");
    let done = context.run(&["export", "csv", "--for", "github", "-o", &path]);
    assert_eq!((done.code, fs::read_to_string(&path).unwrap().as_str()), (2, "before"), "{}", done.stderr);
    assert!(done.stderr.contains("--for github is for the format sarif"), "{}", done.stderr);
    // What one that was killed left is removed.
    context.file(".harness-export-killed", "half");
    let done = context.run(&["export", "sarif", "-o", &path]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written["version"], "2.1.0");
    let beside = fs::read_dir(context.folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!beside.into_iter().any(|name| name.contains("harness-export")));
    let nowhere = context.run(&["export", "csv", "-o", "/nowhere/out.csv"]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.stderr.contains("/nowhere/out.csv"), "{}", nowhere.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_no_half_export() {
    let context = TestContext::new(shape(), vec![]);
    context.command(&[]);
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
    let Some(done) = super::disks::mounting(&context, script) else { return };
    let read = |name: &str| fs::read_to_string(context.folder.path().join(name)).unwrap();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert_eq!(read("code"), "1\n1\n", "{}", read("told"));
    assert_eq!((read("left").trim(), read("content").trim()), ("findings", "before"));
    assert!(read("told").contains("hint: free some space and run the command again"), "{}", read("told"));
}

#[test]
fn an_empty_store_is_a_document_of_nothing() {
    let context = TestContext::new(shape(), vec![]);
    for format in FORMATS {
        let done = context.run(&["export", format]);
        assert_eq!((done.code, counted(&done.stderr)), (0, 0), "{format}: {}", done.stderr);
        if !["ndjson", "csv", "ocsf", "html"].contains(&format) {
            serde_json::from_str::<Value>(&done.stdout).unwrap();
        }
    }
}

/// What a report in a format of others says of findings: of code its place, of a
/// package what it is, once for each advisory, since readers take what is there for
/// several places as one. Package URLs have names in small letters.
fn told(context: &TestContext, arguments: &[&str]) -> BTreeSet<String> {
    let listed = context.json(&[&["findings", "--limit", "100000"], arguments].concat());
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
    let context = synced();
    let projects = context.json(&["projects"]);
    let names = projects["projects"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
    let project = names.max_by_key(|name| told(&context, &["--project", name, "--instance", "code"]).len()).unwrap();
    for (format, kinds) in
        [("sarif", "sast,sca"), ("gitlab-sast", "sast"), ("gitlab-dependencies", "sca"), ("cyclonedx", "sca")]
    {
        let file = context.folder.path().join(format!("{format}.json"));
        let file = file.to_str().unwrap();
        // What has no severity that is known takes that of its rule in some formats.
        let rated = "critical,high,medium,low";
        let meant = ["--project", &project, "--kind", kinds, "--instance", "code", "--severity", rated];
        context.ok(&[&["export", format, "-o", file], &meant[..]].concat());
        let imported = context.run(&["import", "--source", format, file, "--project", &project]);
        assert_eq!(imported.code, 0, "{format}: {}{}", imported.stdout, imported.stderr);
        let original = told(&context, &meant);
        let back = told(&context, &["--instance", format, "--include-non-security"]);
        assert!(original.len() > 10, "{format}");
        let differ: Vec<&String> = original.symmetric_difference(&back).collect();
        assert!(differ.is_empty(), "{format}: {differ:#?}\n{}", imported.stdout);
        // The same export again is the same findings.
        let again = context.ok(&["import", "--source", format, file, "--project", &project]);
        assert!(again.contains("0 new"), "{format}: {again}");
    }
}

/// Findings of a report by rules, with the store that they are in.
fn with_rules(context: &TestContext, tenant: &str, rules: &[&str]) {
    let result = |rule: &&str| serde_json::json!({ "ruleId": rule, "message": { "text": rule } });
    let results: Vec<Value> = rules.iter().map(result).collect();
    let run = serde_json::json!({
        "tool": { "driver": { "name": "lamp" } },
        "invocations": [{ "executionSuccessful": true }],
        "results": results,
    });
    let report = serde_json::json!({ "version": "2.1.0", "runs": [run] }).to_string();
    let file = context.file("report.sarif", &report);
    let complete = ["--ref", "main", "--complete", "--allow-removal"];
    let import = ["--tenant", tenant, "import", "--source", "lamp", "--project", "acme/shop", &file];
    context.ok(&[&import[..], &complete].concat());
}

#[test]
fn a_cursor_file_hands_over_what_changed_and_nothing_is_lost() {
    let context = TestContext::new(shape(), vec![]);
    with_rules(&context, "default", &["a", "b"]);
    let cursor = context.folder.path().join("cursor");
    let path = cursor.to_str().unwrap().to_owned();
    let export = ["export", "ndjson", "--include-closed", "--cursor-file", &path];
    assert_eq!(context.ok(&export).lines().count(), 2, "the first time everything");
    let first = fs::read_to_string(&cursor).unwrap();
    // What is a little older is handed over again: it may have been stored while that export read.
    assert_eq!(context.ok(&export).lines().count(), 2);
    // A clock that was wrong for a moment would keep everything back until then.
    let later = "2100-01-01T00:00:00Z";
    fs::write(&cursor, later).unwrap();
    let refused = context.run(&export);
    assert!(refused.code == 2 && refused.stderr.contains("is still to come"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&cursor).unwrap(), later);
    // An export that fails notes nothing.
    fs::write(&cursor, &first).unwrap();
    let failed = context.run(&[&export[..], &["-o", "/nowhere/out"]].concat());
    assert_eq!((failed.code, fs::read_to_string(&cursor).unwrap()), (1, first));
    for (content, more) in
        [("soon", &[][..]), ("2026-11-01", &[]), ("2026-11-01T00:00:00Z", &["--changed-since", "7d"])]
    {
        fs::write(&cursor, content).unwrap();
        assert_eq!(context.run(&[&export[..], more].concat()).code, 2, "{content} {more:?}");
    }
    fs::remove_file(&cursor).unwrap();
    let open = context.run(&["export", "csv", "--cursor-file", &path]);
    assert!(open.code == 0 && open.stderr.contains("--include-closed"), "{}", open.stderr);
}

#[test]
fn one_document_has_the_findings_of_all_tenants_where_it_can_name_them() {
    let context = TestContext::new(shape(), vec![]);
    context.ok(&["tenant", "add", "other"]);
    with_rules(&context, "default", &["a"]);
    with_rules(&context, "other", &["b", "c"]);
    let all = |format: &str| context.ok(&["export", format, "--all-tenants"]);
    let tenants = |lines: &str, name: fn(&Value) -> &Value| -> Vec<String> {
        let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        parsed.map(|it| name(&it).as_str().unwrap().to_owned()).collect()
    };
    let expected = ["default", "other", "other"];
    assert_eq!(tenants(&all("ndjson"), |it| &it["tenant"]), expected);
    assert_eq!(tenants(&all("ocsf"), |it| &it["metadata"]["tenant_uid"]), expected);
    let csv = all("csv");
    let first: Vec<&str> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(first, ["\"tenant\"", "\"default\"", "\"other\"", "\"other\""]);
    assert!(!context.ok(&["export", "ndjson"]).contains("\"tenant\""));
    let refused = context.run(&["export", "sarif", "--all-tenants"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("sarif cannot name the tenant"), "{}", refused.stderr);
    assert_eq!(context.run(&["--tenant", "other", "export", "ndjson", "--all-tenants"]).code, 2);
}

#[test]
fn results_are_new_or_unchanged_since_a_base() {
    let context = TestContext::new(shape(), vec![]);
    with_rules(&context, "default", &["a", "b"]);
    let base = context.json(&["runs"])["runs"][0]["id"].to_string();
    with_rules(&context, "default", &["b", "c"]);
    let export = ["export", "sarif", "--include-closed", "--baseline", &base];
    let document: Value = serde_json::from_str(&context.ok(&export)).unwrap();
    let results = document["runs"].as_array().unwrap().iter().flat_map(|it| it["results"].as_array().unwrap());
    let of = |it: &Value| (it["ruleId"].as_str().unwrap().to_owned(), it["baselineState"].as_str().unwrap().to_owned());
    let states: BTreeSet<(String, String)> = results.map(of).collect();
    let expected = [("a", "absent"), ("b", "unchanged"), ("c", "new")];
    assert_eq!(states, expected.map(|(rule, state)| (rule.to_owned(), state.to_owned())).into());
    // As a filter the base leaves out what it has, in every list.
    let new = context.json(&["findings", "--new-since", &base])["findings"].as_array().unwrap().clone();
    assert_eq!(new.iter().map(|it| it["rule_id"].clone()).collect::<Vec<_>>(), ["c"]);
    for (arguments, told) in [
        (&["export", "csv", "--baseline", "main"][..], "--baseline is for the format sarif"),
        (&["export", "sarif", "--spec-version", "1.7"], "--spec-version is for the format cyclonedx"),
    ] {
        let refused = context.run(arguments);
        assert!(refused.code == 2 && refused.stderr.contains(told), "{}", refused.stderr);
    }
    assert_eq!(context.run(&["findings", "--new-since", "999"]).code, 1);
    let bom: Value = serde_json::from_str(&context.ok(&["export", "cyclonedx", "--spec-version", "1.7"])).unwrap();
    assert_eq!(bom["specVersion"], "1.7");
}
