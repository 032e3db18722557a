//! The tenants of a data folder and their schedules, as they were last looked
//! at.

use std::collections::{BTreeMap, BTreeSet};

use appsec_model::Timestamp;

use super::{DaemonEvent, DaemonProgress, Work, queue::Candidate};
use crate::{error::Error, harness::Harness, tenant::Tenant};
use appsec_grant::TenantId;
use appsec_store::{ScheduleRow, StoreVersion};
use tokio_util::sync::CancellationToken;

/// A tenant with schedules.
struct Scheduled {
    tenant: Tenant,
    rows: Vec<ScheduleRow>,
    /// Of the store that they were read from.
    version: Option<StoreVersion>,
}

/// Tenants with schedules. Their stores stay open, and rest while nobody uses them;
/// those of others do not.
pub(super) struct Registry {
    harness: Harness,
    progress: DaemonProgress,
    tenants: BTreeMap<TenantId, Scheduled>,
    /// Those that could not be looked at when they were last.
    broken: BTreeSet<TenantId>,
    /// Whether the tenants could be listed when they were last.
    is_listed: bool,
}

impl Registry {
    pub fn new(harness: Harness, progress: DaemonProgress) -> Self {
        Self { harness, progress, tenants: BTreeMap::new(), broken: BTreeSet::new(), is_listed: true }
    }

    /// Looks at all tenants.
    pub async fn look(&mut self) {
        let there = match self.harness.tenants() {
            Ok(there) => there,
            // Those that are known stay.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the tenants cannot be listed");
                self.is_listed = false;
                return;
            }
        };
        self.is_listed = true;
        self.tenants.retain(|id, _| there.contains(id));
        self.broken.retain(|id| there.contains(id));
        for id in there {
            self.look_at(&id).await;
        }
    }

    /// Looks at one. A tenant that cannot be looked at keeps no other from its
    /// syncs.
    pub async fn look_at(&mut self, id: &TenantId) {
        let schedules = self.schedules(id).await;
        self.broken.remove(id);
        match schedules {
            Ok(found) if found.rows.is_empty() => _ = self.tenants.remove(id),
            Ok(found) => {
                if self.tenants.insert(id.clone(), found).is_none() {
                    (self.progress)(DaemonEvent::Tenant { tenant: id.to_string() });
                }
                // The handle is the only one where no work is under way.
                self.tenants.get(id).inspect(|it| it.tenant.store().rest());
            }
            Err(error) => {
                self.tenants.remove(id);
                self.broken.insert(id.clone());
                (self.progress)(DaemonEvent::Broken { tenant: id.to_string(), why: error.to_string() });
            }
        }
    }

    async fn schedules(&self, id: &TenantId) -> Result<Scheduled, Error> {
        let known = self.tenants.get(id);
        let tenant = self.harness.tenant_again(id, known.map(|known| &known.tenant))?;
        let version = tenant.store().version();
        let is_as_it_was = |known: &&Scheduled| {
            known.tenant.store().is_same(tenant.store()) && version.is_some() && known.version == version
        };
        let mut rows = match known.filter(is_as_it_was) {
            Some(known) => known.rows.clone(),
            None => tenant.store().read(|store| store.schedules()).await?,
        };
        let now = self.harness.now();
        for row in &mut rows {
            let next = row.next_times(&format!("{id}/{}", row.instance), now);
            if next != row.next {
                let instance_id = row.instance_id;
                tenant.store().run(move |store| store.set_next_times(instance_id, next)).await?;
                row.next = next;
            }
        }
        Ok(Scheduled { tenant, rows, version })
    }

    /// How many tenants cannot be looked at, the list of them included.
    pub fn broken(&self) -> u64 {
        self.broken.len() as u64 + u64::from(!self.is_listed)
    }

    /// Instances that have a next time.
    pub fn candidates(&self, now: Timestamp) -> Vec<Candidate> {
        let of_tenant = |(id, Scheduled { rows, .. }): (&TenantId, &Scheduled)| {
            let next_due = |row: &ScheduleRow| row.next_due(&format!("{id}/{}", row.instance), now);
            let due = rows.iter().filter_map(|row| Some((row.instance_id, next_due(row)?)));
            due.map(|(instance_id, due)| Candidate { tenant: id.clone(), instance_id, due }).collect::<Vec<_>>()
        };
        self.tenants.iter().flat_map(of_tenant).collect()
    }

    /// The sync of an instance.
    pub fn work(&self, candidate: &Candidate, stop: CancellationToken, progress: DaemonProgress) -> Option<Work> {
        let Scheduled { tenant, rows, .. } = self.tenants.get(&candidate.tenant)?;
        let row = rows.iter().find(|row| row.instance_id == candidate.instance_id)?.clone();
        Some(Work { tenant: tenant.clone(), row, due: candidate.due, stop, progress })
    }
}
