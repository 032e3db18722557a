//! Ratings of advisories that the operator gave, and what findings owe to them.

use crate::{columns::json, database::FindingStore, error::Result, issues, ratings::find};
use appsec_analysis::{Advisories, Advisory};
use rusqlite::{TransactionBehavior, params};

impl FindingStore {
    /// Takes ratings over, beside what is known of the same numbers from earlier
    /// files; of the same rating the new one counts, and of KEV catalogues the last one. Returns how many numbers
    /// are known now.
    pub(crate) fn put_advisories(&mut self, advisories: &Advisories) -> Result<u64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO advisories (advisory_id, document) VALUES (?1, ?2) \
                 ON CONFLICT DO UPDATE SET document = excluded.document",
            )?;
            if advisories.has_kev() {
                // A catalogue is complete: what it no longer lists is taken back.
                transaction.execute(
                    "UPDATE advisories SET document = json_remove(document, '$.kev') \
                     WHERE json_type(document, '$.kev') IS NOT NULL",
                    [],
                )?;
            }
            let mut all = Advisories::default();
            for advisory in advisories.iter() {
                for id in &advisory.ids {
                    if let Some(known) = find(&transaction, id)? {
                        all.add(known);
                    }
                }
                all.add(advisory.clone());
            }
            for advisory in all.iter() {
                let document = json("advisory", advisory)?;
                for id in &advisory.ids {
                    put.execute(params![id.to_uppercase(), document])?;
                }
            }
        }
        issues::mark_changed_aliases(&transaction)?;
        let known = transaction.query_row("SELECT count(*) FROM advisories", [], |row| row.get(0))?;
        transaction.commit()?;
        Ok(known)
    }

    /// Whether a catalogue says what is known to be exploited.
    pub(crate) fn knows_exploited(&self) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM advisories WHERE json_type(document, '$.kev') IS NOT NULL)";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Forgets all ratings.
    pub(crate) fn clear_advisories(&mut self) -> Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM advisories", [])?;
        issues::mark_changed_aliases(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// What is known of an advisory by its number, in any spelling of case.
    pub(crate) fn advisory(&self, id: &str) -> Result<Option<Advisory>> {
        find(&self.connection, id)
    }
}
