//! What a connector says when it fails, made fit for messages, logs and rows:
//! its texts are as long and as dirty as it likes.

use appsec_model::{Error, SettingProblem};

use super::output::clean;

/// Longest text of a guest or of wasmtime in an error message.
pub(super) const MAX_MESSAGE_BYTES: usize = 2 << 10;

/// Most settings of which a connector is heard to complain.
const MAX_PROBLEMS: usize = 20;

/// The error with its texts cut, and without secrets and control characters.
pub(super) fn tidy(error: Error, secrets: &[&str]) -> Error {
    let tidy = |text: String| clean(&text, secrets, MAX_MESSAGE_BYTES);
    match error {
        Error::InvalidSettings { problems } => {
            let problem = |it: SettingProblem| SettingProblem { key: tidy(it.key), problem: tidy(it.problem) };
            Error::InvalidSettings { problems: problems.into_iter().take(MAX_PROBLEMS).map(problem).collect() }
        }
        Error::Unauthorized { detail } => Error::Unauthorized { detail: tidy(detail) },
        Error::Forbidden { detail } => Error::Forbidden { detail: tidy(detail) },
        Error::MissingScope { detail } => Error::MissingScope { detail: tidy(detail) },
        Error::NoDeployment { detail } => Error::NoDeployment { detail: tidy(detail) },
        Error::DeploymentNotFound { slug, did_you_mean } => {
            Error::DeploymentNotFound { slug: tidy(slug), did_you_mean: did_you_mean.map(tidy) }
        }
        Error::ProjectNotFound { name, did_you_mean } => {
            Error::ProjectNotFound { name: tidy(name), did_you_mean: did_you_mean.map(tidy) }
        }
        Error::Unavailable { status, detail, retry_after_ms } => {
            Error::Unavailable { status, detail: tidy(detail), retry_after_ms }
        }
        Error::EgressDenied { origin } => Error::EgressDenied { origin: tidy(origin) },
        Error::Protocol { endpoint, what } => Error::Protocol { endpoint: tidy(endpoint), what: tidy(what) },
        Error::InvalidCursor { detail } => Error::InvalidCursor { detail: tidy(detail) },
        Error::Unsupported { what } => Error::Unsupported { what: tidy(what) },
        Error::Limit { what } => Error::Limit { what: tidy(what) },
        Error::Internal { detail } => Error::Internal { detail: tidy(detail) },
        Error::NotConfigured | Error::RateLimited { .. } => error,
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::{Error, SettingProblem};

    use super::tidy;

    #[test]
    fn the_texts_of_an_error_are_cut_and_show_neither_secrets_nor_control_characters() {
        let dirty = || format!("\u{1b}[2Jtoken s3cr3t {}", "x".repeat(5_000));
        let problem = || SettingProblem { key: dirty(), problem: dirty() };
        for error in [
            Error::InvalidSettings { problems: (0..100).map(|_| problem()).collect() },
            Error::Unauthorized { detail: dirty() },
            Error::Forbidden { detail: dirty() },
            Error::MissingScope { detail: dirty() },
            Error::NoDeployment { detail: dirty() },
            Error::DeploymentNotFound { slug: dirty(), did_you_mean: Some(dirty()) },
            Error::ProjectNotFound { name: dirty(), did_you_mean: Some(dirty()) },
            Error::Unavailable { status: None, detail: dirty(), retry_after_ms: None },
            Error::EgressDenied { origin: dirty() },
            Error::Protocol { endpoint: dirty(), what: dirty() },
            Error::InvalidCursor { detail: dirty() },
            Error::Unsupported { what: dirty() },
            Error::Limit { what: dirty() },
            Error::Internal { detail: dirty() },
        ] {
            let shown = tidy(error, &["s3cr3t"]).to_string();
            assert!(shown.contains("token [redacted]"), "{shown}");
            assert!(!shown.contains("s3cr3t") && !shown.contains('\u{1b}'), "{shown}");
            assert!(shown.len() < 100 << 10, "{} bytes", shown.len());
        }
    }
}
