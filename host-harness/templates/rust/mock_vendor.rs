//! The vendor, as far as the connector asks it: cargo run --example mock_vendor [PORT]

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

const TOKEN: &str = "any-token";
const PROJECTS: &str = r#"[{"id": "1", "name": "acme/shop"}, {"id": "2", "name": "acme/billing"}]"#;
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
const PAGE: usize = 2;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap_or(0)))?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        // Whoever went away needs no answer.
        let _ = stream.and_then(answer);
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let asked = lines.next().unwrap_or_default();
    let is_known = lines.any(|line| line.eq_ignore_ascii_case(&format!("authorization: Bearer {TOKEN}")));
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match (is_known, path.split_once('?')) {
        (false, _) => ("401 Unauthorized", "{}".to_owned()),
        (_, None) if path == "/projects" => ("200 OK", PROJECTS.to_owned()),
        (_, Some(("/findings", query))) => ("200 OK", findings(query)),
        _ => ("404 Not Found", "{}".to_owned()),
    };
    let length = body.len();
    let head = "content-type: application/json\r\nconnection: close";
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn findings(query: &str) -> String {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap_or_default();
    let (project, page) = (value("project="), value("page=").parse().unwrap_or(1_usize));
    let count = match project {
        "1" => 5,
        "2" => 3,
        _ => 0,
    };
    let found = (0..count).skip((page - 1) * PAGE).take(PAGE).map(|at| {
        format!(
            r#"{{"id": "{project}-{}", "project": "{project}", "message": "made up", "rule": "rule-{}", "severity": "{}", "path": "src/module{at}.py", "line": {}, "fixed": {}}}"#,
            at + 1,
            at % 2,
            SEVERITIES[at],
            7 + at,
            at == 1
        )
    });
    let next = if page * PAGE < count { (page + 1).to_string() } else { "null".to_owned() };
    format!(r#"{{"findings": [{}], "next": {next}}}"#, found.collect::<Vec<_>>().join(", "))
}
