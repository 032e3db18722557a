//! The address of a repository, read from any of its spellings.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Serialize, Serializer};
use url::Url;

use super::{Provider, fold, path};

/// The longest address that is read.
pub const MAX_ADDRESS_BYTES: usize = 2048;

/// Where a repository is: a host and a path, as all its spellings mean them.
///
/// User-info is left behind: it may hold a token. Scheme, query and fragment
/// do not tell repositories apart; neither do capitals, where the provider is
/// known to ignore them.
#[derive(Clone, Debug)]
pub struct RepositoryAddress {
    is_plain: bool,
    host: String,
    port: Option<u16>,
    path: String,
    provider: Option<Provider>,
    key: String,
}

/// Why a text is not the address of a repository. The text is not repeated, as
/// it may hold a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL, nor what git takes for one.
    #[error("invalid repository URL: write it as https://host/org/repo")]
    Form,
    /// Too long to be one.
    #[error("the URL is longer than {MAX_ADDRESS_BYTES} bytes")]
    Length,
    /// A scheme that no repository is reached by.
    #[error("unsupported URL scheme: use http, https, ssh or git")]
    Scheme,
    /// No host, or one that cannot exist.
    #[error("the URL has no valid host")]
    Host,
    /// A path with what no name has, or with a part of the user-info.
    #[error(
        "a URL with a path that cannot be read: escape `@`, `/` and `:` in user name and password, or leave them out"
    )]
    Path,
    /// The page of a host, an owner or a project.
    #[error("the URL names no repository: its path is too short")]
    NoRepository,
}

/// What must be escaped in a part of a path, so that it is read as it was.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'`');

impl RepositoryAddress {
    /// Reads a spelling. A provider that is known otherwise than from the
    /// address helps where the host's name tells nothing.
    pub fn parse(text: &str, provider: Option<&Provider>) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(AddressError::Length);
        }
        let spelling = Spelling::of(text)?;
        let url = Url::parse(&format!("https://{}", spelling.rest)).map_err(|_| AddressError::Host)?;
        let host = plain_host(url.host_str().ok_or(AddressError::Host)?)?;
        let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| AddressError::Path)?;
        let parts = parts(&path)?;
        let place = path::locate(host, parts, provider).ok_or(AddressError::NoRepository)?;
        // 80 and 443 are what a web address has without saying it; the port of
        // another protocol tells nothing of the web's.
        let port = url.port().filter(|port| spelling.is_web && ![80, 443].contains(port));
        let path = place.parts.join("/");
        let authority = port.map_or_else(|| place.host.clone(), |port| format!("{}:{port}", place.host));
        let key = format!("{authority}/{}", if place.ignores_case { fold(&path) } else { path.clone() });
        Ok(Self { is_plain: spelling.is_plain, host: place.host, port, path, provider: place.provider, key })
    }

    /// Whether a text has the form of an address that no name has: it may hold a token.
    pub(super) fn is_form_of(text: &str) -> bool {
        let authority = Authority::of(text);
        text.contains("://") || authority.has_user && authority.after_colon.is_some()
    }

    /// The host's name, in small letters, international ones in their ASCII form.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the web address where it is not the usual one.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path of the repository: for all known providers its full name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The provider, as given or as the address tells.
    pub const fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// What addresses are compared by: host, port and path.
    pub fn as_key(&self) -> &str {
        &self.key
    }
}

/// The address as a link: it can be read again.
impl fmt::Display for RepositoryAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http{}://{}", if self.is_plain { "" } else { "s" }, self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        for part in path::link(&self.host, &self.path, self.provider.as_ref()) {
            write!(out, "/{}", utf8_percent_encode(part, ESCAPED))?;
        }
        Ok(())
    }
}

impl PartialEq for RepositoryAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for RepositoryAddress {}

impl Hash for RepositoryAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for RepositoryAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RepositoryAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Serialize for RepositoryAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text taken apart as far as its form goes.
struct Spelling {
    /// Read by a browser: its port is the web's.
    is_web: bool,
    /// Without encryption.
    is_plain: bool,
    /// Host, port and path, perhaps with user-info before them.
    rest: String,
}

impl Spelling {
    fn of(text: &str) -> Result<Self, AddressError> {
        let text = strip_prefix_ignoring_case(text, "scm:git:").unwrap_or(text);
        match text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            Some((scheme, rest)) => Self::with_scheme(scheme, rest),
            None => Self::without_scheme(text),
        }
    }

    fn with_scheme(scheme: &str, rest: &str) -> Result<Self, AddressError> {
        if rest.starts_with(['/', '\\']) {
            return Err(AddressError::Host);
        }
        let scheme = scheme.to_ascii_lowercase();
        match scheme.strip_prefix("git+").unwrap_or(&scheme) {
            web @ ("http" | "https") => Ok(Self { is_web: true, is_plain: web == "http", rest: rest.to_owned() }),
            // Some tools put the path after a colon all the same.
            "ssh" | "ssh+git" | "git" => {
                let rest = Authority::of(rest).path_after_colon().unwrap_or_else(|| rest.to_owned());
                Ok(Self { is_web: false, is_plain: false, rest })
            }
            _ => Err(AddressError::Scheme),
        }
    }

    /// `git@host:org/repo`, `host/org/repo` and `github:org/repo`.
    fn without_scheme(text: &str) -> Result<Self, AddressError> {
        for (short, host) in [("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org")] {
            if let Some(path) = strip_prefix_ignoring_case(text, short) {
                return Ok(Self { is_web: false, is_plain: false, rest: format!("{host}/{path}") });
            }
        }
        let authority = Authority::of(text);
        if !authority.has_user && !authority.looks_like_host() {
            return Err(AddressError::Form);
        }
        match authority.path_after_colon() {
            Some(rest) => Ok(Self { is_web: false, is_plain: false, rest }),
            None => Ok(Self { is_web: !authority.has_user, is_plain: false, rest: text.to_owned() }),
        }
    }
}

/// What comes before the first slash: user-info, host, and a port or the start
/// of a path.
struct Authority<'a> {
    has_user: bool,
    host: &'a str,
    after_colon: Option<&'a str>,
    path: &'a str,
}

impl<'a> Authority<'a> {
    fn of(text: &'a str) -> Self {
        let (head, path) = text.split_once('/').unwrap_or((text, ""));
        let (has_user, place) = head.rsplit_once('@').map_or((false, head), |(user, place)| (!user.is_empty(), place));
        let colon = place.rfind(']').unwrap_or(0);
        let colon = place.char_indices().find(|(at, it)| *at >= colon && *it == ':').map(|(at, _)| at);
        let (host, after_colon) = match colon.and_then(|at| place.split_at_checked(at)) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => (place, None),
        };
        Self { has_user, host, after_colon, path }
    }

    /// Not the first part of a name or of a file's path.
    fn looks_like_host(&self) -> bool {
        let dotted = self.host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
        dotted || self.host.starts_with('[') || self.host.eq_ignore_ascii_case("localhost")
    }

    /// Host and path where a path follows the colon; digits alone are a port.
    fn path_after_colon(&self) -> Option<String> {
        let start = self.after_colon?;
        let is_port = start.bytes().all(|it| it.is_ascii_digit());
        let separator = if self.path.is_empty() { "" } else { "/" };
        (!is_port).then(|| format!("{}/{start}{separator}{}", self.host, self.path))
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// A host without the dot that ends it and without `www.`.
fn plain_host(host: &str) -> Result<String, AddressError> {
    let mut host = host.trim_end_matches('.');
    while let Some(rest) = host.strip_prefix("www.").filter(|rest| rest.contains('.')) {
        host = rest;
    }
    if host.is_empty() { Err(AddressError::Host) } else { Ok(host.to_owned()) }
}

/// The parts of a path that is no longer escaped.
fn parts(path: &str) -> Result<Vec<String>, AddressError> {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let odd = parts.iter().any(|part| part == "." || part == ".." || part.contains(char::is_control));
    // An unescaped slash in a password makes its end look like the first part.
    let is_user = parts.first().is_some_and(|part| part.contains('@'));
    if odd || is_user { Err(AddressError::Path) } else { Ok(parts) }
}

#[cfg(test)]
mod tests;
