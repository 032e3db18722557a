//! The token: a text that formats as nothing.

use std::fmt;

/// The token for the vendor's API, or a host's placeholder for it.
///
/// It has no `Display` and no `Serialize`, and its `Debug` hides the value, so
/// that it cannot reach a log line, an error or the bucket by accident.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value as the environment has it; white space around it is from
    /// pasting and never part of a token. `None` for an empty value.
    pub fn new(value: &str) -> Option<Self> {
        let value = value.trim();
        (!value.is_empty()).then(|| Self(value.to_owned()))
    }

    /// The value of the `Authorization` header, or none where the secret holds
    /// characters that no HTTP header may.
    pub fn bearer(&self) -> Option<String> {
        let visible = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| format!("Bearer {}", self.0))
    }

    /// Removes the value from a text that came from outside.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[secret]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_shows_only_in_the_header() {
        let secret = Secret::new(" sgp_0123\n").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret([hidden])");
        assert_eq!(secret.bearer().unwrap(), "Bearer sgp_0123");
        assert_eq!(secret.redact("bad token sgp_0123!"), "bad token [secret]!");
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        assert!(Secret::new(" \n").is_none());
        assert!(Secret::new("a\r\nHost: b").unwrap().bearer().is_none());
    }
}
