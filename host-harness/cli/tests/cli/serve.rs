//! The pages and the HTTP API of the binary: what they show is what commands print.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{Desk, TOKEN, shape};

/// A server of the binary, and a browser that was let in.
struct Served {
    process: Child,
    address: String,
    cookie: String,
}

impl Served {
    fn new(desk: &Desk) -> Self {
        let mut process =
            desk.command(&["serve", "--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut event = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        let (link, listening) = (event(), event());
        assert_eq!((&link["event"], &listening["event"]), (&Value::from("link"), &Value::from("listening")));
        let address = listening["address"].as_str().unwrap().to_owned();
        let mut served = Self { process, address, cookie: String::new() };
        let path =
            link["url"].as_str().unwrap().strip_prefix(&format!("http://{}", served.address)).unwrap().to_owned();
        let entered = served.get(&path);
        let cookie = entered.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        served.cookie = cookie.split(';').next().unwrap().to_owned();
        // Nobody reads what else it prints.
        std::thread::spawn(move || lines.for_each(drop));
        served
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (host, cookie) = (&self.address, &self.cookie);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1/tenants/default/{path}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_api_answers_what_commands_print_and_every_page_is_there() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let served = Served::new(&desk);
    let printed =
        |arguments: &[&str]| -> Value { serde_json::from_str(&desk.ok(&[arguments, &["--json"]].concat())).unwrap() };
    for (path, arguments) in [
        ("findings", &["findings"][..]),
        ("findings?severity=critical,high&limit=7", &["findings", "--severity", "critical,high", "--limit", "7"]),
        ("vulnerabilities?reachability=reachable", &["vulnerabilities", "--reachability", "reachable"]),
        ("weaknesses?sort=age&reverse=true", &["weaknesses", "--sort", "age", "--reverse"]),
        ("secrets", &["secrets"]),
        ("issues?limit=5", &["issues", "--limit", "5"]),
        ("packages?offset=3", &["packages", "--offset", "3"]),
        ("coverage", &["coverage"]),
    ] {
        assert_eq!(served.json(path), printed(arguments), "{path}");
    }
    let finding = printed(&["findings", "--limit", "1"])["findings"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(served.json(&format!("findings/{finding}")), printed(&["finding", &finding]));
    let issue = printed(&["issues", "--limit", "1"])["issues"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(served.json(&format!("issues/{issue}")), printed(&["issue", &issue]));
    assert_eq!(served.json("dashboard")["open"], printed(&["dashboard"])["open"]);
    assert_eq!(served.json("runs"), printed(&["runs"]));
    assert_eq!(served.json("status"), printed(&["status"]));

    let pages = ["", "/findings", "/vulnerabilities", "/weaknesses", "/secrets", "/issues", "/packages", "/coverage"];
    let rest = ["/policies", "/sources", "/runs"].map(str::to_owned);
    let named = [format!("/findings/{finding}"), format!("/issues/{issue}")];
    for path in pages.map(str::to_owned).into_iter().chain(rest).chain(named) {
        let page = served.get(&format!("/t/default{path}"));
        assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("</html>"), "{path}: {page}");
        for forbidden in ["<script", " style=", "javascript:", " onclick", TOKEN] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let open = printed(&["findings", "--limit", "1"])["total"].as_u64().unwrap().to_string();
    assert!(served.get("/t/default/findings").contains(&format!(">{open} open and about security<")));
}

#[test]
fn a_page_leads_to_the_next_until_all_findings_were_seen() {
    let desk = Desk::new(shape(), vec![]);
    desk.added();
    desk.ok(&["sync"]);
    let served = Served::new(&desk);
    let (mut path, mut seen) = ("/t/default/findings?limit=200".to_owned(), std::collections::BTreeSet::new());
    loop {
        let page = served.get(&path);
        let ids: Vec<&str> = page.split("href=\"/t/default/findings/").skip(1).map(|it| &it[..16]).collect();
        assert!(!ids.is_empty() && ids.iter().all(|id| seen.insert((*id).to_owned())), "{path}");
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else { break };
        path = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
    let printed: Value = serde_json::from_str(&desk.ok(&["findings", "--limit", "1", "--json"])).unwrap();
    assert_eq!(seen.len() as u64, printed["total"].as_u64().unwrap());
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_what_to_do() {
    let desk = Desk::new(shape(), vec![]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = desk.run(&["serve", "--listen", &address]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(done.stderr.replace(&address, "ADDRESS"), @r#"
    error: cannot listen on ADDRESS: Address already in use (os error 98)
      hint: another server may be running; choose another port with --listen
    "#);
    let done = desk.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(done.stderr, @r#"
    error: 0.0.0.0:0 is reachable from other machines: the pages are for this machine alone
      hint: listen on 127.0.0.1 or [::1]; from another machine, use a tunnel: ssh -L 7373:127.0.0.1:7373 HOST
    "#);
}
