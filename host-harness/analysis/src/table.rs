//! How tables of comma-separated values are read: row by row, as bytes.

use std::io::{self, Chain, Read};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Terminator, Trim};

/// Reads rows of any length, trimmed, the row with the names among them.
pub(crate) fn reader<R: Read>(reader: R) -> Reader<Chain<R, &'static [u8]>> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .terminator(Terminator::Any(b'\n'))
        .from_reader(reader.chain(&b"\n"[..]))
}

/// The line that a row begins on, from the line after it. The reader's own
/// position of a row is before the empty lines above it. It counts line feeds,
/// so these alone end a row here: a carriage return is trimmed away, and a line
/// feed after the last row makes it end like the others.
pub(crate) fn first_line(fields: &ByteRecord, next: u64) -> u64 {
    let within = fields.as_slice().iter().filter(|byte| **byte == b'\n').count();
    next.saturating_sub(1).saturating_sub(u64::try_from(within).unwrap_or(u64::MAX)).max(1)
}

/// Rows of bytes of any length have no errors but those of reading.
pub(crate) fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}
