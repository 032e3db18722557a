//! Where a component is read from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use url::Url;

/// Hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// Where a component is read from to be installed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ComponentOrigin {
    /// A file.
    File(PathBuf),
    /// An address: `https`; `http` only together with the hash; `oci` with a digest.
    Url(String),
}

impl ComponentOrigin {
    /// What a person typed: an address has a scheme, and a path looks like one. All
    /// else is a name, which a catalogue may have, whatever lies in the current folder.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            url if url.contains("://") => Some(Self::Url(url.to_owned())),
            path if looks_like_path(path) => Some(Self::File(PathBuf::from(path))),
            _ => None,
        }
    }
}

/// Without what only whoever downloads it is to know: credentials and a query, which
/// may be signed.
impl fmt::Display for ComponentOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Url(url) => match Url::parse(url).ok().filter(Url::has_host) {
                Some(url) => {
                    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                    let host = url.host_str().unwrap_or_default();
                    write!(out, "{}://{host}{port}{}", url.scheme(), url.path())
                }
                None => write!(out, "an invalid address"),
            },
        }
    }
}

/// Whether nobody is on the way to an address.
pub(super) fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether nobody on the way to an address can change what comes.
pub(super) fn is_encrypted(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https")
}

/// The SHA-256 of bytes, in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Whether a text is a SHA-256 in hex.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a reference can only be a path.
pub(super) fn looks_like_path(reference: &str) -> bool {
    let extension = Path::new(reference).extension().is_some_and(|it| it.eq_ignore_ascii_case("wasm"));
    extension || reference.contains(std::path::is_separator)
}
