//! D11: `write-decisions`. Nothing of it reaches a vendor: what is sent fails on the
//! way.

use std::collections::BTreeSet;

use appsec_model::{Decision, DecisionBatch, DecisionOutcome, DecisionReport, ErrorCode, Kind, Manifest, RawInput};
use appsec_sandbox::Still;

use super::{Book, Ready, Trial, failed_with, read::Read, told};
use crate::{
    fault::Fault,
    lab::{Lab, key},
    subject::{Called, Subject},
};

/// What goes wrong: answers that no connector may take for a decision that is written.
const FAULTS: [Fault; 8] = [
    Fault::Unauthorized,
    Fault::Forbidden,
    Fault::RateLimitedSeconds,
    Fault::ServerError,
    Fault::Maintenance,
    Fault::Refused,
    Fault::Reset,
    Fault::Timeout,
];

/// What may be announced.
const DECISIONS: [Decision; 7] = [
    Decision::Reviewing,
    Decision::Fixing,
    Decision::AcceptedRisk,
    Decision::FalsePositive,
    Decision::WontFix,
    Decision::Duplicate,
    Decision::Reopened,
];

const KINDS: [Kind; 5] = [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages];

pub async fn check(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    manifest: &Manifest,
    (ready, read): (&Ready, &Read),
) {
    let Some(mut trial) = book.open("D11") else { return };
    let ask = async |kind: &Kind, decision: Decision, id: &str, fault: Fault| {
        lab.begin_failing(fault);
        let ids = vec![id.to_owned()];
        let batch = DecisionBatch { kind: kind.clone(), decision, comment: Some("made by a test".to_owned()), ids };
        subject.write_decisions(&ready.call(), batch).await
    };
    let Some(takes) = &manifest.write_back else {
        let called = ask(&Kind::Sast, Decision::Reviewing, "1", Fault::Refused).await;
        refused(&mut trial, lab, "a decision, where none is announced", &called);
        return book.close(trial);
    };
    let is_known =
        !takes.kinds.is_empty() && takes.kinds.iter().all(|it| manifest.kinds.iter().any(|of| of.kind == *it));
    trial.case(is_known, "`write-back.kinds`", "some of the kinds of the manifest", || super::json(&takes.kinds));
    let (named, given) = (takes.decisions.iter().collect::<BTreeSet<_>>().len(), takes.decisions.len());
    trial.case(given > 0 && named == given, "`write-back.decisions`", "at least one, each once", || given.to_string());
    trial.case(takes.batch > 0, "`write-back.batch`", "at least one id", || "none".to_owned());

    let usual = takes.decisions.first().copied().unwrap_or(Decision::Reviewing);
    let mut others = vec![Kind::Other("no-such-kind".to_owned())];
    others.extend(KINDS.into_iter().filter(|kind| !takes.kinds.contains(kind)));
    for kind in others {
        let called = ask(&kind, usual, "1", Fault::Refused).await;
        refused(&mut trial, lab, format!("a decision about {kind}, which is not announced"), &called);
    }
    let mut without = Vec::new();
    for kind in &takes.kinds {
        let Some(id) = finding(subject, read, kind).await else {
            without.push(kind.to_string());
            continue;
        };
        for decision in DECISIONS.into_iter().filter(|it| !takes.decisions.contains(it)) {
            let called = ask(kind, decision, &id, Fault::Refused).await;
            refused(&mut trial, lab, format!("{} for {kind}, which is not announced", super::json(&decision)), &called);
        }
        for fault in FAULTS {
            let called = ask(kind, usual, &id, fault).await;
            let case = format!("{} at a decision about {kind}", fault.name());
            let is_told = called.as_ref().err().is_some_and(|failure| fault.is_told(failure));
            trial.case(is_told, &case, fault.expected(), || told(&called));
            let sent: Vec<String> = lab.requests().iter().map(key).collect();
            let is_once = sent.iter().collect::<BTreeSet<_>>().len() == sent.len();
            trial.case(is_once, &case, "each request once", || format!("{} requests", sent.len()));
        }
    }
    lab.begin();
    if !without.is_empty() {
        trial.note = Some(format!("the vendor has no finding of {}", without.join(", ")));
    }
    book.close(trial);
}

/// A finding that the vendor has.
async fn finding(subject: &impl Subject, read: &Read, kind: &Kind) -> Option<String> {
    let records = read.records.get(&kind.to_string())?.clone();
    let page = subject.normalize(Still::default(), RawInput::Records(records)).await.ok()?;
    page.value.findings.into_iter().next().map(|it| it.id)
}

fn refused(trial: &mut Trial, lab: &Lab, case: impl std::fmt::Display, called: &Called<DecisionReport>) {
    let is_refused = match called {
        Ok(response) => response.value.outcomes.iter().all(|it| matches!(it, DecisionOutcome::Refused { .. })),
        failed => failed_with(failed, &[ErrorCode::Unsupported]),
    };
    trial.case(is_refused, &case, "`unsupported`, or refused", || told(called));
    trial.case(lab.count() == 0, &case, "no request", || format!("{} of them", lab.count()));
}
