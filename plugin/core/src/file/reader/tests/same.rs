//! What makes the same results the same records: whatever their credentials,
//! their folder on the machine of the scan and their format.

use std::collections::BTreeMap;

use appsec_model::{DocumentHead, RawInput, RawRecord};
use serde_json::{Value, json};

use super::{head, read_pieces};

const PLANTED: &str = "pLtXq7Zk2Wv9Rb4Hd";

fn read(head: &DocumentHead, file: &Value) -> (Vec<String>, Vec<RawRecord>) {
    let text = file.to_string();
    let (summary, records) = read_pieces(head, &[text.as_bytes()]).unwrap();
    (summary.diagnostics.into_iter().map(|it| it.code).collect(), records)
}

fn cli(results: &Value, scanned: &[&str]) -> Value {
    json!({"version": "1.182.0", "errors": [], "paths": {"scanned": scanned}, "results": results})
}

fn result(rule: &str, path: &str, line: u32, extra: &Value) -> Value {
    let mut result = json!({"check_id": rule, "path": path, "start": {"line": line, "col": 1}, "end": {"line": line, "col": 9},
        "extra": {"message": "Found something", "severity": "ERROR", "metadata": {"category": "security"}}});
    result["extra"].as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    result
}

fn sarif(rule: &Value, results: &Value) -> Value {
    json!({"version": "2.1.0", "runs": [{"results": results, "invocations": [{"executionSuccessful": true}],
        "tool": {"driver": {"name": "Semgrep OSS", "semanticVersion": "1.182.0", "rules": [rule]}}}]})
}

fn sarif_result(rule: &str, path: &str, line: u32, message: &str) -> Value {
    json!({"ruleId": rule, "message": {"text": message}, "locations": [{"physicalLocation": {
        "artifactLocation": {"uri": path, "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 9, "snippet": {"text": PLANTED}}}}]})
}

fn normalized(records: Vec<RawRecord>) -> String {
    let normalized = crate::normalize::normalize(&RawInput::Records(records)).unwrap();
    serde_json::to_string(&normalized).unwrap()
}

/// Keys, paths and aliases of the findings of a file.
fn found(head: &DocumentHead, file: &str) -> Vec<(String, String, Vec<String>)> {
    let (_, records) = read_pieces(head, &[file.as_bytes()]).unwrap();
    let mut found: Vec<_> = crate::normalize::normalize(&RawInput::Records(records))
        .unwrap()
        .findings
        .into_iter()
        .map(|it| (it.identity.key, it.location.map(|it| it.path).unwrap_or_default(), it.identity.aliases))
        .collect();
    found.sort();
    found
}

#[test]
fn a_fingerprint_of_several_results_joins_none_of_them() {
    let (one, other) = (format!("{}_0", "a1".repeat(64)), format!("{}_0", "b2".repeat(64)));
    let extra = |fingerprint: &str| json!({"fingerprint": fingerprint, "metadata": {"semgrep.dev": {"src": "new"}}});
    let results = json!([
        result("r", "a.py", 3, &extra(&one)),
        result("r", "b.py", 3, &extra(&one)),
        result("r", "a.py", 9, &extra(&one)),
        result("r", "c.py", 1, &extra(&other)),
        result("r", "c.py", 1, &extra(&other)),
    ]);
    let found_in_json = found(&head("file"), &cli(&results, &["a.py", "b.py", "c.py"]).to_string());
    let keys: std::collections::BTreeSet<_> = found_in_json.iter().map(|(key, ..)| key.clone()).collect();
    // Of one place there may be two records, which are one finding.
    assert_eq!((found_in_json.len(), keys.len()), (5, 4));
    assert_eq!(found_in_json.iter().filter(|(key, ..)| *key == other).count(), 2);
    assert!(!format!("{found_in_json:?}").contains(&one));

    let with = |mut result: Value, fingerprint: &str| {
        result["fingerprints"] = json!({"matchBasedId/v1": fingerprint});
        result
    };
    let results = json!([
        with(sarif_result("r", "a.py", 3, "Found something"), &one),
        with(sarif_result("r", "b.py", 3, "Found something"), &one),
        with(sarif_result("r", "a.py", 9, "Found something"), &one),
        with(sarif_result("r", "c.py", 1, "Found something"), &other),
    ]);
    let found_in_sarif = found(&head("file"), &sarif(&json!({"id": "r"}), &results).to_string());
    assert_eq!(found_in_sarif.iter().map(|(key, ..)| key.clone()).collect::<std::collections::BTreeSet<_>>(), keys);
}

#[test]
fn absolute_folders_and_relative_ones_are_the_same_findings() {
    let report = |bases: &Value, places: &[(&str, &str)], behind: bool| {
        let results: Vec<Value> = places
            .iter()
            .map(|(uri, base)| {
                let mut result = sarif_result("r", uri, 3, "Found something");
                result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] = json!(base);
                result
            })
            .collect();
        let file = sarif(&json!({"id": "r"}), &json!(results));
        // Members are written in the order of their names: the bases come before
        // the results, or behind them.
        let text = file.to_string();
        match behind {
            false => text.replacen("\"results\"", &format!("\"originalUriBaseIds\":{bases},\"results\""), 1),
            true => text.replacen("}],\"version\"", &format!(",\"originalUriBaseIds\":{bases}}}],\"version\""), 1),
        }
    };
    let relative = found(
        &head("file"),
        &report(
            &Value::Null,
            &[("web/cart.js", "%SRCROOT%"), ("web/a b.js", "%SRCROOT%"), ("api/x.py", "%SRCROOT%")],
            false,
        ),
    );
    assert_eq!(relative.len(), 3);
    let bases = json!({"%SRCROOT%": {"uri": "file:///home/ci/shop/"}, "WEB": {"uri": "web/", "uriBaseId": "%SRCROOT%"},
        "HERE": {"uri": "file:///home/ci/shop/web/"}});
    let nested = [("cart.js", "WEB"), ("a%20b.js", "HERE"), ("file:///home/ci/shop/api/x.py", "")];
    for behind in [false, true] {
        let text = report(&bases, &nested, behind);
        assert_eq!(found(&head("file"), &text), relative, "{text}");
        let given = DocumentHead { root: Some("/home/ci/shop".to_owned()), ..head("file") };
        assert_eq!(found(&given, &text), relative, "{text}");
    }
    let outer = DocumentHead { root: Some("/home/ci".to_owned()), ..head("file") };
    let paths: Vec<_> = found(&outer, &report(&bases, &nested, false)).into_iter().map(|(_, path, _)| path).collect();
    assert!(paths.iter().all(|path| path.starts_with("shop/")), "{paths:?}");
}

#[test]
fn a_credential_is_in_no_record_and_no_finding() {
    let shown = json!({"message": format!("found {PLANTED}"), "lines": format!("key = {PLANTED}"), "fix": PLANTED,
        "metavars": {"$KEY": {"abstract_content": PLANTED}}, "fingerprint": PLANTED});
    let with = |rest: Value| {
        let mut extra = shown.clone();
        extra.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        extra
    };
    let results = json!([
        result("any.rule", "a.env", 3, &with(json!({"validation_state": "CONFIRMED_VALID"}))),
        result("any.rule", "a.env", 4, &with(json!({"metadata": {"product": "secrets", "note": PLANTED}}))),
        result("other.rule", "a.env", 5, &with(json!({"metadata": {"cwe": ["CWE-798: Hard-coded"], "note": PLANTED}}))),
        result("third.rule", "a.env", 6, &with(json!({"metadata": {"technology": ["secrets"]}}))),
        result("generic.secrets.key", "a.env", 7, &with(json!({}))),
    ]);
    let mut file = cli(&results, &["a.env"]);
    // Code that could not be parsed is quoted.
    let said = format!("Syntax error at line a.env:9:\n `key = {PLANTED}\n` or `{PLANTED}` was unexpected");
    file["errors"] = json!([{"type": "Syntax error", "level": "warn", "path": "a.env", "message": said}]);
    let (summary, records) = read_pieces(&head("file"), &[file.to_string().as_bytes()]).unwrap();
    assert_eq!(records.len(), 5);
    assert_eq!(summary.diagnostics[0].message, "Syntax error: Syntax error at line a.env:9: `…` was unexpected");
    assert!(records.iter().all(|it| !it.body.contains(PLANTED)), "{records:?}");
    let found = normalized(records);
    assert!(!found.contains(PLANTED) && found.contains("confirmed-valid"), "{found}");

    let rule = json!({"id": "other.rule", "shortDescription": {"text": PLANTED}, "fullDescription": {"text": PLANTED},
        "help": {"text": PLANTED}, "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["CWE-798: Hard-coded", PLANTED]}});
    let message = format!("found {PLANTED}");
    let results = json!([
        sarif_result("other.rule", "a.env", 5, &message),
        sarif_result("generic.secrets.key", "a.env", 7, &message)
    ]);
    let (_, of_sarif) = read(&head("file"), &sarif(&rule, &results));
    assert!(of_sarif.iter().all(|it| !it.body.contains(PLANTED)), "{of_sarif:?}");
    let found = normalized(of_sarif);
    assert!(!found.contains(PLANTED), "{found}");
}

#[test]
fn both_formats_name_a_credential_alike() {
    let message = format!("found {PLANTED}");
    let extra = json!({"message": message, "metadata": {"cwe": ["CWE-798: Hard-coded"]}});
    let (_, of_json) = read(&head("file"), &cli(&json!([result("r", "a.env", 5, &extra)]), &["a.env"]));
    let rule =
        json!({"id": "r", "properties": {"tags": ["CWE-798: Hard-coded"]}, "defaultConfiguration": {"level": "error"}});
    let (_, of_sarif) = read(&head("file"), &sarif(&rule, &json!([sarif_result("r", "a.env", 5, &message)])));
    assert_eq!(of_json[0].id, of_sarif[0].id);
    let key = |records: &[RawRecord]| {
        let value: Value = serde_json::from_str(&normalized(records.to_vec())).unwrap();
        value["findings"][0]["identity"]["key"].as_str().unwrap().to_owned()
    };
    assert_eq!(key(&of_json), key(&of_sarif));
    assert!(of_json[0].id.as_ref().unwrap().starts_with(key(&of_json).split('_').next().unwrap()));
}

#[test]
fn an_absolute_folder_makes_no_other_findings() {
    let results = |root: &str| {
        let one = |rule: &str, path: &str, line| result(rule, &format!("{root}{path}"), line, &json!({}));
        json!([
            one("r", "web/a.py", 3),
            one("r", "web/a.py", 9),
            one("r", "lib/b.py", 4),
            one("secrets.key", "a.env", 1)
        ])
    };
    let found = |head: &DocumentHead, root: &str| {
        let scanned = [format!("{root}web/a.py"), format!("{root}lib/b.py"), format!("{root}a.env")];
        let scanned: Vec<&str> = scanned.iter().map(String::as_str).collect();
        let (codes, records) = read(head, &cli(&results(root), &scanned));
        let ids: Vec<_> = records.iter().map(|it| it.id.clone()).collect();
        let findings: Value = serde_json::from_str(&normalized(records)).unwrap();
        (ids, findings["findings"].clone(), codes)
    };
    let (ids, findings, codes) = found(&head("file"), "");
    assert!(codes.is_empty());
    for root in ["/src/", "/github/workspace/", "/home/me/shop/", "C:\\work\\shop\\"] {
        let (other_ids, other_findings, codes) = found(&head("file"), root);
        assert_eq!((&other_ids, &other_findings), (&ids, &findings), "{root}");
        assert_eq!(codes, ["project-folder"], "{root}");
    }
    let given = DocumentHead { root: Some("/odd/shop/".to_owned()), ..head("file") };
    let (other_ids, other_findings, codes) = found(&given, "/odd/shop/");
    assert_eq!((&other_ids, &other_findings), (&ids, &findings));
    assert!(codes.is_empty());
    // The folder of the project is above that of the scan.
    let given = DocumentHead { root: Some("/odd".to_owned()), ..head("file") };
    let (_, other_findings, _) = found(&given, "/odd/shop/");
    assert_eq!(other_findings[0]["location"]["path"], "shop/web/a.py");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read files")]
fn formats_tell_the_same_gist_of_a_result() {
    for (json, sarif) in [
        ("current.json", "current.sarif"),
        ("supply-chain.json", "supply-chain.sarif"),
        ("opengrep.json", "opengrep.sarif"),
    ] {
        let gists = |folder: &str, name: &str| -> BTreeMap<(String, String), String> {
            let path = format!("{}/../../fixtures/{folder}/{name}", env!("CARGO_MANIFEST_DIR"));
            let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let (_, records) = read(&head("file"), &file);
            records.into_iter().filter_map(|it| Some(((it.kind.as_str().to_owned(), it.id?), it.gist?.text))).collect()
        };
        let (json, sarif) = (gists("cli", json), gists("sarif", sarif));
        let both: Vec<_> = json.keys().filter(|id| sarif.contains_key(*id)).collect();
        assert!(both.len() > 1, "{json:?}\n{sarif:?}");
        for id in both {
            assert_eq!(json.get(id), sarif.get(id), "{id:?}");
        }
    }
}

#[test]
fn halves_of_surrogate_pairs_are_replaced() {
    let text = cli(&json!([result("r", "caf@.py", 3, &json!({}))]), &["a.py"]).to_string().replace('@', r"\udce9");
    let (_, records) = read_pieces(&head("file"), &[text.as_bytes()]).unwrap();
    let found: Value = serde_json::from_str(&normalized(records)).unwrap();
    assert_eq!(found["findings"][0]["location"]["path"], "caf\u{fffd}.py");
    assert_eq!(found["diagnostics"], json!([]));
}

#[test]
fn a_weakness_is_known_in_any_form_in_both_formats() {
    for cwe in [json!(89), json!("89"), json!("CWE89"), json!("CWE-89: SQL Injection"), json!(["cwe-89"]), json!([89])]
    {
        let extra = json!({"metadata": {"cwe": cwe, "category": "security"}});
        let (_, of_json) = read(&head("file"), &cli(&json!([result("r", "a.py", 5, &extra)]), &["a.py"]));
        let tags = if cwe.is_array() { cwe.clone() } else { json!([cwe]) };
        let rule = json!({"id": "r", "properties": {"tags": tags}});
        let results = json!([sarif_result("r", "a.py", 5, "Found something")]);
        let (_, of_sarif) = read(&head("file"), &sarif(&rule, &results));
        for records in [of_json, of_sarif] {
            let found: Value = serde_json::from_str(&normalized(records)).unwrap();
            assert_eq!(found["rules"][0]["cwes"][0]["number"], 89, "{cwe}: {found}");
            assert_eq!(found["diagnostics"], json!([]), "{cwe}");
        }
    }
}

#[test]
fn a_credential_is_told_by_whatever_its_rule_and_message_say() {
    for (id, message, metadata) in [
        ("r.1", "?", json!({"category": "secrets"})),
        ("r.2", "?", json!({"vulnerability_class": ["Hard-coded Secrets"]})),
        ("r.3", "?", json!({"secret_type": "GitHub"})),
        ("r.4", "?", json!({"cwe": 798})),
        ("r.5", "?", json!({"cwe": "CWE-79, CWE-259"})),
        ("r.6", "Hardcoded password found: ?", json!({})),
        ("r.7", "A private key was found: ?", json!({})),
        ("aws-access-key-id", "?", json!({})),
        ("ruby.hardcoded-http-auth", "?", json!({})),
    ] {
        let message = message.replace('?', PLANTED);
        let extra = json!({"message": message, "lines": PLANTED, "fix": PLANTED, "metadata": metadata});
        let (_, of_json) = read(&head("file"), &cli(&json!([result(id, "a.env", 5, &extra)]), &["a.env"]));
        assert!(!of_json[0].body.contains(PLANTED), "{id}: {}", of_json[0].body);
        assert!(!normalized(of_json).contains(PLANTED), "{id}");
    }
    for message in ["Hardcoded password found: ?", "A private key was found: ?"] {
        let message = message.replace('?', PLANTED);
        let extra = json!({"message": message});
        let (_, of_json) = read(&head("file"), &cli(&json!([result("r", "a.env", 5, &extra)]), &["a.env"]));
        let results = json!([sarif_result("r", "a.env", 5, &message)]);
        let (_, of_sarif) = read(&head("file"), &sarif(&json!({"id": "r"}), &results));
        assert_eq!(of_json[0].id, of_sarif[0].id);
        assert!(!of_sarif[0].body.contains(PLANTED), "{}", of_sarif[0].body);
    }
    let readable = json!({"message": "JWT token not verified", "lines": "decode(token)"});
    let (_, records) = read(&head("file"), &cli(&json!([result("jwt", "a.py", 5, &readable)]), &["a.py"]));
    let found = normalized(records);
    assert!(found.contains("JWT token not verified") && found.contains("decode(token)"), "{found}");
}

#[test]
fn a_credential_of_a_known_form_is_in_no_record() {
    let token = format!("ghp_{}", "7hQ2mZ9wX4cV".repeat(3));
    let said = format!("curl -H '{token}' has no timeout");
    let extra = json!({"message": said, "lines": said, "metavars": {"$X": {"abstract_content": token}}});
    let (_, of_json) = read(&head("file"), &cli(&json!([result("r", "a.sh", 5, &extra)]), &["a.sh"]));
    let mut of_run = sarif_result("r", "a.sh", 5, &said);
    of_run["locations"][0]["physicalLocation"]["region"]["snippet"]["text"] = json!(said);
    let (_, of_sarif) = read(&head("file"), &sarif(&json!({"id": "r"}), &json!([of_run])));
    assert_eq!(of_json[0].id, of_sarif[0].id);
    for records in [of_json, of_sarif] {
        let found = normalized(records.clone());
        assert!(!records[0].body.contains(&token) && !found.contains(&token), "{found}");
        assert!(found.contains("has no timeout"), "{found}");
        let id = records[0].id.as_deref().unwrap();
        assert!(found.contains(id.rsplit_once('-').unwrap().0), "{id}: {found}");
    }
}

#[test]
fn an_advisory_on_credentials_keeps_its_package() {
    let extra = json!({"message": "Tokens are exposed by a package", "metadata": {"cwe": ["CWE-522: Insufficiently Protected Credentials"]},
        "sca_info": {"reachable": false, "reachability_rule": true, "dependency_match": {
            "dependency_pattern": {"ecosystem": "npm", "package": "a", "semver_range": "< 2"},
            "found_dependency": {"package": "a", "version": "1.0.0", "ecosystem": "npm", "transitivity": "direct"},
            "lockfile": "package-lock.json"}}});
    let (_, of_json) = read(&head("file"), &cli(&json!([result("r", "package-lock.json", 5, &extra)]), &[]));
    let found: Value = serde_json::from_str(&normalized(of_json.clone())).unwrap();
    assert_eq!(found["findings"][0]["dependency"]["package"]["name"], "a", "{found}");
    let rule = json!({"id": "r", "properties": {"tags": ["CWE-522: Insufficiently Protected Credentials"]}});
    let mut of_run = sarif_result("r", "package-lock.json", 5, "Tokens are exposed by a package");
    of_run["properties"] = json!({"exposure": "unreachable"});
    let (_, of_sarif) = read(&head("file"), &sarif(&rule, &json!([of_run])));
    assert_eq!(of_json[0].id, of_sarif[0].id);
    let found: Value = serde_json::from_str(&normalized(of_sarif)).unwrap();
    assert_eq!(found["findings"][0]["message"], "Tokens are exposed by a package", "{found}");
}
