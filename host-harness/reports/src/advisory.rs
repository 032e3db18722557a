//! Numbers of advisories.

use appsec_model::{AdvisoryId, AdvisorySource};
use percent_encoding::percent_decode_str;

use crate::{MAX_LIST, bounds};

/// Starts of numbers that databases of the OSV family give, beside CVE and GHSA.
const STARTS: [&str; 46] = [
    "NPM:",
    "XRAY-",
    "WS-",
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
    "FEDORA-",
    "OESA-",
    "EEF-",
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

/// The number that an address is about: what its path ends in, without the ending of
/// a file, maybe with its start as the folder or the host (`/glsa/202101-01`); else
/// one that a parameter is.
pub fn of_address(url: &str) -> Option<String> {
    // A colon is often written as `%3A`.
    let url = percent_decode_str(url).decode_utf8_lossy();
    let (path, parameters) = url.split_once(['?', '#']).unwrap_or((&url, ""));
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let last = parts.next()?;
    let stem = ENDINGS.iter().find_map(|ending| {
        let start = last.len().checked_sub(ending.len())?;
        last.get(start..).filter(|end| end.eq_ignore_ascii_case(ending)).and_then(|_| last.get(..start))
    });
    // Debian has a page in each language: `dsa-4434.en.html`.
    let whole = || stem?.rsplit_once('.').filter(|(_, language)| language.len() == 2).map(|(whole, _)| whole);
    let stem = whole().or(stem).unwrap_or(last);
    let is_number = |text: &&str| leading(text) == Some(*text);
    let start = parts.next().and_then(|part| part.split('.').next()).unwrap_or_default();
    let joined = || {
        let is_bare = stem.starts_with(|sign: char| sign.is_ascii_digit()) && !start.is_empty();
        let start = format!("{}-", start.to_ascii_uppercase());
        (is_bare && STARTS.contains(&start.as_str())).then(|| format!("{start}{stem}"))
    };
    let parameter = || parameters.split(['&', ';', '#']).map(|it| it.rsplit('=').next().unwrap_or(it)).find(is_number);
    Some(stem).filter(is_number).map(str::to_owned).or_else(joined).or_else(|| parameter().map(str::to_owned))
}

/// Endings of pages and documents behind a number.
const ENDINGS: [&str; 9] = [".html", ".htm", ".json", ".xml", ".md", ".txt", ".yaml", ".yml", ".pdf"];

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
        // Some write them in small letters: in lists and details they are the same.
        _ => AdvisoryId { source: AdvisorySource::Other, id: upper },
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
            ("https://www.debian.example/security/2019/dsa-4434.en.html", Some("dsa-4434")),
            ("https://x.example/errata/RHSA-2021%3A1680", Some("RHSA-2021:1680")),
            ("https://x.example/updates/FEDORA-2020-0a1b2c3d4e", Some("FEDORA-2020-0a1b2c3d4e")),
            ("https://x.example/news", None),
            ("https://x.example/advisories/SUSE-SU-2022:0135-1.pdf", Some("SUSE-SU-2022:0135-1")),
            ("https://cve.example/cvename.cgi?name=CVE-2021-42376&lang=en", Some("CVE-2021-42376")),
            ("https://x.example/guide#CVE-2021-42378", Some("CVE-2021-42378")),
            ("https://security.example/glsa/202101-01", Some("GLSA-202101-01")),
            ("https://usn.example/5179-1/", Some("USN-5179-1")),
            ("https://x.example/news/2021-1?a=b", None),
            ("", None),
        ] {
            assert_eq!(of_address(url).as_deref(), expect, "{url}");
        }
        assert_eq!(advisory("dsa-4434").id, "DSA-4434");
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(advisory(" cve-2021-1234 ").id, "CVE-2021-1234");
        assert_eq!(advisory("ghsa-35JH-r3h4-6jhm").id, "GHSA-35jh-r3h4-6jhm");
        assert_eq!(advisory("openSUSE-SU-2023:0001-1").id, "OPENSUSE-SU-2023:0001-1");
        assert_eq!(advisory("note 7").id, "NOTE 7");
    }
}
