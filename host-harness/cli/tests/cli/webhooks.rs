//! Webhooks at a terminal: a receiver that checks what it is told, and a vendor
//! that tells a daemon.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{TestContext, done, shape};

pub const SECRET: &str = "signing-s3cret-that-nobody-may-see";

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(120);

fn signature(parts: &[&str]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().to_vec()
}

/// Reads a message with its body.
fn message(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if body.len() >= header(head, "content-length").parse().unwrap() {
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap()
}

/// A receiver that takes so many messages and is then gone.
pub fn receiver(messages: usize) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (received, taken) = channel();
    std::thread::spawn(move || {
        for _ in 0..messages {
            let (mut stream, _) = listener.accept().unwrap();
            let message = message(&mut stream);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            received.send(message).unwrap();
        }
    });
    (origin, taken)
}

#[test]
fn runs_are_told_to_a_receiver_that_checks_them_and_nothing_is_told_twice_from_a_backup() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let secret = context.file("hook-secret", SECRET);
    let key = context.folder.path().join("vault-key").to_str().unwrap().to_owned();
    context.ok(&["vault", "generate-key", "--output", &key]);
    let with_key = |arguments: &[&str]| context.ok(&[arguments, &["--vault-key-file", &key]].concat());
    let (origin, received) = receiver(2);
    let url = format!("{origin}/hook");
    let set = ["notify", "set", "code", "--url", &url, "--secret-file", &secret, "--store-secret"];
    let set = [&set[..], &["--vault-key-file", &key]].concat();
    let refused = context.run(&set);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--allow-private-origin"), "{}", refused.stderr);
    let said = context.ok(&[&set[..], &["--allow-private-origin", &origin]].concat());
    assert!(said.contains("private allowed") && said.contains("Next: harness notify test code"), "{said}");
    // From here on the secret is read from the vault alone.
    std::fs::remove_file(&secret).unwrap();

    // A token that goes into the vault and out of it leaves it there.
    with_key(&["instance", "rotate-token", "code", "--store-token"]);
    context.ok(&["instance", "rotate-token", "code", "--token-file", &context.token_file(), "--no-store-token"]);
    assert_eq!(context.json(&["vault", "show"])["entries"].as_array().unwrap().len(), 1);

    with_key(&["notify", "test", "code"]);
    let (_, body) = received.recv_timeout(LONG).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["type"], "test");
    with_key(&["sync", "code"]);
    let (head, body) = received.recv_timeout(LONG).unwrap();
    let signed = signature(&[header(&head, "webhook-id"), ".", header(&head, "webhook-timestamp"), ".", &body]);
    assert_eq!(header(&head, "webhook-signature"), format!("v1,{}", BASE64.encode(&signed)));
    let told: Value = serde_json::from_str(&body).unwrap();
    let counts = context.json(&["runs", "1"])["runs"][0]["new"].clone();
    assert_eq!((&told["type"], &told["run"], &told["counts"]["new"]), (&json!("run-ended"), &json!(1), &counts));

    context.follows("notify-event", &told);
    context.follows("notify-deliveries", &context.json(&["notify", "deliveries"]));

    // The receiver is gone now: the run is none the worse for it.
    with_key(&["sync", "code"]);
    let states = |tenant: &str| {
        let list = context.json(&["--tenant", tenant, "notify", "deliveries", "code"]);
        let list = list["deliveries"].as_array().unwrap().iter();
        list.map(|it| it["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states("default"), ["pending", "delivered", "delivered"]);
    let backup = context.folder.path().join("backup").to_str().unwrap().to_owned();
    context.ok(&["backup", &backup]);
    context.ok(&["restore", &backup, "--as", "copy"]);
    assert_eq!(states("copy"), ["failed", "delivered", "delivered"]);

    assert!(context.in_no_file(&[SECRET]) > 0);
    let deleted = context.json(&["--tenant", "default", "instance", "delete", "code", "--confirm", "code"]);
    assert_eq!(deleted["report"]["proof"]["left"], json!([]));
    let went = deleted["plan"]["tables"].as_array().unwrap().iter().find(|it| it["table"] == "deliveries").unwrap();
    assert_eq!(went["goes"], 3);
}

/// A daemon that listens, and its address.
struct Listening {
    child: Child,
    address: String,
    header: String,
}

impl Listening {
    fn new(context: &TestContext, command: &str) -> Self {
        let inbox = context.json(&["webhook", "secret", "code"]);
        let header = inbox["scheme"]["signature_header"].as_str().unwrap().to_owned();
        let mut child = context
            .command(&[command, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, address)) = line.split_once("http://") {
                break address.split('/').next().unwrap().to_owned();
            }
        };
        Self { child, address, header }
    }

    /// Sends an event, and gives the status of the answer.
    fn send(&self, signature: &[u8], body: &str) -> u16 {
        let (signed, length) = (HEXLOWER.encode(signature), body.len());
        let head = format!("POST /webhooks/default/code HTTP/1.1\r\nhost: x\r\ncontent-length: {length}");
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}\r\n{}: {signed}\r\n\r\n{body}", self.header).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[test]
fn a_daemon_that_listens_syncs_what_a_signed_event_names_and_nothing_else() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let secret = context.file("vendor-secret", SECRET);
    let said = context.ok(&["webhook", "secret", "code", "--from-file", &secret]);
    assert!(said.contains("/webhooks/default/code") && said.contains("harness daemon --listen"), "{said}");
    let open = context.run(&["daemon", "--listen", "0.0.0.0:0"]);
    assert!(open.code == 1 && open.stderr.contains("--allow-remote"), "{}", open.stderr);

    let listening = Listening::new(&context, "daemon");
    let project = context.simulator.world().project_names().next().unwrap().to_owned();
    let body = json!([{ "semgrep_finding": { "numeric_id": 1, "repo_name": project } }]).to_string();
    let signed = signature(&[&body]);
    assert_eq!(listening.send(&signed, &body.replace('1', "2")), 404);
    assert_eq!(listening.send(&[0; 32], &body), 404);
    assert_eq!(listening.send(&signed, &body), 202);
    let events = || context.json(&["webhook", "events", "code"])["events"].clone();
    let deadline = Instant::now() + LONG;
    while events()[0]["state"] != "done" {
        assert!(Instant::now() < deadline, "{}", events());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(listening.send(&signed, &body), 200, "the same again is known");
    assert_eq!(events().as_array().unwrap().len(), 1);
    context.follows("webhook-events", &context.json(&["webhook", "events"]));
    let runs = context.json(&["runs"])["runs"].clone();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["mode"]), (1, &json!("event")));
    let reads = context.json(&["runs", "1"])["projects"].clone();
    assert!(reads.as_array().unwrap().iter().all(|it| it["project"] == project.as_str()), "{reads}");

    let id = listening.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended = done(listening.child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains(SECRET) && context.in_no_file(&[SECRET]) > 0);
}

#[test]
fn a_signed_event_comes_in_by_the_server_of_the_pages() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["webhook", "secret", "code", "--from-file", &context.file("vendor-secret", SECRET)]);
    let mut listening = Listening::new(&context, "serve");
    let project = context.simulator.world().project_names().next().unwrap().to_owned();
    let body = json!([{ "semgrep_finding": { "numeric_id": 1, "repo_name": project } }]).to_string();
    assert_eq!(listening.send(&[0; 32], &body), 404);
    let deadline = Instant::now() + LONG;
    // The daemon beside it looks for secrets when it has begun.
    while listening.send(&signature(&[&body]), &body) != 202 {
        assert!(Instant::now() < deadline, "it is not taken");
        std::thread::sleep(Duration::from_millis(100));
    }
    while context.json(&["webhook", "events", "code"])["events"][0]["state"] != "done" {
        assert!(Instant::now() < deadline, "no sync of it");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(context.json(&["runs"])["runs"][0]["mode"], "event");
    let _ = listening.child.kill();
    let _ = listening.child.wait();
}
