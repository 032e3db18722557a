//! A person at a terminal, with a vendor to talk to.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use boon::{Compiler, Schemas};
use memchr::memmem;
use serde_json::Value;
use tempfile::TempDir;
use vendor_sim::{Effect, Fault, Match, Options, RetryAfter, Simulator, World, WorldShape};

/// The token that simulators accept. Nothing that is printed or stored may
/// hold it.
pub const TOKEN: &str = "tok3n-that-nobody-may-see";

/// The token of whoever gets another one. It is as secret.
pub const SECOND_TOKEN: &str = "s3cond-token-that-nobody-may-see";

/// A world that is small, but has several pages and projects that were never
/// scanned.
pub fn shape() -> WorldShape {
    WorldShape { projects: 14, sast: 700, sca: 300, ai_sast: 0, secrets: 0, ..WorldShape::default() }
}

/// The same with records that cannot be read.
pub fn damaged() -> WorldShape {
    WorldShape { damaged_per_10_000: 50, ..shape() }
}

/// A data folder, a token file and a vendor.
pub struct TestContext {
    pub folder: TempDir,
    pub simulator: Simulator,
}

/// What a command did.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// The error that a command with `--json` ended with.
    pub fn error(&self) -> Value {
        serde_json::from_str(self.stderr.lines().last().unwrap()).unwrap()
    }
}

impl TestContext {
    pub fn new(shape: WorldShape, faults: Vec<Fault>) -> Self {
        Self::with_options(shape, Options { faults, ..Options::default() })
    }

    pub fn with_options(shape: WorldShape, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        fs::set_permissions(folder.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
        let simulator = Simulator::start(World::new(shape), Options { token: TOKEN.to_owned(), ..options }).unwrap();
        Self { folder, simulator }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data folder.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command that is given a text on standard input.
    pub fn fed(&self, arguments: &[&str], text: &str) -> Done {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        done(child.wait_with_output().unwrap())
    }

    /// Looks for texts in every file of the data folder, but for compiled code,
    /// and returns how many files there are.
    pub fn in_no_file(&self, hidden: &[&str]) -> usize {
        let (mut folders, mut files) = (vec![self.data_dir().join("tenants")], 0);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = fs::read(&path).unwrap();
                for text in hidden {
                    let there = memmem::find(&bytes, text.as_bytes()).is_some();
                    assert!(!there, "{} holds a secret", path.display());
                }
                files += 1;
            }
        }
        files
    }

    pub fn token_file(&self) -> String {
        self.folder.path().join("token").to_str().unwrap().to_owned()
    }

    /// A command with the usual surroundings and nothing of this process's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_harness"), arguments)
    }

    /// A command of another program, with the same surroundings.
    pub fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HARNESS_DATA_DIR", self.data_dir())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .stdin(Stdio::null());
        // Compiled code is the same for all tests: keep it beside the build.
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        // Whatever the mask of who runs the tests: what others may write is refused.
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&shared).unwrap();
        private.create(self.data_dir()).unwrap();
        let link = self.data_dir().join("cache");
        if !link.exists() {
            std::os::unix::fs::symlink(shared, link).unwrap();
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        done(self.command(arguments).output().unwrap())
    }

    /// A command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.stdout, done.stderr);
        done.stdout
    }

    /// A command that must succeed in part, and its JSON.
    pub fn json_in_part(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let done = self.run(&arguments);
        assert_eq!(done.code, 3, "{arguments:?}: {}{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// A command that must succeed, and its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }

    /// A command that must fail, and its JSON.
    pub fn json_of_failed(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 1, "{arguments:?}: {}{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Asserts that a JSON has the form that the program says it has.
    pub fn follows(&self, form: &str, json: &Value) {
        let schema: Value = serde_json::from_str(&self.ok(&["schema", form])).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("form.json", schema).unwrap();
        let index = compiler.compile("form.json", &mut schemas).unwrap();
        if let Err(problems) = schemas.validate(json, index) {
            panic!("{form}: {problems:#}: {json:#}");
        }
    }

    /// Sets up an instance over the simulator.
    pub fn add(&self, more: &[&str]) -> Done {
        let (origin, token) = (self.simulator.url().to_owned(), self.token_file());
        let set = format!("origin={origin}");
        let usual =
            ["instance", "add", "code", "--set", &set, "--allow-private-origin", &origin, "--token-file", &token];
        let arguments: Vec<&str> = usual.into_iter().chain(more.iter().copied()).collect();
        self.run(&arguments)
    }

    /// Sets up an instance that must connect.
    pub fn added(&self) {
        let done = self.add(&[]);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }

    /// What a text is without what differs from run to run.
    pub fn stable(&self, text: &str) -> String {
        text.replace(self.simulator.url(), "http://SIMULATOR")
            .replace(self.folder.path().to_str().unwrap(), "FOLDER")
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A table without what differs from run to run. Cursors name rows of one
    /// store.
    pub fn shown(&self, arguments: &[&str]) -> String {
        let text = self.stable(&self.ok(arguments));
        text.lines().filter(|line| !line.starts_with("Next page")).collect::<Vec<_>>().join("\n")
    }

    /// The content of the store that a user can see, without row ids and times
    /// of this machine.
    pub fn content(&self) -> Value {
        self.content_of("default")
    }

    /// The same of a tenant.
    pub fn content_of(&self, tenant: &str) -> Value {
        let json = |arguments: &[&str]| self.json(&[&["--tenant", tenant], arguments].concat());
        let mut findings = json(&["findings", "--include-closed", "--include-non-security", "--limit", "100000"]);
        // What is equally urgent is in the order of arrival.
        findings["findings"].as_array_mut().unwrap().sort_by_key(|finding| finding["id"].to_string());
        for finding in findings["findings"].as_array_mut().unwrap() {
            let finding = finding.as_object_mut().unwrap();
            finding.remove("first_seen_at");
            finding.remove("ingested_at");
            finding.remove("last_seen_at");
            finding.remove("changed_at");
        }
        let packages = json(&["packages", "--limit", "100000"]);
        let projects = json(&["projects"]);
        serde_json::json!({ "findings": findings, "packages": packages, "projects": projects })
    }
}

/// Lets the vendor refuse the findings for now, from a request on: a sync waits
/// in its middle until the faults are taken away.
pub fn gate_after(findings: u64) -> Vec<Fault> {
    let what = Effect::TooManyRequests { retry_after: Some(RetryAfter::Seconds(1)) };
    vec![Fault { when: Match { first: findings, ..Match::path("/findings") }, what }]
}

/// A sync that a gate holds, with pages in the store and more to come.
pub fn held_at_the_gate(context: &TestContext, command: &mut Command) -> Child {
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let pages = || context.json(&["status"])["instances"][0]["running"]["pages"].as_u64();
    while context.simulator.stats().too_many_requests == 0 || pages().unwrap_or(0) == 0 {
        assert!(Instant::now() < deadline, "the sync does not come to the gate");
        assert!(child.try_wait().unwrap().is_none(), "the sync was over before it came to the gate");
    }
    child
}

pub fn done(output: Output) -> Done {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let done =
        Done { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) };
    for token in [TOKEN, SECOND_TOKEN] {
        assert!(!done.stdout.contains(token) && !done.stderr.contains(token), "the token was printed");
    }
    done
}

/// The connector inside of the program, but for the name that it gives to the
/// vendor's way of telling findings apart: every finding of it is another one.
pub fn changed_connector() -> Vec<u8> {
    let mut bytes = host_harness::BUNDLED[0].component.to_vec();
    let (name, other) = (b"semgrep-match-based-id", b"semgrep-match-based-no");
    let places: Vec<usize> = memmem::find_iter(&bytes, name).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + name.len()].copy_from_slice(other);
    }
    bytes
}
