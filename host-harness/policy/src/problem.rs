//! What is wrong with a policy file.

use std::fmt;

use serde::Serialize;

/// What is wrong with a policy file, or worth a look.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The policy: its id, or `#` and its position from 1 where it has no usable id.
    pub policy: Option<String>,
    /// The key, such as `when` or `scope.kinds`.
    pub key: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(policy) = &self.policy {
            write!(out, "policy `{policy}`, ")?;
        }
        if let Some(key) = &self.key {
            write!(out, "key `{key}`: ")?;
        }
        out.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// A clause that asks for the candidate that was probably meant; empty where none is near.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    near(word, candidates).map(|it| format!("; did you mean `{it}`?")).unwrap_or_default()
}

/// The nearest candidate, if it differs in a sign or two.
pub(crate) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance is quadratic in the length, and nothing that long is near.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let most = (lower.chars().count() / 3).clamp(1, 3);
    let all = candidates.into_iter().map(|it| (strsim::damerau_levenshtein(&lower, &it.to_lowercase()), it));
    all.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
}

/// A text as a message shows it: one line, cut to a length.
pub(crate) fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(80).map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    if text.chars().nth(80).is_some() {
        line.push('…');
    }
    line
}
