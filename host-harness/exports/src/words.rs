//! What several formats say alike: addresses, scores, hashes, moments.

use appsec_analysis::advisories::CvssRating;
use appsec_model::{AdvisorySource, Confidence, Finding, Fix, PackageVersion, Rule, Severity, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::Exported;

/// Where the program is described.
pub const TOOL: &str = "appsec-harness";

/// What stays as it is in the path of an address.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What stays as it is in a part of a path.
const PART: &AsciiSet = &PATH.add(b'/');

/// A path as the address of a file, and whether it is relative to the repository.
pub fn path_uri(path: &str) -> (String, bool) {
    let encoded = utf8_percent_encode(path, PATH).to_string();
    let has_drive = matches!(path.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic());
    match path.starts_with('/') {
        true => (format!("file://{encoded}"), false),
        false if has_drive => (format!("file:///{}", encoded.replace("%3A", ":").replace("%5C", "/")), false),
        false => (encoded, true),
    }
}

/// A text as a part of an address.
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// An address of the web, if a text is one as a whole and needs no escapes.
pub fn url(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_fits = host.bytes().all(|it| it.is_ascii_alphanumeric() || b".-:".contains(&it));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    let escaped = rest
        .split('%')
        .skip(1)
        .all(|it| matches!(it.as_bytes(), [one, two, ..] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit()));
    let port = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let fragments = rest.matches('#').count() <= 1;
    let named = host.starts_with(|sign: char| sign.is_ascii_alphanumeric());
    (named && host_fits && port && fragments && escaped && rest.bytes().all(fits)).then_some(text)
}

/// Where an advisory is published.
pub fn advisory_url(id: &str) -> String {
    let id = part(id);
    if id.starts_with("CVE-") {
        format!("https://nvd.nist.gov/vuln/detail/{id}")
    } else if id.starts_with("GHSA-") {
        format!("https://github.com/advisories/{id}")
    } else {
        format!("https://osv.dev/vulnerability/{id}")
    }
}

/// Who numbers advisories.
pub const fn advisory_database(source: AdvisorySource) -> &'static str {
    match source {
        AdvisorySource::Cve => "NVD",
        AdvisorySource::Ghsa => "GitHub Advisories",
        AdvisorySource::Mal | AdvisorySource::Other => "OSV",
    }
}

/// A score that stands for a severity where nothing is scored, and says so wherever
/// it is used: the middle of the severity's band.
pub const fn derived_score(severity: Severity) -> Option<f64> {
    match severity {
        Severity::Critical => Some(9.5),
        Severity::High => Some(8.0),
        Severity::Medium => Some(5.5),
        Severity::Low => Some(3.0),
        Severity::Info => Some(0.0),
        Severity::Unknown => None,
    }
}

/// Where a rating comes from, in words.
pub fn rating_source(rating: &CvssRating) -> String {
    format!("CVSS {} of {}", rating.version, rating.source)
}

/// The hash of parts.
pub fn hash(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        // UTF-8 has no such byte.
        hasher.update([0xff]);
    }
    let mut first = [0; 16];
    first.iter_mut().zip(hasher.finalize()).for_each(|(to, from)| *to = from);
    first
}

/// A hash in hexadecimal.
pub fn hex(hash: [u8; 16]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID that is always the same for the same parts: in the form of version 5, a
/// hash of a name, since SARIF takes none of version 8.
pub fn uuid(parts: &[&str]) -> String {
    let mut hash = hash(parts);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut hash;
    *version = *version & 0x0f | 0x50;
    *variant = *variant & 0x3f | 0x80;
    let hex = hex(hash);
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32))
}

/// A moment, if it has a form of RFC 3339 with four digits for the year.
pub fn moment(at: Timestamp) -> Option<String> {
    Some(at.to_string()).filter(|text| text.len() >= 20 && text.as_bytes().get(4) == Some(&b'-'))
}

/// Id of the rule of a finding; of one without a rule, its kind.
pub fn rule_id(it: &Exported) -> &str {
    it.finding.rule_id.as_deref().filter(|id| !id.is_empty()).unwrap_or(it.finding.kind.as_str())
}

/// The word for a confidence, if it is one of three.
pub fn confidence(finding: &Finding, rule: Option<&Rule>) -> Option<&'static str> {
    match finding.confidence.as_ref().or_else(|| rule?.confidence.as_ref())? {
        Confidence::High => Some("high"),
        Confidence::Medium => Some("medium"),
        Confidence::Low => Some("low"),
        Confidence::Other(_) => None,
    }
}

/// A package as `name@version`.
pub fn named(package: &PackageVersion) -> String {
    match &package.version {
        Some(version) => format!("{}@{version}", package.name),
        None => package.name.clone(),
    }
}

/// What to do about a vulnerable package: `Upgrade lodash to version 4.17.21`.
pub fn recommendation(it: &Exported) -> Option<String> {
    let Fix::Upgrades { upgrades } = appsec_analysis::fix::known(it.finding.dependency.as_ref()?) else { return None };
    let own = &it.finding.dependency.as_ref()?.package.name;
    let mut names: Vec<&str> = upgrades.iter().map(|it| it.package.as_str()).collect();
    names.sort_unstable_by_key(|name| (*name != own, *name));
    names.dedup();
    let one = |name: &str| {
        let versions: Vec<&str> =
            upgrades.iter().filter(|it| it.package == name).map(|it| it.version.as_str()).collect();
        format!("{name} to version {}", versions.join(", "))
    };
    let all: Vec<String> = names.into_iter().map(one).collect();
    (!all.is_empty()).then(|| format!("Upgrade {}", all.join("; ")))
}

/// A moment to the second, in UTC and without an offset.
pub fn second(at: Timestamp) -> String {
    let text = moment(at).unwrap_or_else(|| Timestamp::default().to_string());
    text.get(..19).unwrap_or_default().to_owned()
}

/// The day of a moment.
pub fn day(at: Timestamp) -> String {
    second(at).get(..10).unwrap_or_default().to_owned()
}

/// A text cut to a number of signs.
pub fn cut(text: &str, signs: usize) -> String {
    match text.char_indices().nth(signs) {
        None => text.to_owned(),
        Some(_) => text.chars().take(signs.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A text in Markdown that is only shown: nothing in it is a link, a picture, markup
/// or the name of somebody who would be told.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '@' | '!' | '#' | '~' | '|' | '$' | '%' | '^' => {
                escaped.extend(['\\', sign]);
            }
            sign => escaped.push(sign),
        }
    }
    escaped
}
