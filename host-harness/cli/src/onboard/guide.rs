//! The steps of an onboarding at a terminal. Whoever goes back comes to the
//! step before; what was said stays.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Instant};

use appsec_analysis::repository::RepositoryList;
use appsec_model::{Project, SecretNeed};
use host_harness::{
    Error, KindChoice, Onboarding, OnboardingStep, Setup, Tenant, TypedSecrets, VaultError,
    grant::{InstanceName, Secret, SecretError, SecretSource},
    store::{AutoMap, MappingRow, ProjectChoice},
};

use super::{
    Args,
    ask::{Asker, End, RepositoryChoice, Retry, TokenSource},
    kind_choice, project_choice, saved, setup, show_chosen,
};
use crate::{Context, error::Failure, instance::connected, mapping, vault, wait::wait};

/// Projects of a mapping that are shown; all can be searched for.
const ROWS: usize = 20;

/// What is left to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Token,
    Kinds,
    Projects,
    Mapping,
    Review,
    End,
    Save,
    Leave,
}

/// What options say, until it is used.
struct Given {
    setup: Option<Setup>,
    kinds: Option<KindChoice>,
    projects: Option<ProjectChoice>,
    auto_map: Option<AutoMap>,
}

struct Guide<'a> {
    context: &'a Context,
    tenant: Tenant,
    name: InstanceName,
    asker: Asker,
    given: Given,
    listed: Option<Vec<Project>>,
    /// A key that was made here, which later commands need.
    key_file: Option<PathBuf>,
}

pub async fn guide(
    context: &Context,
    tenant: Tenant,
    name: InstanceName,
    args: Args,
    asker: Asker,
) -> Result<ExitCode, Failure> {
    let is_given = args.connect.is_given();
    let known = tenant.onboarding(&name).await?;
    let given = Given {
        setup: Some(setup(context, &tenant, &name, args.connect).await?),
        kinds: kind_choice(args.kinds),
        projects: project_choice(args.projects),
        auto_map: args.auto_map.map(AutoMap::from),
    };
    let mut guide = Guide { context, tenant, name, asker, given, listed: None, key_file: None };
    if known.is_some() {
        guide.asker.keeps();
    }
    let mut step = match known.map(|it| it.step) {
        _ if is_given => Step::Token,
        None | Some(OnboardingStep::Token) => Step::Token,
        Some(OnboardingStep::Kinds) => Step::Kinds,
        Some(OnboardingStep::Projects) => Step::Projects,
        Some(OnboardingStep::Mapping) => Step::Mapping,
        Some(OnboardingStep::Save) => Step::Review,
    };
    loop {
        step = match step {
            Step::Token => guide.token().await?,
            Step::Kinds => guide.kinds().await?,
            Step::Projects => guide.projects().await?,
            Step::Mapping => guide.mapping().await?,
            Step::Review => guide.review().await?,
            Step::End => guide.end().await?,
            Step::Save => break,
            Step::Leave => {
                let what = match guide.asker.has_kept() {
                    true => "Your answers are saved. Continue with",
                    false => "Nothing was saved yet. Start again with",
                };
                context.output.line(format!("{what}: harness onboard {}", guide.name));
                return Ok(ExitCode::SUCCESS);
            }
        };
    }
    let save = guide.tenant.onboard_save(&guide.name);
    let instance = guide.waits("Connecting and listing the projects", save).await?;
    saved(context, &guide.tenant, instance, guide.key_file.as_deref()).await
}

impl Guide<'_> {
    /// Waits for something of the vendor's.
    async fn waits<T>(&self, what: &str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        wait(self.context.output, what, work).await.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: Error) -> Failure {
        Failure::from(error).of(self.tenant.id(), Some(&self.name))
    }

    async fn state(&self) -> Result<Onboarding, Failure> {
        let state = self.tenant.onboarding(&self.name).await?;
        state.ok_or_else(|| self.failure(host_harness::OnboardingError::NotBegun(self.name.clone()).into()))
    }

    /// A token that the vendor accepts.
    async fn token(&mut self) -> Result<Step, Failure> {
        let base = match self.given.setup.take() {
            Some(setup) => setup,
            None => {
                let kept = self.tenant.onboarding_setup(&self.name).await?;
                kept.ok_or_else(|| self.failure(host_harness::OnboardingError::NotBegun(self.name.clone()).into()))?
            }
        };
        let loaded = self.waits("Loading the connector", self.context.harness.connector(&base.connector)).await?;
        let needs = loaded.manifest.secrets.clone();
        // What was given is tried first.
        let is_given = base.secret.is_some() || !base.secrets.is_empty();
        let mut attempt = (is_given || needs.is_empty()).then(|| (base.clone(), TypedSecrets::None));
        loop {
            let (setup, typed) = match attempt.take() {
                Some(attempt) => attempt,
                None => match self.asked_secrets(&needs, &base)? {
                    Asked::Secrets(setup, typed) => (*setup, typed),
                    Asked::Again => continue,
                    // There is no question before it.
                    Asked::Leave => return Ok(Step::Leave),
                },
            };
            let begun = Instant::now();
            let what = format!("Connecting to {}", loaded.manifest.name);
            let work = self.tenant.onboard(setup.clone(), typed.clone());
            let done = self.waits(&what, work).await;
            if self.tenant.onboarding(&self.name).await?.is_some() {
                self.asker.keeps();
            }
            let failure = match done {
                Ok(state) => {
                    if let Some(deployment) = &state.deployment {
                        connected(self.context.output, deployment, &state.readable, Some(begun.elapsed()));
                    }
                    self.listed = None;
                    return Ok(Step::Kinds);
                }
                Err(failure) => failure,
            };
            self.context.output.failure(&failure);
            match self.asker.retry()? {
                Some(Retry::Again) => attempt = Some((setup, typed)),
                Some(Retry::Token) | None => {}
                Some(Retry::Leave) => return Ok(Step::Leave),
            }
        }
    }

    /// Each secret, as a person gives it. As soon as one is typed, all go into the
    /// vault.
    fn asked_secrets(&mut self, needs: &[SecretNeed], base: &Setup) -> Result<Asked, Failure> {
        let mut setup = Setup { secret: None, secrets: BTreeMap::new(), store_secret: false, ..base.clone() };
        let mut typed = BTreeMap::new();
        for need in needs {
            match self.asked_secret(need)? {
                GivenSecret::Source(source) => {
                    setup.secrets.extend(source.map(|source| (need.variable.clone(), source)));
                }
                GivenSecret::Typed(secret) => {
                    typed.insert(need.variable.clone(), secret);
                }
                GivenSecret::Again => return Ok(Asked::Again),
                GivenSecret::Leave => return Ok(Asked::Leave),
            }
        }
        setup.store_secret = !typed.is_empty();
        let typed = if typed.is_empty() { TypedSecrets::None } else { TypedSecrets::Each(typed) };
        Ok(Asked::Secrets(Box::new(setup), typed))
    }

    /// A secret, as a person gives it.
    fn asked_secret(&mut self, need: &SecretNeed) -> Result<GivenSecret, Failure> {
        let output = self.context.output;
        output.line(format!("{}: {}", need.variable, need.description));
        let vault = Vault::of(&self.tenant)?;
        let Some(source) = self.asker.token_source(need, vault.words())? else { return Ok(GivenSecret::Leave) };
        match source {
            TokenSource::Variable => return Ok(GivenSecret::Source(None)),
            TokenSource::File => {
                let Some(path) = self.asker.file("File with the token:", None)? else { return Ok(GivenSecret::Again) };
                let path = std::path::absolute(path)?;
                return Ok(GivenSecret::Source(Some(SecretSource::File { path })));
            }
            TokenSource::Typed => {}
        }
        match vault {
            Vault::Ready => {}
            Vault::NoKey => {
                if !self.make_key()? {
                    return Ok(GivenSecret::Again);
                }
            }
            Vault::Unusable(failure) => {
                output.failure(&failure);
                return Ok(GivenSecret::Again);
            }
        }
        Ok(self.asker.token()?.map_or(GivenSecret::Again, GivenSecret::Typed))
    }

    /// Makes a key for the vault, and goes on with it.
    fn make_key(&mut self) -> Result<bool, Failure> {
        let output = self.context.output;
        output.line(
            "The vault has no key yet. One is created now, in a file apart from the data directory: whoever has \
             both can read the token, and without the key nobody can.",
        );
        let usual = vault::usual_key_file();
        let usual = usual.as_ref().map(|path| path.display().to_string());
        loop {
            let Some(path) = self.asker.file("File for the key:", usual.as_deref())? else { return Ok(false) };
            let path = std::path::absolute(path)?;
            match vault::write_key(&path, self.context.harness.data_dir()) {
                Ok(key) => {
                    output.line(format!("Wrote the key {} to {}", key.id(), path.display()));
                    if vault::usual_key_file().as_ref() == Some(&path) {
                        output.line("Later commands read it there. Keep a copy apart from the data directory.");
                    } else {
                        output.line("Later commands need it:");
                        output.command(&format!("export HARNESS_VAULT_KEY_FILE={}", path.display()));
                    }
                    let harness = self.context.harness.with_vault_key(SecretSource::File { path: path.clone() });
                    self.tenant = harness.tenant(self.tenant.id().clone())?;
                    self.key_file = Some(path);
                    return Ok(true);
                }
                Err(failure) => output.failure(&failure),
            }
        }
    }

    async fn kinds(&mut self) -> Result<Step, Failure> {
        let state = self.state().await?;
        loop {
            let choice = match self.given.kinds.take() {
                Some(given) => given,
                None => {
                    let loaded = self.context.harness.connector(&self.context.connector).await?;
                    let usual = loaded.manifest.kinds.iter().filter(|it| it.on_by_default);
                    let usual: Vec<_> = usual.map(|it| it.kind.clone()).collect();
                    match self.asker.kinds(&state, &usual)? {
                        Some(chosen) => chosen,
                        None => return Ok(Step::Token),
                    }
                }
            };
            match self.tenant.onboard_kinds(&self.name, choice).await {
                Ok(_) => return Ok(Step::Projects),
                Err(error) => self.context.output.failure(&self.failure(error)),
            }
        }
    }

    async fn listed(&mut self) -> Result<Vec<Project>, Failure> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let listed = self.waits("Listing the projects", self.tenant.onboarding_projects(&self.name)).await?;
        self.listed = Some(listed.clone());
        Ok(listed)
    }

    async fn projects(&mut self) -> Result<Step, Failure> {
        let listed = self.listed().await?;
        loop {
            let choice = match self.given.projects.take() {
                Some(given) => given,
                None => match self.asker.projects(&listed)? {
                    Some(chosen) => chosen,
                    None => return Ok(Step::Kinds),
                },
            };
            let work = self.tenant.onboard_projects(&self.name, choice);
            match self.waits("Looking at the projects", work).await {
                Ok(_) => return Ok(Step::Mapping),
                Err(failure) => self.context.output.failure(&failure),
            }
        }
    }

    async fn mapping(&mut self) -> Result<Step, Failure> {
        let mode = match self.given.auto_map.take() {
            Some(given) => given,
            None => match self.asker.auto_map()? {
                Some(chosen) => chosen,
                None => return Ok(Step::Projects),
            },
        };
        self.tenant.onboard_mapping(&self.name, mode).await.map_err(|error| self.failure(error))?;
        Ok(Step::Review)
    }

    /// Shows what projects are mapped to, and has it corrected.
    async fn review(&mut self) -> Result<Step, Failure> {
        let listed = self.listed().await?;
        let rows = self.tenant.onboarding_mapping(&self.name, listed).await.map_err(|error| self.failure(error))?;
        let rows: Vec<MappingRow> =
            rows.into_iter().filter(|it| it.state != host_harness::store::MappingState::Ignored).collect();
        mapping::show_found(self.context.output, &rows, ROWS);
        match self.asker.accepts_mapping()? {
            Some(true) => return Ok(Step::End),
            None => return Ok(Step::Mapping),
            Some(false) => {}
        }
        let Some(row) = self.asker.wrong_project(&rows)? else { return Ok(Step::Review) };
        let known = self.tenant.repositories(None).await?;
        let near = |name: &str| row.candidates.iter().any(|it| it.repository == name);
        let mut names: Vec<String> = known.iter().map(|it| it.repository.full_name().to_owned()).collect();
        names.sort_by_key(|name| !near(name));
        names.dedup();
        if let Some(chosen) = self.asker.repository(row, &names)? {
            let corrected = self.correct(&row.project_id, chosen).await;
            corrected.map_err(|error| self.failure(error))?;
        }
        Ok(Step::Review)
    }

    /// Maps a project as a person says; a repository that is not listed is, from now on.
    async fn correct(&self, project_id: &str, chosen: RepositoryChoice) -> Result<Onboarding, Error> {
        let name = match chosen {
            RepositoryChoice::None => None,
            RepositoryChoice::Known(name) => Some(name),
            RepositoryChoice::New(repository) => {
                let name = repository.address().map_or(repository.full_name().to_owned(), ToString::to_string);
                let list = RepositoryList { repositories: vec![*repository], problems: Vec::new() };
                self.tenant.import_repositories(list, false).await?;
                Some(name)
            }
        };
        let repository = match name {
            Some(name) => Some(self.tenant.repository(&name).await?),
            None => None,
        };
        self.tenant.onboard_repository(&self.name, project_id, repository.as_ref()).await
    }

    /// What becomes of it.
    async fn end(&mut self) -> Result<Step, Failure> {
        show_chosen(self.context.output, &self.state().await?);
        Ok(match self.asker.end(&self.name)? {
            Some(End::Save) => Step::Save,
            Some(End::Kinds) => Step::Kinds,
            Some(End::Projects) => Step::Projects,
            Some(End::Mapping) => Step::Mapping,
            None => Step::Review,
            Some(End::Leave) => Step::Leave,
        })
    }
}

/// All secrets, as a person gives them.
enum Asked {
    /// With what they are tried; what was typed.
    Secrets(Box<Setup>, TypedSecrets),
    Again,
    Leave,
}

/// A secret, as a person gives it.
enum GivenSecret {
    /// Where it is read from; none: from its environment variable.
    Source(Option<SecretSource>),
    Typed(Secret),
    Again,
    Leave,
}

/// Whether the vault can keep a token.
enum Vault {
    Ready,
    /// It is not there, and neither is a key.
    NoKey,
    Unusable(Box<Failure>),
}

impl Vault {
    fn of(tenant: &Tenant) -> Result<Self, Failure> {
        Ok(match tenant.vault_key() {
            Ok(_) => Self::Ready,
            Err(Error::Vault(VaultError::NoKey { error: SecretError::NotSet(_), .. }))
                if tenant.vault_report()?.file.is_none() =>
            {
                Self::NoKey
            }
            Err(error) => Self::Unusable(Box::new(Failure::from(error).of(tenant.id(), None))),
        })
    }

    const fn words(&self) -> &'static str {
        match self {
            Self::Ready => "; the vault keeps it",
            Self::NoKey => "; the vault stores it, and a key is created first",
            Self::Unusable(_) => " (not possible now: the key of the vault is missing or wrong)",
        }
    }
}
