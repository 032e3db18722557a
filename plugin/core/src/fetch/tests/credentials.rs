//! The value of a secret: in nothing that the connector gives back, whatever
//! field it came in.

use appsec_model::{DocumentHead, Kind, RawInput, RawRecord, Scope};
use serde_json::{Value, json};

use super::{read_all, request};
use crate::{
    DocumentReader,
    fakes::{MemoryBucket, Vendor, ok, with},
    fetch_findings, normalize,
};

const PLANTED: &str = "pLtXq7Zk2Wv9Rb4Hd";

fn settings() -> Value {
    json!({ "branches": "all", "kinds": ["sast", "ai-sast", "secrets"] })
}

/// A secret in which every field is filled, and fields that nobody knows.
fn secret() -> Value {
    json!({
        "id": "691234", "type": "AWS", "findingPath": "src/ai.py:232",
        "findingPathUrl": "https://git.example/acme/shop/blob/main/src/ai.py#L232", "ref": "refs/heads/main",
        "refUrl": "https://git.example/acme/shop/tree/main", "mode": "MODE_MONITOR", "ruleHashId": "kUaPq12",
        "createdAt": "2026-06-17T17:23:01.901204Z", "updatedAt": "2026-06-20T17:33:00.669343Z",
        "confidence": "CONFIDENCE_HIGH", "severity": "SEVERITY_HIGH", "status": "FINDING_STATUS_OPEN",
        "validationState": "VALIDATION_STATE_CONFIRMED_VALID",
        "repository": {"name": "acme/shop", "url": "https://git.example/acme/shop",
            "visibility": "REPOSITORY_VISIBILITY_PRIVATE", "scmType": "SCM_TYPE_GITHUB"},
        "reviewComments": [{"externalDiscussionId": "12", "externalNoteId": "5678"}],
        "historicalInfo": {"gitCommit": "9d0c2f7e61b84a5f8c3d2e1f0a9b8c7d6e5f4a3b",
            "gitBlob": "d9ad60933719363f2076ddfbc8ca5d6ff540d6bd", "gitCommitTimestamp": "2024-01-02T03:04:05Z"},
        "externalTicket": {"externalSlug": "OPS-158", "url": "https://t.example/OPS-158", "id": "158",
            "linkedIssueIds": ["691234"]},
        "autotriage": {"verdict": "VERDICT_TRUE_POSITIVE", "reason": "It opens an account", "id": "1",
            "feedback": {"note": "Well seen"}},
        "value": "x", "snippet": {"lines": ["x", {"text": "x"}]}, "new": [[["x"]]],
    })
}

/// A finding of a rule for credentials in which every field is filled.
fn finding() -> Value {
    json!({
        "id": 70004512, "ref": "refs/heads/main", "first_seen_scan_id": 30000123,
        "syntactic_id": "2e05dde287b0143ee192fbba09e771bb", "match_based_id": format!("{}_1", "d3".repeat(64)),
        "external_ticket": {"external_slug": "OPS-4512", "url": "https://t.example/OPS-4512", "id": 904512,
            "linked_issue_ids": [70004512]},
        "review_comments": [{"external_discussion_id": "12", "external_note_id": 123523}],
        "repository": {"name": "acme/shop", "url": "https://git.example/acme/shop"},
        "line_of_code_url": "https://git.example/acme/shop/blob/main/app/models.py#L42", "triage_state": "ignored",
        "state": "muted", "status": "ignored", "severity": "critical", "confidence": "medium",
        "categories": ["security"], "created_at": "2025-11-18T23:28:12.391807Z",
        "relevant_since": "2026-02-03T06:00:00.000001Z", "rule_name": "generic.secrets.gitleaks.generic-api-key",
        "rule_message": "x", "location": {"file_path": "app/models.py", "line": 42, "column": 9, "end_line": 44, "end_column": 31},
        "sourcing_policy": {"id": 120, "name": "Default Policy", "slug": "default-policy"},
        "triaged_at": "2026-02-04T10:11:12.131415Z", "triage_comment": "To be revisited", "triage_reason": "acceptable_risk",
        "state_updated_at": "2026-02-04T10:11:13.000000Z",
        "rule": {"name": "generic.secrets.gitleaks.generic-api-key", "message": "A key is in the code",
            "confidence": "high", "category": "security", "subcategories": ["vuln"],
            "vulnerability_classes": ["Hard-coded Secrets"], "cwe_names": ["CWE-798: Use of Hard-coded Credentials"],
            "owasp_names": ["A07:2021 - Identification"], "definition": {"pattern": "x"}},
        "assistant": {"autofix": {"fix_code": "x", "explanation": ""},
            "autotriage": {"verdict": "false_positive", "reason": "It is a constant"},
            "component": {"tag": "user data", "risk": "high"},
            "guidance": {"summary": "Take it from the environment", "instructions": "Replace it"},
            "rule_explanation": {"summary": "A key is in the code", "explanation": "A key is in the code"}},
        "click_to_fix_prs": [{"url": "https://git.example/acme/shop/pull/318", "created_at": "2026-02-04T09:00:00Z"}],
        "click_to_fix_failures": [{"reason": "merge conflict", "created_at": "2026-02-03T09:00:00Z"}],
        "ai_impact": "high", "value": "x", "snippet": {"lines": ["x", {"text": "x"}]}, "new": [[["x"]]],
    })
}

/// Names, by which the finding is found: they are kept as they are.
const NAMES: [&str; 7] = [
    "/findingPath",
    "/ref",
    "/repository/name",
    "/location/file_path",
    // A rule's name tells that it looks for credentials.
    "/rule_name",
    "/rule/name",
    // The record itself.
    "",
];

/// Pointers to all values of a record, containers too.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| pointers(inner, &format!("{at}/{key}"), found)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// What a planted value stands in: alone, in words, in addresses, as a key.
fn plants(before: &Value) -> Vec<Value> {
    let mut plants = vec![
        json!(PLANTED),
        json!(format!("the key {PLANTED} opens it")),
        json!(format!("https://me:{PLANTED}@git.example/a?key={PLANTED}#{PLANTED}")),
        json!(format!("https://git.example/{PLANTED}")),
        json!([PLANTED, {"a": PLANTED}]),
        json!({ "a": PLANTED, "id": PLANTED, "url": PLANTED }),
        json!({ PLANTED: 1 }),
    ];
    if let Some(text) = before.as_str() {
        plants.push(json!(format!("{text} {PLANTED}")));
    }
    plants
}

/// Everything that the connector gives back for a record of the API.
fn given_back(kind: &Kind, record: &Value) -> String {
    let body = json!({ "findings": [record] });
    let mut asked = 0;
    let (records, _) = read_all(&request(kind.clone(), Scope::Deployment), &settings(), |_| {
        asked += 1;
        if asked == 1 { body.clone() } else { json!({ "findings": [] }) }
    });
    assert_eq!(records.len(), 1);
    let mut reader = DocumentReader::new(DocumentHead { name: "page.json".to_owned(), ..DocumentHead::default() });
    let page = body.to_string();
    reader.survey(page.as_bytes()).unwrap();
    reader.summarize().unwrap();
    let mut of_file = reader.read(page.as_bytes()).unwrap();
    of_file.extend(reader.finish().unwrap());
    let shown = |records: Vec<RawRecord>| {
        let text = format!("{records:?}");
        format!("{text} {:?}", normalize(&RawInput::Records(records)).unwrap())
    };
    format!("{} {}", shown(records), shown(of_file))
}

#[test]
fn the_value_of_a_secret_is_in_nothing_that_is_given_back() {
    let mut tried = 0;
    for (kind, full) in [(Kind::Secrets, secret()), (Kind::Sast, finding()), (Kind::AiSast, finding())] {
        let mut places = Vec::new();
        pointers(&full, "", &mut places);
        for place in places.iter().filter(|place| !NAMES.contains(&place.as_str())) {
            for plant in plants(full.pointer(place).unwrap()) {
                let mut record = full.clone();
                *record.pointer_mut(place).unwrap() = plant;
                let text = given_back(&kind, &record);
                let found = text.find(PLANTED).map(|at| &text[text.floor_char_boundary(at.saturating_sub(60))..]);
                assert!(found.is_none(), "{kind} {place}: {found:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn what_is_harmless_of_a_secret_is_kept() {
    for (kind, full) in [(Kind::Secrets, secret()), (Kind::Sast, finding())] {
        let record = RawRecord { kind: kind.clone(), id: None, project: None, body: full.to_string(), gist: None };
        let whole = normalize(&RawInput::Records(vec![record])).unwrap();
        let (records, _) = read_all(&request(kind, Scope::Deployment), &settings(), {
            let mut pages = vec![json!({ "findings": [] }), json!({ "findings": [full] })];
            move |_| pages.pop().unwrap()
        });
        let mut kept = normalize(&RawInput::Records(records)).unwrap();
        // Rules put code into messages, and fixes are code.
        for (kept, whole) in kept.findings.iter_mut().zip(&whole.findings) {
            kept.message.clone_from(&whole.message);
            let fix = whole.assistance.as_ref().and_then(|it| it.autofix.clone());
            kept.assistance.as_mut().into_iter().for_each(|it| it.autofix.clone_from(&fix));
        }
        assert_eq!(kept, whole);
    }
}

#[test]
fn a_page_of_secrets_that_is_none_does_not_show_what_it_holds() {
    for body in
        [json!({ "findings": PLANTED }), json!({ "findings": [], "cursor": { PLANTED: PLANTED } }), json!(PLANTED)]
    {
        let mut vendor = Vendor::new(|_| ok(&body));
        let mut bucket = MemoryBucket::configured(&settings());
        let read = request(Kind::Secrets, Scope::Deployment);
        let error = with(&mut vendor, &mut bucket, |outside| fetch_findings(&read, outside)).unwrap_err();
        assert!(!error.to_string().contains(PLANTED), "{error}");
    }
    for status in [400, 401, 403, 410, 500] {
        let mut vendor = Vendor::new(|_| ok(&json!({ "error": PLANTED })).map(|it| crate::Response { status, ..it }));
        let mut bucket = MemoryBucket::configured(&settings());
        let read = request(Kind::Secrets, Scope::Deployment);
        let error = with(&mut vendor, &mut bucket, |outside| fetch_findings(&read, outside)).unwrap_err();
        assert!(!error.to_string().contains(PLANTED), "{error}");
    }
}
