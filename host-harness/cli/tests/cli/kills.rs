//! The program is killed at any moment of whatever writes, and nothing is lost.
//!
//! ```text
//! HARNESS_KILLS=1000 cargo test -p harness-cli --test cli kills -- --nocapture
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

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use vendor_sim::WorldShape;

use crate::support::{SECOND_TOKEN, TOKEN, TestContext, changed_connector};

/// Kills where nobody says how many.
const USUAL: u64 = 30;

/// The command that changes the token: the vendor takes the new one alone.
const ROTATION: &str = "rotate-token";

/// The command before which the connector becomes another one.
const RENORMALIZATION: &str = "renormalize";

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

struct Trial {
    context: TestContext,
    key: String,
    file: String,
}

impl Trial {
    fn new() -> Self {
        let shape = WorldShape { projects: 4, sast: 260, sca: 120, ..crate::support::shape() };
        let context = TestContext::new(shape, vec![]);
        let key = context.folder.path().join("key").to_str().unwrap().to_owned();
        context.ok(&["vault", "generate-key", "--output", &key]);
        let connector = context.file("connector.wasm", "");
        fs::write(&connector, host_harness::BUNDLED[0].component).unwrap();
        let place = ["--connector", &connector, "--vault-key-file", &key];
        let done = context.add(&[&["--store-token", "--set", "page_size=100"], &place[..]].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        let file = context.file("report.json", &super::killed::report(600));
        let trial = Self { context, key, file };
        trial.keep("set up");
        trial.ok(&["sync"]);
        trial.keep("synced");
        trial
    }

    /// Keeps the data folder under a name.
    fn keep(&self, name: &str) {
        copy(&self.context.data_dir(), &self.context.folder.path().join(name));
    }

    /// Makes the data folder what it was, the vendor one that takes the token
    /// which the command called `name` is about, and the connector its own.
    fn take(&self, ready: &str, name: &str) {
        fs::remove_dir_all(self.context.data_dir()).unwrap();
        copy(&self.context.folder.path().join(ready), &self.context.data_dir());
        self.context.simulator.set_token(if name == ROTATION { SECOND_TOKEN } else { TOKEN });
        let connector = match name {
            RENORMALIZATION => changed_connector(),
            _ => host_harness::BUNDLED[0].component.to_vec(),
        };
        fs::write(self.context.folder.path().join("connector.wasm"), connector).unwrap();
        if name == RENORMALIZATION {
            self.ok(&["connector", "update", "code"]);
        }
    }

    fn with_key<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--vault-key-file", &self.key]].concat()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.context.ok(&self.with_key(arguments))
    }

    /// What a user sees, and whether the stored token opens and is taken.
    fn content(&self) -> Value {
        let mut content = self.context.content();
        let instances = self.context.json(&["instance", "list"])["instances"].clone();
        let issues = self.context.json(&["issues", "--include-closed", "--limit", "100000"])["total"].clone();
        let statuses = self.context.json(&["dashboard", "--include-non-security"])["statuses"].clone();
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
    fn kill(&self, case: &Case, random: &mut StdRng) -> bool {
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let mut child = self.context.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A moment of the clock is what a power cut comes at.
        let micros = random.next_u64() % u64::try_from(case.lasts.as_micros()).unwrap().max(1);
        std::thread::sleep(Duration::from_micros(micros));
        let at_work = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        at_work
    }

    /// How many findings the connector would make something else of.
    fn left_to_renormalize(&self) -> u64 {
        let report = self.context.json(&["renormalize", "--dry-run"]);
        report["instances"][0]["changed"].as_u64().unwrap_or_else(|| panic!("{report}"))
    }

    /// Whether the stored token is the old one or the new one, and not lost.
    fn holds_a_token(&self) -> bool {
        let check = self.with_key(&["instance", "test", "code"]);
        [TOKEN, SECOND_TOKEN].into_iter().any(|token| {
            self.context.simulator.set_token(token);
            let code = self.context.run(&check).code;
            self.context.simulator.set_token(SECOND_TOKEN);
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

    let mut random = StdRng::seed_from_u64(seed);
    let trial = Trial::new();
    let second = trial.context.file("second-token", SECOND_TOKEN);
    trial.take("synced", RENORMALIZATION);
    assert!(trial.left_to_renormalize() > 100, "the changed connector changes nothing");
    let rotate = ["instance", ROTATION, "code", "--token-file", &second, "--store-token"];
    let cases = [
        trial.case("sync", "set up", &["sync"]),
        trial.case("import", "synced", &["import", &trial.file, "--project", "acme/shop"]),
        trial.case(RENORMALIZATION, "synced", &[RENORMALIZATION]),
        trial.case(ROTATION, "synced", &rotate),
        trial.case("delete", "synced", &["instance", "delete", "code", "--confirm", "code"]),
    ];

    let mut at_work: BTreeMap<&str, u64> = BTreeMap::new();
    let mut done = 0;
    for case in cases.iter().cycle() {
        if done >= kills {
            break;
        }
        trial.take(case.ready, case.name);
        // Once or more in a row, before it may come to its end.
        for _ in 0..=random.next_u64() % 2 {
            done += 1;
            *at_work.entry(case.name).or_default() += u64::from(trial.kill(case, &mut random));
        }
        let what = format!("{} of seed {seed}, after {done} kills", case.name);
        // Not each time: what comes right after the kill is to find what it left.
        if case.name == ROTATION && random.next_u64().is_multiple_of(2) {
            assert!(trial.holds_a_token(), "{what}: neither the old token nor the new one is there");
        }
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let end = trial.context.run(&arguments);
        // What was deleted when it was killed is finished by the next command,
        // which then finds nothing to delete.
        let gone = case.name == "delete" && end.stderr.contains("instance `code` not found");
        assert!(end.code == 0 || gone, "{what}: {}{}", end.stdout, end.stderr);
        assert_eq!(trial.content(), case.ends, "{what}");
        if case.name == RENORMALIZATION {
            assert_eq!(trial.left_to_renormalize(), 0, "{what}");
        }
        let health = trial.context.run(&trial.with_key(&["doctor"]));
        assert_eq!(health.code, 0, "{what}: {}{}", health.stdout, health.stderr);
        trial.context.in_no_file(&[TOKEN, SECOND_TOKEN]);
        if case.name != "delete" {
            trial.ok(&["instance", "test", "code"]);
        }
    }
    assert!(kills == 0 || at_work.values().sum::<u64>() > 0, "nothing was at work when it was killed");
    println!("at work when they were killed: {at_work:?}; 0 lost, 0 twice");
}
