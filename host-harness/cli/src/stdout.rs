//! Standard output: everything that is printed goes through here, so that the
//! program knows at its end whether all of it arrived.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use super::error::Failure;

/// What went wrong first.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Standard output. What goes wrong is kept for [`finish`]: whoever prints lines
/// does not have to look after each of them.
pub struct Stdout(io::StdoutLock<'static>);

/// Standard output, for one writer at a time.
pub fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        kept(&FAILED, self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        kept(&FAILED, self.0.flush())
    }
}

/// Prints a text as it is.
pub fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}

/// Fails if something could not be printed.
pub fn finish() -> Result<(), Failure> {
    let _ = stdout().flush();
    let failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner).take();
    failed.map_or(Ok(()), |error| Err(failure(&error)))
}

/// The failure of what is written to standard output as a whole.
pub fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if !is_closed(&error) => Err(failure(&error)),
        _ => Ok(()),
    }
}

/// A reader that went away, such as `head`, is no failure: it has what it wanted.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn kept<T>(first: &Mutex<Option<io::Error>>, result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result
        && !is_closed(error)
        && error.kind() != io::ErrorKind::Interrupted
    {
        let told = || io::Error::new(error.kind(), error.to_string());
        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(told);
    }
    result
}

fn failure(error: &io::Error) -> Failure {
    let hint = "print to another place, or free some space; what the command has done stays, only its output is \
                  not complete";
    Failure::new("io", format!("the output cannot be written: {error}"), Some(hint))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Error, ErrorKind, Result},
        sync::Mutex,
    };

    use super::{kept, written};

    #[test]
    fn the_first_failure_is_kept_and_a_closed_pipe_is_none() {
        let first = Mutex::new(None);
        let fails = |kind: ErrorKind, text: &str| -> Result<()> { kept(&first, Err(Error::new(kind, text))) };
        fails(ErrorKind::BrokenPipe, "closed").unwrap_err();
        fails(ErrorKind::Interrupted, "again").unwrap_err();
        assert!(first.lock().unwrap().is_none());
        fails(ErrorKind::StorageFull, "full").unwrap_err();
        fails(ErrorKind::Other, "later").unwrap_err();
        assert_eq!(first.lock().unwrap().as_ref().unwrap().to_string(), "full");
        written(Err(Error::from(ErrorKind::BrokenPipe))).unwrap();
        let full = written(Err(Error::new(ErrorKind::StorageFull, "full"))).unwrap_err();
        assert!(full.report.message.ends_with("written: full"), "{}", full.report.message);
    }
}
