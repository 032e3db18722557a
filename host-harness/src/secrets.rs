//! Secrets: where they are read from and how they are kept from being seen.

use std::{env, fmt, fs, io::Read, path::PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A secret value. It has no `Display` and no `Serialize`, its `Debug` shows
/// nothing, and its memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

/// A secret is a token, not a file: more than this is a mistake.
const MAX_SECRET_BYTES: u64 = 16 << 10;

impl Secret {
    /// The value itself, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Why a text is no secret that can be sent.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("cannot read the token file {0}")]
    File(PathBuf, #[source] std::io::Error),
    /// Standard input cannot be read.
    #[error("cannot read the token from standard input")]
    Input(#[source] std::io::Error),
    /// It is empty.
    #[error("the token from {0} is empty")]
    Empty(SecretSource),
    /// It cannot stand in a header.
    #[error("the token from {0} is not one line of visible ASCII characters")]
    Form(SecretSource),
}

impl Secret {
    /// Checks a value as read: one line, without the line's end.
    fn checked(text: &str, source: &SecretSource) -> Result<Self, SecretError> {
        let text = text.trim_matches(['\r', '\n', ' ', '\t']);
        if text.is_empty() {
            return Err(SecretError::Empty(source.clone()));
        }
        // What may stand in an HTTP header (RFC 9110, section 5.5), without blanks.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretError::Form(source.clone()));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// Where a secret is read from. This reference is stored, the secret is not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum SecretSource {
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
    },
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// Standard input, for one command.
    Input,
}

impl fmt::Display for SecretSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name } => write!(out, "the environment variable {name}"),
            Self::File { path } => write!(out, "the file {}", path.display()),
            Self::Input => out.write_str("standard input"),
        }
    }
}

impl SecretSource {
    /// Reads the secret.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Variable { name } => env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?,
            Self::File { path } => {
                let open = || {
                    let mut text = String::new();
                    fs::File::open(path)?.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
                    Ok(text)
                };
                open().map_err(|error| SecretError::File(path.clone(), error))?
            }
            Self::Input => {
                let mut text = String::new();
                std::io::stdin().take(MAX_SECRET_BYTES).read_to_string(&mut text).map_err(SecretError::Input)?;
                text
            }
        };
        Secret::checked(&text, self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretSource};

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let secret = Secret::checked("s3cr3t\n", &SecretSource::Input).unwrap();
        assert_eq!(secret.reveal(), "s3cr3t");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_text_that_cannot_stand_in_a_header_is_refused() {
        for bad in ["", " \n", "a b", "a\nb", "ä", "a\0b"] {
            assert!(Secret::checked(bad, &SecretSource::Input).is_err(), "{bad:?}");
        }
    }
}
