//! Credentials that are known by their form, wherever they stand.

use super::is_word;

/// How keys and tokens begin whose makers gave them a form, and how many signs are behind
/// that at least.
const FORMS: [(&str, usize); 44] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ABIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 20),
    ("glpat-", 18),
    ("gldt-", 18),
    ("glrt-", 18),
    ("glptt-", 18),
    ("glcbt-", 18),
    ("xoxb-", 15),
    ("xoxp-", 15),
    ("xoxa-", 15),
    ("xoxr-", 15),
    ("xoxs-", 15),
    ("xoxe-", 15),
    ("xapp-", 15),
    ("sk_live_", 15),
    ("rk_live_", 15),
    ("sk_test_", 15),
    ("whsec_", 20),
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("AIza", 35),
    ("eyJ", 20),
    ("npm_", 36),
    ("pypi-AgE", 30),
    ("dop_v1_", 40),
    ("shpat_", 30),
    ("shpss_", 30),
    ("hf_", 30),
    ("dckr_pat_", 20),
    ("lin_api_", 30),
    ("sq0csp-", 30),
    ("rubygems_", 40),
    ("PMAK-", 30),
    ("NRAK-", 20),
    ("sntrys_", 30),
    ("xkeysib-", 40),
    ("AGE-SECRET-KEY-1", 40),
];

/// The shortest of them.
const MIN_LENGTH: usize = 20;

/// What stands before the first of several parts with dots between them.
const DOTTED: [&str; 4] = ["SG", "ya29", "hvs", "hvb"];

/// The shortest word that is a part of a key in lines.
const MIN_LINE: usize = 16;

/// A text, also one of JSON, of whose keys and tokens of a known form nothing is left
/// but `…`; none where it has none.
///
/// ```
/// use appsec_model::credential::without_tokens;
///
/// let text = r#""key = glpat-7hQ2mZ9wX4cV6bY1sD3f\n""#;
/// assert_eq!(without_tokens(text).as_deref(), Some(r#""key = …\n""#));
/// assert_eq!(without_tokens("glpat-short, npm_config_registry"), None);
/// ```
pub fn without_tokens(text: &str) -> Option<String> {
    let mut kept = String::new();
    let (mut from, mut start, mut escaped) = (0, 0, 0_u8);
    // Whether what is before the next part is one of these, with a dot behind it.
    let mut goes_on = false;
    for (at, byte) in text.bytes().chain([0]).enumerate() {
        if escaped == 0 && (byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            continue;
        }
        if escaped == 0 {
            let is_form = at - start >= MIN_LENGTH / 2
                && text.get(start..at).is_some_and(|run| is_form(run) || goes_on && run.len() >= MIN_LENGTH / 2);
            if is_form {
                kept.push_str(text.get(from..start).unwrap_or_default());
                kept.push('…');
                from = at;
            }
            let leads = || text.get(start..at).is_some_and(|run| DOTTED.contains(&run));
            goes_on = byte == b'.' && (is_form || at - start <= 4 && leads());
        }
        // `\n` and `\u000a` are signs, of which no letter begins a token.
        escaped = match (escaped, byte) {
            (0, b'\\') => 1,
            (1, b'u') => 4,
            (0, _) => 0,
            (left, _) => left - 1,
        };
        start = at + 1;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    (from > 0).then_some(kept)
}

fn is_form(run: &str) -> bool {
    run.len() >= MIN_LENGTH
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && FORMS.iter().any(|(begin, least)| run.strip_prefix(begin).is_some_and(|rest| rest.len() >= *least))
}

/// A text, also one of JSON, without the lines of the private keys in it; none where it
/// has none.
pub fn without_keys(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut from = 0;
    for (at, mark) in text.match_indices("PRIVATE KEY") {
        let Some(rest) = text.get(at + mark.len()..).filter(|_| at >= from) else { continue };
        let Some(body) = rest.strip_prefix(" BLOCK").unwrap_or(rest).strip_prefix("-----") else { continue };
        let length = key_length(body);
        if length > 0 {
            let start = text.len() - body.len();
            kept.push_str(text.get(from..start).unwrap_or_default());
            kept.push('…');
            from = start + length;
        }
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    (from > 0).then_some(kept)
}

/// How long the lines of a key are: up to its end, or as far as they look like it.
fn key_length(body: &str) -> usize {
    let is_within = |lines: &&str| !lines.contains(['"', '\'', '`']);
    if let Some(lines) = body.find("-----END").and_then(|end| body.get(..end)).filter(is_within) {
        return lines.len();
    }
    let is_of_word = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '+' | '/' | '=');
    let mut length = 0;
    let mut was_long = true;
    while was_long {
        let rest = body.get(length..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches(char::is_whitespace).len();
        let gap = gap + if rest.get(gap..).is_some_and(|it| it.starts_with("\\n")) { 2 } else { 0 };
        let gap = gap + if rest.get(gap..).is_some_and(|it| it.starts_with("\\r\\n")) { 4 } else { 0 };
        let rest = rest.get(gap..).unwrap_or_default();
        let word = rest.get(..rest.find(|sign| !is_of_word(sign)).unwrap_or(rest.len())).unwrap_or_default();
        was_long = word.len() >= MIN_LINE;
        // The last line is a short one.
        if was_long || length > 0 && !is_word(word) {
            length += gap + word.len();
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::{without_keys, without_tokens};

    #[test]
    fn tokens_of_a_known_form_are_left_out_wherever_they_stand() {
        let long = "7hQ2mZ9wX4cV6bY1sD3f7hQ2mZ9wX4cV6bY1sD3f";
        for (text, expect) in [
            ("id AKIAIOSFODNN7EXAMPLE!".to_owned(), "id …!"),
            (format!(r#"{{"a":"\nghp_{long}\u0041ghp_{long}"}}"#), r#"{"a":"\n…\u0041…"}"#),
            (format!("https://h.example/?key=AIza{long}&a=b"), "https://h.example/?key=…&a=b"),
            (format!("Bearer eyJ{long}.eyJ{long}.{long} end"), "Bearer ….….… end"),
            (format!("'SG.{long}.{long}'"), "'SG.….…'"),
            (format!("xoxb-1234567890-{long}"), "…"),
        ] {
            assert_eq!(without_tokens(&text).as_deref(), Some(expect), "{text}");
        }
        for text in [
            "",
            "eyJ",
            "npm_config_registry_of_the_whole_organization_is_set",
            "39fa2ee980eb94b039fa2ee980eb94b039fa2ee9",
            "x.AKIAIOSFODNN",
            "a.b.cdefghijklmnop",
            "\\",
            "é",
        ] {
            assert_eq!(without_tokens(text), None, "{text}");
        }
    }

    #[test]
    fn lines_of_a_private_key_are_left_out() {
        let line = "MIIEpAIBAAKCAQEA7hQ2mZ9wX4cV6bY1";
        for (text, expect) in [
            (
                format!(r#""-----BEGIN RSA PRIVATE KEY-----\n{line}\n{line}==\n-----END RSA PRIVATE KEY-----\n""#),
                r#""-----BEGIN RSA PRIVATE KEY-----…-----END RSA PRIVATE KEY-----\n""#,
            ),
            (
                format!(r#""-----BEGIN PRIVATE KEY-----\r\n{line}\n{line}\nq7Zk2==","a":"b""#),
                r#""-----BEGIN PRIVATE KEY-----…","a":"b""#,
            ),
            (
                format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{line} was found"),
                "-----BEGIN PGP PRIVATE KEY BLOCK-----… was found",
            ),
        ] {
            assert_eq!(without_keys(&text).as_deref(), Some(expect), "{text}");
        }
        for text in ["-----BEGIN RSA PRIVATE KEY----- was found", "a PRIVATE KEY", ""] {
            assert_eq!(without_keys(text), None, "{text}");
        }
    }
}
