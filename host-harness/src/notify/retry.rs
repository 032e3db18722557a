//! When an event is told again: one table.

use std::time::Duration;

use super::send::Answer;

/// Waits between tries. Ten tries over a day: a receiver that was down for a
/// night still learns what it missed.
const WAITS: [Duration; 9] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(7 * 3600),
    Duration::from_secs(12 * 3600),
];

/// The longest wait that a receiver is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What to do after a try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// It was taken.
    Done,
    /// Try again after that time.
    Again(Duration),
    /// Do not try again: it would fail in the same way, or was tried enough.
    GiveUp,
}

/// Decides after try number `tries` (from 1). `chance` is a random number from 0
/// to 1: it spreads the tries of many senders over time.
pub(crate) fn decide(answer: &Answer, tries: u32, chance: f64) -> Next {
    let asked = match answer {
        Answer::Status { status: 200..=299, .. } => return Next::Done,
        Answer::Status { status: 429 | 500..=599, retry_after, .. } => *retry_after,
        Answer::Unreachable(_) => None,
        // Redirects are not followed, and what is wrong with the request stays wrong.
        Answer::Status { .. } | Answer::Refused(_) => return Next::GiveUp,
    };
    let position = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(wait) = WAITS.get(position) else { return Next::GiveUp };
    let chance = chance.clamp(0.0, 1.0);
    // Half fixed, half by chance; never earlier than asked for.
    let wait = wait.mul_f64(0.5 + chance / 2.0);
    Next::Again(asked.map_or(wait, |asked| wait.max(asked.min(LONGEST))))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Duration, LONGEST, Next, WAITS, decide};

    fn status(status: u16, retry_after: Option<u64>) -> Answer {
        Answer::Status { status, retry_after: retry_after.map(Duration::from_secs), beginning: String::new() }
    }

    #[test]
    fn each_answer_has_its_place_in_the_table() {
        let again = Next::Again(Duration::from_secs(1));
        let cases = [
            (status(200, None), Next::Done),
            (status(204, None), Next::Done),
            (status(301, None), Next::GiveUp),
            (status(308, None), Next::GiveUp),
            (status(400, None), Next::GiveUp),
            (status(401, None), Next::GiveUp),
            (status(404, Some(1)), Next::GiveUp),
            (status(410, None), Next::GiveUp),
            (status(429, None), again.clone()),
            (status(500, None), again.clone()),
            (status(503, None), again.clone()),
            (Answer::Unreachable("refused".to_owned()), again),
            (Answer::Refused("a private address".to_owned()), Next::GiveUp),
        ];
        for (answer, expected) in cases {
            assert_eq!(decide(&answer, 1, 1.0), expected, "{answer:?}");
        }
    }

    #[test]
    fn tries_grow_apart_and_come_to_an_end() {
        let waits: Vec<Next> = (1..=10).map(|tries| decide(&status(500, None), tries, 1.0)).collect();
        let mut expected: Vec<Next> = WAITS.into_iter().map(Next::Again).collect();
        expected.push(Next::GiveUp);
        assert_eq!(waits, expected);
    }

    #[test]
    fn chance_halves_a_wait_at_most_and_never_goes_below_what_is_asked() {
        assert_eq!(decide(&status(500, None), 2, 0.0), Next::Again(Duration::from_millis(2500)));
        assert_eq!(decide(&status(503, Some(120)), 1, 0.0), Next::Again(Duration::from_secs(120)));
        assert_eq!(decide(&status(429, Some(1)), 2, 1.0), Next::Again(Duration::from_secs(5)));
        assert_eq!(decide(&status(429, Some(u64::MAX)), 1, 0.0), Next::Again(LONGEST));
    }
}
