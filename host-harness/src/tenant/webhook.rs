//! Events of vendors: who takes them, and the syncs that they lead to.

use std::{collections::BTreeSet, sync::Arc};

use appsec_model::WebhookScheme;

use super::{Tenant, notify::OUTGOING, session::require_accepted, vault::GivenSecret};
use crate::{
    error::{Error, WebhookError},
    signature::scheme::Verifier,
};
use appsec_grant::{Audience, InstanceName, Secret, SecretSource};
use appsec_ingest::{Selection, SyncOptions};
use appsec_store::{EventRow, EventState, Instance, Run, RunExtent, RunMode, RunState};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// Projects that one sync of events names. More are read as a whole.
const MAX_PROJECTS: usize = 50;

/// Name in the vault of the secret that the vendor signs with.
const INCOMING: &str = "webhook-incoming";

/// What an operator needs to set an instance's webhook up at its vendor.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    /// How the vendor signs.
    pub scheme: WebhookScheme,
    /// The path to give to the vendor, behind the address of the listener.
    pub path: String,
    /// Where the secret is read from.
    pub secret: SecretSource,
}

/// What `webhook secret` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct InboxReport {
    /// Name of the instance.
    pub instance: String,
    /// Whether it accepts events.
    pub accepts_events: bool,
    /// The path of the address to give to the vendor.
    pub path: Option<String>,
    /// Where the secret that the vendor signs with is read from.
    pub secret: Option<String>,
    /// How the vendor signs, and where a person sets address and secret there.
    pub scheme: Option<WebhookScheme>,
}

/// What `webhook events` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct EventList {
    /// The events, newest first.
    pub events: Vec<EventRow>,
}

impl InboxReport {
    /// How an instance takes events, if it does.
    pub fn of(instance: &InstanceName, inbox: Option<WebhookEndpoint>) -> Self {
        Self {
            instance: instance.to_string(),
            accepts_events: inbox.is_some(),
            path: inbox.as_ref().map(|inbox| inbox.path.clone()),
            secret: inbox.as_ref().map(|inbox| inbox.secret.to_string()),
            scheme: inbox.map(|inbox| inbox.scheme),
        }
    }
}

impl Tenant {
    /// Events of all instances or of one, newest first.
    pub async fn event_list(&self, instance: Option<&InstanceName>, limit: u32) -> Result<EventList, Error> {
        let of = self.instance_id(instance).await?;
        Ok(EventList { events: self.store.read(move |store| store.events(of, limit)).await? })
    }

    /// Lets an instance take events of its vendor, signed with this secret.
    pub async fn set_inbox(&self, name: &InstanceName, given: GivenSecret) -> Result<WebhookEndpoint, Error> {
        let instance = self.instance(name).await?;
        let scheme = self.scheme(&instance).await?;
        let check = |secret: &Secret| Verifier::new(&scheme, secret).map(|_| ());
        let secret = self.kept_secret(name, INCOMING, given, &Audience::nobody(), check)?;
        let (kept, now) = (secret.clone(), self.now());
        self.store.run(move |store| store.set_inbox(instance.id, &kept, now)).await?;
        self.forget_unstored(name, INCOMING, &secret)?;
        Ok(WebhookEndpoint { scheme, path: path(self, name), secret })
    }

    /// How an instance takes events.
    pub async fn inbox(&self, name: &InstanceName) -> Result<WebhookEndpoint, Error> {
        let instance = self.instance(name).await?;
        let id = instance.id;
        let found = self.store.read(move |store| store.inbox(id)).await?;
        let secret = found.ok_or_else(|| WebhookError::NoInbox(name.clone()))?;
        Ok(WebhookEndpoint { scheme: self.scheme(&instance).await?, path: path(self, name), secret })
    }

    /// Lets an instance take no events any more.
    pub async fn remove_inbox(&self, name: &InstanceName) -> Result<(), Error> {
        let id = self.instance(name).await?.id;
        let removed = self.store.run(move |store| store.remove_inbox(id)).await?;
        self.vault().remove_one(name, INCOMING)?;
        if removed { Ok(()) } else { Err(WebhookError::NoInbox(name.clone()).into()) }
    }

    async fn scheme(&self, instance: &Instance) -> Result<WebhookScheme, Error> {
        let scheme = self.loaded(instance).await?.manifest.webhook.clone();
        Ok(scheme.ok_or_else(|| WebhookError::NoEvents(instance.made.connector_id.clone()))?)
    }

    /// A secret that signs, by the name that it has in the vault.
    pub(super) fn signing_secret(
        &self,
        name: &InstanceName,
        variable: &str,
        source: &SecretSource,
        audience: &Audience,
    ) -> Result<Secret, Error> {
        match source {
            SecretSource::Vault => self.stored_secret(name, variable, audience),
            source => Ok(source.read()?),
        }
    }

    /// The secrets that sign what comes in and goes out, as far as they can be
    /// read. Of an instance that nobody has accepted yet none is.
    pub(crate) async fn webhook_secrets(&self, instance: &Instance) -> Vec<Secret> {
        if require_accepted(instance).is_err() {
            return Vec::new();
        }
        let (id, name) = (instance.id, &instance.made.name);
        let found = self.store.read(move |store| Ok((store.inbox(id)?, store.webhook(id)?))).await;
        let (inbox, webhook) = found.unwrap_or_default();
        let incoming = inbox.map(|source| (INCOMING, source, Audience::nobody()));
        let outgoing = webhook.map(|it| {
            let audience = it.audience();
            (OUTGOING, it.secret, audience)
        });
        let read = |(variable, source, audience): (&str, SecretSource, Audience)| {
            self.signing_secret(name, variable, &source, &audience).ok()
        };
        let mut secrets: Vec<Secret> = incoming.into_iter().chain(outgoing).filter_map(read).collect();
        secrets.extend(self.alert_secrets(id, name).await);
        secrets
    }

    /// Reads a secret that signs, checks it, and says where it is read from in
    /// the future: from the vault, if it is to be stored. What the vault held before
    /// is [forgotten](Self::forget_unstored) later.
    pub(super) fn kept_secret(
        &self,
        name: &InstanceName,
        variable: &str,
        given: GivenSecret,
        audience: &Audience,
        check: impl FnOnce(&Secret) -> Result<(), WebhookError>,
    ) -> Result<SecretSource, Error> {
        let (secret, source) = given.taken(|from| self.signing_secret(name, variable, from, audience))?;
        check(&secret)?;
        self.keep_secret(name, variable, (secret, source), audience)
    }

    /// Removes what was stored of a secret that is read from elsewhere from now on:
    /// comes after the store says so, which until then names the vault.
    pub(super) fn forget_unstored(
        &self,
        name: &InstanceName,
        variable: &str,
        source: &SecretSource,
    ) -> Result<(), Error> {
        match source {
            SecretSource::Vault => Ok(()),
            _ => Ok(self.vault().remove_one(name, variable)?),
        }
    }

    /// Checks the signatures of an instance's events; none where it takes none,
    /// or nobody has accepted it yet.
    pub(crate) async fn verifier(&self, instance: &Instance) -> Result<Option<Verifier>, Error> {
        if require_accepted(instance).is_err() {
            return Ok(None);
        }
        let id = instance.id;
        let Some(source) = self.store.read(move |store| store.inbox(id)).await? else { return Ok(None) };
        let secret = self.signing_secret(&instance.made.name, INCOMING, &source, &Audience::nobody())?;
        Ok(Some(Verifier::new(&self.scheme(instance).await?, &secret)?))
    }

    /// Makes one sync of all that the waiting events of an instance name. It
    /// marks nothing as vanished. None where no event waits.
    ///
    /// Where another process is at work on the instance, or it is paused or
    /// stopped, the events go on waiting.
    pub async fn sync_events(&self, name: &InstanceName, stop: CancellationToken) -> Result<Option<Run>, Error> {
        let id = self.instance(name).await?.id;
        let (events, unfinished) =
            self.store.read(move |store| Ok((store.pending_events(id)?, store.unfinished_run(id)?))).await?;
        if events.is_empty() {
            return Ok(None);
        }
        // A full sync takes what it has not brought for gone. One that was cut
        // off is made first, so that what an event brings in between is not.
        let before = match unfinished {
            Some((_, RunMode::Full, extent)) if extent != RunExtent::Selection => {
                let scheduled = extent == RunExtent::Scheduled;
                let options = SyncOptions { scheduled, stop: stop.clone(), ..SyncOptions::default() };
                self.sync(name, None, options, Arc::new(|_| ())).await.map(|_| ())
            }
            _ => Ok(()),
        };
        let options = SyncOptions { selection: selection(&events), event: true, stop, ..SyncOptions::default() };
        let outcome = match before {
            Ok(()) => self.sync(name, None, options, Arc::new(|_| ())).await,
            Err(error) => Err(error),
        };
        let (state, run, problem) = match &outcome {
            Err(error) if error.is_for_later() => return outcome.map(Some),
            Err(error) => (EventState::Failed, None, Some(error.to_string())),
            Ok(run) if run.state == RunState::Failed => (EventState::Failed, Some(run.id), run.message.clone()),
            Ok(run) => (EventState::Done, Some(run.id), run.fetches.is_empty().then(|| NOTHING_TO_READ.to_owned())),
        };
        let (ids, now): (Vec<i64>, _) = (events.iter().map(|event| event.id).collect(), self.now());
        self.store.run(move |store| store.end_events(&ids, state, run, problem.as_deref(), now)).await?;
        outcome.map(Some)
    }
}

/// What is said of events whose sync has nothing to read.
const NOTHING_TO_READ: &str = "nothing of what it names is read: the vendor does not list the project, it is not \
                               mapped, or the kind cannot be read";

/// Where the vendor sends an instance's events.
fn path(tenant: &Tenant, name: &InstanceName) -> String {
    format!("/webhooks/{}/{name}", tenant.id())
}

/// What events name, taken together. One that names no project or kind may be
/// about any.
fn selection(events: &[EventRow]) -> Selection {
    let mut selection = Selection::default();
    if events.iter().all(|it| !it.event.projects.is_empty()) {
        let projects = events.iter().flat_map(|it| &it.event.projects);
        let names: BTreeSet<&String> = projects.filter_map(|it| it.name.as_ref().or(it.id.as_ref())).collect();
        if names.len() <= MAX_PROJECTS {
            selection.projects = names.into_iter().cloned().collect();
        }
    }
    if events.iter().all(|it| !it.event.kinds.is_empty()) {
        let kinds: BTreeSet<_> = events.iter().flat_map(|it| &it.event.kinds).collect();
        selection.kinds = kinds.into_iter().cloned().collect();
    }
    selection
}

#[cfg(test)]
mod tests {
    use appsec_model::{Event, EventType, Kind, ProjectRef, Timestamp};

    use super::{EventRow, EventState, MAX_PROJECTS, selection};

    fn event(projects: &[&str], kinds: &[Kind]) -> EventRow {
        let project = |name: &&str| ProjectRef { id: Some("7".to_owned()), name: Some((*name).to_owned()) };
        EventRow {
            id: 1,
            instance: "code".to_owned(),
            event: Event {
                what: EventType::FindingsChanged,
                id: None,
                projects: projects.iter().map(project).collect(),
                kinds: kinds.to_vec(),
            },
            state: EventState::Pending,
            problem: None,
            received_at: Timestamp::from_micros(0),
            ended_at: None,
            run: None,
        }
    }

    #[test]
    fn many_events_are_one_selection() {
        let both = selection(&[event(&["b", "a"], &[Kind::Sast]), event(&["a"], &[Kind::Sca, Kind::Sast])]);
        assert_eq!((both.projects, both.kinds), (vec!["a".to_owned(), "b".to_owned()], vec![Kind::Sast, Kind::Sca]));
    }

    #[test]
    fn an_event_that_names_nothing_may_be_about_anything() {
        let open = selection(&[event(&["a"], &[]), event(&["b"], &[Kind::Sast])]);
        assert_eq!((open.projects.len(), open.kinds.len()), (2, 0));
        let open = selection(&[event(&[], &[Kind::Sast]), event(&["b"], &[Kind::Sast])]);
        assert_eq!((open.projects.len(), open.kinds.len()), (0, 1));
    }

    #[test]
    fn more_projects_than_are_worth_naming_are_read_as_a_whole() {
        let names: Vec<String> = (0..=MAX_PROJECTS).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(selection(&[event(&names, &[])]).projects.is_empty());
        assert_eq!(selection(&[event(&names[1..], &[])]).projects.len(), MAX_PROJECTS);
    }
}
