//! Rules of the house that a compiler does not check: who may know whom, and
//! what a source file may hold.

mod imports;

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;
use tests::workspace;

/// What cargo says of the workspace.
fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // What other platforms need is not here, and nobody is to fetch it for this.
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", env!("PLATFORM")])
            .current_dir(workspace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

/// All packages that a package is linked with, however far away; neither what
/// only its tests nor what only its build script need.
fn dependencies(package: &str) -> BTreeSet<String> {
    let nodes = metadata()["resolve"]["nodes"].as_array().unwrap();
    let nodes: HashMap<&str, &Value> = nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let packages = metadata()["packages"].as_array().unwrap();
    let names: HashMap<&str, &str> =
        packages.iter().map(|it| (it["id"].as_str().unwrap(), it["name"].as_str().unwrap())).collect();
    let (root, _) = names.iter().find(|(_, name)| **name == package).unwrap();
    let (mut found, mut open) = (BTreeSet::new(), vec![*root]);
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let linked = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            let id = dependency["pkg"].as_str().unwrap();
            if linked && found.insert(names[id].to_owned()) {
                open.push(id);
            }
        }
    }
    found
}

/// The Rust files below a folder of the workspace.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let path = entry.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no Rust files in {folder}");
    found
}

/// Files whose text holds a word and whose path, from the folder on, is not
/// among those that may.
fn naming(folder: &str, word: &str, allowed: &[&str]) -> Vec<String> {
    let root = workspace().join(folder);
    let mut found: Vec<String> = rust_files(folder)
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().to_lowercase().contains(word))
        .map(|path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned())
        .filter(|path| !allowed.iter().any(|allowed| path.starts_with(allowed)))
        .collect();
    found.sort();
    found
}

const NONE: [&str; 0] = [];

#[test]
fn the_core_of_the_connector_knows_no_runtime_and_no_wasm() {
    let dependencies = dependencies("semgrep-core");
    assert!(dependencies.contains("serde_json"), "{dependencies:?}");
    let forbidden =
        ["wit-bindgen", "wasi", "wasmtime", "tokio", "hyper", "reqwest", "rusqlite", "host-harness", "getrandom"];
    let found: Vec<_> = dependencies
        .iter()
        .filter(|name| forbidden.contains(&name.as_str()) || name.starts_with("wasi") || name.starts_with("wasm"))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Which members of the workspace each crate may depend on. All arrows point
/// down: a crate names only crates that stand above it in this list.
const MAY_KNOW: [(&str, &[&str]); 22] = [
    ("appsec-model", &[]),
    ("vendor-sim", &[]),
    ("guest-alloc", &[]),
    ("guest-build", &[]),
    ("guest-json", &[]),
    ("semgrep-core", &["appsec-model", "guest-json"]),
    ("semgrep-connector", &["appsec-model", "guest-alloc", "semgrep-core"]),
    ("example-connector", &["appsec-model", "guest-alloc"]),
    ("hostile-guest", &["appsec-model"]),
    ("appsec-grant", &["appsec-model"]),
    ("appsec-analysis", &["appsec-model"]),
    ("appsec-policy", &["appsec-model"]),
    ("appsec-reports", &["appsec-model", "appsec-analysis"]),
    ("appsec-exports", &["appsec-model", "appsec-analysis"]),
    ("appsec-sandbox", &["appsec-model", "appsec-grant"]),
    ("appsec-store", &["appsec-model", "appsec-grant", "appsec-analysis", "appsec-policy"]),
    ("appsec-ingest", &["appsec-model", "appsec-grant", "appsec-sandbox", "appsec-store", "appsec-reports"]),
    ("appsec-conformance", &["appsec-model", "appsec-grant", "appsec-sandbox"]),
    (
        "host-harness",
        &[
            "appsec-model",
            "appsec-grant",
            "appsec-analysis",
            "appsec-policy",
            "appsec-reports",
            "appsec-exports",
            "appsec-sandbox",
            "appsec-store",
            "appsec-ingest",
            "appsec-conformance",
        ],
    ),
    ("appsec-web", &["appsec-model", "host-harness"]),
    (
        "harness-cli",
        &[
            "appsec-model",
            "appsec-analysis",
            "appsec-policy",
            "appsec-reports",
            "appsec-web",
            "host-harness",
            "vendor-sim",
        ],
    ),
    ("tests", &["appsec-model", "appsec-store", "host-harness", "semgrep-core", "vendor-sim"]),
];

/// Libraries that one crate alone may name, so that what they do has one room.
const HELD_BY: [(&str, &str); 7] = [
    ("prometheus-client", "host-harness"),
    ("wasmtime", "appsec-sandbox"),
    ("wasmtime-wasi", "appsec-sandbox"),
    ("wasmtime-wasi-http", "appsec-sandbox"),
    ("rusqlite", "appsec-store"),
    ("clap", "harness-cli"),
    ("textwrap", "harness-cli"),
];

/// The packages that each member names in its manifest, but for tests and build
/// scripts alone.
fn named_dependencies() -> HashMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> =
        metadata()["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = metadata()["packages"].as_array().unwrap();
    let members = packages.iter().filter(|it| members.contains(it["id"].as_str().unwrap()));
    members
        .map(|package| {
            let named = package["dependencies"].as_array().unwrap().iter().filter(|it| it["kind"].is_null());
            let named = named.map(|it| it["name"].as_str().unwrap().to_owned()).collect();
            (package["name"].as_str().unwrap().to_owned(), named)
        })
        .collect()
}

#[test]
fn crates_know_only_those_that_they_may() {
    let named = named_dependencies();
    let table: HashMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let members: BTreeSet<&str> = named.keys().map(String::as_str).collect();
    assert_eq!(members, table.keys().copied().collect(), "the table lists every member");
    let mut above = BTreeSet::new();
    for (package, may) in MAY_KNOW {
        assert!(may.iter().all(|it| above.contains(it)), "{package} may know what stands below it");
        above.insert(package);
        let known: Vec<&String> = named[package].iter().filter(|it| members.contains(it.as_str())).collect();
        let other: Vec<_> = known.iter().filter(|it| !may.contains(&it.as_str())).collect();
        assert!(other.is_empty(), "{package} knows {other:?}");
    }
}

#[test]
fn what_a_library_does_has_one_room() {
    let named = named_dependencies();
    for (library, room) in HELD_BY {
        let holders: Vec<&String> = named.iter().filter(|(_, it)| it.contains(library)).map(|(name, _)| name).collect();
        assert_eq!(holders, [room], "{library}");
    }
}

/// The crates of the host, by their folder.
const CRATES: [&str; 12] = [
    "",
    "analysis",
    "cli",
    "conformance",
    "exports",
    "grant",
    "ingest",
    "policy",
    "reports",
    "sandbox",
    "store",
    "web",
];

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for name in CRATES {
        let src = Path::new("host-harness").join(name).join("src");
        let read = imports::Crate::read(&workspace().join(&src), rust_files(src.to_str().unwrap()));
        circles.extend(read.circles().iter().map(|circle| format!("{name}:\n  {}", read.within(circle).join("\n  "))));
    }
    assert!(circles.is_empty(), "files import each other in a circle: {}", circles.join("\n"));
}

#[test]
fn the_host_names_its_connector_in_one_place_and_in_examples() {
    for (folder, allowed) in [
        ("host-harness/src", &["bundled.rs"][..]),
        ("host-harness/grant/src", &[]),
        ("host-harness/ingest/src", &[]),
        ("host-harness/analysis/src", &[]),
        ("host-harness/policy/src", &[]),
        ("host-harness/sandbox/src", &[]),
        ("host-harness/store/src", &[]),
    ] {
        assert_eq!(naming(folder, "semgrep", allowed), NONE, "{folder}");
    }
}

#[test]
fn the_logic_of_the_connector_reads_no_clock_no_file_and_no_environment() {
    // Tests read the fixtures.
    let tests = ["fields.rs", "fields/", "file/reader/tests", "file/result_tests"];
    for word in ["std::env", "std::fs", "std::net", "systemtime", "instant::now", "std::thread"] {
        assert_eq!(naming("plugin/core/src", word, &tests), NONE, "{word}");
    }
}

/// The crates that people see.
const SURFACES: [&str; 2] = ["cli", "web"];

/// What a surface may depend on holds the rest: a store has no other way to it.
#[test]
fn surfaces_call_the_facade_only() {
    let facade = std::fs::read_to_string(workspace().join("host-harness/src/lib.rs")).unwrap();
    let words = facade.split(|sign: char| !sign.is_alphanumeric());
    let stores: Vec<&str> = words.filter(|word| word.ends_with("Store") && *word != "BucketStore").collect();
    assert_eq!(stores, NONE, "the facade hands a store on");
    assert!(
        MAY_KNOW
            .iter()
            .filter(|(name, _)| ["appsec-web", "harness-cli"].contains(name))
            .all(|(_, may)| !may.contains(&"appsec-store"))
    );
}

/// Commands of the command line, but for those that are words of other things too.
const COMMANDS: [&str; 16] = [
    "advisories",
    "daemon",
    "doctor",
    "findings",
    "import",
    "instance",
    "mapping",
    "notify",
    "onboard",
    "renormalize",
    "repositories",
    "restore",
    "runs",
    "sync",
    "tenant",
    "webhook",
];

#[test]
fn no_library_tells_a_person_what_to_type() {
    let mut found = Vec::new();
    for name in CRATES.into_iter().filter(|name| !SURFACES.contains(name)) {
        for path in rust_files(Path::new("host-harness").join(name).join("src").to_str().unwrap()) {
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
                let told = line.split("harness ").skip(1).any(|rest| {
                    COMMANDS
                        .iter()
                        .any(|command| rest.split(|sign: char| !sign.is_alphabetic()).next() == Some(command))
                });
                if told {
                    found.push(format!("{}: {line}", path.strip_prefix(workspace()).unwrap().display()));
                }
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

const FOLDERS: [&str; 5] = ["fixtures/vendor-sim", "host-harness", "plugin", "tests", "wit"];

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<String> = FOLDERS
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|path| lines(path) > 600)
        .map(|path| format!("{}: {}", path.strip_prefix(workspace()).unwrap().display(), lines(&path)))
        .collect();
    assert_eq!(long, NONE);
}

#[test]
fn nothing_is_left_undone() {
    // Written apart, so that this file does not find itself.
    let words = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ig", "nore"), concat!("dbg", "!(")];
    for folder in FOLDERS {
        for word in words {
            assert_eq!(naming(folder, word, &[]), NONE, "{word}");
        }
    }
}

/// Whether a folder's Rust files hold a test.
fn has_test(folder: &Path) -> bool {
    // Written apart, so that these are no tests.
    let marks = [concat!("#[te", "st]"), concat!("#[tokio::te", "st")];
    rust_files(folder.to_str().unwrap())
        .iter()
        .any(|path| marks.iter().any(|mark| std::fs::read_to_string(path).unwrap().contains(mark)))
}

#[test]
fn no_test_binary_is_without_tests() {
    let mut empty = Vec::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let targets = package["targets"].as_array().unwrap().iter();
        for target in targets.filter(|it| it["test"] == true && it["kind"][0] != "bench" && it["kind"][0] != "example")
        {
            let path = Path::new(target["src_path"].as_str().unwrap());
            let of_member = path.strip_prefix(workspace()).ok();
            if of_member.is_some_and(|path| !has_test(path.parent().unwrap())) {
                empty.push(format!("{} {}", package["name"], target["name"]));
            }
        }
    }
    assert_eq!(empty, Vec::<String>::new(), "set `test = false`");
}

/// The names of all test functions.
fn tests_of_the_house() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in FOLDERS.iter().flat_map(|folder| rust_files(folder)) {
        let text = std::fs::read_to_string(path).unwrap();
        // Written apart, so that this line is none.
        for mark in [concat!("#[te", "st]"), concat!("#[tokio::te", "st")] {
            for after in text.split(mark).skip(1) {
                let name = after.split_once("fn ").and_then(|(_, rest)| rest.split('(').next()).unwrap_or_default();
                found.insert(name.trim().to_owned());
            }
        }
    }
    assert!(found.len() > 300, "{} tests", found.len());
    found
}

/// What a document names like a test: sentences with underscores in backticks.
fn named_tests(text: &str) -> Vec<&str> {
    let sentence = |name: &&str| {
        name.matches('_').count() >= 3 && name.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_')
    };
    text.split('`').skip(1).step_by(2).filter(sentence).collect()
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let tests = tests_of_the_house();
    for (document, least) in [("SECURITY.md", 90), ("ARCHITECTURE.md", 12)] {
        let text = std::fs::read_to_string(workspace().join(document)).unwrap();
        let named = named_tests(&text);
        assert!(named.len() >= least, "{document} names {} tests", named.len());
        let missing: Vec<&&str> = named.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:?}");
    }
}

#[test]
fn every_protection_and_every_invariant_names_its_test() {
    let read = |document: &str| std::fs::read_to_string(workspace().join(document)).unwrap();
    let security = read("SECURITY.md");
    let tables = security.split(" tries | what stops it | shown by |").skip(1).flat_map(|table| table.lines().skip(2));
    let rows: Vec<&str> = tables.filter(|line| line.starts_with("| ") && line.ends_with(" |")).collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    let architecture = read("ARCHITECTURE.md");
    let (_, invariants) = architecture.split_once("## Invariants").unwrap();
    let (invariants, _) = invariants.split_once("\n## ").unwrap();
    let without: Vec<&&str> = rows.iter().filter(|row| named_tests(row).is_empty()).collect();
    assert!(without.is_empty(), "{without:#?}");
    let numbered = invariants.lines().filter(|line| line.starts_with(|sign: char| sign.is_ascii_digit())).count();
    let shown = invariants.lines().filter(|line| line.starts_with("   Shown by `")).count();
    assert_eq!((numbered, numbered >= 12), (shown, true), "each invariant names its tests on the line below it");
}

#[test]
fn every_module_begins_with_what_it_is_for() {
    let without: Vec<String> = FOLDERS
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| path.strip_prefix(workspace()).unwrap().display().to_string())
        .collect();
    assert_eq!(without, NONE);
}

/// The list of mutants is run seldom, and an entry whose line has moved would
/// wait as long to be noticed.
#[test]
fn each_mutant_is_found_once_and_its_test_is_there() {
    let list = std::fs::read_to_string(workspace().join("tests/mutants.txt")).unwrap();
    let folders = ["host-harness", "plugin", "tests"];
    let sources: Vec<String> =
        folders.iter().flat_map(|it| rust_files(it)).map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let (mut what, mut file, mut wrong) = ("", "", Vec::new());
    for line in list.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        match key {
            "what" => what = value,
            "file" => file = value,
            "was" => {
                let text = std::fs::read_to_string(workspace().join("host-harness").join(file)).unwrap_or_default();
                let count = text.matches(value).count();
                wrong.extend((count != 1).then(|| format!("{what}: {count} times in {file}")));
            }
            "test" => {
                let name = value.rsplit([' ', ':']).next().unwrap();
                let function = format!("fn {name}(");
                let is_there = sources.iter().any(|source| source.contains(&function));
                wrong.extend((!is_there).then(|| format!("{what}: no test {name}")));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
