//! How bad a result is.

use appsec_model::Severity;
use serde_json::Value;

use super::{rule::RuleFacts, run::Run};
use crate::{bounds, json::JsonView, words};

/// How bad a result is, the report's own word for it, and a word that is not known.
///
/// | what is there, first | severity |
/// |---|---|
/// | `security-severity` of the result or its rule, from 0 to 10 | its band |
/// | a word there | that severity |
/// | `level` of the result, of the run's configuration, of the rule | error high, warning medium, note low, none info |
/// | `rank` of the result or its rule, from 0 to 100 | the band of a tenth of it |
/// | none of them | `warning`, which the standard gives to a result without a level: medium |
pub fn severity(run: &Run, result: &Value, facts: &RuleFacts) -> (Severity, String, Option<String>) {
    let properties = result.at("properties");
    let score = properties.number("security-severity").filter(|score| (0.0..=10.0).contains(score)).or(facts.score);
    let stated = result.text("level").or(run.level_of(&facts.rule.id)).or(facts.level.as_deref());
    let level = bounds::word(stated.unwrap_or("warning"));
    if let Some((score, severity)) = score.and_then(|score| Some((score, words::band(score)?))) {
        return (severity, format!("{level}, security-severity {score}"), None);
    }
    let word = properties.text("security-severity").and_then(words::severity).or(facts.word);
    if let Some(severity) = word {
        return (severity, format!("{level}, security-severity {}", severity.as_str()), None);
    }
    let rank = result.number("rank").filter(|rank| (0.0..=100.0).contains(rank)).or(facts.rank);
    if let (None, Some(rank)) = (stated, rank) {
        let severity = words::band(rank / 10.0).unwrap_or_default();
        return (severity, format!("rank {rank}"), None);
    }
    let severity = match level {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "note" => Severity::Low,
        "none" => Severity::Info,
        other => words::severity(other).unwrap_or_default(),
    };
    let unknown = (severity == Severity::Unknown).then(|| level.to_owned());
    (severity, level.to_owned(), unknown)
}
