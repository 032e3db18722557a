//! Setting up an instance step by step: authorize, choose kinds, choose
//! projects, say how they are mapped, save.
//!
//! Each step is a call that stands for itself and is kept in the store, so
//! that a person at a terminal or a web page can leave after any of them and
//! go on later. There is no instance before the last step.

use appsec_model::{Access, Deployment, Kind, KindAccess, Project, Timestamp};
use serde::Serialize;

use super::{
    Tenant,
    change::set_kinds,
    dry_run::DryRun,
    instance::{Setup, TypedSecrets, candidate},
    proxies::{PROXY, ProxyChange},
    session::{Renewed, pin},
};
use crate::{
    error::{Error, OnboardingError, OnboardingStep},
    host::{Loaded, Secrets},
};
use appsec_grant::{InstanceName, SecretSource, UnknownName};
use appsec_store::{
    Accepted, AutoMap, ChosenRepositories, Draft, Instance, MappingRow, NamedDraft, NewInstance, ProjectChoice,
    ProjectPlan, RepositoryRow, StoreError, matches,
};

/// How far an onboarding has come.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Onboarding {
    /// Name of the instance to be.
    pub name: String,
    /// What it waits for.
    pub step: OnboardingStep,
    /// The vendor's account that the secret belongs to; none before the vendor
    /// has accepted one.
    pub deployment: Option<Deployment>,
    /// The kinds that the connector can bring, and whether the secret reads them.
    pub readable: Vec<KindAccess>,
    /// The kinds that were chosen.
    pub kinds: Option<Vec<Kind>>,
    /// The projects that were chosen.
    pub projects: Option<ProjectChoice>,
    /// What becomes of projects without a repository.
    pub auto_map: Option<AutoMap>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the last step was taken.
    pub changed_at: Timestamp,
}

impl From<&NamedDraft> for Onboarding {
    fn from(it: &NamedDraft) -> Self {
        let draft = it.draft.clone();
        let step = match (&draft.deployment, &draft.kinds, &draft.projects, &draft.auto_map) {
            (None, ..) => OnboardingStep::Token,
            (_, None, _, _) => OnboardingStep::Kinds,
            (_, _, None, _) => OnboardingStep::Projects,
            (_, _, _, None) => OnboardingStep::Mapping,
            (Some(_), Some(_), Some(_), Some(_)) => OnboardingStep::Save,
        };
        Self {
            name: it.name.to_string(),
            step,
            deployment: draft.deployment,
            readable: draft.readable,
            kinds: draft.kinds,
            projects: draft.projects,
            auto_map: draft.auto_map,
            started_at: it.started_at,
            changed_at: it.changed_at,
        }
    }
}

/// Which kinds to bring.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KindChoice {
    /// Those that the secret can read and the connector brings by default.
    Usual,
    /// Those that the secret can read.
    Readable,
    /// These.
    These(Vec<Kind>),
}

/// What `onboard --list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct OnboardingList {
    /// What is under way, by name.
    pub onboardings: Vec<Onboarding>,
}

impl Tenant {
    /// Onboardings in progress, as they are shown.
    pub async fn onboarding_list(&self) -> Result<OnboardingList, Error> {
        Ok(OnboardingList { onboardings: self.onboardings().await? })
    }

    /// Onboardings under way, by name.
    pub async fn onboardings(&self) -> Result<Vec<Onboarding>, Error> {
        let drafts = self.store.read(|store| store.drafts()).await?;
        Ok(drafts.iter().map(Onboarding::from).collect())
    }

    /// The onboarding of a name, if it is under way.
    pub async fn onboarding(&self, name: &InstanceName) -> Result<Option<Onboarding>, Error> {
        let name = name.clone();
        let draft = self.store.read(move |store| store.draft(&name)).await?;
        Ok(draft.as_ref().map(Onboarding::from))
    }

    /// The first step: lets the vendor check the secret and tell what it can
    /// read. `typed` are secrets that a person has typed; they need a setup that
    /// stores them. Begins anew where an onboarding of the name is under way.
    pub async fn onboard(&self, setup: Setup, typed: TypedSecrets) -> Result<Onboarding, Error> {
        let name = setup.name.clone();
        let _held = self.hold(&name).await?;
        let wanted = name.clone();
        if self.store.run(move |store| store.instance(&wanted)).await?.is_some() {
            return Err(StoreError::InstanceExists(name.to_string()).into());
        }
        if !setup.store_secret && (!typed.is_none() || setup.secret == Some(SecretSource::Input)) {
            return Err(Error::NotKept);
        }
        let loaded = self.host.connector(&setup.connector).await?;
        let mut draft = Draft {
            connector: setup.connector.clone(),
            connector_sha256: pin(&loaded, &setup.connector),
            settings: setup.settings.clone(),
            allow_origins: setup.allow_origins.clone(),
            allow_private_origins: setup.allow_private_origins.clone(),
            secrets: Default::default(),
            proxy: setup.proxy.as_ref().and_then(ProxyChange::setting),
            deployment: None,
            readable: Vec::new(),
            kinds: None,
            projects: None,
            auto_map: None,
            repositories: ChosenRepositories::new(),
        };
        let store = setup.store_secret;
        let credentials = setup.proxy.as_ref().and_then(ProxyChange::credentials).cloned();
        let (mut made, from) = candidate(&loaded, setup)?;
        draft.secrets = made.secrets.clone();
        // Whatever becomes of the secret, the rest need not be said again.
        self.keep(&name, draft.clone()).await?;
        let typed = typed.by_variable(&loaded.manifest)?;
        let mut from = from;
        from.retain(|variable, _| !typed.contains_key(variable));
        let mut secrets = self.secrets_from(&made, &from, None)?;
        secrets.extend(typed);
        let key = if store || credentials.is_some() { Some(self.vault_key()?) } else { None };
        // Asked for every kind, the vendor tells of every kind.
        let all: Vec<Kind> = loaded.manifest.kinds.iter().map(|it| it.kind.clone()).collect();
        match set_kinds(&loaded.manifest, &mut made.settings, &all) {
            // One cannot choose: it brings what it brings.
            Ok(()) | Err(Error::NoKindSetting(_)) => {}
            Err(error) => return Err(error),
        }
        let audience = made.audience();
        let proxies = match &credentials {
            Some(credentials) => self.usable_proxies(&made, Some(credentials))?,
            None => self.proxies(&made)?,
        };
        let renewed = Renewed::default();
        let access = self.access(&made, secrets.clone(), proxies, store.then_some(&renewed));
        let accepted = self.rehearsal(&loaded, made, None, access)?.configure().await?;
        draft.deployment = Some(accepted.connection.deployment);
        draft.readable = accepted.connection.kinds;
        if let Some(key) = key {
            renewed.put_into(&mut secrets);
            let mut sealed = if store { secrets } else { Secrets::new() };
            sealed.extend(credentials.map(|credentials| (PROXY.to_owned(), credentials)));
            self.vault().put(&key, &name, &sealed, &audience)?;
        }
        self.keep(&name, draft).await
    }

    /// What an onboarding was begun with, to give another secret for it.
    pub async fn onboarding_setup(&self, name: &InstanceName) -> Result<Option<Setup>, Error> {
        let wanted = name.clone();
        let found = self.store.read(move |store| store.draft(&wanted)).await?;
        Ok(found.map(|it| setup(name, &it.draft)))
    }

    /// The second step: which kinds to bring.
    pub async fn onboard_kinds(&self, name: &InstanceName, choice: KindChoice) -> Result<Onboarding, Error> {
        let (mut draft, loaded) = self.begun(name).await?;
        let usual = |kind: &Kind| loaded.manifest.kinds.iter().any(|it| it.kind == *kind && it.on_by_default);
        let readable = draft.readable.iter().filter(|it| it.access == Access::Readable).map(|it| it.kind.clone());
        let kinds: Vec<Kind> = match choice {
            KindChoice::Usual => readable.filter(usual).collect(),
            KindChoice::Readable => readable.collect(),
            KindChoice::These(kinds) => {
                kinds.iter().try_for_each(|kind| can_be_read(&draft.readable, kind))?;
                kinds
            }
        };
        if kinds.is_empty() {
            return Err(OnboardingError::NoKind.into());
        }
        match set_kinds(&loaded.manifest, &mut draft.settings, &kinds) {
            Ok(()) | Err(Error::NoKindSetting(_)) => {}
            Err(error) => return Err(error),
        }
        draft.kinds = Some(kinds);
        self.keep(name, draft).await
    }

    /// The vendor's projects, to choose among.
    pub async fn onboarding_projects(&self, name: &InstanceName) -> Result<Vec<Project>, Error> {
        let (draft, loaded) = self.begun(name).await?;
        let rehearsal = self.rehearsed(name, &draft, &loaded)?;
        rehearsal.configure().await?;
        rehearsal.projects().await
    }

    /// The third step: which projects to bring.
    pub async fn onboard_projects(&self, name: &InstanceName, choice: ProjectChoice) -> Result<Onboarding, Error> {
        let (mut draft, _) = self.begun(name).await?;
        if let ProjectChoice::Matching(patterns) = &choice {
            let listed = self.onboarding_projects(name).await?;
            let unknown = patterns.iter().find(|pattern| !listed.iter().any(|it| matches(pattern, &it.name)));
            if let Some(pattern) = unknown {
                let known = UnknownName::among(pattern, listed.iter().map(|it| &it.name));
                return Err(OnboardingError::NoProject { pattern: known, listed: listed.len() }.into());
            }
        }
        draft.projects = Some(choice);
        self.keep(name, draft).await
    }

    /// The fourth step: what becomes of projects without a repository.
    pub async fn onboard_mapping(&self, name: &InstanceName, auto_map: AutoMap) -> Result<Onboarding, Error> {
        let (mut draft, _) = self.begun(name).await?;
        draft.auto_map = Some(auto_map);
        self.keep(name, draft).await
    }

    /// The mapping that the instance would have, for projects as
    /// [`Self::onboarding_projects`] lists them.
    pub async fn onboarding_mapping(
        &self,
        name: &InstanceName,
        listed: Vec<Project>,
    ) -> Result<Vec<MappingRow>, Error> {
        let (draft, loaded) = self.begun(name).await?;
        let (made, plan) = (made(name, &draft, &loaded)?, self.plan(name, &draft)?);
        let now = self.now();
        Ok(self.store.run(move |store| store.preview_draft(&made, &plan, &listed, now)).await?)
    }

    /// Corrects the mapping of a project, by the vendor's id: to a repository, or
    /// to none.
    pub async fn onboard_repository(
        &self,
        name: &InstanceName,
        project_id: &str,
        repository: Option<&RepositoryRow>,
    ) -> Result<Onboarding, Error> {
        let (mut draft, _) = self.begun(name).await?;
        draft.repositories.insert(project_id.to_owned(), repository.map(|it| it.row));
        self.keep(name, draft).await
    }

    /// The last step: connects under what was decided, and makes the instance.
    pub async fn onboard_save(&self, name: &InstanceName) -> Result<Instance, Error> {
        let _held = self.hold(name).await?;
        let (draft, loaded) = self.begun(name).await?;
        let plan = self.plan(name, &draft)?;
        let rehearsal = self.rehearsed(name, &draft, &loaded)?;
        let accepted: Accepted = rehearsal.configure().await?;
        let now = &accepted.connection.deployment;
        if let Some(before) = draft.deployment.as_ref().filter(|before| before.id != now.id) {
            let account = |it: &Deployment| format!("`{}` (id {})", it.slug, it.id);
            return Err(Error::OtherAccount { before: account(before), now: account(now) });
        }
        let listed = rehearsal.projects().await?;
        let now = self.now();
        self.store.run(move |store| store.save_draft(&accepted, &plan, &listed, now)).await?;
        self.instance(name).await
    }

    /// Gives an onboarding up: nothing stays of it, also not in the vault.
    pub async fn onboard_abandon(&self, name: &InstanceName) -> Result<(), Error> {
        let _held = self.hold(name).await?;
        let wanted = name.clone();
        let (draft, instance) =
            self.store.read(move |store| Ok((store.draft(&wanted)?, store.instance(&wanted)?))).await?;
        if draft.is_none() {
            return Err(OnboardingError::NotBegun(name.clone()).into());
        }
        // Where there is an instance of the name, what is in the vault is its own.
        if instance.is_none() {
            self.vault().remove(name)?;
        }
        let name = name.clone();
        Ok(self.store.run(move |store| store.drop_draft(&name)).await?)
    }

    async fn begun(&self, name: &InstanceName) -> Result<(Draft, Loaded), Error> {
        let wanted = name.clone();
        let found = self.store.read(move |store| store.draft(&wanted)).await?;
        let draft = found.ok_or_else(|| OnboardingError::NotBegun(name.clone()))?.draft;
        if draft.deployment.is_none() {
            return Err(OnboardingError::Unfinished { name: name.clone(), missing: OnboardingStep::Token }.into());
        }
        let loaded = self.host.connector(&draft.connector).await?;
        if pin(&loaded, &draft.connector) != draft.connector_sha256 {
            return Err(OnboardingError::ConnectorChanged { name: name.clone(), connector: draft.connector }.into());
        }
        Ok((draft, loaded))
    }

    /// What was chosen of projects, if all of it was.
    fn plan(&self, name: &InstanceName, draft: &Draft) -> Result<ProjectPlan, OnboardingError> {
        let missing = match (&draft.kinds, &draft.projects, draft.auto_map) {
            (Some(_), Some(projects), Some(auto_map)) => {
                let (projects, repositories) = (projects.clone(), draft.repositories.clone());
                return Ok(ProjectPlan { projects, auto_map, repositories });
            }
            (None, ..) => OnboardingStep::Kinds,
            (_, None, _) => OnboardingStep::Projects,
            _ => OnboardingStep::Mapping,
        };
        Err(OnboardingError::Unfinished { name: name.clone(), missing })
    }

    async fn keep(&self, name: &InstanceName, draft: Draft) -> Result<Onboarding, Error> {
        let (kept, now) = (name.clone(), self.now());
        self.store.run(move |store| store.keep_draft(&kept, &draft, now)).await?;
        let onboarding = self.onboarding(name).await?;
        onboarding.ok_or_else(|| OnboardingError::NotBegun(name.clone()).into())
    }

    /// A rehearsal of the instance that a draft makes.
    fn rehearsed(&self, name: &InstanceName, draft: &Draft, loaded: &Loaded) -> Result<DryRun, Error> {
        let made = made(name, draft, loaded)?;
        let secrets: Secrets = self.secrets_from(&made, &made.secrets, None)?;
        let proxies = self.proxies(&made)?;
        let access = self.access(&made, secrets, proxies, None);
        self.rehearsal(loaded, made, None, access)
    }
}

/// What a draft was begun with, without its secret.
fn setup(name: &InstanceName, draft: &Draft) -> Setup {
    Setup {
        name: name.clone(),
        connector: draft.connector.clone(),
        settings: draft.settings.clone(),
        allow_origins: draft.allow_origins.clone(),
        allow_private_origins: draft.allow_private_origins.clone(),
        secret: None,
        secrets: Default::default(),
        store_secret: false,
        proxy: Some(ProxyChange::kept(draft.proxy.clone())),
    }
}

/// The instance that a draft makes.
fn made(name: &InstanceName, draft: &Draft, loaded: &Loaded) -> Result<NewInstance, Error> {
    let (made, _) = candidate(loaded, setup(name, draft))?;
    Ok(NewInstance { secrets: draft.secrets.clone(), ..made })
}

fn can_be_read(readable: &[KindAccess], kind: &Kind) -> Result<(), OnboardingError> {
    let reason = match readable.iter().find(|it| it.kind == *kind).map(|it| &it.access) {
        Some(Access::Readable) => return Ok(()),
        Some(Access::Denied { reason }) => reason.clone(),
        None => "the connector has no such kind".to_owned(),
    };
    Err(OnboardingError::Kind { kind: kind.clone(), reason })
}
