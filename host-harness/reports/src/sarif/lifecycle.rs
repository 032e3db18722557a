//! States: what the comparison with a baseline says, and who suppressed a result.

use appsec_model::{Lifecycle, ScanState, Status, Triage, TriageState};
use serde_json::Value;

use crate::{json::JsonView, words};

/// The states of a result.
///
/// | `baselineState`, `suppressions` | scan state | triage | status |
/// |---|---|---|---|
/// | `absent` | fixed | untriaged | fixed |
/// | all accepted (or without a status), one of them `inSource` | muted | untriaged | ignored |
/// | all accepted (or without a status), none `inSource` | unresolved | ignored | ignored |
/// | one `underReview`, none `rejected` | unresolved | reviewing | reviewing |
/// | none, or one `rejected` | unresolved | untriaged | open |
pub fn lifecycle(result: &Value) -> Lifecycle {
    let suppressions: Vec<&Value> = result.list("suppressions").iter().filter(|it| it.is_object()).collect();
    let mut triage = Triage::default();
    let status_of = |it: &Value| it.text("status").unwrap_or("accepted").to_owned();
    let has = |status: &str| suppressions.iter().any(|it| status_of(it) == status);
    let (scan_state, status) = if result.text("baselineState") == Some("absent") {
        (ScanState::Fixed, Status::Fixed)
    } else if suppressions.is_empty() || has("rejected") {
        (ScanState::Unresolved, Status::Open)
    } else if has("underReview") {
        triage.state = TriageState::Reviewing;
        (ScanState::Unresolved, Status::Reviewing)
    } else if suppressions.iter().all(|it| status_of(it) == "accepted") {
        if suppressions.iter().any(|it| it.text("kind") == Some("inSource")) {
            (ScanState::Muted, Status::Ignored)
        } else {
            triage.state = TriageState::Ignored;
            (ScanState::Unresolved, Status::Ignored)
        }
    } else {
        (ScanState::Unresolved, Status::Open)
    };
    triage.comment = suppressions.iter().find_map(|it| it.owned("justification"));
    Lifecycle {
        scan_state: Some(scan_state),
        triage,
        status,
        created_at: words::moment(result.at("provenance").text("firstDetectionTimeUtc")),
        relevant_since: None,
        state_changed_at: None,
    }
}
