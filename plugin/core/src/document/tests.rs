use appsec_model::{Document, DocumentHead, RawInput};

use crate::normalize;

fn document(content: impl Into<Vec<u8>>) -> Document {
    Document { head: DocumentHead { name: "file.json".into(), ..DocumentHead::default() }, content: content.into() }
}

fn kinds(content: &str) -> String {
    let normalized = normalize(&RawInput::Document(document(content))).unwrap();
    let findings =
        normalized.findings.iter().map(|finding| format!("{}:{} {}", finding.index, finding.id, finding.kind));
    let remarks = normalized.diagnostics.iter().filter(|it| it.level == appsec_model::DiagnosticLevel::Error);
    let remarks = remarks.map(|remark| format!("{}:{}", remark.index.unwrap(), remark.code));
    findings.chain(remarks).collect::<Vec<_>>().join(", ")
}

#[test]
fn answers_of_the_api_are_read_in_every_form() {
    let check = |content: &str, expect: &str| assert_eq!(kinds(content), expect, "{content}");
    check(r#"{"findings":[]}"#, "");
    check(r#"{"findings":[{"id":1},{"id":2}]}"#, "0:1 sast, 1:2 sast");
    check("\u{feff}{\"findings\":[{\"id\":1}]}\n", "0:1 sast");
    check("{\"findings\":[{\"id\":1}]}\n{\"findings\":[{\"id\":2}]}{\"findings\":[]}", "0:1 sast, 1:2 sast");
    check(r#"[{"findings":[{"id":1}]},{"findings":[{"id":2}]}]"#, "0:1 sast, 1:2 sast");
    check(r#"{"sastFindings":[{"id":1}],"scaFindings":{"findings":[{"id":2}]}}"#, "0:1 sast, 1:2 sca");
    check("[]", "");
}

#[test]
fn the_kind_of_a_record_shows_in_its_fields() {
    let check = |record: &str, expect: &str| assert_eq!(kinds(&format!(r#"{{"findings":[{record}]}}"#)), expect);
    check(r#"{"id":1,"found_dependency":{}}"#, "0:1 sca");
    check(r#"{"id":1,"vulnerability_identifier":"CVE-1"}"#, "0:1 sca");
    check(r#"{"id":1,"reachability":"reachable"}"#, "0:1 sca");
    check(r#"{"id":1,"ai_impact":"bad"}"#, "0:1 ai-sast");
    check(r#"{"id":"1","findingPath":"a.py:1","validationState":"x"}"#, "0:1 secrets");
    check("7", "0:not-an-object");
}

#[test]
fn an_alien_file_is_named_for_what_it_is() {
    let contents: &[(&str, &[u8])] = &[
        ("empty", b" \n"),
        ("SARIF", br#"{"$schema":"https://x/sarif-schema-2.1.0.json","version":"2.1.0","runs":[]}"#),
        ("scan", br#"{"results":[{"check_id":"a"}],"errors":[]}"#),
        ("CSV", b"Id,Rule Name,Product\n1,a,Code\n"),
        ("HTML", b"<!doctype html><p>no"),
        ("webhook", br#"[{"semgrep_finding":{"id":"x"}}]"#),
        ("retired API", br#"{"vulns":[],"hasMore":false}"#),
        ("error", br#"{"error":"not found"}"#),
        ("other JSON", br#"{"a":1}"#),
        ("a number", b"7"),
        ("null list", br#"{"findings":null}"#),
        ("text", b"hello"),
        ("cut", br#"{"findings":[{"id":1},{"id""#),
        ("broken", br#"{"findings":[}"#),
        ("latin-1", b"{\"findings\":[{\"id\":\"\xe9\"}]}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
    ];
    let mut lines = Vec::new();
    for (what, content) in contents {
        let error = normalize(&RawInput::Document(document(*content))).unwrap_err().to_string();
        let (said, expected) = error.split_once(". It reads ").unwrap();
        assert!(expected.contains("semgrep-api-findings"));
        lines.push(format!(
            "{what:12}{}",
            said.trim_start_matches("unsupported: `file.json`: the connector cannot read ")
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    empty       nothing: it is empty
    SARIF       SARIF
    scan        the output of `semgrep scan --json`
    CSV         a CSV export of the platform
    HTML        XML or HTML
    webhook     the payload of a webhook
    retired API an answer of the retired Supply Chain API
    error       an error answer of the API
    other JSON  JSON without a list `findings`
    a number    a file that is not JSON
    null list   JSON without a list `findings`
    text        a file that is not JSON
    cut         a file that ends in the middle (line 1)
    broken      a file that is not JSON: expected value at line 1 column 14
    latin-1     its encoding: it is not UTF-8 from byte 20
    UTF-16      its encoding UTF-16; save it as UTF-8
    ");
}

#[test]
fn a_named_format_is_taken_at_its_word() {
    let named = |format: &str| {
        let mut document = document(r#"{"findings":[]}"#);
        document.head.format = Some(format.into());
        document
    };
    assert!(normalize(&RawInput::Document(named("semgrep-api-findings"))).is_ok());
    let error = normalize(&RawInput::Document(named("sarif"))).unwrap_err();
    assert!(error.to_string().contains("its format `sarif`"), "{error}");
}
