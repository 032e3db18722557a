//! How urgent a finding is, from what is stored of it.

use crate::{columns::document, database::FindingStore, error::Result, ratings::find_all};
use appsec_analysis::{
    Advisory, fix,
    priority::{Facts, Priority, Validation},
    top25::Edition,
};
use appsec_model::{Epss, Finding, Fix, Rule, Status, Validation as Validated};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// What is concluded from a finding.
pub(super) struct Assessment {
    /// How urgent it is, and why.
    pub priority: Priority,
    /// Ratings of its advisory from the operator's files.
    pub ratings: Option<Advisory>,
}

impl Assessment {
    /// The priority's score.
    pub fn score(&self) -> i64 {
        i64::from(self.priority.score)
    }

    /// Score of the newest CVSS version.
    pub fn cvss(&self) -> Option<f64> {
        self.ratings.as_ref().and_then(Advisory::rating).map(|rating| rating.score)
    }

    /// Probability of exploitation: the vendor's, else that of the files.
    pub fn epss(&self, finding: &Finding) -> Option<f64> {
        let said = finding.dependency.as_ref().and_then(|dependency| dependency.epss.as_ref());
        said.map(|epss| epss.score).or_else(|| self.ratings.as_ref()?.epss.as_ref().map(|epss| epss.score))
    }

    /// Whether it is known to be exploited.
    pub fn kev(&self) -> bool {
        self.ratings.as_ref().is_some_and(|ratings| ratings.kev.is_some())
    }
}

/// Assesses a finding that has this status, which is its own or `vanished`.
pub(super) fn assess(
    connection: &Connection,
    finding: &Finding,
    status: &str,
    rule: Option<&Rule>,
) -> Result<Assessment> {
    let dependency = finding.dependency.as_ref();
    let ratings = match dependency {
        Some(dependency) => find_all(connection, &dependency.advisories)?,
        None => None,
    };
    let rated = ratings.as_ref().and_then(|ratings| ratings.epss.as_ref());
    let rated = rated.map(|epss| Epss { score: epss.score, percentile: epss.percentile });
    let facts = Facts {
        severity: finding.severity,
        status: Status::from(status),
        reachability: dependency.map(|dependency| dependency.reachability.verdict.clone()),
        epss: dependency.and_then(|dependency| dependency.epss.clone()).or(rated),
        kev: ratings.as_ref().is_some_and(|ratings| ratings.kev.is_some()),
        malicious: dependency.and_then(|dependency| dependency.malicious),
        cvss: ratings.as_ref().and_then(Advisory::rating).map(|rating| rating.score),
        validation: match finding.secret.as_ref().map(|secret| &secret.validation) {
            Some(Validated::ConfirmedValid) => Some(Validation::ConfirmedValid),
            Some(Validated::ConfirmedInvalid) => Some(Validation::ConfirmedInvalid),
            Some(Validated::ValidationError) => Some(Validation::ValidationError),
            Some(Validated::NoValidator) => Some(Validation::NoValidator),
            Some(Validated::NotSaid | Validated::Other(_)) | None => None,
        },
        ai_verdict: finding.assistance.as_ref().and_then(|it| Some(it.verdict.as_ref()?.conclusion.clone())),
        top25: rule.and_then(|rule| Edition::default().best_rank(&rule.cwes)),
        fix_available: dependency.and_then(|dependency| match fix::known(dependency) {
            Fix::Upgrades { .. } => Some(true),
            Fix::NoneKnown => Some(false),
            Fix::NotSaid => None,
        }),
    };
    Ok(Assessment { priority: Priority::of(&facts), ratings })
}

/// A rule of an instance.
pub(super) fn rule(connection: &Connection, instance_id: i64, rule_id: &str) -> Result<Option<Rule>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT document FROM rules WHERE instance_id = ?1 AND rule_id = ?2")?
        .query_row(params![instance_id, rule_id], |row| row.get(0))
        .optional()?;
    found.map(|text| document("rule", &text)).transpose()
}

impl FindingStore {
    /// Assesses every finding anew, after ratings have changed. Returns how
    /// many have another priority, CVSS, EPSS or KEV than before.
    pub(crate) fn assess_all(&mut self) -> Result<u64> {
        let mut changed = 0;
        let mut after = 0;
        loop {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let batch = {
                let mut statement = transaction.prepare_cached(
                    "SELECT id, occurrence_id, status, instance_id, rule_id FROM findings WHERE id > ?1 \
                     ORDER BY id LIMIT 1000",
                )?;
                let rows = statement.query_map([after], |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get::<_, String>(2)?,
                        row.get(3)?,
                        row.get::<_, Option<String>>(4)?,
                    ))
                })?;
                rows.collect::<rusqlite::Result<Vec<(i64, i64, _, i64, _)>>>()?
            };
            for (id, record, status, instance_id, rule_id) in &batch {
                after = *id;
                let Some(content) = self.decoder.content(&transaction, *record)? else { continue };
                let finding = content.finding()?;
                let rule = rule_id.as_deref().map(|id| rule(&transaction, *instance_id, id)).transpose()?.flatten();
                let assessed = assess(&transaction, &finding, status, rule.as_ref())?;
                changed += transaction
                    .prepare_cached(
                        "UPDATE OR FAIL findings SET priority = ?2, cvss = ?3, epss = ?4, kev = ?5 WHERE id = ?1 \
                         AND (priority, cvss, epss, kev) IS NOT (?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![id, assessed.score(), assessed.cvss(), assessed.epss(&finding), assessed.kev()])?
                    as u64;
            }
            transaction.commit()?;
            if batch.is_empty() {
                return Ok(changed);
            }
        }
    }
}
