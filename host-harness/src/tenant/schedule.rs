//! When the instances of a tenant are synced.

use appsec_grant::InstanceName;
use appsec_store::{Instance, Next, Percent, Plan};
use serde::Serialize;

use super::{InstanceWork, Tenant};
use crate::error::Error;

/// What `instance schedule` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ScheduleReport {
    /// When the instance is synced, and how it went so far.
    #[serde(flatten)]
    pub work: InstanceWork,
    /// Share of the open findings, in percent, that one sync may mark as
    /// vanished.
    pub max_removal: u8,
}

impl Tenant {
    /// When an instance is synced.
    pub async fn schedule_report(&self, name: &InstanceName) -> Result<ScheduleReport, Error> {
        let instance = self.instance(name).await?;
        let work = self.work_of(&instance).await?;
        Ok(ScheduleReport { work, max_removal: instance.max_removal.get() })
    }

    /// The plan of an instance, if it has one.
    pub async fn schedule_plan(&self, name: &InstanceName) -> Result<Option<Plan>, Error> {
        let id = self.instance(name).await?.id;
        Ok(self.store.read(move |store| store.schedule(id)).await?.map(|schedule| schedule.plan))
    }

    /// Sets when an instance is synced, from now on.
    pub async fn schedule(&self, instance: &Instance, plan: Plan) -> Result<(), Error> {
        if instance.is_report_source() {
            return Err(Error::ImportOnly);
        }
        let plan = plan.checked()?;
        let (id, now) = (instance.id, self.now());
        let first: Next = plan.first(&format!("{}/{}", self.id(), instance.made.name), now);
        Ok(self.store.run(move |store| store.set_schedule(id, &plan, first, now)).await?)
    }

    /// Syncs an instance on request only, from now on.
    pub async fn clear_schedule(&self, name: &InstanceName) -> Result<(), Error> {
        let id = self.instance(name).await?.id;
        self.store.run(move |store| store.clear_schedule(id)).await?;
        Ok(())
    }

    /// Sets the share of the open findings that one sync of an instance may mark as
    /// vanished.
    pub async fn set_max_removal(&self, name: &InstanceName, limit: Percent) -> Result<(), Error> {
        let id = self.instance(name).await?.id;
        Ok(self.store.run(move |store| store.set_max_vanish(id, Some(limit))).await?)
    }
}
