//! Secrets: where they are read from and how they are kept from being seen.

use std::{env, fmt, fs, io::Read, path::PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::vault;

/// A secret value. It has no `Display` and no `Serialize`, its `Debug` shows
/// nothing, and its memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

/// What the names of this program's own variables begin with. Some systems
/// make no difference between upper and lower case in them.
const OWN_VARIABLES: &str = "HARNESS_";

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
    #[error("cannot read the file {0}")]
    File(PathBuf, #[source] std::io::Error),
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Input(#[source] std::io::Error),
    /// It is empty.
    #[error("the secret from {0} is empty")]
    Empty(SecretSource),
    /// It cannot stand in a header.
    #[error("the secret from {0} is not one line of visible ASCII characters")]
    Form(SecretSource),
    /// The variable is one of this program's own.
    #[error("the environment variable {0} is one of this program's own, and never the secret of something else")]
    Reserved(String),
    /// It is the key of a vault.
    #[error("the secret from {0} is the key of a vault, which is never sent")]
    VaultKey(SecretSource),
    /// It is in the vault, which only its tenant can open.
    #[error("the secret is in the vault of a tenant")]
    InVault,
}

impl Secret {
    /// A secret that a person has typed.
    pub fn typed(text: &str) -> Result<Self, SecretError> {
        Self::checked(text, &SecretSource::Input)
    }

    /// Checks a value as read: one line, without the line's end.
    pub(crate) fn checked(text: &str, source: &SecretSource) -> Result<Self, SecretError> {
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
    /// The vault of the tenant.
    Vault,
}

impl fmt::Display for SecretSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name } => write!(out, "the environment variable {name}"),
            Self::File { path } => write!(out, "the file {}", path.display()),
            Self::Input => out.write_str("standard input"),
            Self::Vault => out.write_str("the vault"),
        }
    }
}

impl SecretSource {
    /// Reads a secret that is to be sent or to sign, where it is not in a vault.
    /// Whatever names the source, it never leads to a secret of this program.
    pub fn read(&self) -> Result<Secret, SecretError> {
        if let Self::Variable { name } = self
            && name.get(..OWN_VARIABLES.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_VARIABLES))
        {
            return Err(SecretError::Reserved(name.clone()));
        }
        let secret = self.read_any()?;
        match secret.reveal().starts_with(vault::PREFIX) {
            true => Err(SecretError::VaultKey(self.clone())),
            false => Ok(secret),
        }
    }

    /// Reads a secret, which may be one of this program.
    pub(crate) fn read_any(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Variable { name } => Zeroizing::new(env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?),
            Self::File { path } => {
                fs::File::open(path).and_then(text).map_err(|error| SecretError::File(path.clone(), error))?
            }
            Self::Input => text(std::io::stdin()).map_err(SecretError::Input)?,
            Self::Vault => return Err(SecretError::InVault),
        };
        Secret::checked(&text, self)
    }
}

/// The text of a file or stream, in memory that is overwritten afterwards.
fn text(from: impl Read) -> std::io::Result<Zeroizing<String>> {
    // Of the full size at once: nothing is left behind where it would grow.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET_BYTES as usize + 1));
    from.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretError, SecretSource};
    use crate::vault::VaultKey;

    #[test]
    fn the_vault_key_is_no_secret_of_a_connector() {
        for name in ["HARNESS_VAULT_KEY", "HARNESS_ANYTHING", "harness_vault_key"] {
            let source = SecretSource::Variable { name: name.to_owned() };
            assert!(matches!(source.read(), Err(SecretError::Reserved(_))), "{name}");
        }
        // Another variable is looked for; neither is set.
        let other = SecretSource::Variable { name: "HARNESSES_TOKEN".to_owned() };
        assert!(matches!(other.read(), Err(SecretError::NotSet(_))));
        // Nor is it in a file that something else is said to be in.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, VaultKey::generate().unwrap().text().as_bytes()).unwrap();
        let source = SecretSource::File { path };
        assert!(matches!(source.read(), Err(SecretError::VaultKey(_))));
        assert!(VaultKey::read(&source).is_ok());
    }

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
