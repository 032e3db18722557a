//! Every limit of the sandbox is hit once and named, and the host serves the
//! next call as if nothing had been.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use appsec_model::EventType;
use host_harness::sandbox::{CallFailure, LimitHit, Limits};
use serde_json::json;

use crate::hostile::{Hostile, LONG, Who, records, soon};

#[tokio::test]
async fn a_guest_that_never_ends_is_stopped_in_every_verb() {
    let limits = Limits { cpu_time: Duration::from_millis(100), ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    let started = Instant::now();
    let messages = hostile.stopped_in_every_verb(json!({ "do": "loop" })).await;
    assert!(started.elapsed() < LONG);
    insta::assert_snapshot!(messages.join("\n"), @"
    the connector was stopped in `configure`: more than 0.1 s of processor time
    the connector was stopped in `list-projects`: more than 0.1 s of processor time
    the connector was stopped in `fetch-findings`: more than 0.1 s of processor time
    the connector was stopped in `normalize`: more than 0.1 s of processor time
    the connector was stopped in `interpret-event`: more than 0.1 s of processor time
    ");
}

#[tokio::test]
async fn a_guest_that_recurses_without_end_is_stopped() {
    let hostile = Hostile::new(Limits::default()).await;
    insta::assert_snapshot!(hostile.stopped(json!({ "do": "recurse" })).await, @"the connector was stopped in `configure`: more than 512 KiB of stack");
    // How deep it comes is set by the host.
    for (stack_bytes, deep) in [(128 << 10, false), (512 << 10, true)] {
        let hostile = Hostile::new(Limits { stack_bytes, ..Limits::default() }).await;
        let told = hostile.told(Who::First, json!({ "do": "recurse", "count": 5_000 })).await;
        assert_eq!(told.is_ok(), deep, "{stack_bytes}: {told:?}");
    }
}

#[tokio::test]
async fn a_guest_that_takes_too_much_memory_is_stopped() {
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    insta::assert_snapshot!(hostile.stopped(json!({ "do": "grow" })).await, @"the connector was stopped in `configure`: more than 16 MiB of memory");
    let error = hostile.told(Who::First, json!({ "do": "grow" })).await.unwrap_err();
    assert_eq!(error.failure, CallFailure::Limit(LimitHit::Memory(16 << 20)));
    assert!((8 << 20..=16 << 20).contains(&error.report.peak_memory_bytes), "{}", error.report.peak_memory_bytes);
}

#[tokio::test]
async fn a_guest_that_traps_is_reported() {
    let hostile = Hostile::new(Limits::default()).await;
    insta::assert_snapshot!(hostile.stopped_in_every_verb(json!({ "do": "trap" })).await.join("\n"), @"
    the connector crashed in `configure`: wasm trap: wasm `unreachable` instruction executed
    the connector crashed in `list-projects`: wasm trap: wasm `unreachable` instruction executed
    the connector crashed in `fetch-findings`: wasm trap: wasm `unreachable` instruction executed
    the connector crashed in `normalize`: wasm trap: wasm `unreachable` instruction executed
    the connector crashed in `interpret-event`: wasm trap: wasm `unreachable` instruction executed
    ");
}

#[tokio::test]
async fn a_guest_that_panics_with_a_huge_message_is_quoted_in_part() {
    let hostile = Hostile::new(Limits::default()).await;
    let message = hostile.stopped(json!({ "do": "panic", "count": 100_000 })).await;
    assert!(message.len() < 16 << 10, "{} bytes", message.len());
    assert!(message.contains("a very long reason"), "{message}");
    insta::assert_snapshot!(message.lines().next().unwrap(), @"the connector crashed in `configure`: wasm trap: wasm `unreachable` instruction executed");
}

#[tokio::test]
async fn a_guest_that_exits_is_reported() {
    let hostile = Hostile::new(Limits::default()).await;
    insta::assert_snapshot!(hostile.stopped(json!({ "do": "exit" })).await, @"the connector crashed in `configure`: it left with exit code 1");
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused() {
    let limits = Limits { result_bytes: 1 << 20, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    insta::assert_snapshot!(hostile.stopped(json!({ "do": "huge-string", "count": 2 << 20 })).await, @"the connector was stopped in `configure`: a result of more than 1 MiB");
    insta::assert_snapshot!(hostile.stopped(json!({ "do": "huge-list", "count": 50_000 })).await, @"the connector was stopped in `configure`: a result of more than 1 MiB");
}

#[tokio::test]
async fn a_guest_that_holds_too_many_handles_is_stopped() {
    let hostile = Hostile::new(Limits::default()).await;
    let message = hostile.stopped(json!({ "do": "handles", "count": 5_000 })).await;
    insta::assert_snapshot!(message.lines().next().unwrap(), @"the connector was stopped in `configure`: more than 1000 handles of requests, streams and buckets");
}

#[tokio::test]
async fn a_flooded_log_is_cut_and_nothing_else() {
    let limits = Limits { log_bytes: 4 << 10, ..Limits::default() };
    let hostile = Hostile::new(limits).await;
    let seen = hostile.told(Who::First, json!({ "do": "flood-log", "count": 20_000 })).await.unwrap();
    assert_eq!(seen, "20000 lines");
    // The lines of that deed have 13,890 bytes.
    let message = hostile.stopped(json!({ "do": "flood-log-and-trap", "count": 1_000 })).await;
    assert!(message.ends_with("\n  connector: (9794 further bytes of the log were dropped)"), "{message}");
    hostile.assert_well().await;
}

#[tokio::test]
async fn the_end_of_the_log_is_part_of_the_message_and_fit_for_a_terminal() {
    let hostile = Hostile::new(Limits::default()).await;
    let message = hostile.stopped(json!({ "do": "panic", "count": 1 })).await;
    assert!(message.contains("\n  connector: "), "{message}");
    assert!(message.contains("a very long reason"), "{message}");
    assert!(!message.chars().any(|sign| sign.is_control() && sign != '\n'), "{message:?}");
}

#[tokio::test]
async fn a_guest_that_waits_for_an_answer_for_ever_is_stopped_by_the_clock() {
    let limits = Limits { wall_time: Duration::from_millis(300), ..Limits::default() };
    let mut hostile = Hostile::new(limits).await;
    let (_listener, url) = silent(&mut hostile).await;
    let started = Instant::now();
    let error = hostile.told(Who::First, json!({ "do": "request", "url": url })).await.unwrap_err();
    assert!(started.elapsed() < LONG);
    insta::assert_snapshot!(error, @"the connector was stopped in `configure`: no answer within 0.3 s");
    hostile.assert_well().await;
}

#[tokio::test]
async fn an_answer_that_does_not_begin_is_waited_for_only_so_long() {
    let limits = Limits { first_byte_time: Duration::from_millis(200), ..Limits::default() };
    let mut hostile = Hostile::new(limits).await;
    let (_listener, url) = silent(&mut hostile).await;
    let seen = hostile.told(Who::First, json!({ "do": "request", "url": url })).await.unwrap();
    insta::assert_snapshot!(seen, @"ErrorCode::HttpResponseTimeout");
    hostile.assert_well().await;
}

/// A server that takes connections and never answers, granted to the first
/// instance.
async fn silent(hostile: &mut Hostile) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    hostile.grant_to_first(&url).await;
    (listener, url)
}

#[tokio::test]
async fn random_numbers_are_the_same_in_every_call() {
    let hostile = Hostile::new(Limits::default()).await;
    let order = json!({ "do": "random" });
    let seen = hostile.told(Who::First, order.clone()).await.unwrap();
    insta::assert_snapshot!(seen, @"0 [0, 0, 0, 0] (0, 0) 9737151508951142383");
    for who in [Who::First, Who::SameTenant, Who::OtherTenant] {
        assert_eq!(hostile.told(who, order.clone()).await.unwrap(), seen);
    }
    let called = hostile.connector.normalize("acme/one", records(&[&order.to_string()])).await.unwrap();
    assert_eq!(called.value.diagnostics[0].message, seen);
}

#[tokio::test]
async fn files_and_sockets_are_there_and_reach_nothing() {
    let hostile = Hostile::new(Limits::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = json!({ "do": "files-and-sockets", "url": listener.local_addr().unwrap().to_string() });
    let seen = hostile.told(Who::First, order.clone()).await.unwrap();
    insta::assert_snapshot!(seen, @"
    list: entity not found
    read: entity not found
    read near: entity not found
    write: entity not found
    folder: entity not found
    connect: permission denied
    listen: permission denied
    datagram: permission denied
    name: uncategorized error
    ");
    let called = hostile.connector.normalize("acme/one", records(&[&order.to_string()])).await.unwrap();
    assert_eq!(called.value.diagnostics[0].message, seen);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_pure_call_sees_no_time_and_no_chance() {
    let hostile = Hostile::new(Limits::default()).await;
    let order = json!({ "do": "time-and-chance" });
    let pure = async || {
        let records = records(&[&order.to_string()]);
        let called = hostile.connector.normalize("acme/one", records).await.unwrap();
        let event = hostile.connector.interpret_event("acme/one", order.to_string().as_bytes()).await.unwrap();
        let EventType::Ignored { reason } = event.value.what else { panic!("it says nothing") };
        assert_eq!(called.value.diagnostics[0].message, reason);
        reason
    };
    insta::assert_snapshot!(pure().await, @"0ns 0ns 13486662071293341567");
    // With a network, both are true.
    let seen = hostile.told(Who::First, order.clone()).await.unwrap();
    assert_ne!(hostile.told(Who::First, order.clone()).await.unwrap(), seen);
}

#[tokio::test]
async fn normalize_has_no_network_no_bucket_and_no_environment() {
    let hostile = Hostile::new(Limits::default()).await;
    let url = hostile.context.simulator.url();
    let seen = async |order: serde_json::Value| {
        let called = soon(hostile.connector.normalize("acme/one", records(&[&order.to_string()]))).await;
        called.map(|called| called.value.diagnostics.first().map(|it| it.message.clone()).unwrap_or_default())
    };
    assert_eq!(seen(json!({ "do": "environment" })).await.unwrap(), "");
    insta::assert_snapshot!(seen(json!({ "do": "bucket-mark", "keys": ["x"] })).await.unwrap(), @"refused: access denied");
    let refused = seen(json!({ "do": "request", "url": url })).await.unwrap_err();
    insta::assert_snapshot!(refused, @"egress denied: this call has no network");
    assert_eq!(hostile.context.simulator.stats().requests, 0);
    hostile.assert_well().await;
}

#[tokio::test]
async fn an_event_is_read_without_network_bucket_and_environment() {
    let hostile = Hostile::new(Limits::default()).await;
    let url = hostile.context.simulator.url();
    let seen = async |order: serde_json::Value| {
        let called = soon(hostile.connector.interpret_event("acme/one", order.to_string().as_bytes())).await;
        called.map(|called| match called.value.what {
            EventType::Ignored { reason } => reason,
            _ => String::new(),
        })
    };
    assert_eq!(seen(json!({ "do": "environment" })).await.unwrap(), "");
    insta::assert_snapshot!(seen(json!({ "do": "bucket-mark", "keys": ["x"] })).await.unwrap(), @"refused: access denied");
    let refused = seen(json!({ "do": "request", "url": url })).await.unwrap_err();
    insta::assert_snapshot!(refused, @"egress denied: this call has no network");
    assert_eq!(hostile.context.simulator.stats().requests, 0);
    hostile.assert_well().await;
}

#[tokio::test]
async fn more_calls_than_sandboxes_wait_in_line() {
    let hostile = Hostile::new(Limits::default()).await;
    // Each waits for an answer in its sandbox, while the others come.
    let order = json!({ "do": "request", "url": hostile.context.simulator.url() }).to_string();
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let (connector, grant) = (hostile.connector.clone(), hostile.grant(Who::First).clone());
            let order = order.clone();
            tokio::spawn(async move { connector.configure(&grant, &order).await.map(|_| ()) })
        })
        .collect();
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_call_that_is_given_up_frees_its_sandbox() {
    let hostile = Hostile::new(Limits { cpu_time: LONG, ..Limits::default() }).await;
    for _ in 0..6 {
        let (connector, grant) = (hostile.connector.clone(), hostile.grant(Who::First).clone());
        let call = tokio::spawn(async move { connector.configure(&grant, r#"{"do":"loop"}"#).await.map(|_| ()) });
        tokio::task::yield_now().await;
        call.abort();
        assert!(soon(call).await.unwrap_err().is_cancelled());
    }
    hostile.assert_well().await;
}
