//! Scheme, host and port of the vendor's server.

use std::{fmt, net::Ipv4Addr, net::Ipv6Addr};

/// How to talk to an origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// In the clear; for loopback addresses only.
    Http,
    /// Over TLS.
    Https,
}

/// A checked origin, in normal form: lower case, no default port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    authority: String,
}

impl Origin {
    /// Reads an origin; the error says what is wrong, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = match text.split_once("://") {
            Some((word, rest)) if word.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((word, rest)) if word.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            _ => return Err("must start with https://, as in https://semgrep.dev"),
        };
        // Browsers copy an origin with a slash behind it.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err("must not hold a user name or a password");
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err("must end after host and port, as in https://semgrep.dev");
        }
        let (host, port) = split_port(rest)?;
        let loopback = check_host(host)?;
        if scheme == Scheme::Http && !loopback {
            return Err("must use https: the token would cross the network in the clear");
        }
        let mut authority = host.to_ascii_lowercase();
        if let Some(port) = port.filter(|port| *port != scheme.default_port()) {
            authority.push(':');
            authority.push_str(&port.to_string());
        }
        Ok(Self { scheme, authority })
    }

    /// How to talk to it.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host, and port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(out, "{scheme}://{}", self.authority)
    }
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Host and port; the colons of an IPv6 address stay with the host.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_brackets = text.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = text.get(after_brackets..).and_then(|tail| tail.find(':')) else {
        return Ok((text, None));
    };
    let (host, port) = text.split_at(after_brackets + colon);
    match port.get(1..).unwrap_or_default().parse::<u16>() {
        Ok(port) if port != 0 => Ok((host, Some(port))),
        _ => Err("has a port that is no number from 1 to 65535"),
    }
}

/// Refuses what is no host; tells whether it is this machine.
fn check_host(host: &str) -> Result<bool, &'static str> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.map(|address| address.is_loopback()).ok_or("has an IPv6 address that cannot be read");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || host.starts_with(['.', '-']) || !host.bytes().all(allowed) {
        return Err("has no host name that can be read; names beyond ASCII go in their xn-- form");
    }
    let loopback = host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    Ok(loopback || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::Origin;

    fn check(input: &str, expect: Result<&str, &str>) {
        let origin = Origin::parse(input).map(|origin| origin.to_string());
        assert_eq!(origin.as_deref().map_err(|problem| *problem), expect, "{input}");
    }

    #[test]
    fn an_origin_has_one_normal_form() {
        check("https://semgrep.dev", Ok("https://semgrep.dev"));
        check("HTTPS://Semgrep.DEV/", Ok("https://semgrep.dev"));
        check("https://acme.semgrep.dev:443", Ok("https://acme.semgrep.dev"));
        check("https://acme.semgrep.dev:8443", Ok("https://acme.semgrep.dev:8443"));
        check("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080"));
        check("http://localhost:80", Ok("http://localhost"));
        check("http://[::1]:8080", Ok("http://[::1]:8080"));
        check("https://[2001:DB8::1]", Ok("https://[2001:db8::1]"));
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        let https = "must use https: the token would cross the network in the clear";
        let end = "must end after host and port, as in https://semgrep.dev";
        let start = "must start with https://, as in https://semgrep.dev";
        let port = "has a port that is no number from 1 to 65535";
        let host = "has no host name that can be read; names beyond ASCII go in their xn-- form";
        check("semgrep.dev", Err(start));
        check("ftp://semgrep.dev", Err(start));
        check("http://semgrep.dev", Err(https));
        check("http://127.0.0.1.example.com", Err(https));
        check("https://semgrep.dev/api", Err(end));
        check("https://semgrep.dev?x=1", Err(end));
        check("https://me:pw@semgrep.dev", Err("must not hold a user name or a password"));
        check("https://semgrep.dev:", Err(port));
        check("https://semgrep.dev:0", Err(port));
        check("https://semgrep.dev:99999", Err(port));
        check("https://a:1:2", Err(port));
        check("https://", Err(host));
        check("https://sem grep.dev", Err(host));
        check("https://sémgrep.dev", Err(host));
        check("https://[::g]", Err("has an IPv6 address that cannot be read"));
    }
}
