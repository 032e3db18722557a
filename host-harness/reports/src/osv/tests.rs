use appsec_model::{Fix, Severity};
use serde_json::{Value, json};

use crate::{Options, read};

fn findings(package: &Value) -> Vec<appsec_model::Finding> {
    let file =
        json!({"results": [{"source": {"path": "go.mod", "type": "lockfile"}, "packages": [package]}]}).to_string();
    read(file.as_bytes(), &Options::default()).unwrap().normalized.findings
}

fn go(rest: &Value) -> Value {
    let mut package = json!({"package": {"name": "a.example/m", "version": "1.0.0", "ecosystem": "Go"}});
    package.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    package
}

#[test]
fn records_that_share_a_number_are_one_finding_in_any_order() {
    let record = |id: &str, alias: &str| json!({"id": id, "aliases": [alias]});
    let records = [
        record("GO-2024-1111", "CVE-2024-11111"),
        record("GHSA-aaaa-bbbb-cccc", "CVE-2024-22222"),
        json!({"id": "OSV-2024-1", "aliases": ["CVE-2024-11111", "CVE-2024-22222"]}),
        record("GO-2024-9999", "CVE-2024-99999"),
    ];
    for order in [[0, 1, 2, 3], [2, 1, 0, 3], [3, 1, 0, 2], [0, 2, 3, 1]] {
        let ordered: Vec<&Value> = order.iter().map(|at| &records[*at]).collect();
        let mut found = findings(&go(&json!({"vulnerabilities": ordered})));
        found.sort_by_key(|it| it.title.clone());
        let shown: Vec<_> = found.iter().map(|it| (it.title.as_str(), it.identity.aliases.len())).collect();
        assert_eq!(shown, [("GHSA-aaaa-bbbb-cccc: a.example/m 1.0.0", 4), ("GO-2024-9999: a.example/m 1.0.0", 1)]);
    }
}

#[test]
fn a_vector_decides_before_a_number_and_a_number_before_a_word() {
    let severity = |record: Value, group: Value| {
        let mut record = record;
        record["id"] = json!("GO-2024-1111");
        let mut group = group;
        group["ids"] = json!(["GO-2024-1111"]);
        findings(&go(&json!({"vulnerabilities": [record], "groups": [group]})))[0].severity
    };
    let word = json!({"database_specific": {"severity": "MODERATE"}});
    assert_eq!(severity(word.clone(), json!({})), Severity::Medium);
    assert_eq!(severity(word, json!({"max_severity": "7.5"})), Severity::High);
    let vectors = json!({"severity": [
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
        {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"}]});
    assert_eq!(severity(vectors, json!({"max_severity": "9.8"})), Severity::Low);
    assert_eq!(severity(json!({"severity": [{"score": "nonsense"}]}), json!({"max_severity": ""})), Severity::Unknown);
}

#[test]
fn ranges_of_other_packages_and_of_commits_do_not_count() {
    let affected = |name: &str, ty: &str, events: Value| json!({"package": {"name": name, "ecosystem": "Go"}, "ranges": [{"type": ty, "events": events}]});
    let check = |affected: Value, range: Option<&str>, fix: &[&str]| {
        let found = findings(&go(&json!({"vulnerabilities": [{"id": "GO-2024-1111", "affected": affected}]})));
        let dependency = found[0].dependency.as_ref().unwrap();
        let versions: Vec<&str> = match &dependency.fix {
            Fix::Upgrades { upgrades } => upgrades.iter().map(|it| it.version.as_str()).collect(),
            Fix::NoneKnown => vec!["none"],
            Fix::NotSaid => Vec::new(),
        };
        assert_eq!((dependency.affected_range.as_deref(), versions.as_slice()), (range, fix), "{affected}");
    };
    let events = json!([{"introduced": "0"}, {"fixed": "1.2.0"}, {"introduced": "2.0.0"}, {"last_affected": "2.1.0"}, {"introduced": "3.0.0"}]);
    check(
        json!([affected("a.example/m", "SEMVER", events)]),
        Some("<1.2.0 || >=2.0.0, <=2.1.0 || >=3.0.0"),
        &["1.2.0"],
    );
    check(json!([affected("a.example/m", "SEMVER", json!([{"introduced": "0"}]))]), Some("*"), &["none"]);
    check(json!([affected("b.example/m", "SEMVER", json!([{"fixed": "9"}]))]), None, &[]);
    check(json!([affected("a.example/m", "GIT", json!([{"fixed": "4be1f0a7"}]))]), None, &[]);
}

#[test]
fn numbers_are_the_same_in_any_letters() {
    let record = json!({"id": "ghsa-35JH-r3h4-6jhm", "aliases": ["cve-2021-23337"],
        "database_specific": {"severity": "HIGH"}});
    let group = json!({"ids": ["GHSA-35jh-r3h4-6jhm"], "aliases": ["CVE-2021-23337"]});
    let found = findings(&go(&json!({"vulnerabilities": [record], "groups": [group]})));
    let shown: Vec<_> = found.iter().map(|it| (it.title.as_str(), it.severity)).collect();
    assert_eq!(shown, [("GHSA-35jh-r3h4-6jhm: a.example/m 1.0.0", Severity::High)]);
    assert_eq!(found[0].dependency.as_ref().unwrap().advisories.len(), 2);
}
