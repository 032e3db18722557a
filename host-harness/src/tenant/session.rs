//! What calls of an instance's connector need: the connector that was accepted,
//! its secrets, and a grant.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use appsec_model::Connection;

use super::Tenant;
use crate::{
    error::Error,
    host::{Channel, Loaded, Renew, Secrets, VendorAccess},
};
use appsec_grant::{BucketStore, InstanceName, Proxies, Secret, SecretSource, with_causes};
use appsec_ingest::{Caller, InstanceSync, Progress, SyncOptions};
use appsec_sandbox::Grant;
use appsec_store::{ConnectorSource, Instance, InstanceBucket, InstanceStatus, NewInstance};

impl Tenant {
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
        let loaded = self.host.connector(source).await?;
        if loaded.manifest.id != instance.made.connector_id {
            return Err(Error::OtherConnector {
                made_with: instance.made.connector_id.clone(),
                found: loaded.manifest.id.clone(),
            });
        }
        Ok(loaded)
    }

    /// A sync of an instance, not begun yet, that keeps what the connector keeps
    /// in this bucket.
    pub(super) fn sync_over(
        &self,
        loaded: &Loaded,
        instance: Instance,
        access: VendorAccess,
        bucket: Arc<dyn BucketStore>,
        progress: Progress,
        asked: &SyncOptions,
    ) -> Result<InstanceSync, Error> {
        require_accepted(&instance)?;
        let Channel { throttle, grant } = self.host.channel(&self.id, &instance, &loaded.manifest, access, bucket)?;
        let options = self.host.options();
        let on_absence = asked.vanishing.on_absence(instance.max_removal);
        Ok(InstanceSync {
            store: self.store.ingest(),
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

    /// A sync of an instance, not begun yet.
    pub(super) fn sync_of(
        &self,
        loaded: &Loaded,
        instance: Instance,
        secrets: Secrets,
        progress: Progress,
        asked: &SyncOptions,
    ) -> Result<InstanceSync, Error> {
        let (bucket, proxies) = (self.bucket(&instance), self.proxies(&instance.made)?);
        let access = self.access(&instance.made, secrets, proxies, None);
        self.sync_over(loaded, instance, access, bucket, progress, asked)
    }

    /// What an instance's connector reaches its vendor with. A secret that the vendor
    /// gives in the place of another one goes to the vault, where that one was; and
    /// to `renewed`, where somebody is about to store them all.
    pub(crate) fn access(
        &self,
        made: &NewInstance,
        secrets: Secrets,
        proxies: Arc<Proxies>,
        renewed: Option<&Renewed>,
    ) -> VendorAccess {
        let (tenant, name, audience) = (self.clone(), made.name.clone(), made.audience());
        let (sources, renewed) = (made.secrets.clone(), renewed.cloned());
        let renew: Renew = Arc::new(move |variable, before, after| {
            if let Some(renewed) = &renewed {
                renewed.lock().push((variable.to_owned(), after.clone()));
            }
            let stored = sources.get(variable) == Some(&SecretSource::Vault);
            let replaced = stored.then(|| {
                let key = tenant.vault_key()?;
                Ok::<_, Error>(tenant.vault().replace(&key, &name, variable, &audience, (before, after))?)
            });
            match replaced.transpose() {
                Ok(Some(true)) => Ok(()),
                _ if renewed.is_some() => Ok(()),
                Ok(_) => Err("the one before is not in the vault".to_owned()),
                Err(error) => Err(with_causes(&error)),
            }
        });
        VendorAccess { secrets, proxies, renew }
    }

    fn bucket(&self, instance: &Instance) -> Arc<InstanceBucket> {
        Arc::new(InstanceBucket::new(self.store.clone(), instance.id))
    }

    /// What a call of an instance's connector may use: its network, its secrets
    /// and its bucket. For programs that make single calls themselves.
    pub async fn grant(&self, name: &InstanceName) -> Result<Grant, Error> {
        let instance = self.instance(name).await?;
        let loaded = self.loaded(&instance).await?;
        let secrets = self.secrets(&instance, None)?;
        let access = self.access(&instance.made, secrets, self.proxies(&instance.made)?, None);
        Ok(self.host.channel(&self.id, &instance, &loaded.manifest, access, self.bucket(&instance))?.grant)
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
        if let Some(secret) = self.host.options().stand_in()? {
            return Ok(sources.keys().map(|variable| (variable.clone(), secret.clone())).collect());
        }
        if by_hand.is_some() && sources.len() > 1 {
            return Err(Error::SeveralSecrets(sources.keys().cloned().collect()));
        }
        let audience = made.audience();
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
    pub(super) async fn note(&self, instance_id: i64, error: &appsec_ingest::Error) -> Result<(), Error> {
        if !error.is_call() {
            return Ok(());
        }
        let status = if error.is_unauthorized() { InstanceStatus::Unauthorized } else { InstanceStatus::Degraded };
        let (detail, now) = (error.to_string(), self.now());
        let noted =
            self.store.run(move |store| store.set_instance_status(instance_id, status, Some(&detail), None, now)).await;
        Ok(noted?)
    }
}

/// Makes sure that somebody has accepted what an instance that was restored may
/// reach: before, nothing is sent and no secret of it is read.
pub(crate) fn require_accepted(instance: &Instance) -> Result<(), Error> {
    match instance.is_unaccepted() {
        true => Err(Error::Unaccepted(instance.made.name.clone())),
        false => Ok(()),
    }
}

/// Secrets that the vendor gave in the place of others while it was asked.
#[derive(Clone, Default)]
pub(crate) struct Renewed(Arc<Mutex<Secrets>>);

impl Renewed {
    fn lock(&self) -> MutexGuard<'_, Secrets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts them in the place of those before.
    pub fn put_into(&self, secrets: &mut Secrets) {
        for (variable, secret) in self.lock().iter() {
            secrets.iter_mut().filter(|(of, _)| of == variable).for_each(|(_, old)| *old = secret.clone());
        }
    }
}

/// Where each secret of a connector is read from.
pub(crate) type Sources = BTreeMap<String, SecretSource>;

/// What a connector is held to from now on: its content. The one in the binary
/// changes with it, and with nothing else.
pub(crate) fn pin(loaded: &Loaded, source: &ConnectorSource) -> Option<String> {
    let is_held = matches!(source, ConnectorSource::File { .. } | ConnectorSource::Installed { .. });
    is_held.then(|| loaded.connector.inspection().sha256.clone())
}
