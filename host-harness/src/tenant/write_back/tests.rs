use appsec_model::{Decision, DecisionOutcome, DecisionReport, Kind, Timestamp, Triage, TriageState, WriteBack};
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
        on_other_branches: 0,
        at_vendor: Triage::default(),
        ours: None,
        done: None,
    }
}

fn triage(state: TriageState, reason: Option<&str>, at: Option<i64>) -> Triage {
    Triage { state, reason: reason.map(str::to_owned), comment: None, at: at.map(Timestamp::from_micros) }
}

#[test]
fn who_decided_later_counts_unless_both_say_the_same() {
    use TriageState::{Fixing, Ignored, Reopened, Reviewing, Untriaged};
    let (on, hold) = (WriteBackMode::On, WriteBackMode::Hold);
    let there = Some(WriteBackState::AlreadyThere);
    let (overruled, held) = (Some(WriteBackState::Overruled), Some(WriteBackState::Held));
    let (risk, false_positive) = (Some("acceptable_risk"), Some("false_positive"));
    for (state, reason, at, decision, mode, wanted) in [
        (Untriaged, None, None, Decision::AcceptedRisk, on, None),
        (Fixing, None, Some(4), Decision::AcceptedRisk, on, None),
        // At the same moment nobody was later.
        (Fixing, None, Some(5), Decision::AcceptedRisk, hold, None),
        (Fixing, None, Some(6), Decision::AcceptedRisk, on, overruled),
        (Fixing, None, Some(6), Decision::AcceptedRisk, hold, held),
        // The same state for the same reason, whoever was first.
        (Ignored, risk, Some(6), Decision::AcceptedRisk, hold, there),
        (Ignored, Some("Accepted risk"), Some(4), Decision::AcceptedRisk, on, there),
        (Ignored, risk, None, Decision::AcceptedRisk, on, there),
        (Reviewing, None, Some(6), Decision::Reviewing, on, there),
        // For another reason, or for none.
        (Ignored, false_positive, Some(6), Decision::AcceptedRisk, on, overruled),
        (Ignored, false_positive, Some(6), Decision::AcceptedRisk, hold, held),
        (Ignored, false_positive, Some(4), Decision::AcceptedRisk, on, None),
        (Ignored, Some("no_triage_reason"), Some(6), Decision::AcceptedRisk, hold, held),
        (Ignored, None, Some(6), Decision::AcceptedRisk, on, overruled),
        (Ignored, risk, Some(6), Decision::Reopened, on, overruled),
        (Reopened, None, Some(6), Decision::Reopened, on, there),
        (Fixing, None, Some(6), Decision::Fixing, on, Some(WriteBackState::Refused)),
    ] {
        let at_vendor = triage(state, reason, at);
        let it = PendingDecision { at_vendor: at_vendor.clone(), ..pending(1, Kind::Sast, decision, 1) };
        let settled = settled_without(&it, &taken(), mode).map(|(state, _)| state);
        assert_eq!(settled, wanted, "{at_vendor:?} {decision:?} {mode:?}");
    }
    let it = PendingDecision {
        at_vendor: triage(Ignored, false_positive, Some(6)),
        ..pending(1, Kind::Sast, Decision::AcceptedRisk, 1)
    };
    let (_, detail) = settled_without(&it, &taken(), on).unwrap();
    let told = "somebody has set it to `ignored` (false_positive) at the vendor at 1970-01-01T00:00:00.000006Z";
    assert_eq!(detail.unwrap(), told);
    let other = settled_without(&pending(1, Kind::Packages, Decision::Reviewing, 1), &taken(), on).unwrap();
    assert_eq!(other, (WriteBackState::Refused, Some("the vendor takes no decisions about packages".to_owned())));
}

#[test]
fn of_what_went_to_the_vendor_only_another_decision_since_is_news() {
    let (risk, false_positive) = (Some("acceptable_risk"), Some("false_positive"));
    let settled = |done, mode, reason, at| {
        let it = PendingDecision {
            at_vendor: triage(TriageState::Ignored, reason, Some(at)),
            ours: Some((Decision::AcceptedRisk, Timestamp::from_micros(7))),
            done: Some(done),
            ..pending(1, Kind::Sast, Decision::AcceptedRisk, 1)
        };
        let plan = Plan::of(vec![it], &taken(), mode);
        assert!(plan.batches.is_empty());
        plan.settled.into_iter().map(|it| it.state).collect::<Vec<_>>()
    };
    let (on, hold) = (WriteBackMode::On, WriteBackMode::Hold);
    for done in [WriteBackState::Written, WriteBackState::AlreadyThere] {
        assert_eq!(settled(done, on, risk, 6), []);
        assert_eq!(settled(done, on, risk, 8), []);
        assert_eq!(settled(done, on, false_positive, 8), [WriteBackState::Overruled]);
        assert_eq!(settled(done, hold, false_positive, 8), [WriteBackState::Held]);
    }
    // It waits until somebody decides.
    assert_eq!(settled(WriteBackState::Held, hold, false_positive, 8), [WriteBackState::Held]);
    assert_eq!(settled(WriteBackState::Held, on, false_positive, 8), [WriteBackState::Overruled]);
}

#[test]
fn what_was_written_from_here_is_nobodys_later_decision() {
    let (risk, false_positive) = (Some("acceptable_risk"), Some("false_positive"));
    let there = Some(WriteBackState::AlreadyThere);
    let overruled = Some(WriteBackState::Overruled);
    let of = |decision, at_vendor: &Triage| {
        let ours = Some((Decision::AcceptedRisk, Timestamp::from_micros(7)));
        let it = PendingDecision { at_vendor: at_vendor.clone(), ours, ..pending(1, Kind::Sast, decision, 1) };
        settled_without(&it, &taken(), WriteBackMode::On).map(|(state, _)| state)
    };
    let reopened = |at_vendor: Triage| of(Decision::Reopened, &at_vendor);
    for (at, wanted) in [(6, None), (8, None), (8 + super::CLOCK_DIFFERENCE, overruled)] {
        assert_eq!(reopened(triage(TriageState::Ignored, risk, Some(at))), wanted, "{at}");
        // Nor where the vendor keeps no reasons.
        assert_eq!(reopened(triage(TriageState::Ignored, None, Some(at))), wanted, "{at}");
    }
    // The last sync was before it: what it saw is no longer there.
    assert_eq!(reopened(Triage::default()), None);
    assert_eq!(reopened(triage(TriageState::Ignored, false_positive, Some(4))), None);
    // Somebody has given another reason since.
    assert_eq!(reopened(triage(TriageState::Ignored, false_positive, Some(8))), overruled);
    // Decided again: written where the text is another one.
    let mut ours = triage(TriageState::Ignored, risk, Some(7));
    assert_eq!(of(Decision::AcceptedRisk, &ours), None);
    assert_eq!(of(Decision::Reviewing, &ours), None);
    ours.comment = Some("a long com".to_owned());
    assert_eq!(of(Decision::AcceptedRisk, &ours), there);
    assert_eq!(of(Decision::Reviewing, &ours), None);
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
