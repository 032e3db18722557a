//! The vendor's vocabularies. Each is total: a word without a case survives as
//! it is, with a warning, and is never guessed.

use appsec_model::{
    Conclusion, Confidence, Ecosystem, Kind, ReachabilityVerdict, ScanState, Severity, Status, Transitivity,
    TriageState, Validation, Visibility,
};

use crate::wire::{Id, Remarks, Text, shorten};

/// The common severity of a vendor's word, and the word.
pub fn severity(word: Option<Id<'_>>, remarks: &mut Remarks) -> (Severity, Option<String>) {
    let word = word.map(Id::into_string).filter(|word| !word.is_empty());
    let severity = word.as_deref().and_then(known_severity);
    if severity.is_none() {
        let message = match &word {
            Some(word) => format!("`{}` is no known severity", shorten(word)),
            None => "the record has no severity".to_owned(),
        };
        remarks.warn("unknown-severity", "/severity", message);
    }
    (severity.unwrap_or_default(), word)
}

/// Every spelling that Semgrep's products use.
///
/// Rules say ERROR, WARNING and INFO, which the API reference maps to high,
/// medium and low; uploads and webhooks count them from 0; advisories say
/// moderate; other endpoints prefix their words.
fn known_severity(word: &str) -> Option<Severity> {
    fold(word, |word| match word.strip_prefix("severity-").unwrap_or(word) {
        "critical" => Some(Severity::Critical),
        "high" | "error" | "2" => Some(Severity::High),
        "medium" | "moderate" | "warning" | "1" => Some(Severity::Medium),
        "low" | "info" | "0" => Some(Severity::Low),
        // Rules that only take stock: they find no weakness.
        "experiment" | "inventory" => Some(Severity::Info),
        _ => None,
    })
}

/// How sure the scanner is.
pub fn confidence(word: Option<Id<'_>>, remarks: &mut Remarks) -> Option<Confidence> {
    let named = |word: &str| Confidence::named(word.strip_prefix("confidence-").unwrap_or(word));
    match word? {
        Id::Text(word) => open(&word, named, Confidence::Other, "/confidence", remarks),
        number => open(&number.to_string(), named, Confidence::Other, "/confidence", remarks),
    }
}

/// Whether a finding is about security: vulnerable packages and credentials
/// are, and for others the categories say so, or the rule's where a finding has
/// none. The AI looks for nothing else, so its findings need no category.
pub fn security(kind: &Kind, categories: &[String], rule: Option<&str>) -> Option<bool> {
    if matches!(kind, Kind::Sca | Kind::Secrets) {
        return Some(true);
    }
    let is_security = |category: &str| category.eq_ignore_ascii_case("security");
    match categories {
        [] => rule.map(is_security).or((*kind == Kind::AiSast).then_some(true)),
        categories => Some(categories.iter().any(|category| is_security(category))),
    }
}

/// What the last scan says.
pub fn scan_state(word: &Text<'_>, remarks: &mut Remarks) -> Option<ScanState> {
    open(word, ScanState::named, ScanState::Other, "/state", remarks)
}

/// What people decided.
pub fn triage_state(word: &Text<'_>, remarks: &mut Remarks) -> Option<TriageState> {
    open(word, TriageState::named, TriageState::Other, "/triage_state", remarks)
}

/// The vendor's sum of both.
pub fn status(word: &Text<'_>, remarks: &mut Remarks) -> Option<Status> {
    open(word, Status::named, Status::Other, "/status", remarks)
}

/// What the AI says.
pub fn conclusion(word: &Text<'_>, remarks: &mut Remarks) -> Option<Conclusion> {
    open(word, Conclusion::named, Conclusion::Other, "/assistant/autotriage/verdict", remarks)
}

/// How a package came into the project.
pub fn transitivity(word: &Text<'_>, remarks: &mut Remarks) -> Option<Transitivity> {
    transitivity_at(word, "/found_dependency/transitivity", remarks)
}

/// The same for another place in the record. The inventory's word for "unknown"
/// is longer.
pub fn transitivity_at(word: &Text<'_>, pointer: &str, remarks: &mut Remarks) -> Option<Transitivity> {
    let named = |word: &str| Transitivity::named(word.strip_suffix("-transitivity").unwrap_or(word));
    open(word, named, Transitivity::Other, pointer, remarks)
}

/// A package manager's world; two of the vendor's words are not ours.
pub fn ecosystem(word: &Text<'_>, remarks: &mut Remarks) -> Option<Ecosystem> {
    ecosystem_at(word, "/found_dependency/ecosystem", remarks)
}

/// The same for another place in the record.
pub fn ecosystem_at(word: &Text<'_>, pointer: &str, remarks: &mut Remarks) -> Option<Ecosystem> {
    let named = |word: &str| match word {
        "gomod" => Some(Ecosystem::Go),
        "swiftpm" => Some(Ecosystem::Swift),
        _ => Ecosystem::named(word),
    };
    open(word, named, Ecosystem::Other, pointer, remarks)
}

/// Whether the vulnerable code is used. Answers write the words with spaces,
/// filters with underscores; filters say `unknown` for what answers call `no
/// reachability analysis`.
pub fn reachability(word: &Text<'_>, remarks: &mut Remarks) -> Option<ReachabilityVerdict> {
    let named = |word: &str| match word {
        "no-reachability-analysis" | "unknown" => Some(ReachabilityVerdict::NotAnalyzed),
        _ => ReachabilityVerdict::named(word),
    };
    open(word, named, ReachabilityVerdict::Other, "/reachability", remarks)
}

/// The word of a secret's status that the common ones lack: the rule, the file or
/// the project is gone.
pub const REMOVED: &str = "removed";

/// The vendor's sum of scan state and triage, of a secret.
pub fn secret_status(word: &Text<'_>, remarks: &mut Remarks) -> Option<Status> {
    let named = |word: &str| match word.strip_prefix("finding-status-").unwrap_or(word) {
        "unspecified" => Some(Status::Unknown),
        REMOVED => Some(Status::Other(REMOVED.to_owned())),
        word => Status::named(word),
    };
    open(word, named, Status::Other, "/status", remarks)
}

/// Whether a credential still works. The API prefixes the words, the command
/// line does not.
pub fn validation(word: &Text<'_>, pointer: &str, remarks: &mut Remarks) -> Option<Validation> {
    let named = |word: &str| match word.strip_prefix("validation-state-").unwrap_or(word) {
        "unspecified" => Some(Validation::NotSaid),
        word => Validation::named(word),
    };
    open(word, named, Validation::Other, pointer, remarks)
}

/// Who can see a repository.
pub fn visibility(word: &Text<'_>, remarks: &mut Remarks) -> Option<Visibility> {
    let named = |word: &str| match word.strip_prefix("repository-visibility-").unwrap_or(word) {
        "unspecified" => Some(Visibility::Unknown),
        word => Visibility::named(word),
    };
    open(word, named, Visibility::Other, "/repository/visibility", remarks)
}

/// What the AI says of a secret. None where it says that it cannot tell.
pub fn secret_conclusion(word: &Text<'_>, remarks: &mut Remarks) -> Option<Conclusion> {
    let named = |word: &str| match word.strip_prefix("verdict-").unwrap_or(word) {
        "no-verdict" | "unspecified" => Some(None),
        word => Conclusion::named(word).map(Some),
    };
    open(word, named, |word| Some(Conclusion::Other(word)), "/autotriage/verdict", remarks)?
}

/// What the policy does with a secret: `monitor`, `comment`, `block`, `disabled`.
pub fn mode(word: &Text<'_>, remarks: &mut Remarks) -> Option<String> {
    let named = |word: &str| match word.strip_prefix("mode-").unwrap_or(word) {
        word @ ("monitor" | "comment" | "block" | "disabled") => Some(Some(word.to_owned())),
        "unspecified" => Some(None),
        _ => None,
    };
    open(word, named, Some, "/mode", remarks)?
}

/// A word of an open vocabulary. None for an empty one.
fn open<T>(
    word: &str,
    named: impl Fn(&str) -> Option<T>,
    other: impl Fn(String) -> T,
    pointer: &str,
    remarks: &mut Remarks,
) -> Option<T> {
    if word.is_empty() {
        return None;
    }
    Some(fold(word, named).unwrap_or_else(|| {
        remarks.warn("unknown-value", pointer, format!("`{}` is not known and kept as it is", shorten(word)));
        other(word.to_owned())
    }))
}

/// Looks a word up in lower case and with hyphens, without an allocation.
fn fold<T>(word: &str, named: impl Fn(&str) -> Option<T>) -> Option<T> {
    // The longest known word has 36 letters.
    let mut letters = [0; 48];
    let letters = letters.get_mut(..word.len())?;
    for (letter, byte) in letters.iter_mut().zip(word.bytes()) {
        *letter = match byte {
            b'_' | b' ' => b'-',
            _ => byte.to_ascii_lowercase(),
        };
    }
    std::str::from_utf8(letters).ok().and_then(named)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use appsec_model::{Ecosystem, Kind, ReachabilityVerdict, Severity, Status};

    use super::{ecosystem, known_severity, reachability, security, status};
    use crate::wire::{Remarks, Text};

    #[test]
    fn every_severity_of_the_vendor_has_a_place() {
        let check = |words: &[&str], expect| {
            for word in words {
                assert_eq!(known_severity(word), expect, "{word}");
            }
        };
        check(&["critical", "Critical", "CRITICAL", "SEVERITY_CRITICAL"], Some(Severity::Critical));
        check(&["high", "High", "SEVERITY_HIGH", "ERROR", "2"], Some(Severity::High));
        check(&["medium", "Medium", "SEVERITY_MEDIUM", "WARNING", "MODERATE", "1"], Some(Severity::Medium));
        check(&["low", "Low", "SEVERITY_LOW", "INFO", "0"], Some(Severity::Low));
        check(&["EXPERIMENT", "INVENTORY"], Some(Severity::Info));
        check(&["", "7", "extreme", "haut", "é", "SEVERITY_", &"high".repeat(10)], None);
    }

    fn word(text: &str) -> Text<'_> {
        Text(Cow::Borrowed(text))
    }

    #[test]
    fn spellings_of_one_word_are_one_case() {
        let mut remarks = Remarks::default();
        for text in ["provisionally_ignored", "provisionally ignored", "Provisionally-Ignored"] {
            assert_eq!(status(&word(text), &mut remarks), Some(Status::ProvisionallyIgnored), "{text}");
        }
        for text in ["always reachable", "always_reachable"] {
            assert_eq!(reachability(&word(text), &mut remarks), Some(ReachabilityVerdict::AlwaysReachable), "{text}");
        }
        for text in ["no reachability analysis", "unknown"] {
            assert_eq!(reachability(&word(text), &mut remarks), Some(ReachabilityVerdict::NotAnalyzed), "{text}");
        }
        assert_eq!(ecosystem(&word("gomod"), &mut remarks), Some(Ecosystem::Go));
        assert_eq!(ecosystem(&word("swiftpm"), &mut remarks), Some(Ecosystem::Swift));
        assert_eq!(ecosystem(&word("no_package_manager"), &mut remarks), Some(Ecosystem::NoPackageManager));
        assert!(remarks.into_diagnostics().is_empty());
    }

    #[test]
    fn what_is_about_security_says_so() {
        let check = |kind, categories: &[&str], rule, expect| {
            let categories: Vec<String> = categories.iter().map(|category| (*category).to_owned()).collect();
            assert_eq!(security(&kind, &categories, rule), expect, "{kind} {categories:?} {rule:?}");
        };
        check(Kind::Sast, &["Security"], None, Some(true));
        check(Kind::Sast, &["correctness", "security"], Some("x"), Some(true));
        check(Kind::Sast, &["correctness"], Some("security"), Some(false));
        check(Kind::Sast, &[], Some("security"), Some(true));
        check(Kind::Sast, &[], Some("performance"), Some(false));
        check(Kind::Sast, &[], None, None);
        check(Kind::AiSast, &[], None, Some(true));
        check(Kind::AiSast, &["correctness"], None, Some(false));
        check(Kind::Sca, &["correctness"], None, Some(true));
        check(Kind::Secrets, &[], None, Some(true));
    }

    #[test]
    fn an_unknown_word_survives_with_a_warning() {
        let mut remarks = Remarks::default();
        assert_eq!(status(&word("Snoozed Forever"), &mut remarks), Some(Status::Other("Snoozed Forever".into())));
        assert_eq!(status(&word(""), &mut remarks), None);
        let diagnostics = remarks.into_diagnostics();
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].code, "unknown-value");
        assert_eq!(diagnostics[0].pointer.as_deref(), Some("/status"));
    }
}
