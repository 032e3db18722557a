use appsec_model::{DiagnosticLevel, Document, DocumentHead, Normalized, RawInput};

use crate::normalize;

fn normalized(content: &str) -> Normalized {
    let head = DocumentHead { name: "file".into(), ..DocumentHead::default() };
    normalize(&RawInput::Document(Document { head, content: content.into() })).unwrap()
}

#[test]
fn an_event_and_the_apis_record_are_one_finding() {
    let event = r#"[{"semgrep_finding":{"check_id":"js.sql","column":28,"end_column":159,"end_line":10,"first_seen_scan_id":"j4an","id":"c409","index":0,"line":10,"match_based_id":"m_0","message":"m","metadata":{"category":"security","confidence":"HIGH","cwe":["CWE-89: SQL"],"owasp":"A03:2021 - Injection","semgrep.policy":{"id":61271,"name":"P","slug":"p"},"vulnerability_class":["SQL Injection"]},"numeric_id":11301071,"path":"a.ts","ref":"refs/heads/master","repo_name":"owasp/juice-shop","severity":2,"start_date":"2023-02-12 00:50:21.552606+00:00"}}]"#;
    let api = r#"{"findings":[{"id":11301071,"ref":"refs/heads/master","syntactic_id":"c409","match_based_id":"m_0","repository":{"name":"owasp/juice-shop"},"severity":"high"}]}"#;
    let (from_event, from_api) = (normalized(event), normalized(api));
    let (event, api) = (&from_event.findings[0], &from_api.findings[0]);
    assert_eq!((&event.id, &event.identity, &event.project), (&api.id, &api.identity, &api.project));
    assert_eq!((&event.r#ref, event.severity), (&api.r#ref, api.severity));
    assert!(from_event.diagnostics.is_empty(), "{:?}", from_event.diagnostics);
    insta::assert_json_snapshot!(from_event);
}

#[test]
fn an_event_on_a_scan_is_left_out_on_purpose() {
    let normalized = normalized(r#"{"semgrep_scan":{"id":"x","repo_name":"a/b"}}"#);
    assert!(normalized.findings.is_empty());
    let [diagnostic] = normalized.diagnostics.as_slice() else { panic!("{:?}", normalized.diagnostics) };
    assert_eq!((diagnostic.level, diagnostic.code.as_str()), (DiagnosticLevel::Skipped, "not-a-finding"));
    assert_eq!(diagnostic.id.as_deref(), Some("x"));
}

#[test]
fn without_a_number_the_other_id_stands_in() {
    let normalized = normalized(r#"{"semgrep_finding":{"id":"c409","check_id":"a","repo_name":"a","severity":1}}"#);
    let finding = &normalized.findings[0];
    assert_eq!((finding.id.as_str(), finding.identity.key.as_str()), ("c409", "c409"));
    assert_eq!(finding.identity.algorithm, "semgrep-syntactic-id");
}
