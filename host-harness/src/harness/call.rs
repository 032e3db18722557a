//! One function of a connector, called by itself.

use std::{collections::BTreeMap, sync::Arc};

use appsec_conformance::Scratch;
use appsec_grant::SecretSource;
use appsec_model::{
    Connection, Event, FetchRequest, Manifest, Normalized, ProjectPage, RawInput, RawPage, RawRecord, Scan,
};
use appsec_sandbox::{CallStats, Grant, Response};
use appsec_store::ConnectorSource;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Harness, workbench::Answers};
use crate::error::Error;

/// A function of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Function {
    /// `describe`, which takes nothing.
    Describe,
    /// `configure`, which takes settings.
    Configure,
    /// `list-projects`, which takes a cursor or nothing.
    ListProjects,
    /// `fetch-findings`, which takes a request.
    FetchFindings,
    /// `fetch-scan`, which takes an id.
    FetchScan,
    /// `normalize`, which takes records.
    Normalize,
    /// `interpret-event`, which takes the body of a request.
    InterpretEvent,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Describe,
        Self::Configure,
        Self::ListProjects,
        Self::FetchFindings,
        Self::FetchScan,
        Self::Normalize,
        Self::InterpretEvent,
    ];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Configure => "configure",
            Self::ListProjects => "list-projects",
            Self::FetchFindings => "fetch-findings",
            Self::FetchScan => "fetch-scan",
            Self::Normalize => "normalize",
            Self::InterpretEvent => "interpret-event",
        }
    }

    /// Whether it reaches the vendor.
    pub fn has_network(self) -> bool {
        matches!(self, Self::Configure | Self::ListProjects | Self::FetchFindings | Self::FetchScan)
    }
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The connector.
    pub connector: ConnectorSource,
    /// Which function.
    pub function: Function,
    /// Its argument in JSON; of `interpret-event` the body itself.
    pub input: Vec<u8>,
    /// Who answers, where it reaches the vendor.
    pub vendor: Answers,
    /// Whether the vendor's answers are recorded.
    pub record: bool,
    /// Where its secrets are read from; by default from the environment
    /// variables that it names.
    pub secret: Option<SecretSource>,
    /// The same of each of several, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Its settings: `configure` is called with them before what needs it.
    pub settings: Map<String, Value>,
}

/// What a function returned.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum FunctionResult {
    /// Of `describe`.
    Manifest(Box<Manifest>),
    /// Of `configure`.
    Connection(Connection),
    /// Of `list-projects`.
    Projects(ProjectPage),
    /// Of `fetch-findings`.
    Page(RawPage),
    /// Of `fetch-scan`.
    Scan(Option<Box<Scan>>),
    /// Of `normalize`.
    Normalized(Normalized),
    /// Of `interpret-event`.
    Event(Event),
}

/// A function that was called.
#[derive(Clone, Debug)]
pub struct Called {
    /// What it returned.
    pub value: FunctionResult,
    /// What it took.
    pub stats: CallStats,
    /// The vendor's answers, where they were to be recorded.
    pub cassette: Option<String>,
}

/// What `normalize` is given: records, or a page with them.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "it takes a page of `fetch-findings`, a list of its records, or one of them; a record has `kind` and \
                 `body`, which is the vendor's JSON as a text"
)]
enum Records {
    Page { records: Vec<RawRecord> },
    List(Vec<RawRecord>),
    One(RawRecord),
}

impl Harness {
    /// Calls one function of a connector. What it keeps in its bucket is
    /// forgotten afterwards.
    pub async fn call(&self, asked: FunctionCall) -> Result<Called, Error> {
        let FunctionCall { connector, function, input, vendor, record, secret, secrets, mut settings } = asked;
        let loaded = self.connector(&connector).await?.connector;
        let name = connector.to_string();
        let read = Input { function, bytes: &input };
        if !function.has_network() {
            let (value, stats) = match function {
                Function::Normalize => {
                    let records = match read.json()? {
                        Records::Page { records } | Records::List(records) => records,
                        Records::One(record) => vec![record],
                    };
                    split(loaded.normalize(&name, RawInput::Records(records)).await?, FunctionResult::Normalized)
                }
                Function::InterpretEvent => split(loaded.interpret_event(&name, &input).await?, FunctionResult::Event),
                _ => split(loaded.describe(&name).await?, |it| FunctionResult::Manifest(Box::new(it))),
            };
            return Ok(Called { value, stats, cassette: None });
        }
        if function == Function::Configure && !read.is_empty() {
            settings.extend(read.json::<Map<String, Value>>()?);
        }
        let bench = self.workbench(&loaded, &name, &vendor, (secret.as_ref(), &secrets), settings).await?;
        let grant =
            Grant { instance_path: name, http: Some(bench.http.clone()), bucket: Some(Arc::<Scratch>::default()) };
        let made = async {
            let connected = loaded.configure(&grant, &Value::Object(bench.settings.clone()).to_string()).await?;
            Ok::<_, Error>(match function {
                Function::ListProjects => {
                    let cursor: Option<String> = if read.is_empty() { None } else { read.json()? };
                    split(loaded.list_projects(&grant, cursor.as_deref()).await?, FunctionResult::Projects)
                }
                Function::FetchFindings => {
                    let request: FetchRequest = read.json()?;
                    split(loaded.fetch_findings(&grant, request).await?, FunctionResult::Page)
                }
                Function::FetchScan => {
                    let id: String = read.json()?;
                    split(loaded.fetch_scan(&grant, &id).await?, |it| FunctionResult::Scan(it.map(Box::new)))
                }
                _ => split(connected, FunctionResult::Connection),
            })
        };
        let made = made.await;
        // What a recording lacks is why the call failed.
        if let Some(missing) = bench.network.missing() {
            return Err(missing.into());
        }
        let (value, stats) = made?;
        let cassette = if record { bench.recording()? } else { None };
        Ok(Called { value, stats, cassette })
    }
}

fn split<T>(response: Response<T>, of: impl FnOnce(T) -> FunctionResult) -> (FunctionResult, CallStats) {
    (of(response.value), response.report)
}

/// What a function is given.
struct Input<'a> {
    function: Function,
    bytes: &'a [u8],
}

impl Input<'_> {
    fn is_empty(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let told =
            |error: serde_json::Error| Error::CallInput { function: self.function.as_str(), detail: error.to_string() };
        serde_json::from_slice(self.bytes).map_err(told)
    }
}
