//! What a monitoring system asks: what this process has done, and how the tenants
//! are, as their stores say it, whichever process did the work.

use std::sync::atomic::AtomicU64;

use appsec_model::Timestamp;
use appsec_store::{DashboardFilter, InstanceStatus};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::ConstCounter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    error::Error,
    harness::Harness,
    metrics::{Metrics, OfInstance, text_of},
    tenant::Tenant,
};
use appsec_grant::TenantId;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfTenant {
    tenant: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfSeverity {
    tenant: String,
    severity: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfStatus {
    tenant: String,
    instance: String,
    status: &'static str,
}

type Moment = Gauge<f64, AtomicU64>;

/// The series of one answer.
#[derive(Default)]
struct Stores {
    up: Family<OfTenant, Gauge>,
    bytes: Family<OfTenant, Gauge>,
    open: Family<OfSeverity, Gauge>,
    status: Family<OfStatus, Gauge>,
    running: Family<OfInstance, Gauge>,
    paused: Family<OfInstance, Gauge>,
    failures: Family<OfInstance, Gauge>,
    complete: Family<OfInstance, Moment>,
    next: Family<OfInstance, Moment>,
}

impl Harness {
    /// What this process has done, for whoever serves requests.
    pub fn metrics(&self) -> &Metrics {
        self.host().metrics()
    }

    /// The same and how the tenants are, in the text format of Prometheus. A tenant
    /// that cannot be read is told as such.
    pub async fn metrics_text(&self) -> Result<String, Error> {
        Ok(self.metrics().text() + &text_of(&self.state_of_all().await?))
    }

    async fn state_of_all(&self) -> Result<Registry, Error> {
        let (all, daemon) = (Stores::default(), Gauge::<i64>::default());
        daemon.set(i64::from(self.daemon()?.is_some()));
        let mut registry = Registry::with_prefix("harness");
        registry.register("daemon_running", "Whether a daemon runs on the data directory", daemon);
        registry.register("tenant_up", "Whether the store of a tenant can be read", all.up.clone());
        registry.register("store_bytes", "Bytes of the files of a tenant", all.bytes.clone());
        registry.register("findings_open", "Open findings about security, by severity", all.open.clone());
        registry.register("instance_status", "1 for the status that an instance has", all.status.clone());
        registry.register("instance_running", "Whether work on an instance is under way", all.running.clone());
        registry.register("instance_paused", "Whether an instance is paused", all.paused.clone());
        registry.register("instance_failures", "Failed scheduled syncs in a row", all.failures.clone());
        let help = "When the last complete run ended, in seconds since 1970";
        registry.register("instance_last_complete_timestamp_seconds", help, all.complete.clone());
        let help = "When the next sync is due, in seconds since 1970";
        registry.register("instance_next_sync_timestamp_seconds", help, all.next.clone());
        let (usage, whole) = (self.host().sandbox_usage(), |count: usize| i64::try_from(count).unwrap_or(i64::MAX));
        let (in_use, places) = (Gauge::<i64>::default(), Gauge::<i64>::default());
        in_use.set(whole(usage.in_use));
        places.set(whole(usage.places));
        registry.register("sandboxes_in_use", "Sandboxes in use in this process", in_use);
        registry.register("sandboxes_limit", "Sandboxes that there can be at one time", places);
        registry.register("sandbox_calls", "Calls of connectors in this process", ConstCounter::new(usage.calls));
        for id in self.tenants()? {
            let of = OfTenant { tenant: id.to_string() };
            let read = self.read_tenant(&id, &all).await;
            if let Err(error) = &read {
                tracing::warn!(tenant = %id, error = error as &dyn std::error::Error, "a tenant cannot be read");
            }
            all.up.get_or_create(&of).set(i64::from(read.is_ok()));
        }
        Ok(registry)
    }

    async fn read_tenant(&self, id: &TenantId, all: &Stores) -> Result<(), Error> {
        let report = self.tenant_report(id).await?;
        let tenant = self.existing_tenant(id)?;
        let name = id.to_string();
        let bytes = i64::try_from(report.bytes).unwrap_or(i64::MAX);
        all.bytes.get_or_create(&OfTenant { tenant: name.clone() }).set(bytes);
        for it in report.instances {
            let of = OfInstance { tenant: name.clone(), instance: it.name.clone() };
            all.paused.get_or_create(&of).set(i64::from(it.paused));
            for status in InstanceStatus::ALL {
                let of = OfStatus { tenant: name.clone(), instance: it.name.clone(), status: status.as_str() };
                all.status.get_or_create(&of).set(i64::from(*status == it.status));
            }
        }
        self.read_findings(&tenant, all).await?;
        for instance in tenant.instances().await? {
            let (id, work) = (instance.id, tenant.work_of(&instance).await?);
            let of = OfInstance { tenant: name.clone(), instance: work.instance };
            all.running.get_or_create(&of).set(i64::from(work.running.is_some_and(|it| it.alive)));
            all.failures.get_or_create(&of).set(i64::from(work.failures));
            if let Some(at) = tenant.store().read(move |store| store.last_complete_end(id)).await? {
                all.complete.get_or_create(&of).set(seconds(at));
            }
            if let Some(at) = work.next_at {
                all.next.get_or_create(&of).set(seconds(at));
            }
        }
        Ok(())
    }

    async fn read_findings(&self, tenant: &Tenant, all: &Stores) -> Result<(), Error> {
        let now = self.now();
        let filter = DashboardFilter {
            instance_id: None,
            kinds: Vec::new(),
            project: None,
            scope: Default::default(),
            security: Some(true),
            since: now,
            top: 1,
        };
        let dashboard = tenant.store().read(move |store| store.dashboard(&filter, now)).await?;
        for it in dashboard.severities {
            let of = OfSeverity { tenant: tenant.id().to_string(), severity: it.severity.as_str() };
            all.open.get_or_create(&of).set(i64::try_from(it.open).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}
