//! One tenant: its instances, and what is done with them.

mod advisories;
mod alerts;
mod change;
mod connector;
mod deletion;
mod dry_run;
mod export;
mod facets;
mod instance;
mod issues;
mod lease;
mod lists;
mod mapped;
mod mapping;
mod notify;
mod onboarding;
mod policies;
mod proxies;
mod recording;
mod report;
mod report_source;
mod repositories;
mod runs;
mod schedule;
mod session;
mod status;
mod sync;
mod triage;
mod unread;
mod vault;
mod webhook;
mod write_back;

use std::path::{Path, PathBuf};

use appsec_model::Timestamp;

pub(crate) use self::instance::{needed_origins, secret_sources};
pub use self::{
    advisories::AdvisoryImport,
    alerts::{AlertList, AlertReceiver, AlertReport},
    change::{Rotation, SettingsChange},
    connector::{ComponentDifference, ConnectorUpdate},
    deletion::{DeletionEffect, DeletionPart, DeletionReport, InstanceDeletion, deletion_parts},
    export::{ExportFormat, ExportFormatError, ExportRequest, Share},
    facets::{Facet, FacetValue, FindingFacets},
    instance::{Setup, TypedSecrets},
    lease::Holder,
    lists::{FindingCount, FindingList, IssueList, Listed, NoProject, PackageList},
    mapped::{AutoMapReport, MappingList, ProjectList, ReleaseReport},
    mapping::{Acceptance, ProjectName, ScanFieldChanges},
    notify::{Deliveries, DeliveryList, NotifyList, NotifyRemoved, NotifyReport, WebhookSetup},
    onboarding::{KindChoice, Onboarding, OnboardingList},
    policies::{
        PoliciesImported, PoliciesRemoved, PolicyCheck, PolicyImported, PolicyResultList, PolicyRow, PolicyRows,
    },
    proxies::{ProxyChange, ProxyRoute},
    report::{InstanceList, InstanceReport},
    repositories::{RepositoriesListed, RepositoryDetail, RepositoryImport},
    runs::{ImportList, Pruned, RenormalizeList, Retention, RunList, SyncReport, VanishingList},
    schedule::ScheduleReport,
    status::{InstanceWork, LastRun, RunningWork},
    triage::{DecidedList, TriageChoice, TriageEntryRef, TriageImport, TriageReport, TriageTargets},
    unread::{Unread, UnreadProjects},
    vault::GivenSecret,
    webhook::{EventList, InboxReport, WebhookEndpoint},
    write_back::{WriteBackEntry, WriteBackLog, WriteBackReport},
};
use crate::{error::Error, host::Host};
use appsec_grant::{InstanceName, TenantId, UnknownName};
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

    /// The folder with all that is kept of it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its store.
    pub(crate) fn store(&self) -> &SharedStore {
        &self.store
    }

    /// All instances, by name.
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        Ok(self.store.read(|store| store.instances()).await?)
    }

    /// An instance by its name.
    pub async fn instance(&self, name: &InstanceName) -> Result<Instance, Error> {
        let wanted = name.clone();
        let (found, all) = self.store.run(move |store| Ok((store.instance(&wanted)?, store.instances()?))).await?;
        found.ok_or_else(|| {
            let names = all.into_iter().map(|instance| instance.made.name.to_string());
            Error::NoInstance(UnknownName::among(name.as_str(), names))
        })
    }
}
