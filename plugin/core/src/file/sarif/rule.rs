//! Rules of SARIF: most of what the author said is in tags.

use appsec_model::{Confidence, Rule};
use guest_json::Raw;
use serde_json::Value;

use crate::{
    file::cli::is_url,
    normalize::{
        record::{text, texts},
        rules::Rules,
        weakness, words,
    },
    wire::{self, Id, Remarks, SarifRule, SarifText, Text},
};

/// Categories of the public registry.
const CATEGORIES: [&str; 7] =
    ["security", "correctness", "best-practice", "performance", "maintainability", "compatibility", "portability"];

/// How bad the rule's author thinks it is.
#[derive(Default)]
pub struct Level {
    /// The level of results that have none.
    pub level: Option<String>,
    /// A score of an unknown scale.
    pub security_severity: Option<String>,
}

/// The rule of a result, how bad it is, and whether it came from a run with
/// login. A result without a rule's object has a rule that is only an id.
pub fn look_up(rules: &mut Rules, id: &str, rule: Option<&str>, remarks: &mut Remarks) -> (usize, Level, bool) {
    let source = rule.unwrap_or("{}");
    let mut spare = String::new();
    let wire = remarks.inside("/rule", |remarks| wire::read::<SarifRule<'_>>(source, &mut spare, remarks));
    let wire = wire.unwrap_or_default();
    let properties = wire.properties.unwrap_or_default();
    let tags = texts(properties.tags.map(|tags| tags.0));
    let url = text(wire.help_uri).filter(|url| is_url(url));
    let logged_in = tags.iter().any(|tag| tag.starts_with("rule-board-"))
        || url.as_ref().is_some_and(|url| url.starts_with("https://semgrep.dev/orgs/"));
    let level = Level {
        level: wire.default_configuration.and_then(|it| text(it.level)),
        security_severity: properties.security_severity.and_then(score),
    };
    let known = rules.known(id, source).unwrap_or_else(|| {
        let short = description(wire.short_description).filter(|short| !short.starts_with("Semgrep Finding: "));
        let message = description(wire.full_description);
        let name = text(wire.name).filter(|name| *name != id).or(short.filter(|short| Some(short) != message.as_ref()));
        let mut rule = Rule { id: id.to_owned(), name, message, url, ..Rule::default() };
        for tag in tags {
            add_tag(&mut rule, tag, remarks);
        }
        rules.add(id, source, rule, false)
    });
    (known.at, level, logged_in)
}

/// Adds what a tag says: `CWE-89: …` in any of its forms, `OWASP-A03:2021 - …`,
/// `HIGH CONFIDENCE`, a category, or else a word of the author's.
fn add_tag(rule: &mut Rule, tag: String, remarks: &mut Remarks) {
    let is_weakness = |text: &str| weakness::cwe(text.to_owned()).number.is_some();
    if tag.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("CWE-")) || is_weakness(&tag) {
        rule.cwes.extend(weakness::cwes(vec![tag]));
    } else if let Some(owasp) = tag.strip_prefix("OWASP-") {
        rule.owasp.push(weakness::owasp(owasp.to_owned()));
    } else if let Some(word) = tag.strip_suffix(" CONFIDENCE") {
        let confidence: Option<Confidence> = words::confidence(Some(Id::Text(Text(word.into()))), remarks);
        rule.confidence = confidence;
    } else if rule.category.is_none() && CATEGORIES.contains(&tag.as_str()) {
        rule.category = Some(tag);
    } else if !tag.is_empty() {
        rule.subcategories.push(tag);
    }
}

fn description(description: Option<SarifText<'_>>) -> Option<String> {
    description.and_then(|it| text(it.text.or(it.markdown)))
}

fn score(score: Raw<'_>) -> Option<String> {
    match guest_json::read(score.get())? {
        Value::String(score) if !score.is_empty() => Some(score),
        Value::Number(score) => Some(score.to_string()),
        _ => None,
    }
}
