//! What of a result that shows a credential may be kept.
//!
//! A scanner repeats the credential that it found wherever it likes: in code,
//! messages, properties, fingerprints and rules. What is kept of such a result
//! is therefore a list of what may be there, and its texts are kept only where
//! no word of them can be a credential.
//!
//! ```
//! use appsec_model::credential::{is_named, is_prose, without_parameters};
//!
//! assert!(is_named("javascript/HardcodedNonCryptoSecret"));
//! assert!(is_prose("GitHub personal access token") && !is_prose("token ghp_7hQ2mZ9wX4cV6bY1"));
//! assert_eq!(without_parameters("https://me:pass@git.example/a?key=1"), "https://git.example/a");
//! ```

mod form;
mod named;

pub use self::{
    form::{without_keys, without_tokens},
    named::{is_named, is_told, is_weakness},
};

/// The longest word of a text, in letters.
const MAX_WORD: usize = 24;

/// Whether no word of a text can be a credential: each is one of letters, as
/// people write them, or a short number. It may be refused wrongly, and never
/// kept so where the credential is a random one.
pub fn is_prose(text: &str) -> bool {
    text.split(|sign: char| !sign.is_alphanumeric()).all(is_word)
}

/// A text if it [is prose](is_prose).
pub fn prose(text: Option<&str>) -> Option<String> {
    text.filter(|text| is_prose(text)).map(str::to_owned)
}

fn is_word(word: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    // `1Password`, `OAuth2`, `SHA256`, `A07`; years, and numbers of advisories.
    let start = word.trim_start_matches(is_digit);
    let letters = start.trim_end_matches(is_digit);
    if letters.is_empty() {
        return word.len() <= 7;
    }
    if word.len() - start.len() > 2 || start.len() - letters.len() > 4 {
        return false;
    }
    // `GitHub` changes once from small letters to large ones, and what is made of
    // words has long ones: random texts often change, after one letter or two.
    let mut pieces = vec![0_usize];
    let mut was_small = false;
    for letter in letters.chars() {
        if !letter.is_alphabetic() {
            return false;
        }
        if was_small && letter.is_uppercase() {
            pieces.push(0);
        }
        was_small = letter.is_lowercase();
        pieces.last_mut().into_iter().for_each(|length| *length += 1);
    }
    pieces.iter().all(|length| *length <= MAX_WORD)
        && pieces.iter().sum::<usize>() <= 2 * MAX_WORD
        && (pieces.len() <= 2 || pieces.iter().all(|length| *length >= 3))
}

/// A text about a place that shows a credential, without what may repeat it: what it
/// quotes, whatever no [prose](is_prose) has, and the login of an address.
pub fn masked(text: &str) -> String {
    let mut kept = String::new();
    let (mut rest, mut before) = (text, ' ');
    while let Some(sign) = rest.chars().next() {
        let length = rest.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(rest.len()).max(sign.len_utf8());
        let (word, mut behind) = rest.split_at(length);
        let quoted = behind.split_once(sign).filter(|_| "'\"`".contains(sign) && !before.is_alphanumeric());
        if let Some((_, after)) = quoted {
            kept.push(sign);
            kept.push('…');
            kept.push(sign);
            behind = after;
        } else {
            kept.push_str(if !sign.is_alphanumeric() || is_word(word) { word } else { "…" });
            if sign == ':'
                && let Some(address) = behind.strip_prefix("//")
            {
                let authority = address.split(['/', ' ', '\n']).next().unwrap_or_default();
                kept.push_str("//");
                behind = authority.rfind('@').and_then(|at| address.get(at + 1..)).unwrap_or(address);
            }
        }
        (rest, before) = (behind, sign);
    }
    kept
}

/// Whether a text is a hash, such as that of a commit or of a line, maybe with a
/// number behind it.
pub fn is_hash(text: &str) -> bool {
    let (hash, number) = text.split_once([':', '_']).unwrap_or((text, "0"));
    (7..=256).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (1..=10).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// An address without a user's name and password; a path as it is.
pub fn without_login(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return address.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{behind}")
}

/// A text, also one of JSON, without the logins in its addresses; none where it has none.
/// `git@` is no login: it says which protocol is spoken.
pub fn without_logins(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut from = 0;
    for (colon, _) in text.match_indices(':') {
        let is_address = text.as_bytes().get(..colon).and_then(<[u8]>::last).is_some_and(u8::is_ascii_alphanumeric);
        let Some(rest) = text.get(colon + 1..).filter(|_| is_address) else { continue };
        let Some(behind) = rest.strip_prefix("//").or_else(|| rest.strip_prefix("\\/\\/")) else { continue };
        let end = behind.find(|sign: char| sign.is_whitespace() || r#"/?#"'<>\()[]{}|`,"#.contains(sign));
        let authority = behind.split_at(end.unwrap_or(behind.len())).0;
        let Some((login, _)) = authority.rsplit_once('@').filter(|(login, _)| *login != "git") else { continue };
        let start = text.len() - behind.len();
        kept.push_str(text.get(from..start).unwrap_or_default());
        from = start + login.len() + 1;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    (from > 0).then_some(kept)
}

/// A text, also one of JSON, without the logins of its addresses, and without what is a
/// credential by its form; none where it has none of them.
pub fn without_credentials(text: &str) -> Option<String> {
    [without_logins, without_tokens, without_keys].into_iter().fold(None, |kept: Option<String>, without| {
        let shown = without(kept.as_deref().unwrap_or(text));
        shown.or(kept)
    })
}

/// An address without a user's name and password and without parameters; a path
/// as it is.
pub fn without_parameters(address: &str) -> String {
    let mut address = without_login(address);
    if address.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
        address.truncate(address.find(['?', '#']).unwrap_or(address.len()));
    }
    address
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::{is_hash, is_prose, masked, without_credentials, without_login, without_logins, without_parameters};

    #[test]
    fn a_text_keeps_no_login_of_an_address() {
        for (text, kept) in [
            (
                r#"{"u":"https://u:PW@h/r.git","v":"see git+https://TOKEN@h, twice: ftp://a:b@c"}"#,
                r#"{"u":"https://h/r.git","v":"see git+https://h, twice: ftp://c"}"#,
            ),
            (r#""https:\/\/u:PW@h\/r""#, r#""https:\/\/h\/r""#),
            ("https://u:p@ss@h/", "https://h/"),
        ] {
            assert_eq!(without_logins(text).as_deref(), Some(kept));
        }
        for text in [
            "",
            "://",
            "a://",
            "https://h/@scope/a@1.2.3",
            "ssh://git@h/r",
            "file:///a@b",
            "https://h?mail=a@b",
            "https://h\"a@b",
            "pkg:npm/%40a/b@1",
            "https://h, a@b",
            "x ://a@b",
        ] {
            assert_eq!(without_logins(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_is_left_of_what_is_a_credential_by_its_place_or_form() {
        let text = r#""git clone https://u:pw@h/r # AKIAIOSFODNN7EXAMPLE""#;
        assert_eq!(without_credentials(text).as_deref(), Some(r#""git clone https://h/r # …""#));
        assert_eq!(without_credentials("https://h/r"), None);
    }

    #[test]
    fn a_masked_text_has_only_words_of_people() {
        for (text, kept) in [
            ("The call get(auth='hunter2-x') isn't safe", "The call get(auth='…') isn't safe"),
            ("found `a` and \"b\" at tKnSAME7hQ2mZ", "found `…` and \"…\" at …"),
            ("cannot clone https://u:hunter@h.example/a b", "cannot clone https://h.example/a b"),
            ("see https://h.example/a@b", "see https://h.example/a@b"),
            ("it doesn't end 'here", "it doesn't end 'here"),
            ("", ""),
        ] {
            assert_eq!(masked(text), kept);
        }
    }

    #[test]
    fn only_words_of_people_are_prose() {
        for text in [
            "AWS Access Key ID",
            "Detected a GitHub token, which may grant access (OAuth2, SHA256).",
            "CWE-798: Use of Hard-coded Credentials",
            "OWASP-A07:2021 - Identification and Authentication Failures",
            "external/cwe/cwe-798",
            "https://cwe.mitre.org/data/definitions/798.html",
            "Schlüssel für 1Password",
            "",
        ] {
            assert!(is_prose(text), "{text}");
        }
        for text in [
            "tKnPROPERTY7hQ2mZ9wX4cV6bY1",
            "key = \"AKIAIOSFODNN7EXAMPLE\"",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "the value Passw0rd! is one",
            "5d1f0c9a7be24c63",
            "1234567890",
            "abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(!is_prose(text), "{text}");
        }
    }

    #[test]
    fn a_hash_is_one_by_its_digits() {
        assert!(is_hash("0123456789abcdef0123456789abcdef01234567") && is_hash("39fa2ee980eb94b0:1"));
        assert!(!is_hash("39fa") && !is_hash("tKn39fa2ee980eb94b0") && !is_hash("39fa2ee9:secret"));
    }

    #[test]
    fn an_address_loses_what_may_be_a_credential() {
        for (address, login, parameters) in [
            ("https://u:p@git.example/a@b?t=1#x", "https://git.example/a@b?t=1#x", "https://git.example/a@b"),
            ("https://git.example", "https://git.example", "https://git.example"),
            ("ssh://git@h/x", "ssh://h/x", "ssh://h/x"),
            ("a/b?c#d@e", "a/b?c#d@e", "a/b?c#d@e"),
            ("odd path://x@y", "odd path://x@y", "odd path://x@y"),
        ] {
            assert_eq!((without_login(address).as_str(), without_parameters(address).as_str()), (login, parameters));
        }
    }
}
