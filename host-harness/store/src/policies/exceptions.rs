//! What would violate policies if nobody had decided about it here.

use std::collections::{BTreeMap, BTreeSet};

use appsec_analysis::{
    status::is_open,
    triage::{TriageDecision, is_decided_on},
};
use appsec_model::Timestamp;
use appsec_policy::{On, OutcomeResult};
use rusqlite::{OptionalExtension, ToSql};

use super::{PolicyFilter, subject::Reader};
use crate::{
    assess::assess,
    database::FindingStore,
    error::Result,
    filter::{Conditions, DecisionFilter},
    subject::{Shared, Subject},
};

impl FindingStore {
    /// How many findings and issues of a filter violate no policy only since a
    /// decision closed them, by the policy. Decisions are few: each of their findings
    /// is evaluated as its source has it.
    pub(crate) fn policy_exceptions(&self, filter: &PolicyFilter, now: Timestamp) -> Result<BTreeMap<String, u64>> {
        let Some((_, policies)) = self.compiled.newest(&self.connection)? else { return Ok(BTreeMap::new()) };
        let mut reader = Reader::new(&self.connection, &self.decoder);
        let mut shared = Shared::default();
        let mut excepted = BTreeMap::new();
        let over = |on: On| policies.iter().any(|it| it.definition().on == on);
        let violated = |subject: &appsec_policy::Subject| -> BTreeSet<String> {
            let outcomes = policies.evaluate_until(subject, now).outcomes.into_iter();
            let violated = outcomes.filter(|it| it.result == OutcomeResult::Violated).map(|it| it.policy_id);
            violated.filter(|id| policies.get(id).is_some_and(|it| it.definition().on == subject.on)).collect()
        };
        if over(On::Finding) {
            for id in self.decided_ids("findings.id", "", filter.of_rows())? {
                let Some(subject) = self.as_its_source_has_it(&mut shared, id)? else { continue };
                for policy in violated(&reader.of_finding(&subject)?) {
                    *excepted.entry(policy).or_default() += 1;
                }
            }
        }
        if over(On::Issue) {
            let joined = " JOIN issue_members ON issue_members.finding_id = findings.id \
                          JOIN issues ON issues.row = issue_members.issue_row";
            for id in self.decided_ids("issues.id", joined, filter.of_issues())? {
                let mut findings = Vec::new();
                for member in reader.members(id)? {
                    let undecided = self.as_its_source_has_it(&mut shared, member)?;
                    let now = || shared.subject(&self.connection, &self.decoder, member);
                    findings.extend(undecided.map_or_else(now, |it| Ok(Some(it)))?);
                }
                let Some(undecided) = reader.issue_of(id, &findings)? else { continue };
                let still = match reader.issue(id)? {
                    Some(issue) if issue.is_open => violated(&issue),
                    _ => BTreeSet::new(),
                };
                for policy in violated(&undecided).difference(&still) {
                    *excepted.entry(policy.clone()).or_default() += 1;
                }
            }
        }
        Ok(excepted)
    }

    /// Ids of what closing decisions are about that are in force.
    fn decided_ids(&self, id: &str, joined: &str, filter: Conditions) -> Result<BTreeSet<i64>> {
        let closing = TriageDecision::ALL.into_iter().filter(|it| it.closes()).collect();
        let mut conditions = DecisionFilter { decisions: closing, ..DecisionFilter::default() }.conditions();
        conditions.push("decided.ended_at IS NULL");
        conditions.extend(filter);
        let mut statement = self.connection.prepare(&format!(
            "SELECT {id} FROM decisions AS decided JOIN findings ON findings.public_id = decided.finding{joined}{}",
            conditions.clause()
        ))?;
        let parameters: Vec<&dyn ToSql> = conditions.parameters().collect();
        Ok(statement.query_map(parameters.as_slice(), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// A finding that is closed here and open at its source, as that has it; none of
    /// all others.
    fn as_its_source_has_it(&self, shared: &mut Shared, id: i64) -> Result<Option<Subject<'static>>> {
        let sql = "SELECT findings.status, iif(records.vanished_at IS NULL, records.status, 'vanished') \
                   FROM findings JOIN records ON records.id = occurrence_id WHERE findings.id = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found: Option<(String, String)> = self.connection.prepare_cached(sql)?.query_row([id], row).optional()?;
        let Some((here, status)) = found else { return Ok(None) };
        if is_open(&here) || !is_decided_on(&status) || !is_open(&status) {
            return Ok(None);
        }
        let Some(subject) = shared.subject(&self.connection, &self.decoder, id)? else { return Ok(None) };
        let assessed = assess(&self.connection, &subject.finding, &status, subject.rule.as_deref())?;
        Ok(Some(Subject { priority: assessed.score(), status, ..subject }))
    }
}
