//! What a file is.

use std::{collections::BTreeMap, fmt};

use serde_json::{error::Category, value::RawValue};

use crate::{
    MAX_BYTES, Refusal,
    json::{self, Fields},
};

/// A format of reports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Format {
    /// Static Analysis Results Interchange Format, of OASIS.
    Sarif,
    /// CycloneDX bill of materials in JSON, of Ecma (ECMA-424).
    CycloneDx,
    /// The JSON of OSV-Scanner, around records of the OSV schema.
    OsvScanner,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sarif, Self::CycloneDx, Self::OsvScanner];

    /// The stable word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::OsvScanner => "osv-scanner",
        }
    }

    /// The format of this word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The versions of it that are read.
    pub const fn versions(self) -> &'static str {
        match self {
            Self::Sarif => "2.1.0",
            Self::CycloneDx => "1.4, 1.5, 1.6 or 1.7",
            Self::OsvScanner => "1 or 2",
        }
    }

    pub(crate) fn expected() -> String {
        let one = |format: Self| format!("{format} {}", format.versions());
        let [first, second, third] = Self::ALL.map(one);
        format!("{first}; {second}; or {third}")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Sarif => "SARIF",
            Self::CycloneDx => "CycloneDX JSON",
            Self::OsvScanner => "OSV-Scanner JSON",
        })
    }
}

/// Tells what a file is, by its first level. The version is not looked at.
pub fn detect(bytes: &[u8]) -> Result<Format, Refusal> {
    open(bytes).map(|(format, _)| format)
}

/// The format of a file, and its first level.
pub(crate) fn open(bytes: &[u8]) -> Result<(Format, Fields<'_>), Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::TooLarge { bytes: bytes.len() });
    }
    let text = text(bytes)?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| refusal(&error, text))?;
    match format(&fields) {
        Some(format) => Ok((format, fields)),
        None => Err(Refusal::Alien { what: looks_like(&fields).to_owned() }),
    }
}

fn format(fields: &Fields<'_>) -> Option<Format> {
    let text_of = |key: &str| fields.get(key).and_then(|raw| json::text(raw));
    let is_list = |key: &str| fields.get(key).is_some_and(|raw| raw.get().starts_with('['));
    if text_of("bomFormat").is_some_and(|it| it == "CycloneDX") {
        Some(Format::CycloneDx)
    } else if fields.contains_key("runs") || text_of("$schema").is_some_and(|it| it.contains("sarif")) {
        Some(Format::Sarif)
    } else if is_list("results") {
        let results = fields.get("results").and_then(|raw| json::elements(raw)).unwrap_or_default();
        // An empty list tells nothing: many tools have one of that name.
        let is_osv = |raw: &&RawValue| {
            json::fields(raw).is_some_and(|it| it.contains_key("packages") && it.contains_key("source"))
        };
        let own = ["experimental_config", "license_summary", "image_metadata"];
        let empty = results.is_empty() && own.iter().any(|key| fields.contains_key(*key));
        (empty || results.iter().any(is_osv)).then_some(Format::OsvScanner)
    } else {
        None
    }
}

/// The text of a file, without a mark of its encoding.
fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    let is = |magic: &[u8]| bytes.starts_with(magic);
    let alien = |what: &str| Err(Refusal::Alien { what: what.to_owned() });
    if is(&[0x1f, 0x8b]) || is(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return alien("still compressed");
    } else if is(b"PK\x03\x04") {
        return alien("a ZIP archive, which may hold several reports");
    } else if is(&[0xff, 0xfe]) || is(&[0xfe, 0xff]) || is(b"{\0") || is(b"\0{") {
        return alien("text in UTF-16, and JSON is exchanged in UTF-8 (RFC 8259)");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut inside of a letter.
        Err(error) if error.error_len().is_none() => return Err(Refusal::Truncated { line: lines(bytes) }),
        Err(_) => return alien("no text in UTF-8"),
    };
    match text.trim_start().chars().next() {
        None => Err(Refusal::Empty),
        Some('{') => Ok(text),
        Some('<') => alien("XML or HTML"),
        Some('[') => alien("a JSON list, and every report is an object"),
        Some(_) => alien("no JSON object"),
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn refusal(error: &serde_json::Error, text: &str) -> Refusal {
    match error.classify() {
        Category::Eof => Refusal::Truncated { line: lines(text.as_bytes()) },
        _ => {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            Refusal::Malformed { line: error.line(), column: error.column(), reason }
        }
    }
}

/// A guess at what an alien JSON object is, by its keys.
fn looks_like(fields: &Fields<'_>) -> &'static str {
    let key = |word: &str| fields.contains_key(word);
    if key("spdxVersion") || key("SPDXID") {
        "an SPDX bill of materials, which holds no findings"
    } else if key("SchemaVersion") && (key("Results") || key("ArtifactName")) {
        "a scanner's own JSON (`SchemaVersion`); let the scanner write SARIF or CycloneDX instead"
    } else if key("matches") && key("descriptor") {
        "a scanner's own JSON (`matches`); let the scanner write SARIF or CycloneDX instead"
    } else if key("vulnerabilities") && (key("packageManager") || key("scan")) {
        "a scanner's own JSON (`vulnerabilities`); let the scanner write SARIF instead"
    } else if key("schema_version") && key("affected") || key("id") && key("affected") {
        "one advisory of the OSV schema, not the report of a scan"
    } else if key("@context") && key("statements") {
        "an OpenVEX document, which holds statements on findings and no findings"
    } else if key("document") && key("product_tree") {
        "a CSAF advisory, not the report of a scan"
    } else if key("results") {
        "JSON with `results` of another form; let the scanner write SARIF instead"
    } else if fields.is_empty() {
        "an empty JSON object"
    } else {
        "JSON of another form"
    }
}
