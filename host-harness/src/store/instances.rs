//! Instances: connectors set up for an account.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use appsec_model::{Connection, Timestamp};
use rusqlite::{ErrorCode, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{FindingStore, Percent, Result, StoreError, document, json};
use crate::{capability::egress::EgressPolicy, ids::InstanceName, secrets::SecretSource};

/// Where the component of an instance comes from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum ConnectorSource {
    /// Carried by the program.
    Bundled {
        /// Id of the connector.
        id: String,
    },
    /// A file of the operator.
    File {
        /// Its path.
        path: PathBuf,
    },
}

impl fmt::Display for ConnectorSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled { id } => write!(out, "{id} (bundled)"),
            Self::File { path } => write!(out, "{}", path.display()),
        }
    }
}

/// How an instance is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceStatus {
    /// The last check or sync went well.
    Connected,
    /// The vendor refuses the secret.
    Unauthorized,
    /// The last check or sync failed for another reason.
    Degraded,
    /// Nobody has tried yet.
    NeverChecked,
}

impl InstanceStatus {
    /// The word of the case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Unauthorized => "unauthorized",
            Self::Degraded => "degraded",
            Self::NeverChecked => "never-checked",
        }
    }

    fn named(word: &str) -> Self {
        [Self::Connected, Self::Unauthorized, Self::Degraded]
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or(Self::NeverChecked)
    }
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
    /// Settings, as the operator gave them.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Granted origins.
    pub egress: EgressPolicy,
    /// Where its secrets are read from, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
    /// Share of the open findings that one sync may find gone without a question.
    pub max_vanish: Percent,
}

const COLUMNS: &str = "id, name, connector_id, connector_version, connector_source, settings, egress, secrets, \
                       connection, status, status_detail, created_at, checked_at, max_vanish";

impl FindingStore {
    /// Adds an instance and returns its row id.
    pub fn add_instance(&mut self, new: &NewInstance, now: Timestamp) -> Result<i64> {
        let added = self.connection.execute(
            "INSERT INTO instances (name, connector_id, connector_version, connector_source, settings, egress, secrets, \
             status, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'never-checked', ?8)",
            params![
                new.name.as_str(),
                new.connector_id,
                new.connector_version,
                json("connector source", &new.connector_source)?,
                json("settings", &new.settings)?,
                json("egress", &new.egress)?,
                json("secrets", &new.secrets)?,
                now.as_micros(),
            ],
        );
        match added {
            Ok(_) => Ok(self.connection.last_insert_rowid()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::InstanceExists(new.name.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes back an instance that has not brought anything yet.
    pub fn withdraw_instance(&mut self, id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM instances WHERE id = ?1", [id])?;
        Ok(())
    }

    /// All instances, by name.
    pub fn instances(&self) -> Result<Vec<Instance>> {
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
    pub fn instance(&self, name: &InstanceName) -> Result<Option<Instance>> {
        let sql = format!("SELECT {COLUMNS} FROM instances WHERE name = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row([name.as_str()], |row| Ok(instance(row))).optional()?.transpose()
    }

    /// Notes how a check or sync went.
    pub fn set_instance_status(
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

fn instance(row: &Row<'_>) -> Result<Instance> {
    let text = |column: &str| row.get::<_, String>(column);
    let connection: Option<String> = row.get("connection")?;
    Ok(Instance {
        id: row.get("id")?,
        made: NewInstance {
            // Only checked names are ever written.
            name: text("name")?.parse().map_err(|_| StoreError::Corrupt)?,
            connector_id: text("connector_id")?,
            connector_version: text("connector_version")?,
            connector_source: document("connector source", &text("connector_source")?)?,
            settings: document("settings", &text("settings")?)?,
            egress: document("egress", &text("egress")?)?,
            secrets: document("secrets", &text("secrets")?)?,
        },
        connection: connection.map(|connection| document("connection", &connection)).transpose()?,
        status: InstanceStatus::named(&text("status")?),
        status_detail: row.get("status_detail")?,
        created_at: Timestamp::from_micros(row.get("created_at")?),
        checked_at: row.get::<_, Option<i64>>("checked_at")?.map(Timestamp::from_micros),
        max_vanish: row.get::<_, Option<u8>>("max_vanish")?.and_then(Percent::new).unwrap_or(Percent::DEFAULT_VANISH),
    })
}
