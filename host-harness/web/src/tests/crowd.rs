//! Many at one time.

use std::{collections::VecDeque, fs::File, sync::Arc, time::Duration};

use host_harness::{Tenant, ingest::ImportOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Served, served, status};
use crate::{WATCHED, listen::CONNECTIONS};

const LONG: Duration = Duration::from_secs(60);

/// Connections whose sender says nothing.
const SILENT: usize = 1_000;

/// Browsers that watch a run.
const WATCHING: usize = 50;

#[tokio::test]
async fn a_thousand_silent_connections_keep_nobody_out_and_only_so_many_stay_open() {
    let served = served().await;
    let mut silent = VecDeque::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        // One half says nothing at all, the other half begins a request.
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        }
        silent.push_back(stream);
        // Who came before so many others has been let go of.
        if silent.len() > CONNECTIONS {
            let mut rest = Vec::new();
            // It may be told as a reset as well, where something that was sent is unread.
            _ = timeout(LONG, silent.pop_front().unwrap().read_to_end(&mut rest)).await.expect("it is still open");
            assert!(rest.is_empty(), "{rest:?}");
        }
        if number % 250 == 0 {
            assert_eq!(status(&served.get("/healthz", "").await), 200);
        }
    }
    assert_eq!(status(&served.get("/healthz", "").await), 200);
}

/// A run that goes on for as long as what is returned is kept.
async fn live_run(served: &Served, tenant: &Tenant) -> File {
    let folder = served._folder.path();
    let report = folder.join("report.sarif");
    std::fs::write(&report, r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[]}]}"#).unwrap();
    let name = "reports".parse().unwrap();
    tenant.source(&name).await.unwrap();
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&name, &report, options, Arc::new(|_| ())).await.unwrap();
    let store = rusqlite::Connection::open(folder.join("tenants/default/store.sqlite3")).unwrap();
    store
        .execute_batch(
            "UPDATE runs SET state = 'running', finished_at = NULL WHERE id = 1; \
             INSERT INTO leases SELECT instance_id, 'import', 1, 'here', started_at, started_at FROM runs WHERE id = 1",
        )
        .unwrap();
    let lock = File::create(folder.join("tenants/default/reports.lock")).unwrap();
    lock.try_lock().unwrap();
    lock
}

#[tokio::test]
async fn fifty_who_watch_a_run_are_bounded_and_leave_places_to_others() {
    let served = served().await;
    let id = "default".parse().unwrap();
    let tenant = served.harness.add_tenant(id).unwrap();
    let lock = live_run(&served, &tenant).await;
    let session = served.session().await;
    let host = &served.address;
    let request = format!("GET /t/default/runs/1/events HTTP/1.1\r\nHost: {host}\r\n{session}\r\n");
    let (mut watching, mut refused) = (Vec::new(), 0);
    for _ in 0..WATCHING {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        timeout(LONG, stream.read_exact(&mut head)).await.unwrap().unwrap();
        match &head {
            b"HTTP/1.1 200" => watching.push(stream),
            b"HTTP/1.1 503" => refused += 1,
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!((watching.len(), refused), (WATCHED, WATCHING - WATCHED));
    assert_eq!(status(&served.get("/t/default/findings", &session).await), 200);
    // Whoever goes away gives the place back, and the end of the run ends the others.
    drop(watching.pop());
    drop(lock);
    for mut stream in watching {
        let mut rest = String::new();
        loop {
            let mut piece = [0; 1024];
            let read = timeout(LONG, stream.read(&mut piece)).await.unwrap().unwrap();
            rest.push_str(&String::from_utf8_lossy(&piece[..read]));
            if rest.contains("event: end") || read == 0 {
                break;
            }
        }
        assert!(rest.contains("event: end"), "{rest}");
    }
    let all = u32::try_from(WATCHED).unwrap();
    _ = timeout(LONG, served.site.watched.acquire_many(all)).await.expect("a place is not given back").unwrap();
}
