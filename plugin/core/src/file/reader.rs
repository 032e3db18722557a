//! Reads a file in two passes over its bytes.

use appsec_model::{DocumentHead, DocumentSummary, Error, RawRecord};

use super::{
    Fault, alien,
    input::{Input, Part},
    output::Output,
    survey::Survey,
};

/// A file being read; see the contract's `document-reader`.
///
/// What it takes of memory grows with the largest record and, slowly, with the
/// number of records: the results of a scanner's report have no ids, so that
/// some bytes of each are kept to number them.
pub struct DocumentReader {
    head: DocumentHead,
    input: Input,
    survey: Survey,
    stage: Stage,
}

const ANOTHER_FILE: &str = "the second pass was over another file than the first";

/// How far a file was read.
enum Stage {
    /// In the first pass.
    Survey,
    /// In the second pass.
    Read(Output),
    /// Behind it, or behind an error.
    Over,
}

impl DocumentReader {
    /// A reader that has seen nothing yet.
    pub fn new(head: DocumentHead) -> Self {
        Self { survey: Survey::new(&head), head, input: Input::default(), stage: Stage::Survey }
    }

    /// First pass: the next piece.
    pub fn survey(&mut self, piece: &[u8]) -> Result<(), Error> {
        let survey = &mut self.survey;
        let result = match self.stage {
            Stage::Survey => self.input.feed(piece, &mut |part| survey.part(part)),
            _ => Err(Fault::Misused("the first pass is over")),
        };
        result.map_err(|fault| self.fail(fault))
    }

    /// The end of the first pass.
    pub fn summarize(&mut self) -> Result<DocumentSummary, Error> {
        let summary = match self.stage {
            Stage::Survey => {
                let (survey, input) = (&mut self.survey, &mut self.input);
                let documents = input.finish(&mut |part| survey.part(part));
                documents.and_then(|documents| survey.finish(&self.head, input, documents))
            }
            _ => Err(Fault::Misused("the first pass is over")),
        };
        let summary = summary.map_err(|fault| self.fail(fault))?;
        self.input = Input::default();
        self.stage = Stage::Read(Output::default());
        Ok(summary)
    }

    /// Second pass: the next piece.
    pub fn read(&mut self, piece: &[u8]) -> Result<Vec<RawRecord>, Error> {
        let mut records = Vec::new();
        let (survey, head, input) = (&self.survey, &self.head, &mut self.input);
        let result = match &mut self.stage {
            Stage::Read(output) => input.feed(piece, &mut |part| {
                records.extend(output.part(part, survey, head)?);
                Ok(())
            }),
            _ => Err(Fault::Misused("the second pass has not begun, or is over")),
        };
        result.map_err(|fault| self.fail(fault))?;
        Ok(records)
    }

    /// The end of the second pass.
    pub fn finish(&mut self) -> Result<Vec<RawRecord>, Error> {
        let mut records = Vec::new();
        let (survey, head, input) = (&self.survey, &self.head, &mut self.input);
        let result = match &mut self.stage {
            Stage::Read(output) => {
                let mut sink = |part: Part<'_>| {
                    records.extend(output.part(part, survey, head)?);
                    Ok(())
                };
                match input.finish(&mut sink) {
                    Ok(_) if output.records != survey.records => Err(Fault::Misused(ANOTHER_FILE)),
                    documents => documents.map(drop),
                }
            }
            _ => Err(Fault::Misused("the second pass has not begun, or is over")),
        };
        result.map_err(|fault| self.fail(fault))?;
        self.stage = Stage::Over;
        Ok(records)
    }

    /// The error that ends the reading.
    fn fail(&mut self, fault: Fault) -> Error {
        self.stage = Stage::Over;
        let fault = match fault {
            Fault::Unknown => Fault::Alien(self.input.looks_like()),
            fault => fault,
        };
        alien::error(&self.head.name, fault)
    }
}

#[cfg(test)]
mod tests;
