//! Diagnostics, collected while records are read one after the other.

use appsec_model::{Diagnostic, DiagnosticLevel, Timestamp};

use crate::moment;

/// The diagnostics of a call, and the record that the next ones are about.
#[derive(Debug, Default)]
pub struct Remarks {
    diagnostics: Vec<Diagnostic>,
    index: Option<u32>,
    /// Position of the current record's first diagnostic.
    first: usize,
    /// What stands before every pointer: the part of the record being read.
    base: &'static str,
}

impl Remarks {
    /// Goes on to the record at this position.
    pub fn start(&mut self, index: usize) {
        self.index = u32::try_from(index).ok();
        self.first = self.diagnostics.len();
    }

    /// Ends a record: its diagnostics get its id, which is known only now. A
    /// record without remarks, the usual case, costs nothing.
    pub fn finish(&mut self, id: Option<&str>) {
        for diagnostic in self.diagnostics.iter_mut().skip(self.first) {
            diagnostic.id = id.map(str::to_owned);
        }
        self.first = self.diagnostics.len();
    }

    /// Runs something on a part of the record.
    pub fn inside<R>(&mut self, base: &'static str, run: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.base, base);
        let result = run(self);
        self.base = outer;
        result
    }

    /// The record is of use, but something in it deserves attention.
    pub fn warn(&mut self, code: &str, pointer: &str, message: String) {
        self.push(DiagnosticLevel::Warning, code, Some(format!("{}{pointer}", self.base)), message);
    }

    /// The record is of no use; or a part of it is, which is only a warning.
    pub fn error(&mut self, code: &str, message: String) {
        match self.base {
            "" => self.push(DiagnosticLevel::Error, code, None, message),
            _ => self.warn(code, "", message),
        }
    }

    /// The record is left out on purpose.
    pub fn skip(&mut self, code: &str, message: String) {
        self.push(DiagnosticLevel::Skipped, code, None, message);
    }

    /// Takes back what was said of the current record under this code.
    pub fn forget(&mut self, code: &str) {
        let mut at = 0;
        let first = self.first;
        self.diagnostics.retain(|diagnostic| {
            at += 1;
            at <= first || diagnostic.code != code
        });
    }

    /// Reads a date; one that cannot be read is absent, with a warning.
    pub fn moment(&mut self, pointer: &str, text: &str) -> Option<Timestamp> {
        let moment = moment::read(text);
        if moment.is_none() {
            self.warn("invalid-date", pointer, format!("`{}` is no date with an offset", shorten(text)));
        }
        moment
    }

    /// All diagnostics, in the order of the records.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    fn push(&mut self, level: DiagnosticLevel, code: &str, pointer: Option<String>, message: String) {
        let (code, index) = (code.to_owned(), self.index);
        self.diagnostics.push(Diagnostic { level, code, index, id: None, pointer, message });
    }
}

/// How much of a value of the vendor a message shows.
const MAX_SHOWN_CHARS: usize = 100;

/// A value of the vendor, short enough for a message.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
