//! Scans that saw findings first: who committed what they found.

use std::collections::HashMap;

use crate::{
    columns::{document, json},
    database::FindingStore,
    error::Result,
};
use appsec_model::{Scan, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde::Serialize;

/// Where a finding comes from, and how that is known.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Attribution {
    /// `first-seen-scan`: the commit of the scan that saw it first. The commit
    /// that brought it is this one or an earlier one.
    pub method: String,
    /// The scan.
    pub scan: Scan,
}

/// Notes which scans the findings of a page name.
pub(super) struct ScanWriter<'a> {
    instance_id: i64,
    upsert: CachedStatement<'a>,
    wanted: HashMap<String, i64>,
}

impl<'a> ScanWriter<'a> {
    pub fn new(connection: &'a Connection, instance_id: i64) -> Result<Self> {
        let upsert = connection.prepare_cached(
            "INSERT INTO scans (instance_id, scan_id, newest) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET newest = excluded.newest WHERE excluded.newest > newest",
        )?;
        Ok(Self { instance_id, upsert, wanted: HashMap::new() })
    }

    /// Notes that a finding names a scan.
    pub fn want(&mut self, scan_id: &str, relevant_since: Option<Timestamp>) -> Result<()> {
        let newest = relevant_since.map_or(i64::MIN, Timestamp::as_micros);
        match self.wanted.get_mut(scan_id) {
            Some(known) if *known >= newest => return Ok(()),
            Some(known) => *known = newest,
            None => _ = self.wanted.insert(scan_id.to_owned(), newest),
        }
        self.upsert.execute(params![self.instance_id, scan_id, newest])?;
        Ok(())
    }
}

impl FindingStore {
    /// Scans that findings name and nobody has asked for yet; those of the
    /// newest findings first.
    pub(crate) fn missing_scans(&self, instance_id: i64, limit: u32) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT scan_id FROM scans WHERE instance_id = ?1 AND fetched_at IS NULL \
             ORDER BY newest DESC, scan_id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![instance_id, limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps a scan; none where the vendor has it no more.
    pub(crate) fn put_scan(
        &mut self,
        instance_id: i64,
        scan_id: &str,
        scan: Option<&Scan>,
        now: Timestamp,
    ) -> Result<()> {
        let document = scan.map(|scan| json("scan", scan)).transpose()?;
        self.connection
            .prepare_cached(
                "INSERT INTO scans (instance_id, scan_id, document, fetched_at, newest) VALUES (?1, ?2, ?3, ?4, ?4) \
                 ON CONFLICT DO UPDATE SET document = excluded.document, fetched_at = excluded.fetched_at",
            )?
            .execute(params![instance_id, scan_id, document, now.as_micros()])?;
        Ok(())
    }

    /// What a scan tells of the findings that it saw first.
    pub(super) fn attribution(&self, instance_id: i64, scan_id: &str) -> Result<Option<Attribution>> {
        let found: Option<Option<String>> = self
            .connection
            .prepare_cached("SELECT document FROM scans WHERE instance_id = ?1 AND scan_id = ?2")?
            .query_row(params![instance_id, scan_id], |row| row.get(0))
            .optional()?;
        let Some(text) = found.flatten() else { return Ok(None) };
        Ok(Some(Attribution { method: "first-seen-scan".to_owned(), scan: document("scan", &text)? }))
    }
}
