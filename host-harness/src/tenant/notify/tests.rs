use data_encoding::BASE64;

use super::*;
use crate::{
    AlertReceiver, VaultKey,
    notify::receiver::Receiver,
    test_context::{START, TestContext, name},
};
use appsec_grant::{Code, SecretSource, files::write_private};
use appsec_store::{AlertFormat, Cause, Run, RunExtent, RunMode, RunState};

const SECRET: &str = "0123456789abcdef-secret";

/// A tenant with an instance that no webhook is set for.
fn unset() -> (TestContext, Tenant) {
    let context = TestContext::new();
    context.clock.follow_waits();
    let tenant = context.tenant("acme");
    context.listed(&tenant, "code");
    context.file("hook-secret", SECRET);
    (context, tenant)
}

fn setup(context: &TestContext, url: &str, private_origin: Option<&str>) -> WebhookSetup {
    WebhookSetup {
        url: url.to_owned(),
        private_origin: private_origin.map(|origin| origin.parse().unwrap()),
        secret: GivenSecret::Read(SecretSource::File { path: context.path("hook-secret") }),
    }
}

/// The same tenant, which tells the receiver of the ends of runs.
async fn telling(receiver: &Receiver) -> (TestContext, Tenant) {
    let (context, tenant) = unset();
    let setup = setup(&context, &format!("{}/hook?to=me", receiver.origin), Some(&receiver.origin));
    tenant.set_webhook(&name("code"), setup).await.unwrap();
    (context, tenant)
}

fn end_a_run(tenant: &Tenant) -> Run {
    let at = |second: i64| Timestamp::from_micros(START - second * 1_000_000);
    tenant.store().run_now(|store| {
        let id = store.instance(&name("code")).unwrap().unwrap().id;
        let run = store.start_run(id, RunMode::Full, RunExtent::Whole, 7, &[], at(60)).unwrap();
        let why = Cause::new(Code::Forbidden, "secret words of the vendor");
        store.finish_run(run, RunState::Partial, Some(&why), at(1)).unwrap();
        store.run(run).unwrap().unwrap()
    })
}

/// The second in which the clock begins, as it is signed.
fn second() -> String {
    (START / 1_000_000).to_string()
}

fn deliveries(tenant: &Tenant) -> Vec<Delivery> {
    tenant.store().run_now(|store| store.deliveries(None, 99)).unwrap()
}

#[tokio::test]
async fn a_run_that_ended_is_told_with_a_signature_that_the_receiver_can_check() {
    let receiver = Receiver::answering(&["200 OK\n\ntaken"]).await;
    let (_context, tenant) = telling(&receiver).await;
    let run = end_a_run(&tenant);
    let outcome = tenant.deliver(Duration::ZERO).await.unwrap();
    assert_eq!(outcome, Deliveries { delivered: 1, failed: 0, next_at: None });

    let received = receiver.received().remove(0);
    assert!(received.head.starts_with("POST /hook?to=me HTTP/1.1"), "{}", received.head);
    let delivery = deliveries(&tenant).remove(0);
    assert_eq!((delivery.state, delivery.status, delivery.tries), (DeliveryState::Delivered, Some(200), 1));
    assert_eq!(delivery.answer.as_deref(), Some("taken"));
    assert_eq!(received.header("webhook-id"), Some(delivery.event_id.as_str()));
    assert_eq!(received.header("webhook-timestamp"), Some(second().as_str()));
    // As a receiver does it: id, time and raw body, with full stops between.
    let signed = format!("{}.{}.{}", delivery.event_id, second(), received.body);
    let key = SigningKey::outgoing(&Secret::typed(SECRET).unwrap()).unwrap();
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
    let (context, tenant) = telling(&receiver).await;
    end_a_run(&tenant);
    let outcome = tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(outcome, Deliveries { delivered: 1, failed: 0, next_at: None });
    let received = receiver.received();
    let ids: Vec<_> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let waits = context.clock.waits();
    assert!(waits.len() == 2 && waits[0] <= Duration::from_secs(1) && waits[1] >= Duration::from_secs(3), "{waits:?}");
    assert_eq!(deliveries(&tenant).remove(0).tries, 3);
}

#[tokio::test]
async fn what_is_not_told_in_time_waits_in_the_store_for_whoever_comes_next() {
    let receiver = Receiver::answering(&["503 Busy\nretry-after: 3600", "200 OK"]).await;
    let (_context, tenant) = telling(&receiver).await;
    end_a_run(&tenant);
    let outcome = tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(outcome.next_at, Some(Timestamp::from_micros(START + 3_600_000_000)));
    let delivery = deliveries(&tenant).remove(0);
    assert_eq!(
        (delivery.state, delivery.problem.as_deref()),
        (DeliveryState::Pending, Some("the receiver answered 503"))
    );
    let retried = tenant.retry_delivery(delivery.id).await.unwrap();
    assert_eq!((retried.state, retried.tries), (DeliveryState::Delivered, 1));
}

#[tokio::test]
async fn a_refused_message_is_given_up_and_what_is_kept_of_the_answer_is_short_and_clean() {
    let long = format!("400 No\n\nyour secret {SECRET} \u{1b}[31m{}", "x".repeat(100_000));
    let receiver = Receiver::answering(&[&long, "302 Found\nlocation: http://169.254.169.254/"]).await;
    let (_context, tenant) = telling(&receiver).await;
    end_a_run(&tenant);
    end_a_run(&tenant);
    let outcome = tenant.deliver(Duration::from_secs(10)).await.unwrap();
    assert_eq!(outcome, Deliveries { delivered: 0, failed: 2, next_at: None });
    let [moved, refused] = deliveries(&tenant).try_into().unwrap();
    let answer = refused.answer.unwrap();
    assert!(answer.starts_with("your secret [redacted] \u{fffd}[31mxxx") && answer.len() < 400, "{answer}");
    assert_eq!((moved.status, moved.state), (Some(302), DeliveryState::Failed));
}

#[tokio::test]
async fn an_address_of_this_machine_is_refused_without_the_operators_word() {
    let receiver = Receiver::answering(&["200 OK"]).await;
    let (context, tenant) = unset();
    let refused = |setup| async { tenant.set_webhook(&name("code"), setup).await.unwrap_err().to_string() };
    let plain = refused(setup(&context, &receiver.origin, None)).await;
    assert!(plain.ends_with("does not use TLS: notifications could be read and altered in transit"), "{plain}");
    let other = refused(setup(&context, &receiver.origin, Some("http://127.0.0.1:1"))).await;
    assert!(other.starts_with("origin mismatch: http://127.0.0.1:1 is granted, but the URL is at"), "{other}");
    assert!(refused(setup(&context, "https://me:pw@receiver.example/", None)).await.contains("more than a scheme"));
    assert!(refused(setup(&context, "https://receiver.example/#here", None)).await.contains("fragment"));

    // Granted as public, a number and a name of this machine are refused at the connection.
    for url in ["https://127.0.0.1:9/hook", "https://localhost:9/hook", "https://[::ffff:10.0.0.1]/hook"] {
        tenant.set_webhook(&name("code"), setup(&context, url, None)).await.unwrap();
        let delivery = tenant.test_webhook(&name("code")).await.unwrap();
        let problem = delivery.problem.unwrap();
        assert_eq!((delivery.state, delivery.tries), (DeliveryState::Failed, 1));
        assert!(
            problem.contains("which is a loopback address") || problem.contains("which is a private address"),
            "{url}: {problem}"
        );
    }
    // Where clouds keep their metadata services, no word helps.
    let metadata = setup(&context, "http://169.254.169.254/hook", Some("http://169.254.169.254"));
    tenant.set_webhook(&name("code"), metadata).await.unwrap();
    assert!(tenant.test_webhook(&name("code")).await.unwrap().problem.unwrap().contains("link-local"));
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_test_is_tried_once_and_says_that_it_is_one() {
    let receiver = Receiver::answering(&["500 Oops"]).await;
    let (_context, tenant) = telling(&receiver).await;
    let delivery = tenant.test_webhook(&name("code")).await.unwrap();
    assert_eq!((delivery.state, delivery.run, delivery.next_at), (DeliveryState::Failed, None, None));
    let body: serde_json::Value = serde_json::from_str(&receiver.received()[0].body).unwrap();
    assert_eq!((&body["type"], &body["tenant"], &body["instance"]), (&"test".into(), &"acme".into(), &"code".into()));
}

/// The same tenant, with a key for its vault.
fn with_key() -> (TestContext, Tenant) {
    let (context, _) = unset();
    let key = context.path("vault.key");
    write_private(&key, VaultKey::generate().unwrap().text().as_bytes()).unwrap();
    let harness = context.harness.with_vault_key(SecretSource::File { path: key });
    let tenant = harness.tenant("acme".parse().unwrap()).unwrap();
    (context, tenant)
}

#[test]
fn what_the_store_still_names_stays_in_the_vault() {
    let (context, tenant) = with_key();
    let from = || SecretSource::File { path: context.path("hook-secret") };
    let (code, audience) = (name("code"), Audience::nobody());
    let kept = |given| tenant.kept_secret(&code, OUTGOING, given, &audience, |_| Ok(())).unwrap();
    assert_eq!(kept(GivenSecret::Stored(from())), SecretSource::Vault);
    // It is read from the file from now on, which nobody has written down yet.
    let source = kept(GivenSecret::Read(from()));
    assert_eq!((tenant.vault_report().unwrap().entries.len(), &source), (1, &from()));
    tenant.forget_unstored(&code, OUTGOING, &source).unwrap();
    assert_eq!(tenant.vault_report().unwrap().entries.len(), 0);
}

#[test]
fn a_secret_that_the_vendor_replaces_goes_to_the_vault_where_the_one_before_is() {
    let (_context, tenant) = with_key();
    let secret = |text: &str| Secret::typed(text).unwrap();
    let made = appsec_store::NewInstance {
        name: name("code"),
        connector_id: "any".to_owned(),
        connector_version: "1.0.0".to_owned(),
        connector_source: appsec_store::ConnectorSource::Reports,
        connector_sha256: None,
        settings: serde_json::Map::new(),
        egress: Default::default(),
        secrets: [("REFRESH".to_owned(), SecretSource::Vault), ("OTHER".to_owned(), SecretSource::Input)].into(),
        proxy: None,
    };
    let key = tenant.vault_key().unwrap();
    tenant.vault().put(&key, &made.name, &[("REFRESH".to_owned(), secret("first"))], &made.audience()).unwrap();
    let access = tenant.access(&made, Vec::new(), std::sync::Arc::default(), None);
    (access.renew)("REFRESH", &secret("first"), &secret("second")).unwrap();
    // Somebody has given another one meanwhile: it stays.
    (access.renew)("REFRESH", &secret("first"), &secret("third")).unwrap_err();
    (access.renew)("OTHER", &secret("first"), &secret("third")).unwrap_err();
    let stored = tenant.stored_secret(&made.name, "REFRESH", &made.audience()).unwrap();
    assert_eq!(stored.reveal(), "second");
    // Whoever is about to store them all has it in any case.
    let renewed = super::super::session::Renewed::default();
    let access = tenant.access(&made, Vec::new(), std::sync::Arc::default(), Some(&renewed));
    (access.renew)("OTHER", &secret("first"), &secret("third")).unwrap();
    let mut secrets = vec![("OTHER".to_owned(), secret("first")), ("REFRESH".to_owned(), secret("second"))];
    renewed.put_into(&mut secrets);
    assert_eq!(secrets[0].1.reveal(), "third");
}

#[tokio::test]
async fn the_address_of_a_chat_is_in_no_error() {
    let (context, tenant) = unset();
    for url in ["hooks.slack.example/services/SECRET", "https://user:SECRET@hooks.slack.example/services/x"] {
        let secret = SecretSource::File { path: context.file("chat", url) };
        let chat =
            AlertReceiver::Chat { format: AlertFormat::Slack, private_origin: None, secret: GivenSecret::Read(secret) };
        let error = tenant.alert_target(&name("code"), chat).unwrap_err();
        assert_eq!(error.code(), Code::InvalidUrl);
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
