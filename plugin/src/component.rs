//! The exported functions: each converts, calls the core, and converts back.

use std::{cell::RefCell, io::Write};

use appsec_model::Error;
use semgrep_core::{DocumentReader, Outside, SECRET_VARIABLE, Secret};

use crate::{
    bindings::exports::appsec::connector::source::{self, Guest, GuestDocumentReader},
    bucket::WasiBucket,
    convert::{FromWit, ToWit},
    transport::WasiTransport,
};

/// The component: it has no state, since every call gets a fresh instance.
pub struct Component;

impl Guest for Component {
    type DocumentReader = Reader;

    fn describe() -> source::Manifest {
        semgrep_core::describe().to_wit()
    }

    fn configure(settings: String) -> Result<source::Connection, source::Error> {
        outside(|outside| semgrep_core::configure(&settings, outside))
    }

    fn list_projects(cursor: Option<String>) -> Result<source::ProjectPage, source::Error> {
        outside(|outside| semgrep_core::list_projects(cursor.as_deref(), outside))
    }

    fn fetch_findings(request: source::FetchRequest) -> Result<source::RawPage, source::Error> {
        let request = FromWit::from_wit(request);
        outside(|outside| semgrep_core::fetch_findings(&request, outside))
    }

    fn fetch_scan(id: String) -> Result<Option<source::Scan>, source::Error> {
        outside(|outside| semgrep_core::fetch_scan(&id, outside))
    }

    fn write_decisions(batch: source::DecisionBatch) -> Result<source::DecisionReport, source::Error> {
        let batch = FromWit::from_wit(batch);
        outside(|outside| semgrep_core::write_decisions(&batch, outside))
    }

    fn normalize(input: source::RawInput) -> Result<source::Normalized, source::Error> {
        semgrep_core::normalize(&FromWit::from_wit(input)).map(ToWit::to_wit).map_err(ToWit::to_wit)
    }

    fn interpret_event(body: Vec<u8>) -> Result<source::Event, source::Error> {
        semgrep_core::interpret_event(&body).map(ToWit::to_wit).map_err(ToWit::to_wit)
    }
}

/// A file being read.
pub struct Reader(RefCell<DocumentReader>);

impl GuestDocumentReader for Reader {
    fn new(head: source::DocumentHead) -> Self {
        Self(RefCell::new(DocumentReader::new(FromWit::from_wit(head))))
    }

    fn survey(&self, piece: Vec<u8>) -> Result<(), source::Error> {
        self.0.borrow_mut().survey(&piece).map_err(ToWit::to_wit)
    }

    fn summarize(&self) -> Result<source::DocumentSummary, source::Error> {
        self.0.borrow_mut().summarize().map(ToWit::to_wit).map_err(ToWit::to_wit)
    }

    fn read(&self, piece: Vec<u8>) -> Result<Vec<source::RawRecord>, source::Error> {
        self.0.borrow_mut().read(&piece).map(ToWit::to_wit).map_err(ToWit::to_wit)
    }

    fn finish(&self) -> Result<Vec<source::RawRecord>, source::Error> {
        self.0.borrow_mut().finish().map(ToWit::to_wit).map_err(ToWit::to_wit)
    }
}

/// Runs a call with what WASI offers. The variable is read anew by every call:
/// a host may change the secret between calls.
fn outside<T: ToWit>(call: impl FnOnce(&mut Outside<'_>) -> Result<T, Error>) -> Result<T::Wit, source::Error> {
    let secret = std::env::var(SECRET_VARIABLE).ok().and_then(|value| Secret::new(&value));
    let (mut transport, mut bucket) = (WasiTransport, WasiBucket::default());
    let result = call(&mut Outside { transport: &mut transport, bucket: &mut bucket, secret: secret.as_ref() });
    if let Err(error) = &result {
        log(format_args!("error: {error}"));
    }
    result.map(T::to_wit).map_err(ToWit::to_wit)
}

/// Writes one event as one line. A host that takes no log lines loses nothing
/// else.
pub fn log(event: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{event}");
}
