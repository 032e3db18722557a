//! Many tenants at once: one loads a hostile connector, one has a vendor that
//! never answers, and all others want their findings.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use host_harness::{
    CancellationToken, Daemon, DaemonEvent, DaemonOptions, Harness, Options, Setup,
    grant::SecretSource,
    ingest::RetryPolicy,
    sandbox::Limits,
    store::{ConnectorSource, Plan},
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use vendor_sim::{Simulator, World, WorldShape};

use crate::{
    artifacts::{HOSTILE_GUEST, SEMGREP_CONNECTOR},
    context::{TOKEN, name, settings},
};

/// The tenant whose connector never ends a call.
pub const HOSTILE: &str = "hostile";

/// The tenant whose vendor takes connections and never answers.
pub const DEAD: &str = "dead";

/// A host with many tenants.
pub struct Load {
    /// Syncs at one time.
    pub parallel: usize,
    simulator: Simulator,
    // Connections wait in its queue for ever.
    _dead: TcpListener,
    folder: TempDir,
    tenants: Vec<String>,
}

/// How the sync of a tenant ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended {
    /// `complete`, `partial`, or `failed`.
    pub state: String,
    /// Records that were new.
    pub new: u64,
    /// Why it is not complete.
    pub why: Option<String>,
    /// How long after the beginning of all of them.
    pub after: Duration,
}

/// What one round brought.
pub struct Round {
    /// By tenant.
    pub ended: BTreeMap<String, Ended>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Round {
    /// The tenants that behave.
    pub fn good(&self) -> impl Iterator<Item = (&String, &Ended)> {
        self.ended.iter().filter(|(tenant, _)| *tenant != HOSTILE && *tenant != DEAD)
    }
}

impl Load {
    /// Sets tenants up, with an instance each. Two more are the hostile and the
    /// dead one, in the midst of the others.
    pub async fn new(tenants: usize, parallel: usize, findings: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let shape = WorldShape { projects: 3, ai_sast: 0, secrets: 0, ..WorldShape::with_findings(findings) };
        let options = vendor_sim::Options { token: TOKEN.to_owned(), ..Default::default() };
        let simulator = Simulator::start(World::new(shape.without_oddities()), options).unwrap();
        let dead = TcpListener::bind("127.0.0.1:0").unwrap();
        let dead_url = format!("http://{}", dead.local_addr().unwrap());
        let mut names: Vec<String> = (0..tenants).map(|number| format!("tenant-{number:04}")).collect();
        names.insert(tenants / 3, HOSTILE.to_owned());
        names.insert(tenants / 2, DEAD.to_owned());
        let load = Self { parallel, simulator, _dead: dead, folder, tenants: names };
        let harness = load.harness();
        for tenant in &load.tenants {
            let setup = match tenant.as_str() {
                HOSTILE => load.setup(HOSTILE_GUEST, settings(json!({ "fetch": { "do": "loop" } })), None),
                DEAD => load.setup(SEMGREP_CONNECTOR, settings(json!({})), Some(&dead_url)),
                _ => load.setup(SEMGREP_CONNECTOR, settings(json!({})), Some(load.simulator.url())),
            };
            let tenant = harness.tenant(tenant.parse().unwrap()).unwrap();
            tenant.add_instance(setup, false).await.unwrap();
        }
        load
    }

    /// A host over the folder, as a process that was just started has it.
    fn harness(&self) -> Harness {
        let limits =
            Limits { cpu_time: Duration::from_secs(1), first_byte_time: Duration::from_secs(2), ..Limits::default() };
        let retry = RetryPolicy { tries: 2, first_wait: Duration::from_millis(100), ..RetryPolicy::default() };
        Harness::new(Options { limits, retry, ..Options::new(self.folder.path().join("data")) })
    }

    fn setup(&self, component: &str, mut settings: Map<String, Value>, vendor: Option<&str>) -> Setup {
        if let Some(vendor) = vendor {
            settings.insert("origin".to_owned(), json!(vendor));
        }
        let vendor = vendor.unwrap_or(self.simulator.url());
        Setup {
            name: name("code"),
            connector: ConnectorSource::File { path: component.into() },
            settings,
            allow_origins: Vec::new(),
            allow_private_origins: vec![vendor.parse().unwrap()],
            secret: Some(SecretSource::File { path: self.folder.path().join("token") }),
            secrets: Default::default(),
            store_secret: false,
            proxy: None,
        }
    }

    /// Everyone is scheduled anew; a daemon starts, syncs them once, and ends.
    pub async fn round(&self) -> Round {
        self.round_of(|_| true).await
    }

    /// The same for some of them; the others are not due.
    pub async fn round_of(&self, wanted: impl Fn(&str) -> bool) -> Round {
        let harness = self.harness();
        for tenant in self.tenants.iter().filter(|tenant| wanted(tenant)) {
            let tenant = harness.tenant(tenant.parse().unwrap()).unwrap();
            let instance = tenant.instance(&name("code")).await.unwrap();
            let plan = Plan { sync: Some("every 1h".parse().unwrap()), ..Plan::default() };
            tenant.schedule(&instance, plan).await.unwrap();
        }
        let ended: Arc<Mutex<BTreeMap<String, Ended>>> = Arc::default();
        let (told, started) = (ended.clone(), Instant::now());
        let progress = move |event: DaemonEvent| {
            let after = started.elapsed();
            let (instance_path, ended) = match event {
                DaemonEvent::SyncEnded { instance_path, state, new, why, .. } => {
                    (instance_path, Ended { state, new, why, after })
                }
                DaemonEvent::SyncFailed { instance_path, why, .. } => {
                    (instance_path, Ended { state: "failed".to_owned(), new: 0, why: Some(why), after })
                }
                _ => return,
            };
            let tenant = instance_path.split('/').next().unwrap_or_default().to_owned();
            told.lock().unwrap().insert(tenant, ended);
        };
        let options = DaemonOptions {
            parallel: self.parallel,
            once: true,
            listen: None,
            stop: CancellationToken::default(),
            abort: CancellationToken::default(),
            progress: Arc::new(progress),
        };
        let daemon = Daemon::new(harness, options).unwrap();
        daemon.run().await.unwrap();
        let ended = ended.lock().unwrap().clone();
        Round { ended, elapsed: started.elapsed() }
    }

    /// Where the host keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Names of all tenants.
    pub fn tenants(&self) -> &[String] {
        &self.tenants
    }
}

/// What the descriptors of this process are of: files by path, sockets by
/// number.
pub fn descriptors() -> Vec<PathBuf> {
    let Ok(all) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect()
}

/// A line of the process's status in bytes, such as `VmRSS` or `VmHWM`.
pub fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kibibytes: u64 = found.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default();
    kibibytes * 1024
}
