//! Requests over a socket, as browsers and programs make them.

mod answers;
mod backup;
mod crowd;
mod enter;
mod hostile;
mod problems;
mod queries;
mod rows;
mod secrets;
mod tried;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use host_harness::{CancellationToken, Harness, Options, Principal, Verdict, grant::TenantId, store::Role};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

use super::{Patience, Probes, ServeError, ServeOptions, Server, Site, listen::CONNECTIONS};

struct Served {
    _folder: tempfile::TempDir,
    harness: Harness,
    site: Arc<Site>,
    address: String,
    links: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

async fn served() -> Served {
    served_with(super::PATIENCE).await
}

async fn served_with(patience: Patience) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let harness = Harness::new(Options::new(folder.path().to_owned()));
    let links = Arc::new(Mutex::new(Vec::new()));
    let told = links.clone();
    let tell = Box::new(move |link: &str| told.lock().unwrap().push(link.to_owned()));
    let options = ServeOptions { address: "127.0.0.1:0".parse().unwrap(), tell, events: None };
    let mut server = Server::bind(harness.clone(), options).await.unwrap();
    Arc::get_mut(&mut server.site).unwrap().patience = patience;
    let site = server.site.clone();
    let (address, stop) = (server.address().to_string(), CancellationToken::default());
    let running = tokio::spawn(server.run(stop.clone()));
    Served { _folder: folder, harness, site, address, links, stop, running }
}

impl Served {
    /// Sends a request as it is, and returns the whole answer.
    async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn ask(&self, method: &str, path: &str, headers: &str) -> String {
        let host = &self.address;
        let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}{headers}\r\n"))
            .await
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.ask("GET", path, headers).await
    }

    /// The newest link's path.
    fn link(&self) -> String {
        let link = self.links.lock().unwrap().last().unwrap().clone();
        link.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    /// The header of a browser that was let in.
    async fn session(&self) -> String {
        let answer = self.get(&self.link(), "").await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// The pages and resources that there are.
const PAGES: [&str; 18] = [
    "/t/default",
    "/t/default/findings",
    "/t/default/vulnerabilities",
    "/t/default/weaknesses",
    "/t/default/secrets",
    "/t/default/issues",
    "/t/default/packages",
    "/t/default/coverage",
    "/t/default/repositories",
    "/t/default/policies",
    "/t/default/policy-file",
    "/t/default/advisories",
    "/t/default/sources",
    "/t/default/runs",
    "/t/default/notifications",
    "/tenants",
    "/server",
    "/api",
];

const RESOURCES: [&str; 18] = [
    "/api/v1/tenants",
    "/api/v1/tenants/default/findings",
    "/api/v1/tenants/default/vulnerabilities",
    "/api/v1/tenants/default/weaknesses",
    "/api/v1/tenants/default/secrets",
    "/api/v1/tenants/default/issues",
    "/api/v1/tenants/default/packages",
    "/api/v1/tenants/default/dashboard",
    "/api/v1/tenants/default/coverage",
    "/api/v1/tenants/default/runs",
    "/api/v1/tenants/default/policies",
    "/api/v1/tenants/default/status",
    "/api/v1/tenants/default/triage",
    "/api/v1/tenants/default/repositories",
    "/api/v1/tenants/default/views",
    "/api/v1/tenants/default/notifications",
    "/api/v1/tenants/default/alerts",
    "/api/v1/tenants/default/deliveries",
];

#[tokio::test]
async fn nothing_is_shown_to_who_was_not_let_in() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    for path in PAGES.iter().chain(&RESOURCES).chain(&["/", "/nothing", "/t/other", "/api/v1/nothing"]) {
        for headers in ["", "Cookie: harness=x; other=y\r\n", "Authorization: Bearer x\r\n"] {
            let refused = served.get(path, headers).await;
            assert_eq!(status(&refused), 401, "{path}");
            assert!(refused.contains("www-authenticate: Bearer\r\n"), "{path}: {refused}");
        }
    }
    let page = served.get("/t/default/findings", "").await;
    assert!(body(&page).contains("harness serve"), "{page}");
    let problem = served.get("/api/v1/tenants", "").await;
    assert!(problem.contains("content-type: application/problem+json"), "{problem}");
    insta::assert_snapshot!(body(&problem), @r#"
    {
      "type": "/problems/not-let-in",
      "title": "Unauthorized",
      "status": 401,
      "code": "not-let-in",
      "detail": "this browser was not let in yet",
      "instance": "/api/v1/tenants",
      "hint": "Open the newest link that `harness serve` has printed in its terminal, or make one with `harness link`: it lets one browser in. A program sends a token: `harness token add`."
    }
    "#);
}

#[tokio::test]
async fn who_was_let_in_sees_every_page_and_resource_of_an_empty_tenant() {
    let served = served().await;
    let session = served.session().await;
    let first = served.get("/", &session).await;
    assert!(first.contains("location: /tenants"), "{first}");
    assert_eq!(status(&served.get("/t/default", &session).await), 404, "looking at a tenant makes none");
    assert!(!served.harness.has_tenant(&"default".parse().unwrap()));

    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    assert!(served.get("/", &session).await.contains("location: /t/default\r\n"));
    for path in PAGES {
        let page = served.get(path, &session).await;
        assert_eq!(status(&page), 200, "{path}: {page}");
        assert!(page.contains("content-type: text/html; charset=utf-8") && body(&page).ends_with("</html>"), "{path}");
    }
    for path in RESOURCES {
        let answer = served.get(path, &session).await;
        let expected = if path.ends_with("policies") { 404 } else { 200 };
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        serde_json::from_str::<serde_json::Value>(body(&answer)).unwrap();
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_as_a_page_and_as_a_problem() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    let ask = async |path: &str| served.get(path, &session).await;
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/default/findings?severty=high").await), @r#"
    {
      "type": "/problems/usage",
      "title": "Bad Request",
      "status": 400,
      "code": "usage",
      "detail": "unknown filter `severty`; did you mean `severity`?",
      "instance": "/api/v1/tenants/default/findings",
      "hint": "Correct what the message names."
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/default/findings?status=opne").await), @r#"
    {
      "type": "/problems/usage",
      "title": "Bad Request",
      "status": 400,
      "code": "usage",
      "detail": "invalid status `opne`; did you mean `open`?",
      "instance": "/api/v1/tenants/default/findings",
      "hint": "Correct what the message names."
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/default/findings/0123456789").await), @r#"
    {
      "type": "/problems/finding-not-found",
      "title": "Not Found",
      "status": 404,
      "code": "finding-not-found",
      "detail": "finding `0123456789` not found",
      "instance": "/api/v1/tenants/default/findings/0123456789",
      "hint": "Look for it with the closed ones included."
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/..%2f../findings").await), @r#"
    {
      "type": "/problems/not-found",
      "title": "Not Found",
      "status": 404,
      "code": "not-found",
      "detail": "there is no such tenant",
      "instance": "/api/v1/tenants/..%2f../findings",
      "hint": "Check the address. Names with a slash are written with %2F."
    }
    "#);
    for (path, expected) in [
        ("/t/default/findings?severty=high", 400),
        ("/t/default/findings?cursor=x", 400),
        ("/t/default/findings?severity=&text=", 200),
        ("/t/default/findings/0123456789", 404),
        ("/t/other/findings", 404),
        ("/t/%00/findings", 404),
        ("/t/..%2F..%2Fetc/", 404),
        ("/nothing", 404),
    ] {
        let page = ask(path).await;
        assert_eq!(status(&page), expected, "{path}: {page}");
        assert!(page.contains("content-type: text/html"), "{path}");
    }
    let hostile = ask("/t/default/findings?text=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE").await;
    assert!(!hostile.contains("<script>") && hostile.contains("&lt;script&gt;"), "{hostile}");
    assert!(!body(&hostile).contains("<bdi>\u{202e}"), "{hostile}");
}

#[tokio::test]
async fn every_answer_says_what_browsers_must_not_do() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    for path in ["/t/default", "/api/v1/tenants", "/nothing", "/enter?key=wrong", "/healthz", "/api/v1/tenants/x/runs"]
    {
        let answer = served.get(path, &session).await;
        for (name, value) in super::answer::HEADERS {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{path}, {name}: {answer}");
        }
    }
    let style = served.get("/assets/app.css?v=0", "").await;
    assert!(style.contains("cache-control: max-age=31536000, immutable"), "{style}");
    // No page holds what the policy forbids, or leads to elsewhere.
    for path in PAGES {
        let page = served.get(path, &session).await;
        for forbidden in ["<script>", " style=", "javascript:", " onclick", "http://", "https://"] {
            assert!(!body(&page).contains(forbidden), "{path}: {forbidden}");
        }
        // Scripts of ours alone.
        let of = |name: &str| body(&page).matches(&format!("<script src=\"/assets/{name}?v=")).count();
        let (look, own) = (of("theme.js"), of("app.js"));
        assert_eq!(body(&page).matches("<script").count(), look + own, "{path}");
        assert_eq!((look, own), (1, usize::from(!matches!(path, "/tenants" | "/api"))), "{path}");
    }
}

#[tokio::test]
async fn another_host_a_proxy_another_site_and_another_method_are_refused() {
    let served = served().await;
    let session = served.session().await;
    let rebound = format!("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{session}\r\n");
    assert_eq!(status(&served.send(&rebound).await), 421);
    assert_eq!(status(&served.get("/", &format!("{session}X-Forwarded-For: 203.0.113.7\r\n")).await), 403);
    assert_eq!(status(&served.get("/", &format!("{session}Sec-Fetch-Site: cross-site\r\n")).await), 403);
    assert_eq!(status(&served.ask("POST", "/leave", &session).await), 403, "no page of ours sent it");
    assert_eq!(status(&served.get("/", &session).await), 303, "it changed nothing");
    let own = format!("{session}Sec-Fetch-Site: same-origin\r\n");
    for path in ["/", "/api/v1/tenants"] {
        let refused = served.ask("POST", path, &own).await;
        assert_eq!(status(&refused), 405);
        assert!(refused.contains("allow: GET,HEAD"), "{refused}");
    }
    assert_eq!(status(&served.ask("POST", "/leave", &own).await), 303);
    assert_eq!(status(&served.get("/", &session).await), 401, "the session is over");
}

/// A value for every name in an address, and the tenant.
fn address(path: &str, tenant: &str) -> String {
    let mut address = path.replace("{tenant}", tenant);
    while let Some((before, rest)) = address.split_once('{') {
        address = format!("{before}1{}", rest.split_once('}').unwrap().1);
    }
    address
}

#[tokio::test]
async fn every_route_asks_for_its_permission_and_hides_other_tenants() {
    let served = served().await;
    let [own, other] = ["default", "other"].map(|it| it.parse::<TenantId>().unwrap());
    for tenant in [&own, &other] {
        served.harness.add_tenant(tenant.clone()).unwrap();
    }
    let access = served.harness.access().unwrap().clone();
    let day = Duration::from_secs(86_400);
    let mut tokens = Vec::new();
    for role in Role::ALL {
        let made = access.add_token(&own, role.as_str().to_owned(), *role, day).await.unwrap();
        tokens.push((*role, format!("Authorization: Bearer {}\r\n", made.token)));
    }
    let (_, table) = super::routes::routes(&served.site).parts();
    assert!(table.len() > 90, "{} routes", table.len());
    for route in table {
        let (verb, path) = (route.verb(), route.path);
        // What is only tried changes nothing and takes a body.
        let is_tried = ["/policies/check", "/policy-file/check", "/triage/preview"].iter().any(|it| path.ends_with(it));
        let looks = verb == "GET" || is_tried;
        assert_eq!(route.action.is_none(), looks, "{verb} {path}: what changes nothing is a GET");
        let ask = async |tenant: &str, headers: &str| served.ask(verb.as_str(), &address(path, tenant), headers).await;
        assert_eq!(status(&ask("default", "").await), 401, "{verb} {path}");
        let site = ask("default", "Origin: http://evil.example\r\n").await;
        assert_eq!(status(&site), if verb == "GET" { 401 } else { 403 }, "{verb} {path}");
        for (role, headers) in &tokens {
            let principal = Principal::Token { id: String::new(), tenant: own.clone(), role: *role };
            let inside = path.contains("{tenant}").then_some("default");
            let answered = ask("default", headers).await;
            match principal.verdict(inside, route.needs) {
                Verdict::Granted => {
                    assert_ne!(status(&answered), 401, "{role:?} {verb} {path}: {answered}");
                    let is_denied = status(&answered) == 403 && answered.contains("not-permitted");
                    assert!(!is_denied, "{role:?} {verb} {path}: {answered}");
                }
                Verdict::Denied | Verdict::Hidden => {
                    assert_eq!(status(&answered), 403, "{role:?} {verb} {path}: {answered}");
                    assert!(answered.contains("not-permitted"), "{role:?} {verb} {path}");
                }
            }
            if inside.is_some() {
                // A tenant that is there and one that is not look alike.
                let hidden = ask("other", headers).await;
                assert_eq!(status(&hidden), 404, "{role:?} {verb} {path}: {hidden}");
                let nobody = without_date(&ask("third", headers).await).replace("/third", "/other");
                assert_eq!(without_date(&hidden), nobody, "{verb} {path}");
            }
        }
    }
    let seen = served.get("/api/v1/tenants", &tokens[0].1).await;
    let seen: serde_json::Value = serde_json::from_str(body(&seen)).unwrap();
    assert_eq!(seen["tenants"], serde_json::json!(["default"]));
}

fn without_date(answer: &str) -> String {
    answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_is_done_is_written_down_and_what_cannot_be_is_not_done() {
    let served = served().await;
    let session = served.session().await;
    let own = format!("{session}Sec-Fetch-Site: same-origin\r\n");
    served.get("/enter?key=wrong", "").await;
    assert_eq!(status(&served.ask("POST", "/leave", &own).await), 303);
    let access = served.harness.access().unwrap();
    let told = async || {
        let entries = access.audit(None, 100).await.unwrap().entries;
        let lines = entries.iter().rev().map(|it| {
            format!("{} {} {} {}", it.who, it.action, it.outcome.as_str(), it.code.as_deref().unwrap_or("-"))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told().await, @r"
    browser enter done -
    browser enter refused link-invalid
    browser leave started -
    browser leave done -
    ");
    assert_eq!(access.check_audit().await.unwrap().broken_at, None);

    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let file = served._folder.path().join("access.sqlite3");
    let hand = rusqlite::Connection::open(file).unwrap();
    hand.execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END").unwrap();
    assert_eq!(status(&served.ask("POST", "/leave", &own).await), 503);
    assert_ne!(status(&served.get("/", &own).await), 401, "the session goes on");
}

#[tokio::test]
async fn policies_are_decided_by_who_has_seen_them_and_a_key_begins_work_once() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let own: TenantId = "default".parse().unwrap();
    let access = served.harness.access().unwrap();
    let token = access.add_token(&own, String::new(), Role::Manager, Duration::from_secs(3_600)).await.unwrap().token;
    let ask = async |method: &str, path: &str, headers: &str, body: &str| {
        let (host, length) = (&served.address, body.len());
        let head = format!("{method} /api/v1/tenants/default/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let length = format!("Content-Length: {length}\r\nAuthorization: Bearer {token}\r\n");
        served.send(&format!("{head}{length}{headers}\r\n{body}")).await
    };
    let first = host_harness::policy::STARTER;
    let other = first.replacen("high", "critical", 1);
    assert_eq!(status(&ask("PUT", "policies", "If-Match: *\r\n", first).await), 412, "there is none to be seen");
    assert_eq!(status(&ask("DELETE", "policies", "If-Match: \"x\"\r\n", "").await), 412);
    assert_eq!(status(&ask("PUT", "policies", "", first).await), 200, "none is overwritten");
    let seen = ask("GET", "policies", "", "").await;
    let tag = seen.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(status(&ask("PUT", "policies", "", &other).await), 428);
    assert_eq!(status(&ask("PUT", "policies?dry_run=true", "", "nonsense").await), 200, "whatever was seen");
    let named = format!("If-Match: {tag}\r\n");
    assert_eq!(status(&ask("PUT", "policies", &named, "nonsense").await), 400);
    assert_eq!(body(&ask("GET", "policies/file", "", "").await), first);
    assert_eq!(status(&ask("PUT", "policies", &named, &other).await), 200);
    assert_eq!(status(&ask("DELETE", "policies", &named, "").await), 412, "they are others by now");
    let history = ask("GET", "policies", "", "").await;
    let history: serde_json::Value = serde_json::from_str(body(&history)).unwrap();
    assert_eq!(history["history"].as_array().unwrap().len(), 1);

    let report = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[]}]}"#;
    let import = async |key: &str| {
        let headers = format!("Idempotency-Key: {key}\r\n");
        ask("POST", "imports?source=t&project=acme/shop", &headers, report).await
    };
    assert_eq!(status(&import("").await), 422, "no key");
    let first = import("a").await;
    assert_eq!(status(&first), 201, "{first}");
    let again = import("a").await;
    assert_eq!((status(&again), body(&again)), (201, body(&first)));
    assert!(again.contains("location: /api/v1/tenants/default/runs/1\r\n"), "{again}");
    assert!(import("b").await.contains("location: /api/v1/tenants/default/runs/2\r\n"));
    // What a role may not do is refused before a key is looked at.
    let viewer = access.add_token(&own, String::new(), Role::Viewer, Duration::from_secs(3_600)).await.unwrap().token;
    let other = format!("Authorization: Bearer {viewer}\r\nIdempotency-Key: a\r\n");
    assert_eq!(status(&served.ask("POST", "/api/v1/tenants/default/imports?source=t", &other).await), 403);
}

#[tokio::test]
async fn a_used_link_lets_nobody_in_and_another_one_is_told() {
    let served = served().await;
    let first = served.link();
    let one = served.session().await;
    let used = served.get(&first, "").await;
    assert_eq!(status(&used), 401);
    assert!(!used.contains("set-cookie"), "{used}");
    let other = served.session().await;
    assert_ne!(one, other);
    assert_eq!(status(&served.get("/tenants", &one).await), 200);
}

#[tokio::test]
async fn it_ends_when_it_is_told_though_a_browser_holds_its_connection() {
    let served = served().await;
    let mut idle = TcpStream::connect(&served.address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    idle.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    served.stop.cancel();
    timeout(Duration::from_secs(30), served.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_monitor_learns_counts_under_an_address_of_this_machine_and_needs_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let harness = Harness::new(Options::new(folder.path().to_owned()));
    harness.add_tenant("acme".parse().unwrap()).unwrap();
    let away = Probes::bind(harness.clone(), "0.0.0.0:0".parse().unwrap(), false).await;
    assert!(matches!(away, Err(ServeError::Remote(_))));
    let probes = Probes::bind(harness.clone(), "127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let (address, stop) = (probes.address(), CancellationToken::default());
    let running = tokio::spawn(probes.run(stop.clone()));
    let ask = async |path: &str, host: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let own = address.to_string();
    for (path, expected) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/t/acme", 404)] {
        assert_eq!(status(&ask(path, &own).await), expected, "{path}");
    }
    assert_eq!(status(&ask("/metrics", "evil.example").await), 421);
    let answer = ask("/metrics", &own).await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(body(&answer).contains("\nharness_tenant_up{tenant=\"acme\"} 1\n"), "{answer}");
    // One that is damaged is told as such.
    std::fs::write(folder.path().join("tenants/acme/store.sqlite3"), "no store").unwrap();
    assert!(body(&ask("/metrics", &own).await).contains("\nharness_tenant_up{tenant=\"acme\"} 0\n"));
    assert_eq!(status(&ask("/readyz", &own).await), 503);
    // Where they cannot even be listed, that is no answer without tenants.
    std::fs::remove_dir_all(folder.path().join("tenants")).unwrap();
    std::fs::write(folder.path().join("tenants"), "no folder").unwrap();
    assert_eq!(status(&ask("/metrics", &own).await), 500);
    stop.cancel();
    timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
}

#[tokio::test]
async fn only_addresses_of_this_machine_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let harness = Harness::new(Options::new(folder.path().to_owned()));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options = ServeOptions { address: address.parse().unwrap(), tell: Box::new(|_| ()), events: None };
        let bound = Server::bind(harness.clone(), options).await;
        assert!(matches!(bound, Err(ServeError::NotLoopback(_))), "{address}");
    }
}

/// Patience that a test waits out.
fn short() -> Patience {
    let [short, long] = [200, 30_000].map(Duration::from_millis);
    Patience { head: short, body: short, look: long, change: long }
}

#[tokio::test]
async fn who_sends_slowly_or_nothing_keeps_nobody_else_waiting() {
    let served = served_with(short()).await;
    // More than there are places for, of which none says what it wants.
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS + 20 {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        silent.push(stream);
    }
    assert_eq!(status(&served.get("/healthz", "").await), 200);
    let mut rest = Vec::new();
    timeout(Duration::from_secs(30), silent[0].read_to_end(&mut rest)).await.unwrap().unwrap();

    // A body that does not come.
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let host = &served.address;
    let begun = format!("POST /t/default/mapping/accept HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
    let answer = served.send(&format!("{begun}Content-Length: 10\r\n\r\nin")).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(answer.contains("body-too-slow"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_taken() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let host = &served.address;
    for path in ["/t/default/mapping/accept", "/api/v1/tenants/default/tokens"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
        let body = "x".repeat((1 << 20) + 1);
        let answer = served.send(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        assert_eq!(status(&answer), 413, "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_openapi_document_tells_of_every_route_below_the_api() {
    let served = served().await;
    let (_, table) = super::routes::routes(&served.site).parts();
    let document = super::api::openapi::document(&table, |route| route.verb().to_string()).unwrap();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::fs::read_to_string(path).unwrap_or_default() != text {
        std::fs::write(path, text).unwrap();
        panic!("openapi.json differed and is rewritten: read what changed, and run the tests again");
    }
}
