//! Who answers a connector that is tried: the vendor, or recorded answers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use host_harness::{
    Answers,
    conformance::Cassette,
    grant::{Origin, SecretSource, read_bounded, write_private},
    store::ConnectorSource,
};
use serde_json::{Map, Value};

use super::{
    Context,
    error::Failure,
    instance::SettingsArgs,
    secret::{EachArgs, SecretArgs},
};

/// Options of commands that can do without a vendor.
#[derive(clap::Args)]
pub struct TapeArgs {
    /// Record the vendor's answers in this file, without the token and without people's mail addresses
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Use recorded answers instead of a vendor; no token is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "token"])]
    pub cassette: Option<PathBuf>,
    /// Replace in the recording what answers have at this JSON Pointer, such as /projects/*/name (repeatable)
    #[arg(long, value_name = "POINTER", requires = "record", conflicts_with = "cassette", value_parser = pointer)]
    pub scrub: Vec<String>,
}

/// Options of commands that try a connector.
#[derive(clap::Args)]
pub struct VendorArgs {
    /// Use the vendor at this origin; repeat for further origins
    #[arg(long, value_name = "ORIGIN", conflicts_with = "cassette")]
    pub against: Vec<Origin>,
    #[command(flatten)]
    pub tape: TapeArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub secret: SecretArgs,
    #[command(flatten)]
    pub each: EachArgs,
}

fn pointer(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("begin it with `/`; `*` stands for every member".to_owned()),
    }
}

/// The same, read.
pub struct Vendor {
    /// Who answers; none where nothing was said.
    pub answers: Option<Answers>,
    /// The file of recorded answers that they are from.
    pub cassette: Option<PathBuf>,
    pub record: Option<PathBuf>,
    /// What is called something else in a recording.
    pub scrub: Vec<String>,
    pub settings: Map<String, Value>,
    pub secret: Option<SecretSource>,
    /// The same of each of several, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
}

impl VendorArgs {
    pub fn read(self) -> Result<Vendor, Failure> {
        let answers = match &self.tape.cassette {
            Some(path) => Some(Answers::Cassette(read(path)?)),
            None => Some(self.against).filter(|it| !it.is_empty()).map(Answers::Origins),
        };
        let (secret, secrets, settings) = (self.secret.source()?, self.each.sources()?, self.settings.read()?);
        let TapeArgs { record, cassette, scrub } = self.tape;
        Ok(Vendor { answers, cassette, record, scrub, settings, secret, secrets })
    }
}

impl Vendor {
    /// Keeps what was recorded, where that was asked for.
    pub fn keep(&self, cassette: Option<&str>) -> Result<(), Failure> {
        keep(self.record.as_deref(), &self.scrub, cassette)
    }
}

/// The connector that a command names, or the one of all commands.
pub async fn connector(context: &Context, named: Option<&Path>) -> Result<ConnectorSource, Failure> {
    Ok(match named {
        Some(reference) => context.harness.connector_source(reference).await?,
        None => context.connector.clone(),
    })
}

/// Bytes of a recording: what a sandbox takes of answers, many times over.
const MAX_CASSETTE_BYTES: u64 = 1 << 30;

pub fn read(path: &Path) -> Result<Cassette, Failure> {
    let told = |error: String| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::new("file-unreadable", message, Some("check the path and its permissions"))
    };
    let bytes = read_bounded(path, MAX_CASSETTE_BYTES).map_err(|error| told(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| told("it is no text".to_owned()))?;
    Cassette::read(&text).map_err(|error| host_harness::Error::from(error).into())
}

/// Keeps what was recorded, where that was asked for, under other names where
/// these are not to be in it. It holds what the vendor says of an account.
pub fn keep(path: Option<&Path>, scrub: &[String], cassette: Option<&str>) -> Result<(), Failure> {
    let (Some(path), Some(text)) = (path, cassette) else { return Ok(()) };
    let told = |problem: String| {
        let message = format!("the cassette is not written: {problem}");
        Failure::new("cassette-scrub", message, Some("give --scrub the place of names in the vendor's answers"))
    };
    let text = Cassette::scrub(text, scrub).map_err(told)?;
    write_private(path, text.as_bytes()).map_err(|error| unwritten(path, &error))
}

pub fn unwritten(path: &Path, error: &dyn std::error::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    Failure::new("file-unwritable", message, Some("check the path and its permissions"))
}
