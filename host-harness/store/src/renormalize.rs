//! Records that are in the store already, normalized again by a newer
//! connector: nothing is fetched, and nothing vanishes or returns.

use std::collections::{BTreeSet, HashMap};

use crate::{
    database::{FindingStore, SharedStore},
    error::{Result, StoreError},
    ids::key_hash,
    pages::{
        Batch, Classified, Contents, HASH_KEY, RecordState, RecordWriter, RunStats, Which, project_index,
        settle_packages, write_diagnostics, write_packages, write_rules,
    },
    runs::{FetchStats, RunExtent, RunMode},
    subject::RulesById,
};
use appsec_model::{Finding, Kind, Normalized, ProjectRef, RawRecord, Timestamp};
use rusqlite::{TransactionBehavior, params};

/// A record of the store.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// Its row id.
    pub id: i64,
    /// Which files it is from; empty for the vendor's API.
    pub origin: String,
    /// The record as it came.
    pub record: RawRecord,
    /// What it was normalized to, if it is a finding.
    pub finding: Option<Finding>,
    key: String,
    hash: Vec<u8>,
    project_id: Option<i64>,
}

/// A batch of stored records and what they normalize to now.
pub struct Renormalized {
    /// Row ids of the batch.
    ids: Vec<i64>,
    /// The records to write.
    changed: Vec<Classified>,
    normalized: Normalized,
    contents: Contents,
    origin: String,
}

impl SharedStore {
    /// Makes a batch ready to be written: what normalizes to the same finding
    /// as before is left alone. `index` in `normalized` counts the batch.
    pub(crate) fn renormalized(
        &self,
        instance_id: i64,
        batch: Vec<StoredRecord>,
        normalized: Normalized,
    ) -> Result<Renormalized> {
        let ids = batch.iter().map(|it| it.id).collect();
        let (origin, kind) = match batch.first() {
            Some(first) => (first.origin.clone(), first.record.kind.clone()),
            None => (String::new(), Kind::Sast),
        };
        let findings: HashMap<u32, &Finding> = normalized.findings.iter().map(|it| (it.index, it)).collect();
        let packages: BTreeSet<u32> = normalized.packages.iter().filter_map(|it| it.index).collect();
        let changed: Vec<(u32, Classified)> = (0..)
            .zip(batch)
            .filter(|(index, it)| {
                packages.contains(index) || differs(it.finding.as_ref(), findings.get(index).copied())
            })
            .map(|(index, it)| {
                let StoredRecord { id, record, key, hash, project_id, .. } = it;
                let key_hash = key_hash(instance_id, &origin, project_id, &record.kind, &key);
                (index, Classified { record, state: RecordState::Changed { id }, key, key_hash, hash, project_id })
            })
            .collect();
        let records = changed.iter().map(|(index, it)| (*index, it));
        let contents = self.contents_of(instance_id, &origin, &kind, records, &normalized)?;
        let changed = changed.into_iter().map(|(_, it)| it).collect();
        Ok(Renormalized { ids, changed, normalized, contents, origin })
    }
}

/// Whether a record means something else now. Where it means nothing any more,
/// the finding stays as it was last understood.
fn differs(old: Option<&Finding>, new: Option<&Finding>) -> bool {
    match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => *old != Finding { index: old.index, ..new.clone() },
    }
}

impl FindingStore {
    /// Begins a run. One that was cut off is not gone on with: it starts over,
    /// and what it had written is found unchanged.
    pub(crate) fn start_renormalize(&mut self, instance_id: i64, now: Timestamp) -> Result<i64> {
        self.connection.execute(
            "UPDATE runs SET state = 'failed', message = 'cut off, and begun anew', finished_at = ?2 \
             WHERE instance_id = ?1 AND mode = 'renormalize' AND state = 'running'",
            params![instance_id, now.as_micros()],
        )?;
        self.start_run(instance_id, RunMode::Renormalize, RunExtent::Selection, 0, &[], now)
    }

    /// Notes which version of the connector the records are normalized with.
    pub(crate) fn set_connector_version(&mut self, instance_id: i64, version: &str) -> Result<()> {
        let sql = "UPDATE instances SET connector_version = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![instance_id, version])?;
        Ok(())
    }

    /// Records of an instance in the order of their row ids, from behind one
    /// on, with what they were normalized to. All of a batch are of one origin.
    pub(crate) fn raw_batch(&self, instance_id: i64, after_id: i64, limit: u32) -> Result<Vec<StoredRecord>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT records.id, records.origin, records.kind, record_key, hash, project_id, vendor_id, projects.name \
             FROM records LEFT JOIN projects ON projects.id = project_id \
             WHERE records.id > ?2 AND records.instance_id = ?1 ORDER BY records.id LIMIT ?3",
        )?;
        let mut rows = statement.query(params![instance_id, after_id, limit])?;
        let mut batch = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, origin): (i64, String) = (row.get(0)?, row.get(1)?);
            if batch.first().is_some_and(|first: &StoredRecord| first.origin != origin) {
                break;
            }
            let Some(content) = self.decoder.content(&self.connection, id)? else { continue };
            let document = content.document();
            let finding: Option<Finding> = match document.is_empty() {
                true => None,
                false => Some(
                    serde_json::from_slice(document)
                        .map_err(|source| StoreError::Document { what: "finding", source })?,
                ),
            };
            let key: String = row.get(3)?;
            let project_id: Option<i64> = row.get(5)?;
            batch.push(StoredRecord {
                id,
                origin,
                record: RawRecord {
                    kind: row.get::<_, String>(2)?.into(),
                    id: (!key.starts_with(HASH_KEY)).then(|| key.clone()),
                    // As the record itself named it, where that is known.
                    project: match (&finding, project_id) {
                        (Some(finding), _) => Some(finding.project.clone()),
                        (None, Some(_)) => Some(ProjectRef { id: row.get(6)?, name: row.get(7)? }),
                        (None, None) => None,
                    },
                    body: String::from_utf8(content.body().to_vec()).map_err(|_| StoreError::Corrupt)?,
                    gist: None,
                },
                finding,
                key,
                hash: row.get(4)?,
                project_id,
            });
        }
        Ok(batch)
    }

    /// Writes what a newer connector makes of stored records, with their
    /// history, and tells how many findings are not what they were.
    pub(crate) fn replace_normalized(
        &mut self,
        instance_id: i64,
        run_id: i64,
        batch: &Renormalized,
        now: Timestamp,
    ) -> Result<u64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let instance: String =
            transaction.query_row("SELECT name FROM instances WHERE id = ?1", [instance_id], |row| row.get(0))?;
        let projects = project_index(&transaction, instance_id, Which::Known)?;
        let packages = write_packages(&transaction, instance_id, &batch.normalized.packages, &projects)?;
        let written = Batch {
            instance_id,
            instance: &instance,
            origin: &batch.origin,
            run_id,
            normalized: &batch.normalized,
            contents: &batch.contents,
            brought: false,
            now,
        };
        let mut rules = RulesById::default();
        write_rules(&transaction, &written, &mut rules)?;
        let mut writer = RecordWriter::new(&transaction, &self.decoder, written, &projects, &packages, &rules)?;
        for (it, packed) in batch.changed.iter().zip(&batch.contents.packed) {
            writer.write(it, packed)?;
        }
        let mut named = writer.finish(&mut RunStats::default())?.left;
        // A record that vanished may name a package, and brings none back.
        named.extend(packages.all());
        settle_packages(&transaction, &named, now)?;
        {
            let mut forget = transaction.prepare_cached("DELETE FROM diagnostics WHERE record_id = ?1")?;
            for id in &batch.ids {
                forget.execute([id])?;
            }
        }
        write_diagnostics(&transaction, &written, &batch.ids, &mut FetchStats::default())?;
        transaction.commit()?;
        Ok(batch.changed.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::Normalized;
    use serde_json::json;

    use crate::fixture::{TestContext, at, finding};

    #[test]
    fn stored_records_are_normalized_anew_with_their_history() {
        let context = TestContext::with_project();
        let bodies = ["1", "2", "3"].map(|id| json!({ "id": id, "key": id, "title": id }));
        context.findings(&bodies, 1);
        context.findings(&bodies[..2], 2);
        let (id, store) = (context.instance_id, &context.store);

        let first = store.with(|store| store.raw_batch(id, 0, 2)).unwrap();
        let rest = store.with(|store| store.raw_batch(id, first[1].id, 9)).unwrap();
        assert_eq!((first.len(), rest.len()), (2, 1));
        let batch = [first, rest].concat();
        assert_eq!(batch[0].record.body, bodies[0].to_string());
        // The newer connector says more of the second and the third one.
        let mut normalized = Normalized::default();
        for (index, severity) in ["high", "low", "low"].iter().enumerate() {
            let mut fields = bodies[index].clone();
            fields["severity"] = json!(severity);
            fields["index"] = json!(index);
            normalized.findings.push(serde_json::from_value(finding(&fields)).unwrap());
        }
        let ready = store.renormalized(id, batch, normalized).unwrap();
        let run = store.with(|store| store.start_renormalize(id, at(3))).unwrap();
        assert_eq!(store.with(|store| store.replace_normalized(id, run, &ready, at(3))).unwrap(), 2);

        let all = context.all();
        let shown: Vec<_> = all
            .iter()
            .map(|it| (it.row.severity.as_str(), it.row.status.as_str(), it.row.changed_at == at(3), it.history.len()))
            .collect();
        // One that vanished stays so; its history tells of that as well.
        assert_eq!(shown, [("high", "open", false, 0), ("low", "open", true, 1), ("low", "vanished", true, 2)]);
        assert_eq!(context.findings(&bodies[..2], 4).unchanged, 2);
    }
}
