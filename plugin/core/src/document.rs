//! Files: which of them `normalize` can read, and what to say of the others.

use appsec_model::{Document, Error};
use serde_json::{Deserializer, value::RawValue};

use crate::{
    manifest::API_FINDINGS,
    wire::{Envelope, Group, shorten},
};

/// The records of a file, in its order, with their kind where the file tells.
pub fn records(document: &Document) -> Result<Vec<Group<'_>>, Error> {
    if let Some(format) = document.head.format.as_deref().filter(|format| *format != API_FINDINGS) {
        return Err(unsupported(document, &format!("its format `{}`", shorten(format))));
    }
    let text = decode(document)?;
    let mut groups = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<&RawValue>() {
        let value = value.map_err(|error| damaged(document, text, &error))?;
        if value.get().starts_with('[') {
            let pages: Vec<&RawValue> =
                serde_json::from_str(value.get()).map_err(|error| damaged(document, text, &error))?;
            for page in pages {
                groups.extend(page_groups(document, page.get())?);
            }
        } else {
            groups.extend(page_groups(document, value.get())?);
        }
    }
    Ok(groups)
}

/// The text of a file, without a byte order mark.
fn decode(document: &Document) -> Result<&str, Error> {
    let content = document.content.as_slice();
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        return Err(unsupported(document, "its encoding UTF-16; save it as UTF-8"));
    }
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    match std::str::from_utf8(content) {
        Ok(text) if text.trim().is_empty() => Err(unsupported(document, "nothing: it is empty")),
        Ok(text) => Ok(text),
        Err(error) => {
            let what = format!("its encoding: it is not UTF-8 from byte {}", error.valid_up_to());
            Err(unsupported(document, &what))
        }
    }
}

/// The records of one answer of the API.
fn page_groups<'a>(document: &Document, text: &'a str) -> Result<Vec<Group<'a>>, Error> {
    let envelope = text.starts_with('{').then(|| serde_json::from_str::<Envelope<'_>>(text).ok()).flatten();
    envelope.and_then(Envelope::groups).ok_or_else(|| unsupported(document, looks_like(text)))
}

/// What is not JSON to its end.
fn damaged(document: &Document, text: &str, error: &serde_json::Error) -> Error {
    let what = match text.trim_start().chars().next() {
        Some('{' | '[') if error.is_eof() => format!("a file that ends in the middle (line {})", error.line()),
        Some('{' | '[') => format!("a file that is not JSON: {error}"),
        _ => looks_like(text).to_owned(),
    };
    unsupported(document, &what)
}

/// A guess at what an alien file is, by the keys that its format must have.
fn looks_like(text: &str) -> &'static str {
    let start = text.trim_start();
    let start = start.char_indices().nth(2000).map_or(start, |(end, _)| start.get(..end).unwrap_or(start));
    let has = |word: &str| start.contains(word);
    if start.starts_with('<') {
        "XML or HTML"
    } else if start.starts_with("Id,") || has("Semgrep Platform Link") {
        "a CSV export of the platform"
    } else if !start.starts_with(['{', '[']) {
        "a file that is not JSON"
    } else if has("\"runs\"") || has("sarif") {
        "SARIF"
    } else if has("\"check_id\"") || has("\"results\"") {
        "the output of `semgrep scan --json`"
    } else if has("\"semgrep_finding\"") || has("\"semgrep_scan\"") {
        "the payload of a webhook"
    } else if has("\"vulns\"") {
        "an answer of the retired Supply Chain API"
    } else if has("\"dependencies\"") {
        "an answer of the dependencies endpoint"
    } else if has("\"error\"") {
        "an error answer of the API"
    } else {
        "JSON without a list `findings`"
    }
}

fn unsupported(document: &Document, what: &str) -> Error {
    Error::Unsupported {
        what: format!(
            "`{}`: the connector cannot read {what}. It reads {API_FINDINGS}: answers of the findings endpoint, \
             `{{\"findings\": [...]}}`",
            shorten(&document.head.name)
        ),
    }
}

#[cfg(test)]
mod tests;
