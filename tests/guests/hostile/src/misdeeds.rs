//! The deeds that any call can be told to do.

use std::{
    hash::{BuildHasher, RandomState},
    hint::black_box,
    io::Write,
    net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    time::{Instant, SystemTime},
};

use crate::{
    bindings::appsec::connector::model::{Error, ErrorCode},
    bucket, memory,
    network::{self, Outcome},
    order::Order,
};

/// Does it; what is seen on the way comes back as text.
pub fn perform(order: &Order) -> Result<String, Error> {
    let seen = match order.action.as_str() {
        "loop" => spin(),
        "recurse" => Ok(format!("{}", recurse(1, if order.count > 0 { order.count } else { usize::MAX }))),
        "grow" => Ok(format!("{}", grow())),
        #[cfg(target_arch = "wasm32")]
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => fail(&"a very long reason ".repeat(order.count)),
        "exit" => std::process::exit(3),
        "flood-log" => Ok(flood(order.count)),
        #[cfg(target_arch = "wasm32")]
        "flood-log-and-trap" => {
            flood(order.count);
            core::arch::wasm32::unreachable()
        }
        "environment" => {
            Ok(std::env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
        }
        "random" => Ok(random()),
        "time-and-chance" => Ok(time_and_chance()),
        "files-and-sockets" => Ok(files_and_sockets(&order.url)),
        "request" | "read" | "text" | "blame-the-network" => match network::request(order) {
            Outcome::Status(status) => Ok(format!("HTTP {status}")),
            Outcome::Body(bytes, None) => Ok(format!("{bytes} bytes")),
            Outcome::Text(text) => Ok(text),
            Outcome::Body(bytes, Some(why)) => Ok(format!("{bytes} bytes, then: {why}")),
            Outcome::Denied if order.action == "blame-the-network" => return Err(away()),
            Outcome::Denied => {
                return Err(Error { subject: Some(order.url.clone()), ..error(ErrorCode::EgressDenied, "") });
            }
            Outcome::Failed(what) => Ok(what),
        },
        #[cfg(target_arch = "wasm32")]
        "search-memory" => match network::request(order) {
            Outcome::Text(_) => Ok(memory::search(&order.turned)),
            _ => Ok("no answer".to_owned()),
        },
        "requests" => network::many(order),
        "handles" => Ok(network::hold(order)),
        "bucket-large" => bucket::write_large(order),
        "bucket-many" => bucket::write_many(order),
        "bucket-keys" => bucket::write_keys(order),
        "bucket-read" => bucket::read_names(order),
        "bucket-mark" => bucket::mark(order),
        "bucket-unmark" => bucket::unmark(),
        "bucket-mark-and-fail" => match bucket::mark(order) {
            Ok(_) => return Err(error(ErrorCode::Internal, "on purpose")),
            Err(refused) => Err(refused),
        },
        #[cfg(target_arch = "wasm32")]
        "bucket-mark-and-trap" => match bucket::mark(order) {
            Ok(_) => core::arch::wasm32::unreachable(),
            Err(refused) => Err(refused),
        },
        "huge-string" => Ok("x".repeat(order.count)),
        "sleep" => Ok(network::sleep()),
        "complain" => return Err(error(ErrorCode::Internal, &"\u{1b}[2Jvery long ".repeat(order.count))),
        "refuse" => return Err(error(ErrorCode::Internal, "")),
        _ => Ok(String::new()),
    };
    Ok(seen.unwrap_or_else(|refused| format!("refused: {refused}")))
}

/// An error with nothing but its code and a text.
pub fn error(code: ErrorCode, detail: &str) -> Error {
    Error {
        code,
        detail: detail.to_owned(),
        subject: None,
        did_you_mean: vec![],
        status: None,
        retry_after_ms: None,
        problems: vec![],
    }
}

/// What an HTTP library that knows no refusal makes of one.
fn away() -> Error {
    error(ErrorCode::Unavailable, "network error")
}

#[expect(clippy::panic, reason = "told to")]
fn fail(reason: &str) -> ! {
    panic!("{reason}")
}

fn spin() -> Result<String, String> {
    let mut turns = 0_u64;
    while black_box(turns) < u64::MAX {
        turns += 1;
    }
    Ok(turns.to_string())
}

fn recurse(depth: usize, last: usize) -> usize {
    if black_box(depth) == last { 0 } else { recurse(depth + 1, last) + black_box(1) }
}

fn grow() -> usize {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..65_536 {
        held.push(vec![black_box(1); 1 << 20]);
    }
    held.iter().map(Vec::len).sum()
}

/// Writes lines of many kinds: with the secret, with signs that terminals act
/// on, and very many of them.
fn flood(lines: usize) -> String {
    let mut out = std::io::stderr();
    let written = (0..lines).filter(|number| writeln!(out, "\u{1b}[31mline {number}").is_ok()).count();
    format!("{written} lines")
}

/// Numbers by each interface that gives some, and by the hash tables of `std`.
fn random() -> String {
    let number = wasi::random::insecure::get_insecure_random_u64();
    let bytes = wasi::random::insecure::get_insecure_random_bytes(4);
    let seed = wasi::random::insecure_seed::insecure_seed();
    let hash = RandomState::new().hash_one("text");
    format!("{number} {bytes:?} {seed:?} {hash}")
}

/// What the clocks say, what random number comes, and whether time passes.
fn time_and_chance() -> String {
    let (wall, began) = (SystemTime::now(), Instant::now());
    let number = wasi::random::random::get_random_u64();
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{since:?} {:?} {number}", began.elapsed())
}

/// Everything that `std` offers of files and sockets, each with what came of it.
fn files_and_sockets(address: &str) -> String {
    fn told<T>(what: &str, outcome: std::io::Result<T>) -> String {
        match outcome {
            Ok(_) => format!("{what}: done"),
            Err(error) => format!("{what}: {}", error.kind()),
        }
    }
    [
        told("list", std::fs::read_dir("/")),
        told("read", std::fs::read("/etc/passwd")),
        told("read near", std::fs::read("Cargo.toml")),
        told("write", std::fs::write("/tmp/hostile", "x")),
        told("folder", std::fs::create_dir("hostile")),
        told("connect", TcpStream::connect(address)),
        told("listen", TcpListener::bind("127.0.0.1:0")),
        told("datagram", UdpSocket::bind("127.0.0.1:0")),
        told("name", ("localhost", 80).to_socket_addrs()),
    ]
    .join("\n")
}
