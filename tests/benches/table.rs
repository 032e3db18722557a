//! Measures what the README promises and prints its table.
//!
//! ```text
//! cargo bench --package tests --bench table              # about two minutes
//! cargo bench --package tests --bench table -- --million # also a million findings
//! cargo bench --package tests --bench table -- --import  # only the import of a large file
//! cargo bench --package tests --bench table -- --sandbox # only calls of the connector, native and in the sandbox
//! ```
//!
//! Every number is the median of several rounds. The whole syncs run through
//! the binary, against a simulator in this process: client, host, guest, store
//! and vendor share the machine.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made may fail loudly")]

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use appsec_model::{Kind, ProjectRef, RawInput, RawRecord};
use host_harness::sandbox::{Connector, Limits, Runtime};
use serde_json::value::RawValue;
use tempfile::TempDir;
use vendor_sim::{Expectation, Options, Simulator, World, WorldShape};

/// The binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of a page, as the connector asks for them by default.
const PAGE: usize = 1_000;

/// Rounds of a measurement.
const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo clippy` must not measure anything.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let million = arguments.iter().any(|argument| argument == "--million");
    println!("| what | aim | measured |");
    println!("|---|---|---|");
    if arguments.iter().any(|argument| argument == "--sandbox") {
        normalize();
        return sandbox();
    }
    let binary = binary();
    if arguments.iter().any(|argument| argument == "--import") {
        return import(&binary, 500 << 20);
    }
    normalize();
    sandbox();
    start(&binary);
    sync(&binary, 100_000);
    if million {
        sync(&binary, 1_000_000);
    }
    import(&binary, 500 << 20);
    size();
}

fn row(what: &str, aim: &str, measured: impl AsRef<str>) {
    println!("| {what} | {aim} | {} |", measured.as_ref());
}

/// The binary, as fresh as cargo says.
fn binary() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(&root)
        .args(["build", "--release", "--locked", "--package", "harness-cli", "--bin", "harness"])
        .status()
        .unwrap();
    assert!(built.success());
    let bench = std::env::current_exe().unwrap();
    bench.ancestors().nth(2).unwrap().join("harness")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Pages of both kinds, in the proportions of a world.
fn pages() -> Vec<Vec<RawRecord>> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        findings: Vec<&'a RawValue>,
    }
    #[derive(serde::Deserialize)]
    struct Peek {
        id: serde_json::Value,
        repository: Option<Repository>,
    }
    #[derive(serde::Deserialize)]
    struct Repository {
        name: Option<String>,
    }
    let world = World::new(WorldShape { damaged_per_10_000: 0, ..WorldShape::with_findings(20_000) });
    let mut pages = Vec::new();
    for (kind, theirs, count) in [(Kind::Sast, vendor_sim::Kind::Sast, 13), (Kind::Sca, vendor_sim::Kind::Sca, 7)] {
        for page in 0..count {
            let body = world.findings_page(theirs, page, PAGE);
            let envelope: Envelope<'_> = serde_json::from_slice(&body).unwrap();
            let records = envelope.findings.into_iter().map(|body| {
                let peek: Peek = serde_json::from_str(body.get()).unwrap();
                RawRecord {
                    kind: kind.clone(),
                    id: Some(peek.id.to_string().trim_matches('"').to_owned()),
                    project: Some(ProjectRef { id: None, name: peek.repository.and_then(|it| it.name) }),
                    body: body.get().to_owned(),
                    gist: None,
                }
            });
            pages.push(records.collect());
        }
    }
    pages
}

fn runtime(limits: Limits) -> (TempDir, Runtime, Connector) {
    let cache = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(limits, Some(cache.path())).unwrap();
    let connector = runtime.load(host_harness::BUNDLED[0].component).unwrap();
    (cache, runtime, connector)
}

/// The same pages through the same code, native and in the sandbox, in turns:
/// a machine that is busy for a moment is so for both.
fn normalize() {
    let inputs: Vec<RawInput> = pages().into_iter().map(RawInput::Records).collect();
    let findings = inputs.len() * PAGE;
    let (_cache, _runtime, connector) = runtime(Limits::default());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut native, mut sandbox) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for input in &inputs {
            assert_eq!(semgrep_core::normalize(input).unwrap().findings.len(), PAGE);
        }
        native.push(started.elapsed());
        // The copies are the sync's as well, but not the connector's.
        let copies = inputs.clone();
        let started = Instant::now();
        for input in copies {
            let called = tokio.block_on(connector.normalize("bench", input)).unwrap();
            assert_eq!(called.value.findings.len(), PAGE);
        }
        sandbox.push(started.elapsed());
    }
    let rate = |time: Duration| findings as f64 / time.as_secs_f64();
    let (native, sandbox) = (rate(median(native)), rate(median(sandbox)));
    row("normalize, native, one core", "", format!("{native:.0} findings/s"));
    row("normalize in the sandbox, one core", "", format!("{sandbox:.0} findings/s"));
    row("sandbox to native", "0.45", format!("{:.2}", sandbox / native));
}

fn sandbox() {
    let (_cache, _runtime, connector) = runtime(Limits::default());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut times = Vec::new();
    for _ in 0..2_000 {
        let started = Instant::now();
        tokio.block_on(connector.instantiate_only()).unwrap();
        times.push(started.elapsed());
    }
    let time = median(times);
    row("a sandbox made and dropped, code cached", "50 us", format!("{:.1} us", time.as_secs_f64() * 1e6));
}

fn start(binary: &Path) {
    let data = tempfile::tempdir().unwrap();
    let inspect = || {
        let started = Instant::now();
        let done = Command::new(binary).arg("inspect").arg("--data-dir").arg(data.path()).output().unwrap();
        assert!(done.status.success());
        started.elapsed()
    };
    inspect();
    let time = median((0..ROUNDS).map(|_| inspect()).collect());
    row("`harness inspect`, code cached", "50 ms", format!("{:.1} ms", time.as_secs_f64() * 1e3));
}

/// A first sync, and one of the unchanged world.
fn sync(binary: &Path, findings: u32) {
    let world = World::new(WorldShape {
        damaged_per_10_000: 0,
        ai_sast: 0,
        secrets: 0,
        sast: findings / 100 * 65,
        sca: findings / 100 * 35,
        ..WorldShape::with_findings(findings)
    });
    let simulator = Arc::new(Simulator::start(world, Options::default()).unwrap());
    let data = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let started = Instant::now();
        let done = Command::new(binary)
            .args(arguments)
            .arg("--data-dir")
            .arg(data.path())
            .arg("--json")
            .env("SEMGREP_APP_TOKEN", "sim-token")
            .output()
            .unwrap();
        let elapsed = started.elapsed();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        (elapsed, report)
    };
    let origin = format!("origin={}", simulator.url());
    let setup = ["instance", "add", "bench", "--set", &origin, "--set", "branches=all"];
    run(&[&setup[..], &["--allow-private-origin", simulator.url()]].concat());
    let (first, report) = run(&["sync"]);
    let written = report["runs"][0]["new"].as_u64().unwrap();
    let expected = simulator.world().expected(Expectation::default());
    assert_eq!(written as usize, expected.rows());
    let memory = report["host_peak_memory_bytes"].as_u64().unwrap_or(0) as f64 / f64::from(1 << 20);
    let (second, again) = run(&["sync"]);
    assert_eq!((&again["runs"][0]["new"], &again["runs"][0]["changed"]), (&0.into(), &0.into()));
    let rate = written as f64 / first.as_secs_f64();
    let scale = findings / 1_000;
    row(
        &format!("first sync of {scale},000 findings ({written} records)"),
        "30,000/s",
        format!("{rate:.0} records/s, {:.1} s", first.as_secs_f64()),
    );
    row("… memory of the host", "256 MiB", format!("{memory:.0} MiB"));
    row(
        "… second sync, nothing changed, to the first",
        "0.3",
        format!("{:.2} ({:.1} s)", second.as_secs_f64() / first.as_secs_f64(), second.as_secs_f64()),
    );
    let bytes = std::fs::metadata(data.path().join("tenants/default/store.sqlite3")).unwrap().len();
    row("… store on disk, per record", "", format!("{} bytes", bytes / written.max(1)));
}

/// A report of the command line of that many bytes: results of about a
/// kilobyte, as the newest version prints them without login.
fn report(path: &Path, bytes: u64) -> u64 {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let (mut written, mut results) = (0, 0_u64);
    file.write_all(br#"{"version":"1.182.0","results":["#).unwrap();
    while written < bytes {
        let (rule, file_number, line) = (results % 211, results / 40, results % 40 * 25 + 7);
        let result = serde_json::json!({
            "check_id": format!("rules.python.lang.security.audit.rule-{rule}"),
            "path": format!("services/service-{}/src/handlers/module_{file_number}.py", file_number % 23),
            "start": { "line": line, "col": 9, "offset": line * 40 },
            "end": { "line": line + 2, "col": 33, "offset": line * 40 + 90 },
            "extra": {
                "message": format!(
                    "Data of the request reaches the call `run_{results}(…)` without being checked. An attacker who \
                     controls it decides what is executed. Use the checked variant of the call, which takes a list \
                     of arguments, and validate every one of them against the set of those that are allowed."
                ),
                "metadata": {
                    "category": "security",
                    "confidence": "MEDIUM",
                    "likelihood": "HIGH",
                    "impact": "HIGH",
                    "cwe": ["CWE-78: Improper Neutralization of Special Elements used in an OS Command"],
                    "owasp": ["A01:2017 - Injection", "A03:2021 - Injection"],
                    "technology": ["flask"],
                    "subcategory": ["vuln"],
                    "vulnerability_class": ["Command Injection"],
                    "references": ["https://docs.example/security/command-injection"],
                },
                "severity": "ERROR",
                "fingerprint": "requires login",
                "lines": "requires login",
                "validation_state": "NO_VALIDATOR",
                "engine_kind": "OSS",
            }
        });
        let separator = if results == 0 { "" } else { "," };
        let text = format!("{separator}{result}");
        file.write_all(text.as_bytes()).unwrap();
        written += text.len() as u64;
        results += 1;
    }
    file.write_all(br#"],"errors":[],"paths":{"scanned":["services"]},"skipped_rules":[]}"#).unwrap();
    file.flush().unwrap();
    results
}

/// The import of a large file, and of the same file once more.
fn import(binary: &Path, bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let results = report(&file, bytes);
    let run = || {
        let started = Instant::now();
        let done = Command::new(binary)
            .arg("import")
            .arg(&file)
            .args(["--project", "acme/shop", "--json", "--data-dir"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        (started.elapsed(), report)
    };
    let (first, report) = run();
    assert_eq!(report["imports"][0]["run"]["new"], results);
    let (second, again) = run();
    assert_eq!(again["imports"][0]["outcome"]["unchanged"], results);
    let rate = |time: Duration| results as f64 / time.as_secs_f64();
    let what = format!("import of a file of {} MB ({results} findings)", bytes >> 20);
    row(&what, "30,000/s", format!("{:.0} findings/s, {:.1} s", rate(first), first.as_secs_f64()));
    let memory = report["host_peak_memory_bytes"].as_u64().unwrap_or(0) as f64 / f64::from(1 << 20);
    row("… memory of the host", "256 MiB", format!("{memory:.0} MiB"));
    row("… the same file once more", "", format!("{:.0} findings/s, {:.1} s", rate(second), second.as_secs_f64()));
}

fn size() {
    let bytes = host_harness::BUNDLED[0].component.len();
    row("the connector's component", "800 kB", format!("{:.0} kB", bytes as f64 / 1e3));
}
