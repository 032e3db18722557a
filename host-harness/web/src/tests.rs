//! Requests over a socket, as browsers and programs make them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use host_harness::{CancellationToken, Harness, Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

use super::{ServeError, Server};

struct Served {
    _folder: tempfile::TempDir,
    harness: Harness,
    address: String,
    links: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let harness = Harness::new(Options::new(folder.path().to_owned()));
    let links = Arc::new(Mutex::new(Vec::new()));
    let told = links.clone();
    let tell = Box::new(move |link: &str| told.lock().unwrap().push(link.to_owned()));
    let server = Server::bind(harness.clone(), "127.0.0.1:0".parse().unwrap(), tell).await.unwrap();
    let (address, stop) = (server.address().unwrap().to_string(), CancellationToken::default());
    let running = tokio::spawn(server.run(stop.clone()));
    Served { _folder: folder, harness, address, links, stop, running }
}

impl Served {
    /// Sends a request as it is, and returns the whole answer.
    async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address)).await
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
const PAGES: [&str; 12] = [
    "/t/default",
    "/t/default/findings",
    "/t/default/vulnerabilities",
    "/t/default/weaknesses",
    "/t/default/secrets",
    "/t/default/issues",
    "/t/default/packages",
    "/t/default/coverage",
    "/t/default/policies",
    "/t/default/sources",
    "/t/default/runs",
    "/tenants",
];

const RESOURCES: [&str; 12] = [
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
];

#[tokio::test]
async fn nothing_is_shown_to_who_was_not_let_in() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    for path in PAGES.iter().chain(&RESOURCES).chain(&["/", "/nothing", "/t/other", "/api/v1/nothing"]) {
        for headers in ["", "Cookie: harness=x; other=y\r\n", "Authorization: Bearer x\r\n"] {
            assert_eq!(status(&served.get(path, headers).await), 401, "{path}");
        }
    }
    let page = served.get("/t/default/findings", "").await;
    assert!(body(&page).contains("harness serve"), "{page}");
    let problem = served.get("/api/v1/tenants", "").await;
    assert!(problem.contains("content-type: application/problem+json"), "{problem}");
    insta::assert_snapshot!(body(&problem), @r#"
    {
      "title": "Unauthorized",
      "status": 401,
      "code": "not-let-in",
      "detail": "this browser was not let in yet"
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
      "title": "Bad Request",
      "status": 400,
      "code": "usage",
      "detail": "unknown filter `severty`; did you mean `severity`?"
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/default/findings?status=opne").await), @r#"
    {
      "title": "Bad Request",
      "status": 400,
      "code": "usage",
      "detail": "invalid status `opne`; did you mean `open`?"
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/default/findings/0123456789").await), @r#"
    {
      "title": "Not Found",
      "status": 404,
      "code": "finding-not-found",
      "detail": "finding `0123456789` not found"
    }
    "#);
    insta::assert_snapshot!(body(&ask("/api/v1/tenants/..%2f../findings").await), @r#"
    {
      "title": "Not Found",
      "status": 404,
      "code": "not-found",
      "detail": "there is no such tenant"
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
    assert!(!hostile.contains("<script") && hostile.contains("&lt;script&gt;"), "{hostile}");
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
        for forbidden in ["<script", " style=", "javascript:", " onclick", "http://", "https://"] {
            assert!(!body(&page).contains(forbidden), "{path}: {forbidden}");
        }
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
    let post = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n{session}\r\n",
        served.address
    );
    let refused = served.send(&post).await;
    assert_eq!(status(&refused), 405);
    assert!(refused.contains("allow: GET, HEAD"), "{refused}");
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
async fn only_addresses_of_this_machine_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let harness = Harness::new(Options::new(folder.path().to_owned()));
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let bound = Server::bind(harness.clone(), address.parse().unwrap(), Box::new(|_| ())).await;
        assert!(matches!(bound, Err(ServeError::NotLoopback(_))), "{address}");
    }
}
