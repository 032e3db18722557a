//! Who is let in: the browser that opened a link of the terminal, under an
//! address of this machine.
//!
//! A page of another site cannot read these: its requests bring no session
//! (`SameSite`), and a name that it makes resolve to this machine is not on the
//! list of hosts. Another user of the machine has no link.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, header};

use crate::{ServeError, TellLink};

/// For how long a link lets in, unless it is used.
const LINK_TIME: Duration = Duration::from_secs(600);

/// For how long a browser that was let in stays in.
const SESSION_TIME: Duration = Duration::from_secs(30 * 86_400);

/// Browsers at one time; the one that was let in first makes place.
const SESSIONS: usize = 32;

/// Headers of proxies. Behind one on this machine, everybody would come from
/// this machine.
const FORWARDED: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// A key as it is kept: what is read from memory or a log opens nothing.
type Hash = [u8; blake3::OUT_LEN];

/// Lets browsers in.
pub(crate) struct Gate {
    hosts: [String; 3],
    address: SocketAddr,
    cookie: String,
    tell: TellLink,
    state: Mutex<State>,
}

struct State {
    link: Option<(Hash, Instant)>,
    sessions: HashMap<Hash, Instant>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It is for another host.
    Host,
    /// It came through a proxy.
    Proxy,
    /// Another site makes it.
    Site,
    /// Its browser was not let in.
    Session,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Host => "this server answers under its own address alone",
            Self::Proxy => "the request came through a proxy, and this server is for this machine alone",
            Self::Site => "another site made the request",
            Self::Session => "this browser was not let in yet",
        })
    }
}

impl Gate {
    /// A gate for a server of this address.
    pub fn new(address: SocketAddr, tell: TellLink) -> Result<Self, ServeError> {
        let port = address.port();
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
        let gate = Self {
            hosts,
            address,
            // Cookies do not know ports: two servers of one machine have two.
            cookie: format!("harness-{port}"),
            tell,
            state: Mutex::new(State { link: None, sessions: HashMap::new() }),
        };
        gate.make_link(Instant::now()).ok_or(ServeError::Random)?;
        Ok(gate)
    }

    /// Whether a request may be answered, whoever sends it.
    pub fn admits(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        if hosts.next().is_some() || !host.is_some_and(|host| self.hosts.contains(&host)) {
            return Err(Refusal::Host);
        }
        if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
            return Err(Refusal::Proxy);
        }
        Ok(())
    }

    /// Whether a request comes from a browser that was let in, and from a page of
    /// ours or a person.
    pub fn knows(&self, headers: &HeaderMap, now: Instant) -> Result<(), Refusal> {
        let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
        if !matches!(site, None | Some(b"same-origin" | b"none")) && !is_navigation(headers) {
            return Err(Refusal::Site);
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |key: &str| {
            let until = state.sessions.get(blake3::hash(key.as_bytes()).as_bytes());
            until.is_some_and(|until| *until > now)
        };
        if self.keys(headers).any(known) { Ok(()) } else { Err(Refusal::Session) }
    }

    /// Lets a browser in that has the key of the link; what it is to keep. A link
    /// lets one browser in.
    pub fn enter(&self, key: &str, now: Instant) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = blake3::hash(key.as_bytes());
        // Hashes are compared in constant time.
        state.link.take_if(|(link, until)| hash == blake3::Hash::from(*link) && *until > now)?;
        let key = random()?;
        state.sessions.retain(|_, until| *until > now);
        if state.sessions.len() >= SESSIONS
            && let Some(first) = state.sessions.iter().min_by_key(|(_, until)| **until).map(|(hash, _)| *hash)
        {
            state.sessions.remove(&first);
        }
        state.sessions.insert(blake3::hash(key.as_bytes()).into(), now + SESSION_TIME);
        drop(state);
        self.make_link(now);
        let age = SESSION_TIME.as_secs();
        Some(format!("{}={key}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}", self.cookie))
    }

    /// Tells another link, if the last one is too old.
    pub fn renew_link(&self, now: Instant) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let good = state.link.is_some_and(|(_, until)| until > now);
        drop(state);
        if !good {
            self.make_link(now);
        }
    }

    fn make_link(&self, now: Instant) -> Option<()> {
        let key = random()?;
        let link = Some((blake3::hash(key.as_bytes()).into(), now + LINK_TIME));
        self.state.lock().unwrap_or_else(PoisonError::into_inner).link = link;
        (self.tell)(&format!("http://{}/enter?key={key}", self.address));
        Some(())
    }

    /// The keys that a request brings under our name.
    fn keys<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
        let pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        pairs.filter(|(name, _)| *name == self.cookie).map(|(_, key)| key)
    }
}

/// Whether a person follows a link, from wherever it is: nothing of what is
/// answered gets to the page that it is on.
fn is_navigation(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|it| it.as_bytes() == word.as_bytes());
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

fn random() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;

    use super::*;

    fn gate() -> (Gate, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let links = told.clone();
        let tell = Box::new(move |link: &str| links.lock().unwrap().push(link.to_owned()));
        (Gate::new("127.0.0.1:7373".parse().unwrap(), tell).unwrap(), told)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn key(link: &str) -> String {
        link.split_once("key=").unwrap().1.to_owned()
    }

    fn session(gate: &Gate, key: &str, now: Instant) -> Option<HeaderMap> {
        let cookie = gate.enter(key, now)?;
        Some(headers(&[("cookie", cookie.split(';').next().unwrap())]))
    }

    #[test]
    fn only_addresses_of_this_machine_are_answered_and_no_proxy() {
        let (gate, _) = gate();
        for host in ["127.0.0.1:7373", "localhost:7373", "LOCALHOST:7373", "[::1]:7373"] {
            assert_eq!(gate.admits(&headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["", "127.0.0.1", "localhost:80", "rebound.example:7373", "localhost:7373.example", "[::1]"] {
            assert_eq!(gate.admits(&headers(&[("host", host)])), Err(Refusal::Host), "{host}");
        }
        let twice = headers(&[("host", "localhost:7373"), ("host", "evil.example")]);
        assert_eq!(gate.admits(&twice), Err(Refusal::Host));
        assert_eq!(gate.admits(&HeaderMap::new()), Err(Refusal::Host));
        for name in FORWARDED {
            let through = headers(&[("host", "localhost:7373"), (name, "203.0.113.7")]);
            assert_eq!(gate.admits(&through), Err(Refusal::Proxy), "{name}");
        }
    }

    #[test]
    fn a_link_lets_one_browser_in_for_a_while_and_another_one_is_told() {
        let (gate, told) = gate();
        let now = Instant::now();
        let first = key(&told.lock().unwrap()[0]);
        assert_eq!(gate.enter("guess", now), None);
        assert_eq!(gate.enter("", now), None);
        let browser = session(&gate, &first, now).unwrap();
        assert_eq!(gate.knows(&browser, now), Ok(()));
        assert_eq!(gate.enter(&first, now), None, "it was used");
        assert_eq!(gate.knows(&HeaderMap::new(), now), Err(Refusal::Session));
        assert_eq!(gate.knows(&browser, now + SESSION_TIME), Err(Refusal::Session));

        let second = key(told.lock().unwrap().last().unwrap());
        assert_ne!(first, second);
        gate.renew_link(now);
        assert_eq!(told.lock().unwrap().len(), 2, "it is still good");
        assert_eq!(gate.enter(&second, now + LINK_TIME), None, "it is too old");
        gate.renew_link(now + LINK_TIME);
        let third = key(told.lock().unwrap().last().unwrap());
        assert!(gate.enter(&third, now + LINK_TIME).is_some());
        assert_eq!(gate.knows(&browser, now), Ok(()), "the first stays in");
    }

    #[test]
    fn a_session_of_another_port_is_none_here() {
        let (gate, told) = gate();
        let now = Instant::now();
        let link = key(&told.lock().unwrap()[0]);
        let cookie = gate.enter(&link, now).unwrap();
        let key = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
        let other = headers(&[("cookie", &format!("harness-7374={key}; x=1"))]);
        assert_eq!(gate.knows(&other, now), Err(Refusal::Session));
        let among = headers(&[("cookie", &format!("x=1; harness-7373={key}"))]);
        assert_eq!(gate.knows(&among, now), Ok(()));
        insta::assert_snapshot!(cookie.replace(key, "KEY"), @"harness-7373=KEY; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
    }

    #[test]
    fn another_site_may_lead_here_and_fetch_nothing() {
        let (gate, told) = gate();
        let now = Instant::now();
        let link = key(&told.lock().unwrap()[0]);
        let browser = session(&gate, &link, now).unwrap();
        let with = |site: &'static str, mode: &'static str, dest: &'static str| {
            let mut headers = browser.clone();
            for (name, value) in [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            gate.knows(&headers, now)
        };
        assert_eq!(with("same-origin", "cors", "empty"), Ok(()));
        assert_eq!(with("none", "navigate", "document"), Ok(()));
        assert_eq!(with("cross-site", "navigate", "document"), Ok(()));
        assert_eq!(with("cross-site", "no-cors", "image"), Err(Refusal::Site));
        assert_eq!(with("same-site", "cors", "empty"), Err(Refusal::Site));
        assert_eq!(with("cross-site", "navigate", "iframe"), Err(Refusal::Site));
    }

    #[test]
    fn browsers_that_were_let_in_first_make_place() {
        let (gate, told) = gate();
        let now = Instant::now();
        let mut browsers = Vec::new();
        for second in 0..=SESSIONS as u64 {
            let link = key(told.lock().unwrap().last().unwrap());
            browsers.push(session(&gate, &link, now + Duration::from_secs(second)).unwrap());
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(gate.knows(&browsers[0], later), Err(Refusal::Session));
        assert!(browsers[1..].iter().all(|browser| gate.knows(browser, later).is_ok()));
    }
}
