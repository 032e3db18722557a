//! Webhooks over the whole: the vendor tells the host, the host syncs and tells
//! its receiver.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use host_harness::{
    CancellationToken, Daemon, DaemonEvent, DaemonOptions, GivenSecret, Harness, ListenOptions, Options, Setup, Tenant,
    WebhookSetup,
    grant::SecretSource,
    ingest::{SyncEvent, SyncOptions},
    store::{DeliveryState, EventState, Run, RunMode, RunState},
};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::{TestContext, content, name, settings, store};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use vendor_sim::{Expectation, Kind, Refs, WorldShape};

const SECRET: &str = "vendor-secret-0123456789";

fn signature(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// A daemon that listens, for the tenant `acme` with the instance `code`.
struct ListeningDaemon {
    context: TestContext,
    tenant: Tenant,
    header: String,
    address: String,
    events: UnboundedReceiver<DaemonEvent>,
    stop: CancellationToken,
}

impl ListeningDaemon {
    async fn new(window: Duration) -> Self {
        let context = TestContext::new(WorldShape {
            projects: 4,
            sast: 60,
            sca: 20,
            damaged_per_10_000: 0,
            ..WorldShape::default()
        });
        let setup = context.semgrep("code", settings(json!({ "branches": "all" })));
        Self::with(context, setup, window).await
    }

    /// With the guest whose vendor signs the time too.
    async fn timed() -> Self {
        let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() });
        let setup = context.hostile("code", settings(json!({})));
        Self::with(context, setup, Duration::ZERO).await
    }

    async fn with(context: TestContext, setup: Setup, window: Duration) -> Self {
        let tenant = context.tenant("acme");
        tenant.add_instance(setup, true).await.unwrap();
        let file = context.data_dir().join("vendor-secret");
        std::fs::write(&file, SECRET).unwrap();
        let inbox =
            tenant.set_inbox(&name("code"), GivenSecret::Read(SecretSource::File { path: file })).await.unwrap();
        assert_eq!(inbox.path, "/webhooks/acme/code");

        let (told, mut events) = unbounded_channel();
        let stop = CancellationToken::default();
        let options = DaemonOptions {
            parallel: 1,
            once: false,
            stop: stop.clone(),
            abort: CancellationToken::default(),
            listen: Some(ListenOptions { address: "127.0.0.1:0".parse().unwrap(), anywhere: false, window }),
            progress: Arc::new(move |event| _ = told.send(event)),
        };
        // With the clock and the waits of every day.
        let harness = Harness::new(Options::new(context.data_dir()));
        tokio::spawn(async move { Daemon::new(harness, options).unwrap().run().await.unwrap() });
        let address = loop {
            if let DaemonEvent::Listening { address } = events.recv().await.unwrap() {
                break address;
            }
        };
        Self { context, tenant, header: inbox.scheme.signature_header, address, events, stop }
    }

    /// Sends a body with a signature made with this key; gives the status.
    async fn send(&self, path: &str, key: &str, body: &str) -> u16 {
        let signed = HEXLOWER.encode(&signature(key, &[body.as_bytes()]));
        self.post(path, &format!("{}: {signed}", self.header), body).await
    }

    /// Sends a body that was signed at a time and is said to be of another one.
    async fn send_timed(&self, signed_at: i64, said: i64, body: &str) -> u16 {
        let signed = signature(SECRET, &[signed_at.to_string().as_bytes(), b".", body.as_bytes()]);
        let headers = format!("{}: v0={}\r\nX-Timestamp: {said}", self.header, BASE64.encode(&signed));
        self.post("/webhooks/acme/code", &headers, body).await
    }

    /// Sends a request; gives the status.
    async fn post(&self, path: &str, headers: &str, body: &str) -> u16 {
        let length = body.len();
        let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\ncontent-length: {length}\r\n\r\n{body}");
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Waits for the next sync that events led to.
    async fn synced(&mut self) -> Run {
        loop {
            match self.events.recv().await.unwrap() {
                DaemonEvent::EventsSynced { run, .. } => return self.run(run).await,
                DaemonEvent::EventsFailed { why, .. } => panic!("{why}"),
                _ => {}
            }
        }
    }

    async fn run(&self, run: i64) -> Run {
        store(&self.tenant).read(move |store| store.run(run)).await.unwrap().unwrap()
    }

    fn project(&self) -> String {
        self.context.simulator.world().project_names().next().unwrap().to_owned()
    }

    fn runs(&self) -> Vec<Run> {
        store(&self.tenant).run_now(|store| store.runs(None, 99)).unwrap()
    }
}

impl Drop for ListeningDaemon {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn finding(project: &str, number: u32) -> String {
    json!([{ "semgrep_finding": { "numeric_id": number, "repo_name": project, "check_id": "a" } }]).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_event_is_followed_by_a_sync_of_what_it_names_and_of_nothing_else() {
    let mut daemon = ListeningDaemon::new(Duration::ZERO).await;
    let project = daemon.project();
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &finding(&project, 1)).await, 202);
    let run = daemon.synced().await;
    assert_eq!((run.mode, run.state, run.fetches.len()), (RunMode::Event, RunState::Complete, 1));
    assert_eq!(run.fetches[0].kind, appsec_model::Kind::Sast);
    let all = Expectation { refs: Refs::All, dedup: false };
    let expected = daemon.context.simulator.world().ids(Kind::Sast, Some(&project), all).count() as u64;
    assert!(expected > 0 && run.counts.records == expected, "{expected}: {run:?}");
    // What the event says of a finding is nowhere: its rule is not there.
    assert!(
        content(&daemon.tenant).findings.iter().all(|it| it["rule_id"] != "a" && it["project"] == project.as_str())
    );

    // A scan may have been of any kind.
    let scan = json!({ "semgrep_scan": { "id": "x", "repository": project } }).to_string();
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &scan).await, 202);
    assert!(daemon.synced().await.fetches.len() > 1);
    // What is not there is no fault.
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &finding("acme/unknown", 2)).await, 202);
    let run = daemon.synced().await;
    assert_eq!((run.state, run.fetches.len()), (RunState::Complete, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_right_is_answered_like_an_address_that_nobody_has() {
    let daemon = ListeningDaemon::new(Duration::ZERO).await;
    let body = finding(&daemon.project(), 1);
    for path in ["/webhooks/acme/code", "/webhooks/acme/other", "/webhooks/nobody/code", "/webhooks/acme/code/"] {
        assert_eq!(daemon.send(path, "another-secret-0123456789", &body).await, 404, "{path}");
    }
    assert_eq!(daemon.send("/webhooks/acme/other", SECRET, &body).await, 404);
    assert!(store(&daemon.tenant).run_now(|store| store.events(None, 9)).unwrap().is_empty());
    assert!(daemon.runs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_what_is_no_event_lead_to_nothing() {
    let mut daemon = ListeningDaemon::new(Duration::ZERO).await;
    let body = finding(&daemon.project(), 1);
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &body).await, 202);
    daemon.synced().await;
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &body).await, 200);
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, r#"{"hello": 1}"#).await, 200);
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, "not JSON").await, 422);
    let events = store(&daemon.tenant).run_now(|store| store.events(None, 9)).unwrap();
    let states: Vec<_> = events.iter().map(|event| event.state).collect();
    assert_eq!(states, [EventState::Ignored, EventState::Done]);
    assert_eq!(daemon.runs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_time_is_refused_and_so_is_one_whose_time_was_changed() {
    let mut daemon = ListeningDaemon::timed().await;
    let body = json!({ "do": "", "count": 1 }).to_string();
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    for (signed_at, said) in [(now - 400, now - 400), (now + 400, now + 400), (now - 400, now)] {
        assert_eq!(daemon.send_timed(signed_at, said, &body).await, 404, "{signed_at} said to be {said}");
    }
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &body).await, 404, "without a time");
    assert!(store(&daemon.tenant).run_now(|store| store.events(None, 9)).unwrap().is_empty());
    assert_eq!(daemon.send_timed(now, now, &body).await, 202);
    let run = daemon.synced().await;
    assert_eq!((run.mode, run.state, run.fetches.len()), (RunMode::Event, RunState::Complete, 1));
    assert_eq!(daemon.send_timed(now, now, &body).await, 200, "a replay");
    assert_eq!(daemon.runs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_429_and_is_one_sync() {
    let mut daemon = ListeningDaemon::new(Duration::from_secs(2)).await;
    let project = daemon.project();
    let mut taken = 0;
    loop {
        match daemon.send("/webhooks/acme/code", SECRET, &finding(&project, taken)).await {
            202 => taken += 1,
            429 => break,
            other => panic!("{other} after {taken}"),
        }
    }
    assert!(taken >= 60, "{taken}");
    daemon.synced().await;
    let runs = daemon.runs().len();
    assert!(runs * 10 < taken as usize, "{runs} syncs of {taken} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_takes_nothing_for_gone() {
    let mut daemon = ListeningDaemon::new(Duration::ZERO).await;
    daemon.context.sync(&daemon.tenant).await.unwrap();
    let before = content(&daemon.tenant).findings.len();
    // The vendor loses and gains findings.
    daemon.context.simulator.advance();
    for project in daemon.context.simulator.world().project_names().map(str::to_owned).collect::<Vec<_>>() {
        let scan = json!({ "semgrep_scan": { "id": project, "repository": project } }).to_string();
        assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &scan).await, 202);
        assert_eq!(daemon.synced().await.counts.vanished, 0);
    }
    assert!(content(&daemon.tenant).findings.len() >= before);
    let run = daemon.context.sync(&daemon.tenant).await.unwrap();
    assert_eq!((run.mode, run.state), (RunMode::Full, RunState::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sync_that_was_cut_off_is_finished_before_an_event_brings_what_it_could_not_see() {
    let mut daemon = ListeningDaemon::new(Duration::from_secs(1)).await;
    // Cut off after its first page.
    let stop = CancellationToken::default();
    let (word, options) = (stop.clone(), SyncOptions { stop, ..SyncOptions::default() });
    let progress = Arc::new(move |event| {
        if matches!(event, SyncEvent::Page { .. }) {
            word.cancel();
        }
    });
    daemon.tenant.sync(&name("code"), None, options, progress).await.unwrap_err();
    assert_eq!(daemon.runs()[0].state, RunState::Running);
    daemon.context.simulator.advance();
    let project = daemon.project();
    assert_eq!(daemon.send("/webhooks/acme/code", SECRET, &finding(&project, 1)).await, 202);
    let event = daemon.synced().await;
    let runs: Vec<_> = daemon.runs().iter().map(|run| (run.mode, run.state)).collect();
    assert_eq!(runs, [(RunMode::Event, RunState::Complete), (RunMode::Full, RunState::Complete)]);
    assert!(event.counts.records > 0);
    // What the vendor has of the project is there, as somebody who begins now sees it.
    let (anew, _) = daemon.context.connected("anew", settings(json!({ "branches": "all" }))).await;
    daemon.context.sync(&anew).await.unwrap();
    let present = |tenant: &Tenant| -> BTreeSet<String> {
        let of_project =
            |it: &&Value| it["project"] == project.as_str() && it["kind"] == "sast" && it["status"] != "vanished";
        content(tenant).findings.iter().filter(of_project).map(|it| it["id"].to_string()).collect()
    };
    let expected = present(&anew);
    assert!(!expected.is_empty() && present(&daemon.tenant).is_superset(&expected));
}

#[tokio::test]
async fn the_end_of_a_sync_is_told_to_a_receiver_that_can_check_it() {
    let context = TestContext::new(WorldShape { projects: 2, sast: 20, sca: 5, ..WorldShape::default() });
    let (tenant, _) = context.connected("acme", settings(json!({}))).await;
    let secret = context.data_dir().join("hook-secret");
    std::fs::write(&secret, SECRET).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let setup = WebhookSetup {
        url: format!("{origin}/hook"),
        private_origin: Some(origin.parse().unwrap()),
        secret: GivenSecret::Read(SecretSource::File { path: secret }),
    };
    tenant.set_webhook(&name("code"), setup).await.unwrap();
    let received = Arc::new(Mutex::new(String::new()));
    let kept = received.clone();
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 64 << 10];
        let mut length = 0;
        // The body is the last thing that comes, and an object.
        while !bytes[..length].ends_with(b"}}") {
            length += stream.read(&mut bytes[length..]).await.unwrap();
        }
        *kept.lock().unwrap() = String::from_utf8(bytes[..length].to_vec()).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
    });
    let run = context.sync(&tenant).await.unwrap();
    receiver.await.unwrap();

    let message = received.lock().unwrap().clone();
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
    let parts = [header("webhook-id"), ".", header("webhook-timestamp"), ".", body].map(str::as_bytes);
    let expected = format!("v1,{}", BASE64.encode(&signature(SECRET, &parts)));
    assert_eq!(header("webhook-signature"), expected);
    let event: Value = serde_json::from_str(body).unwrap();
    let told = ["type", "tenant", "instance", "run", "state"].map(|key| event[key].clone());
    assert_eq!(told, [json!("run-ended"), json!("acme"), json!("code"), json!(run.id), json!("complete")]);
    assert_eq!(event["counts"]["records"], run.counts.records);
    let deliveries = store(&tenant).run_now(|store| store.deliveries(None, 9)).unwrap();
    assert_eq!((deliveries.len(), deliveries[0].state), (1, DeliveryState::Delivered));
}
