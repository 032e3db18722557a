//! Answers are packed where whoever asks takes that, and it saves something.
//!
//! Only what is answered to a GET: none of these shows a secret, such as a new token,
//! so that no length tells anything of one beside a text that somebody else chose.

use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
};

/// Bytes below which packing saves nothing: they fit into one packet anyway.
const LEAST: u64 = 1 << 10;

/// More takes longer than it saves.
const LEVEL: CompressionLevel = CompressionLevel::Precise(5);

/// An answer that may be packed.
#[derive(Clone, Copy)]
pub(super) struct Packable;

pub(super) fn layer() -> CompressionLayer<impl Predicate> {
    let is_packable = |_: StatusCode, _: Version, headers: &HeaderMap, marks: &Extensions| {
        marks.get::<Packable>().is_some() && is_text(headers)
    };
    CompressionLayer::new().quality(LEVEL).compress_when(SizeAbove::new(LEAST).and(is_packable))
}

/// Whether it is a text that ends. Events are read as they come.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_data = ["json", "xml"].iter().any(|end| kind.ends_with(end));
    kind != "text/event-stream" && (kind.starts_with("text/") || is_data)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn texts_are_packed_and_events_are_not() {
        let is = |kind: &'static str| {
            is_text(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]))
        };
        for text in ["text/html; charset=utf-8", "application/json", "application/x-ndjson", "application/sarif+json"] {
            assert!(is(text), "{text}");
        }
        for other in ["text/event-stream", "application/octet-stream", "image/png"] {
            assert!(!is(other), "{other}");
        }
        assert!(!is_text(&HeaderMap::new()));
    }
}
