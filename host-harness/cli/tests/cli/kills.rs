//! The program is killed at any moment of whatever writes, and nothing is lost.
//!
//! ```text
//! HARNESS_KILLS=1000 cargo test -p host-harness --test cli kills -- --nocapture
//! ```
//!
//! kills it that often, with a new seed that is printed; `HARNESS_SEED` takes
//! one of these again.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::{Desk, SECOND_TOKEN, TOKEN, changed_connector};

/// Kills where nobody says how many.
const USUAL: u64 = 30;

/// The command that changes the token: the vendor takes the new one alone.
const ROTATION: &str = "rotate-token";

/// The command before which the connector becomes another one.
const RENORMALIZATION: &str = "renormalize";

/// Numbers that look random, from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|it| (it.path(), it.file_name())).unwrap();
        match path.is_dir() {
            true if path.is_symlink() => {}
            true => copy(&path, &to.join(name)),
            false => drop(fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// What is done and killed, from a data folder that was made ready for it.
struct Case {
    name: &'static str,
    arguments: Vec<String>,
    ready: &'static str,
    /// How long it takes if nobody disturbs it.
    lasts: Duration,
    /// What is in the store then.
    ends: Value,
}

struct Bench {
    desk: Desk,
    key: String,
    file: String,
}

impl Bench {
    fn new() -> Self {
        let shape = WorldShape { projects: 4, sast: 260, sca: 120, ..crate::support::shape() };
        let desk = Desk::new(shape, vec![]);
        let key = desk.folder.path().join("key").to_str().unwrap().to_owned();
        desk.ok(&["vault", "generate-key", "--output", &key]);
        let connector = desk.file("connector.wasm", "");
        fs::write(&connector, host_harness::BUNDLED[0].component).unwrap();
        let place = ["--connector", &connector, "--vault-key-file", &key];
        let done = desk.add(&[&["--store-token", "--set", "page_size=100"], &place[..]].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        let file = desk.file("report.json", &super::killed::report(600));
        let bench = Self { desk, key, file };
        bench.keep("set up");
        bench.ok(&["sync"]);
        bench.keep("synced");
        bench
    }

    /// Keeps the data folder under a name.
    fn keep(&self, name: &str) {
        copy(&self.desk.data_dir(), &self.desk.folder.path().join(name));
    }

    /// Makes the data folder what it was, the vendor one that takes the token
    /// which the command called `name` is about, and the connector its own.
    fn take(&self, ready: &str, name: &str) {
        fs::remove_dir_all(self.desk.data_dir()).unwrap();
        copy(&self.desk.folder.path().join(ready), &self.desk.data_dir());
        self.desk.simulator.set_token(if name == ROTATION { SECOND_TOKEN } else { TOKEN });
        let connector = match name {
            RENORMALIZATION => changed_connector(),
            _ => host_harness::BUNDLED[0].component.to_vec(),
        };
        fs::write(self.desk.folder.path().join("connector.wasm"), connector).unwrap();
        if name == RENORMALIZATION {
            self.ok(&["instance", "accept-connector", "code"]);
        }
    }

    fn with_key<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--vault-key-file", &self.key]].concat()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.desk.ok(&self.with_key(arguments))
    }

    /// What a user sees, and whether the stored token opens and is taken.
    fn content(&self) -> Value {
        let mut content = self.desk.content();
        let instances = self.desk.json(&["instance", "list"])["instances"].clone();
        let issues = self.desk.json(&["issues", "--include-closed", "--limit", "100000"])["total"].clone();
        let statuses = self.desk.json(&["dashboard", "--include-non-security"])["statuses"].clone();
        let more = content.as_object_mut().unwrap();
        more.insert(
            "instances".to_owned(),
            instances.as_array().unwrap().iter().map(|it| it["name"].clone()).collect(),
        );
        more.insert("issues".to_owned(), issues);
        more.insert("statuses".to_owned(), statuses);
        content
    }

    fn case(&self, name: &'static str, ready: &'static str, arguments: &[&str]) -> Case {
        self.take(ready, name);
        let started = Instant::now();
        self.ok(arguments);
        let lasts = started.elapsed();
        let arguments = self.with_key(arguments).into_iter().map(str::to_owned).collect();
        Case { name, arguments, ready, lasts, ends: self.content() }
    }

    /// Kills a command at a moment of its life; tells whether it was still at work.
    fn kill(&self, case: &Case, random: &mut Random) -> bool {
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let mut child = self.desk.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A moment of the clock is what a power cut comes at.
        let micros = random.next() % u64::try_from(case.lasts.as_micros()).unwrap().max(1);
        std::thread::sleep(Duration::from_micros(micros));
        let at_work = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        at_work
    }

    /// How many findings the connector would make something else of.
    fn left_to_renormalize(&self) -> u64 {
        let report = self.desk.json(&["renormalize", "--dry-run"]);
        report["instances"][0]["changed"].as_u64().unwrap_or_else(|| panic!("{report}"))
    }

    /// Whether the stored token is the old one or the new one, and not lost.
    fn holds_a_token(&self) -> bool {
        let check = self.with_key(&["instance", "test", "code"]);
        [TOKEN, SECOND_TOKEN].into_iter().any(|token| {
            self.desk.simulator.set_token(token);
            let code = self.desk.run(&check).code;
            self.desk.simulator.set_token(SECOND_TOKEN);
            code == 0
        })
    }
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_nothing_is_there_twice() {
    let given = |name: &str| std::env::var(name).ok().map(|it| it.parse::<u64>().unwrap());
    let kills = given("HARNESS_KILLS").unwrap_or(USUAL);
    let by_the_clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
    let seed = given("HARNESS_SEED").unwrap_or_else(by_the_clock);
    println!("{kills} kills, seed {seed}");

    let mut random = Random(seed);
    let bench = Bench::new();
    let second = bench.desk.file("second-token", SECOND_TOKEN);
    bench.take("synced", RENORMALIZATION);
    assert!(bench.left_to_renormalize() > 100, "the changed connector changes nothing");
    let rotate = ["instance", ROTATION, "code", "--token-file", &second, "--store-token"];
    let cases = [
        bench.case("sync", "set up", &["sync"]),
        bench.case("import", "synced", &["import", &bench.file, "--project", "acme/shop"]),
        bench.case(RENORMALIZATION, "synced", &[RENORMALIZATION]),
        bench.case(ROTATION, "synced", &rotate),
        bench.case("delete", "synced", &["instance", "delete", "code", "--confirm", "code"]),
    ];

    let mut at_work: BTreeMap<&str, u64> = BTreeMap::new();
    let mut done = 0;
    for case in cases.iter().cycle() {
        if done >= kills {
            break;
        }
        bench.take(case.ready, case.name);
        // Once or more in a row, before it may come to its end.
        for _ in 0..=random.next() % 2 {
            done += 1;
            *at_work.entry(case.name).or_default() += u64::from(bench.kill(case, &mut random));
        }
        let what = format!("{} of seed {seed}, after {done} kills", case.name);
        // Not each time: what comes right after the kill is to find what it left.
        if case.name == ROTATION && random.next().is_multiple_of(2) {
            assert!(bench.holds_a_token(), "{what}: neither the old token nor the new one is there");
        }
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let end = bench.desk.run(&arguments);
        // What was deleted when it was killed is finished by the next command,
        // which then finds nothing to delete.
        let gone = case.name == "delete" && end.stderr.contains("instance `code` not found");
        assert!(end.code == 0 || gone, "{what}: {}{}", end.stdout, end.stderr);
        assert_eq!(bench.content(), case.ends, "{what}");
        if case.name == RENORMALIZATION {
            assert_eq!(bench.left_to_renormalize(), 0, "{what}");
        }
        let health = bench.desk.run(&bench.with_key(&["doctor"]));
        assert_eq!(health.code, 0, "{what}: {}{}", health.stdout, health.stderr);
        bench.desk.in_no_file(&[TOKEN, SECOND_TOKEN]);
        if case.name != "delete" {
            bench.ok(&["instance", "test", "code"]);
        }
    }
    assert!(kills == 0 || at_work.values().sum::<u64>() > 0, "nothing was at work when it was killed");
    println!("at work when they were killed: {at_work:?}; 0 lost, 0 twice");
}
