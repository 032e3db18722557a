use appsec_model::{Completeness, Kind};
use serde_json::{Value, json};

use crate::{Options, Refusal, Report, detect, read};

fn report(file: &Value) -> Vec<u8> {
    file.to_string().into_bytes()
}

fn with(scan: &Value, vulnerability: &Value) -> Vec<u8> {
    report(&json!({"version": "15.0.7", "scan": scan, "vulnerabilities": [vulnerability]}))
}

fn only<'a>(report: &'a Report<'_>) -> &'a appsec_model::Finding {
    let [finding] = report.normalized.findings.as_slice() else { panic!("{:?}", report.normalized) };
    finding
}

fn plain(id: &str) -> Value {
    json!({
        "id": id, "name": "Weak hash", "description": "MD5 is weak.", "severity": "High",
        "location": {"file": "a.py", "start_line": 3},
        "identifiers": [{"type": "tool_rule", "name": "r", "value": "r"}],
    })
}

#[test]
fn no_word_of_a_scan_proves_that_it_was_complete() {
    for scan in [
        json!({"type": "sast", "status": "success"}),
        json!({"type": "sast", "status": "success", "messages": []}),
        json!({"type": "sast", "status": "failure"}),
        json!({"type": "sast"}),
    ] {
        let bytes = with(&scan, &plain("1"));
        let report = read(&bytes, &Options::default()).unwrap();
        let failed = scan["status"] == "failure";
        match &report.head.completeness {
            Completeness::Complete => panic!("{scan}"),
            Completeness::Unknown { reason } => assert!(!failed, "{reason}"),
            Completeness::Incomplete { reason } => assert!(failed && reason.contains("failed"), "{reason}"),
        }
        let errors = report.normalized.diagnostics.iter().filter(|it| it.code == "scan-error").count();
        assert_eq!(errors, usize::from(failed), "{scan}");
    }
}

#[test]
fn a_scan_that_found_nothing_says_what_it_looked_for() {
    let bytes = json!({"version": "15.1.4", "vulnerabilities": [], "scan": {"type": "secret_detection"}}).to_string();
    let head = read(bytes.as_bytes(), &Options::default()).unwrap().head;
    assert_eq!(head.kinds, [appsec_model::KindCount { kind: Kind::Secrets, records: 0 }]);
}

#[test]
fn the_type_of_the_scan_decides_on_the_kind() {
    let kind = |ty: &str, vulnerability: &Value| {
        let bytes = with(&json!({"type": ty}), vulnerability);
        only(&read(&bytes, &Options::default()).unwrap()).kind.clone()
    };
    assert_eq!(kind("sast", &plain("1")), Kind::Sast);
    assert_eq!(kind("secret_detection", &plain("1")), Kind::Secrets);
    let mut package = plain("1");
    package["location"]["dependency"] = json!({"package": {"name": "rack"}, "version": "2"});
    for ty in ["dependency_scanning", "container_scanning", "cluster_image_scanning"] {
        assert_eq!(kind(ty, &package), Kind::Sca, "{ty}");
    }
    assert_eq!(kind("sast", &package), Kind::Sast, "a package without an advisory");
    package["identifiers"] = json!([{"type": "cve", "value": "CVE-2018-16471"}]);
    assert_eq!(kind("sast", &package), Kind::Sca);
}

#[test]
fn scans_of_other_things_are_refused_by_name() {
    for (ty, says) in
        [("dast", "running application"), ("api_fuzzing", "running application"), ("coverage_fuzzing", "fuzzer")]
    {
        let error = read(&with(&json!({"type": ty}), &plain("1")), &Options::default()).unwrap_err();
        assert!(matches!(error, Refusal::Shape { .. }) && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn versions_that_differ_are_refused() {
    let of = |version: Value| {
        let file = json!({"version": version, "scan": {"type": "sast"}, "vulnerabilities": []});
        read(&report(&file), &Options::default()).map(|_| ())
    };
    for version in ["14.0.0", "15.2.1"] {
        assert!(of(json!(version)).is_ok(), "{version}");
    }
    for version in [json!("2.3"), json!("3.0.0"), json!("16.0.0"), json!("150.0"), json!(15), Value::Null] {
        assert!(matches!(of(version.clone()), Err(Refusal::Version { .. })), "{version}");
    }
}

#[test]
fn a_list_of_vulnerabilities_alone_is_no_such_report() {
    for file in [
        json!({"vulnerabilities": [plain("1")]}),
        json!({"version": "15.0.0", "vulnerabilities": []}),
        json!({"version": "1.2", "vulnerabilities": [{"id": "CVE-2021-1"}]}),
    ] {
        assert!(detect(&report(&file)).is_err(), "{file}");
    }
    let old = json!({"version": "14.0.0", "vulnerabilities": [plain("1")]});
    assert!(detect(&report(&old)).is_ok());
}

#[test]
fn an_id_is_an_alias_unless_it_was_drawn_by_lot() {
    let identity = |id: &str, message: &str| {
        let mut vulnerability = plain(id);
        vulnerability["description"] = json!(message);
        only(&read(&with(&json!({"type": "sast"}), &vulnerability), &Options::default()).unwrap()).identity.clone()
    };
    let lasting = "5d6d1a2c2f0b5e6f7a8091b2c3d4e5f6";
    let [one, other] = ["MD5 is weak.", "SHA-1 is weak."].map(|message| identity(lasting, message));
    assert_ne!(one.key, other.key);
    assert_eq!((one.aliases.len(), &one.aliases), (1, &other.aliases));
    // The same finding under each id, of which two are random and one is short.
    let ids = ["8331bacf-99fb-4cee-b70e-177d7e63d230", "642735a5-1425-428d-8d4e-3c854885a3c9", "r"];
    for id in ids {
        let same = identity(id, "MD5 is weak.");
        assert_eq!((same.key, same.aliases.len()), (one.key.clone(), 0), "{id}");
    }
}

#[test]
fn the_best_signature_counts_and_no_line_does() {
    let key = |line: u32, signatures: Value| {
        let mut vulnerability = plain("5d6d1a2c2f0b5e6f7a8091b2c3d4e5f6");
        vulnerability["location"]["start_line"] = json!(line);
        vulnerability["tracking"] = json!({"type": "source", "items": [{"signatures": signatures}]});
        only(&read(&with(&json!({"type": "sast"}), &vulnerability), &Options::default()).unwrap()).identity.key.clone()
    };
    let sign = |algorithm: &str, value: &str| json!({"algorithm": algorithm, "value": value});
    let (best, next) = (sign("scope_offset_compressed", "a.py|f[0]:2"), sign("scope_offset", "a.py|f[0]:9"));
    let other = sign("scope_offset", "a.py|f[0]:11");
    assert_eq!(key(3, json!([next, best])), key(30, json!([best, other])));
    assert_ne!(key(3, json!([next])), key(3, json!([other])));
    let without = key(3, json!([]));
    assert_eq!(key(7, json!([sign("location", "a.py:7")])), without);
    assert_eq!(key(7, json!([sign("scope_offset", "a.py|r:7")])), without);
}

#[test]
fn a_solution_tells_versions() {
    let package = crate::package::by_name("apt", None, appsec_model::Ecosystem::Other("deb".to_owned()));
    for (text, expect) in [
        ("Upgrade to version 2.2.3 or above.", &["2.2.3"] as &[&str]),
        ("Upgrade to versions 9.0.1, 10.1.2 or above.", &["9.0.1", "10.1.2"]),
        ("Upgrade apt from 1.4.8 to 1.4.9", &["1.4.9"]),
        ("Upgrade to version v0.1.0-rc.1 or above.", &["v0.1.0-rc.1"]),
        ("Unfortunately, there is no solution available yet.", &[]),
        ("Upgrade to latest.", &[]),
    ] {
        let found = match super::dependency::fix(Some(text), &package) {
            appsec_model::Fix::Upgrades { upgrades } => upgrades.into_iter().map(|it| it.version).collect(),
            _ => Vec::new(),
        };
        assert_eq!(found, expect, "{text}");
    }
}

#[test]
fn a_text_about_a_line_that_shows_a_credential_is_masked() {
    const SECRET: &str = "tKn7hQ2mZ9wX4cV6bY1";
    let at = |first: u32, last: u32| json!({"file": "a.py", "start_line": first, "end_line": last});
    let told = format!("get(auth={SECRET}) has no timeout");
    let rule = |value: &str| json!([{"type": "rule", "name": value, "value": value}]);
    let scan = json!({"type": "sast", "scanner": {"name": "Checker"}});
    let file = json!({"version": "15.0.7", "scan": scan, "vulnerabilities": [
        {"name": told, "message": told, "description": told, "solution": told, "raw_source_code_extract": SECRET,
            "details": {"code": {"type": "code", "value": SECRET}}, "location": at(2, 4), "identifiers": rule("timeout")},
        {"name": "n", "description": SECRET, "location": at(3, 3), "identifiers": rule("hardcoded-password")},
        {"name": "n", "description": "plain words", "location": at(5, 5), "identifiers": rule("timeout")},
    ]});
    let bytes = report(&file);
    let report = read(&bytes, &Options::default()).unwrap();
    let bodies: String = report.records.iter().map(|it| it.body.as_ref()).collect();
    let kept = format!("{}{bodies}", serde_json::to_string(&report.normalized).unwrap());
    assert!(!kept.contains(SECRET) && kept.contains("plain words"), "{kept}");
    assert_eq!(report.normalized.findings[0].title, "get(auth=…) has no timeout");
}

/// Every text of a vulnerability holds the credential but those that say which
/// rule found it, how bad it is, and where.
#[test]
fn a_credential_is_kept_from_no_member() {
    const SECRET: &str = "tKn7hQ2mZ9wX4cV6bY1";
    let item = |ty: &str| json!({"type": ty, "name": SECRET, "value": SECRET, "before": SECRET, "after": [SECRET]});
    let vulnerability = json!({
        "id": SECRET, "category": "secret_detection", "name": format!("Key {SECRET}"), "message": SECRET,
        "description": format!("found {SECRET} here"), "cve": format!("a:{SECRET}:r"), "severity": "High",
        "confidence": SECRET, "solution": SECRET, "raw_source_code_extract": SECRET,
        "scanner": {"id": SECRET, "name": SECRET},
        "location": {"file": format!("https://u:{SECRET}@h.example/a.env?k={SECRET}"), "start_line": 2,
            "class": SECRET, "method": SECRET, "x": SECRET,
            "commit": {"sha": SECRET, "author": SECRET, "message": SECRET, "date": SECRET}},
        "identifiers": [{"type": "rule", "name": SECRET, "value": "aws-key", "url": format!("https://h.example/?k={SECRET}")},
            {"type": "cwe", "name": SECRET, "value": "798"}, {"type": "owasp", "name": format!("A07:2021 - {SECRET}")}],
        "links": [{"name": SECRET, "url": format!("https://h.example/{SECRET}")}],
        "details": {"confidence": item("text"), "a": item("code"), "b": {"type": "list", "items": [item("diff")]}},
        "flags": [{"type": "flagged-as-likely-false-positive", "origin": SECRET, "description": SECRET}],
        "tracking": {"items": [{"file": SECRET, "signatures": [{"algorithm": SECRET, "value": SECRET}]}]},
    });
    let file = |ty: &str| {
        let told = format!("cannot parse {SECRET}");
        let messages: Vec<Value> = match ty {
            "secret_detection" => ["fatal", "warn"].map(|level| json!({"level": level, "value": told})).into(),
            _ => Vec::new(),
        };
        let scan = json!({"type": ty, "scanner": {"name": "Leaks"}, "messages": messages});
        json!({"version": "15.0.7", "scan": scan, "vulnerabilities": [vulnerability],
            "remediations": [{"fixes": [{"id": SECRET}], "summary": SECRET, "diff": data_encoding::BASE64.encode(SECRET.as_bytes())}]})
    };
    for ty in ["secret_detection", "sast"] {
        let bytes = report(&file(ty));
        let report = read(&bytes, &Options::default()).unwrap();
        let finding = only(&report);
        assert_eq!((finding.rule_id.as_deref(), finding.title.as_str()), (Some("aws-key"), "aws-key"));
        let bodies: String = report.records.iter().map(|it| it.body.as_ref()).collect();
        let normalized = serde_json::to_string(&report.normalized).unwrap();
        assert!(!bodies.contains("tKn") && !normalized.contains("tKn"), "{bodies}\n{normalized}");
        assert!(finding.identity.key.len() > 32 && bodies.contains("start_line"));
    }
}
