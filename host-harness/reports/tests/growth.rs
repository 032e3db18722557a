//! A report of twice the size takes at most twice the memory and twice the work,
//! whatever it holds. Both are counted by the allocator, so that no clock decides.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly; clippy sees functions beside them as no tests")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use appsec_reports::{MADE_AT_LEAST, MADE_PER_BYTE, MAX_TEXT_BYTES, Options, Refusal, Report, read};
use serde_json::{Value, json};

/// Counts what is held, the most of it, and all that was ever asked for.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator cannot be written without it; each call goes on to that of the system")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Relaxed);
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller keeps the rules of the trait.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the rules of the trait.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What reading took, in bytes.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// The most that was held at one time.
    memory: usize,
    /// All that was asked for, also what was given back at once.
    work: usize,
}

/// The counters are those of the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a report.
fn measure<'a>(bytes: &'a [u8]) -> (Result<Report<'a>, Refusal>, Took) {
    let held = HELD.load(Relaxed);
    MOST.store(held, Relaxed);
    let asked = ASKED.load(Relaxed);
    let report = read(bytes, &Options::default());
    let took = Took { memory: MOST.load(Relaxed) - held, work: ASKED.load(Relaxed) - asked };
    (report, took)
}

/// A report with more of everything that it lists, each other than the first.
fn times(file: &Value, count: usize) -> Vec<u8> {
    let mut grown = file.clone();
    for key in ["runs", "components", "vulnerabilities", "dependencies", "dependency_files", "remediations", "results"]
    {
        if let Some(list) = grown.get_mut(key).and_then(Value::as_array_mut) {
            let once = std::mem::take(list);
            list.extend((0..count).flat_map(|at| once.iter().map(move |it| renamed(it, at))));
        }
    }
    grown.to_string().into_bytes()
}

/// The same with other names.
fn renamed(value: &Value, at: usize) -> Value {
    const NAMES: [&str; 8] = ["id", "ruleId", "ref", "bom-ref", "name", "uri", "purl", "path"];
    match value {
        Value::Array(list) => list.iter().map(|it| renamed(it, at)).collect(),
        Value::Object(map) => {
            let member = |(key, value): (&String, &Value)| {
                let value = match value {
                    Value::String(text) if NAMES.contains(&key.as_str()) => json!(format!("{text}{at:05}")),
                    value => renamed(value, at),
                };
                (key.clone(), value)
            };
            Value::Object(map.iter().map(member).collect())
        }
        value => value.clone(),
    }
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports");
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flat_map(|format| fs::read_dir(format.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/sarif");
    match fs::read_dir(samples) {
        Ok(samples) => files.extend(samples.map(|file| file.unwrap().path())),
        Err(_) => eprintln!("no samples beside the repository: fixtures alone"),
    }
    files
}

/// Twice the input takes at most twice as much, but for what grows in steps.
fn assert_doubles(what: &str, one: &[u8], two: &[u8]) {
    let (first, took) = measure(one);
    drop(first);
    let (second, took_twice) = measure(two);
    drop(second);
    let size = two.len() as f64 / one.len() as f64;
    for (kind, one, two) in [("memory", took.memory, took_twice.memory), ("work", took.work, took_twice.work)] {
        // A list that grows doubles its place: one step more may fall between.
        let most = one as f64 * size * 1.5 + 65_536.0;
        assert!((two as f64) <= most, "{what}: {kind} grew from {one} to {two} bytes, with {size:.2} times the input");
    }
}

fn cyclonedx(vulnerabilities: usize, components: usize) -> Vec<u8> {
    let component = |at| json!({"type": "library", "bom-ref": format!("c{at}"), "name": format!("n{at}"), "version": "1", "purl": format!("pkg:npm/n{at}@1")});
    let affects: Vec<Value> = (0..components).map(|at| json!({"ref": format!("c{at}")})).collect();
    let vulnerability = |at| json!({"id": format!("CVE-2021-{at:05}"), "affects": affects});
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "components": (0..components).map(component).collect::<Vec<_>>(),
        "vulnerabilities": (0..vulnerabilities).map(vulnerability).collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

fn chain(length: usize) -> Vec<u8> {
    let reference = |at: usize| format!("a-name-of-some-length-{at}");
    let component = |at| json!({"type": "library", "bom-ref": reference(at), "name": reference(at)});
    let brings = |at| json!({"ref": reference(at), "dependsOn": [reference(at + 1)]});
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {"component": {"type": "application", "bom-ref": reference(0), "name": "root"}},
        "components": (1..length).map(component).collect::<Vec<_>>(),
        "dependencies": (0..length).map(brings).collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

fn bases(length: usize) -> Vec<u8> {
    let base = |at: usize| (format!("b{at}"), json!({"uri": "a/", "uriBaseId": format!("b{}", (at + 1) % length)}));
    let result = |at: usize| json!({"ruleId": "r", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.c", "uriBaseId": format!("b{at}")}}}]});
    json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "x"}},
        "originalUriBaseIds": (0..length).map(base).collect::<serde_json::Map<_, _>>(),
        "results": (0..length).map(result).collect::<Vec<_>>(),
    }]})
    .to_string()
    .into_bytes()
}

fn entries(count: usize) -> Vec<u8> {
    let record = |at| json!({"id": format!("GO-2024-{at:06}"), "aliases": [format!("CVE-2024-{at:06}")]});
    let group = |at| json!({"ids": [format!("GO-2024-{at:06}")]});
    json!({"results": [{"source": {"path": "go.mod", "type": "lockfile"}, "packages": [{
        "package": {"name": "m", "version": "1", "ecosystem": "Go"},
        "vulnerabilities": (0..count).map(record).collect::<Vec<_>>(),
        "groups": (0..count / 2).map(group).collect::<Vec<_>>(),
    }]}]})
    .to_string()
    .into_bytes()
}

fn runs(count: usize) -> Vec<u8> {
    let run = |at| json!({"tool": {"driver": {"name": format!("tool {at}")}}, "results": [{"ruleId": "r", "message": {"text": "x"}}]});
    let runs = (0..count).flat_map(|at| [run(at), json!(7)]);
    json!({"version": "2.1.0", "runs": runs.collect::<Vec<_>>()}).to_string().into_bytes()
}

/// A text that all results share, as `id` of their message.
fn shared_text(text: usize, results: usize) -> Vec<u8> {
    let result = json!({"ruleId": "r", "message": {"id": "m"}});
    let rule = json!({"id": "r", "messageStrings": {"m": {"text": "x".repeat(text)}}});
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [rule]}}, "results": vec![result; results]}]})
        .to_string()
        .into_bytes()
}

#[test]
fn a_report_takes_memory_and_work_as_it_is_large() {
    let _alone = alone();
    for path in fixtures() {
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_doubles(&path.display().to_string(), &times(&file, 20), &times(&file, 40));
    }
    type Make = fn(usize) -> Vec<u8>;
    let made: [(&str, Make); 5] = [
        ("affects", |size| cyclonedx(3, size)),
        ("chain", chain),
        ("bases", bases),
        ("entries", entries),
        ("runs", runs),
    ];
    for (what, make) in made {
        assert_doubles(what, &make(500), &make(1000));
    }
}

/// The record of a finding holds the component that it is about, and no other.
#[test]
fn a_vulnerability_of_many_components_is_kept_once() {
    let _alone = alone();
    let bytes = cyclonedx(2, 400);
    let report = read(&bytes, &Options::default()).unwrap();
    let bodies: Vec<Value> =
        report.records.iter().skip(400).map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    assert_eq!(bodies.len(), 800);
    for (at, body) in bodies.iter().enumerate() {
        assert_eq!(body["affects"], json!([{"ref": format!("c{}", at % 400)}]));
        assert_eq!(body["id"], format!("CVE-2021-{:05}", at / 400));
    }
}

#[test]
fn a_report_that_becomes_much_more_is_refused() {
    let _alone = alone();
    let bytes = shared_text(1 << 20, 300);
    let (report, took) = measure(&bytes);
    let message = report.unwrap().normalized.findings.remove(0).message.unwrap();
    assert!(message.len() <= MAX_TEXT_BYTES && message.ends_with('…'), "{}", message.len());
    assert!(took.memory < MADE_AT_LEAST, "{took:?}");
    for bytes in [shared_text(1 << 16, 9_000), cyclonedx(400, 400)] {
        let (report, took) = measure(&bytes);
        assert!(matches!(report, Err(Refusal::Grows { .. })), "{} bytes", bytes.len());
        // What a growing list is moved from is held meanwhile.
        assert!(took.memory < 3 * (bytes.len() * MADE_PER_BYTE + MADE_AT_LEAST), "{took:?}");
    }
}
