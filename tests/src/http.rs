//! As much of HTTP/1.1 as the simulated vendor speaks: one request over one
//! connection, without any library that the host uses as well.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::TcpStream,
};

use semgrep_core::{Request, Response, Transport, TransportError};

/// Sends requests to the simulated vendor.
pub struct NativeTransport;

impl Transport for NativeTransport {
    fn send(&mut self, request: &Request<'_>) -> Result<Response, TransportError> {
        let authority = request.origin.authority();
        let connect = |_| TransportError::Connect("refused".to_owned());
        let mut stream = TcpStream::connect(authority).map_err(connect)?;
        let mut head = format!("GET {} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.path);
        for (name, value) in &request.headers.0 {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // The vendor may answer and close before it has read everything.
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> Result<Response, TransportError> {
    let cut = |what: &str| TransportError::Cut(what.to_owned());
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| cut("the connection ended"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &answer[end + 4..];
    // The words that the host has for it and the component passes on.
    let incomplete = || cut("incomplete HTTP response");
    let body = match headers.get("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => rest.get(..length).map(<[u8]>::to_vec).ok_or_else(incomplete)?,
        None if headers.contains_key("transfer-encoding") => unchunked(rest).ok_or_else(incomplete)?,
        None => rest.to_vec(),
    };
    let header = |name: &str| headers.get(name).cloned();
    Ok(Response {
        status: status.ok_or_else(|| cut("no status"))?,
        retry_after: header("retry-after"),
        date: header("date"),
        content_type: header("content-type"),
        location: header("location"),
        body,
    })
}

/// A body in chunks (RFC 9112, section 7.1); none where it does not end.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}
