use appsec_model::{Severity, Status};
use serde_json::{Value, json};

use super::rating;
use crate::{Options, read};

#[test]
fn the_newest_method_rates() {
    for (ratings, severity, word) in [
        (
            json!([{"method": "CVSSv2", "severity": "high", "score": 7.5}, {"method": "CVSSv31", "severity": "medium", "score": 6.1}]),
            Severity::Medium,
            Some("medium, CVSSv31 6.1"),
        ),
        (
            json!([{"method": "CVSSv31", "score": 9.8}, {"method": "other", "severity": "low"}]),
            Severity::Critical,
            Some("CVSSv31 9.8"),
        ),
        (json!([{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]), Severity::Critical, Some("CVSS 3.1 9.8")),
        (json!([{"method": "CVSSv31", "severity": "unknown"}, {"severity": "low"}]), Severity::Low, Some("low")),
        (
            json!([{"source": {"name": "EPSS"}, "method": "other", "score": 0.5, "severity": "high"}]),
            Severity::Unknown,
            None,
        ),
        (json!([{"method": "CVSSv31", "score": 99}, {"vector": "nonsense"}, null]), Severity::Unknown, None),
    ] {
        let found = rating::severity(&json!({"ratings": ratings}));
        assert_eq!((found.0, found.1.as_deref()), (severity, word), "{ratings}");
    }
}

#[test]
fn the_rating_of_the_own_source_comes_before_a_worse_one() {
    let vulnerability = json!({"source": {"name": "NVD"}, "ratings": [
        {"source": {"name": "other"}, "method": "CVSSv31", "severity": "critical"},
        {"source": {"name": "NVD"}, "method": "CVSSv31", "severity": "high"},
    ]});
    assert_eq!(rating::severity(&vulnerability).0, Severity::High);
}

#[test]
fn every_listed_version_is_read() {
    for version in super::VERSIONS {
        let file =
            json!({"bomFormat": "CycloneDX", "specVersion": version, "components": [{"type": "library", "name": "a"}]});
        let file = file.to_string();
        let report = read(file.as_bytes(), &Options::default()).unwrap();
        assert_eq!((report.head.format_version.as_deref(), report.normalized.packages.len()), (Some(version), 1));
    }
}

#[test]
fn every_state_has_its_status() {
    let status = |analysis: Value| {
        let file = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [
            {"id": "CVE-2020-12345", "analysis": analysis, "affects": [{"ref": "pkg:npm/a@1"}]}]});
        let file = file.to_string();
        let report = read(file.as_bytes(), &Options::default()).unwrap().normalized;
        report.findings[0].lifecycle.status.clone()
    };
    for (state, expect) in [
        ("resolved", Status::Fixed),
        ("resolved_with_pedigree", Status::Fixed),
        ("exploitable", Status::Open),
        ("in_triage", Status::Reviewing),
        ("false_positive", Status::Ignored),
        ("not_affected", Status::Ignored),
        ("something", Status::Open),
    ] {
        assert_eq!(status(json!({"state": state})), expect, "{state}");
    }
    assert_eq!(status(json!(null)), Status::Open);
}

#[test]
fn a_key_that_a_component_describes_is_not_kept() {
    let key = json!({"type": "cryptographic-asset", "name": "key", "bom-ref": "k", "cryptoProperties": {
        "assetType": "related-crypto-material",
        "relatedCryptoMaterialProperties": {"type": "private-key", "value": "pLtXq7Zk2Wv9Rb4Hd", "size": 128}}});
    for components in [json!([key]), json!([{"type": "library", "name": "a", "components": [key]}])] {
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}).to_string();
        let report = format!("{:?}", read(bom.as_bytes(), &Options::default()).unwrap());
        assert!(!report.contains("pLtXq7Zk2Wv9Rb4Hd") && report.contains("private-key"), "{report}");
    }
}
