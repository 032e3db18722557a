//! Which addresses are of the public internet, and which names have none there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

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
pub(crate) enum Special {
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
pub(crate) fn kind_of(address: IpAddr) -> Option<Special> {
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
pub(crate) fn kind_of_name(name: &str) -> Option<Special> {
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
