//! CWE and OWASP numbers in the words that reports use for them.

use appsec_model::{Cwe, Owasp};
use serde_json::Value;

use crate::{MAX_LIST, json::JsonView};

/// A weakness by its number.
pub fn by_number(number: u32) -> Cwe {
    Cwe { number: Some(number), name: None, text: format!("CWE-{number}") }
}

/// Where the pages of weaknesses are.
const PAGES: &str = "cwe.mitre.org/data/definitions/";

/// The weakness of a tag: `external/cwe/cwe-079`, `CWE-79: Name`, `CWE79`, the address of
/// its page; none of others.
pub fn cwe(tag: &str) -> Option<Cwe> {
    let text = tag.trim();
    if let Some((_, page)) = text.split_once(PAGES) {
        let digits = page.split(|sign: char| !sign.is_ascii_digit()).next().unwrap_or_default();
        return digits.parse().ok().filter(|number| *number > 0).map(by_number);
    }
    let start = text.get(..13).filter(|start| start.eq_ignore_ascii_case("external/cwe/"));
    let text = start.and_then(|_| text.get(13..)).unwrap_or(text);
    let rest = text.get(..3).filter(|start| start.eq_ignore_ascii_case("cwe")).and_then(|_| text.get(3..))?;
    let rest = rest.trim_start_matches(['-', ':', '_', ' ', '/']);
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    if rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    let name = rest.trim_start_matches(|letter: char| letter.is_whitespace() || ":-\u{2013}\u{2014}".contains(letter));
    let name = Some(name.trim_end().to_owned()).filter(|name| !name.is_empty());
    Some(Cwe { number: Some(number), name, text: tag.trim().to_owned() })
}

/// The category of a tag: `OWASP-A03:2021 - Injection`, `external/owasp/owasp-a03`; none of others.
pub fn owasp(tag: &str) -> Option<Owasp> {
    let text = tag.trim();
    let folded = text.to_ascii_lowercase();
    let rest = text.get(folded.rfind("owasp")? + 5..)?.trim_start_matches(['-', ':', '_', ' ', '/']);
    let letters = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (letters, rest) = rest.split_at(letters);
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(digits);
    let known = matches!(letters.to_ascii_uppercase().as_str(), "A" | "API" | "M" | "LLM");
    let number: u8 = digits.parse().ok().filter(|number| known && (1..=10).contains(number))?;
    let code = match letters.to_ascii_uppercase().as_str() {
        "API" => format!("API{number}"),
        letters => format!("{letters}{number:02}"),
    };
    let after = rest.trim_start_matches([':', '-', ' ', '_']);
    let edition = after.get(..4).and_then(|year| year.parse().ok()).filter(|year| (2000..=2100).contains(year));
    let name = if edition.is_some() { after.get(4..).unwrap_or_default() } else { after };
    let name = name.trim_start_matches(|letter: char| letter.is_whitespace() || ":-\u{2013}".contains(letter));
    let name = Some(name.trim_end().to_owned()).filter(|name| !name.is_empty());
    Some(Owasp { code: Some(code), edition, name, text: tag.trim().to_owned() })
}

/// Members that scanners and databases name weaknesses in.
const MEMBERS: [&str; 7] = ["cwe", "cwes", "cweId", "cweIds", "cwe_id", "cwe_ids", "cwe-id"];

/// The weaknesses that an object names in members of its own: a text of one or
/// several, a number, an object with one of them, or a list of these.
pub fn of_members(object: &Value) -> Vec<Cwe> {
    let values = MEMBERS.iter().filter_map(|key| object.at(key));
    let values = values.flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
    values.take(MAX_LIST).flat_map(|value| of_list(value).or_else(|| Some(vec![of_value(value)?]))).flatten().collect()
}

/// The weaknesses of a text that names several: `CWE-79, CWE-80`.
fn of_list(value: &Value) -> Option<Vec<Cwe>> {
    let parts = value.as_str()?.split([',', ';', '|']).map(|part| of_value(&part.trim().into()));
    parts.collect::<Option<Vec<Cwe>>>().filter(|all| all.len() > 1)
}

/// The weakness that a value names: a number, a text, or an object with one.
pub fn of_value(value: &Value) -> Option<Cwe> {
    let id = ["id", "cweId", "cwe_id", "cweid", "value"].iter().find_map(|key| value.at(key));
    let value = id.unwrap_or(value);
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.map(by_number).or_else(|| cwe(value.as_str()?))
}

/// Adds a weakness unless it is known by its number.
pub fn add(cwes: &mut Vec<Cwe>, cwe: Cwe) {
    if cwes.len() < MAX_LIST && !cwes.iter().any(|known| known.number == cwe.number) {
        cwes.push(cwe);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{cwe, of_members, owasp};

    #[test]
    fn a_tag_tells_a_weakness() {
        let check = |tag: &str, expect: Option<(u32, Option<&str>)>| {
            let cwe = cwe(tag);
            let found = cwe.as_ref().map(|cwe| (cwe.number.unwrap(), cwe.name.as_deref()));
            assert_eq!(found, expect, "{tag}");
        };
        check("external/cwe/cwe-079", Some((79, None)));
        check("CWE-89: SQL Injection", Some((89, Some("SQL Injection"))));
        check("cwe:22", Some((22, None)));
        check("CWE 798 - Hard-coded", Some((798, Some("Hard-coded"))));
        check("CWE78", Some((78, None)));
        check("https://cwe.mitre.org/data/definitions/89.html", Some((89, None)));
        check("CWE-79abc", None);
        check("CWE-0", None);
        check("NVD-CWE-noinfo", None);
        check("security", None);
        check("é", None);
    }

    #[test]
    fn a_member_tells_weaknesses_in_any_form() {
        let numbers = |value: Value| -> Vec<u32> {
            of_members(&json!({"cwe": value})).into_iter().filter_map(|cwe| cwe.number).collect()
        };
        for value in
            [json!(89), json!("89"), json!("CWE89"), json!("cwe-89: SQL"), json!(["CWE_89"]), json!({"id": 89})]
        {
            assert_eq!(numbers(value.clone()), [89], "{value}");
        }
        assert_eq!(numbers(json!("CWE-79, CWE-80")), [79, 80]);
        assert_eq!(numbers(json!(["CWE-79;80", "CWE-89: one, of two"])), [79, 80, 89]);
        assert_eq!(numbers(json!(["none", {}])), [0_u32; 0]);
    }

    #[test]
    fn a_tag_tells_a_category() {
        let check = |tag: &str, expect: Option<(&str, Option<u16>, Option<&str>)>| {
            let owasp = owasp(tag);
            let found = owasp.as_ref().map(|it| (it.code.as_deref().unwrap(), it.edition, it.name.as_deref()));
            assert_eq!(found, expect, "{tag}");
        };
        check("OWASP-A03:2021 - Injection", Some(("A03", Some(2021), Some("Injection"))));
        check("external/owasp/owasp-a1", Some(("A01", None, None)));
        check("owasp_api3:2023", Some(("API3", Some(2023), None)));
        check("OWASP Top 10", None);
        check("OWASP-A99", None);
        check("Injection", None);
    }
}
