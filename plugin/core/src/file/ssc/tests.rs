use appsec_model::{Document, DocumentHead, Normalized, RawInput};

use crate::normalize;

fn normalized(content: &str) -> Normalized {
    let head = DocumentHead { name: "file".into(), ..DocumentHead::default() };
    normalize(&RawInput::Document(Document { head, content: content.into() })).unwrap()
}

const VULN: &str = r#"{"vulns":[{"title":"t","advisory":{"ruleId":"ssc-1","title":"Grav runs code","description":"d","ecosystem":"go","severity":"HIGH","references":{"cveIds":["CVE-2023-1","CVE-2023-2"],"cweIds":["CWE-617: Reachable Assertion"],"owaspIds":["A06:2021 - Vulnerable"],"urls":[]},"vulnerableDependencies":[{"name":"grav","versionSpecifier":"< 1.7.42.1"}],"safeDependencies":[{"name":"grav","versionSpecifier":"1.7.42.2"}],"reachableIf":"an admin"},"exposureType":"REACHABLE","repositoryId":"123456","matchedDependency":{"name":"grav","versionSpecifier":"1.7.42.0"},"dependencyFileLocation":{"path":"go.mod","startLine":"111","url":"https://x/go.mod#L111","startCol":"0","endLine":"0","endCol":"0"},"usages":[{"findingId":"1","location":{"path":"a.go","startLine":"24","startCol":"57","endLine":"24","endCol":"78","url":"https://x/a.go#L24"}}],"triage":{"status":"NEW","dismissReason":"UNKNOWN_REASON","issueUrl":"","prUrl":""},"groupKey":"1::ssc-1::reachable","closestSafeDependency":{"name":"grav","versionSpecifier":"1.7.42.2"},"repositoryName":"acme/shop","openedAt":"2023-07-19T12:51:53Z","firstTriagedAt":"1970-01-01T00:00:00Z","transitivity":"UNKNOWN_TRANSITIVITY","packageManager":"no_package_manager"},{"repositoryName":"a"}]}"#;

#[test]
fn a_vulnerability_becomes_a_finding() {
    let normalized = normalized(VULN);
    insta::assert_json_snapshot!(normalized);
}
