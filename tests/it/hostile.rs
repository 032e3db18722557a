//! Single calls of the hostile guest, and the proof that the host is well
//! after each of them.

use std::time::Duration;

use appsec_model::{FetchRequest, Kind, RawInput, RawRecord, Scope};
use host_harness::{
    Tenant,
    sandbox::{CallError, Connector, Grant, Limits},
};
use serde_json::{Value, json};
use tests::{TestContext, TestContextBuilder, name, settings};
use vendor_sim::WorldShape;

/// A test fails rather than waits: far more than any limit in these tests.
pub const LONG: Duration = Duration::from_secs(60);

/// What comes of something, which must come soon.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.expect("the host does not come back")
}

/// A host with tight limits, and the hostile guest as two instances of one
/// tenant and one of another.
pub struct Hostile {
    pub context: TestContext,
    pub connector: Connector,
    pub tenant: Tenant,
    grants: Vec<Grant>,
    granted: Vec<String>,
}

/// An instance of the guest.
#[derive(Clone, Copy)]
pub enum Who {
    First,
    SameTenant,
    OtherTenant,
}

impl Hostile {
    pub async fn new(limits: Limits) -> Self {
        let shape = WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() };
        let limits = Limits { sandboxes: 4, ..limits };
        let context = TestContextBuilder { shape, limits, ..TestContextBuilder::default() }.start();
        let mut grants = Vec::new();
        for (tenant, instance) in [("acme", "one"), ("acme", "two"), ("other", "one")] {
            let tenant = context.tenant(tenant);
            soon(tenant.add_instance(context.hostile(instance, settings(json!({}))), false)).await.unwrap();
            grants.push(tenant.grant(&name(instance)).await.unwrap());
        }
        let tenant = context.tenant("acme");
        let instance = tenant.instance(&name("one")).await.unwrap();
        let connector = tenant.loaded(&instance).await.unwrap().connector;
        Self { context, connector, tenant, grants, granted: Vec::new() }
    }

    pub fn grant(&self, who: Who) -> &Grant {
        &self.grants[who as usize]
    }

    /// Grants the first instance one more origin of this machine.
    pub async fn grant_to_first(&mut self, url: &str) {
        self.granted.push(url.to_owned());
        let instance = format!("granted-{}", self.granted.len());
        let mut setup = self.context.hostile(&instance, settings(json!({})));
        setup.allow_private_origins.extend(self.granted.iter().map(|url| url.parse().unwrap()));
        soon(self.tenant.add_instance(setup, false)).await.unwrap();
        self.grants[0] =
            Grant { instance_path: "acme/one".to_owned(), ..self.tenant.grant(&name(&instance)).await.unwrap() };
    }

    /// What the guest has seen while it did what it was told.
    pub async fn told(&self, who: Who, order: Value) -> Result<String, CallError> {
        let called = soon(self.connector.configure(self.grant(who), &order.to_string())).await?;
        Ok(called.value.diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect())
    }

    /// The message after a deed that the host does not let pass. All that share
    /// the host are served before and after it.
    pub async fn stopped(&self, order: Value) -> String {
        self.assert_well().await;
        let error = self.told(Who::First, order).await.unwrap_err();
        assert_eq!((error.instance_path.as_str(), error.function), ("acme/one", "configure"));
        self.assert_well().await;
        self.context.redact(&error.to_string())
    }

    /// [`stopped`](Self::stopped) by an order in each function that takes input.
    pub async fn stopped_in_every_verb(&self, order: Value) -> Vec<String> {
        let (text, grant) = (order.to_string(), self.grant(Who::First));
        let mut errors = vec![soon(self.connector.configure(grant, &text)).await.unwrap_err()];
        errors.push(soon(self.connector.list_projects(grant, Some(&text))).await.unwrap_err());
        let request =
            FetchRequest { kind: Kind::Sast, scope: Scope::Deployment, since: None, cursor: Some(text.clone()) };
        errors.push(soon(self.connector.fetch_findings(grant, request)).await.unwrap_err());
        errors.push(soon(self.connector.normalize("acme/one", records(&[&text]))).await.unwrap_err());
        errors.push(soon(self.connector.interpret_event("acme/one", text.as_bytes())).await.unwrap_err());
        self.assert_well().await;
        errors.into_iter().map(|error| self.context.redact(&error.to_string())).collect()
    }

    /// Asserts that every instance is served.
    pub async fn assert_well(&self) {
        for who in [Who::First, Who::SameTenant, Who::OtherTenant] {
            assert_eq!(self.told(who, json!({})).await.unwrap(), "");
            soon(self.connector.list_projects(self.grant(who), None)).await.unwrap();
        }
        let normalized = soon(self.connector.normalize("acme/one", records(&["{}"]))).await.unwrap().value;
        assert_eq!(normalized.findings.len(), 1);
    }
}

/// Raw records with these bodies.
pub fn records(bodies: &[&str]) -> RawInput {
    let record = |body: &&str| RawRecord {
        kind: Kind::Sast,
        id: Some("1".to_owned()),
        project: None,
        body: (*body).to_owned(),
        gist: None,
    };
    RawInput::Records(bodies.iter().map(record).collect())
}
