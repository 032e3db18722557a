//! What a call did over HTTP.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicU64},
};

use crate::capability::{oauth::TokenFailure, transport::ProxyFailure};

/// What one call did over HTTP. Shared with the requests under way.
#[derive(Debug, Default)]
pub struct HttpUsage {
    /// Requests that left the host.
    pub requests: AtomicU32,
    /// Bytes of bodies received.
    pub received_bytes: AtomicU64,
    /// Whether an answer was larger than allowed. The guest is not told why a
    /// body ends with an error, so that the host remembers it.
    pub oversized: AtomicBool,
    /// How an answer was encoded that was refused because of it.
    pub encoded: OnceLock<String>,
    /// How a proxy failed. The guest learns only that the vendor is not reached.
    pub proxy: OnceLock<ProxyFailure>,
    /// Why there was no access token. The guest learns only that the vendor is not
    /// reached.
    pub token: OnceLock<TokenFailure>,
    /// The first request that was refused.
    pub refusal: Mutex<Option<Refused>>,
}

/// A request that did not leave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Why, in words.
    pub why: String,
    /// Whether it was against a rule for every connector, which no grant lifts.
    pub by_rule: bool,
}

impl HttpUsage {
    /// Notes why a request was refused; the first reason stays.
    pub fn refuse(&self, why: &str, by_rule: bool) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.get_or_insert_with(|| Refused { why: shortened(why), by_rule });
    }
}

/// Longest text of a request in a message or a log: a guest's address may have
/// 64 KiB.
const MAX_SHOWN_BYTES: usize = 512;

pub fn shortened(text: &str) -> String {
    match text.get(..text.floor_char_boundary(MAX_SHOWN_BYTES)) {
        Some(start) if start.len() < text.len() => format!("{start}… ({} bytes)", text.len()),
        _ => text.to_owned(),
    }
}
