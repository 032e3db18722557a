//! What is kept of a result that shows a credential: its place, its rule, how
//! bad it is and what was tried. Matched code, names that the rule bound,
//! messages and fixes may repeat the credential, and so may what a later version
//! of the tool adds: it is kept only if it is listed here.

use appsec_model::credential;
use serde_json::{Map, Value};

use crate::kept::{self, Keep};

/// Members that hold others.
const CONTAINERS: [&str; 28] = [
    // Of the command line's JSON.
    "start",
    "end",
    "extra",
    "metadata",
    "historical_info",
    "dataflow_trace",
    "taint_source",
    "intermediate_vars",
    "taint_sink",
    "location",
    "semgrep.dev",
    "semgrep.policy",
    // Of SARIF.
    "locations",
    "physicalLocation",
    "artifactLocation",
    "region",
    "codeFlows",
    "threadFlows",
    "suppressions",
    "fingerprints",
    "properties",
    "shortDescription",
    "fullDescription",
    "defaultConfiguration",
    // Of both: a list of words, or one.
    "cwe",
    "owasp",
    "tags",
    "references",
];

/// Members that are kept where they say nothing but words.
const WORDS: [&str; 30] = [
    "severity",
    "validation_state",
    "engine_kind",
    "category",
    "confidence",
    "likelihood",
    "impact",
    "cwe",
    "owasp",
    "technology",
    "subcategory",
    "vulnerability_class",
    "secret_type",
    "product",
    "license",
    "src",
    "id",
    "name",
    "slug",
    "level",
    "kind",
    "status",
    "state",
    "exposure",
    "tags",
    "precision",
    "security-severity",
    "text",
    "git_commit_timestamp",
    "references",
];

/// Members that are addresses.
const ADDRESSES: [&str; 7] = ["uri", "helpUri", "references", "source", "shortlink", "source-rule-url", "semgrep.url"];

/// Members that name the rule and the file.
const NAMES: [&str; 4] = ["check_id", "path", "ruleId", "uriBaseId"];

/// Members that are hashes.
const HASHES: [&str; 4] = ["fingerprint", "matchBasedId/v1", "git_commit", "git_blob"];

/// Members that are numbers or say yes or no.
const NUMBERS: [&str; 10] =
    ["line", "col", "offset", "startLine", "startColumn", "endLine", "endColumn", "ruleIndex", "index", "is_ignored"];

/// The words of a trace that tell what stands in it.
const TRACE: [&str; 2] = ["CliLoc", "CliCall"];

/// What is kept of a result or a rule. Nothing of what cannot be read.
pub fn kept(json: &str) -> String {
    let value: Value = guest_json::read(json).unwrap_or_default();
    guest_json::text(&if value.is_object() { object(&value) } else { Value::Null })
}

fn object(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    let mut kept = Map::new();
    // Not collected: that would bring a sort.
    kept.extend(members.filter_map(|(key, value)| Some((key.clone(), member(key, value)?))));
    Value::Object(kept)
}

/// What is kept of a member of an object.
fn member(key: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) | Value::Bool(_) if is_listed(key) || NUMBERS.contains(&key) => Some(value.clone()),
        Value::String(text) => self::text(key, text),
        Value::Array(list) if is_listed(key) => {
            Some(list.iter().filter_map(|value| element(key, value)).collect::<Vec<_>>().into())
        }
        Value::Object(_) if CONTAINERS.contains(&key) => Some(object(value)),
        _ => None,
    }
}

/// What is kept of an element of a list. Of a trace each has its place, since
/// its meaning depends on it.
fn element(key: &str, value: &Value) -> Option<Value> {
    let is_trace = matches!(key, "taint_source" | "intermediate_vars" | "taint_sink");
    match value {
        Value::Object(_) => Some(object(value)),
        Value::Array(list) if is_trace => {
            Some(list.iter().filter_map(|value| element(key, value)).collect::<Vec<_>>().into())
        }
        Value::String(text) if is_trace => Some(if TRACE.contains(&text.as_str()) { text.as_str() } else { "" }.into()),
        Value::String(text) => self::text(key, text),
        Value::Number(_) => Some(value.clone()),
        _ => None,
    }
}

fn is_listed(key: &str) -> bool {
    CONTAINERS.contains(&key) || WORDS.contains(&key) || ADDRESSES.contains(&key) || NAMES.contains(&key)
}

fn text(key: &str, text: &str) -> Option<Value> {
    if NAMES.contains(&key) {
        return Some(text.into());
    }
    if HASHES.contains(&key) {
        return match key {
            "fingerprint" | "matchBasedId/v1" => kept::is_fingerprint(text).then(|| text.into()),
            _ => kept::text(text, Keep::Hash, &[]).map(Value::from),
        };
    }
    if ADDRESSES.contains(&key) && text.contains("://") {
        let address = credential::without_parameters(text);
        // That there is one tells of a run with login.
        let spare = (key == "semgrep.url").then(|| Value::from(""));
        return (key == "uri" || credential::is_prose(&address)).then(|| address.into()).or(spare);
    }
    if key == "uri" {
        return Some(text.into());
    }
    (WORDS.contains(&key) && credential::is_prose(text)).then(|| text.into())
}

/// The group of a result whose message is not kept: a hash that nobody can
/// compute the message from, as could be done with that of the group.
pub fn veiled(group: u128) -> u128 {
    kept::hash(b"semgrep-file-credential", &group.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{kept, veiled};

    const PLANTED: &str = "pLtXq7Zk2Wv9Rb4Hd";

    /// Puts a value into each text that is `?`, and behind each address.
    fn plant(value: &mut Value) {
        match value {
            Value::String(text) => *text = text.replace('?', PLANTED),
            Value::Array(list) => list.iter_mut().for_each(plant),
            Value::Object(map) => map.values_mut().for_each(plant),
            _ => {}
        }
    }

    #[test]
    fn only_what_is_listed_is_kept_of_a_result() {
        let at = json!({"path": "a.env", "start": {"line": 3, "col": 1, "offset": 9}, "end": {"line": 3, "col": 9}});
        let mut result = json!({
            "check_id": "secrets.token", "path": "a.env", "start": {"line": 3, "col": 1}, "end": {"line": 3, "col": 20},
            "extra": {
                "message": "found ?", "lines": "key = ?", "fix": "?", "fixed_lines": ["?"], "severity": "ERROR",
                "fingerprint": "?", "is_ignored": false, "validation_state": "CONFIRMED_VALID", "engine_kind": "PRO",
                "metavars": {"$KEY": {"abstract_content": "?", "propagated_value": {"svalue_abstract_content": "?"}}},
                "metadata": {"cwe": ["CWE-798: Hard-coded Credentials", "?"], "owasp": "A07", "secret_type": "GitHub",
                    "source": "https://u:?@h.example/a?x=?", "references": ["https://owasp.org/a", "?"],
                    "technology": ["secrets", "?"], "free": {"text": "?"}, "message": "?", "semgrep.dev": {"src": "?", "rule": {"x": "?"}}},
                "dataflow_trace": {"taint_source": ["CliLoc", [at, "key = ?"]],
                    "intermediate_vars": [{"location": at, "content": "?"}],
                    "taint_sink": ["CliCall", [[at, "f(?)"], [], ["CliLoc", [at, "?"]]]]},
                "historical_info": {"git_commit": "0123456789abcdef0123456789abcdef01234567", "git_blob": "?",
                    "git_commit_timestamp": "2024-05-01T10:00:00Z"},
                "extra_extra": {"a": ["?"]}, "new": "?",
            },
            "new": [["?"]],
        });
        plant(&mut result);
        let text = kept(&result.to_string());
        assert!(!text.contains(PLANTED), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn only_what_is_listed_is_kept_of_a_sarif_result_and_its_rule() {
        let place = json!({"physicalLocation": {"artifactLocation": {"uri": "a.env", "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 3, "snippet": {"text": "?"}, "message": {"text": "?"}}}, "message": {"text": "?"}});
        let mut result = json!({
            "ruleId": "secrets.token", "ruleIndex": 0, "level": "?", "message": {"text": "?", "markdown": "?"},
            "locations": [place], "relatedLocations": [place], "fingerprints": {"matchBasedId/v1": "?", "x": "?"},
            "partialFingerprints": {"a": "?"}, "fixes": [{"artifactChanges": [{"x": "?"}]}],
            "codeFlows": [{"message": {"text": "?"}, "threadFlows": [{"locations": [{"location": place, "state": {"a": {"text": "?"}}}]}]}],
            "suppressions": [{"kind": "inSource", "status": "accepted", "justification": "?"}],
            "properties": {"exposure": "reachable", "secret": "?", "tags": ["?", "security"]},
        });
        plant(&mut result);
        let mut rule = json!({
            "id": "secrets.token", "name": "?", "shortDescription": {"text": "?", "markdown": "?"},
            "fullDescription": {"text": "A token is in the code"}, "helpUri": "https://h.example/a?b=?",
            "defaultConfiguration": {"level": "error"}, "properties": {"tags": ["CWE-798: Hard-coded", "?"], "precision": "very-high"},
        });
        plant(&mut rule);
        let text = format!("{}\n{}", kept(&result.to_string()), kept(&rule.to_string()));
        assert!(!text.contains(PLANTED), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_no_object_is_not_kept() {
        assert_eq!(kept("\"pLtXq7Zk2Wv9Rb4Hd\""), "null");
        assert_eq!(kept("{\"a\":"), "null");
        assert_ne!(veiled(1), veiled(2));
    }
}
