//! What a vendor answered to an instance, as a cassette.

use appsec_conformance::Head;
use appsec_grant::InstanceName;

use super::{Tenant, instance::needed_origins};
use crate::error::Error;

impl Tenant {
    /// What vendors answered since this harness was made over a recorder.
    pub async fn recording(&self, name: &InstanceName) -> Result<Option<String>, Error> {
        let Some(network) = self.host.options().network.as_ref().filter(|network| network.is_online()) else {
            return Ok(None);
        };
        let instance = self.instance(name).await?;
        let loaded = self.loaded(&instance).await?;
        network.belongs_to(&loaded.connector.inspection().sha256);
        let manifest = loaded.manifest;
        let origins = needed_origins(&manifest, &instance.made.settings)?;
        let origins = origins.iter().map(ToString::to_string).collect();
        let head = Head::new(manifest.id.clone(), manifest.version.clone(), origins, instance.made.settings);
        Ok(Some(network.recording(head)?))
    }

    /// The first request that recorded answers have no answer to. It is why a
    /// sync is not whole, if it is not.
    pub fn unanswered(&self) -> Option<Error> {
        self.host.options().network.as_ref()?.missing().map(Error::from)
    }
}
