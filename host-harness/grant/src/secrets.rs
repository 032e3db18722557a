//! Secrets: where they are read from and how they are kept from being seen.

use std::{env, fmt, io::Read, path::PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::files::{Exposure, open_trusted, too_large};

/// A secret value. It has no `Display` and no `Serialize`, its `Debug` shows
/// nothing, and its memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

/// What the names of this program's own variables begin with. Some systems
/// make no difference between upper and lower case in them.
const OWN_VARIABLES: &str = "HARNESS_";

/// What the text of a key for vaults begins with.
pub const VAULT_KEY_PREFIX: &str = "harness-vault-key-1-";

/// A secret is a token, not a file: more than this is a mistake.
const MAX_SECRET_BYTES: u64 = 16 << 10;

impl Secret {
    /// The value itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
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
    /// Somebody else decides what is in the file.
    #[error("refusing to read a secret from the file {0}: {1}")]
    Exposed(PathBuf, Exposure),
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
    #[error("the environment variable {0} is reserved for this program and cannot be the source of a secret")]
    Reserved(String),
    /// It is the key of a vault.
    #[error("the secret from {0} is a vault key, which is never sent to a vendor")]
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
    pub fn checked(text: &str, source: &SecretSource) -> Result<Self, SecretError> {
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
        match secret.reveal().starts_with(VAULT_KEY_PREFIX) {
            true => Err(SecretError::VaultKey(self.clone())),
            false => Ok(secret),
        }
    }

    /// Reads a secret, which may be one of this program.
    pub fn read_any(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Variable { name } => Zeroizing::new(env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?),
            Self::File { path } => {
                open_trusted(path).and_then(text).map_err(|error| match Exposure::behind(&error) {
                    Some(exposure) => SecretError::Exposed(path.clone(), exposure),
                    None => SecretError::File(path.clone(), error),
                })?
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
    from.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)?;
    // One that is cut off would be another one.
    if text.len() as u64 > MAX_SECRET_BYTES { Err(too_large(MAX_SECRET_BYTES)) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretError, SecretSource};

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
        std::fs::write(&path, [super::VAULT_KEY_PREFIX, &"0f".repeat(36)].concat()).unwrap();
        let source = SecretSource::File { path };
        assert!(matches!(source.read(), Err(SecretError::VaultKey(_))));
        assert!(source.read_any().is_ok());
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        let secret = Secret::checked("s3cr3t\n", &SecretSource::Input).unwrap();
        assert_eq!(secret.reveal(), "s3cr3t");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_secret_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let source = SecretSource::File { path: path.clone() };
        crate::files::write_private(&path, &vec![b'x'; super::MAX_SECRET_BYTES as usize]).unwrap();
        assert_eq!(source.read().unwrap().reveal().len() as u64, super::MAX_SECRET_BYTES);
        crate::files::write_private(&path, &vec![b'x'; super::MAX_SECRET_BYTES as usize + 1]).unwrap();
        source.read().unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_may_write_is_not_taken() {
        use std::{fs, os::unix::fs::PermissionsExt};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let source = SecretSource::File { path: path.clone() };
        fs::write(&path, "s3cr3t").unwrap();
        for (mode, taken) in [(0o600, true), (0o400, true), (0o644, true), (0o620, false), (0o606, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match source.read() {
                Ok(_) => assert!(taken, "{mode:o}"),
                Err(error) => {
                    assert!(!taken && error.to_string().contains("other users may write it"), "{mode:o}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_text_that_cannot_stand_in_a_header_is_refused() {
        for bad in ["", " \n", "a b", "a\nb", "ä", "a\0b"] {
            assert!(Secret::checked(bad, &SecretSource::Input).is_err(), "{bad:?}");
        }
    }
}
