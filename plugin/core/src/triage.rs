//! `write-decisions`: what people decided, in the platform's words.

use std::collections::BTreeSet;

use appsec_model::{Decision, DecisionBatch, DecisionOutcome, DecisionReport, Error, Kind};

use crate::{
    Outside,
    api::{
        Api,
        triage::{self, Change},
    },
    manifest::MAX_DECISIONS,
    memory::Memory,
};

/// Writes one decision about several findings, in one request.
pub fn write_decisions(batch: &DecisionBatch, outside: &mut Outside<'_>) -> Result<DecisionReport, Error> {
    let memory = Memory::load(outside.bucket)?;
    let issue_type = match batch.kind {
        Kind::Sast => "sast",
        Kind::Sca => "sca",
        Kind::Secrets => "secrets",
        _ => return Err(Error::unsupported(format!("decisions about the kind `{}`", batch.kind))),
    };
    if batch.ids.len() > MAX_DECISIONS {
        return Err(Error::limit(format!(
            "{} decisions in one call; the vendor takes {MAX_DECISIONS}",
            batch.ids.len()
        )));
    }
    // Neither ids nor filters would be a request that the vendor refuses.
    if batch.ids.is_empty() {
        return Ok(DecisionReport::default());
    }
    let (state, reason) = words(batch.decision);
    let mut api = Api::new(outside, &memory.settings.origin)?;
    let change = Change { slug: &memory.deployment.slug, issue_type, state, reason };
    let changed = triage::write(&mut api, &change, batch)?;
    // Not collected: that would bring a sort.
    let (mut asked, mut done) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
    asked.extend(batch.ids.iter().map(String::as_str));
    done.extend(changed.iter().map(String::as_str));
    let outcome = |id: &String| match done.contains(id.as_str()) {
        true => DecisionOutcome::Written,
        false => DecisionOutcome::Refused { reason: "Semgrep has no such finding, or did not change it".to_owned() },
    };
    Ok(DecisionReport {
        outcomes: batch.ids.iter().map(outcome).collect(),
        also_changed: changed.iter().filter(|id| !asked.contains(id.as_str())).cloned().collect(),
        diagnostics: Vec::new(),
    })
}

/// The platform's words for state and reason.
fn words(decision: Decision) -> (&'static str, Option<&'static str>) {
    match decision {
        Decision::Reviewing => ("reviewing", None),
        Decision::Fixing => ("fixing", None),
        Decision::Reopened => ("reopened", None),
        Decision::AcceptedRisk => ("ignored", Some("acceptable_risk")),
        Decision::FalsePositive => ("ignored", Some("false_positive")),
        Decision::WontFix => ("ignored", Some("no_time")),
        Decision::Duplicate => ("ignored", Some("duplicate")),
    }
}

#[cfg(test)]
mod tests;
