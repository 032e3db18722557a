//! What the tests of this crate stand on: a host with a folder, a clock and waits of
//! its own, and a mock vendor where one is asked for.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use appsec_grant::{InstanceName, SecretSource};
use appsec_ingest::{RetryPolicy, Sleep};
use appsec_model::Timestamp;
use appsec_store::{ConnectorSource, Instance, NewInstance};
use serde_json::json;
use tempfile::TempDir;
use vendor_sim::{Simulator, World, WorldShape};

use crate::{
    bundled::BUNDLED,
    harness::Harness,
    host::Options,
    tenant::{Setup, Tenant},
};

/// When the clock begins: 2026-10-31, half a second after midnight.
pub const START: i64 = 1_793_404_800_500_000;

/// A clock that a test moves, in microseconds. Waits are not made, but written down.
#[derive(Clone)]
pub struct Clock {
    now: Arc<AtomicI64>,
    waits: Arc<Mutex<Vec<Duration>>>,
    moves: Arc<AtomicBool>,
}

impl Clock {
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn later(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
    }

    /// From now on waits move it too.
    pub fn follow_waits(&self) {
        self.moves.store(true, Ordering::SeqCst);
    }

    /// The waits that were asked for.
    pub fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

impl Sleep for Clock {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.waits.lock().unwrap().push(time);
        if self.moves.load(Ordering::SeqCst) {
            self.later(i64::try_from(time.as_micros()).unwrap());
        }
        Box::pin(std::future::ready(()))
    }
}

/// A host, and what it stands on.
pub struct TestContext {
    pub harness: Harness,
    pub clock: Clock,
    folder: TempDir,
    vendor: OnceLock<Simulator>,
}

impl TestContext {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// The same with other options.
    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        // Compiled code is the same for all tests: it is kept beside the build.
        #[cfg(unix)]
        {
            let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/code");
            std::fs::create_dir_all(&common).unwrap();
            std::os::unix::fs::symlink(common, data_dir.join("cache")).unwrap();
        }
        let clock = Clock { now: Arc::new(AtomicI64::new(START)), waits: Arc::default(), moves: Arc::default() };
        let read = clock.clone();
        let mut options = Options {
            retry: RetryPolicy { tries: 1, ..RetryPolicy::default() },
            waiter: Arc::new(clock.clone()),
            clock: Arc::new(move || Timestamp::from_micros(read.now())),
            ..Options::new(data_dir)
        };
        change(&mut options);
        Self { harness: Harness::new(options), clock, folder, vendor: OnceLock::new() }
    }

    /// A place beside the data folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file there.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn tenant(&self, id: &str) -> Tenant {
        self.harness.tenant(id.parse().unwrap()).unwrap()
    }

    /// A world that is small.
    pub fn shape() -> WorldShape {
        WorldShape { projects: 3, sast: 150, sca: 30, damaged_per_10_000: 0, ..WorldShape::default() }
    }

    /// The mock vendor, which begins to answer with the first call of this.
    pub fn vendor(&self) -> &Simulator {
        let start = || Simulator::start(World::new(Self::shape()), vendor_sim::Options::default()).unwrap();
        self.vendor.get_or_init(start)
    }

    /// The file with the token that the vendor accepts, which a test may write over.
    pub fn token_file(&self) -> PathBuf {
        self.path("token")
    }

    /// An instance of the bundled connector, connected to the mock vendor.
    pub async fn connected(&self, tenant: &Tenant, instance: &str) -> Instance {
        let url = self.vendor().url();
        if !self.token_file().exists() {
            self.file("token", "sim-token");
        }
        let settings = json!({ "origin": url, "branches": "all", "duplicates": "merged", "page_size": 100 });
        let setup = Setup {
            name: name(instance),
            connector: ConnectorSource::Bundled { id: BUNDLED[0].id.to_owned() },
            settings: settings.as_object().unwrap().clone(),
            allow_origins: vec![],
            allow_private_origins: vec![url.parse().unwrap()],
            secret: Some(SecretSource::File { path: self.token_file() }),
            secrets: Default::default(),
            store_secret: false,
            proxy: None,
        };
        tenant.add_instance(setup, true).await.unwrap()
    }

    /// An instance whose connector is never called.
    pub fn listed(&self, tenant: &Tenant, instance: &str) {
        let made = NewInstance {
            name: name(instance),
            connector_id: "any".to_owned(),
            connector_version: "1.0.0".to_owned(),
            connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
            connector_sha256: None,
            settings: serde_json::Map::new(),
            egress: Default::default(),
            secrets: Default::default(),
            proxy: None,
        };
        tenant.store().run_now(|store| store.add_instance(&made, Timestamp::from_micros(0))).unwrap();
    }
}

/// The name of an instance.
pub fn name(name: &str) -> InstanceName {
    name.parse().unwrap()
}
