//! One connector under test, in two forms that must not be told apart: the
//! core as a native library, and the component in the host's sandbox.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use appsec_model::{Error, FetchRequest, RawInput};
use host_harness::sandbox::{CallError, CallFailure, Connector, Grant, Response};
use semgrep_core::{Bucket, BucketError, Outside, Secret};
use serde_json::json;

use crate::{context::TOKEN, http::NativeTransport};

/// The answer of a call: its JSON.
pub type Answer<'a> = Pin<Box<dyn Future<Output = String> + 'a>>;

/// The functions of the contract, with JSON as their result.
pub trait ConnectorUnderTest {
    /// `describe`.
    fn describe(&mut self) -> Answer<'_>;
    /// `configure`.
    fn configure<'a>(&'a mut self, settings: &'a str) -> Answer<'a>;
    /// `list-projects`.
    fn list_projects<'a>(&'a mut self, cursor: Option<&'a str>) -> Answer<'a>;
    /// `fetch-findings`.
    fn fetch_findings(&mut self, request: FetchRequest) -> Answer<'_>;
    /// `normalize`.
    fn normalize(&mut self, input: RawInput) -> Answer<'_>;
    /// `interpret-event`.
    fn interpret_event<'a>(&'a mut self, body: &'a [u8]) -> Answer<'a>;
}

/// `{"ok": …}` or `{"error": …}`.
fn shown<T: serde::Serialize>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => json!({ "ok": value }).to_string(),
        Err(error) => json!({ "error": error }).to_string(),
    }
}

/// The core as a library, with sockets and a map in memory.
#[derive(Default)]
pub struct NativeCore {
    bucket: MemoryBucket,
    /// The token that it holds, if it is not the usual one.
    pub token: Option<String>,
}

#[derive(Default)]
struct MemoryBucket(BTreeMap<String, Vec<u8>>);

impl Bucket for MemoryBucket {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        Ok(self.0.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), BucketError> {
        self.0.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

impl NativeCore {
    fn call<T: serde::Serialize>(&mut self, call: impl FnOnce(&mut Outside<'_>) -> Result<T, Error>) -> Answer<'_> {
        let secret = Secret::new(self.token.as_deref().unwrap_or(TOKEN));
        let mut outside =
            Outside { transport: &mut NativeTransport, bucket: &mut self.bucket, secret: secret.as_ref() };
        let answer = shown(call(&mut outside));
        Box::pin(std::future::ready(answer))
    }
}

impl ConnectorUnderTest for NativeCore {
    fn describe(&mut self) -> Answer<'_> {
        self.call(|_| Ok(semgrep_core::describe()))
    }

    fn configure<'a>(&'a mut self, settings: &'a str) -> Answer<'a> {
        self.call(|outside| semgrep_core::configure(settings, outside))
    }

    fn list_projects<'a>(&'a mut self, cursor: Option<&'a str>) -> Answer<'a> {
        self.call(|outside| semgrep_core::list_projects(cursor, outside))
    }

    fn fetch_findings(&mut self, request: FetchRequest) -> Answer<'_> {
        self.call(|outside| semgrep_core::fetch_findings(&request, outside))
    }

    fn normalize(&mut self, input: RawInput) -> Answer<'_> {
        self.call(|_| semgrep_core::normalize(&input))
    }

    fn interpret_event<'a>(&'a mut self, body: &'a [u8]) -> Answer<'a> {
        self.call(|_| semgrep_core::interpret_event(body))
    }
}

/// The component in a sandbox of the host.
pub struct CompiledComponent {
    /// The component.
    pub connector: Connector,
    /// What it may use.
    pub grant: Grant,
}

/// What the connector says; that the host stopped it is never an answer.
fn answer<T: serde::Serialize>(called: Result<Response<T>, CallError>) -> String {
    match called {
        Ok(called) => shown(Ok(called.value)),
        Err(CallError { failure: CallFailure::Contract(error), .. }) => shown::<T>(Err(error)),
        Err(stopped) => panic!("{stopped}"),
    }
}

impl ConnectorUnderTest for CompiledComponent {
    fn describe(&mut self) -> Answer<'_> {
        Box::pin(async { answer(self.connector.describe("test").await) })
    }

    fn configure<'a>(&'a mut self, settings: &'a str) -> Answer<'a> {
        Box::pin(async { answer(self.connector.configure(&self.grant, settings).await) })
    }

    fn list_projects<'a>(&'a mut self, cursor: Option<&'a str>) -> Answer<'a> {
        Box::pin(async move { answer(self.connector.list_projects(&self.grant, cursor).await) })
    }

    fn fetch_findings(&mut self, request: FetchRequest) -> Answer<'_> {
        Box::pin(async { answer(self.connector.fetch_findings(&self.grant, request).await) })
    }

    fn normalize(&mut self, input: RawInput) -> Answer<'_> {
        Box::pin(async { answer(self.connector.normalize("test", input).await) })
    }

    fn interpret_event<'a>(&'a mut self, body: &'a [u8]) -> Answer<'a> {
        Box::pin(async { answer(self.connector.interpret_event("test", body).await) })
    }
}
