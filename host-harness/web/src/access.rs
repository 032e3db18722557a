//! Who is let in: the browser that opened a link of the terminal, and programs
//! that have a token, under an address of this machine.
//!
//! A page of another site cannot read these: its requests bring no session
//! (`SameSite`), and a name that it makes resolve to this machine is not on the
//! list of hosts. It cannot change anything either: what does must come from a page
//! of ours. Another user of the machine has no link, and the system says that the other
//! end of their connection is not ours.

use std::{fmt, net::SocketAddr};

use host_harness::{Access, AccessError, Principal};
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    ServeError, TellLink,
    listen::{Ends, Hosts},
};

/// Headers of proxies. Behind one on this machine, everybody would come from
/// this machine.
const FORWARDED: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// Lets browsers and programs in.
pub(crate) struct Gate {
    hosts: Hosts,
    address: SocketAddr,
    cookie: String,
    tell: TellLink,
    access: Access,
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
    /// Its token does not work.
    Token,
    /// A program sends it, without a token.
    Nobody,
    /// It has a session and a token.
    Both,
    /// It cannot be seen who sends it.
    Unseen,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Host => "this server answers under its own address alone",
            Self::Proxy => "the request came through a proxy, and this server is for this machine alone",
            Self::Site => "another site made the request",
            Self::Session => "this browser was not let in yet",
            Self::Token => "the API token is wrong, revoked or expired",
            Self::Nobody => "the request has no API token",
            Self::Both => "the request has both a session and an API token",
            Self::Unseen => "the file with sessions and tokens cannot be read",
        })
    }
}

impl Gate {
    /// A gate for a server of this address.
    pub async fn new(address: SocketAddr, access: Access, tell: TellLink) -> Result<Self, ServeError> {
        let port = address.port();
        // Cookies do not know ports: two servers of one machine have two.
        let gate = Self { hosts: Hosts::new(port), address, cookie: format!("harness-{port}"), tell, access };
        gate.tell_link().await.map_err(|error| ServeError::Access(error.into()))?;
        Ok(gate)
    }

    /// Whether a request may be answered, whoever sends it.
    pub fn admits(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.hosts.admit(headers) {
            return Err(Refusal::Host);
        }
        if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
            return Err(Refusal::Proxy);
        }
        Ok(())
    }

    /// Who sends a request: a program with a token, or a browser that was let in
    /// and asks from a page of ours.
    pub async fn principal(&self, method: &Method, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let unseen = |error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "nobody is let in");
            Refusal::Unseen
        };
        let mut keys = self.keys(headers);
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            if keys.next().is_some() {
                return Err(Refusal::Both);
            }
            let token = authorization.to_str().ok().and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
            let known = self.access.principal(token.trim()).await.map_err(unseen)?;
            return known.ok_or(Refusal::Token);
        }
        if !(method.is_safe() && may_lead_here(headers) || self.is_from_here(headers)) {
            let names_nobody = keys.next().is_none() && !is_of_a_browser(headers);
            return Err(if names_nobody { Refusal::Nobody } else { Refusal::Site });
        }
        for key in keys {
            if self.access.session(key).await.map_err(unseen)?.is_some() {
                return Ok(Principal::Owner("browser".to_owned()));
            }
        }
        Err(Refusal::Session)
    }

    /// Whether a browser says that a page of this server sends a request. One that
    /// says nothing is no browser, and has no reason to have a session.
    fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        match (site, origin) {
            (None, None) => false,
            (site, origin) => {
                site.is_none_or(|site| site == b"same-origin")
                    && origin.is_none_or(|origin| self.hosts.has_origin(origin))
            }
        }
    }

    /// Lets a browser in that has the key of a link; what it is to keep. A link
    /// lets one browser in.
    pub async fn enter(&self, key: &str) -> Result<Option<String>, AccessError> {
        let Some(key) = self.access.enter(key).await? else { return Ok(None) };
        self.renew_link().await;
        let age = Access::SESSION_TIME.as_secs();
        Ok(Some(format!("{}={key}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}", self.cookie)))
    }

    /// Lets the browser of a page of ours in that runs under the user of this server;
    /// what it is to keep.
    pub async fn enter_as_owner(&self, ends: Option<Ends>, headers: &HeaderMap) -> Result<Option<String>, AccessError> {
        if !self.is_from_here(headers) || !is_of_owner(ends).await {
            return Ok(None);
        }
        let key = self.access.new_link().await?;
        self.enter(&key).await
    }

    /// Ends the sessions that a request brings; what its browser is to keep then.
    pub async fn leave(&self, headers: &HeaderMap) -> Result<String, AccessError> {
        for key in self.keys(headers) {
            self.access.leave(key).await?;
        }
        Ok(format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", self.cookie))
    }

    /// What the browser of a request is listed as; none where it is no browser of ours.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<String>, AccessError> {
        for key in self.keys(headers) {
            if let Some(id) = self.access.session(key).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Tells another link, if those before were used or are too old.
    pub async fn renew_link(&self) {
        let told = async {
            match self.access.has_link().await? {
                true => Ok(()),
                false => self.tell_link().await,
            }
        };
        if let Err(error) = told.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "no link is made");
        }
    }

    async fn tell_link(&self) -> Result<(), AccessError> {
        let key = self.access.new_link().await?;
        (self.tell)(&crate::link(self.address, &key));
        Ok(())
    }

    /// The keys that a request brings under our name.
    fn keys<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
        let pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        pairs.filter(|(name, _)| *name == self.cookie).map(|(_, key)| key)
    }
}

/// Whether the user that this server runs as has the other end of a connection.
pub(crate) async fn is_of_owner(ends: Option<Ends>) -> bool {
    let Some(ends) = ends else { return false };
    tokio::task::spawn_blocking(move || ends.are_of_one_user()).await.unwrap_or(false)
}

/// Whether a browser sends a request: each says where its requests come from.
fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN)
}

/// Whether a request that changes nothing may be answered: of a page of ours, of a
/// person who follows a link from wherever it is, or of no browser. Nothing of what
/// is answered gets to another site.
pub(crate) fn may_lead_here(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|it| it.as_bytes() == word.as_bytes());
    let is_followed = says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document");
    matches!(site, None | Some(b"same-origin" | b"none")) || is_followed
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use appsec_model::Timestamp;
    use host_harness::{Harness, Options, store::Role};

    use super::*;

    /// A gate, the links that it told, and a clock.
    struct Door {
        _folder: tempfile::TempDir,
        gate: Gate,
        access: Access,
        links: Arc<Mutex<Vec<String>>>,
        now: Arc<Mutex<i64>>,
    }

    async fn door() -> Door {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new(0));
        let clock = now.clone();
        let clock = Arc::new(move || Timestamp::from_micros(*clock.lock().unwrap()));
        let harness = Harness::new(Options { clock, ..Options::new(folder.path().to_owned()) });
        let access = harness.access().unwrap().clone();
        let links = Arc::new(Mutex::new(Vec::new()));
        let told = links.clone();
        let tell = Box::new(move |link: &str| told.lock().unwrap().push(link.to_owned()));
        let gate = Gate::new("127.0.0.1:7373".parse().unwrap(), access.clone(), tell).await.unwrap();
        Door { _folder: folder, gate, access, links, now }
    }

    impl Door {
        fn key(&self) -> String {
            self.links.lock().unwrap().last().unwrap().split_once("key=").unwrap().1.to_owned()
        }

        async fn cookie(&self) -> String {
            self.gate.enter(&self.key()).await.unwrap().unwrap()
        }

        /// The headers of a browser that was let in.
        async fn browser(&self) -> HeaderMap {
            headers(&[("cookie", self.cookie().await.split(';').next().unwrap())])
        }

        fn pass(&self, time: Duration) {
            *self.now.lock().unwrap() += i64::try_from(time.as_micros()).unwrap();
        }

        async fn get(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
            self.gate.principal(&Method::GET, headers).await
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn only_addresses_of_this_machine_are_answered_and_no_proxy() {
        let Door { gate, .. } = door().await;
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

    #[tokio::test]
    async fn a_link_lets_one_browser_in_for_a_while_and_another_one_is_told() {
        let door = door().await;
        let first = door.key();
        assert_eq!(door.gate.enter("guess").await.unwrap(), None);
        assert_eq!(door.gate.enter("").await.unwrap(), None);
        let browser = door.browser().await;
        assert!(door.get(&browser).await.is_ok());
        assert_eq!(door.gate.enter(&first).await.unwrap(), None, "it was used");
        assert_eq!(door.get(&HeaderMap::new()).await, Err(Refusal::Session));

        let second = door.key();
        assert_ne!(first, second);
        door.gate.renew_link().await;
        assert_eq!(door.links.lock().unwrap().len(), 2, "it is still good");
        door.pass(Duration::from_secs(600));
        assert_eq!(door.gate.enter(&second).await.unwrap(), None, "it is too old");
        door.gate.renew_link().await;
        door.cookie().await;
        assert!(door.get(&browser).await.is_ok(), "the first stays in");
        door.pass(Access::SESSION_TIME);
        assert_eq!(door.get(&browser).await, Err(Refusal::Session), "for a while");
    }

    #[tokio::test]
    async fn a_session_of_another_port_is_none_here_and_one_that_is_left_is_over() {
        let door = door().await;
        let cookie = door.cookie().await;
        let key = cookie.split(';').next().unwrap().split_once('=').unwrap().1;
        let other = headers(&[("cookie", &format!("harness-7374={key}; x=1"))]);
        assert_eq!(door.get(&other).await, Err(Refusal::Session));
        let among = headers(&[("cookie", &format!("x=1; harness-7373={key}"))]);
        assert!(door.get(&among).await.is_ok());
        insta::assert_snapshot!(cookie.replace(key, "KEY"), @"harness-7373=KEY; Path=/; HttpOnly; SameSite=Lax; Max-Age=7776000");
        insta::assert_snapshot!(door.gate.leave(&among).await.unwrap(), @"harness-7373=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(door.get(&among).await, Err(Refusal::Session));
    }

    #[tokio::test]
    async fn another_site_may_lead_here_and_fetch_nothing() {
        let door = door().await;
        let browser = door.browser().await;
        let with = async |site: &'static str, mode: &'static str, dest: &'static str| {
            let mut headers = browser.clone();
            for (name, value) in [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            door.get(&headers).await.map(|_| ())
        };
        assert_eq!(with("same-origin", "cors", "empty").await, Ok(()));
        assert_eq!(with("none", "navigate", "document").await, Ok(()));
        assert_eq!(with("cross-site", "navigate", "document").await, Ok(()));
        assert_eq!(with("cross-site", "no-cors", "image").await, Err(Refusal::Site));
        assert_eq!(with("same-site", "cors", "empty").await, Err(Refusal::Site));
        assert_eq!(with("cross-site", "navigate", "iframe").await, Err(Refusal::Site));
    }

    #[tokio::test]
    async fn only_a_page_of_this_server_changes_anything_with_a_session() {
        let door = door().await;
        let browser = door.browser().await;
        let with = async |pairs: &[(&'static str, &str)]| {
            let mut headers = browser.clone();
            headers.extend(self::headers(pairs));
            door.gate.principal(&Method::POST, &headers).await.map(|_| ())
        };
        let (own, site) = (("origin", "http://127.0.0.1:7373"), ("sec-fetch-site", "same-origin"));
        for sent in [&[own][..], &[site], &[own, site], &[("origin", "http://localhost:7373"), site]] {
            assert_eq!(with(sent).await, Ok(()), "{sent:?}");
        }
        for sent in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://127.0.0.1:7374")],
            &[("origin", "https://127.0.0.1:7373")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            // A person who typed an address sends no form.
            &[("sec-fetch-site", "none")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[("origin", "null"), site],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ] {
            assert_eq!(with(sent).await, Err(Refusal::Site), "{sent:?}");
        }
    }

    #[tokio::test]
    async fn nobody_is_let_in_whose_connection_the_system_does_not_know() {
        let door = door().await;
        let own = HeaderMap::from_iter([(
            header::HeaderName::from_static("sec-fetch-site"),
            HeaderValue::from_static("same-origin"),
        )]);
        assert_eq!(door.gate.enter_as_owner(None, &own).await.unwrap(), None);
        let nobody = Ends { peer: ([127, 0, 0, 1], 1).into(), own: ([127, 0, 0, 1], 7373).into() };
        assert_eq!(door.gate.enter_as_owner(Some(nobody), &own).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_program_has_a_token_and_no_session() {
        let door = door().await;
        let tenant = "acme".parse().unwrap();
        let day = Duration::from_secs(86_400);
        let made = door.access.add_token(&tenant, "ci".to_owned(), Role::Viewer, day).await.unwrap();
        let bearer = format!("Bearer {}", made.token);
        let post = async |pairs: &[(&'static str, &str)]| door.gate.principal(&Method::POST, &headers(pairs)).await;
        // Whatever it says of where it is: no browser sends a token by itself.
        let known = post(&[("authorization", &bearer), ("sec-fetch-site", "cross-site")]).await.unwrap();
        assert_eq!(known, Principal::Token { id: made.row.id, tenant, role: Role::Viewer });
        for wrong in ["", "Bearer ", "Bearer hrn_x", &made.token, &format!("Basic {}", made.token)] {
            assert_eq!(post(&[("authorization", wrong)]).await, Err(Refusal::Token), "{wrong}");
        }
        let cookie = door.cookie().await;
        let both = [("authorization", bearer.as_str()), ("cookie", cookie.split(';').next().unwrap())];
        assert_eq!(post(&both).await, Err(Refusal::Both));
        door.pass(day);
        assert_eq!(post(&[("authorization", &bearer)]).await, Err(Refusal::Token), "it has expired");
    }
}
