//! What leaves the host: granted origins at permitted addresses, with the
//! secret where it belongs and nowhere else.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
    time::Duration,
};

use host_harness::{grant::Code, sandbox::Limits};
use serde_json::{Value, json};
use tests::{TOKEN, name, settings};
use tokio::sync::oneshot;

use crate::{
    hostile::{Hostile, Who, soon},
    wire::{Wire, connected},
};

fn get(url: &str) -> Value {
    json!({ "do": "request", "url": url })
}

/// The message when a request to this address is tried.
async fn refused(hostile: &Hostile, url: &str) -> String {
    let message = hostile.stopped(get(url)).await;
    assert_eq!(hostile.context.simulator.stats().requests, 0, "a refused request left the host");
    message
}

#[tokio::test]
async fn an_origin_is_granted_by_scheme_host_and_port_together() {
    let hostile = Hostile::new(Limits::default()).await;
    let granted = hostile.context.simulator.url().to_owned();
    let (_, port) = granted.rsplit_once(':').unwrap();
    let with_port = |message: String| message.replace(port, "[port]");
    insta::assert_snapshot!(refused(&hostile, "https://elsewhere.example/").await, @"egress denied: https://elsewhere.example is not granted to this instance");
    insta::assert_snapshot!(refused(&hostile, "http://127.0.0.1:9/").await, @"egress denied: http://127.0.0.1:9 is not granted to this instance");
    insta::assert_snapshot!(with_port(refused(&hostile, &granted.replace("http:", "https:")).await), @"egress denied: https://127.0.0.1:[port] is not granted to this instance");
    insta::assert_snapshot!(with_port(refused(&hostile, &granted.replace("127.0.0.1", "localhost")).await), @"egress denied: http://localhost:[port] is not granted to this instance");
    insta::assert_snapshot!(with_port(refused(&hostile, &granted.replace("127.0.0.1", "127.0.0.2")).await), @"egress denied: http://127.0.0.2:[port] is not granted to this instance");
    insta::assert_snapshot!(refused(&hostile, "http://169.254.169.254/latest/meta-data").await, @"egress denied: http://169.254.169.254 is not granted to this instance");
    // Not with the placeholder either: what it stands for is of no use elsewhere.
    let elsewhere = Wire::new();
    let headers = json!([["authorization", "Bearer $TOKEN"]]);
    for url in [elsewhere.url.clone(), elsewhere.url.replace("127.0.0.1", "localhost")] {
        let message = hostile.stopped(json!({ "do": "request", "url": url, "headers": headers })).await;
        assert_eq!(message, format!("egress denied: {url} is not granted to this instance"));
    }
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_refusal_stays_one_whatever_the_guest_makes_of_it() {
    let hostile = Hostile::new(Limits::default()).await;
    let order = json!({ "do": "blame-the-network", "url": "https://vendor.example:8443/" });
    let error = hostile.told(Who::First, order).await.unwrap_err();
    assert_eq!(error.code(), Code::EgressDenied);
    insta::assert_snapshot!(error.to_string(), @"egress denied: https://vendor.example:8443 is not granted to this instance");
}

#[tokio::test]
async fn a_scheme_that_is_not_http_is_refused() {
    let hostile = Hostile::new(Limits::default()).await;
    let seen = hostile.told(Who::First, get("ftp://vendor.example/")).await.unwrap();
    insta::assert_snapshot!(seen, @"ErrorCode::HttpProtocolError");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_granted_origin_at_a_private_address_is_refused_without_a_word_of_the_operator() {
    let hostile = Hostile::new(Limits::default()).await;
    let vendor = hostile.context.simulator.url().to_owned();
    let port = vendor.rsplit_once(':').unwrap().1.to_owned();
    for (number, origin) in [vendor.clone(), vendor.replace("127.0.0.1", "localhost")].into_iter().enumerate() {
        let mut setup = hostile.context.hostile(&format!("public-{number}"), settings(json!({})));
        setup.allow_private_origins.clear();
        setup.allow_origins = vec![origin.parse().unwrap()];
        let instance = setup.name.clone();
        soon(hostile.tenant.add_instance(setup, false)).await.unwrap();
        let grant = hostile.tenant.grant(&instance).await.unwrap();
        let error = soon(hostile.connector.configure(&grant, &get(&origin).to_string())).await.unwrap_err();
        let message = error.to_string().replace(&port, "[port]").replace("is at ::1", "is at 127.0.0.1");
        if number == 0 {
            insta::assert_snapshot!(message, @"egress denied: http://127.0.0.1:[port] is at 127.0.0.1, which is a loopback address");
        } else {
            insta::assert_snapshot!(message, @"egress denied: localhost is at 127.0.0.1, which is a loopback address");
        }
    }
    assert_eq!(hostile.context.simulator.stats().requests, 0);
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_link_local_address_is_refused_even_when_the_operator_grants_it() {
    let mut hostile = Hostile::new(Limits::default()).await;
    hostile.grant_to_first("http://169.254.169.254").await;
    insta::assert_snapshot!(refused(&hostile, "http://169.254.169.254/").await, @"egress denied: http://169.254.169.254 is at 169.254.169.254, which is a link-local address, where clouds keep their metadata services");
}

#[tokio::test]
async fn user_info_in_an_address_is_refused() {
    let hostile = Hostile::new(Limits::default()).await;
    let url = hostile.context.simulator.url().replace("http://", "http://vendor.example@");
    let seen = hostile.told(Who::First, get(&url)).await.map_err(|error| hostile.context.redact(&error.to_string()));
    let shown = format!("{seen:?}").replace(hostile.context.simulator.url().rsplit_once(':').unwrap().1, "[port]");
    insta::assert_snapshot!(shown, @r#"Err("egress denied: `http://vendor.example@127.0.0.1:[port]/` has more than a scheme, host and port")"#);
    assert_eq!(hostile.context.simulator.stats().requests, 0);
    hostile.assert_well().await;
}

/// A server that takes one request and gives it back as it came.
struct Echo {
    url: String,
    request: JoinHandle<String>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let request = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            String::from_utf8(request).unwrap()
        });
        Self { url, request }
    }
}

#[tokio::test]
async fn the_secret_takes_the_place_of_its_placeholder_in_the_authorization_alone() {
    let mut hostile = Hostile::new(Limits::default()).await;
    let echo = Echo::start();
    hostile.grant_to_first(&echo.url).await;
    let headers = json!([["authorization", "Bearer $TOKEN"]]);
    let order = json!({ "do": "request", "url": echo.url, "headers": headers });
    assert_eq!(hostile.told(Who::First, order).await.unwrap(), "HTTP 200");
    let request = echo.request.join().unwrap();
    assert!(request.contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{request}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn the_placeholder_elsewhere_stays_a_placeholder() {
    let wire = Wire::new();
    let hostile = connected(Limits::default(), &wire).await;
    let environment = hostile.told(Who::First, json!({ "do": "environment" })).await.unwrap();
    let (_, placeholder) = environment.split_once('=').unwrap();
    let order = json!({
        "do": "request",
        "method": "POST",
        "url": format!("{}/path/$TOKEN?query=$TOKEN", wire.url),
        // The secret is on its way in the same request.
        "headers": [["x-note", "$TOKEN"], ["authorization", "Bearer $TOKEN"]],
        "text": "authorization: Bearer $TOKEN",
    });
    assert_eq!(hostile.told(Who::First, order).await.unwrap(), "HTTP 200");
    let request = wire.take().concat();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("authorization: Bearer {TOKEN}")), "{request}");
    assert_eq!(request.matches(TOKEN).count(), 1, "{request}");
    assert_eq!((head.matches(placeholder).count(), head.matches("placeholder-").count()), (3, 3), "{request}");
    assert!(body.contains(&format!("authorization: Bearer {placeholder}\r\n")), "{request}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_host_header_of_the_guest_does_not_arrive() {
    let mut hostile = Hostile::new(Limits::default()).await;
    let echo = Echo::start();
    hostile.grant_to_first(&echo.url).await;
    let order = json!({ "do": "request", "url": echo.url, "headers": [["host", "vendor.example"]] });
    insta::assert_snapshot!(hostile.told(Who::First, order).await.unwrap(), @"a header is forbidden");
    assert_eq!(hostile.told(Who::First, get(&echo.url)).await.unwrap(), "HTTP 200");
    let request = echo.request.join().unwrap();
    assert!(request.contains(&format!("host: {}\r\n", echo.url.trim_start_matches("http://"))), "{request}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn an_authorization_of_the_guests_own_is_refused() {
    let hostile = Hostile::new(Limits::default()).await;
    let mut messages = Vec::new();
    for value in ["Bearer guessed", "Basic dXNlcjpwYXNz", "Bearer $TOKEN-and-more", "$TOKEN"] {
        let headers = json!([["authorization", value]]);
        let order = json!({ "do": "request", "url": hostile.context.simulator.url(), "headers": headers });
        messages.push(hostile.stopped(order).await);
    }
    messages.dedup();
    insta::assert_snapshot!(messages.join("\n"), @"egress denied: an `authorization` header with another credential than a granted one");
    assert_eq!(hostile.context.simulator.stats().requests, 0);
}

#[tokio::test]
async fn the_placeholder_of_another_instance_is_worth_nothing() {
    let hostile = Hostile::new(Limits::default()).await;
    let theirs = hostile.told(Who::OtherTenant, json!({ "do": "environment" })).await.unwrap();
    let (_, placeholder) = theirs.split_once('=').unwrap();
    let headers = json!([["authorization", format!("Bearer {placeholder}")]]);
    let order = json!({ "do": "request", "url": hostile.context.simulator.url(), "headers": headers });
    insta::assert_snapshot!(hostile.stopped(order).await, @"egress denied: an `authorization` header with another credential than a granted one");
}

#[tokio::test]
async fn a_guest_sees_a_placeholder_and_never_the_token() {
    let hostile = Hostile::new(Limits::default()).await;
    let seen = hostile.told(Who::First, json!({ "do": "environment" })).await.unwrap();
    let digits = seen.strip_prefix("HOSTILE_TOKEN=placeholder-").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{seen}");
    let again = hostile.tenant.grant(&name("one")).await.unwrap();
    let again = soon(hostile.connector.configure(&again, &json!({ "do": "environment" }).to_string())).await.unwrap();
    assert_ne!(again.value.diagnostics[0].message, seen, "a placeholder holds for one grant");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_call_makes_only_so_many_requests() {
    let limits = Limits { requests_per_call: 5, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    let url = format!("{}/api/v1/ping", hostile.context.simulator.url());
    let seen = hostile.told(Who::First, json!({ "do": "requests", "url": url, "count": 9 })).await.unwrap();
    insta::assert_snapshot!(seen, @"5 answered, 4 denied");
    assert_eq!(hostile.context.simulator.stats().requests, 5);
    let again = hostile.told(Who::First, json!({ "do": "requests", "url": url, "count": 5 })).await.unwrap();
    assert_eq!(again, "5 answered, 0 denied", "the limit is that of one call");
    hostile.assert_well().await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let limits = Limits { header_bytes: 1 << 10, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    let headers = json!([["x-large", "x".repeat(1_500)]]);
    let order = json!({ "do": "request", "url": hostile.context.simulator.url(), "headers": headers });
    insta::assert_snapshot!(hostile.stopped(order).await, @"egress denied: headers have at most 1024 bytes");
}

#[tokio::test]
async fn headers_that_are_never_sent_are_bounded_too() {
    let limits = Limits { header_bytes: 1 << 10, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    let headers = json!([["x-large", "x".repeat(3_000)]]);
    let order = json!({ "do": "request", "url": hostile.context.simulator.url(), "headers": headers });
    insta::assert_snapshot!(hostile.stopped(order).await, @"the connector crashed in `configure`: total size of fields exceeds limit");
    assert_eq!(hostile.context.simulator.stats().requests, 0);
    hostile.assert_well().await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_taken() {
    let mut hostile = Hostile::new(Limits { response_bytes: 1_000, ..Limits::default() }).await;
    let url = answering("content-length: 5000", &"x".repeat(5_000));
    hostile.grant_to_first(&url).await;
    insta::assert_snapshot!(hostile.told(Who::First, get(&url)).await.unwrap(), @"ErrorCode::HttpResponseBodySize(Some(5000))");
    hostile.assert_well().await;
}

#[tokio::test]
async fn an_answer_that_turns_out_too_large_is_cut_off() {
    let mut hostile = Hostile::new(Limits { response_bytes: 1_000, ..Limits::default() }).await;
    let url = answering("transfer-encoding: chunked", &format!("1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5_000)));
    hostile.grant_to_first(&url).await;
    let order = json!({ "do": "read", "url": url });
    insta::assert_snapshot!(hostile.told(Who::First, order).await.unwrap(), @"0 bytes, then: HTTP response body size exceeds limit");
    hostile.assert_well().await;
}

/// The address of a server that gives one answer to one request.
fn answering(header: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 200 OK\r\n{header}\r\nconnection: close\r\n\r\n{body}");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).unwrap();
        // The host may have hung up already.
        let _ = stream.write_all(answer.as_bytes());
    });
    url
}

#[tokio::test]
async fn an_answer_that_falls_silent_is_given_up() {
    let silence = Limits { between_bytes_time: Duration::from_millis(200), ..Limits::default() };
    let whole = Limits { request_time: Duration::from_millis(400), ..Limits::default() };
    let mut seen = Vec::new();
    for limits in [silence, whole] {
        let mut hostile = Hostile::new(limits).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        hostile.grant_to_first(&url).await;
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4_096]).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").unwrap();
            // Ends when the host hangs up, in one way or another.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            ended.send(()).unwrap();
        });
        seen.push(hostile.told(Who::First, json!({ "do": "read", "url": url })).await.unwrap());
        soon(end).await.unwrap();
        hostile.assert_well().await;
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    5 bytes, then: connection read timeout
    5 bytes, then: HTTP response timeout
    ");
}
