//! One tenant: its instances, and what is done with them.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use appsec_model::{Connection, Manifest, Timestamp};

use crate::{
    error::Error,
    harness::{Harness, Loaded},
    lease::Lease,
};
use appsec_grant::{
    Addresses, Audience, EgressPolicy, InstanceName, Origin, Secret, SecretSource, TenantId, files::open_private,
};
use appsec_ingest::{
    Caller, Import, ImportOptions, ImportProgress, ImportReport, InstanceSync, Progress, Renormalize,
    RenormalizeOptions, RenormalizeProgress, RenormalizeReport, SyncOptions, Vanishing,
};
use appsec_sandbox::{Grant, GrantedSecret, HttpGrant};
use appsec_store::{
    ConnectorSource, FindingStore, Instance, InstanceBucket, InstanceStatus, NewInstance, OnAbsence, Refreshed, Run,
    RunState, SharedStore,
};

/// One tenant of a harness.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) harness: Harness,
    pub(crate) id: TenantId,
    pub(crate) folder: PathBuf,
    pub(crate) store: SharedStore,
}

/// What the operator gives to set up an instance.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its name.
    pub name: InstanceName,
    /// Its connector.
    pub connector: ConnectorSource,
    /// Settings, by key.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Further origins that it may reach.
    pub allow_origins: Vec<Origin>,
    /// Origins that may be at an address of this machine or network.
    pub allow_private_origins: Vec<Origin>,
    /// Where its secret is read from; by default from the environment
    /// variable that the connector names.
    pub secret: Option<SecretSource>,
    /// Whether the secret goes into the vault, where it is read from then on.
    pub store_secret: bool,
}

impl Tenant {
    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.harness.now()
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
            let mut names = all.into_iter().map(|instance| instance.made.name.to_string());
            Error::NoInstance { name: name.clone(), known: names.find(|known| similar(known, name.as_str())) }
        })
    }

    /// Sets up an instance: grants the origins that it needs and was given, and
    /// connects, which is also where the connector checks the settings. If that
    /// fails, nothing stays behind.
    pub async fn add_instance(&self, setup: Setup, check: bool) -> Result<Instance, Error> {
        let loaded = self.harness.connector(&setup.connector).await?;
        let name = setup.name.clone();
        let (new, from) = candidate(&loaded, setup)?;
        // Secret and key are read before anything is written.
        let stored = new.secrets.values().any(|source| *source == SecretSource::Vault);
        let secrets = if check || stored { Some(self.secrets_from(&new, &from, None)?) } else { None };
        let audience = Audience::of_origins(&new.egress);
        let key = if stored { Some(self.usable_vault_key()?) } else { None };
        let now = self.harness.now();
        let id = self.store.run(move |store| store.add_instance(&new, now)).await?;
        let made = async {
            if let (Some(key), Some(secrets)) = (key, &secrets) {
                self.vault().put(&key, &name, secrets, &audience)?;
            }
            if let (Some(secrets), true) = (secrets, check) {
                self.connect(&loaded, self.instance(&name).await?, secrets).await?;
            }
            self.instance(&name).await
        };
        let outcome = made.await;
        if outcome.is_err() {
            self.store.run(move |store| store.withdraw_instance(id)).await?;
            if stored {
                self.vault().remove(&name)?;
            }
        }
        outcome
    }

    /// Connects an instance again and notes how it is.
    pub async fn check_instance(&self, name: &InstanceName, secret: Option<SecretSource>) -> Result<Connection, Error> {
        let instance = self.instance(name).await?;
        require_accepted(&instance)?;
        let loaded = self.loaded(&instance).await?;
        let secrets = self.secrets(&instance, secret.as_ref())?;
        self.connect(&loaded, instance, secrets).await
    }

    pub(crate) async fn connect(
        &self,
        loaded: &Loaded,
        instance: Instance,
        secrets: Secrets,
    ) -> Result<Connection, Error> {
        let id = instance.id;
        let options = SyncOptions::default();
        let sync = Arc::new(self.sync_of(loaded, instance, secrets, Arc::new(|_| ()), &options)?);
        let outcome = sync.connect(&Caller::new(sync.clone())).await;
        if let Err(error) = &outcome {
            self.note(id, error).await?;
        }
        Ok(outcome?)
    }

    /// Notes on an instance why it does not work.
    async fn note(&self, instance_id: i64, error: &appsec_ingest::Error) -> Result<(), Error> {
        if !error.is_call() {
            return Ok(());
        }
        let status = if error.is_unauthorized() { InstanceStatus::Unauthorized } else { InstanceStatus::Degraded };
        let (detail, now) = (error.to_string(), self.harness.now());
        let noted =
            self.store.run(move |store| store.set_instance_status(instance_id, status, Some(&detail), None, now)).await;
        Ok(noted?)
    }

    /// Brings an instance's findings up to date, or goes on where the last
    /// sync was cut off.
    pub async fn sync(
        &self,
        name: &InstanceName,
        secret: Option<SecretSource>,
        options: SyncOptions,
        progress: Progress,
    ) -> Result<Run, Error> {
        self.run_on(name, "sync", |instance| self.sync_instance(instance, secret, options, progress)).await
    }

    async fn sync_instance(
        &self,
        instance: Instance,
        secret: Option<SecretSource>,
        options: SyncOptions,
        progress: Progress,
    ) -> Result<Run, Error> {
        let (id, name) = (instance.id, instance.made.name.clone());
        require_accepted(&instance)?;
        if instance.paused.is_some() {
            return Err(Error::Paused(name));
        }
        let loaded = self.loaded(&instance).await?;
        let secrets = self.secrets(&instance, secret.as_ref())?;
        let outcome = self.sync_of(&loaded, instance, secrets, progress, &options)?.run(options).await;
        match &outcome {
            Ok(run) => {
                let (now, detail) = (self.harness.now(), run.message.clone());
                let (status, detail) = match run.state {
                    RunState::Complete => (InstanceStatus::Connected, None),
                    RunState::Running | RunState::Partial | RunState::Failed => (InstanceStatus::Degraded, detail),
                };
                let noted =
                    move |store: &mut FindingStore| store.set_instance_status(id, status, detail.as_deref(), None, now);
                self.store.run(noted).await?;
            }
            Err(error) => self.note(id, error).await?,
        }
        Ok(outcome?)
    }

    /// Works on an instance that nobody else works on: takes the lease, reads
    /// the instance again, works, brings up to date what is derived from
    /// findings, and sends what is to be sent of the run.
    pub(crate) async fn run_on<T, F>(
        &self,
        name: &InstanceName,
        work: &str,
        body: impl FnOnce(Instance) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (lease, instance) = self.leased_instance(name, work).await?;
        let outcome = body(instance).await;
        let refreshed = self.refresh().await;
        self.deliver_after_run(lease).await;
        let value = outcome?;
        refreshed?;
        Ok(value)
    }

    /// Brings up to date what is derived from findings that changed. Whatever
    /// changes findings ends with it; what a crash left undone is done by the
    /// next one.
    pub async fn refresh(&self) -> Result<Refreshed, Error> {
        let now = self.harness.now();
        Ok(self.store.run(move |store| store.refresh(now)).await?)
    }

    /// Takes in what a file holds, or goes on where an import of the same file
    /// was cut off.
    pub async fn import(
        &self,
        name: &InstanceName,
        file: &Path,
        options: ImportOptions,
        progress: ImportProgress,
    ) -> Result<ImportReport, Error> {
        self.run_on(name, "import", async |instance| {
            let native = instance.is_report_source();
            let loaded = if native { None } else { Some(self.loaded(&instance).await?) };
            let id = instance.id;
            let import = Import {
                store: self.store.clone(),
                instance_path: format!("{}/{name}", self.id),
                instance,
                clock: self.harness.options().clock.clone(),
                progress,
                options,
            };
            let Some(loaded) = loaded else {
                let report = import.run_report(file).await?;
                let (connected, now) = (InstanceStatus::Connected, self.harness.now());
                self.store.run(move |store| store.set_instance_status(id, connected, None, None, now)).await?;
                return Ok(report);
            };
            Ok(import.run(&loaded.connector, file).await?)
        })
        .await
    }

    /// Normalizes the stored records of an instance again, with its connector
    /// as it is now.
    pub async fn renormalize(
        &self,
        name: &InstanceName,
        options: RenormalizeOptions,
        progress: RenormalizeProgress,
    ) -> Result<RenormalizeReport, Error> {
        self.run_on(name, "renormalize", async |instance| {
            let loaded = match &options.connector {
                Some(_) if !options.dry_run => return Err(Error::OnlyOwnConnector(name.clone())),
                Some(other) => self.loaded_from(&instance, other).await?,
                None => self.loaded(&instance).await?,
            };
            let renormalize = Renormalize {
                store: self.store.clone(),
                connector: loaded.connector,
                connector_version: loaded.manifest.version.clone(),
                instance_path: format!("{}/{name}", self.id),
                instance,
                clock: self.harness.options().clock.clone(),
                options: options.clone(),
                progress,
            };
            Ok(renormalize.run().await?)
        })
        .await
    }

    /// The connector of an instance, which must still be the one that it was
    /// made with, and of a file the very one that somebody accepted.
    pub async fn loaded(&self, instance: &Instance) -> Result<Loaded, Error> {
        let made = &instance.made;
        let loaded = self.loaded_from(instance, &made.connector_source).await?;
        match (&made.connector_sha256, pin(&loaded, &made.connector_source)) {
            (Some(accepted), Some(found)) if *accepted == found => Ok(loaded),
            (_, None) => Ok(loaded),
            (accepted, Some(found)) => Err(Error::ConnectorChanged {
                connector: made.connector_source.clone(),
                accepted: accepted.clone().unwrap_or_else(|| "none".to_owned()),
                found,
            }),
        }
    }

    /// [`loaded`](Self::loaded) from elsewhere: another version of it.
    pub(crate) async fn loaded_from(&self, instance: &Instance, source: &ConnectorSource) -> Result<Loaded, Error> {
        let loaded = self.harness.connector(source).await?;
        if loaded.manifest.id != instance.made.connector_id {
            return Err(Error::OtherConnector {
                made_with: instance.made.connector_id.clone(),
                found: loaded.manifest.id.clone(),
            });
        }
        Ok(loaded)
    }

    pub(crate) fn sync_of(
        &self,
        loaded: &Loaded,
        instance: Instance,
        secrets: Secrets,
        progress: Progress,
        asked: &SyncOptions,
    ) -> Result<InstanceSync, Error> {
        require_accepted(&instance)?;
        let throttle = self.harness.throttle(&self.id, &instance, &secrets);
        let grant = self.grant_of(&instance, secrets)?;
        let options = self.harness.options();
        let on_absence = match asked.vanishing {
            Vanishing::AsSet => OnAbsence::Guard(instance.max_removal),
            Vanishing::UpTo(limit) => OnAbsence::Guard(limit),
            Vanishing::Allow => OnAbsence::Mark,
            Vanishing::Show => OnAbsence::Show,
        };
        Ok(InstanceSync {
            store: self.store.clone(),
            connector: loaded.connector.clone(),
            grant,
            instance,
            retry: options.retry.clone(),
            waiter: options.waiter.clone(),
            throttle,
            clock: options.clock.clone(),
            progress,
            on_absence,
            stop: asked.stop.clone(),
        })
    }

    /// What a call of an instance's connector may use: its network, its secrets
    /// and its bucket. For programs that make single calls themselves.
    pub async fn grant(&self, name: &InstanceName) -> Result<Grant, Error> {
        let instance = self.instance(name).await?;
        let secrets = self.secrets(&instance, None)?;
        self.grant_of(&instance, secrets)
    }

    fn grant_of(&self, instance: &Instance, secrets: Secrets) -> Result<Grant, Error> {
        let granted = secrets.into_iter().map(|(variable, secret)| GrantedSecret::new(variable, secret));
        let http = HttpGrant {
            policy: Arc::new(instance.made.egress.clone()),
            transport: self.harness.transport(&self.id, instance.id)?,
            secrets: granted.collect::<Result<_, _>>()?,
        };
        Ok(Grant {
            instance_path: format!("{}/{}", self.id, instance.made.name),
            http: Some(http),
            bucket: Some(Arc::new(InstanceBucket::new(self.store.clone(), instance.id))),
        })
    }

    /// Reads the secrets of an instance; one given by hand goes before those
    /// that are noted. Of one that nobody has accepted yet none is read.
    pub(crate) fn secrets(&self, instance: &Instance, by_hand: Option<&SecretSource>) -> Result<Secrets, Error> {
        require_accepted(instance)?;
        self.secrets_from(&instance.made, &instance.made.secrets, by_hand)
    }

    /// The same from these sources, also for an instance that is not there yet.
    pub(crate) fn secrets_from(
        &self,
        made: &NewInstance,
        sources: &Sources,
        by_hand: Option<&SecretSource>,
    ) -> Result<Secrets, Error> {
        let audience = Audience::of_origins(&made.egress);
        let mut known: Option<(&SecretSource, Secret)> = None;
        let mut secrets = Secrets::new();
        for (variable, source) in sources {
            let secret = match (by_hand.unwrap_or(source), &known) {
                (SecretSource::Vault, _) => self.stored_secret(&made.name, variable, &audience)?,
                // Standard input can be read once.
                (source, Some((same, secret))) if *same == source => secret.clone(),
                (source, _) => {
                    let secret = source.read()?;
                    known = Some((source, secret.clone()));
                    secret
                }
            };
            secrets.push((variable.clone(), secret));
        }
        Ok(secrets)
    }

    /// An instance with the right to work on it.
    pub(crate) async fn leased_instance(&self, name: &InstanceName, work: &str) -> Result<(Lease, Instance), Error> {
        let known = self.instance(name).await?;
        let lease = self.lease(&known, work).await?;
        // It may have been changed before the lease was there.
        Ok((lease, self.instance(name).await?))
    }

    /// Keeps other processes from the instance, as long as the file is open;
    /// the system lets go of it also when this process is killed.
    pub(crate) fn lock(&self, name: &InstanceName) -> Result<File, Error> {
        let path = self.folder.join(format!("{name}.lock"));
        let failed = |error| Error::Lock(path.clone(), error);
        let file = open_private(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

pub(crate) type Secrets = Vec<(String, Secret)>;

/// Makes sure that somebody has accepted what an instance that was restored may
/// reach: before, nothing is sent and no secret of it is read.
pub(crate) fn require_accepted(instance: &Instance) -> Result<(), Error> {
    match instance.is_unaccepted() {
        true => Err(Error::Unaccepted(instance.made.name.clone())),
        false => Ok(()),
    }
}

/// The origins that somebody vouches for, and those that the operator adds. An
/// origin whose address is private is granted only by the operator's own word.
fn granted(manifest: &Manifest, setup: &Setup) -> Result<EgressPolicy, Error> {
    let mut policy = EgressPolicy::default();
    for origin in trusted_origins(manifest, &setup.settings, &setup.connector)? {
        policy.grant(origin, Addresses::Public);
    }
    for origin in &setup.allow_origins {
        policy.grant(origin.clone(), Addresses::Public);
    }
    for origin in &setup.allow_private_origins {
        policy.grant(origin.clone(), Addresses::Private);
    }
    Ok(policy)
}

/// The origins that the connector asks for under these settings and that are
/// granted without another word: those that the operator wrote into the
/// settings and, of a connector that came with this binary, its own. What a
/// file says of itself grants nothing.
pub(crate) fn trusted_origins(
    manifest: &Manifest,
    settings: &serde_json::Map<String, serde_json::Value>,
    connector: &ConnectorSource,
) -> Result<Vec<Origin>, Error> {
    let trusted = matches!(connector, ConnectorSource::Bundled { .. });
    let mut origins = Vec::new();
    for need in &manifest.origins {
        let configured = need.setting.as_ref().and_then(|key| settings.get(key)).and_then(|value| value.as_str());
        let origin = configured.unwrap_or(&need.default).parse()?;
        if trusted || configured.is_some() {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// Where each secret of a connector is read from.
pub(crate) type Sources = BTreeMap<String, SecretSource>;

/// The instance that a setup makes, and where its secrets are read from now:
/// the instance may read them from the vault afterwards.
pub(crate) fn candidate(loaded: &Loaded, setup: Setup) -> Result<(NewInstance, Sources), Error> {
    let manifest = &loaded.manifest;
    let from = secret_sources(manifest, setup.secret.as_ref());
    let secrets = match setup.store_secret {
        true => secret_sources(manifest, Some(&SecretSource::Vault)),
        false => from.clone(),
    };
    let new = NewInstance {
        egress: granted(manifest, &setup)?,
        name: setup.name,
        connector_id: manifest.id.clone(),
        connector_version: manifest.version.clone(),
        connector_sha256: pin(loaded, &setup.connector),
        connector_source: setup.connector,
        settings: setup.settings,
        secrets,
    };
    Ok((new, from))
}

/// What a connector is held to from now on: a file to its content. The one in
/// the binary changes with it, and with nothing else.
pub(crate) fn pin(loaded: &Loaded, source: &ConnectorSource) -> Option<String> {
    matches!(source, ConnectorSource::File { .. }).then(|| loaded.connector.inspection().sha256.clone())
}

/// Where each secret of the connector is read from.
pub(crate) fn secret_sources(manifest: &Manifest, given: Option<&SecretSource>) -> Sources {
    manifest
        .secrets
        .iter()
        .map(|need| {
            let source = given.cloned().unwrap_or_else(|| SecretSource::Variable { name: need.variable.clone() });
            (need.variable.clone(), source)
        })
        .collect()
}

/// Whether one name may be meant by another: the same but for one sign, or one
/// is the beginning of the other.
fn similar(known: &str, name: &str) -> bool {
    let differing = known.chars().zip(name.chars()).filter(|(a, b)| a != b).count();
    known.starts_with(name) || name.starts_with(known) || (known.len() == name.len() && differing == 1)
}
