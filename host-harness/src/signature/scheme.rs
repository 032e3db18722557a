//! Whether an event is signed as its vendor signs.

use appsec_model::{SignatureAlgorithm, SignatureEncoding, WebhookScheme};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::SigningKey;
use crate::error::WebhookError;
use appsec_grant::Secret;

/// How far the clocks of vendor and host may be apart, and how long an event
/// may have been under way, in seconds.
const TOLERANCE: i64 = 300;

/// Checks the signatures of one sender.
#[derive(Clone)]
pub(crate) struct Verifier {
    header: HeaderName,
    encoding: SignatureEncoding,
    prefix: String,
    timestamp: Option<HeaderName>,
    key: SigningKey,
}

impl Verifier {
    /// For the scheme of a vendor and the secret that it signs with.
    pub fn new(scheme: &WebhookScheme, secret: &Secret) -> Result<Self, WebhookError> {
        if scheme.algorithm != SignatureAlgorithm::HmacSha256 {
            return Err(WebhookError::Algorithm(scheme.algorithm.to_string()));
        }
        let header = |name: &str| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| WebhookError::Header(name.chars().take(80).collect()))
        };
        Ok(Self {
            header: header(&scheme.signature_header)?,
            encoding: scheme.encoding,
            prefix: scheme.prefix.clone(),
            timestamp: scheme.timestamp_header.as_deref().map(header).transpose()?,
            key: SigningKey::incoming(secret)?,
        })
    }

    /// For senders that nobody knows: does what the others do, and accepts
    /// nothing.
    pub fn nobody() -> Result<Self, getrandom::Error> {
        Ok(Self {
            header: HeaderName::from_static("signature"),
            encoding: SignatureEncoding::Hex,
            prefix: String::new(),
            timestamp: None,
            key: SigningKey::random()?,
        })
    }

    /// Checks a request. Gives the hash of what was signed, by which the same
    /// request is known again. Takes the same time whatever is wrong: the whole
    /// body is hashed, and the signature compared in constant time.
    pub fn check(&self, headers: &HeaderMap, body: &[u8], now_seconds: i64) -> Option<[u8; 32]> {
        let time = self.timestamp.as_ref().map(|name| only(headers, name).unwrap_or_default());
        let parts: [&[u8]; 3] = match &time {
            Some(time) => [time, b".", body],
            None => [b"", b"", body],
        };
        let sent = only(headers, &self.header).and_then(|value| value.strip_prefix(self.prefix.as_bytes()));
        let sent = sent.and_then(|text| self.decoded(text)).unwrap_or_default();
        let signed = self.key.verify(&parts, &sent);
        let in_time = time.is_none_or(|time| {
            let seconds = std::str::from_utf8(time).ok().and_then(|text| text.parse::<i64>().ok());
            seconds.is_some_and(|seconds| seconds.abs_diff(now_seconds) <= TOLERANCE.unsigned_abs())
        });
        (signed && in_time).then(|| {
            let mut hash = Sha256::new();
            parts.iter().for_each(|part| hash.update(part));
            hash.finalize().into()
        })
    }

    /// Whether a request could be signed in this way: its signature stands there,
    /// and once.
    pub fn is_named_in(&self, headers: &HeaderMap) -> bool {
        only(headers, &self.header).is_some()
    }

    fn decoded(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self.encoding {
            SignatureEncoding::Hex => HEXLOWER_PERMISSIVE.decode(text).ok(),
            SignatureEncoding::Base64 => BASE64.decode(text).ok(),
        }
    }
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests;
