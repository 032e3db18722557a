//! Origins: scheme, host and port.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::addresses::{Special, kind_of, kind_of_name};

/// Scheme, host and port, in the form that browsers compare (RFC 6454): lower
/// case, IDNs in ASCII, numbers in one spelling, the port always known.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// The schemes that a guest may use.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scheme {
    /// Plain text; for simulators and tests on the same machine.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Why a text names no origin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL.
    #[error("`{0}` is not an origin: write it as https://host or https://host:port")]
    Form(String),
    /// Neither http nor https.
    #[error("`{0}` has a scheme other than http and https")]
    Scheme(String),
    /// More than an origin.
    #[error("`{0}` has more than a scheme, host and port")]
    Excess(String),
}

impl Origin {
    /// Host without brackets around IPv6 numbers.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port as in a `Host` header: without the scheme's own port.
    pub fn authority(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether its host is this machine, by number or by name.
    pub fn is_local(&self) -> bool {
        let kind = self.address().map_or_else(|| kind_of_name(self.host()), kind_of);
        kind == Some(Special::Loopback)
    }

    /// The number, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The origin of a URL that may have a path; user-info is refused, because
    /// it serves to make one host look like another.
    pub fn of_url(text: &str) -> Result<Self, OriginError> {
        let shown = || text.chars().take(200).collect::<String>();
        let url = Url::parse(text).map_err(|_| OriginError::Form(shown()))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme(shown())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::Excess(shown()));
        }
        let host = match url.host() {
            // `localhost.` and `localhost` are the same name.
            Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            None => return Err(OriginError::Form(shown())),
        };
        if host.is_empty() {
            return Err(OriginError::Form(shown()));
        }
        let port = url.port_or_known_default().ok_or_else(|| OriginError::Form(shown()))?;
        Ok(Self { scheme, host, port })
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin = Self::of_url(text)?;
        // Compare with what a URL of only this origin looks like.
        match Url::parse(text) {
            Ok(url) if matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none() => {
                Ok(origin)
            }
            _ => Err(OriginError::Excess(text.chars().take(200).collect())),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
