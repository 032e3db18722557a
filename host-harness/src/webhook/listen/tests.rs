use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{Harness, Options};

/// A listener without any instance behind it.
struct House {
    address: SocketAddr,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new(body_time: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let harness = Harness::new(Options::new(folder.path().to_owned()));
        let reception = Arc::new(Reception::new(harness).unwrap());
        let mut listener = Listener::bind(&at("127.0.0.1:0", false), reception).await.unwrap();
        listener.body_time = body_time;
        let (address, stop) = (listener.address().unwrap(), CancellationToken::default());
        let stopped = stop.clone();
        tokio::spawn(async move { listener.serve(&stopped).await });
        Self { address, stop, _folder: folder }
    }

    /// Sends pieces, and gives the first line of the answer.
    async fn answer(&self, pieces: &[&[u8]]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        for piece in pieces {
            // An answer may come before all is sent.
            if stream.write_all(piece).await.is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn at(address: &str, anywhere: bool) -> ListenOptions {
    ListenOptions { address: address.parse().unwrap(), anywhere, window: Duration::ZERO }
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn who_is_unknown_is_answered_like_who_is_not_there() {
    let house = House::new(BODY_TIME).await;
    for (method, path) in [
        ("POST", "/webhooks/acme/code"),
        ("POST", "/webhooks/../../etc"),
        ("POST", "/webhooks/acme"),
        ("POST", "/webhooks/acme/code/more"),
        ("GET", "/webhooks/acme/code"),
        ("POST", "/"),
    ] {
        let answer = house.answer(&[&request(method, path, "", "{}")]).await;
        assert_eq!(answer, "HTTP/1.1 404 Not Found", "{method} {path}");
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_whether_it_says_so_or_not() {
    let house = House::new(BODY_TIME).await;
    let said = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", BODY_BYTES + 1);
    assert_eq!(house.answer(&[said.as_bytes()]).await, "HTTP/1.1 413 Payload Too Large");
    let head = b"POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    // With the last byte, so that nothing is left unread when it is answered.
    let more: &[u8] = b"1\r\nx\r\n";
    let pieces: Vec<&[u8]> = std::iter::once(head.as_slice()).chain([chunk.as_slice(); 5]).chain([more]).collect();
    assert_eq!(house.answer(&pieces).await, "HTTP/1.1 413 Payload Too Large");
    // Just as large as may be.
    let full = "x".repeat(BODY_BYTES);
    assert_eq!(house.answer(&[&request("POST", "/webhooks/a/b", "", &full)]).await, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let house = House::new(Duration::from_millis(50)).await;
    let begun = b"POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    assert_eq!(house.answer(&[begun]).await, "HTTP/1.1 408 Request Timeout");
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let house = House::new(BODY_TIME).await;
    let headers = format!("x-long: {}\r\n", "x".repeat(HEAD_BYTES));
    let answer = house.answer(&[&request("POST", "/webhooks/a/b", &headers, "{}")]).await;
    // Whoever goes on sending may find the connection closed before the answer is read.
    assert!(["HTTP/1.1 431 Request Header Fields Too Large", ""].contains(&answer.as_str()), "{answer}");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_the_operators_word() {
    let folder = tempfile::tempdir().unwrap();
    let reception = || Arc::new(Reception::new(Harness::new(Options::new(folder.path().to_owned()))).unwrap());
    for address in ["0.0.0.0:0", "[::]:0", "192.168.1.1:0"] {
        let refused = Listener::bind(&at(address, false), reception()).await.err().unwrap();
        assert_eq!(refused.code(), appsec_grant::Code::RemoteListen);
    }
    assert!(Listener::bind(&at("0.0.0.0:0", true), reception()).await.is_ok());
}
