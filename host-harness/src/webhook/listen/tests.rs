use tokio::io::AsyncWriteExt;

use super::*;
use crate::test_context::TestContext;

/// A listener that serves, without any instance behind it.
struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    _context: TestContext,
}

impl Serving {
    async fn new(patience: Patience) -> Self {
        let context = TestContext::new();
        let reception = Arc::new(WebhookHandler::new(context.harness.clone()).unwrap());
        let mut listener = Listener::bind(&at("127.0.0.1:0", false), reception).await.unwrap();
        listener.patience = patience;
        let (address, stop) = (listener.address().unwrap(), CancellationToken::default());
        let stopped = stop.clone();
        tokio::spawn(async move { listener.serve(&stopped).await });
        Self { address, stop, _context: context }
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

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A header that names a signature, which nobody made.
const SIGNED: &str = "signature: 00\r\n";

fn at(address: &str, anywhere: bool) -> ListenOptions {
    ListenOptions { address: address.parse().unwrap(), anywhere, window: Duration::ZERO }
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn who_is_unknown_is_answered_like_who_is_not_there() {
    let listener = Serving::new(PATIENCE).await;
    for (method, path) in [
        ("POST", "/webhooks/acme/code"),
        ("POST", "/webhooks/../../etc"),
        ("POST", "/webhooks/acme"),
        ("POST", "/webhooks/acme/code/more"),
        ("GET", "/webhooks/acme/code"),
        ("POST", "/"),
    ] {
        for headers in ["", SIGNED, "signature: a\r\nsignature: b\r\n"] {
            let answer = listener.answer(&[&request(method, path, headers, "{}")]).await;
            assert_eq!(answer, "HTTP/1.1 404 Not Found", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_whether_it_says_so_or_not() {
    let listener = Serving::new(PATIENCE).await;
    let said = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\n{SIGNED}content-length: {}\r\n\r\n", BODY_BYTES + 1);
    assert_eq!(listener.answer(&[said.as_bytes()]).await, "HTTP/1.1 413 Payload Too Large");
    let head = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\n{SIGNED}transfer-encoding: chunked\r\n\r\n");
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    // With the last byte, so that nothing is left unread when it is answered.
    let more: &[u8] = b"1\r\nx\r\n";
    let pieces: Vec<&[u8]> = std::iter::once(head.as_bytes()).chain([chunk.as_slice(); 5]).chain([more]).collect();
    assert_eq!(listener.answer(&pieces).await, "HTTP/1.1 413 Payload Too Large");
    // Just as large as may be.
    let full = "x".repeat(BODY_BYTES);
    assert_eq!(listener.answer(&[&request("POST", "/webhooks/a/b", SIGNED, &full)]).await, "HTTP/1.1 404 Not Found");
}

#[test]
fn a_body_begins_soon_and_keeps_coming() {
    let rate = LEAST_RATE as usize;
    let seconds = |bytes| PATIENCE.with(bytes).as_secs_f64();
    assert_eq!([seconds(0), seconds(rate), seconds(10 * rate)], [2.0, 3.0, 12.0]);
    assert_eq!([seconds(100 * rate), seconds(BODY_BYTES)], [15.0, 15.0]);
}

#[tokio::test]
async fn a_sender_that_does_not_go_on_is_answered() {
    let listener = Serving::new(Patience { begin: Duration::from_millis(50), ..PATIENCE }).await;
    let begun = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\n{SIGNED}content-length: 100\r\n\r\n{{");
    assert_eq!(listener.answer(&[begun.as_bytes()]).await, "HTTP/1.1 408 Request Timeout");
}

#[tokio::test]
async fn senders_without_a_signature_hold_no_place() {
    // Nobody is given up for being slow.
    let ever = Duration::from_secs(3_600);
    let listener = Serving::new(Patience { head: ever, begin: ever, body: ever }).await;
    // Each of them is answered although its body never comes.
    let heads = ["", "signature: a\r\nsignature: b\r\n", "x-signature: a\r\n"];
    for headers in heads {
        let head = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\n{headers}content-length: 9\r\n\r\n");
        assert_eq!(listener.answer(&[head.as_bytes()]).await, "HTTP/1.1 404 Not Found", "{headers}");
    }
    // Twice as many as there are places begin a head and leave it at that.
    let mut silent = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(listener.address).await.unwrap();
        stream.write_all(b"POST /webhooks/a/b HTTP/1.1\r\n").await.unwrap();
        silent.push(stream);
    }
    let event = request("POST", "/webhooks/a/b", SIGNED, "{}");
    assert_eq!(listener.answer(&[&event]).await, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_request_that_says_twice_how_long_it_is_is_refused() {
    let listener = Serving::new(PATIENCE).await;
    for lengths in
        ["content-length: 2\r\ntransfer-encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"]
    {
        let request = format!("POST /webhooks/a/b HTTP/1.1\r\nhost: x\r\n{SIGNED}{lengths}\r\n2\r\n{{}}\r\n0\r\n\r\n");
        assert_eq!(listener.answer(&[request.as_bytes()]).await, "HTTP/1.1 400 Bad Request", "{lengths}");
    }
    assert!(!has_two_lengths(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\ntransfer-encoding: chunked"));
}

#[tokio::test]
async fn an_encoded_body_is_not_unpacked() {
    let listener = Serving::new(PATIENCE).await;
    let answer = async |coding: &str| {
        let headers = format!("{SIGNED}content-encoding: {coding}\r\n");
        listener.answer(&[&request("POST", "/webhooks/a/b", &headers, "{}")]).await
    };
    assert_eq!(answer("gzip").await, "HTTP/1.1 415 Unsupported Media Type");
    assert_eq!(answer("identity").await, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let listener = Serving::new(PATIENCE).await;
    let headers = format!("x-long: {}\r\n", "x".repeat(HEAD_BYTES));
    let answer = listener.answer(&[&request("POST", "/webhooks/a/b", &headers, "{}")]).await;
    // Whoever goes on sending may find the connection closed before the answer is read.
    assert!(["HTTP/1.1 431 Request Header Fields Too Large", ""].contains(&answer.as_str()), "{answer}");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_the_operators_word() {
    let context = TestContext::new();
    let reception = || Arc::new(WebhookHandler::new(context.harness.clone()).unwrap());
    for address in ["0.0.0.0:0", "[::]:0", "192.168.1.1:0"] {
        let refused = Listener::bind(&at(address, false), reception()).await.err().unwrap();
        assert_eq!(refused.code(), appsec_grant::Code::RemoteListen);
    }
    assert!(Listener::bind(&at("0.0.0.0:0", true), reception()).await.is_ok());
}
