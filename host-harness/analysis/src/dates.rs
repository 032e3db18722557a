//! When a finding was first seen, and when it was closed: by the source's dates
//! where it gives any, by ours where it does not.
//!
//! A date counts only if it can be true: not before 1970, not after we noticed,
//! and closed not before seen.

use appsec_model::{Lifecycle, ScanState, Timestamp};

use crate::status::{is_open, word};

/// When a source first recorded a finding, if it gives a date that can be true.
pub fn recorded_at(lifecycle: &Lifecycle) -> Option<Timestamp> {
    lifecycle.created_at.filter(|at| at.as_micros() > 0)
}

/// When a finding was first seen: as it was `recorded` first, else as it was
/// ingested.
pub fn first_seen_at(recorded: Option<Timestamp>, ingested_at: Timestamp) -> Timestamp {
    recorded.map_or(ingested_at, |at| at.min(ingested_at))
}

/// When a finding with this status was closed: as its source says, else as it was
/// `noticed`. None while it is open, and where nobody knows.
pub fn closed_at(
    status: &str,
    lifecycle: &Lifecycle,
    first_seen_at: Timestamp,
    now: Timestamp,
    noticed: Option<Timestamp>,
) -> Option<Timestamp> {
    if is_open(status) {
        return None;
    }
    let said = match status {
        // Of what somebody else decided a source has no date.
        _ if word(&lifecycle.status) != status => None,
        // A scan decides that the code no longer has it.
        "fixed" => lifecycle.state_changed_at.filter(|_| lifecycle.scan_state != Some(ScanState::Unresolved)),
        "ignored" | "provisionally-ignored" => {
            let muted = lifecycle.state_changed_at.filter(|_| lifecycle.scan_state == Some(ScanState::Muted));
            lifecycle.triage.at.or(muted)
        }
        _ => None,
    };
    said.filter(|at| (first_seen_at..=now).contains(at)).or(noticed)
}

/// When a finding that was closed at some time became open again: as its source
/// says, else as it was `noticed`.
pub fn reopened_at(lifecycle: &Lifecycle, closed_at: Timestamp, noticed: Timestamp) -> Timestamp {
    lifecycle.relevant_since.filter(|at| (closed_at..=noticed).contains(at)).unwrap_or(noticed)
}

#[cfg(test)]
mod tests {
    use appsec_model::{Lifecycle, ScanState, Status, Timestamp};

    use super::{closed_at, first_seen_at, recorded_at, reopened_at};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_sources_date_counts_where_it_can_be_true() {
        for (said, expect) in [(None, 50), (Some(10), 10), (Some(90), 50), (Some(0), 50), (Some(-7), 50)] {
            let lifecycle = Lifecycle { created_at: said.map(at), ..Lifecycle::default() };
            assert_eq!(first_seen_at(recorded_at(&lifecycle), at(50)), at(expect), "{said:?}");
        }
    }

    #[test]
    fn what_closed_a_finding_decides_which_date_closed_it() {
        let mut lifecycle = Lifecycle { state_changed_at: Some(at(30)), ..Lifecycle::default() };
        lifecycle.triage.at = Some(at(40));
        let closed = |status: &str, lifecycle: &Lifecycle, noticed| {
            let lifecycle = Lifecycle { status: Status::from(status), ..lifecycle.clone() };
            closed_at(status, &lifecycle, at(20), at(50), noticed)
        };
        assert_eq!(closed("fixed", &lifecycle, Some(at(45))), Some(at(30)));
        assert_eq!(closed("ignored", &lifecycle, Some(at(45))), Some(at(40)));
        assert_eq!(closed("vanished", &lifecycle, Some(at(45))), Some(at(45)));
        assert_eq!(closed("open", &lifecycle, Some(at(45))), None);
        lifecycle.scan_state = Some(ScanState::Unresolved);
        assert_eq!(closed("fixed", &lifecycle, None), None, "people said so, and not when");
        // The source speaks of what it says itself, and not of what was decided here.
        let here = Lifecycle { status: Status::Open, ..lifecycle.clone() };
        assert_eq!(closed_at("ignored", &here, at(20), at(50), Some(at(45))), Some(at(45)));
        // Before it was seen, and after now.
        for wrong in [10, 60] {
            let lifecycle = Lifecycle { state_changed_at: Some(at(wrong)), ..Lifecycle::default() };
            assert_eq!(closed("fixed", &lifecycle, Some(at(45))), Some(at(45)));
        }
    }

    #[test]
    fn a_finding_is_reopened_after_it_was_closed() {
        let opened = |since: i64| {
            let lifecycle = Lifecycle { relevant_since: Some(at(since)), ..Lifecycle::default() };
            reopened_at(&lifecycle, at(30), at(50))
        };
        assert_eq!([opened(20), opened(40), opened(60)], [at(50), at(40), at(50)]);
    }
}
