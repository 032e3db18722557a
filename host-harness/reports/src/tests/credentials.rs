//! Credentials in every member that a report has.

use serde_json::{Value, json};

use crate::{Options, Report, read};

/// A value that looks like a credential, and is told apart from all others.
fn planted(number: usize) -> String {
    format!("pLt{number:03}Xq7Zk2Wv9Rb4Hd")
}

/// Puts a planted value into every text, but for those that say what the report is.
fn plant(value: &mut Value, planted_so_far: &mut usize) {
    match value {
        Value::String(text) if text == "§" => {
            *text = planted(*planted_so_far);
            *planted_so_far += 1;
        }
        Value::String(text) if text.contains('§') => {
            *text = text.replace('§', &planted(*planted_so_far));
            *planted_so_far += 1;
        }
        Value::Array(list) => list.iter_mut().for_each(|value| plant(value, planted_so_far)),
        Value::Object(map) => map.values_mut().for_each(|value| plant(value, planted_so_far)),
        _ => {}
    }
}

fn place() -> Value {
    json!({
        "id": 1,
        "message": {"text": "§", "markdown": "§"},
        "physicalLocation": {
            "artifactLocation": {"uri": "https://me:§@h.example/conf/app.ini", "description": {"text": "§"},
                "properties": {"a": {"b": ["§"]}}},
            "region": {"startLine": 3, "snippet": {"text": "§", "rendered": {"markdown": "§"}, "binary": "§"},
                "message": {"text": "§"}, "properties": {"a": "§"}},
            "contextRegion": {"startLine": 1, "snippet": {"text": "key = \"§\""}},
            "address": {"name": "§", "fullyQualifiedName": "§"},
        },
        "logicalLocations": [{"name": "§", "fullyQualifiedName": "§", "decoratedName": "§", "kind": "§"}],
        "annotations": [{"startLine": 3, "message": {"text": "§"}}],
        "properties": {"tags": ["§"]},
    })
}

/// A result with every member of the standard.
fn result() -> Value {
    json!({
        "ruleId": "generic-token",
        "level": "§",
        "kind": "fail",
        "message": {"text": "The value § is a token", "markdown": "`§`", "id": "§", "arguments": ["§"]},
        "analysisTarget": {"uri": "file:///§"},
        "locations": [place()],
        "guid": "§", "correlationGuid": "§", "hostedViewerUri": "https://h.example/§", "baselineState": "§",
        "fingerprints": {"a/v1": "§", "hex/v1": "§"},
        "partialFingerprints": {"value": "§", "contextHash/v1": "§", "primaryLocationLineHash": "§",
            "commitSha": "§", "date": "§", "author": "§", "email": "§", "commitMessage": "§"},
        "stacks": [{"message": {"text": "§"}, "frames": [{"location": place(), "module": "§", "parameters": ["§"]}]}],
        "codeFlows": [{"message": {"text": "§"}, "threadFlows": [{"id": "§", "message": {"text": "§"},
            "initialState": {"x": {"text": "§"}}, "immutableState": {"x": {"text": "§"}},
            "locations": [{"location": place(), "kinds": ["§"], "module": "§", "state": {"x": {"text": "§"}}},
                {"index": 0}]}]}],
        "graphs": [{"description": {"text": "§"}, "nodes": [{"id": "§", "label": {"text": "§"}}]}],
        "graphTraversals": [{"description": {"text": "§"}, "initialState": {"x": {"text": "§"}}}],
        "relatedLocations": [place()],
        "suppressions": [{"kind": "external", "status": "accepted", "guid": "§", "justification": "§",
            "location": place(), "properties": {"a": "§"}}],
        "attachments": [{"description": {"text": "§"}, "artifactLocation": {"uri": "§"}}],
        "workItemUris": ["https://me:§@tickets.example/§?key=§"],
        "provenance": {"firstDetectionTimeUtc": "§", "firstDetectionRunGuid": "§", "conversionSources": [place()]},
        "fixes": [{"description": {"text": "§"}, "artifactChanges": [{"artifactLocation": {"uri": "§"},
            "replacements": [{"deletedRegion": {"snippet": {"text": "§"}}, "insertedContent": {"text": "§"}}]}]}],
        "taxa": [{"id": "§", "guid": "§", "toolComponent": {"name": "§", "guid": "§"}}],
        "webRequest": {"target": "§", "headers": {"a": "§"}, "body": {"text": "§"}},
        "webResponse": {"headers": {"a": "§"}, "body": {"text": "§"}},
        "properties": {"secret": "§", "match": "§", "a": {"b": [{"c": "§"}]}, "precision": "§", "confidence": "§",
            "issue_confidence": "§", "security-severity": "§", "cwe": "§", "cve": "§", "purl": "§", "tags": ["§"]},
        "somethingNew": {"deep": [["§"]]},
    })
}

/// A rule with every member of the standard.
fn rule(properties: &Value) -> Value {
    let text = || json!({"text": "§", "markdown": "§"});
    json!({
        "id": "generic-token", "guid": "§", "name": "§", "deprecatedNames": ["§"], "deprecatedGuids": ["§"],
        "shortDescription": text(), "fullDescription": text(), "help": text(), "helpUri": "https://h.example/a?x=§",
        "messageStrings": {"default": text()}, "defaultConfiguration": {"level": "§", "parameters": {"a": "§"}},
        "relationships": [{"target": {"id": "§"}, "description": text()}], "properties": properties,
    })
}

fn file(tool: &str, properties: &Value) -> (String, usize) {
    let mut run = json!({
        "tool": {"driver": {"name": tool, "rules": [rule(properties)], "globalMessageStrings": {"x": {"text": "§"}}}},
        "invocations": [{"executionSuccessful": true, "commandLine": "§", "arguments": ["§"],
            "environmentVariables": {"A": "§"}, "stdout": {"text": "§"}}],
        "versionControlProvenance": [{"repositoryUri": "https://me:§@git.example/shop?private_token=§"}],
        "artifacts": [{"location": {"uri": "a.ini"}, "contents": {"text": "§"}}],
        "threadFlowLocations": [{"location": place()}],
        "results": [result()],
    });
    let mut count = 0;
    plant(&mut run, &mut count);
    // A credential may be of hexadecimal digits, too.
    let hex = format!("{:032x}", u128::MAX / 7);
    run["results"][0]["fingerprints"]["hex/v1"] = hex.into();
    (json!({"version": "2.1.0", "runs": [run]}).to_string(), count)
}

fn all_of(report: &Report<'_>) -> String {
    let bodies: String = report.records.iter().map(|it| it.body.as_ref()).collect();
    format!("{}{bodies}{:?}", serde_json::to_string(&report.normalized).unwrap(), report.head)
}

#[test]
fn a_credential_is_kept_of_no_member_of_a_result() {
    let quiet = json!({"a": "§"});
    for (tool, properties) in [
        ("gitleaks", &quiet),
        ("Acme Secret Scanner", &quiet),
        ("Trivy", &json!({"tags": ["secret", "§"], "precision": "§"})),
        ("CodeQL", &json!({"tags": ["external/cwe/cwe-798", "§"], "security-severity": "§"})),
        ("Other", &json!({"cwe": ["CWE-259: §", "CWE-321"]})),
    ] {
        let (text, count) = file(tool, properties);
        assert!(count > 90, "{count}");
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        assert_eq!(report.normalized.findings.len(), 1, "{tool}");
        let kept = all_of(&report);
        let found: Vec<String> = (0..count).map(planted).filter(|value| kept.contains(value.as_str())).collect();
        assert!(found.is_empty(), "{tool}: {found:?}\n{kept}");
        assert!(!kept.contains(&format!("{:032x}", u128::MAX / 7)), "{tool}");
        // Where it is, and which rule found it, stays.
        let finding = &report.normalized.findings[0];
        let at = finding.location.as_ref().unwrap();
        assert_eq!((at.path.as_str(), at.start_line), ("https://h.example/conf/app.ini", Some(3)), "{tool}");
        assert_eq!(finding.rule_id.as_deref(), Some("generic-token"), "{tool}");
    }
}

#[test]
fn the_session_of_a_scan_is_not_kept() {
    let request = json!({"target": "/cart", "headers": {"Authorization": "§", "Cookie": "§"}, "body": {"text": "§"}});
    let mut run = json!({"tool": {"driver": {"name": "Probe"}}, "results": [{
        "ruleId": "xss", "message": {"text": "The page repeats a parameter"}, "webRequest": request,
        "webResponse": {"headers": {"Set-Cookie": "§"}, "body": {"text": "§"}},
        "codeFlows": [{"threadFlows": [{"locations": [{"webRequest": request}]}]}],
    }]});
    let mut count = 0;
    plant(&mut run, &mut count);
    let report = json!({"version": "2.1.0", "runs": [run]}).to_string();
    let kept = all_of(&read(report.as_bytes(), &Options::default()).unwrap());
    assert!((0..count).all(|number| !kept.contains(&planted(number))), "{kept}");
    assert!(kept.contains("The page repeats a parameter"), "{kept}");
}

#[test]
fn what_is_no_result_of_a_run_for_credentials_is_not_kept() {
    let deep = format!("{}\"{}\"{}", "[".repeat(200), planted(0), "]".repeat(200));
    let text = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"gitleaks"}}}},"results":["{}",{{"a":{deep}}}]}}]}}"#,
        planted(1)
    );
    let report = read(text.as_bytes(), &Options::default()).unwrap();
    assert_eq!(report.records.len(), 2);
    let kept = all_of(&report);
    assert!(!kept.contains(&planted(0)) && !kept.contains(&planted(1)), "{kept}");
}

#[test]
fn a_notification_of_a_run_for_credentials_is_not_repeated() {
    let note = |text: &str| json!({"level": "error", "message": {"text": text}});
    let run = json!({"tool": {"driver": {"name": "gitleaks"}}, "results": [], "invocations": [{
        "executionSuccessful": true,
        "toolExecutionNotifications": [note(&format!("cannot check {}", planted(0))), note("cannot read a file")]}]});
    let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
    let kept = all_of(&read(text.as_bytes(), &Options::default()).unwrap());
    assert!(!kept.contains(&planted(0)) && kept.contains("cannot read a file"), "{kept}");
}

#[test]
fn what_is_around_a_credential_is_shown_by_no_other_result() {
    let at = |line: u32, last: u32, code: &str| {
        json!([{"physicalLocation": {"artifactLocation": {"uri": "app/a.py", "uriBaseId": "SRC"},
            "region": {"startLine": line, "snippet": {"text": code}},
            "contextRegion": {"startLine": line - 1, "endLine": last, "snippet": {"text": format!("{code} §")}}}}])
    };
    let other =
        json!({"artifactLocation": {"uri": "app/b.py"}, "region": {"startLine": 5, "snippet": {"text": "other()"}}});
    let run = json!({
        "tool": {"driver": {"name": "Checker", "rules": [{"id": "hardcoded-password"}, {"id": "eval"}]}},
        "originalUriBaseIds": {"SRC": {"uri": "file:///src/"}},
        "threadFlowLocations": [{"location": at(5, 5, "§")[0]}],
        "results": [
            {"ruleId": "eval", "message": {"text": "x"}, "locations": at(4, 6, "eval(x)"),
                "relatedLocations": at(5, 5, "§"),
                "codeFlows": [{"threadFlows": [{"locations": [{"index": 0}, {"location": {"physicalLocation": other}}]}]}],
                "fixes": [{"artifactChanges": [{"artifactLocation": {"uri": "/src/app/a.py"},
                    "replacements": [{"deletedRegion": {"startLine": 4, "endLine": 5}, "insertedContent": {"text": "§"}}]}]}]},
            {"ruleId": "hardcoded-password", "message": {"text": "§"}, "locations": at(5, 5, "§")},
        ],
    });
    // Another run may find it.
    let leaks = json!({"tool": {"driver": {"name": "gitleaks"}}, "results": [
        {"ruleId": "key", "message": {"text": "§"}, "locations": at(5, 5, "§")}]});
    let mut alone = run.clone();
    alone["results"].as_array_mut().unwrap().pop();
    for runs in [json!([run]), json!([alone, leaks])] {
        let mut report = json!({"version": "2.1.0", "runs": runs});
        let mut count = 0;
        plant(&mut report, &mut count);
        let text = report.to_string();
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        let kept = all_of(&report);
        let found: Vec<usize> = (0..count).filter(|number| kept.contains(&planted(*number))).collect();
        assert!(found.is_empty(), "{found:?} {kept}");
        let finding = &report.normalized.findings[0];
        assert_eq!(finding.snippet.as_deref(), Some("eval(x)"));
        assert_eq!(finding.flow[1].content.as_deref(), Some("other()"));
    }
}

#[test]
fn a_message_about_a_line_that_shows_a_credential_is_masked() {
    let at = json!([{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}]);
    let told = format!("The call get(auth='{}') has no timeout", planted(0));
    let results = |rule: &str, message: &str| {
        let other = json!({"ruleId": "timeout", "message": {"text": told, "markdown": told, "arguments": [planted(0)]},
            "locations": at, "properties": {"code": planted(0)}});
        json!([other, {"ruleId": rule, "message": {"text": message}, "locations": at}])
    };
    let clone = format!("cannot clone https://u:{}@git.example/a", planted(0));
    for (rule, message) in [
        ("hardcoded-password", "m".to_owned()),
        ("S106", format!("Possible hardcoded password: {}", planted(0))),
        ("DoNotStoreTokensOrKeysInSourceCode.", planted(0)),
    ] {
        let run = json!({"tool": {"driver": {"name": "Checker"}}, "results": results(rule, &message), "invocations": [{
            "executionSuccessful": true,
            "toolExecutionNotifications": [{"level": "error", "message": {"text": clone}}]}]});
        let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        let kept = all_of(&report);
        assert!(!kept.contains(&planted(0)), "{kept}");
        assert_eq!(report.normalized.findings[0].title, "The call get(auth='…') has no timeout");
        assert!(kept.contains("cannot clone https://git.example/a"), "{kept}");
    }
}

#[test]
fn lines_that_show_a_credential_are_told_by_all_that_its_result_says() {
    let at =
        |uri: &str, region: Value| json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}});
    let line = |uri: &str, line: u32| at(uri, json!({"startLine": line}));
    // One that the report lists no rule of.
    for (credential, is_shown) in [
        (json!({"locations": [line("a.py", 5)]}), false),
        (json!({"locations": [line("a.py", 7)]}), true),
        (json!({"locations": [at("a.py", json!({"charOffset": 70, "charLength": 9}))]}), false),
        (json!({"locations": [at("a.py", json!({"startLine": 2, "snippet": {"text": "a(\n\n'b')"}}))]}), false),
        (json!({"locations": [line("b.py", 1)], "relatedLocations": [line("a.py", 5)]}), false),
        (json!({"codeFlows": [{"threadFlows": [{"locations": [{"location": line("a.py", 5)}]}]}]}), false),
        (json!({"locations": [line("/ci/shop/a.py", 5)]}), false),
        (json!({"locations": [line("packages/x/a.py", 5)]}), true),
    ] {
        let mut found = json!({"ruleId": "hardcoded-password", "message": {"text": "x"}});
        found.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
        let mut other = json!({"ruleId": "eval", "message": {"text": "x"}, "locations": [line("a.py", 4)]});
        other["locations"][0]["physicalLocation"]["contextRegion"] =
            json!({"startLine": 4, "endLine": 6, "snippet": {"text": format!("key = {}", planted(0))}});
        let run =
            json!({"tool": {"driver": {"name": "Checker", "rules": [{"id": "eval"}]}}, "results": [found, other]});
        let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
        let kept = all_of(&read(text.as_bytes(), &Options::default()).unwrap());
        assert_eq!(kept.contains(&planted(0)), is_shown, "{credential}");
    }
}

#[test]
fn no_login_of_an_address_is_kept_wherever_it_stands() {
    let login = |host: &str| format!("https://u:hunter2@{host}/r");
    let sarif = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Probe", "rules": [{"id": "r", "helpUri": login("a"),
            "help": {"text": format!("see {}", login("b"))}}]}},
        "results": [{"ruleId": "r", "message": {"text": format!("in {}", login("c"))}, "hostedViewerUri": login("d"),
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": login("e")}}}]}]}]});
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"bom-ref": "a", "type": "library", "name": "a", "version": format!("git+{}", login("f")),
            "externalReferences": [{"type": "vcs", "url": login("g")}]}],
        "vulnerabilities": [{"id": "CVE-2024-10001", "affects": [{"ref": "a"}], "source": {"url": login("h")},
            "advisories": [{"url": login("i")}]}]});
    for document in [sarif, bom] {
        let text = document.to_string();
        let report = read(text.as_bytes(), &Options::default()).unwrap();
        let told = format!("{report:?}");
        assert!(!report.records.is_empty() && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn results_of_every_tool_that_finds_credentials_are_known() {
    let cwe = |number: u32| json!([{"target": {"id": number.to_string(), "toolComponent": {"name": "CWE"}}}]);
    for (tool, rule, message) in [
        (
            "Trivy",
            json!({"id": "github-pat", "name": "Secret", "properties": {"tags": ["secret", "security", "CRITICAL"]}}),
            "Artifact: a.env\nMatch: §",
        ),
        (
            "Checkov",
            json!({"id": "CKV_SECRET_6", "shortDescription": {"text": "Base64 High Entropy String"}}),
            "Base64 High Entropy String §",
        ),
        (
            "KICS",
            json!({"id": "3e2d3b2f-c22a-4df1-9cc6-a7a0aebb0c99", "name": "Passwords And Secrets - AWS Access Key"}),
            "found §",
        ),
        ("Semgrep OSS", json!({"id": "generic.secrets.security.detected-jwt-token.detected-jwt-token"}), "JWT token §"),
        ("Semgrep OSS", json!({"id": "ruby.lang.security.hardcoded-http-auth-in-controller"}), "auth §"),
        (
            "CodeQL",
            json!({"id": "py/hardcoded-credentials", "properties": {"tags": ["security", "external/cwe/cwe-259"]}}),
            "This [hard-coded value](1) is used as §",
        ),
        ("CodeQL", json!({"id": "rust/x", "properties": {"tags": ["external/cwe/cwe-321"]}}), "the value §"),
        ("Bandit", json!({"id": "B105", "name": "hardcoded_password_string"}), "Possible hardcoded password: '§'"),
        ("ruff", json!({"id": "S105"}), "Possible hardcoded password assigned to: \"§\""),
        ("gosec", json!({"id": "G101", "relationships": cwe(798)}), "Potential hardcoded credentials: §"),
        ("SonarQube", json!({"id": "S2068"}), "\"§\" detected here, make sure this is not a hard-coded credential."),
        ("SonarQube", json!({"id": "S6437"}), "Revoke and change this password, as it is compromised: §"),
        ("Horusec", json!({"id": "HS-LEAKS-26"}), "§"),
        (
            "DevSkim",
            json!({"id": "DS173237", "shortDescription": {"text": "Do not store tokens or keys in source code."}}),
            "§",
        ),
        ("CredentialScanner", json!({"id": "CSCAN-GENERAL0060"}), "§"),
        ("Sarif Pattern Matcher", json!({"id": "SEC101/005", "name": "DoNotExposePlaintextSecrets/SlackApiKey"}), "§"),
        ("Bearer", json!({"id": "ruby_lang_x", "properties": {"cwe_ids": ["798"]}}), "§"),
        (
            "SnykCode",
            json!({"id": "javascript/NoHardcodedPasswords", "properties": {"cwe": ["CWE-798", "CWE-259"]}}),
            "§",
        ),
        ("SnykCode", json!({"id": "go/HardcodedKeyUsedInCryptoOperation"}), "§"),
        ("Veracode", json!({"id": "259", "shortDescription": {"text": "CWE-259: Use of Hard-coded Value"}}), "§"),
        ("SpotBugs", json!({"id": "HARD_CODE_KEY"}), "§"),
        ("SpotBugs", json!({"id": "DMI_CONSTANT_DB_PASSWORD"}), "§"),
        ("Fortify", json!({"id": "1A2B", "name": "Password Management: Password in Comment"}), "§"),
        ("Rapid", json!({"id": "R7", "helpUri": "https://cwe.mitre.org/data/definitions/798.html"}), "§"),
        ("Rapid", json!({"id": "R8", "fullDescription": {"text": "A private key was found in the repository."}}), "§"),
        ("Rapid", json!({"id": "aws-access-key-id"}), "§"),
        ("Yelp/detect-secrets", json!({"id": "R9"}), "§"),
        ("Rapid", json!({"id": "R10", "properties": {"category": "Secrets"}}), "§"),
        ("Rapid", json!({"id": "R11", "properties": {"issueType": "leaked_token"}}), "§"),
    ] {
        let mut run = json!({"tool": {"driver": {"name": tool, "rules": [rule]}}, "results": [{
            "ruleId": rule["id"], "message": {"text": message}, "properties": {"match": "§"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.env"},
                "region": {"startLine": 3, "snippet": {"text": "key = '§'"}}}}]}]});
        let mut count = 0;
        plant(&mut run, &mut count);
        let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
        let kept = all_of(&read(text.as_bytes(), &Options::default()).unwrap());
        assert!((0..count).all(|number| !kept.contains(&planted(number))), "{tool} {rule}: {kept}");
    }
}

#[test]
fn results_on_how_credentials_are_handled_stay_readable() {
    for (rule, message) in [
        (json!({"id": "jwt-not-verified"}), "JWT token not verified"),
        (json!({"id": "csrf", "name": "CSRF token"}), "csrf token missing"),
        (
            json!({"id": "js/clear-text-logging", "properties": {"tags": ["external/cwe/cwe-312", "external/cwe/cwe-532"]}}),
            "This logs sensitive data returned by an access to password as clear text.",
        ),
        (
            json!({"id": "weak-password-hash", "properties": {"tags": ["CWE-916: Use of Password Hash"]}}),
            "MD5 is no hash for a password",
        ),
        (
            json!({"id": "http", "properties": {"tags": ["CWE-523: Unprotected Transport of Credentials"]}}),
            "The form is sent without TLS",
        ),
        (json!({"id": "no-dupe-keys"}), "Duplicate key 'a'."),
        (json!({"id": "cors", "name": "CORS misconfiguration for credentials"}), "Any origin is allowed"),
    ] {
        let run = json!({"tool": {"driver": {"name": "Checker", "rules": [rule]}},
            "results": [{"ruleId": rule["id"], "message": {"text": message}}]});
        let text = json!({"version": "2.1.0", "runs": [run]}).to_string();
        let kept = all_of(&read(text.as_bytes(), &Options::default()).unwrap());
        assert!(kept.contains(message), "{rule}: {kept}");
    }
}

#[test]
fn a_credential_of_a_known_form_is_kept_of_no_report() {
    let token = format!("ghp_{}", "7hQ2mZ9wX4cV".repeat(3));
    let key =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA".repeat(2));
    let text = format!("ran curl -H {token} with {key}");
    let sarif = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Checkov"}}, "results": [{"ruleId": "r",
        "message": {"text": text}, "properties": {"code": text}, "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": "a.tf"}, "region": {"startLine": 1, "snippet": {"text": text}}}}]}]}]});
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [{"id": "CVE-2024-10001",
        "description": text, "affects": [{"ref": "pkg:npm/a@1"}]}]});
    let gitlab = json!({"version": "15.0.4", "scan": {"type": "sast"}, "vulnerabilities": [{"description": text,
        "identifiers": [{"type": "x", "name": "x", "value": "r"}], "location": {"file": "a.py", "start_line": 1}}]});
    for document in [sarif, bom, gitlab] {
        let document = document.to_string();
        let report = read(document.as_bytes(), &Options::default()).unwrap();
        let told = format!("{report:?}");
        assert_eq!(report.normalized.findings.len(), 1);
        assert!(
            !told.contains(&token) && !told.contains("MIIEpAIBAAKCAQEA") && told.contains("ran curl -H … with"),
            "{told}"
        );
    }
}
