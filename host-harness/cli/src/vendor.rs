//! Who answers a connector that is tried: the vendor, or recorded answers.

use std::path::{Path, PathBuf};

use host_harness::{
    Answers,
    conformance::Cassette,
    grant::{Origin, SecretSource, read_bounded, write_private},
    store::ConnectorSource,
};
use serde_json::{Map, Value};

use super::{Context, error::Failure, instance::SettingsArgs, secret::SecretArgs};

/// Options of commands that can do without a vendor.
#[derive(clap::Args)]
pub struct TapeArgs {
    /// Record the vendor's answers in this file, without the token and without people's mail addresses
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Use recorded answers instead of a vendor; no token is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "token"])]
    pub cassette: Option<PathBuf>,
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
}

/// The same, read.
pub struct Vendor {
    /// Who answers; none where nothing was said.
    pub answers: Option<Answers>,
    pub record: Option<PathBuf>,
    pub settings: Map<String, Value>,
    pub secret: Option<SecretSource>,
}

impl VendorArgs {
    pub fn read(self) -> Result<Vendor, Failure> {
        let answers = match &self.tape.cassette {
            Some(path) => Some(Answers::Cassette(read(path)?)),
            None => Some(self.against).filter(|it| !it.is_empty()).map(Answers::Origins),
        };
        let (secret, settings) = (self.secret.source()?, self.settings.read()?);
        Ok(Vendor { answers, record: self.tape.record, settings, secret })
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

/// Keeps what was recorded, where that was asked for. It holds what the vendor
/// says of an account.
pub fn keep(path: Option<&Path>, cassette: Option<&str>) -> Result<(), Failure> {
    if let (Some(path), Some(text)) = (path, cassette) {
        write_private(path, text.as_bytes()).map_err(|error| unwritten(path, &error))?;
    }
    Ok(())
}

pub fn unwritten(path: &Path, error: &dyn std::error::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    Failure::new("file-unwritable", message, Some("check the path and its permissions"))
}
