//! Measures how long the first page of each view takes, over a tenant with
//! 200,000 findings of all kinds, and prints a table.
//!
//! ```text
//! cargo bench --package tests --bench views              # about a minute
//! cargo bench --package tests --bench views -- --findings 20000
//! ```
//!
//! A page of fifty rows with its count, as `--json` prints it, is to take no
//! more than 50 ms. The second column is the first page of a connection that
//! was just opened, the third one the median of several rounds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made may fail loudly")]

use std::time::{Duration, Instant};

use appsec_model::Severity;
use appsec_store::{FindingStore, QueryStore};
use host_harness::store::{
    ACTIVE, CoverageOptions, DashboardFilter, Filter, IssueFilter, PackageFilter, Period, ProjectFilter, Sort,
};
use serde_json::json;
use tests::{TestContext, settings};
use vendor_sim::WorldShape;

/// Rounds of a measurement.
const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo clippy` must not measure anything.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let given = arguments.iter().position(|argument| argument == "--findings");
    let findings = given.map_or(200_000, |position| arguments[position + 1].parse().unwrap());

    let context = TestContext::new(WorldShape { damaged_per_10_000: 0, ..WorldShape::with_findings(findings) });
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let kinds = settings(json!({ "kinds": ["sast", "sca", "ai-sast", "secrets"] }));
    let tenant = tokio.block_on(async {
        let (tenant, _) = context.connected("acme", kinds).await;
        let started = Instant::now();
        let run = context.sync(&tenant).await.unwrap();
        let synced = started.elapsed();
        println!("| view | first page | median |");
        println!("|---|---|---|");
        println!("| (sync and refresh of {} findings) | {} | |", run.counts.findings, shown(synced));
        tenant
    });
    let path = tenant.folder().join("store.sqlite3");
    let now = context.harness.now();
    let show = |what: &str, read: &dyn Fn(&dyn QueryStore)| {
        let time = |store: &dyn QueryStore| {
            let started = Instant::now();
            read(store);
            started.elapsed()
        };
        let first = time(&FindingStore::open(&path, tenant.id()).unwrap());
        let store = FindingStore::open(&path, tenant.id()).unwrap();
        let mut times: Vec<Duration> = (0..ROUNDS).map(|_| time(&store)).collect();
        times.sort();
        println!("| {what} | {} | {} |", shown(first), shown(times[ROUNDS / 2]));
    };

    let usual = || Filter {
        statuses: ACTIVE.map(str::to_owned).to_vec(),
        security: Some(true),
        limit: 50,
        ..Filter::default()
    };
    let of = |kinds: &[&str], filter: Filter| Filter {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        facts: kinds == ["sca"] || kinds == ["secrets"],
        ..filter
    };
    let text = |text: &str| Some(text.to_owned());
    let weaknesses: &[&str] = &["sast", "ai-sast"];
    let some = FindingStore::open(&path, tenant.id()).unwrap().view(&of(&["sca"], usual())).unwrap();
    let (row, next) = (some.rows[0].clone(), some.next);
    let in_production = ProjectFilter { environments: vec!["production".to_owned()], ..ProjectFilter::default() };
    let pages = [
        ("findings", usual()),
        ("vulnerabilities", of(&["sca"], usual())),
        ("… the second page", of(&["sca"], Filter { after: next, ..usual() })),
        ("weaknesses", of(weaknesses, usual())),
        ("secrets", of(&["secrets"], usual())),
        ("findings --project", Filter { project: Some(row.project.clone()), ..usual() }),
        ("findings --environment production (none)", Filter { scope: in_production, ..usual() }),
        ("findings --min-severity high", Filter { min_severity: Some(Severity::High), ..usual() }),
        ("findings --status fixed", Filter { statuses: vec!["fixed".to_owned()], ..usual() }),
        ("findings --include-closed --include-non-security", Filter { limit: 50, ..Filter::default() }),
        ("findings --sort changed", Filter { sort: Sort::Changed, ..usual() }),
        ("findings --sort path", Filter { sort: Sort::Path, ..usual() }),
        ("findings --changed-since 1d", {
            let since = appsec_model::Timestamp::from_micros(now.as_micros() - 86_400_000_000);
            Filter { changed: Period { since: Some(since), until: None }, ..usual() }
        }),
        ("vulnerabilities --reachability reachable", {
            of(&["sca"], Filter { reachability: vec!["reachable".to_owned()], ..usual() })
        }),
        ("vulnerabilities --identifier CVE", {
            of(&["sca"], Filter { identifier: row.advisories.first().cloned(), ..usual() })
        }),
        ("vulnerabilities --fix-available", of(&["sca"], Filter { fix_available: true, ..usual() })),
        ("weaknesses --cwe 79", of(weaknesses, Filter { cwes: vec![79], ..usual() })),
        ("weaknesses --cwe 1 (none)", of(weaknesses, Filter { cwes: vec![1], ..usual() })),
        ("weaknesses --top25", of(weaknesses, Filter { top25: Some(Default::default()), ..usual() })),
        ("findings --text (none)", Filter { text: text("nothing like it"), ..usual() }),
    ];
    for (what, filter) in pages {
        show(what, &|store| drop(store.view(&filter).unwrap()));
    }
    let packages = PackageFilter { limit: 50, ..PackageFilter::default() };
    show("packages", &|store| drop(store.packages(&packages).unwrap()));
    let issues = IssueFilter { open: Some(true), security: Some(true), limit: 50, ..IssueFilter::default() };
    show("issues", &|store| drop(store.issues(&issues).unwrap()));
    let dashboard = DashboardFilter {
        security: Some(true),
        since: appsec_model::Timestamp::from_micros(now.as_micros() - 30 * 86_400_000_000),
        top: 10,
        ..DashboardFilter::default()
    };
    show("dashboard", &|store| drop(store.dashboard(&dashboard, now).unwrap()));
    show("coverage", &|store| drop(store.coverage(&CoverageOptions::default(), now).unwrap()));
    show("projects", &|store| drop(store.projects(None, None).unwrap()));
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
