//! Where a stored secret may go.

use sha2::{Digest, Sha256};

use crate::{Addresses, EgressPolicy, ProxySetting};

/// Where a stored secret may go: an entry of the vault is bound to it. It is a
/// hash over what the operator granted, so that an entry opens under these
/// grants alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audience(String);

impl Audience {
    /// The origins that an instance was granted, by way of its own proxy: what is
    /// sent in clear text the proxy reads.
    pub fn of_instance(granted: &EgressPolicy, proxy: Option<&ProxySetting>) -> Self {
        let address = match proxy {
            Some(ProxySetting::Proxy { address, .. }) => Some(address.to_string()),
            Some(ProxySetting::Direct) | None => None,
        };
        Self::of("instance", address.as_deref(), granted)
    }

    /// The address of an outgoing webhook.
    pub fn of_webhook(url: &str, granted: &EgressPolicy) -> Self {
        Self::of("webhook", Some(url), granted)
    }

    /// Nobody: the secret only checks what comes in.
    pub fn nobody() -> Self {
        Self::of("nobody", None, &EgressPolicy::default())
    }

    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(kind: &str, url: Option<&str>, granted: &EgressPolicy) -> Self {
        let mut hasher = Sha256::new();
        // Lengths keep the parts apart.
        let mut part = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        part("audience of a harness vault entry");
        part(kind);
        part(url.unwrap_or_default());
        for (origin, addresses) in granted.origins() {
            part(&origin.to_string());
            part(match addresses {
                Addresses::Public => "public",
                Addresses::Private => "private",
            });
        }
        Self(data_encoding::HEXLOWER.encode(&hasher.finalize()))
    }
}
