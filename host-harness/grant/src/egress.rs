//! Which origins a guest may reach, and at which addresses.
//!
//! A list of names is not enough: a name that its owner points at the metadata
//! service of a cloud is a way into the operator's network. So the name is
//! checked first, and then every address that it resolves to.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::ProxyError;

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
    #[error("`{0}` has more than scheme, host and port")]
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

/// Which addresses an origin may resolve to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    /// Those of the public internet only.
    #[default]
    Public,
    /// Also those of this machine and its networks. The operator said so for
    /// this very origin. Link-local addresses and those of clouds' metadata
    /// services stay refused.
    Private,
}

/// The origins granted to one instance. An empty policy denies everything.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EgressPolicy {
    granted: BTreeMap<Origin, Addresses>,
}

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The origin was not granted.
    #[error("{0} is not granted to this instance")]
    NotGranted(Origin),
    /// The address is not of the public internet.
    #[error("{origin} is at {address}, which is {reason}")]
    Address {
        /// The origin.
        origin: Origin,
        /// The address that it resolves to.
        address: IpAddr,
        /// What sort of address it is.
        reason: &'static str,
    },
    /// A proxy would look the name up, and where it leads to is not of the
    /// public internet.
    #[error("{origin} is {reason}, which is not looked up by a proxy")]
    Name {
        /// The origin.
        origin: Origin,
        /// What sort of name it is.
        reason: &'static str,
    },
    /// The proxy for it cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Not an origin at all.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl EgressPolicy {
    /// Grants an origin.
    pub fn grant(&mut self, origin: Origin, addresses: Addresses) {
        self.granted.insert(origin, addresses);
    }

    /// Takes an origin back.
    pub fn revoke(&mut self, origin: &Origin) {
        self.granted.remove(origin);
    }

    /// The granted origins.
    pub fn origins(&self) -> impl Iterator<Item = (&Origin, Addresses)> {
        self.granted.iter().map(|(origin, addresses)| (origin, *addresses))
    }

    /// Checks a request's target: first the origin; then, where the host is a
    /// number, that number. Names are checked when they resolve, by
    /// [`Addresses::check`].
    pub fn check(&self, url: &str) -> Result<(Origin, Addresses), Refusal> {
        let origin = Origin::of_url(url)?;
        let Some(addresses) = self.granted.get(&origin).copied() else {
            return Err(Refusal::NotGranted(origin));
        };
        if let Some(address) = origin.address() {
            addresses.check(address).map_err(|reason| Refusal::Address { origin: origin.clone(), address, reason })?;
        }
        Ok((origin, addresses))
    }
}

impl Addresses {
    /// Whether an address may be connected to; an error says what sort it is.
    pub fn check(self, address: IpAddr) -> Result<(), &'static str> {
        match (kind_of(address), self) {
            (None, _) => Ok(()),
            (Some(kind), Self::Private) if kind.grantable() => Ok(()),
            (Some(kind), _) => Err(kind.describe()),
        }
    }

    /// Whether a name may be given to a proxy, which looks it up: one that is kept
    /// for this machine, for private networks or for a metadata service is judged
    /// like an address of these. An error says what sort it is.
    pub fn check_name(self, name: &str) -> Result<(), &'static str> {
        match (kind_of_name(name), self) {
            (None, _) => Ok(()),
            (Some(kind), Self::Private) if kind.grantable() => Ok(()),
            (Some(Special::Loopback), _) => Err("a name of this machine"),
            (Some(Special::Metadata), _) => Err("a name of a cloud's metadata service"),
            (Some(_), _) => Err("a name of a private network"),
        }
    }
}

/// Sorts of addresses that are not of the public internet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Special {
    Loopback,
    Private,
    LinkLocal,
    Metadata,
    Unspecified,
    Multicast,
    Reserved,
}

impl Special {
    fn grantable(self) -> bool {
        matches!(self, Self::Loopback | Self::Private)
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address, where clouds keep their metadata services",
            Self::Metadata => "an address of a cloud's metadata service",
            Self::Unspecified => "no address of a host",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// The sort of an address by the IANA registries of special-purpose addresses
/// (RFC 6890 and its updates); none for the public internet.
fn kind_of(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => kind_of_v4(inner),
            None => {
                let outer = kind_of_v6(address);
                match isatap(address).and_then(kind_of_v4) {
                    Some(inner) if outer.is_none_or(Special::grantable) => Some(inner),
                    _ => outer,
                }
            }
        },
    }
}

/// The names under which clouds serve their metadata.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.goog", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"];

/// Domains that no public server answers for: reserved (RFC 6761, 6762 and 8375,
/// and `internal` by ICANN) or usual within networks (RFC 6762, appendix G).
const PRIVATE_DOMAINS: [&str; 9] =
    ["local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

/// The sort of a name that has no public address; none for all others, which may
/// lead to one all the same.
fn kind_of_name(name: &str) -> Option<Special> {
    let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if METADATA_NAMES.contains(&name) {
        return Some(Special::Metadata);
    }
    if below("localhost") {
        return Some(Special::Loopback);
    }
    // A name without a dot is looked up within the network that one is in.
    (!name.contains('.') || PRIVATE_DOMAINS.into_iter().any(below)).then_some(Special::Private)
}

fn kind_of_v4(address: Ipv4Addr) -> Option<Special> {
    let [a, b, c, d] = address.octets();
    let kind = match (a, b, c) {
        // Alibaba's and Volcano Engine's, inside of what carriers share, and
        // Azure's, in public space.
        (100, 100, 100) if d == 200 => Special::Metadata,
        (100, 96, 0) if d == 96 => Special::Metadata,
        (168, 63, 129) if d == 16 => Special::Metadata,
        (0, _, _) => Special::Unspecified,
        (127, _, _) => Special::Loopback,
        (10, _, _) | (192, 168, _) => Special::Private,
        (172, 16..=31, _) => Special::Private,
        // Shared address space of carriers (RFC 6598); clouds use it inside.
        (100, 64..=127, _) => Special::Private,
        (169, 254, _) => Special::LinkLocal,
        // Protocol assignments, documentation, benchmarks, 6to4 relays.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => Special::Reserved,
        (224..=239, _, _) | (255, 255, 255) => Special::Multicast,
        (240..=255, _, _) => Special::Reserved,
        _ => return None,
    };
    Some(kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Option<Special> {
    let segments = address.segments();
    let kind = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Special::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        // Those of Amazon, Google, Oracle, Scaleway, Linode and Alibaba, inside of
        // the private range.
        [0xfd00, 0x0ec2, ..]
        | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
        | [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
        | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042]
        | [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 0x0001]
        | [0xfd00, 0x0100, 0, 0, 0, 0, 0x0100, 0x0200] => Special::Metadata,
        [first, ..] if first & 0xfe00 == 0xfc00 => Special::Private,
        // Link-local and site-local are never granted.
        [first, ..] if first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 => Special::LinkLocal,
        [first, ..] if first & 0xff00 == 0xff00 => Special::Multicast,
        // Only 2000::/3 is given out; in it, protocol assignments (which hold
        // Teredo and ORCHID) and documentation are not of the public internet.
        [first, ..] if first & 0xe000 != 0x2000 => Special::Reserved,
        [0x2001, second, ..] if second < 0x0200 => Special::Reserved,
        // 6to4 (RFC 7526 ended it): the IPv4 address in it is a router's, and
        // says nothing of who is behind it.
        [0x2002, ..] => Special::Reserved,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Special::Reserved,
        _ => return None,
    };
    Some(kind)
}

/// The IPv4 address inside of an IPv6 spelling of one: mapped, compatible and
/// translated with a prefix of 96 bits (RFC 6052), where the rest is that
/// address and nothing else. In 64:ff9b:1::/48 (RFC 8215) each network chooses
/// where it stands, so that all of it is reserved.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

/// The IPv4 address at which an ISATAP tunnel (RFC 5214) ends, whatever the
/// prefix before it is.
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests;
