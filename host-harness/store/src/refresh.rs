//! Brings everything up to date that is derived from findings, and ends the
//! decisions about them whose end has come.

use appsec_model::Timestamp;
use rusqlite::TransactionBehavior;

use crate::{
    database::FindingStore,
    decisions,
    derive::{mark_changed_rules, refresh_batch},
    error::Result,
    issues,
};

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refreshed {
    /// Findings that were stale.
    pub findings: u64,
}

impl FindingStore {
    /// Brings everything that is derived from findings up to date.
    pub(crate) fn refresh(&mut self, now: Timestamp) -> Result<Refreshed> {
        let mut refreshed = Refreshed::default();
        self.end_due_decisions(now)?;
        mark_changed_rules(&mut self.connection)?;
        loop {
            loop {
                let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let taken = refresh_batch(&transaction, &self.decoder, &self.compiled, now)?;
                if taken == 0 {
                    break;
                }
                transaction.commit()?;
                refreshed.findings += taken;
            }
            loop {
                let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if issues::settle_blocks(&transaction)? == 0 {
                    break;
                }
                transaction.commit()?;
            }
            // What joined an issue has another status by it, from which more is derived.
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if decisions::inherit(&transaction, &self.decoder, now)? == 0 {
                break;
            }
            transaction.commit()?;
        }
        self.refresh_policies(now)?;
        Ok(refreshed)
    }

    /// Whether anything waits for a refresh, as of this moment.
    pub(crate) fn is_stale(&self, now: Timestamp) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM dirty_findings) OR EXISTS (SELECT 1 FROM dirty_rules) \
                   OR EXISTS (SELECT 1 FROM dirty_blocks)";
        Ok(self.decisions_end(now)? || self.connection.query_row(sql, [], |row| row.get(0))?)
    }
}
