//! The documents for users: what they show is typed, what they say is printed is
//! compared, and what they link to is there.
//!
//! A block that begins with ```` ```sh run ```` is typed as it stands. A block
//! ```` ```text output ```` behind it is what that printed; with `tail=N` its last
//! lines. One that differs is rewritten, and the test fails. A block marked `fresh`
//! is typed over an empty data folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use vendor_sim::WorldShape;

use crate::support::{SECOND_TOKEN, TOKEN, TestContext, done};

/// The mock vendor as the guides show it.
const SHOWN_VENDOR: &str = "http://127.0.0.1:9900";

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A user in a folder with the files that the documents speak of.
struct Reader {
    context: TestContext,
}

impl Reader {
    fn new() -> Self {
        let context = TestContext::new(WorldShape { sast: 300, sca: 300, ..WorldShape::with_findings(600) }, vec![]);
        let list = "full_name,url\ninitech/auth-service,\nacme/shop,https://github.com/acme/shop\n";
        context.file("repositories.csv", list);
        let samples = [
            ("cli/current.json", "report.json"),
            ("reports/sarif/codeql.sarif", "codeql.sarif"),
            ("reports/cyclonedx/trivy.json", "bom.json"),
        ];
        for (sample, name) in samples {
            fs::copy(Path::new(FIXTURES).join(sample), context.folder.path().join(name)).unwrap();
        }
        Self { context }
    }

    /// Types a block, and returns what it printed on standard output.
    fn types(&self, script: &str) -> String {
        // The vendor is on this machine, and the program is built; nothing else
        // differs.
        let vendor = format!("--set origin={0} --allow-private-origin {0}", self.context.simulator.url());
        let mut script = script.replace("SEMGREP_APP_TOKEN=…", &format!("SEMGREP_APP_TOKEN={TOKEN}"));
        // The one that the guide lets the reader start.
        let is_shown = script.contains(SHOWN_VENDOR);
        script = script.replace(SHOWN_VENDOR, self.context.simulator.url()).replace("=sim-token", &format!("={TOKEN}"));
        let typed = [("harness onboard ", "onboard"), ("harness instance add ", "instance add")];
        for (typed, here) in typed.into_iter().filter(|_| !is_shown) {
            script = script.replace(typed, &format!("harness {here} {vendor} "));
        }
        script = script.replace("cargo run -- ", "harness ");
        let path = Path::new(env!("CARGO_BIN_EXE_harness")).parent().unwrap();
        let mut shell = self.context.command_of("sh", &["-euc", &script]);
        shell
            .current_dir(self.context.folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", path.display()))
            .env("TMPDIR", self.context.folder.path());
        let done = done(shell.output().unwrap());
        assert_eq!(done.code, 0, "{script}\n{}{}", done.stdout, done.stderr);
        done.stdout
    }
}

/// Types all blocks of a document that are marked so, in their order, and
/// returns what each printed.
fn follow(reader: &Reader, document: &str) -> Vec<String> {
    let path = workspace().join(document);
    let before = fs::read_to_string(&path).unwrap();
    let (mut text, mut printed, mut lines) = (String::new(), Vec::new(), before.lines());
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let mut block = block.join("\n");
        if kind == "sh run" {
            printed.push(reader.types(&block));
        } else if kind == "sh run fresh" {
            // Compiled code is shared, as by all tests.
            let empty = "export HARNESS_DATA_DIR=$PWD/fresh; mkdir fresh; ln -s ../data/cache fresh/cache\n";
            printed.push(reader.types(&format!("{empty}{block}")));
        } else if let Some(options) = kind.strip_prefix("text output") {
            let real = shown(printed.last().unwrap(), options.trim().strip_prefix("tail="));
            if comparable(&real) != comparable(&block) {
                block = real;
            }
        }
        text += &format!("{block}\n```\n");
    }
    assert!(!printed.is_empty(), "{document} has nothing to type");
    if text != before {
        fs::write(&path, text).unwrap();
        panic!("the output in {document} differed and is rewritten: read what changed, and run the tests again");
    }
    printed
}

/// What a document shows of an output. Cursors name rows of one store.
fn shown(printed: &str, last: Option<&str>) -> String {
    let lines: Vec<&str> =
        printed.lines().map(str::trim_end).filter(|line| !line.starts_with("The next page")).collect();
    let skipped = last.map_or(0, |last| lines.len().saturating_sub(last.parse().unwrap()));
    lines[skipped..].join("\n")
}

/// An output without what differs from run to run: measures with their units,
/// moments and ports.
fn comparable(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_unit = |word: &str| ["s", "ms", "B", "KiB", "MiB", "GiB"].contains(&word.trim_end_matches([',', '.']));
    let is_measure = |at: usize| words.get(at + 1).is_some_and(|next| is_unit(next));
    let has =
        |word: &str, sign: char| word.starts_with(|it: char| it.is_ascii_digit()) && word.matches(sign).count() == 2;
    let is_moment = |word: &str| has(word, '-') || has(word, ':');
    // A cursor holds row ids, which are given as projects arrive.
    let is_cursor = |word: &str| word.len() > 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let stable = words.iter().enumerate().filter(|(at, word)| {
        !is_measure(*at) && !is_unit(word) && !is_moment(word) && !is_cursor(word) && !word.contains("127.0.0.1:")
    });
    stable.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_differs_from_run_to_run_is_not_compared() {
    let check = |a: &str, b: &str, same: bool| assert_eq!(comparable(a) == comparable(b), same, "{a} / {b}");
    check("40 pages, 1.28 s, 2.7 MiB at most", "40 pages, 9 s, 3.1 MiB at most", true);
    check("violated   2026-11-28 20:06:22", "violated 2027-01-01 00:00:00", true);
    check("at http://127.0.0.1:4000", "at http://127.0.0.1:5000", true);
    check("3 of 120", "3 of 121", false);
    check("11 policies", "12 policies", false);
    check("CVE-2021-44228", "CVE-2021-44229", false);
}

/// A reader who has set an instance up, as one does before most guides.
fn connected() -> Reader {
    let reader = Reader::new();
    reader.context.added();
    reader
}

#[test]
fn the_readme_leads_from_a_token_to_dashboards() {
    let printed = follow(&Reader::new(), "README.md").concat();
    for expected in ["full run 1 is complete", "FIRST SEEN", "ADVISORIES", "exit code 4", "Nothing of it is left"] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

#[test]
fn the_guide_to_setup_can_be_typed() {
    let printed = follow(&Reader::new(), "docs/setup.md").concat();
    assert!(!printed.contains(SECOND_TOKEN), "{printed}");
    assert!(printed.contains("connected"), "{printed}");
}

#[test]
fn the_guide_to_syncs_can_be_typed() {
    let printed = follow(&connected(), "docs/sync.md").concat();
    assert!(printed.contains("complete"), "{printed}");
}

#[test]
fn the_guide_to_imports_can_be_typed() {
    let printed = follow(&Reader::new(), "docs/import.md").concat();
    assert!(printed.contains("acme/shop"), "{printed}");
}

#[test]
fn the_guide_to_repositories_can_be_typed() {
    let printed = follow(&connected(), "docs/repositories.md").concat();
    assert!(printed.contains("initech/auth-service"), "{printed}");
}

#[test]
fn the_guide_to_findings_can_be_typed() {
    let reader = connected();
    reader.context.ok(&["sync", "code"]);
    let printed = follow(&reader, "docs/findings.md").concat();
    assert!(printed.contains("codeql"), "{printed}");
}

#[test]
fn the_guide_to_exports_can_be_typed() {
    let reader = connected();
    reader.context.ok(&["sync", "code"]);
    follow(&reader, "docs/exports.md");
    let bom = fs::read_to_string(reader.context.folder.path().join("bom.json")).unwrap();
    assert!(bom.contains("initech/auth-service") && bom.contains("pkg:npm/"), "{bom}");
}

#[test]
fn the_guide_to_policies_can_be_typed() {
    let printed = follow(&Reader::new(), "docs/policies.md");
    assert!(printed.iter().all(|it| it.contains("exit code 4")), "{printed:?}");
}

#[test]
fn the_guide_to_operations_can_be_typed() {
    let reader = connected();
    reader.context.ok(&["sync", "code"]);
    let printed = follow(&reader, "docs/operations.md").concat();
    assert!(printed.contains("complete"), "{printed}");
}

/// All documents of the workspace.
fn documents() -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![workspace()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a document outside of its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        within ^= fence;
        !within && !fence
    })
}

/// The anchors of a document's headings, as they are made where it is shown.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|sign| sign.is_alphanumeric() || [' ', '-', '_'].contains(sign));
        kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect::<String>()
    };
    let mut all = BTreeSet::new();
    for name in headings.map(anchor) {
        let count = seen.entry(name.clone()).or_default();
        all.insert(if *count == 0 { name } else { format!("{name}-{count}") });
        *count += 1;
    }
    all
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in prose(&text).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.contains(char::is_whitespace) || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let other = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let there = match anchor {
                Some(anchor) => fs::read_to_string(&other).is_ok_and(|text| anchors(&text).contains(anchor)),
                None => other.exists(),
            };
            followed += 1;
            if !there {
                broken.push(format!("{}: {target}", path.strip_prefix(workspace()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed > 100, "{followed} links");
}
