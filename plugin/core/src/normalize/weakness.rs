//! Names of weaknesses: the vendor sends each as one line of text.

use appsec_model::{Cwe, Owasp};

/// Reads `CWE-89: Improper Neutralization of …`.
pub fn cwe(text: String) -> Cwe {
    let (head, name) = split(&text, ':');
    let digits = head.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("CWE-")).and_then(|_| head.get(4..));
    let number = digits.and_then(|digits| digits.trim().parse().ok());
    Cwe { number, name: name.filter(|_| number.is_some()), text }
}

/// Reads `A03:2021 - Injection`. The space in `A06: 2021 - …` was observed.
pub fn owasp(text: String) -> Owasp {
    let (head, name) = split(&text, '-');
    let (code, edition) = split(head, ':');
    let is_code = code.len() <= 8
        && code.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && code.ends_with(|digit: char| digit.is_ascii_digit())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let code = is_code.then(|| code.to_owned());
    let edition = edition.and_then(|year| year.parse().ok()).filter(|_| code.is_some());
    Owasp { edition, name: name.filter(|_| code.is_some()), code, text }
}

/// What stands before and after the first separator, trimmed; an empty second
/// part is none.
fn split(text: &str, separator: char) -> (&str, Option<String>) {
    match text.split_once(separator) {
        Some((head, tail)) => (head.trim(), Some(tail.trim().to_owned()).filter(|tail| !tail.is_empty())),
        None => (text.trim(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::{cwe, owasp};

    #[test]
    fn a_cwe_has_a_number_and_a_name() {
        let check = |text: &str, number, name: Option<&str>| {
            let cwe = cwe(text.to_owned());
            assert_eq!((cwe.number, cwe.name.as_deref(), cwe.text.as_str()), (number, name, text));
        };
        check("CWE-89: SQL ('SQL Injection'): more", Some(89), Some("SQL ('SQL Injection'): more"));
        check("cwe-79", Some(79), None);
        check("CWE-79:", Some(79), None);
        check("CWE-: nothing", None, None);
        check("NVD-CWE-noinfo", None, None);
        check("é", None, None);
        check("", None, None);
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
        check("Injection - of all sorts", None, None, None);
        check("", None, None, None);
    }
}
