//! Where scanners put what the formats have no place for.

use std::collections::BTreeSet;

use appsec_analysis::status::is_open;
use appsec_model::{Diagnostic, DiagnosticLevel, Finding, Severity, Status};
use serde_json::{Value, json};

use crate::{Options, Report, read};

fn own(report: &Report<'_>) -> (Vec<Finding>, Vec<Diagnostic>) {
    (report.normalized.findings.clone(), report.normalized.diagnostics.clone())
}

fn sarif_with(run: &Value, options: &Options) -> (Vec<Finding>, Vec<Diagnostic>) {
    let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
    own(&read(text.as_bytes(), options).unwrap())
}

pub fn sarif(rules: &Value, results: &Value) -> (Vec<Finding>, Vec<Diagnostic>) {
    let run = json!({"tool": {"driver": {"name": "Probe", "rules": rules}}, "results": results});
    sarif_with(&run, &Options::default())
}

fn bom(version: &str, rest: &Value) -> (Vec<Finding>, Vec<Diagnostic>) {
    let mut bom = json!({"bomFormat": "CycloneDX", "specVersion": version});
    bom.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let text = bom.to_string();
    own(&read(text.as_bytes(), &Options::default()).unwrap())
}

pub fn at(path: &str, line: u32) -> Value {
    json!([{"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": line}}}])
}

#[test]
fn a_word_stands_where_a_score_is_asked_for() {
    for (word, expect) in [
        ("High", Severity::High),
        ("critical", Severity::Critical),
        ("Moderate", Severity::Medium),
        ("8.1", Severity::High),
        ("much", Severity::Low),
    ] {
        let rule = json!([{"id": "r", "properties": {"security-severity": word}}]);
        let (findings, _) = sarif(&rule, &json!([{"ruleId": "r", "level": "note", "message": {"text": "x"}}]));
        assert_eq!(findings[0].severity, expect, "{word}");
    }
}

#[test]
fn a_severity_is_known_in_any_letters_and_where_the_level_is_left_out() {
    for (result, expect) in [
        (json!({"level": "Error"}), Severity::High),
        (json!({"level": "note", "properties": {"severity": "critical"}}), Severity::Low),
        (json!({"properties": {"severity": "Critical"}}), Severity::Critical),
        (json!({"properties": {"issue_severity": "LOW"}}), Severity::Low),
        (json!({"properties": {"problem.severity": "error"}}), Severity::High),
        (json!({"properties": {"severity": "whatever"}}), Severity::Medium),
        (json!({}), Severity::Medium),
    ] {
        let mut result = result;
        result["ruleId"] = json!("r");
        result["message"] = json!({"text": "x"});
        assert_eq!(sarif(&json!([{"id": "r"}]), &json!([result])).0[0].severity, expect, "{result}");
    }
}

#[test]
fn a_word_for_a_score_that_is_on_no_scale_is_told() {
    let told = |of_rule: Value, of_results: &[Value]| {
        let rule = json!([{"id": "r", "properties": {"security-severity": of_rule}}]);
        let result = |it: &Value| json!({"ruleId": "r", "level": "note", "message": {"text": "x"}, "properties": {"security-severity": it}});
        let (findings, notes) = sarif(&rule, &of_results.iter().map(result).collect());
        let notes: Vec<String> =
            notes.iter().map(|it| format!("{} {}", it.pointer.as_deref().unwrap_or_default(), it.message)).collect();
        (findings[0].severity, notes.join("; "))
    };
    for word in [json!("unknown"), json!(""), json!(null), json!("7.5"), json!("High")] {
        assert_eq!(told(word.clone(), &[json!(null), json!(null)]).1, "", "{word}");
    }
    assert_eq!(
        told(json!("dire"), &[json!(null), json!(null)]),
        (Severity::Low, "/rule/properties/security-severity `dire` of the rule is no known level".to_owned())
    );
    assert_eq!(
        told(json!(9.1), &[json!("blocker?")]),
        (Severity::Critical, "/properties/security-severity `blocker?` is no known level".to_owned())
    );
    assert_eq!(told(json!(null), &[json!(70)]).1, "/properties/security-severity `70` is no known level");
}

#[test]
fn a_suppression_has_one_meaning_in_both_spellings() {
    for (suppression, expect) in [
        (json!([{"kind": "external", "status": "accepted"}]), Status::Ignored),
        (json!([{"kind": "external", "state": "accepted"}]), Status::Ignored),
        (json!([{"kind": "external", "status": "underReview"}]), Status::Reviewing),
        (json!([{"kind": "external", "state": "under review"}]), Status::Reviewing),
        (json!([{"kind": "external", "status": "Rejected"}]), Status::Open),
        (json!([{"kind": "inSource"}]), Status::Ignored),
        (json!([]), Status::Open),
    ] {
        let result = json!([{"ruleId": "r", "message": {"text": "x"}, "suppressions": suppression}]);
        assert_eq!(sarif(&json!([]), &result).0[0].lifecycle.status, expect, "{suppression}");
    }
    let old = json!([{"ruleId": "r", "message": {"text": "x"}, "suppressionStates": ["suppressedExternally"]}]);
    assert_eq!(sarif(&json!([]), &old).0[0].lifecycle.status, Status::Ignored);
}

#[test]
fn the_operators_branch_goes_before_the_reports() {
    let branch = |said: Value, asked: Option<&str>| {
        let run = json!({"tool": {"driver": {"name": "Probe"}}, "versionControlProvenance": [{"branch": said}],
            "results": [{"ruleId": "r", "message": {"text": "x"}}]});
        let options = Options { r#ref: asked.map(str::to_owned), ..Options::default() };
        let (findings, notes) = sarif_with(&run, &options);
        let noted = notes.iter().any(|it| it.code == "other-branch");
        (findings[0].r#ref.clone().unwrap_or_default(), noted)
    };
    assert_eq!(branch(json!("HEAD"), Some("main")), ("main".to_owned(), false));
    assert_eq!(branch(json!("HEAD"), None), (String::new(), false));
    assert_eq!(branch(json!("refs/heads/dev"), Some("main")), ("main".to_owned(), true));
    assert_eq!(branch(json!("refs/heads/main"), Some("main")), ("main".to_owned(), false));
    assert_eq!(branch(json!("dev"), None), ("dev".to_owned(), false));
}

#[test]
fn absolute_and_relative_paths_are_the_same_findings() {
    let keys = |base: &str, ids: Value, root: Option<&str>| -> BTreeSet<String> {
        let one = |path: &str| {
            let uri = match base.strip_prefix('@') {
                Some(base) => json!({"uri": path, "uriBaseId": base}),
                None => json!({"uri": format!("{base}{path}")}),
            };
            json!({"ruleId": "r", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": uri}}]})
        };
        let run = json!({"tool": {"driver": {"name": "Probe"}}, "originalUriBaseIds": ids,
            "results": [one("web/a.js"), one("lib/b.js"), one("web/a.js")]});
        let options = Options { root: root.map(str::to_owned), ..Options::default() };
        sarif_with(&run, &options).0.into_iter().map(|it| it.identity.key).collect()
    };
    let none = || json!({});
    let expect = keys("", none(), None);
    assert_eq!(expect.len(), 3);
    for (base, ids, root) in [
        ("/src/", none(), None),
        ("/github/workspace/", none(), None),
        ("file:///home/me/shop/", none(), None),
        ("C:\\work\\shop\\", none(), None),
        ("file:///D:/a/shop/shop/", none(), None),
        ("/opt/odd/", none(), Some("/opt/odd")),
        ("@SRCROOT", json!({"SRCROOT": {"uri": "file:///opt/odd/"}}), None),
        ("@ROOTPATH", json!({"ROOTPATH": {"uri": "file:///"}}), None),
        ("@INNER", json!({"INNER": {"uri": "./", "uriBaseId": "SRCROOT"}, "SRCROOT": {"uri": "file:///x/y/"}}), None),
        ("file:///x/y/", json!({"HOME": {"uri": "file:///x/"}, "SRCROOT": {"uri": "file:///x/y/"}}), None),
    ] {
        assert_eq!(keys(base, ids.clone(), root), expect, "{base} {ids}");
    }
}

#[test]
fn a_folder_within_the_project_stays_in_the_path() {
    let path = |ids: Value, root: Option<&str>| {
        let run = json!({"tool": {"driver": {"name": "Probe"}}, "originalUriBaseIds": ids, "results": [{"ruleId": "r",
            "message": {"text": "x"}, "locations": [{"physicalLocation":
                {"artifactLocation": {"uri": "a.js", "uriBaseId": "WEB"}}}]}]});
        let options = Options { root: root.map(str::to_owned), ..Options::default() };
        sarif_with(&run, &options).0[0].location.as_ref().unwrap().path.clone()
    };
    let nested = json!({"WEB": {"uri": "web/", "uriBaseId": "SRCROOT"}, "SRCROOT": {"uri": "file:///x/shop/"}});
    assert_eq!(path(nested.clone(), None), "web/a.js");
    assert_eq!(path(nested.clone(), Some("/x/shop")), "web/a.js");
    assert_eq!(path(nested, Some("/x")), "shop/web/a.js");
    let absolute = json!({"WEB": {"uri": "file:///x/shop/web/"}, "SRCROOT": {"uri": "file:///x/shop/"}});
    assert_eq!(path(absolute, None), "web/a.js");
    assert_eq!(path(json!({"WEB": {"uri": "file:///x/shop/web"}}), Some("/x/shop/")), "web/a.js");
}

#[test]
fn halves_of_surrogate_pairs_are_replaced() {
    let text = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[{"ruleId":"r","message":{"text":"caf\udce9 \ud83d\ude00"},
        "locations":[{"physicalLocation":{"artifactLocation":{"uri":"caf\udce9.c"}}}],"properties":{"\udc00":1}}]}]}"#;
    let report = read(text.as_bytes(), &Options::default()).unwrap();
    let finding = &report.normalized.findings[0];
    assert_eq!(finding.title, "caf\u{fffd} \u{1f600}");
    assert_eq!(finding.location.as_ref().unwrap().path, "caf\u{fffd}.c");
    assert!(report.records[0].body.contains(r"\ufffd"), "{}", report.records[0].body);
    assert!(serde_json::from_str::<Value>(&report.records[0].body).is_ok());
    let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"a\ud800"}]}"#;
    assert_eq!(read(bom.as_bytes(), &Options::default()).unwrap().normalized.packages[0].package.name, "a\u{fffd}");
}

#[test]
fn what_a_vulnerability_affects_is_found_among_components() {
    let components = json!([
        {"bom-ref": "a b", "type": "library", "name": "a", "version": "1.0.0", "purl": "pkg:npm/a@1.0.0?x=y"},
        {"bom-ref": "c", "type": "library", "name": "@s/b", "version": "2.0.0", "purl": "pkg:npm/%40s/b@2.0.0"},
        {"bom-ref": "d", "type": "library", "name": "@s/b", "version": "3.0.0", "purl": "pkg:npm/%40s/b@3.0.0"},
    ]);
    let found = |reference: &str| -> (Vec<String>, Vec<(DiagnosticLevel, String)>) {
        let vulnerabilities = json!([{"id": "CVE-2024-10001", "affects": [{"ref": reference}]}]);
        let (findings, notes) = bom("1.6", &json!({"components": components, "vulnerabilities": vulnerabilities}));
        let purl = |it: &Finding| it.dependency.as_ref().unwrap().package.purl.clone().unwrap();
        (findings.iter().map(purl).collect(), notes.into_iter().map(|it| (it.level, it.code)).collect())
    };
    for reference in [
        "a b",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#a b",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#a%20b",
        "pkg:npm/a",
        "pkg:npm/a@1.0.0",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:npm/a",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fa",
    ] {
        assert_eq!(found(reference), (vec!["pkg:npm/a@1.0.0".to_owned()], Vec::new()), "{reference}");
    }
    assert_eq!(found("pkg:npm/%40s/b").0, ["pkg:npm/%40s/b@2.0.0", "pkg:npm/%40s/b@3.0.0"]);
    let skipped = |code: &str| (Vec::new(), vec![(DiagnosticLevel::Skipped, code.to_owned())]);
    assert_eq!(found("pkg:npm/electron"), skipped("unknown-component"));
    assert_eq!(found("nowhere"), (Vec::new(), vec![(DiagnosticLevel::Error, "unknown-component".to_owned())]));
}

#[test]
fn a_link_into_another_document_names_no_component_of_this_one() {
    let found = |reference: &str| {
        let (findings, notes) = bom(
            "1.6",
            &json!({
                "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
                "components": [{"bom-ref": "1", "type": "library", "name": "a", "version": "1.0.0", "purl": "pkg:npm/a@1.0.0"}],
                "vulnerabilities": [{"id": "CVE-2024-10001", "affects": [{"ref": reference}]}],
            }),
        );
        let purl = |it: &Finding| it.dependency.as_ref().unwrap().package.purl.clone().unwrap();
        findings.iter().map(purl).chain(notes.into_iter().map(|it| it.message)).collect::<Vec<_>>().join(", ")
    };
    let told = [
        "urn:cdx:3E671687-395b-41f5-a30f-a58921a69b79/1#1",
        "urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#1",
        "urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#pkg:npm/a@1.0.0",
        "urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fb%402.0.0",
        "urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#pkg:npm/a",
    ]
    .map(found);
    insta::assert_snapshot!(told.join("\n"), @"
    pkg:npm/a@1.0.0
    the vulnerability affects `urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#1`, which is a component of another document
    pkg:npm/a@1.0.0
    pkg:npm/b@2.0.0
    `a` has no version and is no component of this document
    ");
}

#[test]
fn an_advisory_of_a_component_is_one_finding() {
    let vulnerability = |severity: &str, state: &str| {
        json!({"id": "CVE-2024-10001", "affects": [{"ref": "a"}, {"ref": "a"}],
        "ratings": [{"severity": severity}], "analysis": {"state": state}})
    };
    // An open one before one that is worse, and closed.
    for [one, other] in
        [[("low", "in_triage"), ("high", "exploitable")], [("high", "in_triage"), ("critical", "resolved")]]
            .into_iter()
            .flat_map(|[one, other]| [[one, other], [other, one]])
    {
        let vulnerabilities = [one, other].map(|(severity, state)| vulnerability(severity, state));
        let components =
            json!([{"bom-ref": "a", "type": "library", "name": "a", "version": "1", "purl": "pkg:npm/a@1"}]);
        let (findings, notes) = bom("1.5", &json!({"components": components, "vulnerabilities": vulnerabilities}));
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::High));
        assert!(is_open(findings[0].lifecycle.status.as_str()));
        assert_eq!(notes.iter().filter(|it| it.code == "repeated").count(), 3);
    }
}

#[test]
fn a_score_without_a_scale_is_told_and_a_word_of_a_distribution_counts() {
    for rating in
        [json!({"score": 9.8}), json!({"score": 15, "method": "CVSSv31"}), json!({"score": 8, "method": "OWASP"})]
    {
        let vulnerability = json!({"id": "CVE-2024-10001", "affects": [{"ref": "pkg:npm/a@1"}], "ratings": [rating]});
        let (findings, notes) = bom("1.6", &json!({"vulnerabilities": [vulnerability]}));
        assert_eq!((findings[0].severity, notes[0].pointer.as_deref()), (Severity::Unknown, Some("/ratings")));
    }
    for rest in [
        json!({"severity": [{"type": "Ubuntu", "score": "medium"}]}),
        json!({"affected": [{"ecosystem_specific": {"urgency": "medium"}}]}),
    ] {
        let mut vulnerability = json!({"id": "CVE-2024-10001"});
        vulnerability.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let osv = json!({"results": [{"source": {"path": "a.lock", "type": "lockfile"}, "packages": [{
            "package": {"name": "a", "version": "1.0.0", "ecosystem": "npm"}, "vulnerabilities": [vulnerability],
            "groups": [{"ids": ["CVE-2024-10001"]}]}]}]});
        let text = osv.to_string();
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        assert_eq!(report.normalized.findings[0].severity, Severity::Medium, "{text}");
    }
}

#[test]
fn what_is_rejected_or_not_known_is_told() {
    let vulnerability = |rest: Value| {
        let mut one = json!({"id": "CVE-2024-10001", "affects": [{"ref": "pkg:npm/a@1"}]});
        one.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        bom("1.5", &json!({"vulnerabilities": [one]}))
    };
    let (findings, notes) = vulnerability(json!({"rejected": "2024-05-01T00:00:00Z"}));
    assert_eq!((findings.len(), notes[0].code.as_str()), (0, "withdrawn"));
    for (rest, pointer) in [
        (json!({"analysis": {"state": "perhaps"}}), "/analysis/state"),
        (json!({"ratings": [{"severity": "dire"}]}), "/ratings/0/severity"),
        (json!({"ratings": [{"method": "CVSSv31", "vector": "AV:N"}]}), "/ratings/0/vector"),
        (json!({"cwes": [79, "x"]}), "/cwes/1"),
        (json!({"cwes": [79, 99_999_999]}), "/cwes/1"),
    ] {
        let (_, notes) = vulnerability(rest.clone());
        let pointers: Vec<_> = notes.iter().map(|it| (it.code.as_str(), it.pointer.as_deref())).collect();
        assert_eq!(pointers, [("unknown-value", Some(pointer))], "{rest}");
    }
    for method in ["CVSSv31", "CVSSv3", "other"] {
        let short = json!({"ratings": [{"method": method, "vector": "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]});
        let (findings, notes) = vulnerability(short);
        assert_eq!((findings[0].severity, notes.len()), (Severity::Critical, 0), "{method}");
    }
    let versions =
        json!({"affects": [{"ref": "pkg:npm/a@1", "versions": [{"version": "1"}, {"range": "vers:npm/<0.5"}]}]});
    let (findings, _) = vulnerability(versions);
    assert_eq!(findings[0].dependency.as_ref().unwrap().affected_range.as_deref(), Some("1 || vers:npm/<0.5"));
}

#[test]
fn a_version_that_is_not_affected_may_be_told_by_a_range() {
    let read = |versions: Value| {
        let vulnerability =
            json!({"id": "CVE-2024-10001", "affects": [{"ref": "pkg:npm/a@4.17.21", "versions": versions}]});
        let (findings, notes) = bom("1.5", &json!({"vulnerabilities": [vulnerability]}));
        let fix = findings.first().map(|it| format!("{:?}", it.dependency.as_ref().unwrap().fix));
        (notes.iter().any(|it| it.code == "unaffected"), fix.unwrap_or_default().contains("4.18.0"))
    };
    let range = |range: &str, status: &str| json!({"range": range, "status": status});
    for (versions, expect) in [
        (json!([range("vers:npm/>=4.17.21", "unaffected")]), (true, false)),
        (json!([range("vers:npm/<4.17.21", "affected"), range("vers:npm/>=4.17.21", "unaffected")]), (true, false)),
        (json!([range("vers:npm/<4.18.0", "affected"), range("vers:npm/>=4.18.0", "unaffected")]), (false, true)),
        (json!([range("vers:npm/>=4.0.0", "unaffected"), range("vers:npm/<5.0.0", "affected")]), (false, false)),
        (
            json!([range("vers:npm/>=4.0.0", "unaffected"), {"version": "4.17.21", "status": "affected"}]),
            (false, false),
        ),
        (json!([range("vers:npm/>=4.0.0", "unknown")]), (false, false)),
        // Whether it is one of the affected is not certain.
        (json!([range("<4.18.0", "affected"), range("vers:npm/>=4.0.0", "unaffected")]), (false, false)),
        (json!([range("vers:npm/>=4.0.0", "unaffected"), range("<4.18.0", "unknown")]), (false, false)),
        (json!([range("a newer one", "unaffected")]), (false, false)),
    ] {
        assert_eq!(read(versions.clone()), expect, "{versions}");
    }
}

#[test]
fn a_report_of_nothing_is_read_where_its_format_is_known() {
    for text in [r#"{"results":[]}"#, r#"{"results":null}"#] {
        let asked = Options { format: Some(crate::Format::OsvScanner), ..Options::default() };
        assert_eq!(read(text.as_bytes(), &asked).unwrap().records.len(), 0);
        let refused = read(text.as_bytes(), &Options::default()).unwrap_err().to_string();
        assert!(refused.contains("name its format"), "{refused}");
    }
    let old = r#"{"version":"14.0.4","vulnerabilities":[],"remediations":[]}"#;
    let asked = Options { format: Some(crate::Format::GitLab), ..Options::default() };
    assert_eq!(read(old.as_bytes(), &asked).unwrap().records.len(), 0);
    assert!(read(old.as_bytes(), &Options::default()).unwrap_err().to_string().contains("name its format"));
    let own = r#"{"results":null,"experimental_config":{}}"#;
    assert_eq!(read(own.as_bytes(), &Options::default()).unwrap().records.len(), 0);
}

#[test]
fn a_cut_names_the_limit_that_it_is_about() {
    let numbers: Vec<String> =
        (0..1_005).map(|number| format!("https://x.example/CVE-2024-{}", 10_000 + number)).collect();
    let advisories: Vec<Value> = numbers.iter().map(|url| json!({"url": url})).collect();
    let long = json!([{"ruleId": "r", "message": {"text": "x ".repeat(40 << 10)}}]);
    let (_, notes) = sarif(&json!([{"id": "r"}]), &long);
    assert!(notes[0].message.ends_with("message cut to the 64 KiB that a text may have"), "{}", notes[0].message);
    let path = json!([{"ruleId": "r", "message": {"text": "x"}, "locations": at(&"a/".repeat(3_000), 1)}]);
    let (_, notes) = sarif(&json!([]), &path);
    let cut: Vec<&Diagnostic> = notes.iter().filter(|it| it.code == "cut").collect();
    assert!(cut.iter().all(|it| it.message.contains("4 KiB")), "{cut:?}");
    let (findings, _) = bom(
        "1.5",
        &json!({"vulnerabilities": [{"id": "CVE-2024-10001", "advisories": advisories,
        "affects": [{"ref": "pkg:npm/a@1"}]}]}),
    );
    assert_eq!(findings[0].dependency.as_ref().unwrap().advisories.len(), crate::MAX_LIST);
}

#[test]
fn what_stands_in_other_files_is_told() {
    let told = |run: Value, rest: Value| {
        let mut run_of = json!({"tool": {"driver": {"name": "Probe"}}, "results": [],
            "invocations": [{"executionSuccessful": true}]});
        run_of.as_object_mut().unwrap().extend(run.as_object().unwrap().clone());
        let mut document = json!({"version": "2.1.0", "runs": [run_of]});
        document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let text = document.to_string();
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        let notes =
            report.normalized.diagnostics.iter().map(|it| format!("{:?} {}", it.level, it.message).to_lowercase());
        (notes.collect::<Vec<_>>().join("; "), report.head.completeness == appsec_model::Completeness::Complete)
    };
    assert_eq!(told(json!({}), json!({})), (String::new(), true));
    let files =
        |key: &str| json!({"externalPropertyFileReferences": {key: [{"location": {"uri": "a.sarif-external"}}]}});
    let (notes, is_complete) = told(files("artifacts"), json!({}));
    assert!(is_complete && notes.starts_with("warning") && notes.contains("`artifacts`"), "{notes}");
    let (notes, is_complete) = told(files("results"), json!({}));
    assert!(!is_complete && notes.starts_with("error") && notes.contains("`results`"), "{notes}");
    let (notes, is_complete) = told(json!({}), json!({"inlineExternalProperties": [{"results": [{"ruleId": "r"}]}]}));
    assert!(!is_complete && notes.starts_with("error") && notes.contains("`results`"), "{notes}");
}
