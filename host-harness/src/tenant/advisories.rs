//! Ratings of advisories, from files of the operator.

use appsec_analysis::{Advisories, Advisory};
use serde::Serialize;

use super::Tenant;
use crate::error::Error;

/// What `advisories import` and `advisories clear` print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AdvisoryImport {
    /// Advisories read.
    pub advisories: u64,
    /// Advisories that the tenant knows now, by their numbers.
    pub known: u64,
    /// Findings whose ratings or priority changed.
    pub findings_changed: u64,
    /// What could not be read; the rest was.
    pub problems: Vec<String>,
}

impl Tenant {
    /// Keeps the ratings of advisories, and rates the findings by them; `problems`
    /// is what could not be read of them.
    pub async fn import_advisories(&self, read: Advisories, problems: Vec<String>) -> Result<AdvisoryImport, Error> {
        let advisories = read.len() as u64;
        let put = self.store.run(move |store| Ok((store.put_advisories(&read)?, store.assess_all()?)));
        let (known, findings_changed) = put.await?;
        self.refresh().await?;
        Ok(AdvisoryImport { advisories, known, findings_changed, problems })
    }

    /// Forgets all ratings.
    pub async fn clear_advisories(&self) -> Result<AdvisoryImport, Error> {
        let cleared = self.store.run(|store| {
            store.clear_advisories()?;
            store.assess_all()
        });
        let findings_changed = cleared.await?;
        self.refresh().await?;
        Ok(AdvisoryImport { advisories: 0, known: 0, findings_changed, problems: Vec::new() })
    }

    /// An advisory by one of its numbers.
    pub async fn advisory(&self, id: &str) -> Result<Advisory, Error> {
        let wanted = id.to_owned();
        let found = self.store.read(move |store| store.advisory(&wanted)).await?;
        found.ok_or_else(|| Error::NoAdvisory(id.to_owned()))
    }
}
