//! What a command comes to that does several things: one that fails keeps no
//! other from being done, each failure is reported, and none is lost on the way to
//! the exit code.

use std::process::ExitCode;

use super::{error::Failure, output::Output};

/// How the things that a command did ended.
#[derive(Default)]
pub struct Outcomes {
    done: usize,
    in_part: bool,
    failures: Vec<Failure>,
}

impl Outcomes {
    /// Notes how one of them ended; what it came to, if it was done.
    pub fn note<T>(&mut self, outcome: Result<T, Failure>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.done += 1;
                Some(value)
            }
            Err(failure) => {
                self.failures.push(failure);
                None
            }
        }
    }

    /// Notes that one that was done lacks something.
    pub fn lacks(&mut self, something: bool) {
        self.in_part |= something;
    }

    /// Whether any was done.
    pub fn any(&self) -> bool {
        self.done > 0
    }

    /// Where none was done and some failed: tells why, but for the last failure,
    /// with which the command ends.
    pub fn or_failed(mut self, output: Output) -> Result<Self, Failure> {
        match self.failures.pop() {
            Some(last) if self.done == 0 => {
                self.tell(output);
                Err(last)
            }
            last => {
                self.failures.extend(last);
                Ok(self)
            }
        }
    }

    /// Tells what failed, below the results, and with which code to end.
    pub fn end(self, output: Output) -> ExitCode {
        self.tell(output);
        match self.failures.is_empty() && !self.in_part {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(3),
        }
    }

    fn tell(&self, output: Output) {
        self.failures.iter().for_each(|failure| output.failure(failure));
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::{Failure, Outcomes};
    use crate::output::Output;

    /// Ends things of which each was done (lacking something or not) or failed.
    fn end(outcomes: &[Result<bool, &str>]) -> Result<(ExitCode, usize), String> {
        let (mut noted, output) = (Outcomes::default(), Output::new(true, crate::style::Colours::Never));
        for outcome in outcomes {
            let lacks = noted.note(outcome.map_err(|why| Failure::new("why", why, None)));
            noted.lacks(lacks.unwrap_or_default());
        }
        let noted = noted.or_failed(output).map_err(|last| last.report.message)?;
        let failures = noted.failures.len();
        Ok((noted.end(output), failures))
    }

    #[test]
    fn no_failure_is_lost_in_whatever_order_things_end() {
        let code = |code: u8| ExitCode::from(code);
        assert_eq!(end(&[]), Ok((code(0), 0)));
        assert_eq!(end(&[Ok(false), Ok(false)]), Ok((code(0), 0)));
        assert_eq!(end(&[Ok(true), Ok(false)]), Ok((code(3), 0)));
        for outcomes in [[Ok(false), Err("a")], [Err("a"), Ok(false)]] {
            assert_eq!(end(&outcomes), Ok((code(3), 1)));
        }
        assert_eq!(end(&[Err("a"), Ok(true), Err("b"), Err("c")]), Ok((code(3), 3)));
        assert_eq!(end(&[Err("a"), Err("b")]), Err("b".to_owned()));
    }
}
