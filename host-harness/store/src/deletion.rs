//! Deletion of an instance, so that nothing of it is left.
//!
//! It is written down before it begins, takes everything away in one
//! transaction, overwrites what the file still held, and proves that nothing is
//! left. A crash at any point is finished by whoever opens the store next.

use crate::{
    columns::{document, json},
    database::FindingStore,
    derive,
    error::{Result, StoreError},
};
use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params, types::ValueRef};
use serde::{Deserialize, Serialize};

/// How often a file is written anew until nobody has written in between.
const SHREDS: usize = 10;

/// What a table holds of an instance.
enum Holds {
    /// Rows that belong to it: the condition that finds them, and the one that
    /// finds rows of nobody when it is gone.
    Rows { owned: &'static str, orphaned: &'static str },
    /// What is derived from findings, and goes when these are gone: the condition
    /// that finds what will go, and the one for rows of nobody.
    Derived { owned: &'static str, orphaned: &'static str },
    /// What is the tenant's own.
    Tenant,
}

/// Rows with the instance's id.
const BY_INSTANCE: Holds =
    Holds::Rows { owned: "instance_id = ?1", orphaned: "instance_id NOT IN (SELECT id FROM instances)" };

/// Rows of its runs.
const BY_RUN: Holds = Holds::Rows {
    owned: "run_id IN (SELECT id FROM runs WHERE instance_id = ?1)",
    orphaned: "run_id NOT IN (SELECT id FROM runs)",
};

/// Sums over findings of a project.
const BY_PROJECT: Holds = Holds::Derived {
    owned: "project_id IN (SELECT id FROM projects WHERE instance_id = ?1)",
    orphaned: "project_id NOT IN (SELECT id FROM projects)",
};

/// What hangs on one of its findings.
const BY_FINDING: Holds = Holds::Derived {
    owned: "finding_id IN (SELECT id FROM findings WHERE instance_id = ?1)",
    orphaned: "finding_id NOT IN (SELECT id FROM findings)",
};

/// Issues that another instance sees as well stay.
const BY_ISSUE: Holds = Holds::Derived {
    owned: "issue_id NOT IN (SELECT issues.id FROM issues JOIN issue_members ON issue_row = issues.row \
            JOIN findings ON findings.id = finding_id WHERE instance_id <> ?1)",
    orphaned: "issue_id NOT IN (SELECT id FROM issues)",
};

/// What policies say of a finding or an issue.
const BY_SUBJECT: Holds = Holds::Derived {
    owned: "CASE over WHEN 0 THEN subject_id IN (SELECT id FROM findings WHERE instance_id = ?1) \
            ELSE subject_id NOT IN (SELECT issues.id FROM issues JOIN issue_members ON issue_row = issues.row \
            JOIN findings ON findings.id = finding_id WHERE instance_id <> ?1) END",
    orphaned: "CASE over WHEN 0 THEN subject_id NOT IN (SELECT id FROM findings) \
               ELSE subject_id NOT IN (SELECT id FROM issues) END",
};

const BY_FETCH: Holds = Holds::Rows {
    owned: "fetch_id IN (SELECT fetches.id FROM fetches JOIN runs ON runs.id = run_id WHERE instance_id = ?1)",
    orphaned: "fetch_id NOT IN (SELECT id FROM fetches)",
};

/// Every table of the store, in the order in which rows go: those that others
/// are found by come last. A test holds the list against the schema.
const TABLES: &[(&str, Holds)] = &[
    (
        "changes",
        Holds::Rows {
            owned: "finding_id IN (SELECT id FROM findings WHERE instance_id = ?1)",
            orphaned: "finding_id NOT IN (SELECT id FROM findings)",
        },
    ),
    ("decisions", BY_INSTANCE),
    ("write_backs", BY_INSTANCE),
    ("findings", BY_INSTANCE),
    ("records", BY_INSTANCE),
    ("diagnostics", BY_INSTANCE),
    ("rules", BY_INSTANCE),
    ("dirty_rules", BY_INSTANCE),
    ("packages", BY_INSTANCE),
    ("dictionaries", BY_INSTANCE),
    ("scans", BY_INSTANCE),
    ("fetch_pages", BY_FETCH),
    ("absences", BY_FETCH),
    (
        "alert_matches",
        Holds::Rows {
            owned: "alert_id IN (SELECT id FROM alerts WHERE instance_id = ?1)",
            orphaned: "alert_id NOT IN (SELECT id FROM alerts)",
        },
    ),
    ("deliveries", BY_INSTANCE),
    ("alerts", BY_INSTANCE),
    ("webhooks", BY_INSTANCE),
    ("events", BY_INSTANCE),
    ("inboxes", BY_INSTANCE),
    ("fetches", BY_RUN),
    ("imports", BY_RUN),
    ("run_projects", BY_RUN),
    ("run_waits", BY_RUN),
    ("vanishing", BY_RUN),
    ("schedules", BY_INSTANCE),
    ("leases", BY_INSTANCE),
    ("runs", BY_INSTANCE),
    ("bucket", BY_INSTANCE),
    // A repository that was made of a project goes with the last project of it.
    (
        "repositories",
        Holds::Rows {
            owned: "listed = 0 AND id IN (SELECT repository_id FROM projects WHERE instance_id = ?1) \
                    AND id NOT IN (SELECT repository_id FROM projects WHERE instance_id <> ?1 \
                    AND repository_id IS NOT NULL)",
            orphaned: "listed = 0 AND id NOT IN (SELECT repository_id FROM projects WHERE repository_id IS NOT NULL)",
        },
    ),
    ("projects", BY_INSTANCE),
    ("onboarding", Holds::Rows { owned: "name = (SELECT name FROM instances WHERE id = ?1)", orphaned: "FALSE" }),
    ("instances", Holds::Rows { owned: "id = ?1", orphaned: "FALSE" }),
    ("dirty_findings", Holds::Derived { owned: "?1 IS NULL", orphaned: "TRUE" }),
    ("dirty_blocks", Holds::Derived { owned: "?1 IS NULL", orphaned: "TRUE" }),
    ("issue_members", BY_FINDING),
    (
        "issues",
        Holds::Derived {
            owned: "row NOT IN (SELECT issue_row FROM issue_members JOIN findings ON findings.id = finding_id \
                    WHERE instance_id <> ?1 AND issue_row IS NOT NULL)",
            orphaned: "row NOT IN (SELECT issue_row FROM issue_members WHERE issue_row IS NOT NULL)",
        },
    ),
    ("issue_aliases", BY_ISSUE),
    ("policy_results", BY_SUBJECT),
    ("policy_due", BY_SUBJECT),
    ("dirty_issues", BY_ISSUE),
    ("policy_files", Holds::Tenant),
    ("policies", Holds::Tenant),
    ("metric_findings", BY_FINDING),
    ("metric_counts", BY_PROJECT),
    ("metric_labels", BY_PROJECT),
    ("metric_days", BY_PROJECT),
    (
        "metric_totals",
        Holds::Derived {
            owned: "(day, kind, security, severity) NOT IN (SELECT day, kind, security, severity FROM metric_days \
                    WHERE project_id NOT IN (SELECT id FROM projects WHERE instance_id = ?1))",
            orphaned: "(day, kind, security, severity) NOT IN (SELECT day, kind, security, severity FROM metric_days)",
        },
    ),
    ("deletions", Holds::Tenant),
    ("advisories", Holds::Tenant),
    ("tenant", Holds::Tenant),
];

/// What a deletion takes away.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DeletionPlan {
    /// Name of the instance.
    pub instance: String,
    /// Rows by table: those that go, and those that stay for other instances.
    pub tables: Vec<TablePlan>,
    /// Where its secrets are kept, in words: only what the harness itself keeps
    /// is deleted.
    pub secrets: Vec<String>,
}

/// What becomes of a table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TablePlan {
    /// The table.
    pub table: String,
    /// Rows that go.
    pub goes: u64,
    /// Rows that stay.
    pub stays: u64,
}

/// The proof that nothing of an instance is left.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DeletionProof {
    /// Tables that were searched.
    pub tables: u64,
    /// Rows that were searched for what they should not hold.
    pub rows: u64,
    /// What was found, in words; empty if nothing is left.
    pub left: Vec<String>,
    /// Pages of the file that are free and might hold old content.
    pub free_pages: u64,
}

/// A deletion that has begun.
#[derive(Clone, Debug)]
pub struct PendingDeletion {
    /// Row id of the instance.
    pub instance_id: i64,
    /// What was there.
    pub plan: DeletionPlan,
}

impl FindingStore {
    /// What the deletion of an instance would take away.
    pub(crate) fn deletion_plan(&self, instance_id: i64) -> Result<DeletionPlan> {
        let sql = "SELECT name FROM instances WHERE id = ?1";
        let instance = self.connection.query_row(sql, [instance_id], |row| row.get(0))?;
        let count = |sql: String, parameters: &[&dyn rusqlite::ToSql]| -> Result<u64> {
            Ok(self.connection.query_row(&sql, parameters, |row| row.get(0))?)
        };
        let mut tables = Vec::new();
        for (table, holds) in TABLES {
            let (Holds::Rows { owned, .. } | Holds::Derived { owned, .. }) = holds else { continue };
            let goes = count(format!("SELECT count(*) FROM {table} WHERE {owned}"), &[&instance_id])?;
            let stays = count(format!("SELECT count(*) FROM {table}"), &[])?.saturating_sub(goes);
            tables.push(TablePlan { table: (*table).to_owned(), goes, stays });
        }
        Ok(DeletionPlan { instance, tables, secrets: Vec::new() })
    }

    /// Writes down that an instance is to be deleted: from here on it will be,
    /// whatever happens.
    pub(crate) fn begin_deletion(&mut self, instance_id: i64, plan: &DeletionPlan, now: Timestamp) -> Result<()> {
        self.connection.execute(
            "INSERT INTO deletions VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![instance_id, plan.instance, json("plan", plan)?, now.as_micros()],
        )?;
        Ok(())
    }

    /// A deletion that was begun and not finished.
    pub(crate) fn pending_deletion(&self) -> Result<Option<PendingDeletion>> {
        let found: Option<(i64, String)> = self
            .connection
            .query_row("SELECT instance_id, plan FROM deletions LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found.map(|(instance_id, plan)| Ok(PendingDeletion { instance_id, plan: document("plan", &plan)? })).transpose()
    }

    /// Takes everything of an instance away and brings up to date what was
    /// derived from it, in one transaction.
    pub(crate) fn delete_rows(&mut self, instance_id: i64, now: Timestamp) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The tables name each other; the order is that of the list.
        transaction.pragma_update(None, "defer_foreign_keys", true)?;
        let mut adopted = Vec::new();
        for (table, holds) in TABLES {
            let Holds::Rows { owned, .. } = holds else { continue };
            if *table == "repositories" {
                // Their projects still name them: they go after these.
                let sql = format!("SELECT id FROM repositories WHERE {owned}");
                let mut statement = transaction.prepare(&sql)?;
                adopted =
                    statement.query_map([instance_id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
                continue;
            }
            transaction.execute(&format!("DELETE FROM {table} WHERE {owned}"), [instance_id])?;
        }
        for id in adopted {
            transaction.execute("DELETE FROM repositories WHERE id = ?1", [id])?;
        }
        derive::refresh_all(&transaction, &self.decoder, &self.compiled, now)?;
        Ok(transaction.commit()?)
    }

    /// Overwrites what the file held of deleted rows and proves that nothing is
    /// left, while nobody else writes: another instance may be at work.
    pub(crate) fn shred_and_prove(
        &mut self,
        instance_id: i64,
        texts: &[&[u8]],
        now: Timestamp,
    ) -> Result<DeletionProof> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.shred()?;
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            // Somebody may have written in between.
            if tries < SHREDS && free_pages(&transaction)? > 0 {
                continue;
            }
            // What others have yet to bring up to date is no trace of this one.
            derive::refresh_all(&transaction, &self.decoder, &self.compiled, now)?;
            let proof = self.prove_deletion(instance_id, texts)?;
            transaction.commit()?;
            return Ok(proof);
        }
    }

    /// Overwrites what the file held of deleted rows: free pages are given
    /// back, the log is emptied.
    pub(crate) fn shred(&mut self) -> Result<()> {
        self.connection.execute_batch("VACUUM")?;
        let busy: bool = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        // Somebody reads the log: the next attempt empties it.
        if busy { Err(StoreError::Busy) } else { Ok(()) }
    }

    /// Searches every table for what should not be there: rows of the instance,
    /// rows of nobody, and any of these texts in any column.
    pub(crate) fn prove_deletion(&self, instance_id: i64, texts: &[&[u8]]) -> Result<DeletionProof> {
        let mut proof = DeletionProof { free_pages: free_pages(&self.connection)?, ..DeletionProof::default() };
        if proof.free_pages > 0 {
            proof.left.push(format!("{} free pages of the file", proof.free_pages));
        }
        for table in tables(&self.connection)? {
            proof.tables += 1;
            let columns = columns(&self.connection, &table)?;
            if table != "deletions" && columns.iter().any(|column| column == "instance_id") {
                let sql = format!("SELECT count(*) FROM \"{table}\" WHERE instance_id = ?1");
                let rows: u64 = self.connection.query_row(&sql, [instance_id], |row| row.get(0))?;
                if rows > 0 {
                    proof.left.push(format!("{rows} rows of the instance in {table}"));
                }
            }
            let orphaned = TABLES.iter().find(|(name, _)| *name == table).and_then(|(_, holds)| match holds {
                Holds::Rows { orphaned, .. } | Holds::Derived { orphaned, .. } => Some(*orphaned),
                Holds::Tenant => None,
            });
            if let Some(orphaned) = orphaned {
                let sql = format!("SELECT count(*) FROM \"{table}\" WHERE {orphaned}");
                let rows: u64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
                if rows > 0 {
                    proof.left.push(format!("{rows} rows of nobody in {table}"));
                }
            }
            search(&self.connection, &table, texts, &mut proof)?;
        }
        self.search_records(texts, &mut proof)?;
        Ok(proof)
    }

    /// Searches what records hold, unpacked.
    fn search_records(&self, texts: &[&[u8]], proof: &mut DeletionProof) -> Result<()> {
        if texts.is_empty() {
            return Ok(());
        }
        let mut statement = self.connection.prepare("SELECT id FROM records")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let content = self.decoder.content(&self.connection, row.get(0)?)?;
            let holds = |text: &&[u8]| {
                content.as_ref().is_some_and(|it| contains(it.body(), text) || contains(it.document(), text))
            };
            if texts.iter().any(holds) {
                proof.left.push("a secret in a record".to_owned());
            }
        }
        Ok(())
    }

    /// Forgets that there was a deletion: the last trace.
    pub(crate) fn end_deletion(&mut self, instance_id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM deletions WHERE instance_id = ?1", [instance_id])?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

fn free_pages(connection: &Connection) -> Result<u64> {
    Ok(connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?)
}

/// Searches all columns of a table.
fn search(connection: &Connection, table: &str, texts: &[&[u8]], proof: &mut DeletionProof) -> Result<()> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        proof.rows += 1;
        for column in 0..width {
            let held = match row.get_ref(column)? {
                ValueRef::Text(held) | ValueRef::Blob(held) => held,
                ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => continue,
            };
            if texts.iter().any(|text| contains(held, text)) {
                proof.left.push(format!("a secret in {table}"));
            }
        }
    }
    Ok(())
}

/// Whether bytes contain others.
pub fn contains(held: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && memchr::memmem::find(held, wanted).is_some()
}

fn tables(connection: &Connection) -> Result<Vec<String>> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    Ok(statement.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests;
