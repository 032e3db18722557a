//! How bad a result is.

use appsec_model::Severity;
use serde_json::Value;

use super::{
    rated::{Rated, rated},
    rule::RuleFacts,
    run::Run,
};
use crate::{bounds, json::JsonView, words};

/// A word or number that is none of a scale, and where it stands.
pub struct Unknown {
    pub pointer: &'static str,
    pub word: String,
}

/// How bad a result is, the report's own word for it, and what is not known of it.
///
/// | what is there, first | severity |
/// |---|---|
/// | `security-severity` of the result or its rule, from 0 to 10 | its band |
/// | a word there | that severity |
/// | `level` of the result, of the run's configuration, of the rule | error high, warning medium, note low, none info |
/// | `rank` of the result or its rule, from 0 to 100 | the band of a tenth of it |
/// | `severity`, `issue_severity` or `problem.severity` of the `properties` of the result or its rule | of the word |
/// | none of them | `warning`, which the standard gives to a result without a level: medium |
pub fn severity(run: &Run, result: &Value, facts: &RuleFacts) -> (Severity, String, Option<Unknown>) {
    let own = rated(result.at("properties"));
    let unknown = match &own {
        Some(Rated::Unknown(word)) => Some(Unknown { pointer: "/properties/security-severity", word: word.clone() }),
        _ => None,
    };
    let stated = result.text("level").or(run.level_of(&facts.rule.id)).or(facts.level.as_deref());
    let level = bounds::word(stated.unwrap_or("warning"));
    match own.as_ref().filter(|it| it.is_known()).or(facts.rated.as_ref()) {
        Some(Rated::Score(score)) => {
            let severity = words::band(*score).unwrap_or_default();
            return (severity, format!("{level}, security-severity {score}"), unknown);
        }
        Some(Rated::Word(severity)) => {
            return (*severity, format!("{level}, security-severity {}", severity.as_str()), unknown);
        }
        Some(Rated::Unknown(_)) | None => {}
    }
    let rank = result.number("rank").filter(|rank| (0.0..=100.0).contains(rank)).or(facts.rank);
    if let (None, Some(rank)) = (stated, rank) {
        let severity = words::band(rank / 10.0).unwrap_or_default();
        return (severity, format!("rank {rank}"), unknown);
    }
    let told = [result.at("properties"), Some(&facts.properties)].into_iter().find_map(word);
    if let (None, Some((severity, word))) = (stated, told) {
        return (severity, word.to_owned(), unknown);
    }
    let severity = of_level(level).unwrap_or_default();
    let no_level = || (severity == Severity::Unknown).then(|| Unknown { pointer: "/level", word: level.to_owned() });
    let unknown = unknown.or_else(no_level);
    (severity, level.to_owned(), unknown)
}

/// Words of tools that leave the level out.
fn word(properties: Option<&Value>) -> Option<(Severity, &str)> {
    let words = ["severity", "issue_severity", "problem.severity"].iter().filter_map(|key| properties.text(key));
    words.map(bounds::word).filter_map(|word| Some((of_level(word)?, word))).next()
}

/// The severity of a level, or of a word in its place.
fn of_level(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "error" => Some(Severity::High),
        "warning" => Some(Severity::Medium),
        "note" => Some(Severity::Low),
        "none" => Some(Severity::Info),
        other => words::severity(other),
    }
}
