//! Whether a connector keeps the contract.

use std::{collections::BTreeMap, sync::Arc};

use appsec_conformance::{Cassette, ConformanceReport, Head, Lab, Plan, judge_component, judge_refused};
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
    /// Who answers it.
    pub vendor: Answers,
    /// Whether the vendor's answers are recorded.
    pub record: bool,
    /// Where its secrets are read from; by default from the environment
    /// variables that it names.
    pub secret: Option<SecretSource>,
    /// Which checks, and with which settings.
    pub plan: Plan,
}

/// Who answers a connector that is judged.
#[derive(Clone, Debug, Default)]
pub enum Answers {
    /// Nobody.
    #[default]
    Nobody,
    /// The vendor at these origins, in the order in which the connector names
    /// those that it needs. Each may be reached, at whatever address.
    Origins(Vec<Origin>),
    /// Recorded answers, under the settings that they were recorded with.
    Cassette(Cassette),
}

/// What came of judging a connector.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What became of the checks.
    pub report: ConformanceReport,
    /// The vendor's answers, where they were to be recorded.
    pub cassette: Option<String>,
}

impl Harness {
    /// Judges a connector. Nothing is stored of what it fetches.
    pub async fn conformance(&self, asked: Conformance) -> Result<Judged, Error> {
        let Conformance { connector, vendor, record, secret, mut plan } = asked;
        let (_, code) = self.host.component(&connector)?;
        let loaded = match self.runtime()?.load(&code) {
            Ok(loaded) => loaded,
            Err(error) => {
                let report = judge_refused(&error, &plan).ok_or(Error::Runtime(error))?;
                return Ok(Judged { report, cassette: None });
            }
        };
        let (lab, against) = match vendor {
            Answers::Nobody => (Lab::offline(), Vec::new()),
            Answers::Origins(origins) => (Lab::online(), origins),
            Answers::Cassette(cassette) => {
                for (key, value) in &cassette.head.settings {
                    plan.settings.entry(key).or_insert_with(|| value.clone());
                }
                let origins = cassette.head.origins.iter().map(|origin| origin.parse()).collect::<Result<_, _>>()?;
                (Lab::replaying(cassette), origins)
            }
        };
        let lab = Arc::new(lab);
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
            // Without the vendor none is needed, and what stands for it is looked for all the same.
            for need in &manifest.secrets {
                let source = secret.clone().unwrap_or(SecretSource::Variable { name: need.variable.clone() });
                let value = if lab.is_online() { source.read()? } else { Secret::typed("no-secret")? };
                secrets.insert(need.variable.clone(), value);
            }
        }
        for origin in &against {
            policy.grant(origin.clone(), Addresses::Private);
        }
        let sent: Vec<String> = secrets.values().map(|secret| secret.reveal().to_owned()).collect();
        let transport = Transport::new(self.host.tls()?, &self.options().limits).intercepted(lab.clone());
        let granted = secrets.into_iter().map(|(variable, secret)| GrantedSecret::new(variable, secret));
        let http = HttpGrant {
            policy: Arc::new(policy),
            transport: Arc::new(transport),
            proxies: self.options().proxies.clone(),
            secrets: granted.collect::<Result<_, _>>()?,
        };
        let report = judge_component(loaded, http, &lab, &plan).await;
        if let Some(missing) = lab.missing() {
            return Err(missing.into());
        }
        let cassette = match (&report.id, &report.version) {
            (Some(id), Some(version)) if record => {
                let origins = against.iter().map(ToString::to_string).collect();
                let head = Head::new(id.clone(), version.clone(), origins, plan.settings);
                Some(lab.recorded(head).write(&sent)?)
            }
            _ => None,
        };
        Ok(Judged { report, cassette })
    }
}
