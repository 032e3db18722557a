//! Numbers of advisories.

use appsec_model::{AdvisoryId, AdvisorySource};

use crate::{MAX_LIST, bounds};

/// Starts of numbers that databases of the OSV family give, beside CVE and GHSA.
const STARTS: [&str; 20] = [
    "MAL-", "PYSEC-", "GO-", "RUSTSEC-", "OSV-", "SNYK-", "GMS-", "DSA-", "DLA-", "USN-", "RHSA-", "ALSA-", "ELSA-",
    "SUSE-", "ALPINE-", "DEBIAN-", "UBUNTU-", "HSEC-", "RSEC-", "TEMP-",
];

/// The advisory's number that a text begins with: all of it, or up to a sign
/// that is none of the number.
pub fn leading(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '.' | ':'));
    let word = text.get(..end.unwrap_or(text.len()))?;
    let folded = word.to_ascii_uppercase();
    if let Some(rest) = folded.strip_prefix("CVE-") {
        let (year, number) = rest.split_once('-')?;
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let is_year = year.len() == 4 && year.bytes().all(|digit| digit.is_ascii_digit());
        return if is_year && digits >= 4 { word.get(..9 + digits) } else { None };
    }
    if folded.starts_with("GHSA-") {
        let code = word.get(..19)?;
        let mut groups = code.split('-').skip(1);
        let is_group = |group: &str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return (groups.clone().count() == 3 && groups.all(is_group)).then_some(code);
    }
    let is_other = STARTS.iter().any(|start| folded.starts_with(start));
    (is_other && word.bytes().any(|byte| byte.is_ascii_digit())).then_some(word)
}

/// The advisory of a number, in the spelling of who numbers it.
pub fn advisory(id: &str) -> AdvisoryId {
    let id = id.trim();
    let upper = id.to_ascii_uppercase();
    match upper.get(..5).unwrap_or_default() {
        start if start.starts_with("CVE-") => AdvisoryId { source: AdvisorySource::Cve, id: upper },
        "GHSA-" => {
            // Letters of the code are small by the form of these numbers.
            let code = id.get(5..).unwrap_or_default().to_ascii_lowercase();
            AdvisoryId { source: AdvisorySource::Ghsa, id: format!("GHSA-{code}") }
        }
        start if start.starts_with("MAL-") => AdvisoryId { source: AdvisorySource::Mal, id: upper },
        _ => AdvisoryId { source: AdvisorySource::Other, id: id.to_owned() },
    }
}

/// Adds an advisory unless it is known.
pub fn add(advisories: &mut Vec<AdvisoryId>, id: &str) {
    let advisory = advisory(bounds::word(id));
    if advisories.len() < MAX_LIST && !advisory.id.is_empty() && !advisories.contains(&advisory) {
        advisories.push(advisory);
    }
}

#[cfg(test)]
mod tests {
    use super::{advisory, leading};

    #[test]
    fn a_number_is_known_by_its_form() {
        for (text, expect) in [
            ("CVE-2021-23337", Some("CVE-2021-23337")),
            ("CVE-2021-23337-lodash", Some("CVE-2021-23337")),
            ("cve-2021-23337", Some("cve-2021-23337")),
            ("GHSA-35jh-r3h4-6jhm-lodash", Some("GHSA-35jh-r3h4-6jhm")),
            ("SNYK-JS-LODASH-450202", Some("SNYK-JS-LODASH-450202")),
            ("GO-2023-1234", Some("GO-2023-1234")),
            ("CVE-21-1", None),
            ("GHSA-1-2-3", None),
            ("GO-TO", None),
            ("js/sql-injection", None),
            ("", None),
        ] {
            assert_eq!(leading(text), expect, "{text}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(advisory(" cve-2021-1234 ").id, "CVE-2021-1234");
        assert_eq!(advisory("ghsa-35JH-r3h4-6jhm").id, "GHSA-35jh-r3h4-6jhm");
        assert_eq!(advisory("SNYK-JS-a-1").id, "SNYK-JS-a-1");
    }
}
