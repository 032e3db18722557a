//! What is refused, and in which words.

use crate::{Format, MAX_BYTES, Options, Refusal, detect, read};

fn refusal(bytes: &[u8]) -> String {
    read(bytes, &Options::default()).unwrap_err().to_string()
}

#[test]
fn a_refusal_says_what_the_file_is_and_what_was_expected() {
    let files: &[(&str, &[u8])] = &[
        ("empty", b""),
        ("blank", b" \n\xef\xbb\xbf"),
        ("mark only", b"\xef\xbb\xbf \n"),
        ("gzip", &[0x1f, 0x8b, 8, 0]),
        ("zip", b"PK\x03\x04"),
        ("utf-16", b"\xff\xfe{\0"),
        ("xml", b"<?xml version=\"1.0\"?><bom/>"),
        ("csv", b"id,severity\n1,high\n"),
        ("list", b"[]"),
        ("no text", b"{\"a\":\"\xff\xfe\"}"),
        ("cut", b"{\"version\":\"2.1.0\",\n\"runs\":[{\"results\":["),
        ("cut in a letter", b"{\"runs\":\"\xc3"),
        ("broken", b"{\"version\":\"2.1.0\",\n\"runs\":[}]}"),
        ("sarif 2.0", br#"{"version":"2.0.0","runs":[]}"#),
        ("sarif without version", br#"{"runs":[]}"#),
        ("sarif without runs", br#"{"$schema":"https://x/sarif-2.1.0.json","version":"2.1.0"}"#),
        ("runs of no list", br#"{"version":"2.1.0","runs":{}}"#),
        ("cyclonedx 1.3", br#"{"bomFormat":"CycloneDX","specVersion":"1.3"}"#),
        ("cyclonedx without version", br#"{"bomFormat":"CycloneDX"}"#),
        ("spdx", br#"{"spdxVersion":"SPDX-2.3"}"#),
        ("csaf", br#"{"document":{"csaf_version":"2.0"},"vulnerabilities":[]}"#),
        ("npm", br#"{"auditReportVersion":2,"vulnerabilities":{}}"#),
        ("alien results", br#"{"results":[{"check_id":"a"}]}"#),
        ("openvex", br#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":[]}"#),
        ("nothing", b"{}"),
        ("gitleaks", br#"[{"RuleID":"aws","Description":"x","StartLine":1}]"#),
        (
            "trufflehog",
            b"{\"SourceMetadata\":{},\"DetectorName\":\"AWS\"}\n{\"SourceMetadata\":{},\"DetectorName\":\"URI\"}",
        ),
        ("trivy", br#"{"SchemaVersion":2,"ArtifactName":"a","Results":[]}"#),
        ("snyk", br#"{"vulnerabilities":[],"ok":true,"packageManager":"npm"}"#),
        ("snyk, several", br#"[{"vulnerabilities":[],"ok":true,"packageManager":"npm"},{}]"#),
        ("bandit", br#"{"errors":[],"generated_at":"x","metrics":{},"results":[{"test_id":"B101"}]}"#),
        ("eslint", br#"[{"filePath":"a.js","messages":[],"errorCount":0}]"#),
        ("sonarqube", br#"{"total":1,"paging":{},"issues":[],"components":[]}"#),
        ("grype", br#"{"matches":[],"source":{},"descriptor":{"name":"grype"}}"#),
        ("checkov", br#"[{"check_type":"terraform","results":{"failed_checks":[]}}]"#),
        ("govulncheck", b"{\"config\":{\"scanner_name\":\"govulncheck\"}}\n{\"progress\":{}}\n"),
        ("pip-audit", br#"{"dependencies":[{"name":"a","version":"1","vulns":[]}],"fixes":[]}"#),
        ("npm 6", br#"{"actions":[],"advisories":{},"muted":[],"metadata":{}}"#),
        ("code quality", br#"[{"description":"x","check_name":"a","fingerprint":"b","location":{}}]"#),
        ("zap", br#"{"@programName":"ZAP","@version":"2","site":[]}"#),
        ("other list", br#"[{"a":1}]"#),
        ("documents", b"{\"a\":1}\n{\"b\":1}"),
        ("log behind", b"{\"version\":\"2.1.0\",\"runs\":[]}\n[INFO] done"),
        ("yaml", b"---\nresults: []\n"),
        ("for people", "┌────┐\n│ a │\n".as_bytes()),
        ("junit", b"<testsuites/>"),
        ("sarif part", br#"{"$schema":"x","version":"2.1.0","externalProperties":{}}"#),
    ];
    let shown: Vec<String> = files.iter().map(|(name, bytes)| format!("{name}: {}", refusal(bytes))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn another_format_than_asked_for_is_refused() {
    let options = Options { format: Some(Format::CycloneDx), ..Options::default() };
    let error = read(br#"{"version":"2.1.0","runs":[]}"#, &options).unwrap_err();
    assert_eq!(error, Refusal::OtherFormat { found: Format::Sarif, wanted: Format::CycloneDx });
    insta::assert_snapshot!(error, @"the file is SARIF, but CycloneDX JSON was requested; omit the format to have it detected");
}

#[test]
fn a_file_above_the_bound_is_refused_before_it_is_looked_at() {
    let bytes = vec![b' '; MAX_BYTES + 1];
    assert_eq!(detect(&bytes), Err(Refusal::TooLarge));
}

#[test]
fn a_mark_of_the_encoding_is_no_part_of_the_text() {
    assert_eq!(detect(b"\xef\xbb\xbf {\"version\":\"2.1.0\",\"runs\":[]}"), Ok(Format::Sarif));
}

#[test]
fn formats_are_named() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Some(format));
    }
    assert_eq!(Format::named("SARIF"), None);
}
