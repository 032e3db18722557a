//! Names of weaknesses: the vendor sends each as one line of text.

use appsec_model::{Cwe, Owasp};

/// Reads texts as [`cwe`] does, of which one may name several: `CWE-79, CWE-80`.
pub fn cwes(texts: Vec<String>) -> Vec<Cwe> {
    let mut cwes = Vec::new();
    for text in texts {
        let parts = || text.split([',', ';']).map(|part| cwe(part.trim().to_owned()));
        if text.contains([',', ';']) && parts().all(|part| part.number.is_some()) {
            cwes.extend(parts());
        } else {
            cwes.push(cwe(text));
        }
    }
    cwes
}

/// Reads `CWE-89: Improper Neutralization of …`, and `CWE89` or `89` alone.
pub fn cwe(text: String) -> Cwe {
    let trimmed = text.trim();
    let after = trimmed.get(..3).filter(|start| start.eq_ignore_ascii_case("CWE")).and_then(|_| trimmed.get(3..));
    let after = after.map(|rest| rest.trim_start_matches(['-', '_', ':', ' ']));
    let (digits, rest) = leading(after.unwrap_or(trimmed), |letter| letter.is_ascii_digit());
    let is_whole = if after.is_some() { !rest.starts_with(char::is_alphanumeric) } else { rest.is_empty() };
    let number = digits.parse().ok().filter(|number| is_whole && *number > 0);
    Cwe { number, name: name(rest).filter(|_| number.is_some()), text }
}

/// Reads `A03:2021 - Injection`. Observed are also a space behind the colon, a
/// longer dash, no dash, no zero (`A1:2017`), and no year (`A3: …`).
pub fn owasp(text: String) -> Owasp {
    let (code, rest) = leading(text.trim(), |letter| letter.is_ascii_alphanumeric());
    let is_code = code.len() <= 8
        && code.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && code.ends_with(|digit: char| digit.is_ascii_digit());
    if !is_code {
        return Owasp { code: None, edition: None, name: None, text };
    }
    let after = rest.trim_start().strip_prefix(':').map(str::trim_start);
    let (digits, tail) = leading(after.unwrap_or_default(), |letter| letter.is_ascii_digit());
    let edition = digits.parse().ok().filter(|_| digits.len() == 4 && !tail.starts_with(char::is_alphanumeric));
    let name = name(if edition.is_some() { tail } else { rest });
    Owasp { code: Some(code.to_owned()), edition, name, text }
}

/// The first letters of a sort, and the rest.
fn leading(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter| !is(letter)).unwrap_or(text.len()))
}

/// The name behind a number, without what parts them.
fn name(text: &str) -> Option<String> {
    let name = text.trim_start_matches(|letter: char| letter.is_whitespace() || ":-\u{2013}\u{2014}".contains(letter));
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{cwe, cwes, owasp};

    #[test]
    fn a_cwe_has_a_number_and_a_name() {
        let check = |text: &str, number, name: Option<&str>| {
            let cwe = cwe(text.to_owned());
            assert_eq!((cwe.number, cwe.name.as_deref(), cwe.text.as_str()), (number, name, text));
        };
        check("CWE-89: SQL ('SQL Injection'): more", Some(89), Some("SQL ('SQL Injection'): more"));
        check("cwe-79", Some(79), None);
        check("CWE-79:", Some(79), None);
        check(" CWE-79 : XSS ", Some(79), Some("XSS"));
        check("CWE-79 - XSS", Some(79), Some("XSS"));
        check("CWE-1321 Prototype Pollution", Some(1321), Some("Prototype Pollution"));
        for text in ["CWE89", "cwe_89", "CWE:89", "CWE 89", "89", "CWE-089"] {
            check(text, Some(89), None);
        }
        check("89 bottles", None, None);
        check("0", None, None);
        check("CWE-79abc", None, None);
        check("CWE-99999999999", None, None);
        check("CWE-: nothing", None, None);
        check("NVD-CWE-noinfo", None, None);
        check("é", None, None);
        check("", None, None);
    }

    #[test]
    fn a_text_may_name_several_weaknesses() {
        let numbers = |text: &str| -> Vec<_> { cwes(vec![text.to_owned()]).into_iter().map(|it| it.number).collect() };
        assert_eq!(numbers("CWE-79, CWE-80"), [Some(79), Some(80)]);
        assert_eq!(numbers("CWE-78: OS Command, and others"), [Some(78)]);
        assert_eq!(numbers("one, two"), [None]);
    }

    #[test]
    fn an_owasp_category_has_a_code_an_edition_and_a_name() {
        let check = |text: &str, code: Option<&str>, edition, name: Option<&str>| {
            let owasp = owasp(text.to_owned());
            assert_eq!((owasp.code.as_deref(), owasp.edition, owasp.name.as_deref()), (code, edition, name), "{text}");
        };
        check("A03:2021 - Injection", Some("A03"), Some(2021), Some("Injection"));
        check("A06: 2021 - Vulnerable and Outdated", Some("A06"), Some(2021), Some("Vulnerable and Outdated"));
        check("A07:2017 - Cross-Site Scripting", Some("A07"), Some(2017), Some("Cross-Site Scripting"));
        check(
            "API1:2023 - Broken Object Level Authorization",
            Some("API1"),
            Some(2023),
            Some("Broken Object Level Authorization"),
        );
        check("A01", Some("A01"), None, None);
        check("A1:2017", Some("A1"), Some(2017), None);
        check("A1:2017-Injection", Some("A1"), Some(2017), Some("Injection"));
        check("A01:2025", Some("A01"), Some(2025), None);
        check("A03:2021 \u{2013} Injection", Some("A03"), Some(2021), Some("Injection"));
        check("A8:2017 Insecure Deserialization", Some("A8"), Some(2017), Some("Insecure Deserialization"));
        check("A3: Sensitive Data Exposure", Some("A3"), None, Some("Sensitive Data Exposure"));
        check("LLM08:2023 - Excessive Agency", Some("LLM08"), Some(2023), Some("Excessive Agency"));
        check("A3:20212", Some("A3"), None, Some("20212"));
        check("Injection - of all sorts", None, None, None);
        check("", None, None, None);
    }
}
