//! Results that show credentials, and how they are kept out.

use aho_corasick::{AhoCorasick, MatchKind};
use appsec_model::{History, Kind, LeakedSecret, Rule};
use serde_json::Value;

use super::{rule::RuleFacts, run::Run};
use crate::{json::JsonView, words};

/// Tools that look for credentials and nothing else, and whose reports do not
/// say so in tags: by their `tool.driver.name`, in small letters.
const TOOLS: [&str; 10] = [
    "gitleaks",
    "betterleaks",
    "trufflehog",
    "detect-secrets",
    "ggshield",
    "noseyparker",
    "kingfisher",
    "secretlint",
    "ripsecrets",
    "whispers",
];

/// Weaknesses whose place is the credential: hard-coded password, key, credentials.
const HARD_CODED: [u32; 3] = [259, 321, 798];

/// Members that hold code.
const CODE: [&str; 4] = ["snippet", "insertedContent", "contents", "rendered"];

/// Shorter texts stand in others by chance.
const MIN_SECRET_BYTES: usize = 6;

/// What stands where a credential stood.
const HIDDEN: &str = "***";

/// Whether a tool looks for nothing else.
pub fn is_tool_for_secrets(name: &str) -> bool {
    TOOLS.contains(&name.trim().to_ascii_lowercase().as_str())
}

/// Whether a result is about a credential: its tags or its tool say so.
pub fn is_secret(run: &Run, result: &Value, facts: &RuleFacts) -> bool {
    let is_tag = |tag: &str| matches!(tag.trim().to_ascii_lowercase().as_str(), "secret" | "secrets");
    run.finds_secrets
        || facts.tags.iter().any(|tag| is_tag(tag))
        || result.at("properties").is_some_and(|it| it.texts("tags").any(is_tag))
}

/// Whether the code of a result shows a credential.
pub fn shows_credentials(kind: &Kind, rule: &Rule) -> bool {
    *kind == Kind::Secrets || rule.cwes.iter().any(|cwe| cwe.number.is_some_and(|it| HARD_CODED.contains(&it)))
}

/// What is known of a credential. Scanners of a history tell the commit beside
/// the result's fingerprints.
pub fn secret(result: &Value) -> LeakedSecret {
    let given = result.at("partialFingerprints");
    let commit = given.text("commitSha").map(str::to_owned);
    let committed_at = words::moment(given.text("date"));
    let history = commit.map(|commit| History { commit: Some(commit), blob: None, committed_at });
    LeakedSecret { history, ..LeakedSecret::default() }
}

/// A result without its code, and without texts that repeat it.
pub fn hide(result: &Value) -> Value {
    let mut secrets = Vec::new();
    collect(result, false, &mut secrets);
    // All of them at once, the longer one where two begin: a shorter one may be a
    // part of it. The time does not depend on how many there are.
    let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&secrets).ok();
    let mut hidden = result.clone();
    remove(&mut hidden, finder.as_ref());
    hidden
}

/// Gathers texts of code.
fn collect(value: &Value, is_code: bool, secrets: &mut Vec<String>) {
    match value {
        Value::String(text) if is_code => {
            secrets.extend(Some(text.trim().to_owned()).filter(|text| text.len() >= MIN_SECRET_BYTES));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, is_code, secrets)),
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, is_code || CODE.contains(&key.as_str()), secrets);
            }
        }
        _ => {}
    }
}

/// Takes code out, and what was found in it. Where so much code cannot be looked
/// for at all, no text is kept.
fn remove(value: &mut Value, finder: Option<&AhoCorasick>) {
    match value {
        Value::String(text) => match finder {
            Some(finder) if finder.is_match(text.as_str()) => {
                let mut kept = String::with_capacity(text.len());
                finder.replace_all_with(text, &mut kept, |_, _, kept| {
                    kept.push_str(HIDDEN);
                    true
                });
                *text = kept;
            }
            Some(_) => {}
            None => HIDDEN.clone_into(text),
        },
        Value::Array(list) => list.iter_mut().for_each(|value| remove(value, finder)),
        Value::Object(map) => {
            map.retain(|key, _| !CODE.contains(&key.as_str()));
            map.values_mut().for_each(|value| remove(value, finder));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::hide;

    #[test]
    fn a_credential_is_nowhere_in_what_is_kept() {
        let result = json!({
            "ruleId": "generic-key",
            "message": {"text": "found s3cr3t-v4lue in a.env"},
            "locations": [{"physicalLocation": {"region": {"startLine": 2, "snippet": {"text": "s3cr3t-v4lue"}}}}],
            "codeFlows": [{"x": {"snippet": {"text": "key = s3cr3t-v4lue"}}}],
        });
        let expect = json!({
            "ruleId": "generic-key",
            "message": {"text": "found *** in a.env"},
            "locations": [{"physicalLocation": {"region": {"startLine": 2}}}],
            "codeFlows": [{"x": {}}],
        });
        assert_eq!(hide(&result), expect);
    }

    #[test]
    fn of_two_credentials_the_longer_one_is_hidden_whole() {
        let result = json!({
            "message": {"text": "s3cr3t-v4lue-and-more, s3cr3t-v4lue"},
            "locations": [{"a": {"snippet": {"text": "s3cr3t-v4lue"}}, "b": {"snippet": {"text": "s3cr3t-v4lue-and-more"}}}],
        });
        assert_eq!(hide(&result)["message"]["text"], "***, ***");
    }
}
