//! Numbers of advisories.

use appsec_model::{AdvisoryId, AdvisorySource};

use crate::{MAX_LIST, bounds};

/// Starts of numbers that databases of the OSV family give, beside CVE and GHSA.
const STARTS: [&str; 40] = [
    "MAL-",
    "PYSEC-",
    "GO-",
    "RUSTSEC-",
    "OSV-",
    "SNYK-",
    "GMS-",
    "DSA-",
    "DLA-",
    "USN-",
    "RHSA-",
    "ALSA-",
    "ELSA-",
    "SUSE-",
    "ALPINE-",
    "DEBIAN-",
    "UBUNTU-",
    "HSEC-",
    "RSEC-",
    "TEMP-",
    "RHBA-",
    "RHEA-",
    "RLSA-",
    "RXSA-",
    "ALAS",
    "ELBA-",
    "OPENSUSE-",
    "BIT-",
    "ASB-",
    "PUB-",
    "CGA-",
    "CURL-",
    "DTSA-",
    "MGASA-",
    "BDSA-",
    "SONATYPE-",
    "GLSA-",
    "VULNDB-",
    "JLSEC-",
    "DRUPAL-",
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

/// The number that the path of an address ends in: without parameters and
/// without the ending of a file.
pub fn of_address(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?.trim_end_matches('/');
    let last = path.rsplit('/').next()?;
    let stem = ENDINGS.iter().find_map(|ending| {
        let start = last.len().checked_sub(ending.len())?;
        last.get(start..).filter(|end| end.eq_ignore_ascii_case(ending)).and_then(|_| last.get(..start))
    });
    let stem = stem.unwrap_or(last);
    (leading(stem) == Some(stem)).then_some(stem)
}

/// Endings of pages and documents behind a number.
const ENDINGS: [&str; 8] = [".html", ".htm", ".json", ".xml", ".md", ".txt", ".yaml", ".yml"];

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
        // Addresses have some of the others in small letters.
        _ if leading(id) == Some(id) && id.bytes().all(|it| !it.is_ascii_uppercase()) => {
            AdvisoryId { source: AdvisorySource::Other, id: upper }
        }
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
    use super::{advisory, leading, of_address};

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
    fn an_address_ends_in_a_number() {
        for (url, expect) in [
            ("https://vendor.example/errata/ELSA-2021-1679.html", Some("ELSA-2021-1679")),
            ("https://vendor.example/8/ALSA-2021-1679.HTML?lang=en#top", Some("ALSA-2021-1679")),
            ("https://security.example/dsa-4434/", Some("dsa-4434")),
            ("https://x.example/GHSA-35jh-r3h4-6jhm", Some("GHSA-35jh-r3h4-6jhm")),
            ("https://x.example/RHSA-2021:1679", Some("RHSA-2021:1679")),
            ("https://x.example/CVE-2021-23337-lodash.html", None),
            ("https://x.example/news", None),
            ("", None),
        ] {
            assert_eq!(of_address(url), expect, "{url}");
        }
        assert_eq!(advisory("dsa-4434").id, "DSA-4434");
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(advisory(" cve-2021-1234 ").id, "CVE-2021-1234");
        assert_eq!(advisory("ghsa-35JH-r3h4-6jhm").id, "GHSA-35jh-r3h4-6jhm");
        assert_eq!(advisory("SNYK-JS-a-1").id, "SNYK-JS-a-1");
    }
}
