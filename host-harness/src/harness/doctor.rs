//! What is wrong with a data folder, and what there is to do about it. Nothing is ever
//! repaired here: a doctor that changes things hides what happened.

mod hint;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use self::hint::CheckHint;
use super::{Harness, backup::RESTORING};
use crate::{error::Error, host::Secrets, tenant::Tenant, vault::VaultKey};
use appsec_grant::{
    Code, InstanceName, ProxySetting, SecretSource, TenantId, VAULT_KEY_PREFIX, counted,
    files::{Exposure, check_folder, read_bounded},
    with_causes,
};
use appsec_store::{FindingStore, Instance, InstanceStatus, Run, RunMode, RunState, StoreHealth, is_database};

/// A file with a key of a vault is one line.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// How something is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it should be.
    Good,
    /// It works, and somebody should know.
    Notice,
    /// It does not work, or is in danger.
    Problem,
}

impl Condition {
    /// The word of the case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Notice => "notice",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    /// What.
    pub what: String,
    /// The instance that it is about, if it is about one.
    pub instance: Option<InstanceName>,
    /// How it is.
    pub condition: Condition,
    /// Why, in words.
    pub detail: String,
    /// A stable word for the error, where one was met.
    pub code: Option<Code>,
    /// What to do about it, after what the code asks for.
    pub hint: Option<CheckHint>,
}

impl Check {
    fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        let (what, detail) = (what.into(), detail.into());
        Self { what, instance: None, condition: Condition::Good, detail, code: None, hint: None }
    }

    fn bad(what: impl Into<String>, condition: Condition, detail: impl Into<String>, hint: CheckHint) -> Self {
        Self { condition, hint: Some(hint), ..Self::good(what, detail) }
    }

    fn failed(what: impl Into<String>, error: &Error) -> Self {
        let code = Some(error.code());
        Self { condition: Condition::Problem, code, ..Self::good(what, with_causes(error)) }
    }
}

impl Harness {
    /// Looks at the data folder and all of its tenants. `online` also connects
    /// every instance to its vendor.
    pub async fn doctor(&self, online: bool) -> Vec<Check> {
        let mut checks = vec![folder(self.data_dir())];
        checks.extend(permissions(self.data_dir()));
        checks.extend(self.vault_key_files());
        match self.runtime() {
            Ok(_) => checks.push(Check::good("engine", "it starts")),
            Err(error) => checks.push(Check::failed("engine", &error)),
        }
        checks.extend(half_restored(&self.data_dir().join("tenants")));
        checks.extend(keys_inside(self.data_dir()));
        let tenants = match self.tenants() {
            Ok(tenants) => {
                if tenants.is_empty() {
                    checks.push(Check::good("tenants", "there are none yet"));
                }
                tenants
            }
            Err(error) => {
                checks.push(Check::failed("tenants", &error));
                Vec::new()
            }
        };
        for tenant in tenants {
            let path = self.tenant_folder(&tenant).join("store.sqlite3");
            let what = format!("store of {tenant}");
            let health = FindingStore::examine(&path, self.now());
            let usable = match &health {
                Ok(health) => {
                    let checked = store(&what, &tenant, health);
                    let usable = checked.iter().all(|check| check.condition != Condition::Problem);
                    checks.extend(checked);
                    usable
                }
                Err(error) => {
                    checks.push(Check::bad(what, Condition::Problem, with_causes(error), CheckHint::RestoreOrSync));
                    false
                }
            };
            // What somebody else may have put there is not run, and gets no secret.
            let tenants = self.data_dir().join("tenants");
            let own = [self.data_dir(), &tenants, &self.tenant_folder(&tenant)]
                .into_iter()
                .all(|it| check_folder(it).is_ok());
            // Other versions have other tables.
            if own && usable && health.is_ok_and(|health| health.version == health.known_version) {
                self.instances_of(&tenant, &path, online, &mut checks).await;
            }
        }
        checks
    }

    async fn instances_of(&self, id: &TenantId, store: &Path, online: bool, checks: &mut Vec<Check>) {
        let found = async {
            let tenant = self.tenant_to_look_at(id, FindingStore::open_to_look(store)?);
            let instances = tenant.store.run(|store| store.instances()).await?;
            Ok::<_, Error>((tenant, instances))
        };
        let (tenant, instances) = match found.await {
            Ok(found) => found,
            Err(error) => return checks.push(Check::failed(format!("store of {id}"), &error)),
        };
        // Reports are imported, and have no connector.
        for instance in instances.into_iter().filter(|it| !it.is_report_source() || it.is_unaccepted()) {
            let name = instance.made.name.clone();
            let what = format!("instance {id}/{name}");
            if instance.is_unaccepted() {
                let mut check = Check::failed(format!("{what}: grants"), &Error::Unaccepted(name));
                check.condition = Condition::Notice;
                checks.push(check);
                continue;
            }
            match tenant.loaded(&instance).await {
                Ok(loaded) if loaded.manifest.version != instance.made.connector_version => checks.push(Check::bad(
                    format!("{what}: connector"),
                    Condition::Notice,
                    format!(
                        "records of version {}, and {} is here now",
                        instance.made.connector_version, loaded.manifest.version
                    ),
                    CheckHint::CompareConnector,
                )),
                Ok(loaded) => {
                    let version = &loaded.manifest.version;
                    checks.push(Check::good(format!("{what}: connector"), format!("version {version} loads")));
                }
                Err(error) => {
                    checks.push(Check::failed(format!("{what}: connector"), &error));
                    continue;
                }
            }
            checks.extend(last_work(&tenant, &instance, &what).await);
            if let Some(paused) = &instance.paused {
                let why = paused.reason.iter().map(|why| format!(": {why}")).collect::<String>();
                let detail = format!("nothing is synced until it is resumed{why}");
                checks.push(Check::good(format!("{what}: paused"), detail));
            }
            let proxies = proxies(&tenant, &instance, &format!("{what}: proxy"));
            let unusable = proxies.iter().any(|check| check.condition == Condition::Problem);
            checks.extend(proxies);
            if unusable {
                continue;
            }
            let secrets = match tenant.secrets(&instance, None) {
                Ok(secrets) => {
                    let sources = instance.made.secrets.values();
                    checks.push(
                        sources
                            .filter_map(|source| readable(&format!("{what}: secret"), source))
                            .next()
                            .unwrap_or_else(|| {
                                Check::good(format!("{what}: secret"), format!("{} can be read", secrets.len()))
                            }),
                    );
                    secrets
                }
                Err(error) => {
                    let mut check = Check::failed(format!("{what}: secret"), &error);
                    // One that only takes in files needs none.
                    if instance.status == InstanceStatus::NeverChecked {
                        check.condition = Condition::Notice;
                    }
                    checks.push(check);
                    continue;
                }
            };
            if online && instance.paused.is_none() {
                checks.push(reach(&tenant, &instance, secrets, format!("{what}: vendor")).await);
            }
        }
    }
}

impl Harness {
    /// The files of the vaults' keys.
    fn vault_key_files(&self) -> Vec<Check> {
        let what = "file of a vault's key";
        let check = |source: &SecretSource| {
            let SecretSource::File { path } = source else { return None };
            Some(match VaultKey::read(source) {
                Ok(key) => readable(what, source)
                    .unwrap_or_else(|| Check::good(what, format!("{} holds the key {}", path.display(), key.id()))),
                Err(error) => Check::failed(what, &error.into()),
            })
        };
        self.options().vault_keys.iter().filter_map(check).collect()
    }
}

/// The proxies that an instance goes through, where it goes through any.
fn proxies(tenant: &Tenant, instance: &Instance, what: &str) -> Vec<Check> {
    if let Err(error) = tenant.proxies(&instance.made) {
        return vec![Check::failed(what, &error)];
    }
    let routes = tenant.proxy_routes(&instance.made).into_iter();
    let mut checks: Vec<Check> = routes
        .filter_map(|route| {
            let (proxy, source) = (route.proxy?, route.source.unwrap_or_default());
            Some(Check::good(what, format!("{} is reached through {proxy}, {source}", route.origin)))
        })
        .collect();
    if let Some(ProxySetting::Proxy { credentials: Some(source), .. }) = &instance.made.proxy {
        checks.extend(readable(what, source));
    }
    checks
}

/// A secret's file that others may read.
fn readable(what: &str, source: &SecretSource) -> Option<Check> {
    let SecretSource::File { path } = source else { return None };
    let exposure = Exposure::of(&fs::metadata(path).ok()?)?;
    let detail = format!("{}: {exposure}", path.display());
    Some(Check::bad(what, Condition::Notice, detail, CheckHint::RestrictFile))
}

/// How the last run or check of an instance ended, where it was not well.
async fn last_work(tenant: &Tenant, instance: &Instance, what: &str) -> Option<Check> {
    let (id, name) = (instance.id, &instance.made.name);
    // Not through a reader of its own: as the last one to close it would move the log into the file.
    let last = match tenant.store().run(move |store| Ok(store.runs(Some(id), 1)?.pop())).await {
        Ok(last) => last,
        Err(error) => return Some(Check::failed(what, &error.into())),
    };
    let bad = |condition, detail: &str, hint| {
        let check = Check::bad(format!("{what}: last work"), condition, detail, hint);
        Some(Check { instance: Some(name.clone()), ..check })
    };
    let ended =
        |condition, detail: String, code, hint| bad(condition, &detail, hint).map(|check| Check { code, ..check });
    let again = |mode| match mode {
        RunMode::Import => CheckHint::Import,
        RunMode::Renormalize => CheckHint::Renormalize,
        RunMode::Full | RunMode::Incremental | RunMode::Event => CheckHint::Sync,
    };
    match (last, instance.status) {
        (Some(Run { state: RunState::Failed, id, mode, message, code, .. }), _) => {
            let why = message.unwrap_or_else(|| "it does not say why".to_owned());
            ended(Condition::Problem, format!("run {id} failed: {why}"), code, again(mode))
        }
        (_, InstanceStatus::Unauthorized) => {
            let why = instance.status_detail.as_deref().unwrap_or("the vendor refuses the token");
            bad(Condition::Problem, why, CheckHint::RotateToken)
        }
        (Some(Run { state: RunState::Partial, id, mode, message, code, .. }), _) => {
            let why = message.unwrap_or_else(|| "it does not say why".to_owned());
            ended(Condition::Notice, format!("run {id} is not complete: {why}"), code, again(mode))
        }
        (_, InstanceStatus::Degraded) => {
            let why = instance.status_detail.as_deref().unwrap_or("the last check failed");
            bad(Condition::Notice, why, CheckHint::TestInstance)
        }
        (None, InstanceStatus::NeverChecked) => {
            bad(Condition::Notice, "its connection has not been tested yet", CheckHint::TestInstance)
        }
        _ => None,
    }
}

/// Connects an instance to its vendor, and writes nothing of it down.
async fn reach(tenant: &Tenant, instance: &Instance, secrets: Secrets, what: String) -> Check {
    let answer = async {
        let loaded = tenant.loaded(instance).await?;
        let access = tenant.access(&instance.made, secrets, tenant.proxies(&instance.made)?, None);
        tenant.rehearsal(&loaded, instance.made.clone(), Some(instance), access)?.configure().await
    };
    match answer.await {
        Ok(accepted) => Check::good(what, format!("answers as {}", accepted.connection.deployment.slug)),
        Err(error) => Check::failed(what, &error),
    }
}

/// The data folder: there, ours alone, writable.
fn folder(path: &Path) -> Check {
    let what = format!("data directory {}", path.display());
    if !path.exists() {
        return Check::bad(what, Condition::Notice, "it is not there yet", CheckHint::FolderIsMade);
    }
    // Under a name that nobody can know, and so lead elsewhere, beforehand.
    let written = tempfile::Builder::new().prefix(".doctor").tempfile_in(path).and_then(|mut probe| {
        probe.write_all(b"probe")?;
        probe.as_file().sync_all()?;
        probe.close()
    });
    if let Err(error) = written {
        let detail = format!("it cannot be written: {error}");
        return Check::bad(what, Condition::Problem, detail, CheckHint::CheckFolder);
    }
    Check::good(what, "it is there and can be written")
}

/// How many files are named that others may read or write.
const NAMED: usize = 5;

/// What others may read or write of a data folder.
fn permissions(folder: &Path) -> Option<Check> {
    if !folder.exists() {
        return None;
    }
    let what = "permissions";
    let mut looked = Looked::default();
    looked.at(folder, true, DEPTH);
    looked.exposed.sort_by(|(a, x), (b, y)| x.is_writable().cmp(&y.is_writable()).reverse().then_with(|| a.cmp(b)));
    let Some((_, worst)) = looked.exposed.first() else {
        let detail = match looked.count {
            1 => "only this user has access".to_owned(),
            count => format!("{count} files and directories are open to this user only"),
        };
        return Some(Check::good(what, detail));
    };
    let condition = if worst.is_writable() { Condition::Problem } else { Condition::Notice };
    let named = looked.exposed.iter().take(NAMED).map(|(path, exposure)| format!("{}: {exposure}", path.display()));
    let mut detail = named.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = looked.exposed.len().checked_sub(NAMED) {
        detail.push_str(&format!("; and {more} more"));
    }
    Some(Check::bad(what, condition, detail, CheckHint::RestrictFolder))
}

/// Folders below the data folder are those of tenants, and of compiled code.
const DEPTH: usize = 3;

/// What was seen of a folder.
#[derive(Default)]
struct Looked {
    count: usize,
    exposed: Vec<(PathBuf, Exposure)>,
}

impl Looked {
    /// Looks at a file or folder and what is below it. What others may read
    /// counts only where they get to it.
    fn at(&mut self, path: &Path, reached: bool, depth: usize) {
        // What has gone in the meantime was no part of it.
        let Ok(metadata) = fs::metadata(path) else { return };
        self.count += 1;
        let exposure = Exposure::of(&metadata).filter(|it| reached || it.is_writable());
        self.exposed.extend(exposure.map(|it| (path.to_owned(), it)));
        if metadata.is_dir() && depth > 0 {
            let reached = reached && Exposure::of(&metadata).is_some();
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                self.at(&entry.path(), reached, depth - 1);
            }
        }
    }
}

/// Tenants whose return from a backup was cut off.
fn half_restored(tenants: &Path) -> Vec<Check> {
    let entries = fs::read_dir(tenants).into_iter().flatten().flatten();
    let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(RESTORING));
    let told = left.map(|entry| {
        let what = format!("folder {}", entry.path().display());
        let detail = "a restore that is under way, or was cut off";
        Check::bad(what, Condition::Notice, detail, CheckHint::RestoreAgain)
    });
    told.collect()
}

/// Keys of vaults that lie beside what they seal.
fn keys_inside(data_dir: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut folders = vec![data_dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && !is_database(&path)
                && read_bounded(&path, MAX_KEY_FILE_BYTES)
                    .is_ok_and(|text| text.starts_with(VAULT_KEY_PREFIX.as_bytes()))
            {
                let what = format!("key of a vault {}", path.display());
                let detail = "it is in the data directory: whoever gets the vault gets its key too";
                checks.push(Check::bad(what, Condition::Problem, detail, CheckHint::MoveKey));
            }
        }
    }
    checks
}

fn store(what: &str, tenant: &TenantId, health: &StoreHealth) -> Vec<Check> {
    let notice = |detail: String, hint| Check::bad(what, Condition::Notice, detail, hint);
    let problem = |detail: String, hint| Check::bad(what, Condition::Problem, detail, hint);
    if !health.foreign.is_empty() {
        let detail = format!("unexpected database schema: {}", health.foreign.join("; "));
        return vec![problem(detail, CheckHint::RestoreTrusted)];
    }
    if !health.faults.is_empty() {
        return vec![problem(format!("it is damaged: {}", health.faults.join("; ")), CheckHint::RestoreOrSync)];
    }
    if health.version != health.known_version {
        let detail = format!("it has version {}, and this program writes {}", health.version, health.known_version);
        return vec![if health.version > health.known_version {
            problem(detail, CheckHint::NewerProgram)
        } else if health.version == 0 {
            problem("it is empty: no program has written into it".to_owned(), CheckHint::RestoreOrSync)
        } else {
            notice(detail, CheckHint::BackUpBefore)
        }];
    }
    if health.tenant != tenant.as_str() {
        return vec![problem(format!("it belongs to the tenant {}", health.tenant), CheckHint::MoveTenant)];
    }
    let mut checks = vec![Check::good(what, format!("whole, version {}", health.version))];
    if health.unfinished_deletions > 0 {
        let detail = format!("cut off: {}", counted(health.unfinished_deletions, "deletion"));
        checks.push(notice(detail, CheckHint::DeletionsAreFinished));
    }
    if health.unfinished_runs > 0 {
        let detail = format!("under way or cut off: {}", counted(health.unfinished_runs, "run"));
        checks.push(notice(detail, CheckHint::RunsGoOn));
    }
    if health.dirty_findings > 0 {
        let detail = format!("waiting for issues, policies and metrics: {}", counted(health.dirty_findings, "finding"));
        checks.push(notice(detail, CheckHint::SyncRefreshes));
    }
    if health.unusable_records > 0 {
        let detail = format!("not usable, and kept raw: {}", counted(health.unusable_records, "record"));
        checks.push(notice(detail, CheckHint::LookAtRecords));
    }
    if health.runs_from_the_future > 0 {
        let detail = format!("begun in the future: {}", counted(health.runs_from_the_future, "run"));
        checks.push(notice(detail, CheckHint::SetClock));
    }
    checks
}
