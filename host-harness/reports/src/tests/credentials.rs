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
