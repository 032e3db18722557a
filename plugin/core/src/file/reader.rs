//! Cuts a file into records, in two passes over its bytes.

use appsec_model::{DocumentHead, DocumentSummary, Error, RawRecord};

/// A file being read; see the contract's `document-reader`.
pub struct DocumentReader {
    head: DocumentHead,
}

impl DocumentReader {
    /// A reader that has seen nothing yet.
    pub fn new(head: DocumentHead) -> Self {
        Self { head }
    }

    /// First pass: the next piece.
    pub fn survey(&mut self, _piece: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    /// The end of the first pass.
    pub fn summarize(&mut self) -> Result<DocumentSummary, Error> {
        Err(Error::Unsupported { what: self.head.name.clone() })
    }

    /// Second pass: the next piece.
    pub fn read(&mut self, _piece: &[u8]) -> Result<Vec<RawRecord>, Error> {
        Ok(Vec::new())
    }

    /// The end of the second pass.
    pub fn finish(&mut self) -> Result<Vec<RawRecord>, Error> {
        Ok(Vec::new())
    }
}
