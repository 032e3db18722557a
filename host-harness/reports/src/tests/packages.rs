//! Packages and advisories, wherever scanners put them.

use std::collections::BTreeSet;

use appsec_model::{Finding, Fix};
use serde_json::{Value, json};

use super::scanners::{at, sarif};
use crate::{Options, read};

/// Package, version, advisories and fixes of a finding.
fn shown(finding: &Finding) -> String {
    let Some(it) = &finding.dependency else { return format!("{} without a package", finding.kind) };
    let numbers: Vec<&str> = it.advisories.iter().map(|it| it.id.as_str()).collect();
    let fixes: Vec<&str> = match &it.fix {
        Fix::Upgrades { upgrades } => upgrades.iter().map(|it| it.version.as_str()).collect(),
        Fix::NoneKnown | Fix::NotSaid => Vec::new(),
    };
    let version = it.package.version.as_deref().map(|it| format!("@{it}")).unwrap_or_default();
    let named = || format!("{}{version} ({})", it.package.name, it.package.ecosystem);
    let purl = it.package.purl.clone().unwrap_or_else(named);
    format!("{purl} {} -> {}", numbers.join(" "), fixes.join(" "))
}

#[test]
fn a_package_is_found_wherever_a_scanner_puts_it() {
    let help = "Vulnerability CVE-2021-23337\nSeverity: high\nPackage: lodash\nVersion: 4.17.20\nFix Version: 4.17.21\nType: npm";
    for (rule, result, expect) in [
        // govulncheck
        (
            json!({"id": "GO-2023-1571", "properties": {"tags": ["CVE-2022-41723", "GHSA-vvpx-j8f3-3w6h"]}}),
            json!({"message": {"text": "Your code calls vulnerable functions in 1 package (golang.org/x/net)."}, "locations": at("main.go", 3)}),
            "pkg:golang/golang.org/x/net GO-2023-1571 CVE-2022-41723 GHSA-vvpx-j8f3-3w6h -> ",
        ),
        (
            json!({"id": "GO-2023-1571", "properties": {"tags": ["CVE-2022-41723"]}}),
            json!({"message": {"text": "Your code calls vulnerable functions in 2 packages (golang.org/x/net/http2 and golang.org/x/net/html)."},
                "codeFlows": [{"threadFlows": [{"locations": [{"module": "shop@", "location": {}},
                    {"module": "golang.org/x/net@v0.5.0", "location": {}}]}]}]}),
            "pkg:golang/golang.org/x/net@v0.5.0 GO-2023-1571 CVE-2022-41723 -> ",
        ),
        (
            json!({"id": "GO-2021-0113"}),
            json!({"message": {"text": "Your code depends on 1 vulnerable module (golang.org/x/text), but doesn't appear to call any of the vulnerable symbols."},
                "stacks": [{"frames": [{"module": "golang.org/x/text@v0.3.0"}]}]}),
            "pkg:golang/golang.org/x/text@v0.3.0 GO-2021-0113 -> ",
        ),
        // Grype, as it was and as it is
        (
            json!({"id": "CVE-2021-23337-lodash", "help": {"text": help}}),
            json!({"message": {"text": "See help."}, "locations": at("app/lodash.js", 1)}),
            "pkg:npm/lodash@4.17.20 CVE-2021-23337 -> 4.17.21",
        ),
        (
            json!({"id": "CVE-2021-23337-lodash"}),
            json!({"message": {"text": "The path a.js reports lodash at version 4.17.20  which would result in a vulnerable (npm) package installed"}}),
            "pkg:npm/lodash@4.17.20 CVE-2021-23337 -> ",
        ),
        (
            json!({"id": "GHSA-35jh-r3h4-6jhm-lodash", "properties": {"purls": ["pkg:npm/lodash@4.17.20"]}}),
            json!({"message": {"text": "A high vulnerability in npm package: lodash, version 4.17.20 was found at: /a"}}),
            "pkg:npm/lodash@4.17.20 GHSA-35jh-r3h4-6jhm -> ",
        ),
        // Black Duck
        (
            json!({"id": "BDSA-2021-0375 (CVE-2021-23337)"}),
            json!({"message": {"text": "Command injection"}, "properties":
                {"component": "lodash", "componentVersion": "4.17.20", "componentOrigin": "npmjs"}}),
            "pkg:npm/lodash@4.17.20 BDSA-2021-0375 CVE-2021-23337 -> ",
        ),
        // Dependency-Track
        (
            json!({"id": "CVE-2022-1471"}),
            json!({"message": {"text": "Unsafe"}, "properties": {"name": "snakeyaml", "group": "org.yaml", "version": "1.30",
                "ecosystem": "maven", "aliases": [{"ghsaId": "GHSA-mjmj-j48q-9wg2"}]}}),
            "pkg:maven/org.yaml/snakeyaml@1.30 CVE-2022-1471 GHSA-mjmj-j48q-9wg2 -> ",
        ),
        // Snyk
        (
            json!({"id": "SNYK-JS-LODASH-1040724", "properties": {"tags": ["security", "npm"], "identifiers": {"CVE": ["CVE-2021-23337"]}}}),
            json!({"message": {"text": "This file introduces a vulnerable lodash package."},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": "lodash@4.17.20"}]}]}),
            "pkg:npm/lodash@4.17.20 SNYK-JS-LODASH-1040724 CVE-2021-23337 -> ",
        ),
        // Snyk, with a package's name in nothing but descriptions, and the fix
        (
            json!({"id": "SNYK-JS-LODASH-567746", "fullDescription": {"text": "(CVE-2020-8203) lodash@4.17.15"},
                "help": {"text": "", "markdown": "* Package Manager: npm\n* Vulnerable module: lodash"}}),
            json!({"message": {"text": "This file introduces a vulnerable lodash package."},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": "lodash@4.17.15"}]}],
                "fixes": [{"description": {"text": "Upgrade to lodash@4.17.17"}}]}),
            "pkg:npm/lodash@4.17.15 SNYK-JS-LODASH-567746 CVE-2020-8203 -> 4.17.17",
        ),
        // The help names the package, and the description its version.
        (
            json!({"id": "SNYK-JS-MINIMIST-559764", "fullDescription": {"text": "(CVE-2020-7598) minimist@1.2.0"},
                "help": {"text": "", "markdown": "* Package Manager: npm\n* Vulnerable module: minimist"}}),
            json!({"message": {"text": "This file introduces a vulnerable minimist package."}, "locations": at("package.json", 1)}),
            "pkg:npm/minimist@1.2.0 SNYK-JS-MINIMIST-559764 CVE-2020-7598 -> ",
        ),
        (
            json!({"id": "SNYK-PYTHON-PY-1049546", "fullDescription": {"text": "(CVE-2020-29651) py@1.8.0"}, "properties": {"tags": ["pip"]}}),
            json!({"message": {"text": "This file introduces a vulnerable py package."}}),
            "pkg:pypi/py@1.8.0 SNYK-PYTHON-PY-1049546 CVE-2020-29651 -> ",
        ),
        // Snyk Container
        (
            json!({"id": "SNYK-DEBIAN11-OPENSSL-2807589", "fullDescription": {"text": "(CVE-2022-1292) openssl/libssl1.1@1.1.1n-0+deb11u1"},
                "help": {"text": "", "markdown": "* Package Manager: deb\n* Vulnerable module: openssl\n## Remediation\nUpgrade `Debian:11` `openssl` to version 1.1.1n-0+deb11u2 or higher."}}),
            json!({"message": {"text": "This file introduces a vulnerable openssl package with a critical severity vulnerability."},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": "library_nginx"}},
                    "logicalLocations": [{"fullyQualifiedName": "openssl/libssl1.1@1.1.1n-0+deb11u1"}]}]}),
            "openssl@1.1.1n-0+deb11u1 (deb) SNYK-DEBIAN11-OPENSSL-2807589 CVE-2022-1292 -> 1.1.1n-0+deb11u2",
        ),
        // govulncheck, of the standard library
        (
            json!({"id": "GO-2023-1570", "properties": {"tags": ["CVE-2022-41724"]}}),
            json!({"message": {"text": "Your code calls vulnerable functions in 1 package (crypto/tls)."},
                "stacks": [{"frames": [{"module": "shop@", "location": {}}, {"module": "stdlib@go1.20.0", "location": {}}]}]}),
            "stdlib@1.20.0 (go) GO-2023-1570 CVE-2022-41724 -> ",
        ),
        (
            json!({"id": "GO-2023-1570"}),
            json!({"message": {"text": "Your code imports 1 vulnerable package (net/http), but doesn't appear to call any of the vulnerable symbols."}}),
            "stdlib (go) GO-2023-1570 -> ",
        ),
        // Dependency-Check
        (
            json!({"id": "CVE-2017-10355", "shortDescription": {"text": "Medium severity - CVE-2017-10355 Deadlock vulnerability in pkg:maven/xerces/xercesImpl@2.12.2"}}),
            json!({"message": {"text": "Deadlock"}, "locations": at("file:///x/lib/xercesImpl-2.12.2.jar", 1)}),
            "pkg:maven/xerces/xercesImpl@2.12.2 CVE-2017-10355 -> ",
        ),
        (
            json!({"id": "CVE-2021-44228"}),
            json!({"message": {"text": "Lookup"}, "locations": at("lib/log4j-core-2.14.1.jar", 1)}),
            "log4j-core@2.14.1 (maven) CVE-2021-44228 -> ",
        ),
        (
            json!({"id": "CVE-2021-44228"}),
            json!({"message": {"text": "Lookup"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "pkg:maven/a/b@1.2"}}}]}),
            "pkg:maven/a/b@1.2 CVE-2021-44228 -> ",
        ),
        (
            json!({"id": "CVE-2021-44228"}),
            json!({"message": {"text": "Lookup"}, "locations": [{"logicalLocations": [{"fullyQualifiedName": "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*"}]}]}),
            "log4j@2.14.1 (unknown) CVE-2021-44228 -> ",
        ),
        (
            json!({"id": "CVE-2021-44228"}),
            json!({"message": {"text": "Component: log4j-core 2.14.1\nFixed Versions: 2.15.0, 2.16.0"}}),
            "log4j-core@2.14.1 (unknown) CVE-2021-44228 -> 2.15.0 2.16.0",
        ),
        (
            json!({"id": "BDSA-2021-0375", "properties": {"tags": ["npm"]}}),
            json!({"message": {"text": "Command injection"}, "locations": [{"logicalLocations": [{"name": "lodash/4.17.20"}]}]}),
            "pkg:npm/lodash@4.17.20 BDSA-2021-0375 -> ",
        ),
        // OSV-Scanner
        (
            json!({"id": "CVE-2021-23337", "deprecatedIds": ["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"],
                "help": {"text": "", "markdown": "### Fixed Versions\n| Vulnerability ID | Package Name | Fixed Version |\n| --- | --- | --- |\n| GHSA-35jh-r3h4-6jhm | lodash | 4.17.21 |"}}),
            json!({"message": {"text": "Package 'lodash@4.17.20' is vulnerable to 'CVE-2021-23337' (also known as 'GHSA-35jh-r3h4-6jhm')."}, "locations": at("package-lock.json", 1)}),
            "pkg:npm/lodash@4.17.20 CVE-2021-23337 GHSA-35jh-r3h4-6jhm -> 4.17.21",
        ),
        // Xray
        (
            json!({"id": "CVE-2021-44228_org.apache.logging.log4j:log4j-core_2.14.1"}),
            json!({"message": {"text": "[CVE-2021-44228] org.apache.logging.log4j:log4j-core 2.14.1"},
                "locations": at("pom.xml", 12), "properties": {"fixedVersion": "[2.15.0]"}}),
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 CVE-2021-44228 -> 2.15.0",
        ),
        // Docker Scout
        (
            json!({"id": "CVE-2023-0286", "properties": {"fixed_version": "1.1.1n-0+deb11u4"}}),
            json!({"message": {"text": "\n  Vulnerability   : CVE-2023-0286\n  Package         : pkg:deb/debian/openssl@1.1.1n-0?os_name=debian\n"}}),
            "pkg:deb/debian/openssl@1.1.1n-0?os_name=debian CVE-2023-0286 -> 1.1.1n-0+deb11u4",
        ),
        // cargo-audit
        (
            json!({"id": "RUSTSEC-2021-0073", "properties": {"tags": ["security", "cargo"]}}),
            json!({"message": {"text": "prost-types 0.7.0 is vulnerable to RUSTSEC-2021-0073 (overflow)"}, "locations": at("Cargo.lock", 1)}),
            "pkg:cargo/prost-types@0.7.0 RUSTSEC-2021-0073 -> ",
        ),
        // Checkov
        (
            json!({"id": "CKV_CVE_2020_29651", "shortDescription": {"text": "CVE-2020-29651 - py: 1.8.0"}}),
            json!({"message": {"text": "CVE-2020-29651 - py: 1.8.0"}, "locations": at("requirements.txt", 3)}),
            "pkg:pypi/py@1.8.0 CVE-2020-29651 -> ",
        ),
        // Clair
        (
            json!({"id": "CVE-2022-0778"}),
            json!({"message": {"text": "[libssl1.1 - 1.1.1k-r0 - High] \"An infinite loop.\""}}),
            "libssl1.1@1.1.1k-r0 (unknown) CVE-2022-0778 -> ",
        ),
        // Objects for packages and advisories
        (
            json!({"id": "V-1"}),
            json!({"message": {"text": "Old"}, "properties": {"component": {"name": "lodash", "version": "4.17.20", "type": "npm"},
                "vulnerability": {"vulnId": "CVE-2021-23337"}, "fixedVersions": ["4.17.21"]}}),
            "pkg:npm/lodash@4.17.20 CVE-2021-23337 -> 4.17.21",
        ),
        // A number in a message may be about something else.
        (
            json!({"id": "r"}),
            json!({"message": {"text": "Package: lodash\nInstalled Version: 1\nsee CVE-2021-23337"}}),
            "sast without a package",
        ),
        // A rule's own name and version are no package's.
        (
            json!({"id": "CVE-2021-23337", "properties": {"name": "check", "version": "2.0"}}),
            json!({"message": {"text": "Old jquery"}}),
            "sast without a package",
        ),
    ] {
        let mut result = result;
        result["ruleId"] = rule["id"].clone();
        let (findings, _) = sarif(&json!([rule]), &json!([result]));
        assert_eq!(shown(&findings[0]), expect, "{rule}");
    }
}

#[test]
fn a_scan_in_two_formats_of_one_tool_is_the_same_findings() {
    let sarif = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "osv-scanner", "rules": [
        {"id": "CVE-2021-23337", "deprecatedIds": ["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"]}]}}, "results": [
        {"ruleId": "CVE-2021-23337", "message": {"text": "Package 'lodash@4.17.20' is vulnerable to 'CVE-2021-23337'."},
            "locations": at("web/package-lock.json", 1)}]}]});
    let osv = json!({"results": [{"source": {"path": "web/package-lock.json", "type": "lockfile"}, "packages": [{
        "package": {"name": "lodash", "version": "4.17.20", "ecosystem": "npm"},
        "vulnerabilities": [{"id": "GHSA-35jh-r3h4-6jhm", "aliases": ["CVE-2021-23337"]}],
        "groups": [{"ids": ["GHSA-35jh-r3h4-6jhm"], "aliases": ["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"]}]}]}]});
    let names = |document: &Value| -> BTreeSet<String> {
        let text = document.to_string();
        let found = read(text.as_bytes(), &Options::default()).unwrap().normalized.findings.remove(0);
        std::iter::once(found.identity.key).chain(found.identity.aliases).collect()
    };
    assert_eq!(names(&sarif), names(&osv));
}

#[test]
fn a_word_is_no_version_that_mends() {
    let fixed = |version: &str| {
        let text = format!("Package: curl\nInstalled Version: 7.88.1\nFixed version: {version}");
        let results =
            json!([{"ruleId": "CVE-2024-10001", "message": {"text": text}, "locations": at("Dockerfile", 1)}]);
        sarif(&json!([{"id": "CVE-2024-10001"}]), &results).0[0].dependency.clone().unwrap().fix
    };
    assert_eq!(fixed("not fixed"), Fix::NoneKnown);
    assert!(matches!(fixed("8.0.0"), Fix::Upgrades { .. }));
}

#[test]
fn a_package_of_osv_scanner_may_be_known_by_its_commit() {
    let commit = "9a6bd55c9d0722cb101fe85a3b22d89e4ff4fe52";
    let text = json!({"results": [{"source": {"path": "/src/third_party/zlib", "type": "git"}, "packages": [{
        "package": {"name": "", "version": "", "ecosystem": "", "commit": commit},
        "vulnerabilities": [{"id": "OSV-2020-1", "affected": [{"database_specific": {"cwes": [{"cweId": "CWE-787"}]}}]}]}]}]});
    let text = text.to_string();
    let report = read(text.as_bytes(), &Options::default()).unwrap().normalized;
    let package = &report.packages[0].package;
    assert_eq!(
        (package.name.as_str(), package.version.as_deref(), package.ecosystem.as_str()),
        ("zlib", Some(commit), "GIT")
    );
    assert_eq!((report.findings.len(), report.rules[0].cwes[0].number), (1, Some(787)));
}
