//! What a guest tries to get past the policy with: other spellings of hosts,
//! its own framing, redirects, bodies, and a vendor that repeats the token.

use std::{io::Read, net::TcpListener, time::Duration};

use host_harness::sandbox::Limits;
use serde_json::json;
use tests::TOKEN;
use tokio::sync::oneshot;

use crate::{
    hostile::{Hostile, soon},
    wire::{Wire, connected, outcome},
};

#[tokio::test]
async fn headers_that_frame_or_route_a_request_are_forbidden_in_every_spelling() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let forbidden = [
        ("Host", "elsewhere.example"),
        ("CONNECTION", "authorization"),
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "identity, chunked"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("Proxy-Authorization", "Basic dXNlcjpwYXNz"),
        ("Proxy-Connection", "keep-alive"),
        ("x-a", "b\r\nauthorization: Bearer guessed"),
        ("x-a", "b\nhost: elsewhere.example"),
        ("x-a", "b\0"),
        ("x-a: b\r\nhost", "elsewhere.example"),
        ("host ", "elsewhere.example"),
        ("", "b"),
    ];
    for (name, value) in forbidden {
        let order = json!({ "do": "request", "url": wire.url, "headers": [[name, value]] });
        assert_eq!(outcome(&hostile, order).await, "a header is forbidden", "{name:?}: {value:?}");
    }
    assert!(wire.take().is_empty(), "a forbidden header left the host");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_second_authorization_is_refused_also_beside_a_good_one() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let headers = json!([["authorization", "Bearer $TOKEN"], ["Authorization", "Bearer guessed"]]);
    let message = outcome(&hostile, json!({ "do": "request", "url": wire.url, "headers": headers })).await;
    insta::assert_snapshot!(message, @"egress denied: an `authorization` header with another credential than a granted one");
    assert!(wire.take().is_empty());
    hostile.assert_well().await;
}

#[tokio::test]
async fn methods_that_open_tunnels_or_echo_headers_are_refused() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let mut seen = Vec::new();
    for method in ["CONNECT", "TRACE", "GET / HTTP/1.1\r\nx: y", "GET /"] {
        seen.push(outcome(&hostile, json!({ "do": "request", "url": wire.url, "method": method })).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    egress denied: the method CONNECT is not allowed
    egress denied: the method TRACE is not allowed
    the method is malformed
    the method is malformed
    ");
    assert!(wire.take().is_empty());
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_says_is_no_second_request() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let mut seen = Vec::new();
    for lengths in [&["10"][..], &["1000"], &["10", "100"], &["+100"], &["10, 100"]] {
        let headers: Vec<_> = lengths.iter().map(|length| ["content-length", length]).collect();
        let order = json!({ "do": "request", "method": "POST", "url": wire.url, "headers": headers, "body": 100 });
        seen.push(format!("{lengths:?}: {}", outcome(&hostile, order).await));
        // A connection may be opened and closed without a word.
        for arrived in wire.take().into_iter().filter(|arrived| !arrived.is_empty()) {
            let (head, body) = arrived.split_once("\r\n\r\n").unwrap_or((&arrived, ""));
            assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{arrived}");
            assert!(lengths.len() == 1 && body.len() <= lengths[0].parse().unwrap(), "{arrived}");
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    ["10"]: HTTP 200
    ["1000"]: ErrorCode::ConnectionTerminated
    ["10", "100"]: a header is forbidden
    ["+100"]: a header is forbidden
    ["10, 100"]: a header is forbidden
    "#);
    let order = json!({ "do": "request", "method": "POST", "url": wire.url, "body": 100 });
    assert_eq!(outcome(&hostile, order).await, "HTTP 200");
    let arrived = wire.take().concat();
    assert!(arrived.contains("transfer-encoding: chunked") && arrived.contains("\r\n64\r\n"), "{arrived}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_cut_off() {
    let wire = Wire::new();
    let hostile = connected(Limits { request_bytes: 10_000, ..Limits::default() }, &wire).await;
    let order = |bytes: usize| json!({ "do": "request", "method": "POST", "url": wire.url, "body": bytes });
    assert_eq!(outcome(&hostile, order(10_000)).await, "HTTP 200");
    insta::assert_snapshot!(outcome(&hostile, order(10_001)).await, @"ErrorCode::HttpRequestBodySize(Some(10000))");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_waited_for_only_so_long() {
    let wire = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", wire.local_addr().unwrap());
    let mut hostile = Hostile::new(Limits { first_byte_time: Duration::from_millis(300), ..Limits::default() }).await;
    hostile.grant_to_first(&url).await;
    let order = json!({ "do": "request", "method": "POST", "url": url, "body": 10, "unfinished": true });
    insta::assert_snapshot!(outcome(&hostile, order).await, @"ErrorCode::HttpResponseTimeout");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_body_that_drips_without_end_is_cut_off() {
    let until = Duration::from_millis(500);
    let mut seen = Vec::new();
    for limits in [
        Limits { first_byte_time: until, ..Limits::default() },
        Limits { request_time: until, ..Limits::default() },
        Limits { wall_time: until, ..Limits::default() },
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut hostile = Hostile::new(limits).await;
        hostile.grant_to_first(&url).await;
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
            // Ends when the host hangs up.
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                bytes.extend_from_slice(&piece[..read]);
            }
            ended.send(String::from_utf8_lossy(&bytes).into_owned()).unwrap();
        });
        let order = json!({ "do": "request", "method": "POST", "url": url, "body": 10, "pause_ms": 5 });
        seen.push(outcome(&hostile, order).await);
        let arrived = soon(end).await.unwrap();
        assert!(arrived.matches("\r\n1\r\n").count() > 1, "it did not drip: {arrived}");
        hostile.assert_well().await;
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    ErrorCode::HttpResponseTimeout
    ErrorCode::HttpResponseTimeout
    the connector was stopped in `configure`: no answer within 0.5 s
    ");
}

#[tokio::test]
async fn thousands_of_requests_are_a_few() {
    let hostile = Hostile::new(Limits::default()).await;
    let url = format!("{}/api/v1/ping", hostile.context.simulator.url());
    let order = json!({ "do": "requests", "url": url, "count": 5_000 });
    insta::assert_snapshot!(outcome(&hostile, order).await, @"16 answered, 4984 denied");
    assert_eq!(hostile.context.simulator.stats().requests, 16);
    hostile.assert_well().await;
}

#[tokio::test]
async fn another_spelling_of_a_host_reaches_the_granted_server_or_none() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let port = wire.port();
    let mut seen = Vec::new();
    for authority in [
        "127.0.0.1:[port]",
        "127.1:[port]",
        "2130706433:[port]",
        "0x7f.1:[port]",
        "127.0.0.1.:[port]",
        "127.0.0.1:0[port]",
        "[::ffff:127.0.0.1]:[port]",
        "[::1]:[port]",
        "127.0.0.2:[port]",
        "LOCALHOST:[port]",
        "127.0.0.1:[port]@elsewhere.example",
        "elsewhere.example@127.0.0.1:[port]",
        "127.0.0.1%00.elsewhere.example:[port]",
        "127.0.0.1:[port]%40elsewhere.example",
        "127.0.0.1%2f.elsewhere.example:[port]",
        "127.0.0.1:[port]:80",
        "127.0.0.1:",
        "１２７.0.0.1:[port]",
        "xn--127-.0.0.1:[port]",
        "elsewhere.example\\@127.0.0.1:[port]",
        "elsewhere.example#@127.0.0.1:[port]",
        "",
    ] {
        let url = format!("http://{}/x", authority.replace("[port]", port));
        let message = outcome(&hostile, json!({ "do": "request", "url": url })).await.replace(port, "[port]");
        let arrived = wire.take();
        for request in &arrived {
            assert!(request.contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{request}");
        }
        seen.push(format!("{authority}: {message} ({} arrived)", arrived.len()));
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    127.0.0.1:[port]: HTTP 200 (1 arrived)
    127.1:[port]: HTTP 200 (1 arrived)
    2130706433:[port]: HTTP 200 (1 arrived)
    0x7f.1:[port]: HTTP 200 (1 arrived)
    127.0.0.1.:[port]: HTTP 200 (1 arrived)
    127.0.0.1:0[port]: HTTP 200 (1 arrived)
    [::ffff:127.0.0.1]:[port]: egress denied: http://[::ffff:127.0.0.1]:[port] is not granted to this instance (0 arrived)
    [::1]:[port]: egress denied: http://[::1]:[port] is not granted to this instance (0 arrived)
    127.0.0.2:[port]: egress denied: http://127.0.0.2:[port] is not granted to this instance (0 arrived)
    LOCALHOST:[port]: egress denied: http://localhost:[port] is not granted to this instance (0 arrived)
    127.0.0.1:[port]@elsewhere.example: egress denied: `http://127.0.0.1:[port]@elsewhere.example/x` has more than a scheme, host and port (0 arrived)
    elsewhere.example@127.0.0.1:[port]: egress denied: `http://elsewhere.example@127.0.0.1:[port]/x` has more than a scheme, host and port (0 arrived)
    127.0.0.1%00.elsewhere.example:[port]: the address is malformed (0 arrived)
    127.0.0.1:[port]%40elsewhere.example: the address is malformed (0 arrived)
    127.0.0.1%2f.elsewhere.example:[port]: the address is malformed (0 arrived)
    127.0.0.1:[port]:80: the address is malformed (0 arrived)
    127.0.0.1:: egress denied: http://127.0.0.1 is not granted to this instance (0 arrived)
    １２７.0.0.1:[port]: the address is malformed (0 arrived)
    xn--127-.0.0.1:[port]: egress denied: `http://xn--127-.0.0.1:[port]/x` is not an origin: write it as https://host or https://host:port (0 arrived)
    elsewhere.example\@127.0.0.1:[port]: the address is malformed (0 arrived)
    elsewhere.example#@127.0.0.1:[port]: the address is malformed (0 arrived)
    : the address is malformed (0 arrived)
    "#);
    hostile.assert_well().await;
}

#[tokio::test]
async fn another_spelling_of_an_ipv6_host_reaches_the_granted_server_or_none() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("left out: this machine has no IPv6 loopback");
        return;
    };
    let wire = Wire::at(listener, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let hostile = connected(Limits::default(), &wire).await;
    let port = wire.port();
    let mut seen = Vec::new();
    for host in [
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[0::0:1]",
        "[::0.0.0.1]",
        "[::2]",
        "[::ffff:0.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "127.0.0.1",
        "localhost",
        "[::1%25lo]",
        "[::1",
        "::1",
    ] {
        let order = json!({ "do": "request", "url": format!("http://{host}:{port}/x") });
        let message = outcome(&hostile, order).await.replace(port, "[port]");
        let arrived = wire.take();
        for request in &arrived {
            assert!(request.contains(&format!("\r\nhost: [::1]:{port}\r\n")), "{request}");
        }
        seen.push(format!("{host}: {message} ({} arrived)", arrived.len()));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    [::1]: HTTP 200 (1 arrived)
    [0:0:0:0:0:0:0:1]: HTTP 200 (1 arrived)
    [0000:0000:0000:0000:0000:0000:0000:0001]: HTTP 200 (1 arrived)
    [0::0:1]: HTTP 200 (1 arrived)
    [::0.0.0.1]: HTTP 200 (1 arrived)
    [::2]: egress denied: http://[::2]:[port] is not granted to this instance (0 arrived)
    [::ffff:0.0.0.1]: egress denied: http://[::ffff:0.0.0.1]:[port] is not granted to this instance (0 arrived)
    [::ffff:127.0.0.1]: egress denied: http://[::ffff:127.0.0.1]:[port] is not granted to this instance (0 arrived)
    [::127.0.0.1]: egress denied: http://[::7f00:1]:[port] is not granted to this instance (0 arrived)
    127.0.0.1: egress denied: http://127.0.0.1:[port] is not granted to this instance (0 arrived)
    localhost: egress denied: http://localhost:[port] is not granted to this instance (0 arrived)
    [::1%25lo]: egress denied: `http://[::1%25lo]:[port]/x` is not an origin: write it as https://host or https://host:port (0 arrived)
    [::1: the address is malformed (0 arrived)
    ::1: the address is malformed (0 arrived)
    ");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_path_stays_a_path() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let mut seen = Vec::new();
    for path in [
        "//elsewhere.example/",
        "/http://elsewhere.example/",
        "/../../x",
        "/%0d%0ahost:%20elsewhere.example",
        "/a b",
        "/a\r\nhost: elsewhere.example",
        "/a#b",
        "/\\elsewhere.example",
        "/?a=\u{e4}",
    ] {
        let message = outcome(&hostile, json!({ "do": "request", "url": format!("{}{path}", wire.url) })).await;
        let arrived = wire.take().concat();
        assert!(
            arrived.is_empty() || arrived.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", wire.port())),
            "{arrived}"
        );
        seen.push(format!("{path:?}: {message}, {}", arrived.lines().next().unwrap_or("nothing arrived")));
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    "//elsewhere.example/": HTTP 200, GET //elsewhere.example/ HTTP/1.1
    "/http://elsewhere.example/": HTTP 200, GET /http://elsewhere.example/ HTTP/1.1
    "/../../x": HTTP 200, GET /../../x HTTP/1.1
    "/%0d%0ahost:%20elsewhere.example": HTTP 200, GET /%0d%0ahost:%20elsewhere.example HTTP/1.1
    "/a b": the address is malformed, nothing arrived
    "/a\r\nhost: elsewhere.example": the address is malformed, nothing arrived
    "/a#b": HTTP 200, GET /a HTTP/1.1
    "/\\elsewhere.example": HTTP 200, GET /\elsewhere.example HTTP/1.1
    "/?a=ä": HTTP 200, GET /?a=ä HTTP/1.1
    "#);
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Wire::new();
    for target in [&elsewhere.url, "http://169.254.169.254/", "//elsewhere.example/"] {
        for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let answer =
                format!("HTTP/1.1 {status}\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let wire = Wire::answering(&answer);
            let mut hostile = connected(Limits::default(), &wire).await;
            // Not even to where the instance may go.
            hostile.grant_to_first(&elsewhere.url).await;
            let headers = json!([["authorization", "Bearer $TOKEN"]]);
            let seen = outcome(&hostile, json!({ "do": "request", "url": wire.url, "headers": headers })).await;
            assert_eq!(seen, format!("HTTP {}", &status[..3]));
            assert_eq!((wire.take().len(), elsewhere.take().len()), (1, 0), "{status} {target}");
            hostile.assert_well().await;
        }
    }
}

#[tokio::test]
async fn a_token_that_the_vendor_repeats_does_not_reach_the_guest() {
    let (start, end) = TOKEN.split_at(10);
    let body = format!(
        "{:x}\r\ninvalid token {TOKEN}, {start}\r\n{:x}\r\n{end} again, {start}\r\n0\r\n\r\n",
        16 + TOKEN.len() + start.len(),
        end.len() + 8 + start.len(),
    );
    let wire = Wire::answering(&format!(
        "HTTP/1.1 401 Unauthorized\r\nx-echo: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{body}"
    ));
    let hostile = connected(Limits::default(), &wire).await;
    let headers = json!([["authorization", "Bearer $TOKEN"]]);
    let seen = outcome(&hostile, json!({ "do": "text", "url": wire.url, "headers": headers })).await;
    assert!(wire.take().concat().contains(TOKEN), "the vendor got the token");
    let stars = "*".repeat(TOKEN.len());
    assert!(seen.contains(&format!("x-echo: Bearer {stars}")), "{seen}");
    assert!(seen.ends_with(&format!("invalid token {stars}, {stars} again, {start}")), "{seen}");
    assert!(!seen.contains(TOKEN), "{seen}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn all_of_a_guests_memory_holds_no_token() {
    let wire = Wire::answering(&format!(
        "HTTP/1.1 200 OK\r\nx-echo: {TOKEN}\r\nconnection: close\r\n\r\n{TOKEN} a-word-of-the-vendor {TOKEN}"
    ));
    let hostile = connected(Limits::default(), &wire).await;
    let turned = |text: &str| text.bytes().map(|byte| !byte).collect::<Vec<u8>>();
    let (start, end) = TOKEN.split_at(TOKEN.len() / 2);
    let order = json!({
        "do": "search-memory",
        "url": wire.url,
        "headers": [["authorization", "Bearer $TOKEN"]],
        "turned": [turned("a-word-of-the-vendor"), turned(TOKEN), turned(start), turned(end)],
    });
    let found = outcome(&hostile, order).await;
    assert!(wire.take().concat().contains(TOKEN), "the vendor got the token");
    let (word, tokens) = found.split_once(' ').unwrap();
    assert!(word.parse::<u32>().unwrap() > 0, "what the vendor said is there");
    assert_eq!(tokens, "0 0 0", "neither the token nor a half of it");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_guest_that_sleeps_for_ever_is_stopped_by_the_clock() {
    let hostile = Hostile::new(Limits { wall_time: Duration::from_millis(300), ..Limits::default() }).await;
    let message = hostile.stopped(json!({ "do": "sleep" })).await;
    insta::assert_snapshot!(message, @"the connector was stopped in `configure`: no answer within 0.3 s");
}

#[tokio::test]
async fn a_complaint_of_any_length_is_quoted_in_part_and_fit_for_a_terminal() {
    let hostile = Hostile::new(Limits::default()).await;
    let message = hostile.stopped(json!({ "do": "complain", "count": 1_000_000 })).await;
    assert!(message.len() < 4 << 10, "{} bytes", message.len());
    assert!(!message.contains('\u{1b}'), "{message:?}");
    assert!(message.starts_with("fault in the connector: \u{fffd}[2Jvery long"), "{message}");
}

#[tokio::test]
async fn a_refused_address_of_any_length_is_quoted_in_part() {
    let hostile = Hostile::new(Limits::default()).await;
    let url = format!("http://{}.example/", "a".repeat(60_000));
    let message = hostile.stopped(json!({ "do": "request", "url": url })).await;
    assert!(message.starts_with("egress denied: http://aaaa"), "{message}");
    assert!(message.len() < 1 << 10, "{} bytes", message.len());
}
