//! How fast each format is written: items are findings.

use std::io;

use appsec_exports::{Exported, Exporter, Format, Options};
use appsec_model::{
    Cwe, Finding, Identity, Kind, Lifecycle, Location, ProjectRef, Rule, ScanState, Severity, Status, Timestamp,
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const FINDINGS: u64 = 10_000;

fn finding(at: u64) -> Exported {
    let rule = Rule {
        id: format!("rule-{}", at % 200),
        name: Some("SQL injection".to_owned()),
        message: Some("User input reaches a query. ".repeat(8)),
        category: Some("security".to_owned()),
        cwes: vec![Cwe { number: Some(89), name: None, text: "CWE-89".to_owned() }],
        ..Rule::default()
    };
    let finding = Finding {
        index: 0,
        id: at.to_string(),
        identity: Identity { key: format!("{at:032x}"), algorithm: "bench-v1".to_owned(), aliases: Vec::new() },
        kind: Kind::Sast,
        project: ProjectRef::default(),
        repository_url: Some("https://git.example/acme/shop".to_owned()),
        r#ref: Some("main".to_owned()),
        title: "SQL injection".to_owned(),
        message: None,
        rule_id: Some(rule.id.clone()),
        severity: Severity::High,
        vendor_severity: None,
        confidence: None,
        categories: Vec::new(),
        security: Some(true),
        location: Some(Location {
            path: format!("src/app/handlers/file_{}.py", at % 997),
            start_line: Some(7),
            ..Location::default()
        }),
        code_url: None,
        snippet: Some("cursor.execute(\"SELECT * FROM orders WHERE id = \" + request.args[\"id\"])".to_owned()),
        flow: Vec::new(),
        suggested_fix: None,
        dependency: None,
        secret: None,
        lifecycle: Lifecycle { scan_state: Some(ScanState::Unresolved), status: Status::Open, ..Lifecycle::default() },
        assistance: None,
        policy: None,
        tickets: Vec::new(),
        review_comments: Vec::new(),
        fix_requests: Vec::new(),
        fix_failures: Vec::new(),
        first_seen_scan: None,
    };
    Exported {
        id: format!("{at:016x}"),
        instance: "code".to_owned(),
        tool: "scanner".to_owned(),
        project: "acme/shop".to_owned(),
        repository: Some(format!("acme/shop-{}", at * 20 / FINDINGS)),
        environment: None,
        status: "open".to_owned(),
        priority: 70,
        cvss: None,
        epss: None,
        kev: false,
        first_seen_at: NOW,
        ingested_at: NOW,
        closed_at: None,
        last_seen_at: NOW,
        changed_at: NOW,
        occurrences: 1,
        finding,
        rule: Some(rule),
        ratings: None,
        commit: None,
        decision: None,
        issue: None,
        is_new: None,
    }
}

#[divan::bench(args = Format::ALL)]
fn findings_of_code(bencher: Bencher<'_, '_>, format: Format) {
    let findings: Vec<Exported> = (0..FINDINGS).map(finding).collect();
    let options = Options { moment: NOW, owner: "acme".to_owned(), ..Options::default() };
    bencher.counter(ItemsCount::new(FINDINGS)).with_inputs(|| findings.clone()).bench_values(|findings| {
        let Ok(mut exporter) = Exporter::begin(format, &options, io::sink()) else { unreachable!("a sink takes all") };
        for it in findings {
            if let Err(error) = exporter.finding(it) {
                unreachable!("a sink takes all: {error}");
            }
        }
        exporter.end().ok()
    });
}
