//! Numbers of advisories that stand in a text as they are.

use appsec_model::AdvisoryId;

use crate::normalize::dependency::advisory;

/// How many are looked for.
const MAX_ADVISORIES: usize = 16;

/// The advisories that texts name, each once, in the order of the texts.
pub fn advisories<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<AdvisoryId> {
    let mut found: Vec<AdvisoryId> = Vec::new();
    for text in texts {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        for word in words.filter_map(number) {
            if found.len() < MAX_ADVISORIES && !found.iter().any(|known| known.id.eq_ignore_ascii_case(word)) {
                found.push(advisory(word.to_owned()));
            }
        }
    }
    found
}

/// The advisory's number in a word: `CVE-2021-23337`, or `GHSA-` and three
/// groups of four. Rule ids may have more parts around it.
fn number(word: &str) -> Option<&str> {
    let folded = word.to_ascii_lowercase();
    if let Some(start) = folded.find("cve-") {
        let (year, number) = folded.get(start + 4..)?.split_once('-')?;
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let is_year = year.len() == 4 && year.bytes().all(|digit| digit.is_ascii_digit());
        return if is_year && digits >= 4 { word.get(start..start + 9 + digits) } else { None };
    }
    let start = folded.find("ghsa-")?;
    let code = word.get(start..start + 19)?;
    let mut groups = code.split('-').skip(1);
    let is_group = |group: &str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (groups.clone().count() == 3 && groups.all(is_group)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::advisories;

    #[test]
    fn numbers_are_found_where_they_stand() {
        let check = |text: &str, expect: &[&str]| {
            let found = advisories([text].into_iter());
            assert_eq!(found.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), expect, "{text}");
        };
        check("See CVE-2021-23337, GHSA-35jh-r3h4-6jhm.", &["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"]);
        check("ssc-cve-2021-44906-minimist cve-2021-44906", &["cve-2021-44906"]);
        check("CVE-2021-1234567", &["CVE-2021-1234567"]);
        check("CVE-21-1234 CVE-2021-123 CVE- cve GHSA-1-2-3 GHSA-aaaa-bbbb GHSA-é", &[]);
        check("", &[]);
    }
}
