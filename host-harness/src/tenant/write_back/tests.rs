use appsec_model::{Decision, DecisionOutcome, DecisionReport, Kind, Timestamp, TriageState, WriteBack};
use appsec_store::{PendingDecision, WriteBackMode, WriteBackState};
use proptest::prelude::*;

use super::{Plan, settled_without};

fn taken() -> WriteBack {
    WriteBack {
        kinds: vec![Kind::Sast, Kind::Sca],
        decisions: vec![Decision::Reviewing, Decision::AcceptedRisk, Decision::Reopened],
        batch: 3,
        comment_chars: 10,
        effect: String::new(),
    }
}

fn pending(id: i64, kind: Kind, decision: Decision, records: usize) -> PendingDecision {
    PendingDecision {
        finding: format!("{id:016x}").parse().unwrap(),
        kind,
        decision_id: id,
        decision,
        comment: Some("a long comment".to_owned()),
        since: Timestamp::from_micros(5),
        ids: (0..records).map(|record| format!("{id}-{record}")).collect(),
        at_vendor: (TriageState::Untriaged, None),
        ours: None,
    }
}

#[test]
fn who_decided_later_counts_unless_both_say_the_same() {
    let (on, hold) = (WriteBackMode::On, WriteBackMode::Hold);
    let (ignored, fixing) = (TriageState::Ignored, TriageState::Fixing);
    for (state, at, decision, mode, wanted) in [
        (TriageState::Untriaged, None, Decision::AcceptedRisk, on, None),
        (fixing.clone(), Some(4), Decision::AcceptedRisk, on, None),
        // At the same moment nobody was later.
        (fixing.clone(), Some(5), Decision::AcceptedRisk, hold, None),
        (fixing.clone(), Some(6), Decision::AcceptedRisk, on, Some(WriteBackState::Overruled)),
        (fixing.clone(), Some(6), Decision::AcceptedRisk, hold, Some(WriteBackState::Held)),
        (ignored.clone(), Some(6), Decision::AcceptedRisk, hold, Some(WriteBackState::Written)),
        (ignored, Some(6), Decision::Reopened, on, Some(WriteBackState::Overruled)),
        (TriageState::Reopened, Some(6), Decision::Reopened, on, Some(WriteBackState::Written)),
        (fixing, Some(6), Decision::Fixing, on, Some(WriteBackState::Refused)),
    ] {
        let at_vendor = (state, at.map(Timestamp::from_micros));
        let it = PendingDecision { at_vendor: at_vendor.clone(), ..pending(1, Kind::Sast, decision, 1) };
        let settled = settled_without(&it, &taken(), mode).map(|(state, _)| state);
        assert_eq!(settled, wanted, "{at_vendor:?} {decision:?} {mode:?}");
    }
    // What was written from here is nobody's later decision; a word after it is.
    let ours = Some((Decision::AcceptedRisk, Timestamp::from_micros(7)));
    for (at, wanted) in [(6, None), (8, None), (8 + super::CLOCK_DIFFERENCE, Some(WriteBackState::Overruled))] {
        let at_vendor = (TriageState::Ignored, Some(Timestamp::from_micros(at)));
        let it = PendingDecision { at_vendor, ours, ..pending(1, Kind::Sast, Decision::Reopened, 1) };
        assert_eq!(settled_without(&it, &taken(), on).map(|(state, _)| state), wanted, "{at}");
    }
    let other = settled_without(&pending(1, Kind::Packages, Decision::Reviewing, 1), &taken(), on).unwrap();
    assert_eq!(other, (WriteBackState::Refused, Some("the vendor takes no decisions about packages".to_owned())));
}

#[test]
fn the_vendor_has_a_decision_that_it_took_for_any_record() {
    let all = vec![pending(1, Kind::Sast, Decision::Reviewing, 2), pending(2, Kind::Sast, Decision::Reviewing, 1)];
    let batch = Plan::of(all, &taken(), WriteBackMode::On).batches.pop().unwrap();
    let refused = || DecisionOutcome::Refused { reason: format!("gone\u{202e}\u{1b}[2J{}", "!".repeat(1_000)) };
    let told = DecisionReport { outcomes: vec![refused(), DecisionOutcome::Written, refused()], ..Default::default() };
    let settled: Vec<_> = batch.settled(&told).into_iter().map(|it| (it.state, it.detail)).collect();
    let shown = format!("gone<U+202E>␛[2J{}…", "!".repeat(super::REASON_SIGNS - 17));
    assert_eq!(settled, [(WriteBackState::Written, None), (WriteBackState::Refused, Some(shown))]);
}

proptest! {
    #[test]
    fn each_decision_is_in_one_batch_which_is_of_one_kind_and_decision_and_small_enough(
        all in proptest::collection::vec((0_usize..2, 0_usize..2, 1_usize..6), 0..30),
    ) {
        let kinds = [Kind::Sast, Kind::Sca];
        let decisions = [Decision::Reviewing, Decision::AcceptedRisk];
        let all: Vec<_> = (0..).zip(all).map(|(id, (kind, decision, records))| {
            pending(id, kinds[kind].clone(), decisions[decision], records)
        }).collect();
        let count = all.len();
        let plan = Plan::of(all, &taken(), WriteBackMode::On);
        prop_assert!(plan.settled.is_empty());
        let mut seen: Vec<i64> = plan.batches.iter().flat_map(|batch| &batch.of).map(|it| it.decision_id).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..count as i64).collect::<Vec<_>>());
        for batch in &plan.batches {
            prop_assert!((1..=3).contains(&batch.asked.ids.len()));
            prop_assert!(batch.of.iter().all(|it| it.kind == batch.asked.kind && it.decision == batch.asked.decision));
            prop_assert_eq!(batch.asked.comment.as_deref(), Some("a long com"));
        }
    }
}
