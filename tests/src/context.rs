//! A host with a simulated vendor beside it, in a folder of its own.

use std::{path::PathBuf, sync::Arc};

use host_harness::{
    Error, Harness, Options, Setup, Tenant,
    grant::{InstanceName, SecretSource},
    ingest::{RetryPolicy, SyncOptions},
    sandbox::Limits,
    store::{ConnectorSource, Instance, Run},
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use vendor_sim::{Fault, Simulator, World, WorldShape};

use crate::{
    artifacts::{HOSTILE_GUEST, SEMGREP_CONNECTOR, workspace},
    waits::{Clock, Waits},
};

/// The token that the simulated vendor takes. It looks like nothing else, so
/// that a search for it finds it wherever it is.
pub const TOKEN: &str = "sgp_dcba9876543210_only_token";

/// What a [`TestContext`] is made of.
pub struct TestContextBuilder {
    /// The vendor's side.
    pub shape: WorldShape,
    /// Whether the token has the scope for the vendor's API.
    pub scope: bool,
    /// The limits of the sandboxes.
    pub limits: Limits,
    /// When calls are tried again.
    pub retry: RetryPolicy,
}

impl Default for TestContextBuilder {
    fn default() -> Self {
        Self {
            shape: WorldShape::default(),
            scope: true,
            // Address space for what a test uses, not for a busy machine.
            limits: Limits { sandboxes: 8, ..Limits::default() },
            retry: RetryPolicy { tries: 4, ..RetryPolicy::default() },
        }
    }
}

impl TestContextBuilder {
    /// Starts it.
    pub fn start(self) -> TestContext {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        let options = vendor_sim::Options { token: TOKEN.to_owned(), scope: self.scope, ..Default::default() };
        let simulator = Simulator::start(World::new(self.shape), options).unwrap();

        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        share_code(&data_dir);
        let (waits, clock) = (Arc::new(Waits::default()), Clock::default());
        let now = clock.clone();
        let harness = Harness::new(Options {
            limits: self.limits,
            retry: self.retry,
            waiter: waits.clone(),
            clock: Arc::new(move || now.now()),
            ..Options::new(data_dir)
        });
        TestContext { harness, simulator, waits, clock, token_file, folder }
    }
}

/// Lets all tests compile each component once: the folder for compiled code is
/// a link to a common one, where links are to be had.
fn share_code(data_dir: &std::path::Path) {
    #[cfg(unix)]
    {
        let common = workspace().join("target/tmp/code");
        std::fs::create_dir_all(&common).unwrap();
        std::os::unix::fs::symlink(common, data_dir.join("cache")).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (data_dir, workspace());
}

/// A host and a vendor.
pub struct TestContext {
    /// The host.
    pub harness: Harness,
    /// The vendor.
    pub simulator: Simulator,
    /// The waits that the host made.
    pub waits: Arc<Waits>,
    /// The host's clock.
    pub clock: Clock,
    token_file: PathBuf,
    folder: TempDir,
}

impl TestContext {
    /// The usual one, over a world of this shape.
    pub fn new(shape: WorldShape) -> Self {
        TestContextBuilder { shape, ..TestContextBuilder::default() }.start()
    }

    /// The host's folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A tenant of the host.
    pub fn tenant(&self, id: &str) -> Tenant {
        self.harness.tenant(id.parse().unwrap()).unwrap()
    }

    /// What sets up the real connector: the vendor's address is added to the
    /// settings and granted.
    pub fn semgrep(&self, instance: &str, mut settings: Map<String, Value>) -> Setup {
        settings.insert("origin".to_owned(), json!(self.simulator.url()));
        self.setup(instance, SEMGREP_CONNECTOR, settings)
    }

    /// What sets up the hostile guest, with nothing granted but the vendor.
    pub fn hostile(&self, instance: &str, settings: Map<String, Value>) -> Setup {
        self.setup(instance, HOSTILE_GUEST, settings)
    }

    fn setup(&self, instance: &str, component: &str, settings: Map<String, Value>) -> Setup {
        Setup {
            name: name(instance),
            connector: ConnectorSource::File { path: component.into() },
            settings,
            allow_origins: Vec::new(),
            allow_private_origins: vec![self.simulator.url().parse().unwrap()],
            secret: Some(SecretSource::File { path: self.token_file.clone() }),
            secrets: Default::default(),
            store_secret: false,
            proxy: None,
        }
    }

    /// A tenant with one instance, `code`, of the real connector.
    pub async fn connected(&self, tenant: &str, settings: Map<String, Value>) -> (Tenant, Instance) {
        let tenant = self.tenant(tenant);
        let instance = tenant.add_instance(self.semgrep("code", settings), true).await.unwrap();
        (tenant, instance)
    }

    /// Syncs the instance `code`.
    pub async fn sync(&self, tenant: &Tenant) -> Result<Run, Error> {
        tenant.sync(&name("code"), None, SyncOptions::default(), Arc::new(|_| ())).await
    }

    /// From now on the vendor fails in these ways; counting begins anew.
    pub fn faults(&self, faults: Vec<Fault>) {
        self.simulator.set_faults(faults);
    }

    /// A message without the vendor's address, whose port is another each time.
    pub fn redact(&self, message: &str) -> String {
        message.replace(self.simulator.url(), "[vendor]")
    }
}

/// The name of an instance.
pub fn name(name: &str) -> InstanceName {
    name.parse().unwrap()
}

/// Settings out of a JSON object.
pub fn settings(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}
