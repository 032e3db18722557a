//! What may be kept of a record that shows a credential.
//!
//! The credential may be repeated in any field, and in those that a later version
//! of the vendor's adds: a field is kept only if it is listed, and its value only
//! in the form that the field has where it is harmless. Names alone are kept as
//! they are, those of the project, the branch and the file: without them nobody
//! finds what to mend.

use appsec_model::{Kind, Rule, credential};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::moment;

/// The longest number that is an id.
const MAX_DIGITS: usize = 20;

/// The longest id that is none of a number, such as `kUaPq12`.
const MAX_SHORT_ID: usize = 8;

/// The form in which a field is kept. Of a list it is the form of each element.
#[derive(Clone, Copy)]
pub enum Keep {
    /// A text whose words are all words of people.
    Words,
    /// A date, or words.
    Date,
    /// A number, or yes or no.
    Number,
    /// A number or a few letters; of any other text a hash that tells as much.
    Id,
    /// A number, or a hash of the length that those of commits have.
    Hash,
    /// The vendor's hash of 128 bits.
    ShortHash,
    /// The vendor's hash over what was matched; of any other text one of ours.
    Fingerprint,
    /// The name of a project, branch or file.
    Name,
    /// An address.
    Address,
    /// An object with these fields.
    Fields(&'static [(&'static str, Keep)]),
}

/// Whether a result of this rule shows a credential: its kind says so, or the
/// rule is one of those that look for some without the vendor's product for them.
pub fn shows_credentials(kind: &Kind, rule: &Rule) -> bool {
    let lists = [&rule.technologies, &rule.subcategories, &rule.vulnerability_classes];
    let words = [&rule.name, &rule.category].into_iter().flatten().chain(lists.into_iter().flatten());
    *kind == Kind::Secrets
        || words.chain([&rule.id]).any(|word| credential::is_named(word))
        || rule.cwes.iter().filter_map(|cwe| cwe.number).any(credential::is_weakness)
        || rule.message.as_deref().is_some_and(credential::is_told)
}

/// What is kept of a record. Nothing of what cannot be read.
pub fn record(json: &str, fields: &[(&str, Keep)]) -> String {
    let value: Value = guest_json::read(json).unwrap_or_default();
    let mut names = Vec::new();
    self::names(&value, fields, &mut names);
    guest_json::text(&object(&value, fields, &names).unwrap_or_else(|| sort(&value)))
}

/// The names in a record: addresses repeat them.
fn names<'a>(value: &'a Value, fields: &[(&str, Keep)], found: &mut Vec<&'a str>) {
    for (key, keep) in fields {
        match (keep, value.get(*key)) {
            (Keep::Name, Some(Value::String(name))) => found.push(name),
            (Keep::Fields(inner), Some(value)) => names(value, inner, found),
            _ => {}
        }
    }
}

fn object(value: &Value, fields: &[(&str, Keep)], names: &[&str]) -> Option<Value> {
    let mut members = Map::new();
    members.extend(value.as_object()?.iter().filter_map(|(key, value)| {
        let (_, keep) = fields.iter().find(|(known, _)| known == key)?;
        Some((key.clone(), kept(value, *keep, names)?))
    }));
    Some(Value::Object(members))
}

/// What is kept of a value; of one that the field cannot have, only its sort.
fn kept(value: &Value, keep: Keep, names: &[&str]) -> Option<Value> {
    match (value, keep) {
        (Value::Null, _) => None,
        (Value::Array(list), _) => {
            Some(list.iter().filter(|it| !it.is_array()).filter_map(|it| kept(it, keep, names)).collect())
        }
        (Value::Object(_), Keep::Fields(fields)) => object(value, fields, names),
        (Value::String(text), Keep::Fields(_)) => Some(sort(value)).filter(|_| !text.is_empty()),
        (Value::String(text), _) => self::text(text, keep, names).map(Value::from),
        (Value::Number(_), Keep::Number) => Some(value.clone()),
        (Value::Number(number), Keep::Id) if !number.is_f64() => Some(value.clone()),
        _ => Some(sort(value)),
    }
}

/// A value that tells of which sort a value is.
fn sort(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(number) if credential::is_prose(&number.to_string()) => value.clone(),
        Value::Number(_) => 0.into(),
        Value::String(_) => "".into(),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(Map::new()),
    }
}

/// What is kept of a text.
pub fn text(text: &str, keep: Keep, names: &[&str]) -> Option<String> {
    let is_kept = match keep {
        Keep::Words => credential::is_prose(text),
        Keep::Date => credential::is_prose(text) || moment::read(text).is_some(),
        Keep::Number => is_number(text),
        Keep::Id => {
            let is_short = |text: &str| text.len() <= MAX_SHORT_ID && text.bytes().all(|it| it.is_ascii_alphanumeric());
            return Some(if is_number(text) || is_short(text) { text.to_owned() } else { veiled(text) });
        }
        Keep::Hash => is_number(text) || is_hash(text),
        Keep::ShortHash => text.len() == 32 && credential::is_hash(text),
        Keep::Fingerprint => {
            return Some(if text.is_empty() || is_fingerprint(text) { text.to_owned() } else { veiled(text) });
        }
        Keep::Name => return Some(credential::without_parameters(text)),
        Keep::Address => return address(text, names),
        Keep::Fields(_) => false,
    };
    is_kept.then(|| text.to_owned())
}

fn is_number(text: &str) -> bool {
    text.len() <= MAX_DIGITS && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && credential::is_hash(text)
}

/// Whether a text is the vendor's hash over what was matched: one of 512 bits,
/// and a number. Shorter ones may be credentials of hexadecimal digits.
pub fn is_fingerprint(text: &str) -> bool {
    text.split_once('_').is_some_and(|(hash, _)| hash.len() == 128) && credential::is_hash(text)
}

/// An address that is made of words, hashes of commits, and the names of the
/// record; behind its path only what leads to a line.
fn address(text: &str, names: &[&str]) -> Option<String> {
    let address = credential::without_parameters(text);
    let (_, rest) = address.split_once("://")?;
    let is_known = |part: &str| {
        credential::is_prose(part)
            || is_hash(part)
            || names.iter().any(|name| name.split('/').any(|known| known == part))
    };
    // The host is where the vendor looked, and no text of a record.
    if !rest.split('/').skip(1).all(is_known) {
        return None;
    }
    let line = text.rsplit_once('#').map(|(_, line)| line).filter(|line| is_line(line));
    Some(line.map_or(address.clone(), |line| format!("{address}#{line}")))
}

/// Whether a text is a line or lines in code, as in `L12` and `L12-L14`.
fn is_line(text: &str) -> bool {
    text.split('-').all(|it| {
        let digits = it.trim_start_matches(['L', 'l']);
        (1..=7).contains(&digits.len()) && it.len() <= digits.len() + 1 && is_number(digits)
    })
}

/// A hash that stands for a text: equal for equal ones, and nobody finds the
/// text by it who would find it by its own form.
fn veiled(text: &str) -> String {
    format!("{:032x}", hash(b"semgrep-api-credential", text.as_bytes()))
}

/// A hash of bytes, apart from those that `domain` does not name.
pub fn hash(domain: &[u8], bytes: &[u8]) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    hasher.update(bytes);
    hasher.finalize().iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Keep, address, record, text};

    #[test]
    fn a_field_is_kept_in_its_form() {
        let check = |keep, value: &str, expect: Option<&str>| {
            assert_eq!(text(value, keep, &["acme/k9s_x7"]).as_deref(), expect, "{value}");
        };
        check(Keep::Words, "JSON Web Token", Some("JSON Web Token"));
        check(Keep::Words, "pLtXq7Zk2Wv9Rb4Hd", None);
        check(Keep::Date, "2026-06-17T17:23:01.901204Z", Some("2026-06-17T17:23:01.901204Z"));
        check(Keep::Date, "pLtXq7Zk2Wv9Rb4Hd", None);
        check(Keep::Id, "70007001", Some("70007001"));
        check(Keep::Id, "kUaPq12", Some("kUaPq12"));
        check(Keep::Id, "pLtXq7Zk2Wv9Rb4Hd", Some("c0d1dc86ef1315ede559c41663107341"));
        check(Keep::Number, "5678", Some("5678"));
        check(Keep::Number, "0123456789abcdef0123456789abcdef01234567", None);
        check(Keep::Hash, "0123456789abcdef0123456789abcdef01234567", Some("0123456789abcdef0123456789abcdef01234567"));
        check(Keep::Hash, "0123456789abcdef", None);
        check(Keep::ShortHash, "0123456789abcdef0123456789abcdef", Some("0123456789abcdef0123456789abcdef"));
        check(Keep::ShortHash, "pLtXq7Zk2Wv9Rb4Hd", None);
        check(Keep::Name, "acme/pLtXq7Zk2Wv9Rb4Hd", Some("acme/pLtXq7Zk2Wv9Rb4Hd"));
        check(Keep::Name, "https://u:p@git.example/a?t=1", Some("https://git.example/a"));
        check(Keep::Fields(&[]), "a", None);
        let hash = "0f".repeat(64);
        check(Keep::Fingerprint, &format!("{hash}_1"), Some(&format!("{hash}_1")));
        assert_ne!(text(&hash, Keep::Fingerprint, &[]).unwrap(), hash);
    }

    #[test]
    fn an_address_is_kept_that_is_made_of_what_is_known() {
        let check = |value: &str, expect: Option<&str>| {
            let names = ["acme/k9s7x2q4b_shop", "feature/7x9q2v4w8z", "conf/a1b2c3d4e5.env"];
            assert_eq!(address(value, &names).as_deref(), expect, "{value}");
        };
        let commit = "9d0c2f7e61b84a5f8c3d2e1f0a9b8c7d6e5f4a3b";
        let blob = format!("https://git.example/acme/k9s7x2q4b_shop/-/blob/{commit}/conf/a1b2c3d4e5.env");
        check(&format!("{blob}#L12-L14"), Some(&format!("{blob}#L12-L14")));
        check(&format!("{blob}?key=1#L12"), Some(&format!("{blob}#L12")));
        check(&format!("{blob}#pLtXq7Zk2Wv9Rb4Hd"), Some(&blob));
        check("https://me:pLtXq7@git.example/acme", Some("https://git.example/acme"));
        check("https://git.example/acme/pLtXq7Zk2Wv9Rb4Hd", None);
        check("pLtXq7Zk2Wv9Rb4Hd", None);
    }

    #[test]
    fn what_is_not_listed_or_of_another_sort_is_not_kept() {
        const FIELDS: &[(&str, Keep)] =
            &[("a", Keep::Fields(&[("b", Keep::Number)])), ("c", Keep::Words), ("d", Keep::Id)];
        let check = |json: &str, expect: &str| assert_eq!(record(json, FIELDS), expect, "{json}");
        check(
            r#"{"a":{"b":1,"c":"x"},"c":["x","pLt1Xq7Zk2Wv",["x"],{"b":1}],"d":7,"x":1}"#,
            r#"{"a":{"b":1},"c":["x",{}],"d":7}"#,
        );
        check(r#"{"a":"pLt1","c":1234567890123456,"d":{"x":"pLt1"}}"#, r#"{"a":"","c":0,"d":{}}"#);
        check(r#"["a"]"#, "[]");
        check(r#"{"a":"#, "null");
    }
}
