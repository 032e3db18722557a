//! Files that are not read, and what is said of them.

use super::read;

#[test]
fn an_alien_file_is_named_for_what_it_is() {
    let contents: &[(&str, &[u8])] = &[
        ("empty", b" \n"),
        ("nothing", b""),
        ("HTML", b"<!doctype html><p>no"),
        ("error", br#"{"error":"not found"}"#),
        ("other JSON", br#"{"a":1}"#),
        ("a number", b"7"),
        ("numbers", b"[7]"),
        ("null list", br#"{"findings":null}"#),
        ("text", b"hello"),
        ("cut", br#"{"findings":[{"id":1},{"id""#),
        ("broken", br#"{"findings":[}"#),
        ("latin-1", b"{\"findings\":[{\"id\":\"\xe9\"}]}"),
        ("cut letter", b"Id,A\n1,\xc3"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("UTF-16 bare", b"{\0\"\0"),
        ("gzip", b"\x1f\x8b\x08\0"),
        ("zstd", b"\x28\xb5\x2f\xfd\0"),
        ("ZIP", b"PK\x03\x04\0"),
        ("second answer", br#"[{"findings":[]},{"a":1}]"#),
        ("empty SARIF", br#"{"$schema":"https://x/sarif-2.1.0.json","runs":[]}"#),
        (
            "Trivy SARIF",
            br#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy","rules":[]}},"results":[]}]}"#,
        ),
        ("CodeQL SARIF", br#"{"runs":[{"results":[{"ruleId":"x"}],"tool":{"driver":{"name":"CodeQL"}}}]}"#),
        ("no tool", br#"{"runs":[{"results":[]}]}"#),
        ("Trivy", br#"{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Vulnerabilities":[]}]}"#),
        ("Snyk", br#"{"vulnerabilities":[{"id":"SNYK-1"}],"ok":false,"packageManager":"npm"}"#),
        ("GitLab", br#"{"version":"15.0.4","scan":{"type":"sast"},"vulnerabilities":[]}"#),
        ("Bandit", br#"{"errors":[],"generated_at":"x","metrics":{},"results":[{"test_id":"B101"}]}"#),
        ("Bandit, empty", br#"{"errors":[],"generated_at":"x","metrics":{},"results":[]}"#),
        ("results", br#"{"results":[{"name":"x"}]}"#),
        ("CycloneDX", br#"{"bomFormat":"CycloneDX","components":[],"dependencies":[{"ref":"a"}]}"#),
        ("Dependency-Check", br#"{"reportSchema":"1.1","dependencies":[]}"#),
        ("Gitleaks", br#"[{"RuleID":"aws","Secret":"x"}]"#),
        ("upload", br#"{"findings":[{"check_id":"a","path":"b","syntactic_id":"c"}],"ignores":[],"token":"x"}"#),
        ("empty upload", br#"{"findings":[],"ignores":[],"token":"x"}"#),
        ("completion", br#"{"exit_code":1,"stats":{"findings":10,"errors":[]},"dependency_parser_errors":[]}"#),
        ("projects", br#"{"projects":[]}"#),
        ("lock file", br#"{"name":"a","dependencies":{"b":{}}}"#),
    ];
    let mut lines = Vec::new();
    for (what, content) in contents {
        let error = read(content).unwrap_err().to_string();
        let (said, expected) = error.rsplit_once(". It reads ").unwrap();
        assert!(expected.contains("semgrep-api-findings, ") && expected.ends_with("semgrep-webhook"));
        lines.push(format!("{what:17}{}", said.trim_start_matches("unsupported: `file`: the connector cannot read ")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
