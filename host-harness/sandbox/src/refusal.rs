//! What a connector says when it fails, made fit for messages, logs and rows:
//! its texts are as long and as dirty as it likes.

use appsec_model::{Error, SettingProblem};

use super::output::clean;

/// Longest text of a guest or of wasmtime in an error message.
pub(super) const MAX_MESSAGE_BYTES: usize = 2 << 10;

/// Most settings of which a connector is heard to complain.
const MAX_PROBLEMS: usize = 20;

/// Most names that it may suggest.
const MAX_NAMES: usize = 5;

/// The error with its texts cut, and without secrets and control characters.
pub(super) fn tidy(error: Error, secrets: &[&str]) -> Error {
    let tidy = |text: String| clean(&text, secrets, MAX_MESSAGE_BYTES);
    let problem = |it: SettingProblem| SettingProblem { key: tidy(it.key), problem: tidy(it.problem) };
    Error {
        code: error.code,
        detail: tidy(error.detail),
        subject: error.subject.map(tidy),
        did_you_mean: error.did_you_mean.into_iter().take(MAX_NAMES).map(tidy).collect(),
        status: error.status,
        retry_after_ms: error.retry_after_ms,
        problems: error.problems.into_iter().take(MAX_PROBLEMS).map(problem).collect(),
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::{Error, ErrorCode, SettingProblem};

    use super::tidy;

    #[test]
    fn the_texts_of_an_error_are_cut_and_show_neither_secrets_nor_control_characters() {
        let dirty = || format!("\u{1b}[2Jtoken s3cr3t {}", "x".repeat(5_000));
        let bare = Error::new(ErrorCode::Internal, "");
        for error in [
            Error { detail: dirty(), ..bare.clone() },
            Error { subject: Some(dirty()), ..bare.clone() },
            Error { did_you_mean: vec![dirty(); 100], ..bare.clone() },
            Error { problems: vec![SettingProblem { key: dirty(), problem: dirty() }; 100], ..bare },
        ] {
            let shown = tidy(error, &["s3cr3t"]).to_string();
            assert!(shown.contains("token [redacted]"), "{shown}");
            assert!(!shown.contains("s3cr3t") && !shown.contains('\u{1b}'), "{shown}");
            assert!(shown.len() < 100 << 10, "{} bytes", shown.len());
        }
    }
}
