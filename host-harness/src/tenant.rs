//! One tenant: its instances, and what is done with them.

mod change;
mod deletion;
mod dry_run;
mod export;
mod instance;
mod issues;
mod lease;
mod mapping;
mod notify;
mod onboarding;
mod policies;
mod proxies;
mod report_source;
mod session;
mod status;
mod sync;
mod vault;
mod webhook;

use std::path::PathBuf;

use appsec_model::Timestamp;

pub use self::{
    change::{AcceptedConnector, Rotation, SettingsChange},
    deletion::DeletionReport,
    export::{ExportFormat, ExportFormatError},
    instance::Setup,
    lease::Holder,
    mapping::{Acceptance, ProjectName, ScanFieldChanges},
    notify::{Deliveries, WebhookSetup},
    onboarding::{KindChoice, Onboarding},
    policies::{PoliciesImported, PolicyCheck, PolicyRow, PolicyRows},
    proxies::{ProxyChange, ProxyRoute},
    status::{InstanceWork, LastRun, RunningWork},
    webhook::WebhookEndpoint,
};
use crate::{error::Error, host::Host};
use appsec_grant::{InstanceName, TenantId};
use appsec_store::{Instance, SharedStore};

/// One tenant of a harness.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) host: Host,
    pub(crate) id: TenantId,
    pub(crate) folder: PathBuf,
    pub(crate) store: SharedStore,
}

impl Tenant {
    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Its store, for reading.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// An instance by its name.
    pub async fn instance(&self, name: &InstanceName) -> Result<Instance, Error> {
        let wanted = name.clone();
        let (found, all) = self.store.run(move |store| Ok((store.instance(&wanted)?, store.instances()?))).await?;
        found.ok_or_else(|| {
            let names = all.into_iter().map(|instance| instance.made.name.to_string());
            Error::NoInstance { name: name.clone(), known: meant(name.as_str(), names) }
        })
    }
}

/// The name that was meant by one that is not there: the nearest one, if a
/// letter or two are wrong, or one of which it is the beginning.
fn meant(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let distance = |it: &String| match it.starts_with(name) || name.starts_with(it.as_str()) {
        true => 0,
        false => strsim::damerau_levenshtein(it, name),
    };
    // In a short name two other letters are another name.
    let most = if name.len() > 4 { 2 } else { 1 };
    known.map(|it| (distance(&it), it)).filter(|(far, _)| *far <= most).min().map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_name_with_a_slip_leads_to_the_one_that_was_meant() {
        let known = |name: &str| meant(name, ["code", "backend", "frontend"].map(str::to_owned).into_iter());
        for (name, expected) in
            [("cod", "code"), ("coed", "code"), ("cide", "code"), ("bakcend", "backend"), ("frontedn2", "frontend")]
        {
            assert_eq!(known(name).as_deref(), Some(expected), "{name}");
        }
        for other in ["side", "data", "middle", "back-office"] {
            assert_eq!(known(other), None, "{other}");
        }
    }
}
