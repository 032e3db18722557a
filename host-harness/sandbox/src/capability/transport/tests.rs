mod proxy;

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpSocket};

use super::{
    Addresses, CheckedResolver, Client, RequestError, Transport, describe, permitted, prohibition, tls_config,
};
use crate::limits::Limits;
use appsec_grant::Proxies;

fn at(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 0)
}

#[test]
fn a_name_with_public_and_private_addresses_reaches_only_the_public_ones() {
    let found = [at("10.0.0.1"), at("1.1.1.1"), at("::1")];
    assert_eq!(permitted("a", found.into_iter(), Addresses::Public).unwrap(), [at("1.1.1.1")]);
    assert_eq!(permitted("a", found.into_iter(), Addresses::Private).unwrap().len(), 3);
}

#[test]
fn a_name_with_private_addresses_alone_is_refused_with_the_reason() {
    let error = permitted("rebind.example", [at("169.254.169.254")].into_iter(), Addresses::Private).unwrap_err();
    insta::assert_snapshot!(
        error,
        @"rebind.example is at 169.254.169.254, which is a link-local address, where clouds keep their metadata services"
    );
}

#[test]
fn no_name_leads_to_a_metadata_service_whatever_is_granted() {
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "fd00:a9fe:a9fe::1",
        "fd00:100::100:200",
        "64:ff9b:1:a9fe:a9:fe00:808:808",
        "100.100.100.200",
        "168.63.129.16",
    ] {
        assert!(permitted("rebind.example", [at(address)].into_iter(), Addresses::Private).is_err(), "{address}");
    }
}

#[test]
fn a_body_that_is_encoded_in_any_way_is_known_by_its_head() {
    let coding = |name: &'static str, values: &[&'static str]| {
        let mut headers = http::HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        super::coding(&headers)
    };
    assert_eq!(coding("content-encoding", &[]), None);
    assert_eq!(coding("content-encoding", &["identity"]), None);
    assert_eq!(coding("content-encoding", &["Identity, ", "identity"]), None);
    assert_eq!(coding("transfer-encoding", &["Chunked"]), None);
    assert_eq!(coding("content-encoding", &["GZIP"]).unwrap(), "GZIP");
    assert_eq!(coding("content-encoding", &["identity", "identity,br"]).unwrap(), "br");
    assert_eq!(coding("transfer-encoding", &["gzip, chunked"]).unwrap(), "gzip");
}

fn transport(limits: &Limits) -> Transport {
    Transport::new(tls_config().unwrap(), limits)
}

async fn get(client: &Client, url: &str) -> Result<u16, RequestError> {
    let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(url).body(body).unwrap();
    client.request(request).await.map(|response| response.status().as_u16())
}

/// A server that answers every request on a connection of its own.
async fn server() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_checked_at_each_connection() {
    // Good the first time, the metadata service from then on: what is checked
    // is not looked up a second time to be connected to.
    static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
    let lookup = |_| {
        let address = match LOOKUPS.fetch_add(1, Ordering::SeqCst) {
            0 => "127.0.0.1",
            _ => "169.254.169.254",
        };
        let found: io::Result<Vec<SocketAddr>> = Ok(vec![at(address)]);
        let found: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(std::future::ready(found));
        found
    };
    let url = format!("http://rebind.example:{}/", server().await);
    let client =
        transport(&Limits::default()).connect_by(CheckedResolver { addresses: Addresses::Private, lookup }, None);
    assert_eq!(get(&client, &url).await.unwrap(), 204);
    assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1, "a second look may see another address");
    let error = get(&client, &url).await.unwrap_err();
    insta::assert_snapshot!(
        prohibition(&error).unwrap(),
        @"rebind.example is at 169.254.169.254, which is a link-local address, where clouds keep their metadata services"
    );
    assert_eq!(LOOKUPS.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_of_this_machine_is_not_connected_to_without_a_word_of_the_operator() {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let lookup = |_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        let found: io::Result<Vec<SocketAddr>> = Ok(vec![at("::ffff:127.0.0.1"), at("10.0.0.1")]);
        let found: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(std::future::ready(found));
        found
    };
    let url = format!("http://inside.example:{}/", server().await);
    let client =
        transport(&Limits::default()).connect_by(CheckedResolver { addresses: Addresses::Public, lookup }, None);
    let error = get(&client, &url).await.unwrap_err();
    insta::assert_snapshot!(prohibition(&error).unwrap(), @"inside.example is at 10.0.0.1, which is a private address");
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

/// A vendor over TLS, whose certificate is of this name and signed by itself;
/// its port, the certificate, and the bytes that it was sent.
fn tls_server(name: &str) -> (u16, CertificateDer<'static>, Arc<AtomicUsize>) {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let (config, received) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let counted = received.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            counted.fetch_add(tls.read(&mut [0; 4_096]).unwrap_or(0), Ordering::SeqCst);
            let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    (port, cert.der().clone(), received)
}

/// Trusts this certificate and no other one.
fn trusting(certificate: &CertificateDer<'static>) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test]
async fn a_vendor_is_believed_only_with_a_trusted_certificate_of_its_name() {
    let here: super::Lookup = |_| {
        let found: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(std::future::ready(Ok(vec![at("127.0.0.1")])));
        found
    };
    let (port, certificate, received) = tls_server("vendor.example");
    let ask = async |tls: Arc<rustls::ClientConfig>, host: &str| {
        let resolver = CheckedResolver { addresses: Addresses::Private, lookup: here };
        let client = Transport::new(tls, &Limits::default()).connect_by(resolver, None);
        let url = format!("https://{host}:{port}/");
        let answer = tokio::time::timeout(Duration::from_secs(60), get(&client, &url)).await.unwrap();
        answer.map_err(|error| format!("{:?}", describe(&error)))
    };
    let refused = Err("TlsCertificateError".to_owned());
    assert_eq!(ask(tls_config().unwrap(), "vendor.example").await, refused, "nobody has signed it");
    assert_eq!(ask(trusting(&certificate), "other.example").await, refused, "it is of another name");
    assert_eq!(received.load(Ordering::SeqCst), 0, "a request, and so a token, went out");
    assert_eq!(ask(trusting(&certificate), "vendor.example").await, Ok(204));
    assert_ne!(received.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_has_only_so_many_bytes_of_headers() {
    let limits = Limits::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let bytes = limits.header_bytes * 2;
    std::thread::spawn(move || {
        for (turn, mut stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let _ = stream.read(&mut [0; 4_096]);
            let filler = "a".repeat(if turn == 0 { bytes } else { 1_000 });
            let head = format!("HTTP/1.1 204 No Content\r\nconnection: close\r\nx-filler: {filler}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
        }
    });
    let client = transport(&limits).client(&url.parse().unwrap(), Addresses::Private, &Proxies::default()).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(60), get(&client, &url)).await.unwrap();
    assert_eq!(format!("{:?}", describe(&answer.unwrap_err())), "HttpResponseHeaderSectionSize(None)");
    assert_eq!(get(&client, &url).await.unwrap(), 204);
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_waited_for_only_so_long() {
    // A queue of one that is full: the system drops what else knocks.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue does not fill");
    }
    let limits = Limits { connect_time: Duration::from_millis(200), ..Limits::default() };
    let origin = format!("http://{address}").parse().unwrap();
    let client = transport(&limits).client(&origin, Addresses::Private, &Proxies::default()).unwrap();
    let url = format!("http://{address}/");
    let outcome = tokio::time::timeout(Duration::from_secs(20), get(&client, &url)).await;
    let error = outcome.expect("the host waits on").unwrap_err();
    assert_eq!(format!("{:?}", describe(&error)), "ConnectionTimeout");
}
