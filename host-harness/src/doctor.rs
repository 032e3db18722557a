//! What is wrong with a data folder, and what to do about it. Nothing is ever
//! repaired here: a doctor that changes things hides what happened.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use serde::Serialize;

use crate::{
    backup::RESTORING,
    error::{HarnessError, with_causes},
    files::read_bounded,
    harness::Harness,
    ids::TenantId,
    store::{FindingStore, Instance, InstanceStatus, Run, RunMode, RunState, StoreHealth},
    tenant::{Secrets, Tenant},
    vault::PREFIX,
};

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
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// What.
    pub what: String,
    /// How it is.
    pub condition: Condition,
    /// Why, in words.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Check {
    fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), condition: Condition::Good, detail: detail.into(), remedy: None }
    }

    fn bad(what: impl Into<String>, condition: Condition, detail: impl Into<String>, remedy: &str) -> Self {
        Self { what: what.into(), condition, detail: detail.into(), remedy: Some(remedy.to_owned()) }
    }

    fn failed(what: impl Into<String>, error: &HarnessError) -> Self {
        let remedy = error.remedy().map(str::to_owned);
        Self { what: what.into(), condition: Condition::Problem, detail: with_causes(error), remedy }
    }
}

impl Harness {
    /// Looks at the data folder and all of its tenants. `online` also connects
    /// every instance to its vendor.
    pub async fn doctor(&self, online: bool) -> Vec<Check> {
        let mut checks = vec![folder(self.data_dir())];
        match self.runtime() {
            Ok(_) => checks.push(Check::good("engine", "it starts")),
            Err(error) => checks.push(Check::failed("engine", &error)),
        }
        checks.extend(half_restored(&self.data_dir().join("tenants")));
        checks.extend(keys_inside(self.data_dir()));
        let tenants = self.tenants();
        if tenants.is_empty() {
            checks.push(Check::good("tenants", "there are none yet"));
        }
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
                    let remedy = "restore it from a backup with `harness restore`, or move it away and sync anew";
                    checks.push(Check::bad(what, Condition::Problem, with_causes(error), remedy));
                    false
                }
            };
            // Other versions have other tables.
            if usable && health.is_ok_and(|health| health.version == health.known_version) {
                self.instances_of(&tenant, &path, online, &mut checks).await;
            }
        }
        checks
    }

    async fn instances_of(&self, id: &TenantId, store: &Path, online: bool, checks: &mut Vec<Check>) {
        let found = async {
            let tenant = self.tenant_to_look_at(id, FindingStore::open_to_look(store)?);
            let instances = tenant.store.run(|store| store.instances()).await?;
            Ok::<_, HarnessError>((tenant, instances))
        };
        let (tenant, instances) = match found.await {
            Ok(found) => found,
            Err(error) => return checks.push(Check::failed(format!("store of {id}"), &error)),
        };
        // Reports are imported, and have no connector.
        for instance in instances.into_iter().filter(|it| !it.is_native() || it.is_unaccepted()) {
            let name = instance.made.name.clone();
            let what = format!("instance {id}/{name}");
            if instance.is_unaccepted() {
                let mut check = Check::failed(format!("{what}: grants"), &HarnessError::Unaccepted(name));
                check.condition = Condition::Notice;
                checks.push(check);
                continue;
            }
            match tenant.loaded(&instance).await {
                Ok(loaded) if loaded.manifest.version != instance.made.connector_version => checks.push(Check::bad(
                    format!("{what}: connector"),
                    Condition::Notice,
                    format!(
                        "set up with version {}, and {} is here now",
                        instance.made.connector_version, loaded.manifest.version
                    ),
                    "`harness renormalize --dry-run` shows what the newer one would change",
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
            let secrets = match tenant.secrets(&instance, None) {
                Ok(secrets) => {
                    checks.push(Check::good(format!("{what}: secret"), format!("{} can be read", secrets.len())));
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
            checks.extend(last_work(&tenant, &instance, &what).await);
            if online {
                checks.push(reach(&tenant, &instance, secrets, format!("{what}: vendor")).await);
            }
        }
    }
}

/// How the last run or check of an instance ended, where it was not well.
async fn last_work(tenant: &Tenant, instance: &Instance, what: &str) -> Option<Check> {
    let (id, name) = (instance.id, &instance.made.name);
    // Not through a reader of its own: as the last one to close it would move the log into the file.
    let last = match tenant.store().run(move |store| Ok(store.runs(Some(id), 1)?.pop())).await {
        Ok(last) => last,
        Err(error) => return Some(Check::failed(what, &error.into())),
    };
    let bad = |condition, detail: &str, usual: String| {
        // The run log holds what to do on a line of its own.
        let (detail, remedy) = detail.split_once("\n  to do: ").unwrap_or((detail, &usual));
        Some(Check::bad(format!("{what}: last work"), condition, detail, remedy))
    };
    let again = |mode| match mode {
        RunMode::Import => format!("import its file again, once it is whole: harness import --instance {name} FILE"),
        RunMode::Renormalize => format!("harness renormalize {name}"),
        RunMode::Full | RunMode::Incremental | RunMode::Event => format!("harness sync {name}"),
    };
    match (last, instance.status) {
        (Some(Run { state: RunState::Failed, id, mode, message, .. }), _) => {
            let why = message.unwrap_or_else(|| "it does not say why".to_owned());
            bad(Condition::Problem, &format!("run {id} failed: {why}"), again(mode))
        }
        (_, InstanceStatus::Unauthorized) => {
            let why = instance.status_detail.as_deref().unwrap_or("the vendor refuses the token");
            bad(Condition::Problem, why, format!("harness instance rotate-token {name}"))
        }
        (Some(Run { state: RunState::Partial, id, mode, message, .. }), _) => {
            let why = message.unwrap_or_else(|| "it does not say why".to_owned());
            bad(Condition::Notice, &format!("run {id} is not complete: {why}"), again(mode))
        }
        (_, InstanceStatus::Degraded) => {
            let why = instance.status_detail.as_deref().unwrap_or("the last check failed");
            bad(Condition::Notice, why, format!("harness instance check {name}"))
        }
        (None, InstanceStatus::NeverChecked) => {
            bad(Condition::Notice, "nobody has tried it yet", format!("harness instance check {name}"))
        }
        _ => None,
    }
}

/// Connects an instance to its vendor, and writes nothing of it down.
async fn reach(tenant: &Tenant, instance: &Instance, secrets: Secrets, what: String) -> Check {
    let answer = async {
        let loaded = tenant.loaded(instance).await?;
        tenant.rehearsal(&loaded, instance.made.clone(), Some(instance), secrets)?.configure().await
    };
    match answer.await {
        Ok(accepted) => Check::good(what, format!("answers as {}", accepted.connection.deployment.slug)),
        Err(error) => Check::failed(what, &error),
    }
}

/// The data folder: there, ours alone, writable.
fn folder(path: &Path) -> Check {
    let what = format!("data folder {}", path.display());
    if !path.exists() {
        return Check::bad(
            what,
            Condition::Notice,
            "it is not there yet",
            "the first command that stores something makes it",
        );
    }
    let probe = path.join(".doctor");
    let written = File::create(&probe).and_then(|mut file| file.write_all(b"probe").and_then(|()| file.sync_all()));
    let removed = fs::remove_file(&probe);
    if let Err(error) = written.and(removed) {
        let remedy = "check its permissions and the space on the disk";
        return Check::bad(what, Condition::Problem, format!("it cannot be written: {error}"), remedy);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let tenants = path.join("tenants");
        let open = fs::metadata(&tenants).is_ok_and(|it| it.permissions().mode() & 0o077 != 0);
        if open {
            let remedy = "take the rights of others away: chmod -R go-rwx on that folder";
            return Check::bad(what, Condition::Notice, "other users may look into its tenants", remedy);
        }
    }
    Check::good(what, "it is there and can be written")
}

/// Tenants whose return from a backup was cut off.
fn half_restored(tenants: &Path) -> Vec<Check> {
    let entries = fs::read_dir(tenants).into_iter().flatten().flatten();
    let left = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(RESTORING));
    let told = left.map(|entry| {
        let what = format!("folder {}", entry.path().display());
        let remedy = "run that `harness restore` again, or remove the folder";
        Check::bad(what, Condition::Notice, "a restore that is under way, or was cut off", remedy)
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
                && read_bounded(&path, MAX_KEY_FILE_BYTES).is_ok_and(|text| text.starts_with(PREFIX.as_bytes()))
            {
                let what = format!("key of a vault {}", path.display());
                let detail = "it lies in the data folder: whoever gets the vault there gets its key too";
                let remedy =
                    "make a new key elsewhere, seal each vault with it (harness vault rekey), and remove this one";
                checks.push(Check::bad(what, Condition::Problem, detail, remedy));
            }
        }
    }
    checks
}

fn store(what: &str, tenant: &TenantId, health: &StoreHealth) -> Vec<Check> {
    let notice = |detail: String, remedy: &str| Check::bad(what, Condition::Notice, detail, remedy);
    let problem = |detail: String, remedy: &str| Check::bad(what, Condition::Problem, detail, remedy);
    if !health.foreign.is_empty() {
        let remedy = "find out who can write the data folder; move the tenant's folder away, and restore a backup that \
                      you trust with `harness restore`, or sync anew";
        return vec![problem(format!("unexpected database schema: {}", health.foreign.join("; ")), remedy)];
    }
    if !health.faults.is_empty() {
        let remedy = "restore it from a backup with `harness restore`, or move it away and sync anew";
        return vec![problem(format!("it is damaged: {}", health.faults.join("; ")), remedy)];
    }
    if health.version != health.known_version {
        let detail = format!("it has version {}, and this program writes {}", health.version, health.known_version);
        return vec![if health.version > health.known_version {
            problem(detail, "use a newer program")
        } else if health.version == 0 {
            let remedy = "restore it from a backup with `harness restore`, or move it away and sync anew";
            problem("it is empty: no program has written into it".to_owned(), remedy)
        } else {
            notice(detail, "the next command brings it up to date; make a backup before")
        }];
    }
    if health.tenant != tenant.as_str() {
        let remedy = "move the folder back to the name of its owner, or bring it in with `harness restore`";
        return vec![problem(format!("it belongs to the tenant {}", health.tenant), remedy)];
    }
    let mut checks = vec![Check::good(what, format!("whole, version {}", health.version))];
    if health.unfinished_deletions > 0 {
        let detail = format!("{} deletions were cut off", health.unfinished_deletions);
        checks.push(notice(detail, "the next command of this tenant finishes them"));
    }
    if health.unfinished_runs > 0 {
        let detail = format!("{} runs are under way or were cut off", health.unfinished_runs);
        checks.push(notice(detail, "the next sync or import goes on with them"));
    }
    if health.stale_findings > 0 {
        let detail = format!("{} findings wait for issues, policies and metrics", health.stale_findings);
        checks.push(notice(detail, "the next sync brings them up to date"));
    }
    if health.unusable_records > 0 {
        let detail = format!("{} records could not be used, and are kept as they came", health.unusable_records);
        let remedy = "`harness runs` shows why; what a newer connector makes of them: harness renormalize --dry-run";
        checks.push(notice(detail, remedy));
    }
    if health.runs_from_the_future > 0 {
        let detail = format!("{} runs began in the future", health.runs_from_the_future);
        checks.push(notice(detail, "set the clock of this machine right; nothing is lost"));
    }
    checks
}
