//! A server that tells what arrives at it byte by byte, and what a guest sees
//! of a request to it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use host_harness::sandbox::Limits;
use serde_json::Value;

use crate::hostile::{Hostile, LONG, Who};

/// A server that writes down what arrives on each connection, and answers it
/// when nothing more comes.
pub struct Wire {
    pub url: String,
    arrived: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub fn answering(answer: &str) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), answer)
    }

    pub fn new() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    pub fn at(listener: TcpListener, answer: &str) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (arrived, answer) = (Arc::new(Mutex::new(Vec::new())), answer.to_owned());
        let seen = arrived.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
                while let Ok(read @ 1..) = stream.read(&mut piece) {
                    bytes.extend_from_slice(&piece[..read]);
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
                // The host may have hung up already.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, arrived }
    }

    pub fn port(&self) -> &str {
        self.url.rsplit_once(':').unwrap().1
    }

    /// What arrived since the last time that somebody asked.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }

    /// Asserts that nobody has connected since the last time that somebody
    /// asked: one after the other is served, so that a connection of our own is
    /// behind all others.
    pub fn assert_untouched(&self) {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(self.take(), [""], "somebody has connected");
    }
}

/// A host whose first instance may reach a server.
pub async fn connected(limits: Limits, wire: &Wire) -> Hostile {
    let mut hostile = Hostile::new(limits).await;
    hostile.grant_to_first(&wire.url).await;
    hostile
}

/// What the first instance sees of a request, or the host's message.
pub async fn outcome(hostile: &Hostile, order: Value) -> String {
    hostile.told(Who::First, order).await.unwrap_or_else(|error| error.to_string())
}
