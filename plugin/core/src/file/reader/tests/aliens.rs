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
        (
            "TruffleHog",
            b"{\"SourceMetadata\":{},\"DetectorName\":\"AWS\"}\n{\"SourceMetadata\":{},\"DetectorName\":\"URI\"}",
        ),
        ("npm audit", br#"{"auditReportVersion":2,"vulnerabilities":{},"metadata":{}}"#),
        ("Grype", br#"{"matches":[],"source":{},"descriptor":{"name":"grype"}}"#),
        ("ESLint", br#"[{"filePath":"a.js","messages":[],"errorCount":0}]"#),
        ("SonarQube", br#"{"total":1,"paging":{},"issues":[],"components":[]}"#),
        ("Checkov", br#"{"check_type":"terraform","results":{"failed_checks":[]},"summary":{}}"#),
        ("govulncheck", b"{\"config\":{\"scanner_name\":\"govulncheck\"}}\n{\"progress\":{}}\n"),
        ("pip-audit", br#"{"dependencies":[{"name":"a","version":"1","vulns":[]}],"fixes":[]}"#),
        ("OSV-Scanner", br#"{"results":[{"source":{"path":"a"},"packages":[]}]}"#),
        ("JUnit", b"<?xml version=\"1.0\"?><testsuites/>"),
        ("Checkmarx", b"<?xml version=\"1.0\"?><CxXMLResults/>"),
        ("bzip2", b"BZh91AY&SY"),
        ("xz", b"\xfd7zXZ\0"),
        ("YAML", b"---\nresults: []\n"),
        ("CSV", b"severity,file,line\nhigh,a.py,3\n"),
        ("for people", "┌────┐\n│ a │\n".as_bytes()),
        ("log before", b"INFO scanning\n{\"results\":[]}"),
        ("log behind", b"{\"version\":\"1\",\"results\":[],\"errors\":[]}\nScan completed"),
        ("a level behind", b"{\"version\":\"1\",\"results\":[],\"errors\":[]}\n[INFO] done"),
        (
            "Veracode",
            br#"{"scan_id":"a","pipeline_scan":"22.9","findings":[{"title":"x","issue_id":1000,"cwe_id":"89"}]}"#,
        ),
        ("findings", br#"{"findings":[{"title":"x"}]}"#),
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
