//! The example for authors of connectors keeps the contract, over an invented
//! vendor of a few lines; and what a vendor gets wrong is seen where it shows.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use host_harness::{
    Answers, Conformance, Harness, Options, Setup, Tenant,
    conformance::{CheckOutcome, Conformity, Plan as ConformancePlan},
    grant::SecretSource,
    ingest::SyncOptions,
    store::{ConnectorSource, Filter, Outcome, RunState},
};
use serde_json::json;
use tests::{EXAMPLE_CONNECTOR, name, settings, store};

/// The pages of findings that the vendor answers with, in their order.
type Pages = Arc<Mutex<Vec<String>>>;

/// A vendor with one project; it answers as long as the test runs.
fn vendor(pages: &Pages) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let pages = pages.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                match line.trim_end() {
                    "" => break,
                    line => lines.push(line.to_ascii_lowercase()),
                }
            }
            let body = match lines.first().map(String::as_str) {
                Some("get /projects http/1.1") => r#"[{"id": "1", "name": "acme/shop"}]"#.to_owned(),
                Some(line) if !line.contains("project=1&") => r#"{"findings": [], "next": null}"#.to_owned(),
                Some(line) => {
                    let number =
                        line.split(['=', ' ']).rev().nth(1).and_then(|number| number.parse().ok()).unwrap_or(1);
                    let pages = pages.lock().unwrap();
                    let next = (number < pages.len()).then_some(number + 1);
                    format!(r#"{{"findings": [{}], "next": {}}}"#, pages[number - 1], json!(next))
                }
                None => continue,
            };
            let status = match lines.iter().any(|line| line == "authorization: bearer any-token") {
                true => "200 OK",
                false => "401 Unauthorized",
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            // A host that has gone away needs no answer.
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    address
}

fn found(id: &str, project: &str) -> String {
    json!({
        "id": id, "project": project, "rule": "sql-injection", "severity": "high", "message": "m", "path": "a.py",
        "line": 7,
    })
    .to_string()
}

async fn connected(folder: &std::path::Path, origin: &str) -> Tenant {
    std::fs::write(folder.join("token"), "any-token").unwrap();
    let tenant = Harness::new(Options::new(folder.join("data"))).tenant("acme".parse().unwrap()).unwrap();
    let setup = Setup {
        name: name("code"),
        connector: ConnectorSource::File { path: EXAMPLE_CONNECTOR.into() },
        settings: settings(json!({ "origin": origin })),
        allow_origins: Vec::new(),
        allow_private_origins: vec![origin.parse().unwrap()],
        secret: Some(SecretSource::File { path: folder.join("token") }),
        secrets: Default::default(),
        store_secret: false,
        proxy: None,
    };
    tenant.add_instance(setup, true).await.unwrap();
    tenant
}

async fn sync(tenant: &Tenant) -> host_harness::store::Run {
    tenant.sync(&name("code"), None, SyncOptions::default(), Arc::new(|_| ())).await.unwrap()
}

#[tokio::test]
async fn it_brings_page_after_page_and_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pages = Pages::new(Mutex::new(vec![[found("1", "1"), found("2", "1")].join(","), found("3", "1")]));
    let tenant = connected(folder.path(), &vendor(&pages)).await;
    let first = sync(&tenant).await;
    assert_eq!((first.state, first.counts.new, first.counts.rejected), (RunState::Complete, 3, 0));
    let again = sync(&tenant).await;
    assert_eq!(
        (again.state, again.counts.new, again.counts.changed, again.counts.unchanged),
        (RunState::Complete, 0, 0, 3)
    );
    let findings = store(&tenant).run_now(|store| store.findings(&Filter { limit: 9, ..Filter::default() })).unwrap().0;
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|it| it.kind == "sast" && it.project == "acme/shop"), "{findings:?}");
}

#[tokio::test]
async fn it_keeps_every_promise_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "any-token").unwrap();
    let pages = Pages::new(Mutex::new(vec![[found("1", "1"), found("2", "1")].join(","), found("3", "1")]));
    let asked = Conformance {
        connector: ConnectorSource::File { path: EXAMPLE_CONNECTOR.into() },
        vendor: Answers::Origins(vec![vendor(&pages).parse().unwrap()]),
        previous: Some(ConnectorSource::File { path: EXAMPLE_CONNECTOR.into() }),
        record: false,
        secret: Some(SecretSource::File { path: folder.path().join("token") }),
        secrets: Default::default(),
        plan: ConformancePlan { is_strict: true, ..ConformancePlan::default() },
    };
    let report = Harness::new(Options::new(folder.path().join("data"))).conformance(asked).await.unwrap().report;
    let others: Vec<_> = report.results.iter().filter(|it| it.outcome != CheckOutcome::Passed).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(report.verdict, Conformity::Conformant);
}

#[tokio::test]
async fn what_comes_to_nothing_is_said_and_the_project_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    // No finding at all; and one that says of no project that it is of.
    let nameless = found("2", "1").replace(r#""project":"1","#, "");
    let pages = Pages::new(Mutex::new(vec![[r#"{"id": "1", "project": "1"}"#.to_owned(), nameless].join(",")]));
    let tenant = connected(folder.path(), &vendor(&pages)).await;
    let run = sync(&tenant).await;
    assert_eq!((run.state, run.counts.new, run.counts.rejected), (RunState::Complete, 0, 2));
    let (projects, remarks) = store(&tenant)
        .run_now(|store| (store.projects(None, None).unwrap(), store.diagnostics(run.id, None, 9).unwrap()));
    assert_eq!(projects[0].outcome, Outcome::Incomplete);
    let said: Vec<_> = remarks.iter().map(|it| (it.id.as_deref(), it.code.as_str())).collect();
    assert_eq!(said, [(Some("1"), "unreadable"), (Some("2"), "unreadable")]);
}
