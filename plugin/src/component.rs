//! The exported functions: each converts, calls the core, and converts back.

use std::io::Write;

use appsec_model::Error;
use semgrep_core::{Outside, SECRET_VARIABLE, Secret};

use crate::{
    bindings::exports::appsec::connector::source::{self, Guest},
    bucket::WasiBucket,
    convert::{FromWit, ToWit},
    transport::WasiTransport,
};

/// The component: it has no state, since every call gets a fresh instance.
pub struct Component;

impl Guest for Component {
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

    fn normalize(input: source::RawInput) -> Result<source::Normalized, source::Error> {
        semgrep_core::normalize(&FromWit::from_wit(input)).map(ToWit::to_wit).map_err(ToWit::to_wit)
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
