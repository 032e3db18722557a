//! How fast records become findings, and how fast a page is cut into records.
//!
//! The records are made up after the API reference: 2.2 KB each, about sixty
//! rules in all, as on pages of real deployments.

use appsec_model::{Deployment, FetchRequest, Kind, RawInput, RawPage, Scope};
use divan::{Bencher, counter::ItemsCount};
use semgrep_core::{
    Bucket, BucketError, Outside, Request, Response, Secret, Transport, TransportError, fetch_findings, normalize,
};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Normalizes one page, as the host does after each fetch.
#[divan::bench(args = [100, 500], consts = [false, true])]
fn normalize_page<const SCA: bool>(bencher: Bencher<'_, '_>, records: usize) {
    let kind = if SCA { Kind::Sca } else { Kind::Sast };
    let input = RawInput::Records(fetch(&page(records, &kind), &kind).records);
    bencher.counter(ItemsCount::new(records)).bench(|| normalize(divan::black_box(&input)));
}

/// Fetches one page from memory: what is left is cutting it into records.
#[divan::bench(args = [100, 500])]
fn fetch_page(bencher: Bencher<'_, '_>, records: usize) {
    let page = page(records, &Kind::Sast);
    bencher.counter(ItemsCount::new(records)).bench(|| fetch(divan::black_box(&page), &Kind::Sast));
}

/// One call of `fetch-findings` that is answered with this page.
fn fetch(page: &[u8], kind: &Kind) -> RawPage {
    let request = FetchRequest { kind: kind.clone(), scope: Scope::Deployment, since: None, cursor: None };
    let secret = Secret::new("token");
    let mut outside = Outside { transport: &mut Canned(page), bucket: &mut Configured, secret: secret.as_ref() };
    match fetch_findings(&request, &mut outside) {
        Ok(page) => page,
        Err(error) => unreachable!("the page is well-formed: {error}"),
    }
}

struct Canned<'a>(&'a [u8]);

impl Transport for Canned<'_> {
    fn send(&mut self, _: &Request<'_>) -> Result<Response, TransportError> {
        Ok(Response { status: 200, body: self.0.to_vec(), ..Response::default() })
    }
}

struct Configured;

impl Bucket for Configured {
    fn get(&mut self, _: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let deployment = Deployment { id: "1".to_owned(), slug: "acme".to_owned(), name: None };
        let stored = json!({ "version": 1, "settings": { "branches": "all" }, "deployment": deployment });
        Ok(Some(stored.to_string().into_bytes()))
    }

    fn set(&mut self, _: &str, _: &[u8]) -> Result<(), BucketError> {
        Ok(())
    }
}

/// An answer of the findings endpoint with so many records.
fn page(records: usize, kind: &Kind) -> Vec<u8> {
    let findings: Vec<Value> = (0..records).map(|number| record(number, kind)).collect();
    json!({ "findings": findings }).to_string().into_bytes()
}

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

fn record(number: usize, kind: &Kind) -> Value {
    let rule = number % 60;
    let name = format!("javascript.express.security.audit.tainted-query-{rule}.tainted-query-{rule}");
    let message = format!(
        "Data from the request reaches query {rule} without a check. An attacker who controls it can read or change \
         records of other people. Use placeholders and pass the values apart from the text of the query, or check \
         them against a list of what is allowed before they are used."
    );
    let path = format!("services/shop-{}/src/controllers/orders/checkout-{number}.js", number % 40);
    let mut record = json!({
        "id": 73_000_000 + number,
        "ref": "refs/heads/main",
        "first_seen_scan_id": 30_400_000 + number % 7,
        "syntactic_id": format!("{number:032x}"),
        "match_based_id": format!("{number:0128x}_0"),
        "external_ticket": null,
        "review_comments": [],
        "repository": {
            "name": format!("acme/shop-{}", number % 40),
            "url": format!("https://github.example/acme/shop-{}", number % 40),
        },
        "line_of_code_url": format!("https://github.example/acme/shop/blob/{:040x}/{path}#L120", number % 40),
        "triage_state": "untriaged",
        "state": "unresolved",
        "status": "open",
        "severity": SEVERITIES.get(number % SEVERITIES.len()),
        "confidence": "medium",
        "categories": ["security"],
        "created_at": "2025-11-18T23:28:12.391807Z",
        "relevant_since": "2025-11-18T23:28:12.391807Z",
        "rule_name": name,
        "rule_message": message,
        "location": { "file_path": path, "line": 120, "column": 8, "end_line": 124, "end_column": 16 },
        "triaged_at": null,
        "triage_comment": null,
        "triage_reason": null,
        "state_updated_at": "2025-11-19T23:28:12.391807Z",
        "rule": {
            "name": name,
            "message": message,
            "confidence": "medium",
            "category": "security",
            "subcategories": ["vuln"],
            "vulnerability_classes": ["SQL Injection"],
            "cwe_names": ["CWE-89: Improper Neutralization of Special Elements used in an SQL Command"],
            "owasp_names": ["A01:2017 - Injection", "A03:2021 - Injection"],
        },
    });
    let more = match kind {
        Kind::Sca => json!({
            "vulnerability_identifier": format!("CVE-2025-{}", 1000 + rule),
            "reachability": "always reachable",
            "reachable_condition": null,
            "found_dependency": {
                "package": format!("@acme/library-{rule}"),
                "version": "2.29.2",
                "ecosystem": "npm",
                "transitivity": "transitive",
                "lockfile_line_url": format!("https://github.example/acme/shop/blob/main/package-lock.json#L{number}"),
            },
            "fix_recommendations": [{ "package": format!("@acme/library-{rule}"), "version": "2.29.4" }],
            "usage": null,
            "epss_score": { "score": 0.0123, "percentile": 0.87 },
            "is_malicious": false,
        }),
        _ => json!({
            "sourcing_policy": { "id": 120, "name": "Default Policy", "slug": "default-policy" },
            "assistant": {
                "autotriage": { "verdict": "true_positive", "reason": "" },
                "component": { "tag": "user data", "risk": "high" },
            },
        }),
    };
    if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
        record.extend(more);
    }
    record
}
