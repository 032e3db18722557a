//! What would violate policies if nobody had decided about it here.

use std::collections::BTreeMap;

use appsec_analysis::{
    status::is_open,
    triage::{TriageDecision, is_decided_on},
};
use appsec_model::Timestamp;
use appsec_policy::{On, OutcomeResult};
use rusqlite::ToSql;

use super::{PolicyFilter, subject::Reader};
use crate::{
    assess::assess,
    database::FindingStore,
    error::Result,
    filter::DecisionFilter,
    subject::{Shared, Subject},
};

impl FindingStore {
    /// How many findings of a filter violate no policy only since a decision closed
    /// them, by the policy. Decisions are few: each of their findings is evaluated
    /// as its source has it.
    pub(crate) fn policy_exceptions(&self, filter: &PolicyFilter, now: Timestamp) -> Result<BTreeMap<String, u64>> {
        let Some((_, policies)) = self.compiled.newest(&self.connection)? else { return Ok(BTreeMap::new()) };
        let closing = TriageDecision::ALL.into_iter().filter(|it| it.closes()).collect();
        let mut conditions = DecisionFilter { decisions: closing, ..DecisionFilter::default() }.conditions();
        conditions.push("decided.ended_at IS NULL");
        conditions.extend(filter.of_rows());
        let mut statement = self.connection.prepare(&format!(
            "SELECT findings.id, iif(records.vanished_at IS NULL, records.status, 'vanished') FROM decisions AS decided \
             JOIN findings ON findings.public_id = decided.finding JOIN records ON records.id = occurrence_id{}",
            conditions.clause()
        ))?;
        let parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        let decided = statement.query_map(parameters.as_slice(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut shared = Shared::default();
        let mut reader = Reader::new(&self.connection, &self.decoder);
        let mut excepted = BTreeMap::new();
        for (id, status) in decided.collect::<rusqlite::Result<Vec<(i64, String)>>>()? {
            if !is_decided_on(&status) || !is_open(&status) {
                continue;
            }
            let Some(subject) = shared.subject(&self.connection, &self.decoder, id)? else { continue };
            let assessed = assess(&self.connection, &subject.finding, &status, subject.rule.as_deref())?;
            let subject = Subject { priority: assessed.score(), status, ..subject };
            let evaluation = policies.evaluate_until(&reader.of_finding(&subject)?, now);
            for outcome in evaluation.outcomes.iter().filter(|it| it.result == OutcomeResult::Violated) {
                if policies.get(&outcome.policy_id).is_some_and(|it| it.definition().on == On::Finding) {
                    *excepted.entry(outcome.policy_id.clone()).or_default() += 1;
                }
            }
        }
        Ok(excepted)
    }
}
