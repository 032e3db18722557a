//! How bad a rule or result says that it is, in its `properties`.

use appsec_model::Severity;
use serde_json::Value;

use crate::{bounds, json::JsonView, words};

/// What `security-severity` says.
pub enum Rated {
    /// From 0 to 10.
    Score(f64),
    Word(Severity),
    /// Neither, as it stands there.
    Unknown(String),
}

impl Rated {
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// What `properties` of a result or rule say in `security-severity`.
pub fn rated(properties: Option<&Value>) -> Option<Rated> {
    let value = properties.at("security-severity")?;
    if let Some(score) = properties.number("security-severity").filter(|score| (0.0..=10.0).contains(score)) {
        return Some(Rated::Score(score));
    }
    let text = value.as_str().map(bounds::word);
    if let Some(severity) = text.and_then(words::severity) {
        return Some(Rated::Word(severity));
    }
    // These say that nothing is known.
    let is_none = |text: &str| {
        let text = text.trim();
        text.is_empty() || ["unknown", "undefined", "n/a", "-"].iter().any(|it| text.eq_ignore_ascii_case(it))
    };
    let word = text.map_or_else(|| bounds::word(&value.to_string()).to_owned(), str::to_owned);
    (!is_none(&word)).then_some(Rated::Unknown(word))
}
