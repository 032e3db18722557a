//! When to call again after a failure: one table for all connectors.

use std::time::Duration;

use appsec_model::ErrorCode;

use appsec_sandbox::{CallFailure, LimitHit, ProxyProblem, TokenProblem};

/// How often and how long a failed call is made again.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Tries of one call, the first included.
    pub tries: u32,
    /// Wait before the second try; doubled for each further one.
    pub first_wait: Duration,
    /// Longest wait of our own choice.
    pub longest_wait: Duration,
    /// Time that one call may wait in all. A vendor that asks for more is
    /// believed, and the sync ends as partial instead of waiting for hours.
    pub budget: Duration,
    /// Time that one read may wait for what the vendor prepares, such as a report
    /// that was asked for.
    pub preparation: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 7,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            budget: Duration::from_secs(600),
            preparation: Duration::from_secs(3_600),
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Call again after that time.
    Wait(Duration),
    /// Do not call again: it would fail in the same way.
    Final,
    /// Do not call again now: tries or time are used up.
    Exhausted,
}

/// Shortest wait for what the vendor prepares, whatever a connector says.
const SHORTEST_PREPARATION: Duration = Duration::from_secs(1);

impl RetryPolicy {
    /// How long to wait for what the vendor prepares where the connector asks for
    /// `asked_ms`, and `waited` has gone by without anything; none where that is
    /// enough.
    pub fn prepare(&self, asked_ms: u64, waited: Duration) -> Option<Duration> {
        let wait = Duration::from_millis(asked_ms).max(SHORTEST_PREPARATION);
        (waited.saturating_add(wait) <= self.preparation).then_some(wait)
    }

    /// Decides after the failure of try number `tries` (from 1), when `waited`
    /// has gone by in waits. `chance` is a random number from 0 to 1: it
    /// spreads the tries of many callers over time.
    pub fn decide(&self, failure: &CallFailure, tries: u32, waited: Duration, chance: f64) -> Decision {
        let asked = match failure {
            CallFailure::Contract(error) if matches!(error.code, ErrorCode::RateLimited | ErrorCode::Unavailable) => {
                error.retry_after_ms
            }
            CallFailure::Limit(LimitHit::Wall(_)) => None,
            CallFailure::Proxy(failure) if failure.problem == ProxyProblem::Unavailable => None,
            CallFailure::Token(failure) if failure.problem == TokenProblem::Unavailable => None,
            _ => return Decision::Final,
        };
        if tries >= self.tries {
            return Decision::Exhausted;
        }
        let backoff = self.first_wait.saturating_mul(1 << (tries - 1).min(16)).min(self.longest_wait);
        let wait = match asked {
            // Never earlier than asked for; a little later, so that not all come at once.
            Some(millis) => Duration::from_millis(millis) + self.first_wait.mul_f64(chance.clamp(0.0, 1.0) / 4.0),
            // Half fixed, half by chance.
            None => backoff.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0),
        };
        if waited.saturating_add(wait) > self.budget { Decision::Exhausted } else { Decision::Wait(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::{CallFailure, Decision, Duration, ErrorCode, LimitHit, RetryPolicy};
    use appsec_model::Error;
    use appsec_sandbox::Refused;

    fn limited(retry_after_ms: Option<u64>) -> CallFailure {
        CallFailure::Contract(Error::new(ErrorCode::RateLimited, "").after(retry_after_ms))
    }

    fn unavailable() -> CallFailure {
        CallFailure::Contract(Error::unavailable(None, ""))
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy { longest_wait: Duration::from_secs(5), ..RetryPolicy::default() };
        let waits: Vec<_> = (1..=7).map(|tries| policy.decide(&unavailable(), tries, Duration::ZERO, 1.0)).collect();
        let seconds = |seconds| Decision::Wait(Duration::from_secs(seconds));
        let expected = [seconds(1), seconds(2), seconds(4), seconds(5), seconds(5), seconds(5), Decision::Exhausted];
        assert_eq!(waits, expected);
    }

    #[test]
    fn chance_spreads_a_wait_but_never_before_what_the_vendor_asks() {
        let policy = RetryPolicy::default();
        let decide = |failure: &CallFailure, chance: f64| policy.decide(failure, 1, Duration::ZERO, chance);
        assert_eq!(decide(&unavailable(), 0.0), Decision::Wait(Duration::from_millis(500)));
        assert_eq!(decide(&limited(Some(3000)), 0.0), Decision::Wait(Duration::from_secs(3)));
        assert_eq!(decide(&limited(Some(3000)), 1.0), Decision::Wait(Duration::from_millis(3250)));
        assert_eq!(decide(&limited(Some(0)), 0.0), Decision::Wait(Duration::ZERO));
    }

    #[test]
    fn a_wait_beyond_the_budget_is_not_begun() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.decide(&limited(Some(3_600_000)), 1, Duration::ZERO, 0.0), Decision::Exhausted);
        assert_eq!(policy.decide(&limited(Some(2000)), 2, Duration::from_secs(599), 0.0), Decision::Exhausted);
    }

    #[test]
    fn what_the_vendor_prepares_is_waited_for_only_so_long() {
        let policy = RetryPolicy { preparation: Duration::from_secs(60), ..RetryPolicy::default() };
        let waits = [(0, 0), (7_000, 0), (30_000, 30), (30_000, 31), (u64::MAX, 0)]
            .map(|(asked, waited)| policy.prepare(asked, Duration::from_secs(waited)).map(|wait| wait.as_secs()));
        assert_eq!(waits, [Some(1), Some(7), Some(30), None, None]);
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let policy = RetryPolicy::default();
        let finals = [
            CallFailure::Contract(Error::new(ErrorCode::Unauthorized, "")),
            CallFailure::Contract(Error::protocol("GET /", "")),
            CallFailure::Trap(String::new()),
            CallFailure::Limit(LimitHit::Memory(1)),
            CallFailure::Refused(Refused { why: String::new(), by_rule: false }),
        ];
        for failure in finals {
            assert_eq!(policy.decide(&failure, 1, Duration::ZERO, 0.5), Decision::Final, "{failure:?}");
        }
        let wall = CallFailure::Limit(LimitHit::Wall(Duration::from_secs(1)));
        assert!(matches!(policy.decide(&wall, 1, Duration::ZERO, 0.5), Decision::Wait(_)));
    }
}
