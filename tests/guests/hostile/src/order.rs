//! What a call is told to do.

use serde::{Deserialize, Serialize};

/// An order, as JSON. What it does not name is not used.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Order {
    /// What to do.
    #[serde(rename = "do")]
    pub action: String,
    /// How many, or how much.
    pub count: usize,
    /// Where to send a request.
    pub url: String,
    /// Headers of the request; `$TOKEN` stands for what the environment holds.
    pub headers: Vec<(String, String)>,
    /// Its method; GET where none is named.
    pub method: String,
    /// Bytes of its body.
    pub body: usize,
    /// What comes behind them; `$TOKEN` as in headers.
    pub text: String,
    /// Writes the body byte by byte with this pause after each of them, and again
    /// and again.
    pub pause_ms: u64,
    /// Whether the body is never brought to its end.
    pub unfinished: bool,
    /// Keys in the bucket, or names of buckets.
    pub keys: Vec<String>,
    /// Texts to search for, with all their bits turned.
    pub turned: Vec<Vec<u8>>,
    /// Order for `list-projects` of a sync.
    pub list: Option<Box<Order>>,
    /// Order for `fetch-findings` of a sync.
    pub fetch: Option<Box<Order>>,
}

impl Order {
    /// Reads an order; none where the text is none.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
