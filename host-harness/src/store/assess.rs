//! How urgent a finding is, from what is stored of it.

use appsec_insight::{
    Advisory,
    priority::{Facts, Priority, Validation},
    top25::Edition,
};
use appsec_model::{Epss, Finding, Fix, Rule, Status, Validation as Validated};
use rusqlite::Connection;

use super::{Result, advisories::find_any};

/// What is concluded from a finding.
pub(super) struct Assessment {
    /// How urgent it is, and why.
    pub priority: Priority,
    /// Ratings of its advisory from the operator's files.
    pub ratings: Option<Advisory>,
}

impl Assessment {
    /// Score of the newest CVSS version.
    pub fn cvss(&self) -> Option<f64> {
        self.ratings.as_ref().and_then(Advisory::rating).map(|rating| rating.score)
    }

    /// Probability of exploitation: the vendor's, else that of the files.
    pub fn epss(&self, finding: &Finding) -> Option<f64> {
        let said = finding.dependency.as_ref().and_then(|dependency| dependency.epss.as_ref());
        said.map(|epss| epss.score).or_else(|| self.ratings.as_ref()?.epss.as_ref().map(|epss| epss.score))
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
        Some(dependency) => find_any(connection, &dependency.advisories)?,
        None => None,
    };
    let rated = ratings.as_ref().and_then(|ratings| ratings.epss.as_ref());
    let rated = rated.map(|epss| Epss { score: epss.score, percentile: epss.percentile });
    let facts = Facts {
        severity: finding.severity,
        status: Status::from(status),
        reachability: dependency.map(|dependency| dependency.reachability.verdict.clone()),
        epss: dependency.and_then(|dependency| dependency.epss.clone()).or(rated),
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
        fix_available: dependency.and_then(|dependency| match &dependency.fix {
            Fix::Upgrades { .. } => Some(true),
            Fix::NoneKnown => Some(false),
            Fix::NotSaid => None,
        }),
    };
    Ok(Assessment { priority: Priority::of(&facts), ratings })
}
