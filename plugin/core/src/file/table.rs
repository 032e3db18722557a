//! Cuts a CSV export into rows while it comes in (RFC 4180, and what spreadsheet
//! programs make of it).
//!
//! Lines before the header are passed over: the header is the first line whose
//! first column is `Id`. A row becomes a JSON object of the header's words.

use guest_json::quote;

use super::{Fault, json::MAX_VALUE_BYTES};

/// How much may stand before the header, in bytes.
const MAX_PREAMBLE_BYTES: usize = 64 << 10;

/// How many columns a header may have; an export has about thirty.
const MAX_COLUMNS: usize = 512;

/// How long the name of a column may be: each row is kept with them.
const MAX_COLUMN_BYTES: usize = 256;

/// Takes rows.
pub type Sink<'a> = dyn FnMut(&str) -> Result<(), Fault> + 'a;

/// A table being read.
#[derive(Default)]
pub struct Table {
    /// The header's words as JSON texts; none for a second column of one word.
    header: Option<Vec<Option<String>>>,
    delimiter: u8,
    state: State,
    /// The line before the header, or the current value.
    value: Vec<u8>,
    preamble: usize,
    /// The values of the current row.
    row: Vec<String>,
    row_bytes: usize,
    rows: u64,
}

/// Where in a row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// At the beginning of a row.
    #[default]
    Start,
    /// At the beginning of a value, or in one without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote in a value with quotes.
    Quote,
}

impl Table {
    /// Reads the next piece.
    pub fn feed(&mut self, piece: &[u8], sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut rest = piece;
        while self.header.is_none() {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.value.extend_from_slice(rest);
                return if self.preamble + self.value.len() > MAX_PREAMBLE_BYTES { Err(no_header()) } else { Ok(()) };
            };
            let (line, tail) = rest.split_at(end + 1);
            self.value.extend_from_slice(line);
            rest = tail;
            self.preamble += self.value.len();
            if self.preamble > MAX_PREAMBLE_BYTES {
                return Err(no_header());
            }
            self.read_header()?;
        }
        for byte in rest {
            self.push(*byte, sink)?;
        }
        Ok(())
    }

    /// The end of the file. False where it has no header.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<bool, Fault> {
        if self.header.is_none() {
            self.read_header()?;
            self.state = State::Plain;
            return Ok(self.header.is_some());
        }
        match self.state {
            State::Start => {}
            State::Quoted => return Err(ends_in_the_middle()),
            State::Plain | State::Quote => {
                let columns = self.header.as_ref().map_or(0, Vec::len);
                if self.row.len() + 1 < columns {
                    return Err(ends_in_the_middle());
                }
                self.end_row(sink)?;
                // It may have been cut, which nothing tells.
                self.state = State::Plain;
            }
        }
        Ok(true)
    }

    /// Whether the last row has no end.
    pub fn is_open(&self) -> bool {
        self.state != State::Start
    }

    /// Takes the line that was read as the header if it is one.
    fn read_header(&mut self) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.value);
        let trimmed = line.trim_ascii();
        let word = trimmed.strip_prefix(b"\"").unwrap_or(trimmed);
        let is_id = word.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"id"));
        let behind = word.get(2..).unwrap_or_default();
        let behind = if word.len() < trimmed.len() { behind.strip_prefix(b"\"") } else { Some(behind) };
        let delimiter = match behind.filter(|_| is_id) {
            Some([delimiter @ (b',' | b';' | b'\t'), ..]) => *delimiter,
            _ => return Ok(()),
        };
        self.delimiter = delimiter;
        let mut words = Vec::new();
        for byte in trimmed {
            self.step(*byte)?;
        }
        self.end_value()?;
        let mut seen: Vec<String> = Vec::new();
        for word in self.row.drain(..) {
            let folded = fold(&word);
            if word.len() > MAX_COLUMN_BYTES {
                return Err(Fault::Large(format!("a column with a name of more than {MAX_COLUMN_BYTES} bytes")));
            }
            let is_new = !folded.is_empty() && !seen.contains(&folded);
            words.push(is_new.then(|| quote(word.trim())));
            seen.push(folded);
        }
        self.row_bytes = 0;
        self.state = State::Start;
        self.header = Some(words);
        Ok(())
    }

    fn push(&mut self, byte: u8, sink: &mut Sink<'_>) -> Result<(), Fault> {
        match (self.state, byte) {
            (State::Start, b'\n' | b'\r') => Ok(()),
            (State::Plain | State::Quote, b'\n') => {
                self.end_row(sink)?;
                self.state = State::Start;
                Ok(())
            }
            _ => self.step(byte),
        }
    }

    /// Reads a byte that ends no row.
    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quoted, _) => self.value.push(byte),
            (State::Quote, b'"') => {
                self.value.push(b'"');
                self.state = State::Quoted;
            }
            (_, byte) if byte == self.delimiter => {
                self.end_value()?;
                self.state = State::Plain;
            }
            (State::Start | State::Plain, b'"') if self.value.is_empty() => self.state = State::Quoted,
            (State::Quote, b'\r') => {}
            (State::Quote, _) => return Err(self.damaged("has text behind a quote")),
            (State::Start | State::Plain, _) => {
                self.value.push(byte);
                self.state = State::Plain;
            }
        }
        if self.row_bytes + self.value.len() > MAX_VALUE_BYTES {
            return Err(Fault::Large(format!("a row of more than {} MiB", MAX_VALUE_BYTES >> 20)));
        }
        Ok(())
    }

    fn end_value(&mut self) -> Result<(), Fault> {
        if self.row.len() == MAX_COLUMNS {
            return Err(Fault::Large(format!("a row of more than {MAX_COLUMNS} columns")));
        }
        let bytes = std::mem::take(&mut self.value);
        self.row_bytes += bytes.len();
        // The whole file was checked before it came here.
        self.row.push(String::from_utf8(bytes).unwrap_or_default());
        Ok(())
    }

    fn end_row(&mut self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        if self.state == State::Plain && self.value.ends_with(b"\r") {
            self.value.pop();
        }
        self.end_value()?;
        self.rows += 1;
        let columns = self.header.as_ref().map_or(0, Vec::len);
        if self.row.len() != columns {
            let problem = format!("has {} values under {columns} columns", self.row.len());
            return Err(self.damaged(&problem));
        }
        let mut object = String::with_capacity(self.row_bytes + columns * 16);
        for (word, value) in self.header.iter().flatten().zip(&self.row) {
            if let Some(word) = word {
                object.push(if object.is_empty() { '{' } else { ',' });
                object.push_str(word);
                object.push(':');
                object.push_str(&quote(value));
            }
        }
        object.push('}');
        self.row.clear();
        self.row_bytes = 0;
        sink(&object)
    }

    fn damaged(&self, problem: &str) -> Fault {
        Fault::Alien(format!("a CSV file whose row {} {problem}", self.rows.max(1)))
    }
}

/// A header's word for comparison: `Line Of Code Url` and `line_of_code_url` are
/// one column.
pub fn fold(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn no_header() -> Fault {
    Fault::Alien("a file that is neither JSON nor a CSV export with a column `Id`".to_owned())
}

fn ends_in_the_middle() -> Fault {
    Fault::Alien("a CSV file that ends in the middle of a row".to_owned())
}

#[cfg(test)]
mod tests;
