//! A world around the connector that sees what it asks for.

use std::collections::BTreeMap;

use semgrep_core::{Bucket, BucketError, Outside, Request, Response, Secret, Transport, TransportError};

/// The token; no error may show it.
pub const TOKEN: &str = "sgp_0123456789abcdef";

/// The origin of settings that name none.
pub const ORIGIN: &str = "https://semgrep.dev";

/// A vendor that answers by a function of the path, and refuses to be asked for
/// what the connector has no business with.
pub struct Vendor<F> {
    /// The origin that the connector may reach; any where there is none.
    pub origin: Option<&'static str>,
    /// Requests so far.
    pub asked: usize,
    answer: F,
}

impl<F: FnMut(&str) -> Response> Vendor<F> {
    pub fn new(answer: F) -> Self {
        Self { origin: Some(ORIGIN), asked: 0, answer }
    }
}

impl<F: FnMut(&str) -> Response> Transport for Vendor<F> {
    fn send(&mut self, request: &Request<'_>) -> Result<Response, TransportError> {
        self.asked += 1;
        if let Some(origin) = self.origin {
            assert_eq!(request.origin.to_string(), origin);
        }
        let path = request.path.split('?').next().unwrap_or_default();
        assert!(path.starts_with("/api/v1/"), "{path}");
        assert!(path.split('/').all(|part| !matches!(part, "." | "..")), "a path that leads elsewhere: {path}");
        assert!(request.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{}", request.path);
        for (name, value) in &request.headers.0 {
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{name}");
        }
        assert!(!request.path.contains(TOKEN));
        if let Some(body) = request.body {
            serde_json::from_str::<serde_json::Value>(body).expect("a body is JSON");
        }
        Ok((self.answer)(request.path))
    }
}

/// A bucket in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryBucket(pub BTreeMap<String, Vec<u8>>);

impl Bucket for MemoryBucket {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        Ok(self.0.get(key).cloned())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), BucketError> {
        self.0.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

/// Runs a call in this world.
pub fn with<R>(transport: &mut dyn Transport, bucket: &mut dyn Bucket, run: impl FnOnce(&mut Outside<'_>) -> R) -> R {
    let secret = Secret::new(TOKEN);
    run(&mut Outside { transport, bucket, secret: secret.as_ref() })
}

/// An answer with this body.
pub fn ok(body: &str) -> Response {
    Response { status: 200, body: body.into(), ..Response::default() }
}

/// What a vendor with one empty project answers.
pub fn friendly(path: &str) -> Response {
    ok(match path {
        "/api/v1/deployments" => r#"{"deployments":[{"id":4242,"slug":"demo-corp","name":"Demo Corp"}]}"#,
        path if path.contains("/dependencies") => r#"{"dependencies":[],"hasMore":false}"#,
        path if path.contains("/projects") => r#"{"projects":[]}"#,
        _ => r#"{"findings":[]}"#,
    })
}

/// A bucket that `configure` has filled, for every kind.
pub fn configured(branches: &str) -> MemoryBucket {
    let settings = format!(r#"{{"branches":"{branches}","kinds":["sast","sca","ai-sast","secrets","packages"]}}"#);
    let mut bucket = MemoryBucket::default();
    with(&mut Vendor::new(friendly), &mut bucket, |outside| semgrep_core::configure(&settings, outside))
        .expect("a friendly vendor");
    bucket
}
