//! Report sources: the reports of other scanners, which the host reads itself.

use super::Tenant;
use crate::error::Error;
use appsec_grant::InstanceName;
use appsec_store::{ConnectorSource, Instance, NewInstance, StoreError};

/// What stands for a connector's id on an instance without one.
const READER: &str = "reports";

impl Tenant {
    /// The native source of a name; made if there is no instance of that name.
    /// Tells whether it was made.
    pub async fn source(&self, name: &InstanceName) -> Result<(Instance, bool), Error> {
        let (new, now) = (native(name), self.now());
        let made = match self.store.run(move |store| store.add_instance(&new, now)).await {
            Ok(_) => true,
            Err(StoreError::InstanceExists(_)) => false,
            Err(error) => return Err(error.into()),
        };
        let instance = self.instance(name).await?;
        if instance.is_report_source() { Ok((instance, made)) } else { Err(Error::NotNative(name.clone())) }
    }

    /// Takes back an instance that has taken in nothing yet.
    pub async fn withdraw_unused(&self, name: &InstanceName) -> Result<(), Error> {
        let instance = self.instance(name).await?;
        self.store
            .run(move |store| match store.runs(Some(instance.id), 1)?.is_empty() {
                true => store.withdraw_instance(instance.id),
                false => Ok(()),
            })
            .await?;
        Ok(())
    }
}

fn native(name: &InstanceName) -> NewInstance {
    NewInstance {
        name: name.clone(),
        connector_id: READER.to_owned(),
        connector_version: env!("CARGO_PKG_VERSION").to_owned(),
        connector_source: ConnectorSource::Reports,
        connector_sha256: None,
        settings: serde_json::Map::new(),
        egress: Default::default(),
        secrets: Default::default(),
        proxy: None,
    }
}

#[cfg(test)]
mod tests;
