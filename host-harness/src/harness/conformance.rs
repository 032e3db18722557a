//! Whether a connector keeps the contract.

use std::{collections::BTreeMap, sync::Arc};

use appsec_conformance::{ConformanceReport, Lab, Plan, judge_component, judge_refused};
use appsec_grant::{Addresses, EgressPolicy, Origin, Secret, SecretSource};
use appsec_sandbox::{GrantedSecret, HttpGrant, Transport};
use appsec_store::ConnectorSource;
use serde_json::Value;

use super::Harness;
use crate::error::Error;

/// How a connector is to be judged, and against what.
#[derive(Clone, Debug)]
pub struct Conformance {
    /// The connector.
    pub connector: ConnectorSource,
    /// The vendor's origins, in the order in which the connector names those
    /// that it needs; none to judge it without a vendor. Each may be reached,
    /// at whatever address.
    pub against: Vec<Origin>,
    /// Where its secrets are read from; by default from the environment
    /// variables that it names.
    pub secret: Option<SecretSource>,
    /// Which checks, and with which settings.
    pub plan: Plan,
}

impl Harness {
    /// Judges a connector. Nothing is stored of what it fetches.
    pub async fn conformance(&self, asked: Conformance) -> Result<ConformanceReport, Error> {
        let Conformance { connector, against, secret, mut plan } = asked;
        let (_, code) = self.host.component(&connector)?;
        let loaded = match self.runtime()?.load(&code) {
            Ok(loaded) => loaded,
            Err(error) => return judge_refused(&error, &plan).ok_or(Error::Runtime(error)),
        };
        let lab = Arc::new(Lab::new(!against.is_empty()));
        let mut policy = EgressPolicy::default();
        let mut secrets = BTreeMap::new();
        // One that cannot say what it needs is judged without it.
        if let Ok(described) = loaded.describe(&connector.to_string()).await {
            let manifest = described.value;
            for (need, origin) in manifest.origins.iter().zip(&against) {
                if let Some(setting) = &need.setting {
                    plan.settings.entry(setting).or_insert_with(|| Value::String(origin.to_string()));
                }
            }
            // Without a vendor none is needed, and what stands for it is looked for all the same.
            for need in &manifest.secrets {
                let source = secret.clone().unwrap_or(SecretSource::Variable { name: need.variable.clone() });
                let value = if against.is_empty() { Secret::typed("no-secret")? } else { source.read()? };
                secrets.insert(need.variable.clone(), value);
            }
        }
        for origin in against {
            policy.grant(origin, Addresses::Private);
        }
        let transport = Transport::new(self.host.tls()?, &self.options().limits).intercepted(lab.clone());
        let granted = secrets.into_iter().map(|(variable, secret)| GrantedSecret::new(variable, secret));
        let http = HttpGrant {
            policy: Arc::new(policy),
            transport: Arc::new(transport),
            proxies: self.options().proxies.clone(),
            secrets: granted.collect::<Result<_, _>>()?,
        };
        Ok(judge_component(loaded, http, &lab, &plan).await)
    }
}
