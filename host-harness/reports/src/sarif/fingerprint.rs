//! Identities that a report gives.

use serde_json::Value;

use crate::{
    identity::{self, Fingerprint, Given},
    json::JsonView,
};

/// The member that code scanning services read.
const LINE_HASH: &str = "primaryLocationLineHash";

/// Shorter values are numbers or words that stand in for a hash.
const MIN_BYTES: usize = 16;

/// How many fingerprints of a result are looked at.
const MAX_WHOLE: usize = 4;

/// The identities that a result gives: its `fingerprints` by name, and a partial
/// one.
///
/// A value counts only if it can be one: of 16 signs or more, without white
/// space. Members without the form `name/v1` that are no hash of the line tell
/// of something else, such as a commit, its author or its message.
pub fn given(result: &Value, rule: &str, path: &str) -> Given {
    let members = |key: &str| -> Vec<(&str, &str)> {
        let map = result.at(key).and_then(Value::as_object);
        let texts = map.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let mut members: Vec<_> = texts.filter(|(_, text)| is_fingerprint(text)).collect();
        members.sort_unstable();
        members
    };
    let whole = |(name, text): (&str, &str)| Fingerprint {
        hash: identity::hash(["fingerprint", rule, name, text]),
        value: identity::hash(["fingerprint", name, text]),
        text: text.to_owned(),
    };
    let partial = members("partialFingerprints");
    let line = partial.iter().find(|(name, _)| name.split('/').next() == Some(LINE_HASH));
    let chosen = line.or_else(|| partial.iter().find(|(name, _)| is_versioned(name)));
    Given {
        whole: members("fingerprints").into_iter().take(MAX_WHOLE).map(whole).collect(),
        partial: chosen.map(|(name, text)| identity::hash(["partial", rule, path, name, text])),
    }
}

fn is_fingerprint(text: &str) -> bool {
    text.len() >= MIN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a name ends as the standard asks: `name/v1`.
fn is_versioned(name: &str) -> bool {
    let version = name.rsplit_once("/v").map(|(_, version)| version).unwrap_or_default();
    !version.is_empty() && version.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::given;

    #[test]
    fn what_cannot_be_a_fingerprint_is_none() {
        let kind = |result| {
            let given = given(&result, "r", "p");
            match (given.whole.is_empty(), given.partial.is_none()) {
                (false, _) => "fingerprint",
                (true, false) => "partial",
                (true, true) => "none",
            }
        };
        let hash = "39fa2ee980eb94b0:1";
        for (result, expect) in [
            (json!({"fingerprints": {"id/v1": hash}}), "fingerprint"),
            (json!({"fingerprints": {"id/v1": hash}, "partialFingerprints": {"id/v1": hash}}), "fingerprint"),
            (json!({"fingerprints": {"id/v1": "requires login"}}), "none"),
            (json!({"fingerprints": {"id/v1": "please log in to see this"}}), "none"),
            (json!({"fingerprints": {"0": "1"}, "partialFingerprints": {"primaryLocationLineHash": hash}}), "partial"),
            (json!({"partialFingerprints": {"primaryLocationLineHash/v1": hash}}), "partial"),
            (json!({"partialFingerprints": {"contextHash/v2": hash}}), "partial"),
            (json!({"partialFingerprints": {"commitSha": "0123456789abcdef0123456789abcdef01234567"}}), "none"),
            (json!({"partialFingerprints": [hash]}), "none"),
            (json!({}), "none"),
        ] {
            assert_eq!(kind(result.clone()), expect, "{result}");
        }
    }

    #[test]
    fn a_partial_one_is_of_its_file_and_a_whole_one_is_not() {
        let hash = |key: &str, path: &str| {
            let given = given(&json!({key: {"a/v1": "39fa2ee980eb94b0"}}), "r", path);
            given.whole.into_iter().map(|it| it.hash).chain(given.partial).next().unwrap()
        };
        assert_eq!(hash("fingerprints", "a.py"), hash("fingerprints", "b.py"));
        assert_ne!(hash("partialFingerprints", "a.py"), hash("partialFingerprints", "b.py"));
    }
}
