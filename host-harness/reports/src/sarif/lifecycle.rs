//! States: what the comparison with a baseline says, and who suppressed a result.

use appsec_model::{Lifecycle, ScanState, Status, Triage, TriageState};
use serde_json::Value;

use crate::{json::JsonView, words};

/// The status of a suppression, in one spelling: `underReview` is also written
/// `under-review`, and drafts of the standard call the member `state`.
pub fn status_of(suppression: &Value) -> String {
    fold(suppression.text("status").or(suppression.text("state")).unwrap_or("accepted"))
}

fn fold(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

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
    // Drafts of the standard had words for it in a list.
    let old: Vec<&str> = result.texts("suppressionStates").collect();
    let mut triage = Triage::default();
    let has = |status: &str| suppressions.iter().any(|it| status_of(it) == status);
    let (scan_state, status) = if result.text("baselineState") == Some("absent") {
        (ScanState::Fixed, Status::Fixed)
    } else if suppressions.is_empty() && old.is_empty() || has("rejected") {
        (ScanState::Unresolved, Status::Open)
    } else if has("underreview") {
        triage.state = TriageState::Reviewing;
        (ScanState::Unresolved, Status::Reviewing)
    } else if suppressions.iter().all(|it| status_of(it) == "accepted") {
        let in_source = suppressions.iter().any(|it| it.text("kind").is_some_and(|kind| fold(kind) == "insource"));
        if in_source || old.iter().any(|it| fold(it) == "suppressedinsource") {
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
