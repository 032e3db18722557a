//! What is at work on a data folder, and what is next.

use appsec_grant::TenantId;
use serde::Serialize;

use super::lock::DaemonInfo;
use crate::{error::Error, harness::Harness, tenant::InstanceWork};

/// What `status` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct StatusReport {
    /// The daemon running on the data directory; none if no daemon is running.
    pub daemon: Option<DaemonInfo>,
    /// The instances, by tenant and name.
    pub instances: Vec<InstanceWork>,
}

impl Harness {
    /// How the instances of these tenants are.
    pub async fn status(&self, tenants: Vec<TenantId>) -> Result<StatusReport, Error> {
        let mut status = StatusReport { daemon: self.daemon()?, instances: Vec::new() };
        for tenant in tenants {
            status.instances.extend(self.tenant(tenant)?.work().await?);
        }
        Ok(status)
    }
}
