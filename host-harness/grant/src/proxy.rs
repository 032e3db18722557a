//! The operator's proxies: which request goes through which one.
//!
//! A proxy looks names up itself, so that nobody here sees the address that a
//! name leads to. Names are judged as names then, by
//! [`Addresses::check_name`](crate::Addresses::check_name), and whoever sets a
//! proxy leaves the rest of that judgement to it.

use std::{fmt, net::IpAddr, str::FromStr};

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    addresses::Addresses,
    origin::{Origin, Scheme},
    secrets::{Secret, SecretSource},
};

/// Where a proxy was set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyOrigin {
    /// In the settings of the instance.
    Instance,
    /// In an environment variable.
    Variable(&'static str),
}

impl fmt::Display for ProxyOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => out.write_str("set for the instance"),
            Self::Variable(name) => write!(out, "from {name}"),
        }
    }
}

/// Why a text names no proxy. It does not show the text, which may hold a
/// password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProxyFormError {
    /// Not a URL of a proxy.
    #[error("write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")]
    Form,
    /// Another protocol.
    #[error("only HTTP proxies are supported, with http:// or https://")]
    Scheme,
    /// An address that nothing may be sent to.
    #[error("its address is {0}")]
    Address(&'static str),
    /// The credentials are not of the form that HTTP has for them.
    #[error("the credentials are not USER:PASSWORD")]
    Credentials,
}

/// A proxy that cannot be used, and where it was set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid proxy {origin}: {why}")]
pub struct ProxyError {
    /// Where it was set.
    pub origin: ProxyOrigin,
    /// Why it cannot be used.
    pub why: ProxyFormError,
}

/// An HTTP proxy. Neither `Debug` nor `Display` shows its credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    address: Origin,
    /// `user:password`, as `Basic` carries it.
    credentials: Option<Secret>,
    origin: ProxyOrigin,
}

impl fmt::Display for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.address)
    }
}

impl Proxy {
    /// A proxy, with the credentials to authenticate to it: `user:password`.
    pub fn new(address: Origin, credentials: Option<&Secret>, origin: ProxyOrigin) -> Result<Self, ProxyError> {
        let failed = |why| ProxyError { origin, why };
        permitted(&address).map_err(failed)?;
        let credentials = credentials.map(|it| basic(it.reveal())).transpose().map_err(failed)?;
        Ok(Self { address, credentials, origin })
    }

    /// Its address.
    pub fn address(&self) -> &Origin {
        &self.address
    }

    /// Where it was set.
    pub fn origin(&self) -> ProxyOrigin {
        self.origin
    }

    /// The credentials of the scheme `Basic`.
    pub fn credentials(&self) -> Option<&Secret> {
        self.credentials.as_ref()
    }
}

/// A proxy's URL as the operator writes it: its address, and the credentials
/// (`user:password`) that stand in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyUrl {
    /// The address.
    pub address: Origin,
    /// The credentials.
    pub credentials: Option<Secret>,
}

impl FromStr for ProxyUrl {
    type Err = ProxyFormError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // As usual in these variables: a host and a port are an HTTP proxy.
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let whole = Zeroizing::new(whole);
        let mut url = Url::parse(&whole).map_err(|_| ProxyFormError::Form)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ProxyFormError::Scheme);
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|it| it.into_owned());
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let parts = (decoded(user), decoded(password.unwrap_or_default()));
                let (Ok(user), Ok(password)) = parts else { return Err(ProxyFormError::Credentials) };
                // A colon in the name would move the border between the two.
                if user.contains(':') {
                    return Err(ProxyFormError::Credentials);
                }
                let both = Zeroizing::new(format!("{user}:{password}"));
                Some(Secret::typed(&both).map_err(|_| ProxyFormError::Credentials)?)
            }
        };
        let bare = url.set_username("").is_ok() && url.set_password(None).is_ok();
        let address: Origin = match bare.then(|| url.as_str().parse()) {
            Some(Ok(address)) => address,
            _ => return Err(ProxyFormError::Form),
        };
        permitted(&address)?;
        Ok(Self { address, credentials })
    }
}

/// The operator grants a proxy's own address by naming it, as far as anything
/// can be granted.
fn permitted(address: &Origin) -> Result<(), ProxyFormError> {
    match address.address() {
        Some(number) => Addresses::Private.check(number).map_err(ProxyFormError::Address),
        None => Ok(()),
    }
}

fn basic(credentials: &str) -> Result<Secret, ProxyFormError> {
    if !credentials.contains(':') {
        return Err(ProxyFormError::Credentials);
    }
    let encoded = Zeroizing::new(BASE64.encode(credentials.as_bytes()));
    Secret::typed(&encoded).map_err(|_| ProxyFormError::Credentials)
}

/// What an instance says about its proxy. Without a word, the environment counts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "use", rename_all = "kebab-case")]
pub enum ProxySetting {
    /// None, whatever the environment says.
    Direct,
    /// This one, for everything that the connector sends.
    Proxy {
        /// Its address.
        address: Origin,
        /// Where its credentials (`user:password`) are read from.
        credentials: Option<SecretSource>,
    },
}

/// Proxies by the scheme of the destination, and the destinations that are
/// reached without.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Result<Proxy, ProxyError>>,
    http: Option<Result<Proxy, ProxyError>>,
    except: Vec<Exception>,
    /// Whether what is on this machine is reached without.
    local_is_direct: bool,
}

/// The variables for each scheme, the first that is set counts.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPT: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxies {
    /// This one, for every destination.
    pub fn always(proxy: Proxy) -> Self {
        Self { https: Some(Ok(proxy.clone())), http: Some(Ok(proxy)), ..Self::default() }
    }

    /// Those that environment variables name. What is on this machine is reached
    /// without them.
    pub fn of_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&'static str| value(name).filter(|text| !text.trim().is_empty()).map(|text| (*name, text));
        let proxy = |names: [&'static str; 4]| {
            let (name, text) = names.iter().find_map(set)?;
            let (text, origin) = (Zeroizing::new(text), ProxyOrigin::Variable(name));
            let url = text.parse::<ProxyUrl>().map_err(|why| ProxyError { origin, why });
            Some(url.and_then(|url| Proxy::new(url.address, url.credentials.as_ref(), origin)))
        };
        let except = EXCEPT.iter().find_map(set).map(|(_, text)| text).unwrap_or_default();
        Self {
            https: proxy(HTTPS),
            http: proxy(HTTP),
            except: except.split([',', ' ']).filter_map(Exception::read).collect(),
            local_is_direct: true,
        }
    }

    /// The proxy for a destination; none where it is reached without.
    pub fn of(&self, destination: &Origin) -> Result<Option<&Proxy>, ProxyError> {
        let proxy = match destination.scheme() {
            Scheme::Https => &self.https,
            Scheme::Http => &self.http,
        };
        let Some(proxy) = proxy else { return Ok(None) };
        let is_local = self.local_is_direct && destination.is_local();
        if is_local || self.except.iter().any(|it| it.covers(destination)) {
            return Ok(None);
        }
        proxy.as_ref().map(Some).map_err(|error| *error)
    }
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    /// Only at this port.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// A domain with what is below it; the name in front is left out where the
    /// entry begins with a dot.
    Domain {
        name: String,
        below_only: bool,
    },
    /// Addresses that agree in so many bits.
    Network(IpAddr, u8),
}

impl Exception {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if text.is_empty() {
            return None;
        }
        if text == "*" {
            return Some(Self { hosts: Hosts::All, port: None });
        }
        let network = |text: &str| {
            let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
            let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
            Some(Hosts::Network(address, bits))
        };
        if let Some(hosts) = network(&text) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text.as_str(), None),
        };
        let hosts = network(host).unwrap_or_else(|| {
            let name = host.trim_start_matches('*').trim_start_matches('.');
            Hosts::Domain { below_only: name.len() < host.len(), name: name.to_owned() }
        });
        Some(Self { hosts, port })
    }

    fn covers(&self, destination: &Origin) -> bool {
        let host = destination.host();
        let hosts = match (&self.hosts, destination.address()) {
            (Hosts::All, _) => true,
            (Hosts::Domain { name, below_only }, None) => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || (!below_only && host == name)
            }
            (Hosts::Network(network, bits), Some(address)) => agree(*network, address, *bits),
            _ => false,
        };
        hosts && self.port.is_none_or(|port| port == destination.port())
    }
}

/// Whether two addresses have the same first bits.
fn agree(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let differing = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    differing.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Proxies, Proxy, ProxyFormError, ProxyOrigin, ProxyUrl};
    use crate::Secret;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let variables: HashMap<String, String> =
            variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Proxies::of_variables(|name| variables.get(name).cloned())
    }

    /// Which proxy a destination has, and where it was set.
    fn of(proxies: &Proxies, destination: &str) -> String {
        match proxies.of(&destination.parse().unwrap()) {
            Ok(Some(proxy)) => format!("{proxy} {}", proxy.origin()),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_scheme_of_the_destination_chooses_the_variable() {
        let all = proxies(&[
            ("HTTPS_PROXY", "http://secure:1"),
            ("http_proxy", "plain:2"),
            ("HTTP_PROXY", "http://other:3"),
            ("ALL_PROXY", "http://all:4"),
        ]);
        assert_eq!(of(&all, "https://vendor.example"), "http://secure:1 from HTTPS_PROXY");
        assert_eq!(of(&all, "http://vendor.example"), "http://plain:2 from http_proxy");
        let both = proxies(&[("all_proxy", "https://all"), ("HTTPS_PROXY", " ")]);
        assert_eq!(of(&both, "https://vendor.example"), "https://all from all_proxy");
        assert_eq!(of(&both, "http://vendor.example"), "https://all from all_proxy");
        assert_eq!(of(&proxies(&[("HTTP_PROXY", "a:1")]), "https://vendor.example"), "none");
        assert_eq!(of(&proxies(&[]), "https://vendor.example"), "none");
    }

    #[test]
    fn what_no_proxy_names_is_reached_without() {
        let covered = |list: &str, destination: &str| {
            of(&proxies(&[("ALL_PROXY", "http://all:4"), ("NO_PROXY", list)]), destination) == "none"
        };
        for (list, destination) in [
            ("*", "https://vendor.example"),
            ("vendor.example", "https://vendor.example"),
            ("VENDOR.example.", "https://vendor.example"),
            ("other, vendor.example", "https://api.vendor.example:8443"),
            ("a.example b.example", "https://b.example"),
            (".vendor.example", "https://api.vendor.example"),
            ("*.vendor.example", "https://api.vendor.example"),
            ("vendor.example:8443", "https://vendor.example:8443"),
            ("vendor.example:443", "https://vendor.example"),
            ("10.1.2.3", "http://10.1.2.3:8080"),
            ("10.0.0.0/8", "http://10.1.2.3"),
            ("10.1.2.3:80", "http://10.1.2.3"),
            ("0.0.0.0/0", "http://1.2.3.4"),
            ("fd00::/8", "http://[fd12::1]"),
            ("[fd12::1]:8080", "http://[fd12::1]:8080"),
            ("fd12::1", "http://[fd12::1]"),
        ] {
            assert!(covered(list, destination), "{list}: {destination}");
        }
        for (list, destination) in [
            ("", "https://vendor.example"),
            (",", "https://vendor.example"),
            ("vendor.example", "https://notvendor.example"),
            ("vendor.example", "https://vendor.example.evil.example"),
            (".vendor.example", "https://vendor.example"),
            ("vendor.example:8443", "https://vendor.example"),
            ("10.0.0.0/8", "http://11.1.2.3"),
            ("10.0.0.0/33", "http://10.0.0.1"),
            ("0.0.0.0/0", "http://[fd12::1]"),
            ("10.1.2", "http://10.1.2.3"),
        ] {
            assert!(!covered(list, destination), "{list}: {destination}");
        }
    }

    #[test]
    fn this_machine_is_reached_without_the_environments_proxy() {
        let environment = proxies(&[("ALL_PROXY", "http://all:4")]);
        let own = Proxies::always(Proxy::new("http://own:1".parse().unwrap(), None, ProxyOrigin::Instance).unwrap());
        for local in ["http://127.0.0.1:9", "http://localhost", "http://a.localhost", "http://[::1]:9"] {
            assert_eq!(of(&environment, local), "none", "{local}");
            assert_eq!(of(&own, local), "http://own:1 set for the instance", "{local}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_told_without_its_text() {
        let told = |text: &str| of(&proxies(&[("HTTPS_PROXY", text)]), "https://vendor.example");
        for (text, why) in [
            ("socks5://me:s3cr3t-word@proxy:1080", "only HTTP proxies are supported, with http:// or https://"),
            ("http://me:s3cr3t-word@proxy:99999", "write it as"),
            ("http://me:s3cr3t-word@proxy/path", "write it as"),
            ("http://me:s3cr3t%0Aword@proxy", "the credentials are not USER:PASSWORD"),
            ("http://m%3Ae:s3cr3t-word@proxy", "the credentials are not USER:PASSWORD"),
            ("http://me:s3cr3t-word@169.254.169.254", "its address is a link-local address"),
            ("http://", "write it as"),
        ] {
            let told = told(text);
            assert!(told.starts_with("invalid proxy from HTTPS_PROXY: ") && told.contains(why), "{text}: {told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }

    #[test]
    fn the_credentials_of_a_proxy_are_shown_nowhere() {
        let url: ProxyUrl = "http://me:p%40ss-word@10.0.0.1:3128".parse().unwrap();
        assert_eq!(url.credentials.as_ref().unwrap().reveal(), "me:p@ss-word");
        let proxy = Proxy::new(url.address.clone(), url.credentials.as_ref(), ProxyOrigin::Instance).unwrap();
        assert_eq!(proxy.credentials().unwrap().reveal(), "bWU6cEBzcy13b3Jk");
        for shown in [format!("{url:?} {proxy:?}"), proxy.to_string()] {
            assert!(!shown.contains("ss-word") && !shown.contains("bWU6"), "{shown}");
        }
        let bare = Secret::typed("no-colon").unwrap();
        let refused = Proxy::new(url.address, Some(&bare), ProxyOrigin::Instance).unwrap_err();
        assert_eq!(refused.why, ProxyFormError::Credentials);
    }
}
