use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use data_encoding::BASE64;
use tempfile::TempDir;

use super::*;
use crate::{Harness, Options, RunMode, RunState, notify::receiver::Receiver};
use appsec_grant::Code;
use appsec_ingest::Sleep;
use appsec_store::{Cause, ConnectorSource, NewInstance, Run};

const SECRET: &str = "0123456789abcdef-secret";

/// Writes waits down instead of making them.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<Duration>>>);

impl Noted {
    /// A time that passes by what was waited, and by nothing else.
    fn now(&self) -> Timestamp {
        let waited: Duration = self.0.lock().unwrap().iter().sum();
        later(Timestamp::from_micros(1_700_000_000_500_000), waited)
    }
}

impl Sleep for Noted {
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().push(time);
        Box::pin(async {})
    }
}

struct House {
    tenant: Tenant,
    name: InstanceName,
    waits: Noted,
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let waits = Noted::default();
        let mut options = Options::new(folder.path().to_owned());
        options.waiter = Arc::new(waits.clone());
        let clock = waits.clone();
        options.clock = Arc::new(move || clock.now());
        let tenant = Harness::new(options).tenant("acme".parse().unwrap()).unwrap();
        let name: InstanceName = "code".parse().unwrap();
        let instance = NewInstance {
            name: name.clone(),
            connector_id: "any".to_owned(),
            connector_version: "1.0.0".to_owned(),
            connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
            connector_sha256: None,
            settings: serde_json::Map::new(),
            egress: EgressPolicy::default(),
            secrets: std::collections::BTreeMap::new(),
            proxy: None,
        };
        tenant.store().run_now(|store| store.add_instance(&instance, Timestamp::from_micros(0))).unwrap();
        std::fs::write(folder.path().join("hook-secret"), SECRET).unwrap();
        Self { tenant, name, waits, folder }
    }

    fn setup(&self, url: &str, private_origin: Option<&str>) -> WebhookSetup {
        WebhookSetup {
            url: url.to_owned(),
            private_origin: private_origin.map(|origin| origin.parse().unwrap()),
            secret: SecretSource::File { path: self.folder.path().join("hook-secret") },
            store_secret: false,
        }
    }

    /// Tells the receiver from now on.
    async fn telling(receiver: &Receiver) -> Self {
        let house = Self::new();
        let setup = house.setup(&format!("{}/hook?to=me", receiver.origin), Some(&receiver.origin));
        house.tenant.set_webhook(&house.name, setup).await.unwrap();
        house
    }

    fn end_a_run(&self) -> Run {
        let at = |second: i64| Timestamp::from_micros((1_700_000_000 - second) * 1_000_000);
        self.tenant.store().run_now(|store| {
            let id = store.instance(&self.name).unwrap().unwrap().id;
            let run = store.start_run(id, RunMode::Full, true, 7, &[], at(60)).unwrap();
            let why = Cause::new(Code::Forbidden, "secret words of the vendor");
            store.finish_run(run, RunState::Partial, Some(&why), at(1)).unwrap();
            store.run(run).unwrap().unwrap()
        })
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.tenant.store().run_now(|store| store.deliveries(None, 99)).unwrap()
    }
}

#[tokio::test]
async fn a_run_that_ended_is_told_with_a_signature_that_the_receiver_can_check() {
    let receiver = Receiver::answering(&["200 OK\n\ntaken"]).await;
    let house = House::telling(&receiver).await;
    let run = house.end_a_run();
    let deliveries = house.tenant.deliver(Duration::ZERO).await.unwrap();
    assert_eq!(deliveries, Deliveries { delivered: 1, failed: 0, next_at: None });

    let received = receiver.received().remove(0);
    assert!(received.head.starts_with("POST /hook?to=me HTTP/1.1"), "{}", received.head);
    let delivery = house.deliveries().remove(0);
    assert_eq!((delivery.state, delivery.status, delivery.tries), (DeliveryState::Delivered, Some(200), 1));
    assert_eq!(delivery.answer.as_deref(), Some("taken"));
    assert_eq!(received.header("webhook-id"), Some(delivery.event_id.as_str()));
    assert_eq!(received.header("webhook-timestamp"), Some("1700000000"));
    // As a receiver does it: id, time and raw body, with full stops between.
    let signed = format!("{}.1700000000.{}", delivery.event_id, received.body);
    let key = SigningKey::outgoing(&house.setup("", None).secret.read().unwrap()).unwrap();
    let expected = format!("v1,{}", BASE64.encode(&key.sign(&[signed.as_bytes()])));
    assert_eq!(received.header("webhook-signature"), Some(expected.as_str()));
    let event: serde_json::Value = serde_json::from_str(&received.body).unwrap();
    let told = ["type", "tenant", "instance", "run", "mode", "state", "projects"].map(|key| event[key].clone());
    let expected = serde_json::json!(["run-ended", "acme", "code", run.id, "full", "partial", 7]);
    assert_eq!(serde_json::json!(told), expected);
    assert_eq!(event["started_at"], serde_json::json!(run.started_at));
    assert_eq!(event["counts"]["records"], 0);
    assert!(!received.body.contains("secret words"));
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_under_the_same_id() {
    let receiver = Receiver::answering(&["500 Oops", "503 Busy\nretry-after: 3", "200 OK"]).await;
    let house = House::telling(&receiver).await;
    house.end_a_run();
    let deliveries = house.tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(deliveries, Deliveries { delivered: 1, failed: 0, next_at: None });
    let received = receiver.received();
    let ids: Vec<_> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let waits = house.waits.0.lock().unwrap().clone();
    assert!(waits.len() == 2 && waits[0] <= Duration::from_secs(1) && waits[1] >= Duration::from_secs(3), "{waits:?}");
    assert_eq!(house.deliveries().remove(0).tries, 3);
}

#[tokio::test]
async fn what_is_not_told_in_time_waits_in_the_store_for_whoever_comes_next() {
    let receiver = Receiver::answering(&["503 Busy\nretry-after: 3600", "200 OK"]).await;
    let house = House::telling(&receiver).await;
    house.end_a_run();
    let deliveries = house.tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(deliveries.next_at, Some(Timestamp::from_micros(1_700_003_600_500_000)));
    let delivery = house.deliveries().remove(0);
    assert_eq!(
        (delivery.state, delivery.problem.as_deref()),
        (DeliveryState::Pending, Some("the receiver answered 503"))
    );
    let retried = house.tenant.retry_delivery(delivery.id).await.unwrap();
    assert_eq!((retried.state, retried.tries), (DeliveryState::Delivered, 1));
}

#[tokio::test]
async fn a_refused_message_is_given_up_and_what_is_kept_of_the_answer_is_short_and_clean() {
    let long = format!("400 No\n\nyour secret {SECRET} \u{1b}[31m{}", "x".repeat(100_000));
    let receiver = Receiver::answering(&[&long, "302 Found\nlocation: http://169.254.169.254/"]).await;
    let house = House::telling(&receiver).await;
    house.end_a_run();
    house.end_a_run();
    let deliveries = house.tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(deliveries, Deliveries { delivered: 0, failed: 2, next_at: None });
    let [moved, refused] = house.deliveries().try_into().unwrap();
    let answer = refused.answer.unwrap();
    assert!(answer.starts_with("your secret [redacted] \u{fffd}[31mxxx") && answer.len() < 400, "{answer}");
    assert_eq!((moved.status, moved.state), (Some(302), DeliveryState::Failed));
}

#[tokio::test]
async fn an_address_of_this_machine_is_refused_without_the_operators_word() {
    let receiver = Receiver::answering(&["200 OK"]).await;
    let house = House::new();
    let refused = |setup| async { house.tenant.set_webhook(&house.name, setup).await.unwrap_err().to_string() };
    let plain = refused(house.setup(&receiver.origin, None)).await;
    assert!(plain.ends_with("does not use TLS: notifications could be read and altered in transit"), "{plain}");
    let other = refused(house.setup(&receiver.origin, Some("http://127.0.0.1:1"))).await;
    assert!(other.starts_with("origin mismatch: http://127.0.0.1:1 is granted, but the URL is at"), "{other}");
    assert!(refused(house.setup("https://me:pw@receiver.example/", None)).await.contains("more than a scheme"));
    assert!(refused(house.setup("https://receiver.example/#here", None)).await.contains("fragment"));

    // Granted as public, a number and a name of this machine are refused at the connection.
    for url in ["https://127.0.0.1:9/hook", "https://localhost:9/hook", "https://[::ffff:10.0.0.1]/hook"] {
        house.tenant.set_webhook(&house.name, house.setup(url, None)).await.unwrap();
        let delivery = house.tenant.test_webhook(&house.name).await.unwrap();
        let problem = delivery.problem.unwrap();
        assert_eq!((delivery.state, delivery.tries), (DeliveryState::Failed, 1));
        assert!(
            problem.contains("which is a loopback address") || problem.contains("which is a private address"),
            "{url}: {problem}"
        );
    }
    // Where clouds keep their metadata services, no word helps.
    let metadata = house.setup("http://169.254.169.254/hook", Some("http://169.254.169.254"));
    house.tenant.set_webhook(&house.name, metadata).await.unwrap();
    assert!(house.tenant.test_webhook(&house.name).await.unwrap().problem.unwrap().contains("link-local"));
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_test_is_tried_once_and_says_that_it_is_one() {
    let receiver = Receiver::answering(&["500 Oops"]).await;
    let house = House::telling(&receiver).await;
    let delivery = house.tenant.test_webhook(&house.name).await.unwrap();
    assert_eq!((delivery.state, delivery.run, delivery.next_at), (DeliveryState::Failed, None, None));
    let body: serde_json::Value = serde_json::from_str(&receiver.received()[0].body).unwrap();
    assert_eq!((&body["type"], &body["tenant"], &body["instance"]), (&"test".into(), &"acme".into(), &"code".into()));
}
