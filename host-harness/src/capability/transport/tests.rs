use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpSocket};

use super::{Addresses, CheckedResolver, Client, Transport, describe, permitted, prohibition, tls_config};
use crate::limits::Limits;

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
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"] {
        assert!(permitted("rebind.example", [at(address)].into_iter(), Addresses::Private).is_err(), "{address}");
    }
}

fn transport(limits: &Limits) -> Transport {
    Transport::new(tls_config().unwrap(), limits)
}

async fn get(client: &Client, url: &str) -> Result<u16, super::legacy::Error> {
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
    let client = transport(&Limits::default()).connect_by(CheckedResolver { addresses: Addresses::Private, lookup });
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
    let client = transport(&Limits::default()).connect_by(CheckedResolver { addresses: Addresses::Public, lookup });
    let error = get(&client, &url).await.unwrap_err();
    insta::assert_snapshot!(prohibition(&error).unwrap(), @"inside.example is at 10.0.0.1, which is an address of a private network");
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
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
    let client = Arc::new(transport(&limits)).client(&format!("http://{address}").parse().unwrap(), Addresses::Private);
    let url = format!("http://{address}/");
    let outcome = tokio::time::timeout(Duration::from_secs(20), get(&client, &url)).await;
    let error = outcome.expect("the host waits on").unwrap_err();
    assert_eq!(format!("{:?}", describe(&error)), "ConnectionTimeout");
}
