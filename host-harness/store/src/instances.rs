//! Instances: connectors set up for an account.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use appsec_model::{Connection, Timestamp};
use rusqlite::{ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::{
    bucket::change_bucket,
    columns::{document, json},
    database::FindingStore,
    error::{Result, StoreError},
    pages::Percent,
};
use appsec_grant::{Audience, Changes, EgressPolicy, InstanceName, ProxySetting, SecretSource};

/// Where the component of an instance comes from.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum ConnectorSource {
    /// Bundled with the program.
    Bundled {
        /// Id of the connector.
        id: String,
    },
    /// A file of the operator.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// Installed below the data folder, under its hash.
    Installed {
        /// SHA-256 of the component, in hex.
        sha256: String,
    },
    /// None: it imports third-party reports, which the host reads itself.
    Reports,
}

impl fmt::Display for ConnectorSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled { id } => write!(out, "{id} (bundled)"),
            Self::File { path } => write!(out, "{}", path.display()),
            Self::Installed { sha256 } => write!(out, "installed, sha256:{}", sha256.get(..12).unwrap_or(sha256)),
            Self::Reports => write!(out, "reports of any scanner, without a connector"),
        }
    }
}

words! {
    /// How an instance is.
    InstanceStatus {
        /// The last check or sync went well.
        Connected = "connected",
        /// The vendor refuses the secret.
        Unauthorized = "unauthorized",
        /// The last check or sync failed for another reason.
        Degraded = "degraded",
        /// Nobody has tried yet.
        NeverChecked = "never-checked",
    }
}

/// Since when and why an instance is paused: it keeps what it has brought, and
/// is not synced.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Paused {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Whether it was restored from a backup, and nobody has accepted yet what
    /// it may reach and where its secrets are read from.
    pub unaccepted: bool,
}

/// What makes a new instance.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// Its name.
    pub name: InstanceName,
    /// Id of its connector.
    pub connector_id: String,
    /// Version of its connector.
    pub connector_version: String,
    /// Where the connector comes from.
    pub connector_source: ConnectorSource,
    /// SHA-256 of the file that it comes from, as somebody accepted it; none of
    /// one that comes with the program.
    pub connector_sha256: Option<String>,
    /// Settings, as the operator gave them.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Granted origins.
    pub egress: EgressPolicy,
    /// Where its secrets are read from, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Its proxy; without a word that of the environment.
    pub proxy: Option<ProxySetting>,
}

impl NewInstance {
    /// Where its stored secrets may go.
    pub fn audience(&self) -> Audience {
        Audience::of_instance(&self.egress, self.proxy.as_ref())
    }

    /// Whether the credentials of its proxy are in the vault.
    pub fn has_sealed_proxy(&self) -> bool {
        matches!(self.proxy, Some(ProxySetting::Proxy { credentials: Some(SecretSource::Vault), .. }))
    }
}

/// A connector set up for an account.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Row id.
    pub id: i64,
    /// What it was made with.
    pub made: NewInstance,
    /// What the last good check learnt.
    pub connection: Option<Connection>,
    /// How it is.
    pub status: InstanceStatus,
    /// Why, where it is not well.
    pub status_detail: Option<String>,
    /// Since when and why it is paused.
    pub paused: Option<Paused>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
    /// Share of the open findings that one sync may find gone without a question.
    pub max_removal: Percent,
}

impl Instance {
    /// Whether it was restored, and nobody has accepted yet what it may reach.
    pub fn is_unaccepted(&self) -> bool {
        self.paused.as_ref().is_some_and(|paused| paused.unaccepted)
    }

    /// Whether it takes in reports of other scanners and has no connector.
    pub fn is_report_source(&self) -> bool {
        self.made.connector_source == ConnectorSource::Reports
    }
}

const COLUMNS: &str = "id, name, connector_id, connector_version, connector_source, connector_sha256, settings, \
                       egress, secrets, proxy, connection, status, status_detail, created_at, checked_at, paused_at, paused_reason, unaccepted, max_removal";

impl FindingStore {
    /// Adds an instance and returns its row id.
    pub(crate) fn add_instance(&mut self, new: &NewInstance, now: Timestamp) -> Result<i64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT EXISTS (SELECT 1 FROM onboarding WHERE name = ?1)";
        if transaction.query_row(sql, [new.name.as_str()], |row| row.get(0))? {
            return Err(StoreError::OnboardingExists(new.name.to_string()));
        }
        let id = insert(&transaction, new, now)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Takes back an instance that has not brought anything yet.
    pub(crate) fn withdraw_instance(&mut self, id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM instances WHERE id = ?1", [id])?;
        Ok(())
    }

    /// All instances, by name.
    pub(crate) fn instances(&self) -> Result<Vec<Instance>> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM instances ORDER BY name"))?;
        let mut rows = statement.query([])?;
        let mut instances = Vec::new();
        while let Some(row) = rows.next()? {
            instances.push(instance(row)?);
        }
        Ok(instances)
    }

    /// The instance of a name.
    pub(crate) fn instance(&self, name: &InstanceName) -> Result<Option<Instance>> {
        let sql = format!("SELECT {COLUMNS} FROM instances WHERE name = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row([name.as_str()], |row| Ok(instance(row))).optional()?.transpose()
    }

    /// Notes how a check or sync went.
    pub(crate) fn set_instance_status(
        &mut self,
        id: i64,
        status: InstanceStatus,
        detail: Option<&str>,
        connection: Option<&Connection>,
        now: Timestamp,
    ) -> Result<()> {
        let connection = connection.map(|connection| json("connection", connection)).transpose()?;
        self.connection.execute(
            "UPDATE instances SET status = ?2, status_detail = ?3, connection = coalesce(?4, connection), \
             checked_at = ?5 WHERE id = ?1",
            params![id, status.as_str(), detail, connection, now.as_micros()],
        )?;
        Ok(())
    }
}

impl FindingStore {
    /// Pauses an instance, or lets it go on. One that nobody has accepted yet
    /// stays so until it goes on.
    pub(crate) fn set_paused(&mut self, id: i64, paused: Option<&Paused>) -> Result<()> {
        let (since, reason) = paused.map(|it| (it.since.as_micros(), it.reason.as_deref())).unzip();
        self.connection.execute(
            "UPDATE instances SET paused_at = ?2, paused_reason = ?3, unaccepted = unaccepted AND ?2 IS NOT NULL WHERE id = ?1",
            params![id, since, reason.flatten()],
        )?;
        Ok(())
    }

    /// Gives an instance another component of its connector, and holds it to that.
    pub(crate) fn set_connector(&mut self, id: i64, source: &ConnectorSource, sha256: Option<&str>) -> Result<()> {
        self.connection.execute(
            "UPDATE instances SET connector_source = ?2, connector_sha256 = ?3 WHERE id = ?1",
            params![id, json("connector source", source)?, sha256],
        )?;
        Ok(())
    }

    /// Puts a changed instance, which its vendor has accepted, in the place of
    /// the one that it was. Under other settings or for another account
    /// (`anew`) a sync that was cut off is not gone on with, and the next one
    /// is a full one.
    pub(crate) fn change_instance(
        &mut self,
        id: i64,
        changed: &Accepted,
        anew: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let made = &changed.made;
        transaction.execute(
            "UPDATE instances SET settings = ?2, egress = ?3, secrets = ?4, proxy = ?5 WHERE id = ?1",
            params![
                id,
                json("settings", &made.settings)?,
                json("egress", &made.egress)?,
                json("secrets", &made.secrets)?,
                made.proxy.as_ref().map(|proxy| json("proxy", proxy)).transpose()?
            ],
        )?;
        accept(&transaction, id, changed, now)?;
        if let Some(why) = anew {
            transaction.execute(
                "UPDATE runs SET state = 'failed', message = ?2, finished_at = ?3 WHERE instance_id = ?1 \
                 AND state = 'running' AND mode IN ('full', 'incremental')",
                params![id, why, now.as_micros()],
            )?;
            transaction.execute(
                "UPDATE instances SET outdated_run = (SELECT coalesce(max(id), 0) FROM runs) WHERE id = ?1",
                [id],
            )?;
        }
        Ok(transaction.commit()?)
    }
}

/// An instance as the vendor has accepted it.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What it is made with.
    pub made: NewInstance,
    /// What the vendor said.
    pub connection: Connection,
    /// How it is.
    pub status: InstanceStatus,
    /// Why, where it is not well.
    pub status_detail: Option<String>,
    /// What its connector wants to remember.
    pub bucket: Changes,
}

/// Notes what a check learnt, and what the connector remembers of it.
pub(super) fn accept(transaction: &Transaction<'_>, id: i64, accepted: &Accepted, now: Timestamp) -> Result<()> {
    transaction.execute(
        "UPDATE instances SET connection = ?2, status = ?3, status_detail = ?4, checked_at = ?5 WHERE id = ?1",
        params![
            id,
            json("connection", &accepted.connection)?,
            accepted.status.as_str(),
            accepted.status_detail,
            now.as_micros()
        ],
    )?;
    change_bucket(transaction, id, &accepted.bucket)
}

/// Adds an instance and returns its row id.
pub(super) fn insert(connection: &rusqlite::Connection, new: &NewInstance, now: Timestamp) -> Result<i64> {
    let added = connection.execute(
        "INSERT INTO instances (name, connector_id, connector_version, connector_source, connector_sha256, settings, egress, \
         secrets, proxy, status, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'never-checked', ?10)",
        params![
            new.name.as_str(),
            new.connector_id,
            new.connector_version,
            json("connector source", &new.connector_source)?,
            new.connector_sha256,
            json("settings", &new.settings)?,
            json("egress", &new.egress)?,
            json("secrets", &new.secrets)?,
            new.proxy.as_ref().map(|proxy| json("proxy", proxy)).transpose()?,
            now.as_micros(),
        ],
    );
    match added {
        Ok(_) => Ok(connection.last_insert_rowid()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::InstanceExists(new.name.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn instance(row: &Row<'_>) -> Result<Instance> {
    let text = |column: &str| row.get::<_, String>(column);
    let connection: Option<String> = row.get("connection")?;
    let proxy: Option<String> = row.get("proxy")?;
    Ok(Instance {
        id: row.get("id")?,
        made: NewInstance {
            // Only checked names are ever written.
            name: text("name")?.parse().map_err(|_| StoreError::Corrupt)?,
            connector_id: text("connector_id")?,
            connector_version: text("connector_version")?,
            connector_source: document("connector source", &text("connector_source")?)?,
            connector_sha256: row.get("connector_sha256")?,
            settings: document("settings", &text("settings")?)?,
            egress: document("egress", &text("egress")?)?,
            secrets: document("secrets", &text("secrets")?)?,
            proxy: proxy.map(|proxy| document("proxy", &proxy)).transpose()?,
        },
        connection: connection.map(|connection| document("connection", &connection)).transpose()?,
        status: InstanceStatus::named(&text("status")?).unwrap_or(InstanceStatus::NeverChecked),
        status_detail: row.get("status_detail")?,
        paused: match row.get::<_, Option<i64>>("paused_at")? {
            Some(at) => Some(Paused {
                since: Timestamp::from_micros(at),
                reason: row.get("paused_reason")?,
                unaccepted: row.get("unaccepted")?,
            }),
            None => None,
        },
        created_at: Timestamp::from_micros(row.get("created_at")?),
        checked_at: row.get::<_, Option<i64>>("checked_at")?.map(Timestamp::from_micros),
        max_removal: row
            .get::<_, Option<u8>>("max_removal")?
            .and_then(Percent::new)
            .unwrap_or(Percent::DEFAULT_REMOVAL),
    })
}
