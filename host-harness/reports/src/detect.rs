//! What a file is.

use std::collections::BTreeMap;

use appsec_model::{foreign, text};
use serde_json::{error::Category, value::RawValue};

use crate::{
    MAX_BYTES,
    format::Format,
    json::{self, Fields},
    refusal::Refusal,
};

/// How much of a file is looked at to tell what it is, if it is no JSON.
const BEGINNING: usize = 64 << 10;

/// Of how many objects of a list or stream the keys are looked at.
const MAX_OBJECTS: usize = 8;

/// Tells what a file is, by its first level. The version is not looked at.
pub fn detect(bytes: &[u8]) -> Result<Format, Refusal> {
    open(bytes, None).map(|(format, _)| format)
}

/// The format of a file, and its first level. A file that may be of several
/// formats is of the one that is wanted.
pub(crate) fn open(bytes: &[u8], wanted: Option<Format>) -> Result<(Format, Fields<'_>), Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    let text = text(bytes)?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| refusal(&error, text))?;
    // Several tools write such lists where they found nothing.
    let is_empty = |key: &str| fields.get(key).is_some_and(|raw| is_nothing(raw));
    let may_be = |format: &Format| match format {
        Format::OsvScanner => is_empty("results"),
        Format::GitLab => is_empty("vulnerabilities") && fields.contains_key("version"),
        _ => false,
    };
    match format(&fields).or_else(|| wanted.filter(may_be)) {
        Some(format) => Ok((format, fields)),
        None => Err(Refusal::Alien { what: looks_like(&fields, text) }),
    }
}

fn format(fields: &Fields<'_>) -> Option<Format> {
    let text_of = |key: &str| fields.get(key).and_then(|raw| json::text(raw));
    let own = ["experimental_config", "license_summary", "image_metadata"];
    let is_list = |key: &str| fields.get(key).is_some_and(|raw| raw.get().starts_with('['));
    if text_of("bomFormat").is_some_and(|it| it == "CycloneDX") {
        Some(Format::CycloneDx)
    } else if fields.contains_key("runs") || text_of("$schema").is_some_and(|it| it.contains("sarif")) {
        Some(Format::Sarif)
    } else if is_gitlab(fields) {
        Some(Format::GitLab)
    } else if is_list("results") || own.iter().any(|key| fields.contains_key(*key)) && fields.contains_key("results") {
        let results = fields.get("results").and_then(|raw| json::elements(raw)).unwrap_or_default();
        // An empty list tells nothing: many tools have one of that name.
        let is_osv = |raw: &&RawValue| {
            json::fields(raw).is_some_and(|it| it.contains_key("packages") && it.contains_key("source"))
        };
        let empty = results.is_empty() && own.iter().any(|key| fields.contains_key(*key));
        (empty || results.iter().any(is_osv)).then_some(Format::OsvScanner)
    } else {
        None
    }
}

/// Whether a file is a security report of GitLab: it has a version of a schema,
/// and a scan of a type, or vulnerabilities as they are listed there.
fn is_gitlab(fields: &Fields<'_>) -> bool {
    let Some(vulnerabilities) = fields.get("vulnerabilities").filter(|_| fields.contains_key("version")) else {
        return false;
    };
    let has = |raw: &RawValue, keys: &[&str]| {
        json::fields(raw).is_some_and(|it| keys.iter().all(|key| it.contains_key(*key)))
    };
    let scans = fields.get("scan").is_some_and(|scan| has(scan, &["type"]) || has(scan, &["scanner"]));
    let first = || json::elements(vulnerabilities).unwrap_or_default().into_iter().take(1);
    scans || first().any(|raw| has(raw, &["identifiers", "location"]))
}

/// The text of a file, without a mark of its encoding.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    if let Some(what) = text::packed(bytes) {
        return Err(Refusal::Alien { what: what.to_owned() });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut inside of a letter.
        Err(error) if error.error_len().is_none() => return Err(Refusal::Truncated { line: lines(bytes) }),
        Err(error) => {
            let what = format!("no text in UTF-8 (from byte {} on); save it as UTF-8", error.valid_up_to());
            return Err(Refusal::Alien { what });
        }
    };
    let alien = |what: String| Err(Refusal::Alien { what });
    if text.trim_start().is_empty() {
        return Err(Refusal::Empty);
    }
    let start = beginning(text);
    match text::no_json(start) {
        Some(what) => alien(what),
        None if text.trim_start().starts_with('{') => Ok(text),
        None if text.trim_start().starts_with('[') => {
            let what = || "a JSON list, and every report is an object; let the scanner write SARIF instead".to_owned();
            alien(of_first(text).unwrap_or_else(what))
        }
        None => alien(text::plain(start).unwrap_or("no JSON object").to_owned()),
    }
}

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(BEGINNING)).unwrap_or_default()
}

/// What a list or a stream of objects is, by the first ones.
fn of_first(text: &str) -> Option<String> {
    let inner = text.trim_start().strip_prefix('[').unwrap_or(text);
    let mut keys = Vec::new();
    let mut rest = inner;
    for _ in 0..MAX_OBJECTS {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Fields<'_>>();
        let Some(Ok(fields)) = stream.next() else { break };
        let end = stream.byte_offset();
        keys.extend(fields.into_keys());
        rest = rest.get(end..)?.trim_start_matches([',', ' ', '\n', '\r', '\t']);
    }
    foreign::named(&|key| keys.iter().any(|known| known == key), beginning(text))
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn refusal(error: &serde_json::Error, text: &str) -> Refusal {
    match error.classify() {
        Category::Eof => Refusal::Truncated { line: lines(text.as_bytes()) },
        _ if error.to_string().starts_with("trailing characters") => Refusal::Alien { what: behind(error, text) },
        _ => {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            Refusal::Malformed { line: error.line(), column: error.column(), reason }
        }
    }
}

/// What stands behind the first JSON object of a file.
fn behind(error: &serde_json::Error, text: &str) -> String {
    let line = error.line();
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim_start();
    if let Some(what) = of_first(text).filter(|_| rest.starts_with('{')) {
        what
    } else if rest.starts_with('{') {
        format!(
            "several JSON documents, one behind the other (the second one in line {line}); let the scanner write SARIF, or \
             hand the reports over one by one"
        )
    } else {
        format!(
            "JSON with other text behind it, such as a log (from line {line} on); let the tool write its report to a file \
             of its own"
        )
    }
}

/// Whether a value is a list without an element, or none.
fn is_nothing(raw: &RawValue) -> bool {
    raw.get() == "null" || json::elements(raw).is_some_and(|elements| elements.is_empty())
}

/// A guess at what an alien JSON object is, by its keys and its beginning.
fn looks_like(fields: &Fields<'_>, text: &str) -> String {
    let key = |word: &str| fields.contains_key(word);
    if let Some(what) = foreign::named(&key, beginning(text)) {
        return what;
    }
    let what = if key("results") && beginning(text).contains("\"check_id\"") {
        "JSON of Semgrep or Opengrep, which its connector reads; `semgrep scan --sarif` writes a report that is read"
    } else if fields.get("results").is_some_and(|raw| is_nothing(raw)) {
        "JSON with an empty list `results`, which several tools write; name its format"
    } else if key("version") && fields.get("vulnerabilities").is_some_and(|raw| is_nothing(raw)) {
        "JSON with an empty list `vulnerabilities`, which several tools write; name its format"
    } else if key("inlineExternalProperties") || key("externalProperties") {
        "a part of SARIF that belongs to another file; let the tool write all of it into one"
    } else if key("results") {
        "JSON with `results` of another form; let the scanner write SARIF instead"
    } else if fields.is_empty() {
        "an empty JSON object"
    } else {
        "JSON of another form"
    };
    what.to_owned()
}
