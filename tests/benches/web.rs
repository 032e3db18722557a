//! Measures how long pages take, over a tenant with 200,000 findings, asked for by
//! eight clients at once while a sync writes, and prints a table.
//!
//! ```text
//! cargo bench --package tests --bench web              # some minutes
//! cargo bench --package tests --bench web -- --findings 20000
//! ```
//!
//! The first page of findings, the dashboard and coverage are to take no more than
//! 100 ms at the 95th percentile, other pages 150 ms.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made may fail loudly")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use appsec_web::{ServeOptions, Server};
use host_harness::CancellationToken;
use serde_json::json;
use tests::{TestContext, settings};
use vendor_sim::WorldShape;

/// Clients at one time, and requests that each makes of a page.
const CLIENTS: usize = 8;
const REQUESTS: usize = 12;

const PAGES: [(&str, &str); 12] = [
    ("findings", "findings"),
    ("findings, critical", "findings?severity=critical"),
    ("findings, by a text that is nowhere", "findings?text=nothing+like+it"),
    ("vulnerabilities", "vulnerabilities"),
    ("weaknesses", "weaknesses"),
    ("issues", "issues"),
    ("packages", "packages"),
    ("dashboard", ""),
    ("coverage", "coverage"),
    ("repositories", "repositories"),
    ("mapping", "mapping"),
    ("runs", "runs"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo clippy` must not measure anything.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let given = arguments.iter().position(|argument| argument == "--findings");
    let findings = given.map_or(200_000, |position| arguments[position + 1].parse().unwrap());
    let context = TestContext::new(WorldShape { damaged_per_10_000: 0, ..WorldShape::with_findings(findings) });
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let tenant = tokio.block_on(async {
        let (tenant, _) = context.connected("acme", settings(json!({ "kinds": ["sast", "sca"] }))).await;
        context.sync(&tenant).await.unwrap();
        tenant
    });

    let links = Arc::new(Mutex::new(Vec::new()));
    let (told, stop) = (links.clone(), CancellationToken::default());
    let options = ServeOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        tell: Box::new(move |link: &str| told.lock().unwrap().push(link.to_owned())),
        events: None,
    };
    let server = tokio.block_on(Server::bind(context.harness.clone(), options)).unwrap();
    let address = server.address().to_string();
    let serving = tokio.spawn(server.run(stop.clone()));
    let link = links.lock().unwrap()[0].clone();
    let entered = ask(&address, link.strip_prefix(&format!("http://{address}")).unwrap(), "");
    let cookie = entered.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();

    println!("| page | bytes | alone, median | {CLIENTS} at once beside a sync, median | 95th percentile |");
    println!("|---|---|---|---|---|");
    let alone: Vec<(usize, Duration)> = PAGES
        .map(|(_, path)| measured(&address, path, &cookie, 5))
        .to_vec()
        .into_iter()
        .map(|(bytes, mut times)| {
            times.sort();
            (bytes, times[times.len() / 2])
        })
        .collect();
    let (ended, syncs) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            // A vendor that changes, and all of it again.
            while !ended.load(Ordering::Relaxed) {
                context.simulator.advance();
                tokio.block_on(context.sync(&tenant)).unwrap();
                syncs.fetch_add(1, Ordering::Relaxed);
            }
        });
        for ((name, path), (bytes, median)) in PAGES.into_iter().zip(alone) {
            let clients = (0..CLIENTS).map(|_| scope.spawn(|| measured(&address, path, &cookie, REQUESTS).1));
            let clients: Vec<_> = clients.collect();
            let mut times: Vec<Duration> = clients.into_iter().flat_map(|it| it.join().unwrap()).collect();
            times.sort();
            let at = |share: usize| shown(times[(times.len() - 1) * share / 100]);
            println!("| {name} | {bytes} | {} | {} | {} |", shown(median), at(50), at(95));
        }
        ended.store(true, Ordering::Relaxed);
    });
    println!("\n{} syncs of {findings} findings beside it", syncs.load(Ordering::Relaxed));
    stop.cancel();
    tokio.block_on(serving).unwrap();
}

/// Bytes of a page, and how long it takes, so many times.
fn measured(address: &str, path: &str, cookie: &str, times: usize) -> (usize, Vec<Duration>) {
    let path = if path.is_empty() { "/t/acme".to_owned() } else { format!("/t/acme/{path}") };
    let mut bytes = 0;
    let times = (0..times).map(|_| {
        let started = Instant::now();
        let answer = ask(address, &path, &format!("Cookie: {cookie}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {}", answer.lines().next().unwrap_or_default());
        bytes = answer.len();
        started.elapsed()
    });
    let times = times.collect();
    (bytes, times)
}

fn ask(address: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
