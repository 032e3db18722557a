//! How fast a report of the command line is cut into records, in both passes.
//!
//! The report is made up: 20 MB of results of 2 KB each, as logged-in scans
//! write them, in pieces of 64 KiB and of 1 MiB, as a host hands them over.

use appsec_model::DocumentHead;
use divan::{Bencher, counter::BytesCount};
use semgrep_core::DocumentReader;
use serde_json::json;

fn main() {
    divan::main();
}

const REPORT_BYTES: usize = 20 << 20;

/// The first pass alone: what a file is, and whether it is whole.
#[divan::bench(args = [64 << 10, 1 << 20], sample_count = 20)]
fn survey(bencher: Bencher<'_, '_>, piece_bytes: usize) {
    let report = report();
    bencher.counter(BytesCount::of_slice(&report)).bench(|| {
        let mut reader = DocumentReader::new(DocumentHead::default());
        first_pass(&mut reader, divan::black_box(&report), piece_bytes);
    });
}

/// Both passes.
#[divan::bench(args = [64 << 10, 1 << 20], sample_count = 20)]
fn survey_and_read(bencher: Bencher<'_, '_>, piece_bytes: usize) {
    let report = report();
    bencher.counter(BytesCount::of_slice(&report)).bench(|| {
        let mut reader = DocumentReader::new(DocumentHead::default());
        first_pass(&mut reader, divan::black_box(&report), piece_bytes);
        let read = |piece| reader.read(piece).map_or(0, |records| records.len());
        let records: usize = report.chunks(piece_bytes).map(read).sum();
        records + reader.finish().map_or(0, |records| records.len())
    });
}

fn first_pass(reader: &mut DocumentReader, report: &[u8], piece_bytes: usize) {
    for piece in report.chunks(piece_bytes) {
        if let Err(error) = reader.survey(piece) {
            unreachable!("the report is well-formed: {error}");
        }
    }
    if let Err(error) = reader.summarize() {
        unreachable!("the report is whole: {error}");
    }
}

fn report() -> Vec<u8> {
    let mut report = br#"{"version":"1.182.0","results":["#.to_vec();
    for number in 0.. {
        if report.len() > REPORT_BYTES {
            break;
        }
        if number > 0 {
            report.push(b',');
        }
        report.extend_from_slice(result(number).as_bytes());
    }
    report.extend_from_slice(br#"],"errors":[],"paths":{"scanned":["a.py"]}}"#);
    report
}

fn result(number: usize) -> String {
    let rule = number % 60;
    let position = |offset: usize| json!({ "line": number % 900 + 1, "col": offset, "offset": number * 40 + offset });
    let message = "Data from the request reaches a query without a check. An attacker who controls it can read or \
                   change records of other people.\nUse placeholders and pass the values apart from the \"text\" of \
                   the query, or check them against a list of what is allowed before they are used.";
    json!({
        "check_id": format!("javascript.express.security.audit.tainted-query-{rule}.tainted-query-{rule}"),
        "path": format!("services/shop-{}/src/controllers/orders/checkout-{}.js", number % 40, number % 700),
        "start": position(8),
        "end": position(60),
        "extra": {
            "message": message,
            "severity": "ERROR",
            "fingerprint": format!("{number:0128x}_0"),
            "lines": "    const rows = await db.query(\"SELECT * FROM orders WHERE id = \" + request.query.id);",
            "metavars": { "$QUERY": { "start": position(8), "end": position(60), "abstract_content": "db.query" } },
            "metadata": {
                "category": "security",
                "confidence": "HIGH",
                "cwe": ["CWE-89: Improper Neutralization of Special Elements used in an SQL Command"],
                "owasp": ["A01:2017 - Injection", "A03:2021 - Injection"],
                "references": ["https://owasp.org/Top10/A03_2021-Injection", "https://example.com/queries#placeholders"],
                "technology": ["express"],
                "license": "Commons Clause License Condition v1.0[LGPL-2.1-only]",
                "semgrep.dev": { "rule": { "origin": "community", "rule_id": "yyU0GX", "version_id": "3ZTkQwW" } },
                "source": "https://example.com/r/javascript.express.security.audit.tainted-query",
            },
            "is_ignored": false,
            "engine_kind": "OSS",
        },
    })
    .to_string()
}
