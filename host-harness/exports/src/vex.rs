//! What a finding says about whether a vulnerability matters: the states of VEX.

use appsec_model::{ReachabilityVerdict, Status};

use crate::Exported;

/// A state, the most cautious one last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// People say that it is none.
    FalsePositive,
    /// The vulnerable code is not reached.
    NotReached,
    /// It is gone.
    Resolved,
    /// Nobody has decided yet.
    InTriage,
    /// It matters.
    Exploitable,
}

/// What is said of a vulnerability.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    pub state: State,
    /// What is done about it, in the words of CycloneDX.
    pub response: Option<&'static str>,
    /// Why, in words.
    pub detail: Option<String>,
}

/// What a finding says; none where people say that another one says it.
///
/// What was decided here counts, else what was decided at its source:
///
/// | status | state |
/// |---|---|
/// | fixed | resolved |
/// | ignored as a false positive | false positive, unless a source says that the code is reached |
/// | ignored as an acceptable risk, or since nobody will fix it | exploitable, will not fix |
/// | ignored for lack of time | exploitable, cannot fix |
/// | ignored as a duplicate | none |
/// | ignored for another reason, or provisionally | in triage |
/// | fixing | exploitable |
/// | all others | in triage |
///
/// Where `unreachable_is_unaffected`, what is open and unreachable is not affected,
/// unless any source says otherwise.
pub fn statement(it: &Exported, unreachable_is_unaffected: bool) -> Option<Statement> {
    let lifecycle = &it.finding.lifecycle;
    let triage = &lifecycle.triage;
    let said = it.decided().and_then(|_| it.justification());
    let comment = if it.decided().is_some() { said.as_deref() } else { triage.comment.as_deref() };
    let told = |words: &str| Some(comment.map_or_else(|| words.to_owned(), |comment| format!("{words}: {comment}")));
    let new = |state, response, detail| Some(Statement { state, response, detail });
    if it.status == "vanished" {
        return new(
            State::InTriage,
            None,
            told("No longer reported by its source, which does not say that it is fixed"),
        );
    }
    match it.standing() {
        Status::Fixed => new(State::Resolved, None, comment.map(str::to_owned)),
        Status::Ignored => match it.outcome().as_str() {
            "duplicate" => None,
            "falsepositive" if it.is_reachable() => new(
                State::InTriage,
                None,
                told("Ignored as a false positive, while a source says that it is reachable"),
            ),
            "falsepositive" => new(State::FalsePositive, None, told("Ignored as a false positive")),
            "acceptablerisk" | "acceptedrisk" => {
                new(State::Exploitable, Some("will_not_fix"), told("Ignored as an acceptable risk"))
            }
            "wontfix" => new(State::Exploitable, Some("will_not_fix"), told("Ignored since nobody will fix it")),
            "notime" => new(State::Exploitable, Some("can_not_fix"), told("Ignored for lack of time")),
            _ => new(State::InTriage, None, told("Ignored at its source")),
        },
        Status::ProvisionallyIgnored => new(State::InTriage, None, told("Ignored until somebody confirms")),
        Status::Fixing => new(State::Exploitable, Some("update"), comment.map(str::to_owned)),
        Status::Reviewing => new(State::InTriage, None, told("Being reviewed")),
        Status::Open | Status::Unknown | Status::Other(_) => {
            let verdict = it.finding.dependency.as_ref().map(|it| &it.reachability.verdict);
            let unreachable = verdict == Some(&ReachabilityVerdict::Unreachable);
            let detail = unreachable.then(|| format!("Unreachable according to {}", it.tool));
            if unreachable && unreachable_is_unaffected && !it.is_reachable() {
                return new(State::NotReached, None, detail);
            }
            new(State::InTriage, None, detail.or_else(|| comment.map(str::to_owned)))
        }
    }
}

#[cfg(test)]
mod tests {
    use appsec_analysis::{TriageDecision, TriageEntry};
    use appsec_model::{ReachabilityVerdict, Status};

    use super::{State, statement};
    use crate::{Decided, Issue, sample};

    fn state(
        status: Status,
        reason: &str,
        verdict: ReachabilityVerdict,
        is_reachable: bool,
        option: bool,
    ) -> Option<State> {
        let mut it = sample::vulnerability();
        it.finding.lifecycle.status = status;
        it.finding.lifecycle.triage.reason = Some(reason.to_owned());
        it.finding.dependency.as_mut().unwrap().reachability.verdict = verdict;
        it.issue = Some(Issue { id: "0".to_owned(), is_reachable });
        statement(&it, option).map(|it| it.state)
    }

    #[test]
    fn each_decision_has_its_state() {
        let of = |reason| state(Status::Ignored, reason, ReachabilityVerdict::NotAnalyzed, false, false);
        assert_eq!(of("false_positive"), Some(State::FalsePositive));
        assert_eq!(of("acceptable_risk"), Some(State::Exploitable));
        assert_eq!(of("no_time"), Some(State::Exploitable));
        assert_eq!(of("duplicate"), None);
        assert_eq!(of("because"), Some(State::InTriage));
        let open = |status| state(status, "", ReachabilityVerdict::NotAnalyzed, false, true);
        assert_eq!(open(Status::Open), Some(State::InTriage));
        assert_eq!(open(Status::Reviewing), Some(State::InTriage));
        assert_eq!(open(Status::Fixing), Some(State::Exploitable));
        assert_eq!(open(Status::Fixed), Some(State::Resolved));
        assert_eq!(open(Status::ProvisionallyIgnored), Some(State::InTriage));
    }

    fn decided(decision: TriageDecision) -> Option<Decided> {
        let entry = TriageEntry { reason: Some("tried it".to_owned()), ..TriageEntry::new(decision) };
        Some(Decided { entry, author: "ada".to_owned(), at: sample::MOMENT })
    }

    #[test]
    fn what_was_decided_here_goes_before_the_source() {
        for source in [Status::Open, Status::Ignored, Status::Reviewing, Status::Unknown] {
            let of = |decision, is_reachable| {
                let mut it = sample::vulnerability();
                it.finding.lifecycle.status = source.clone();
                it.finding.lifecycle.triage.reason = Some("no_time".to_owned());
                it.finding.dependency.as_mut().unwrap().reachability.verdict = ReachabilityVerdict::NotAnalyzed;
                it.issue = Some(Issue { id: "0".to_owned(), is_reachable });
                it.decision = decided(decision);
                statement(&it, true)
            };
            let said = of(TriageDecision::FalsePositive, false).unwrap();
            assert_eq!(
                (said.state, said.detail.as_deref()),
                (State::FalsePositive, Some("Ignored as a false positive: tried it"))
            );
            assert_eq!(of(TriageDecision::FalsePositive, true).unwrap().state, State::InTriage);
            for decision in [TriageDecision::AcceptedRisk, TriageDecision::WontFix] {
                let said = of(decision, false).unwrap();
                assert_eq!((said.state, said.response), (State::Exploitable, Some("will_not_fix")), "{decision}");
            }
            assert_eq!(of(TriageDecision::Duplicate, false), None);
            assert_eq!(of(TriageDecision::Reviewing, false).unwrap().state, State::InTriage);
            assert_eq!(of(TriageDecision::Fixing, false).unwrap().state, State::Exploitable);
        }
        let mut fixed = sample::vulnerability();
        fixed.finding.lifecycle.status = Status::Fixed;
        fixed.decision = decided(TriageDecision::AcceptedRisk);
        assert_eq!(statement(&fixed, true).unwrap().state, State::Resolved);
    }

    #[test]
    fn what_any_source_calls_reachable_is_never_unaffected() {
        use ReachabilityVerdict::{AlwaysReachable, ConditionallyReachable, NotAnalyzed, Reachable, Unreachable};
        let unaffected = [State::NotReached, State::FalsePositive];
        for verdict in [AlwaysReachable, ConditionallyReachable, Reachable, Unreachable, NotAnalyzed] {
            for decision in TriageDecision::ALL {
                let mut it = sample::vulnerability();
                it.finding.dependency.as_mut().unwrap().reachability.verdict = verdict.clone();
                it.issue = Some(Issue { id: "0".to_owned(), is_reachable: true });
                it.decision = decided(decision);
                assert!(statement(&it, true).is_none_or(|it| !unaffected.contains(&it.state)), "{verdict} {decision}");
            }
            for (status, reason) in [(Status::Open, ""), (Status::Ignored, "false_positive")] {
                let own = !matches!(verdict, Unreachable | NotAnalyzed);
                let by_other = state(status.clone(), reason, verdict.clone(), true, true).unwrap();
                assert!(!unaffected.contains(&by_other), "{verdict} {status}");
                let by_own = state(status.clone(), reason, verdict.clone(), false, true).unwrap();
                assert!(!own || !unaffected.contains(&by_own), "{verdict} {status}");
            }
        }
        assert_eq!(state(Status::Open, "", Unreachable, false, true), Some(State::NotReached));
        assert_eq!(state(Status::Open, "", Unreachable, false, false), Some(State::InTriage));
    }
}
