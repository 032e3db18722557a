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
    let findings: Vec<String> = (0..records).map(|number| record(number, kind)).collect();
    format!("{{\"findings\":[{}]}}", findings.join(",")).into_bytes()
}

/// A record with its fields in the vendor's order, which a JSON object of
/// `serde_json` would not keep.
fn record(number: usize, kind: &Kind) -> String {
    let mut fields = shared_fields(number);
    fields.extend(match kind {
        Kind::Sca => sca_fields(number),
        _ => sast_fields(),
    });
    let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

fn shared_fields(number: usize) -> Vec<(&'static str, Value)> {
    let rule = number % 60;
    let shop = number % 40;
    let name = format!("javascript.express.security.audit.tainted-query-{rule}.tainted-query-{rule}");
    let message = format!(
        "Data from the request reaches query {rule} without a check. An attacker who controls it can read or change \
         records of other people. Use placeholders and pass the values apart from the text of the query, or check \
         them against a list of what is allowed before they are used."
    );
    let path = format!("services/shop-{shop}/src/controllers/orders/checkout-{number}.js");
    let url = format!("https://github.example/acme/shop-{shop}");
    vec![
        ("id", json!(73_000_000 + number)),
        ("ref", json!("refs/heads/main")),
        ("first_seen_scan_id", json!(30_400_000 + number % 7)),
        ("syntactic_id", json!(format!("{number:032x}"))),
        ("match_based_id", json!(format!("{number:0128x}_0"))),
        ("external_ticket", json!(null)),
        ("review_comments", json!([])),
        ("repository", json!({ "name": format!("acme/shop-{shop}"), "url": url })),
        ("line_of_code_url", json!(format!("{url}/blob/{shop:040x}/{path}#L120"))),
        ("triage_state", json!("untriaged")),
        ("state", json!("unresolved")),
        ("status", json!("open")),
        ("severity", json!(SEVERITIES.get(number % SEVERITIES.len()))),
        ("confidence", json!("medium")),
        ("categories", json!(["security"])),
        ("created_at", json!("2025-11-18T23:28:12.391807Z")),
        ("relevant_since", json!("2025-11-18T23:28:12.391807Z")),
        ("rule_name", json!(name)),
        ("rule_message", json!(message)),
        ("location", json!({ "file_path": path, "line": 120, "column": 8, "end_line": 124, "end_column": 16 })),
        ("triaged_at", json!(null)),
        ("triage_comment", json!(null)),
        ("triage_reason", json!(null)),
        ("state_updated_at", json!("2025-11-19T23:28:12.391807Z")),
        (
            "rule",
            json!({
                "name": name,
                "message": message,
                "confidence": "medium",
                "category": "security",
                "subcategories": ["vuln"],
                "vulnerability_classes": ["SQL Injection"],
                "cwe_names": ["CWE-89: Improper Neutralization of Special Elements used in an SQL Command"],
                "owasp_names": ["A01:2017 - Injection", "A03:2021 - Injection"],
            }),
        ),
    ]
}

fn sast_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("sourcing_policy", json!({ "id": 120, "name": "Default Policy", "slug": "default-policy" })),
        (
            "assistant",
            json!({
                "autotriage": { "verdict": "true_positive", "reason": "" },
                "component": { "tag": "user data", "risk": "high" },
            }),
        ),
    ]
}

fn sca_fields(number: usize) -> Vec<(&'static str, Value)> {
    let library = format!("@acme/library-{}", number % 60);
    let lockfile = format!("https://github.example/acme/shop/blob/main/package-lock.json#L{number}");
    vec![
        ("vulnerability_identifier", json!(format!("CVE-2025-{}", 1000 + number % 60))),
        ("reachability", json!("always reachable")),
        ("reachable_condition", json!(null)),
        (
            "found_dependency",
            json!({
                "package": library,
                "version": "2.29.2",
                "ecosystem": "npm",
                "transitivity": "transitive",
                "lockfile_line_url": lockfile,
            }),
        ),
        ("fix_recommendations", json!([{ "package": library, "version": "2.29.4" }])),
        ("usage", json!(null)),
        ("epss_score", json!({ "score": 0.0123, "percentile": 0.87 })),
        ("is_malicious", json!(false)),
    ]
}
