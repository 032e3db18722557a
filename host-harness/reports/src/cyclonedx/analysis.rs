//! What people decided: `analysis` of a vulnerability.

use appsec_model::{Lifecycle, Reachability, ReachabilityVerdict, ScanState, Status, Triage, TriageState};
use serde_json::Value;

use crate::{bounds, json::JsonView, words};

/// The states of a vulnerability.
///
/// | `analysis.state` | scan state | triage | status |
/// |---|---|---|---|
/// | `resolved`, `resolved_with_pedigree` | fixed | untriaged | fixed |
/// | `exploitable` | unresolved | `exploitable` | open |
/// | `in_triage` | unresolved | reviewing | reviewing |
/// | `false_positive`, `not_affected` | unresolved | ignored | ignored |
/// | none | unresolved | untriaged | open |
/// | another word | unresolved | that word | open |
pub fn lifecycle(vulnerability: &Value) -> Lifecycle {
    let analysis = vulnerability.at("analysis");
    let state = analysis.text("state");
    let (scan_state, triage, status) = match state {
        None => (ScanState::Unresolved, TriageState::Untriaged, Status::Open),
        Some("resolved" | "resolved_with_pedigree") => (ScanState::Fixed, TriageState::Untriaged, Status::Fixed),
        Some("in_triage") => (ScanState::Unresolved, TriageState::Reviewing, Status::Reviewing),
        Some("false_positive" | "not_affected") => (ScanState::Unresolved, TriageState::Ignored, Status::Ignored),
        Some(other) => (ScanState::Unresolved, TriageState::Other(bounds::word(other).to_owned()), Status::Open),
    };
    // A statement that it does not matter says why in two words: the state's, and a justification.
    let justification = analysis.text("justification").map(bounds::word);
    let reason = match (&triage, state, justification) {
        (TriageState::Ignored, Some(state), Some(justification)) => Some(format!("{state}: {justification}")),
        (TriageState::Ignored, Some(state), None) => Some(state.to_owned()),
        _ => None,
    };
    let comment = analysis.text("detail").map(|text| bounds::start(text).to_owned());
    let decided = state.is_some();
    let at = words::moment(analysis.text("lastUpdated").or(analysis.text("firstIssued"))).filter(|_| decided);
    Lifecycle {
        scan_state: Some(scan_state),
        triage: Triage { state: triage, reason, comment, at },
        status,
        created_at: None,
        relevant_since: None,
        state_changed_at: None,
    }
}

/// Whether a state is one of the format.
pub fn is_known(state: &str) -> bool {
    let known = ["resolved", "resolved_with_pedigree", "exploitable", "in_triage", "false_positive", "not_affected"];
    known.contains(&state)
}

/// Whether the vulnerable code is used, where the justification says that it is not.
pub fn reachability(vulnerability: &Value) -> Reachability {
    let unreachable = vulnerability.at("analysis").text("justification") == Some("code_not_reachable");
    let verdict = if unreachable { ReachabilityVerdict::Unreachable } else { ReachabilityVerdict::NotAnalyzed };
    Reachability { verdict, condition: None, usage: None }
}
