//! Identifiers: the tool's rule, weaknesses, and numbers of advisories.

use appsec_model::{AdvisoryId, Cwe, Owasp};
use serde_json::Value;

use crate::{MAX_LIST, advisory, bounds, json::JsonView, weakness, words};

/// What the identifiers of a vulnerability say.
#[derive(Default)]
pub struct Identifiers {
    /// The first that is no weakness or category: the rule of the tool.
    pub rule: Option<String>,
    /// Web address of the rule.
    pub url: Option<String>,
    pub advisories: Vec<AdvisoryId>,
    pub cwes: Vec<Cwe>,
    pub owasp: Vec<Owasp>,
}

impl Identifiers {
    pub fn of(vulnerability: &Value) -> Self {
        let mut found = Self::default();
        let identifiers = vulnerability.list("identifiers");
        for identifier in identifiers.iter().take(MAX_LIST) {
            let name = identifier.text("name").map(bounds::word);
            let Some(value) = identifier.text("value").map(bounds::word).or(name) else { continue };
            let texts = || std::iter::once(value).chain(name);
            match identifier.text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
                "cwe" => {
                    let cwe = weakness::of_value(identifier).or_else(|| name.and_then(weakness::cwe));
                    cwe.into_iter().for_each(|cwe| weakness::add(&mut found.cwes, cwe));
                }
                "owasp" => {
                    // The name says more than the value.
                    let category =
                        |text: &str| weakness::owasp(&format!("OWASP-{}", text.trim_start_matches("OWASP-")));
                    let named = |text: &str| Some(Owasp { text: text.to_owned(), ..category(text)? });
                    let owasp = name.and_then(named).or_else(|| named(value));
                    owasp.into_iter().for_each(|owasp| bounds::push(&mut found.owasp, owasp));
                }
                "wasc" => {}
                _ => {
                    let id = texts().find_map(advisory::leading);
                    id.into_iter().for_each(|id| advisory::add(&mut found.advisories, id));
                    if found.rule.is_none() {
                        found.rule = Some(value.to_owned());
                        found.url = identifier.owned("url").filter(|url| words::is_url(url));
                    }
                }
            }
        }
        if found.rule.is_none() {
            let weakness = found.cwes.first().map(|cwe| cwe.text.clone());
            found.rule = weakness.or_else(|| identifiers.iter().find_map(|it| it.owned("name")));
        }
        found
    }
}
