//! Stand-ins for the world outside, for tests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Bucket, BucketError, Outside, Request, Response, Secret, Transport, TransportError};

/// A vendor that answers by a function of the path, or of `POST`, path and body,
/// and remembers what it was asked.
pub struct Vendor<F> {
    pub asked: Vec<String>,
    answer: F,
}

impl<F: FnMut(&str) -> Result<Response, TransportError>> Vendor<F> {
    pub fn new(answer: F) -> Self {
        Self { asked: Vec::new(), answer }
    }
}

impl<F: FnMut(&str) -> Result<Response, TransportError>> Transport for Vendor<F> {
    fn send(&mut self, request: &Request<'_>) -> Result<Response, TransportError> {
        let asked = match request.body {
            Some(body) => format!("{} {} {body}", request.method(), request.path),
            None => request.path.to_owned(),
        };
        self.asked.push(asked.clone());
        (self.answer)(&asked)
    }
}

/// A bucket in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryBucket(pub BTreeMap<String, Vec<u8>>);

impl MemoryBucket {
    /// A bucket as `configure` leaves it for the deployment `acme`.
    pub fn configured(settings: &Value) -> Self {
        let deployment = json!({ "id": "1", "slug": "acme", "name": null });
        let stored = json!({ "version": 1, "settings": settings, "deployment": deployment });
        Self(BTreeMap::from([("connection".to_owned(), stored.to_string().into_bytes())]))
    }
}

impl Bucket for MemoryBucket {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        Ok(self.0.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), BucketError> {
        self.0.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

/// Runs something with a secret and these two.
pub fn with<R>(transport: &mut dyn Transport, bucket: &mut dyn Bucket, run: impl FnOnce(&mut Outside<'_>) -> R) -> R {
    let secret = Secret::new("sgp_0123");
    run(&mut Outside { transport, bucket, secret: secret.as_ref() })
}

/// An answer with a JSON body.
pub fn ok(body: &Value) -> Result<Response, TransportError> {
    Ok(Response { status: 200, body: body.to_string().into_bytes(), ..Response::default() })
}

/// An answer with nothing but a status.
pub fn status(status: u16) -> Result<Response, TransportError> {
    Ok(Response { status, ..Response::default() })
}

/// The value of a query's parameter, as it stands in the path.
pub fn parameter<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}
