//! Every fault that a vendor can have, at every step: how it ends, how often it
//! was tried, whether it was waited, and that the store is as it was.

use std::{collections::BTreeSet, fmt::Write, time::Duration};

use host_harness::{Error, ingest::RetryPolicy, sandbox::Limits, store::RunState};
use serde_json::json;
use strum::VariantNames;
use tests::{TestContext, TestContextBuilder, content, name, settings, store};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

/// Every effect of the simulator; those with a number are seen with each that
/// means something else.
fn effects() -> Vec<(&'static str, Effect)> {
    let status = |code| Effect::Status { code };
    let limited = |retry_after| Effect::TooManyRequests { retry_after };
    vec![
        ("400", status(400)),
        ("401", status(401)),
        ("403", status(403)),
        ("404", status(404)),
        ("500", status(500)),
        ("502", status(502)),
        ("503", status(503)),
        ("429", limited(None)),
        ("429, in 7 s", limited(Some(RetryAfter::Seconds(7)))),
        ("429, at a date", limited(Some(RetryAfter::HttpDate(7)))),
        ("429, in an hour", limited(Some(RetryAfter::Seconds(3600)))),
        ("late", Effect::SlowFirstByte { delay: Duration::from_secs(4) }),
        ("drip", Effect::Drip { chunk_bytes: 1, interval: Duration::from_millis(100) }),
        ("cut body", Effect::CutBody { after_bytes: 30 }),
        ("garbage", Effect::Garbage { bytes: 2_000 }),
        ("login page", Effect::Html),
        ("empty body", Effect::EmptyBody),
        ("wrong shape", Effect::WrongShape),
        ("repeated page", Effect::RepeatedPage),
        ("shifted page", Effect::ShiftedPage { rows: 40 }),
        ("endless pages", Effect::EndlessPages),
        ("empty page", Effect::EmptyPage),
        ("token echoed", Effect::EchoAuthorization { code: 500 }),
        (
            "half a surrogate pair",
            Effect::Replace { text: r#"{"findings":"#.to_owned(), with: r#"{"note":"\udce9","findings":"#.to_owned() },
        ),
        ("redirect", Effect::Redirect { location: "http://127.0.0.1:9/elsewhere".to_owned() }),
        ("huge body", Effect::HugeBody { bytes: 4 << 20 }),
    ]
}

/// How a step ended, the exit code of the command, and the first line of why.
fn ended(context: &TestContext, outcome: Result<(RunState, Option<String>), Error>) -> (&'static str, u8, String) {
    // Waits of our own choice differ by a random part.
    let first = |text: &str| {
        let line = context.redact(text.lines().next().unwrap_or_default());
        line.split(", waited ").next().map(str::to_owned).unwrap_or_default()
    };
    match outcome {
        Ok((RunState::Complete, _)) => ("complete", 0, String::new()),
        // Nothing came at all.
        Ok((RunState::Failed, why)) => ("failed", 1, first(&why.unwrap_or_default())),
        Ok((_, why)) => ("partial", 3, first(&why.unwrap_or_default())),
        Err(error) => ("failed", 1, first(&error.to_string())),
    }
}

#[test]
fn no_fault_of_the_simulator_is_left_out() {
    let seen: BTreeSet<String> = effects().iter().map(|(_, effect)| effect.as_ref().to_owned()).collect();
    assert_eq!(seen, Effect::VARIANTS.iter().map(|&name| name.to_owned()).collect());
}

#[tokio::test]
async fn whatever_a_vendor_does_at_the_setup_no_finding_is_lost_or_closed() {
    tried("configure", "deployments", 0).await;
}

#[tokio::test]
async fn whatever_a_vendor_does_at_its_projects_no_finding_is_lost_or_closed() {
    tried("list-projects", "projects", 0).await;
}

#[tokio::test]
async fn whatever_a_vendor_does_at_the_first_page_no_finding_is_lost_or_closed() {
    tried("fetch", "findings", 0).await;
}

#[tokio::test]
async fn whatever_a_vendor_does_at_a_page_in_the_middle_no_finding_is_lost_or_closed() {
    tried("mid-run", "findings", 2).await;
}

/// Tries every fault at a step: in the requests to an endpoint, from one of them on.
async fn tried(step: &str, endpoint: &str, first: u64) {
    let limits = Limits {
        first_byte_time: Duration::from_secs(2),
        request_time: Duration::from_secs(3),
        response_bytes: 2 << 20,
        ..Limits::default()
    };
    let retry = RetryPolicy { tries: 3, ..RetryPolicy::default() };
    // One read of several pages, so that requests can be counted.
    let shape = WorldShape { projects: 1, sast: 450, sca: 0, ..WorldShape::default() }.without_oddities();
    let context = TestContextBuilder { shape, limits, retry, ..TestContextBuilder::default() }.start();
    let pages = || settings(json!({ "page_size": 100, "kinds": ["sast"] }));
    let (tenant, _) = context.connected("acme", pages()).await;
    context.sync(&tenant).await.unwrap();
    let before = content(&tenant);
    context.waits.take();

    let mut table =
        String::from("| step | fault | ends | exit | tries | waited | why |\n|---|---|---|---|---|---|---|\n");
    for (fault, what) in effects() {
        context
            .faults(vec![Fault { when: Match { first, ..Match::path(format!("/{endpoint}")) }, what: what.clone() }]);
        let requests = || context.simulator.stats().by_endpoint.get(endpoint).copied().unwrap_or_default();
        let earlier = requests();
        let outcome = if step == "configure" {
            let fresh = context.tenant("fresh");
            let added = fresh.add_instance(context.semgrep("code", pages()), true).await;
            if added.is_ok() {
                fresh.delete_instance(&name("code"), &name("code")).await.unwrap();
            }
            assert!(store(&fresh).run_now(|store| store.instances()).unwrap().is_empty(), "{step}, {fault}");
            added.map(|_| (RunState::Complete, None))
        } else {
            context.sync(&tenant).await.map(|run| (run.state, run.message))
        };
        let tries = requests() - earlier;
        let tries = match fault {
            // What is given up before it is answered is not counted.
            "late" => "-".to_owned(),
            // Pages are fetched ahead of those that are compared.
            "endless pages" if tries > 2 => {
                assert!((9..=11).contains(&tries), "{step}, {fault}: {tries}");
                "9 to 11".to_owned()
            }
            _ => tries.to_string(),
        };
        let waits = context.waits.take();
        match fault {
            "429, in 7 s" => assert!(waits.iter().all(|wait| *wait >= Duration::from_secs(7)), "{waits:?}"),
            // A date has whole seconds.
            "429, at a date" => assert!(waits.iter().all(|wait| *wait >= Duration::from_secs(6)), "{waits:?}"),
            _ => {}
        }
        // Between any two tries; none where trying again would not help, or
        // nobody waits for so long.
        let expected = match fault {
            "429" | "429, in 7 s" | "429, at a date" | "500" | "502" | "503" | "late" | "drip" | "cut body"
            | "token echoed" => 2,
            _ => 0,
        };
        assert_eq!(waits.len(), expected, "{step}, {fault}");
        let (ends, exit, why) = ended(&context, outcome);
        let _ = writeln!(table, "| {step} | {fault} | {ends} | {exit} | {tries} | {} | {why} |", waits.len());
        content(&tenant).assert_untouched(&before);

        // As soon as the vendor is well again, so is the instance.
        context.faults(Vec::new());
        let run = context.sync(&tenant).await.unwrap();
        assert_eq!((run.state, run.counts.vanished), (RunState::Complete, 0), "{step}, {fault}");
        content(&tenant).assert_untouched(&before);
    }
    insta::assert_snapshot!(step, table);
}
