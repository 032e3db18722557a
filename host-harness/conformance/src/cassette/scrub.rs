//! Names that are to be in no recording: others in their place, the same one for
//! the same one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use data_encoding::HEXLOWER;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Body, Cassette, line};

/// Shortest name: what is shorter stands in too many other words.
const SHORTEST: usize = 3;

/// What stays as it is in an address, and the same where paths do.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const OF_PATH: &AsciiSet = &ENCODED.remove(b'/');

impl Cassette {
    /// The text of a cassette in which what answers have at these places is called
    /// something else, wherever it stands. A place is a JSON Pointer (RFC 6901), in
    /// which `*` is every member. An error is for people.
    pub fn scrub(text: &str, pointers: &[String]) -> Result<String, String> {
        let mut tape = Self::read(text).map_err(|error| error.to_string())?;
        let mut names = BTreeSet::new();
        for pointer in pointers {
            let before = names.len();
            let parts: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
            for exchange in &tape.exchanges {
                if let Ok(answer) = serde_json::from_slice::<Value>(&exchange.bytes()) {
                    collect(&answer, &parts, &mut names);
                }
            }
            if names.len() == before {
                return Err(format!("no answer has a text at `{pointer}`"));
            }
        }
        if let Some(short) = names.iter().find(|name| name.chars().count() < SHORTEST) {
            return Err(format!("`{short}` is too short to be replaced: it stands in other words"));
        }
        let Some(names) = Names::new(&names)? else { return Ok(text.to_owned()) };
        tape.head.settings.values_mut().for_each(|value| names.replace_in(value));
        for exchange in &mut tape.exchanges {
            exchange.path = names.replace(&exchange.path);
            exchange.request = names.replace(&exchange.request);
            exchange.headers.values_mut().for_each(|value| *value = names.replace(value));
            if let Body::Text(body) = &mut exchange.body {
                *body = names.replace(body);
            }
        }
        Ok(line(&tape.head) + &tape.exchanges.iter().map(line).collect::<String>())
    }
}

/// A part of a pointer as it is meant.
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// The texts at a place.
fn collect(value: &Value, parts: &[String], names: &mut BTreeSet<String>) {
    match (parts, value) {
        ([], Value::String(text)) => {
            names.insert(text.clone());
        }
        ([], _) => {}
        ([every, rest @ ..], Value::Array(items)) if every == "*" => {
            items.iter().for_each(|item| collect(item, rest, names));
        }
        ([every, rest @ ..], Value::Object(fields)) if every == "*" => {
            fields.values().for_each(|field| collect(field, rest, names));
        }
        ([part, rest @ ..], value) => {
            let number = || part.parse::<usize>().ok().and_then(|number| value.get(number));
            if let Some(member) = value.get(part.as_str()).or_else(number) {
                collect(member, rest, names);
            }
        }
    }
}

/// What takes the place of a name; its parts keep theirs.
fn other(name: &str) -> String {
    let part = |part: &str| {
        let hash = Sha256::digest(part);
        format!("x{}", HEXLOWER.encode(hash.get(..4).unwrap_or_default()))
    };
    name.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Names in each form in which they may stand, and what takes their place.
struct Names {
    pattern: Regex,
    others: BTreeMap<String, String>,
}

impl Names {
    fn new(names: &BTreeSet<String>) -> Result<Option<Self>, String> {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default().trim_matches('"').to_owned();
        let mut others = BTreeMap::new();
        for name in names {
            let other = other(name);
            let encoded =
                |set| (utf8_percent_encode(name, set).to_string(), utf8_percent_encode(&other, set).to_string());
            let (whole, of_path) = (encoded(ENCODED), encoded(OF_PATH));
            let lower = (whole.0.replace("%2F", "%2f"), whole.1.replace("%2F", "%2f"));
            let form = (whole.0.replace("%20", "+"), whole.1.clone());
            let slashes = (quoted(name).replace('/', "\\/"), other.replace('/', "\\/"));
            others.extend([whole, of_path, lower, form, slashes, (quoted(name), other.clone()), (name.clone(), other)]);
        }
        // The longest one that fits is the one that is meant.
        let mut forms: Vec<&String> = others.keys().collect();
        forms.sort_by_key(|form| Reverse(form.len()));
        let pattern = forms.into_iter().map(|form| regex::escape(form)).collect::<Vec<_>>().join("|");
        if pattern.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { pattern: Regex::new(&pattern).map_err(|error| error.to_string())?, others }))
    }

    fn replace(&self, text: &str) -> String {
        let replaced = |found: &Captures<'_>| {
            let Some(found) = found.get(0) else { return String::new() };
            let (before, after) = (text.get(..found.start()), text.get(found.end()..));
            let is_whole =
                ends(before.unwrap_or_default()) && !after.is_some_and(|it| it.starts_with(char::is_alphanumeric));
            let other = self.others.get(found.as_str()).filter(|_| is_whole);
            other.map_or_else(|| found.as_str().to_owned(), String::clone)
        };
        self.pattern.replace_all(text, replaced).into_owned()
    }

    fn replace_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.replace(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_in(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.replace_in(field)),
            _ => {}
        }
    }
}

/// Whether a word ends with a text: at its end is no part of one, or a sign that is
/// written with letters.
fn ends(text: &str) -> bool {
    let mut signs = text.chars().rev();
    let (last, one, two) = (signs.next(), signs.next(), signs.next());
    let is_hex = |sign: Option<char>| sign.is_some_and(|it| it.is_ascii_hexdigit());
    last.is_none_or(|it| !it.is_alphanumeric())
        || one == Some('\\')
        || (two == Some('%') && is_hex(one) && is_hex(last))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request, Response};
    use serde_json::Map;

    use super::{Cassette, other};
    use crate::cassette::{Head, Recorded};

    fn text() -> String {
        let recorded = |path: &str, body: &'static str| {
            let request = Request::get(format!("https://api.example{path}")).body(Bytes::new()).unwrap();
            Recorded::new(&request, &Response::new(Bytes::from_static(body.as_bytes())), None)
        };
        let settings: Map<_, _> = [("project".to_owned(), "acme/shop".into())].into_iter().collect();
        let head = Head::new("fake".to_owned(), "1.0.0".to_owned(), Vec::new(), settings);
        Cassette::new(
            head,
            &[
                recorded("/projects", r#"{"list": [{"name": "acme/shop", "owner": "acme"}, {"name": "acme/shop-2"}]}"#),
                recorded("/findings?project=acme%2Fshop", r#"{"in": "at acme\/shop", "not": "acmes/shop"}"#),
            ],
        )
        .write(&[])
        .unwrap()
    }

    #[test]
    fn what_stands_at_a_place_is_called_something_else_wherever_it_stands() {
        let scrubbed = Cassette::scrub(&text(), &["/list/*/name".to_owned(), "/list/0/owner".to_owned()]).unwrap();
        let name = other("acme/shop");
        let (owner, project) = name.split_once('/').unwrap();
        assert_eq!(owner, other("acme"));
        let read = Cassette::read(&scrubbed).unwrap();
        assert_eq!(read.head.settings["project"], name.as_str());
        assert!(scrubbed.contains(&format!("/findings?project={owner}%2F{project}")), "{scrubbed}");
        assert!(scrubbed.contains(&format!(r"at {owner}\\/{project}")), "{scrubbed}");
        assert!(scrubbed.contains(&format!(r#"\"name\": \"{}\"}}]"#, other("acme/shop-2"))), "{scrubbed}");
        // What only looks like it is another name.
        assert!(scrubbed.contains("acmes/shop"), "{scrubbed}");
    }

    #[test]
    fn a_place_where_nothing_is_and_a_name_in_every_word_are_refused() {
        let scrub = |pointer: &str| Cassette::scrub(&text(), &[pointer.to_owned()]).unwrap_err();
        assert_eq!(scrub("/list/*/title"), "no answer has a text at `/list/*/title`");
        let short = text().replace("acme/shop-2", "a");
        let error = Cassette::scrub(&short, &["/list/*/name".to_owned()]).unwrap_err();
        assert_eq!(error, "`a` is too short to be replaced: it stands in other words");
    }
}
