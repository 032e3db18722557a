//! Which commands the audit log has a word for: whatever changes something, by the
//! same words as on the pages.

use clap::ArgMatches;
use host_harness::{
    ComponentOrigin, Error, Harness,
    store::{AuditEntry, AuditOutcome},
};

use crate::{Context, error::Failure};

/// A command that changes something.
struct Change {
    /// Its words.
    command: &'static str,
    /// What the audit log says.
    action: &'static str,
    /// The argument that names what is changed.
    target: Option<&'static str>,
    /// It changes something only with one of these, where there are any.
    with: &'static [&'static str],
    /// With one of these it changes nothing.
    without: &'static [&'static str],
}

const fn change(command: &'static str, action: &'static str, target: Option<&'static str>) -> Change {
    Change { command, action, target, with: &[], without: &[] }
}

impl Change {
    const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }
}

const NAME: Option<&str> = Some("name");
const INSTANCE: Option<&str> = Some("instance");
const PROJECT: Option<&str> = Some("project");

/// Deletions are written down when they are confirmed, which may be at a prompt.
pub const DELETE_SOURCE: &str = "delete source";
pub const DELETE_TENANT: &str = "delete tenant";

/// Exports leave data: they are written down with their format and filter.
pub const EXPORT: &str = "export";
pub const EXPORT_ALL_TENANTS: &str = "export all tenants";

/// What is done to the machine's data and not within a tenant.
const OF_NO_TENANT: [&str; 11] = [
    ADD_CATALOGUE,
    "add tenant",
    DELETE_TENANT,
    EXPORT_ALL_TENANTS,
    "generate vault key",
    INSTALL_CONNECTOR,
    "make link",
    REMOVE_CATALOGUE,
    REMOVE_CONNECTOR,
    RESTORE_TENANT,
    SYNC_DUE,
];

const ADD_CATALOGUE: &str = "add catalogue";
const REMOVE_CATALOGUE: &str = "remove catalogue";
const INSTALL_CONNECTOR: &str = "install connector";
const REMOVE_CONNECTOR: &str = "remove connector";
const RESTORE_TENANT: &str = "restore tenant";
const SYNC_DUE: &str = "sync due";

const CHANGES: &[Change] = &[
    change("onboard", "onboard source", NAME).without(&["list", "discard"]),
    change("onboard", "discard setup", NAME).with(&["discard"]),
    change("instance add", "add source", NAME),
    change("instance test", "test source", NAME),
    change("instance rotate-token", "rotate token", NAME),
    change("instance set", "change settings", NAME),
    change("connector install", INSTALL_CONNECTOR, Some("from")),
    change("connector update", "update connector", NAME).without(&["dry_run"]),
    change("connector remove", REMOVE_CONNECTOR, Some("reference")),
    change("catalogue add", ADD_CATALOGUE, NAME),
    change("catalogue remove", REMOVE_CATALOGUE, NAME),
    change("instance pause", "pause source", NAME),
    change("instance resume", "resume source", NAME),
    change("instance schedule", "remove schedule", NAME).with(&["remove"]),
    change("instance schedule", "set schedule", NAME).with(&[
        "every",
        "cron",
        "full_every",
        "full_cron",
        "zone",
        "jitter",
        "max_removal",
    ]),
    change("tenant add", "add tenant", NAME),
    change("vault generate-key", "generate vault key", None).with(&["output"]),
    change("vault rekey", "rekey vault", None),
    change("repositories import", "import repositories", None),
    change("repositories add", "add repository", Some("full_name")),
    change("repositories remove", "remove repository", Some("repository")),
    change("mapping accept", "accept mapping", INSTANCE),
    change("mapping set", "change mapping", PROJECT),
    change("mapping unset", "change mapping", PROJECT),
    change("mapping ignore", "change mapping", PROJECT),
    change("mapping restore", "change mapping", PROJECT),
    change("mapping mode", "set mapping mode", INSTANCE).with(&["mode"]),
    change("mapping metadata", "change scan fields", PROJECT),
    change("sync", SYNC_DUE, None).with(&["due"]),
    change("sync", "sync", INSTANCE).without(&["dry_run"]),
    change("import", "import", Some("source")),
    change("renormalize", "renormalize", INSTANCE).without(&["dry_run"]),
    change("triage set", "triage", Some("findings")).without(&["dry_run"]),
    change("triage clear", "triage", Some("findings")).without(&["dry_run"]),
    change("triage import", "import triage", None).without(&["dry_run"]),
    change("triage push", "push decisions", NAME).with(&["apply"]),
    change("advisories import", "import advisories", None),
    change("advisories clear", "clear advisories", None),
    change("policy import", "import policies", None).without(&["check"]),
    change("policy remove", "remove policies", None),
    change("link", "make link", None),
    change("token add", "add token", NAME),
    change("token revoke", "revoke token", Some("id")),
    change("notify alert set", "set alert", INSTANCE),
    change("notify alert remove", "remove alert", INSTANCE),
    change("notify alert test", "test alert", INSTANCE),
    change("notify set", "set notification", INSTANCE),
    change("notify remove", "remove notification", INSTANCE),
    change("notify test", "test notification", INSTANCE),
    change("notify resend", "resend notification", Some("id")),
    change("webhook secret", "set webhook secret", INSTANCE).with(&["from_file", "from_env", "from_stdin"]),
    change("webhook secret", "remove webhook secret", INSTANCE).with(&["remove"]),
    change("runs prune", "prune runs", INSTANCE),
    change("restore", RESTORE_TENANT, NAME),
];

/// Bytes of a target that is written down.
pub const TARGET_BYTES: usize = 200;

/// What a command changes.
pub struct Recorded {
    action: &'static str,
    target: Option<String>,
}

impl Recorded {
    /// Of parsed arguments; none where they change nothing.
    pub fn of(matches: &ArgMatches) -> Option<Self> {
        let (mut words, mut at) = (Vec::new(), matches);
        while let Some((word, below)) = at.subcommand() {
            words.push(word);
            at = below;
        }
        let command = words.join(" ");
        // A flag that was not given has the value false.
        let is_given =
            |name: &&str| at.value_source(name).is_some_and(|it| it != clap::parser::ValueSource::DefaultValue);
        let is_it = |it: &&Change| {
            it.command == command
                && (it.with.is_empty() || it.with.iter().any(&is_given))
                && !it.without.iter().any(&is_given)
        };
        let change = CHANGES.iter().find(is_it)?;
        let values = change.target.and_then(|name| at.try_get_raw(name).ok().flatten());
        let target = values.map(|values| values.map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" "));
        let target = match change.action {
            INSTALL_CONNECTOR => {
                target.map(|from| ComponentOrigin::of(&from).map_or(from, |origin| origin.to_string()))
            }
            _ => target,
        };
        let target = target.filter(|it| !it.is_empty() && it.len() <= TARGET_BYTES);
        Some(Self { action: change.action, target })
    }

    /// Does what somebody has confirmed, and writes it down.
    pub async fn confirmed<T>(
        context: &Context,
        action: &'static str,
        target: &str,
        done: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        Self { action, target: Some(target.to_owned()) }.around(context, done).await
    }

    /// Writes down that something begins, does it, and writes down what came of it.
    /// What cannot be written down is not done.
    pub async fn around<T>(
        &self,
        context: &Context,
        done: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        write(&context.harness, self.entry(context)).await?;
        let done = done.await;
        let (outcome, code) = match &done {
            Ok(_) => (AuditOutcome::Done, None),
            Err(failure) => (AuditOutcome::Failed, Some(failure.report.code.clone().into())),
        };
        let noted = write(&context.harness, AuditEntry { outcome, code, ..self.entry(context) }).await;
        // That it failed is what counts more.
        done.and_then(|value| noted.map(|()| value))
    }

    fn is_within_a_tenant(&self) -> bool {
        !OF_NO_TENANT.contains(&self.action)
    }

    fn entry(&self, context: &Context) -> AuditEntry {
        AuditEntry {
            who: who(),
            action: self.action,
            tenant: self.is_within_a_tenant().then(|| context.tenant.to_string()),
            target: self.target.clone(),
            outcome: AuditOutcome::Started,
            code: None,
        }
    }
}

/// Who types: several people may work with one data folder.
fn who() -> String {
    let known = |it: &String| !it.is_empty() && it.len() <= TARGET_BYTES / 2;
    let machine = whoami::hostname().ok().filter(known).map(|it| format!("@{it}")).unwrap_or_default();
    let name = whoami::username().ok().filter(known);
    name.map_or_else(|| "cli".to_owned(), |name| format!("cli:{name}{machine}"))
}

/// Nothing is made for it: a data folder that is not there may be mistyped.
async fn write(harness: &Harness, entry: AuditEntry) -> Result<(), Failure> {
    if !harness.data_dir().is_dir() {
        return Ok(());
    }
    harness.access()?.record(entry).await.map_err(|error| Error::from(error).into())
}

/// The words of all commands that are written down.
#[cfg(test)]
pub fn commands() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CHANGES.iter().map(|it| (it.command, it.target.iter().chain(it.with).chain(it.without).copied().collect()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Recorded;
    use crate::Cli;

    #[test]
    fn a_command_is_written_down_with_what_it_is_about() {
        let of = |line: &str| {
            let matches = Cli::command().try_get_matches_from(line.split(' ')).unwrap();
            let it = Recorded::of(&matches)?;
            Some(format!("{}{:?} {}", it.action, it.target.as_slice(), it.is_within_a_tenant()))
        };
        let all = [
            "harness sync code",
            "harness sync --due",
            "harness sync --dry-run",
            "harness restore folder --as copy",
            "harness mapping restore code/api",
            "harness connector install https://user:secret@example.com/a.wasm?signature=secret",
            "harness connector install https://[secret",
            "harness connector install a.wasm",
        ];
        insta::assert_snapshot!(all.map(|line| format!("{line}: {}", of(line).unwrap_or_else(|| "nothing".to_owned()))).join("\n"), @r#"
        harness sync code: sync["code"] true
        harness sync --due: sync due[] false
        harness sync --dry-run: nothing
        harness restore folder --as copy: restore tenant["copy"] false
        harness mapping restore code/api: change mapping["code/api"] true
        harness connector install https://user:secret@example.com/a.wasm?signature=secret: install connector["https://example.com/a.wasm"] false
        harness connector install https://[secret: install connector["an invalid address"] false
        harness connector install a.wasm: install connector["a.wasm"] false
        "#);
    }
}
