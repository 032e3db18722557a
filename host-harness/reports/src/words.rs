//! Words and numbers of reports, on the common scales.

use appsec_model::{Confidence, Severity, Timestamp};

use crate::bounds;

/// The band of a score from 0 to 10: the qualitative scale of CVSS from 3.0 on,
/// which code scanning services use for `security-severity` too. None outside.
pub fn band(score: f64) -> Option<Severity> {
    match score {
        ..0.0 => None,
        ..0.1 => Some(Severity::Info),
        ..4.0 => Some(Severity::Low),
        ..7.0 => Some(Severity::Medium),
        ..9.0 => Some(Severity::High),
        ..=10.0 => Some(Severity::Critical),
        _ => None,
    }
}

/// The severity of a word; none where the word is not known or says nothing.
pub fn severity(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "important" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" | "minor" => Severity::Low,
        "info" | "informational" | "none" | "negligible" => Severity::Info,
        _ => return None,
    })
}

/// How sure a scanner is, by its word for confidence or precision.
pub fn confidence(word: &str) -> Confidence {
    match word.trim().to_ascii_lowercase().replace('_', "-").as_str() {
        "very-high" | "high" | "certain" | "confirmed" => Confidence::High,
        "medium" | "moderate" | "firm" => Confidence::Medium,
        "low" | "very-low" | "tentative" | "experimental" => Confidence::Low,
        _ => Confidence::Other(bounds::word(word.trim()).to_owned()),
    }
}

/// A moment; none where the text is none.
pub fn moment(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// Whether a text is an address that a browser opens.
pub fn is_url(text: &str) -> bool {
    let start = text.get(..8).unwrap_or_default().to_ascii_lowercase();
    (start.starts_with("https://") || start.starts_with("http://")) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use appsec_model::Severity;

    use super::{band, is_url};

    #[test]
    fn a_score_has_the_documented_band() {
        for (score, expect) in [
            (0.0, Some(Severity::Info)),
            (0.1, Some(Severity::Low)),
            (3.9, Some(Severity::Low)),
            (4.0, Some(Severity::Medium)),
            (6.9, Some(Severity::Medium)),
            (7.0, Some(Severity::High)),
            (8.9, Some(Severity::High)),
            (9.0, Some(Severity::Critical)),
            (10.0, Some(Severity::Critical)),
            (10.1, None),
            (-1.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(band(score), expect, "{score}");
        }
    }

    #[test]
    fn an_address_has_a_scheme_of_browsers() {
        assert!(is_url("https://a.example") && is_url("HTTP://a.example/b"));
        assert!(!is_url("file:///a") && !is_url("https://a b") && !is_url("javascript:alert(1)") && !is_url("é"));
    }
}
