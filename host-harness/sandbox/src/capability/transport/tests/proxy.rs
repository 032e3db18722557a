//! Proxies on this machine: one that does its work, and those that do not.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
};

use appsec_grant::{Proxies, Proxy, ProxyOrigin, Refusal, Secret};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{super::RequestError, *};

/// What a proxy does once it was asked.
#[derive(Clone)]
enum Does {
    /// Says this, and passes on what follows to this port.
    Tunnel(&'static str, u16),
    /// Says this and closes.
    Say(&'static str),
    /// Says this, and then something again and again.
    Repeat(&'static str, &'static str),
}

/// A proxy and the heads of what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, does.clone(), kept.clone()));
            }
        });
        Self { port, asked }
    }

    /// It under a name that only the resolver of these tests knows.
    fn proxy(&self, credentials: Option<&str>) -> Proxy {
        let credentials = credentials.map(|it| Secret::typed(it).unwrap());
        let address = format!("http://proxy.example:{}", self.port).parse().unwrap();
        Proxy::new(address, credentials.as_ref(), ProxyOrigin::Instance).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, does: Does, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    match does {
        Does::Tunnel(says, port) => {
            let _ = stream.write_all(says.as_bytes()).await;
            let mut vendor = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut vendor).await;
        }
        Does::Say(says) => {
            let _ = stream.write_all(says.as_bytes()).await;
        }
        Does::Repeat(says, again) => {
            let _ = stream.write_all(says.as_bytes()).await;
            while stream.write_all(again.as_bytes()).await.is_ok() {}
        }
    }
}

/// The proxy's name is known here, and the vendor's is not.
#[expect(clippy::needless_pass_by_value, reason = "as the resolver asks")]
fn only_the_proxy(name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    assert_eq!(name, "proxy.example", "a name was looked up that only the proxy may look up");
    Box::pin(std::future::ready(Ok(vec![at("127.0.0.1")])))
}

fn through(tls: Arc<rustls::ClientConfig>, proxy: &Proxy) -> Client {
    let resolver = CheckedResolver { addresses: Addresses::Public, lookup: only_the_proxy };
    Transport::new(tls, &Limits::default()).connect_by(resolver, Some(proxy))
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("the host waits on")
}

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";

#[tokio::test]
async fn a_vendor_behind_a_proxy_is_believed_by_its_own_certificate() {
    let (vendor, certificate, received) = tls_server("vendor.example");
    // The older form of the answer is a common one.
    for says in [ESTABLISHED, "HTTP/1.0 200 OK\r\n\r\n"] {
        let server = Server::new(Does::Tunnel(says, vendor)).await;
        let proxy = server.proxy(Some("me:p4ss-word"));
        let trusting = || through(trusting(&certificate), &proxy);
        let refused = soon(get(&trusting(), "https://other.example/secret-path")).await.unwrap_err();
        let told = refused.to_string().replace(&server.port.to_string(), "[port]");
        assert!(
            told.starts_with("the proxy http://proxy.example:[port] does not lead to other.example over TLS"),
            "{told}"
        );
        let unsigned = soon(get(&through(tls_config().unwrap(), &proxy), "https://vendor.example/secret-path")).await;
        assert!(unsigned.unwrap_err().to_string().contains("invalid peer certificate"));
        assert_eq!(received.swap(0, Ordering::SeqCst), 0, "a request, and so a token, went out");
        assert_eq!(soon(get(&trusting(), "https://vendor.example:8443/secret-path")).await.unwrap(), 204);
        assert_ne!(received.swap(0, Ordering::SeqCst), 0);
        // The proxy is told where to, who asks, and nothing else.
        let asked = server.asked();
        insta::allow_duplicates! {
            insta::assert_snapshot!(asked[2].replace('\r', ""), @r"
            CONNECT vendor.example:8443 HTTP/1.1
            host: vendor.example:8443
            proxy-authorization: Basic bWU6cDRzcy13b3Jk
            ");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_do_its_work_is_named() {
    let mut told = String::new();
    for (case, does) in [
        ("403", Does::Say("HTTP/1.1 403 Blocked by policy\r\ncontent-length: 2\r\n\r\nno")),
        ("control characters", Does::Say("HTTP/1.1 403 \u{1b}[31mBlocked\r\n\r\n")),
        ("407", Does::Say("HTTP/1.1 407 Who?\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n")),
        ("502", Does::Say("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")),
        ("redirect", Does::Say("HTTP/1.1 302 Found\r\nlocation: https://login.example/?next=1\r\n\r\n")),
        ("switch", Does::Say("HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\n\r\n")),
        ("no content", Does::Say("HTTP/1.1 204 No Content\r\n\r\n")),
        ("rubbish behind 200", Does::Say("HTTP/1.1 200 OK\r\n\r\n<html>welcome</html>\r\n\r\n")),
        ("another protocol", Does::Say("SSH-2.0-OpenSSH_9.9\r\n\r\n")),
        ("silence", Does::Say("")),
        ("half a head", Does::Say("HTTP/1.1 200 OK\r\nvia: ")),
        ("headers without an end", Does::Repeat("HTTP/1.1 200 OK\r\n", "x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")),
        ("a line without an end", Does::Repeat("HTTP/1.1 200 OK", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
    ] {
        let server = Server::new(does).await;
        let error = soon(get(&through(tls_config().unwrap(), &server.proxy(None)), "https://vendor.example/"))
            .await
            .unwrap_err();
        let RequestError::Proxy(failure) = error else { panic!("{case}: {error}") };
        let what = failure.to_string().replace(&server.port.to_string(), "[port]");
        told += &format!("{case}: {:?}: {what}\n", failure.problem);
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let address = format!("http://127.0.0.1:{port}").parse().unwrap();
    let proxy = Proxy::new(address, None, ProxyOrigin::Instance).unwrap();
    let error = soon(get(&through(tls_config().unwrap(), &proxy), "https://vendor.example/")).await.unwrap_err();
    let told = error.to_string().replace(&port.to_string(), "[port]");
    insta::assert_snapshot!(told, @"the proxy http://127.0.0.1:[port] cannot be reached: connection refused");
}

#[tokio::test]
async fn a_proxy_that_falls_silent_is_waited_for_only_so_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let proxy = Proxy::new(address.parse().unwrap(), None, ProxyOrigin::Instance).unwrap();
    let limits = Limits { connect_time: Duration::from_millis(100), ..Limits::default() };
    let resolver = CheckedResolver { addresses: Addresses::Public, lookup: only_the_proxy };
    let client = transport(&limits).connect_by(resolver, Some(&proxy));
    let error = soon(get(&client, "https://vendor.example/")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the proxy {address} did not answer in time"));
}

#[tokio::test]
async fn the_name_of_a_proxy_leads_to_no_metadata_service() {
    let lookup: super::super::Lookup = |_| Box::pin(std::future::ready(Ok(vec![at("169.254.169.254")])));
    let resolver = CheckedResolver { addresses: Addresses::Private, lookup };
    let proxy = Proxy::new("http://proxy.example:3128".parse().unwrap(), None, ProxyOrigin::Instance).unwrap();
    let client = transport(&Limits::default()).connect_by(resolver, Some(&proxy));
    let error = soon(get(&client, "https://vendor.example/")).await.unwrap_err();
    insta::assert_snapshot!(error, @"the proxy http://proxy.example:3128 is not connected to: proxy.example is at 169.254.169.254, which is a link-local address, where clouds keep their metadata services");
}

#[tokio::test]
async fn plain_http_goes_to_the_proxy_with_the_whole_address() {
    let server = Server::new(Does::Say("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")).await;
    let client = through(tls_config().unwrap(), &server.proxy(Some("me:p4ss-word")));
    assert_eq!(soon(get(&client, "http://vendor.example:8080/path?query")).await.unwrap(), 204);
    insta::assert_snapshot!(server.asked()[0].replace('\r', ""), @r"
    GET http://vendor.example:8080/path?query HTTP/1.1
    proxy-authorization: Basic bWU6cDRzcy13b3Jk
    host: vendor.example:8080
    ");
    let server = Server::new(Does::Say("HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n")).await;
    let client = through(tls_config().unwrap(), &server.proxy(Some("me:p4ss-word")));
    let error = soon(get(&client, "http://vendor.example/")).await.unwrap_err();
    let told = error.to_string().replace(&server.port.to_string(), "[port]");
    insta::assert_snapshot!(told, @"the proxy http://proxy.example:[port] does not accept the user or the password (407 Proxy Authentication Required)");
}

#[test]
fn a_name_is_judged_before_a_proxy_learns_it() {
    let proxy = Proxy::new("http://proxy.example:3128".parse().unwrap(), None, ProxyOrigin::Instance).unwrap();
    let (transport, proxies) = (transport(&Limits::default()), Proxies::always(proxy));
    let client = |origin: &str, addresses| transport.client(&origin.parse().unwrap(), addresses, &proxies).map(drop);
    for origin in ["https://localhost", "https://vendor.internal", "http://intranet"] {
        assert!(matches!(client(origin, Addresses::Public), Err(Refusal::Name { .. })), "{origin}");
        client(origin, Addresses::Private).unwrap();
    }
    for addresses in [Addresses::Public, Addresses::Private] {
        let refused = client("http://metadata.google.internal", addresses).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"http://metadata.google.internal is a name of a cloud's metadata service, which is not looked up by a proxy");
        }
    }
    client("https://vendor.example", Addresses::Public).unwrap();
}
