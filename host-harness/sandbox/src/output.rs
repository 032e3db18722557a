//! What a guest writes to standard error: bounded lines for the log.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::capability::mask::redacted;

/// Lines that an error message shows.
const TAIL: usize = 5;

/// Collects what a guest writes. What is over the bound is dropped and counted:
/// a guest that floods its log harms only its log.
#[derive(Clone)]
pub(super) struct Log {
    collected: Arc<Mutex<Collected>>,
    line_bytes: usize,
}

/// What a guest wrote to its log, before anything of it was cut or replaced.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LogStats {
    /// Bytes, with those that were dropped.
    pub bytes: u64,
    /// Whether a secret of the call, or what stands for it, is in it.
    pub has_secret: bool,
    /// Whether control characters are in it, beside ends of lines and tabs.
    pub has_control: bool,
}

impl LogStats {
    /// The worse of two.
    pub fn worst(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            has_secret: self.has_secret || other.has_secret,
            has_control: self.has_control || other.has_control,
        }
    }
}

struct Collected {
    bytes: Vec<u8>,
    room: usize,
    dropped: u64,
    told: usize,
}

impl Log {
    pub fn new(bytes: usize, line_bytes: usize) -> Self {
        let collected = Collected { bytes: Vec::new(), room: bytes, dropped: 0, told: 0 };
        Self { collected: Arc::new(Mutex::new(collected)), line_bytes }
    }

    fn write(&self, bytes: &[u8]) {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, dropped) = bytes.split_at(collected.room.min(bytes.len()));
        collected.bytes.extend_from_slice(kept);
        collected.room -= kept.len();
        collected.dropped += dropped.len() as u64;
    }

    /// The lines, safe to print: cut, without control characters, and without
    /// any of the given secrets.
    pub fn lines(&self, secrets: &[&str]) -> Vec<String> {
        let collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&collected.bytes);
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| clean(line, secrets, self.line_bytes))
            .collect();
        if collected.dropped > 0 {
            lines.push(format!("({} further bytes of the log were dropped)", collected.dropped));
        }
        lines
    }

    /// What was written so far.
    pub fn stats(&self, secrets: &[&str]) -> LogStats {
        let collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&collected.bytes);
        LogStats {
            bytes: collected.bytes.len() as u64 + collected.dropped,
            has_secret: secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret)),
            has_control: text.lines().any(|line| line.contains(|sign: char| sign.is_control() && sign != '\t')),
        }
    }

    /// The lines that were not asked for before.
    pub fn news(&self, secrets: &[&str]) -> Vec<String> {
        let mut lines = self.lines(secrets);
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let told = std::mem::replace(&mut collected.told, lines.len());
        lines.split_off(told.min(lines.len()))
    }

    /// The last lines, for an error message.
    pub fn tail(&self, secrets: &[&str]) -> Vec<String> {
        let mut lines = self.lines(secrets);
        lines.split_off(lines.len().saturating_sub(TAIL))
    }
}

/// Makes a guest's text fit for a terminal and a log.
pub fn clean(text: &str, secrets: &[&str], limit: usize) -> String {
    let text = redacted(text, secrets, "[redacted]");
    let shown: String =
        text.chars().map(|sign| if sign.is_control() && sign != '\t' { '\u{fffd}' } else { sign }).collect();
    if shown.len() <= limit {
        return shown;
    }
    let end = shown.floor_char_boundary(limit);
    format!("{}… ({} bytes)", shown.get(..end).unwrap_or_default(), shown.len())
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Log {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, LogStats};

    #[test]
    fn a_flood_is_cut_and_counted() {
        let log = Log::new(10, 100);
        log.write(b"12345\n");
        log.write(b"1234567890");
        assert_eq!(log.lines(&[]), ["12345", "1234", "(6 further bytes of the log were dropped)"]);
    }

    #[test]
    fn what_was_written_is_counted_and_judged_as_it_came() {
        let log = Log::new(17, 4);
        log.write("told \u{fffd} with s3cr3t\tand more\r\n".as_bytes());
        let stats = LogStats { bytes: 31, has_secret: false, has_control: false };
        assert_eq!(log.stats(&["", "s3cr3t"]), stats, "it was dropped before it was seen");
        assert_eq!(log.stats(&["told"]), LogStats { has_secret: true, ..stats });
        let log = Log::new(1000, 4);
        log.write(b"one\x1b[31m\n");
        assert_eq!(log.stats(&[]), LogStats { bytes: 9, has_control: true, ..LogStats::default() });
    }

    #[test]
    fn a_line_shows_neither_secrets_nor_control_characters_nor_all_of_itself() {
        let log = Log::new(1000, 12);
        log.write(b"\x1b[31mtoken s3cr3t\n");
        log.write("ääääääää\n".as_bytes());
        assert_eq!(log.lines(&["s3cr3t"]), ["\u{fffd}[31mtoken… (23 bytes)", "ääääää… (16 bytes)"]);
    }
}
