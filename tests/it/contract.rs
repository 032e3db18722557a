//! The same cases over the core as a library and over the compiled component:
//! both must give the same bytes.

mod both;
mod normalize;

use appsec_model::{FetchRequest, Kind, Scope};
use serde_json::json;
use tests::{SEMGREP_CONNECTOR, TestContextBuilder};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

use self::both::{Both, Call, first_page};

#[tokio::test]
async fn both_describe_themselves_alike() {
    let answer = Both::small().await.agree(&Call::Describe).await;
    assert_eq!(answer["ok"]["id"], "semgrep");
}

#[tokio::test]
async fn both_take_and_refuse_the_same_settings() {
    let mut both = Both::small().await;
    let good = [
        json!({}),
        json!({ "branches": "all", "duplicates": "merged", "page_size": 3000, "kinds": ["sca"] }),
        json!({ "deployment": "demo-corp" }),
    ];
    for settings in good {
        both.configured(settings).await;
    }
    let bad = [
        json!({ "page_size": 99 }),
        json!({ "page_size": "many", "branches": 1, "kinds": [] }),
        json!({ "kinds": ["sast", "sast", "secrets", "x"], "pagesize": 100, "token": "x" }),
        json!({ "deployment": "demo-crop" }),
        json!({ "deployment": "" }),
    ];
    for settings in bad {
        let settings = both.settings(settings);
        let answer = both.agree(&Call::Configure(&settings)).await;
        assert!(answer["error"].is_object(), "{answer}");
    }
    for text in ["", "[]", "{", "null", r#"{"origin": "ftp://x"}"#, r#"{"origin": "https://a@b/"}"#, "{\"\u{0}\": 1}"] {
        let answer = both.agree(&Call::Configure(text)).await;
        assert_eq!(answer["error"]["code"], "invalid-settings", "{text}: {answer}");
    }
}

#[tokio::test]
async fn both_need_to_be_configured_first() {
    let mut both = Both::small().await;
    for call in [Call::ListProjects(None), first_page(Kind::Sast)] {
        assert_eq!(both.agree(&call).await["error"]["code"], "not-configured");
    }
}

#[tokio::test]
async fn both_are_refused_alike() {
    let shape = WorldShape { projects: 2, sast: 10, sca: 0, ..WorldShape::default() };
    let mut both = Both::new(TestContextBuilder { shape, scope: false, ..TestContextBuilder::default() }).await;
    let settings = both.settings(json!({}));
    let answer = both.agree(&Call::Configure(&settings)).await;
    assert_eq!(answer["error"]["code"], "missing-scope");
}

#[tokio::test]
async fn both_read_a_whole_deployment_to_its_end() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    assert_eq!(both.projects().await.len(), 16);
    let expected = both.context.simulator.world().expected(vendor_sim::Expectation::default());
    assert_eq!(both.read(Kind::Sast, Scope::Deployment).await, expected.of(vendor_sim::Kind::Sast).rows);
    assert_eq!(both.read(Kind::Sca, Scope::Deployment).await, expected.of(vendor_sim::Kind::Sca).rows);
}

#[tokio::test]
async fn both_read_projects_by_their_primary_branch() {
    let mut both = Both::small().await;
    both.configured(json!({ "page_size": 100 })).await;
    let projects = both.projects().await;
    let expectation = vendor_sim::Expectation { refs: vendor_sim::Refs::Primary, dedup: false };
    let expected = both.context.simulator.world().expected(expectation);
    for (kind, known) in [(Kind::Sast, vendor_sim::Kind::Sast), (Kind::Sca, vendor_sim::Kind::Sca)] {
        let mut records = 0;
        for batch in projects.chunks(5) {
            records += both.read(kind.clone(), Scope::Projects(batch.to_vec())).await;
        }
        assert_eq!(records, expected.of(known).rows);
    }
    let whole = both.agree(&first_page(Kind::Sast)).await;
    assert_eq!(whole["error"]["code"], "unsupported");
    assert_eq!(both.read(Kind::Sast, Scope::Projects(vec![])).await, 0);
}

#[tokio::test]
async fn both_refuse_kinds_that_they_do_not_bring() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "kinds": ["sast"] })).await;
    for kind in [Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages, Kind::Other("new".to_owned())] {
        assert_eq!(both.agree(&first_page(kind)).await["error"]["code"], "unsupported");
    }
}

#[tokio::test]
async fn both_refuse_damaged_and_foreign_cursors() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let page = both.agree(&first_page(Kind::Sast)).await;
    let good = page["ok"]["next"]["cursor"].as_str().unwrap().to_owned();
    let mut cursors =
        vec![String::new(), "x".to_owned(), "s1".to_owned(), "s2".repeat(25), "é".repeat(25), "f".repeat(5_000)];
    cursors.push(good[..good.len() - 1].to_owned());
    cursors.push(good.to_uppercase());
    cursors.extend((0..good.len()).map(|at| {
        let digit = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
        format!("{}{digit}{}", &good[..at], &good[at + 1..])
    }));
    for cursor in cursors {
        let request =
            FetchRequest { kind: Kind::Sast, scope: Scope::Deployment, since: None, cursor: Some(cursor.clone()) };
        assert_eq!(both.agree(&Call::FetchFindings(request)).await["error"]["code"], "invalid-cursor", "{cursor}");
        assert_eq!(both.agree(&Call::ListProjects(Some(&cursor))).await["error"]["code"], "invalid-cursor", "{cursor}");
    }
    let other = FetchRequest { kind: Kind::Sca, scope: Scope::Deployment, since: None, cursor: Some(good) };
    assert_eq!(both.agree(&Call::FetchFindings(other)).await["error"]["code"], "invalid-cursor");
}

#[tokio::test]
async fn both_call_every_failure_by_the_same_name() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let settings = both.settings(json!({}));
    let status = |code| Effect::Status { code };
    let limited = |retry_after| Effect::TooManyRequests { retry_after };
    let effects = [
        ("401", status(401)),
        ("403", status(403)),
        ("404", status(404)),
        ("400", status(400)),
        ("500", status(500)),
        ("502", status(502)),
        ("503", status(503)),
        ("429", limited(None)),
        ("429 with seconds", limited(Some(RetryAfter::Seconds(7)))),
        ("429 with a date", limited(Some(RetryAfter::HttpDate(90)))),
        ("cut body", Effect::CutBody { after_bytes: 30 }),
        ("garbage", Effect::Garbage { bytes: 300 }),
        ("html", Effect::Html),
        ("empty body", Effect::EmptyBody),
        ("wrong shape", Effect::WrongShape),
        ("redirect", Effect::Redirect { location: "https://collector.example.net/?x=1".to_owned() }),
    ];
    let mut names = Vec::new();
    for (what, effect) in effects {
        let faults = [Fault { when: Match::always(), what: effect }];
        let mut codes = Vec::new();
        for call in [Call::Configure(&settings), Call::ListProjects(None), first_page(Kind::Sast)] {
            let answer = both.agree_under(&faults, &call).await;
            codes.push(answer["error"]["code"].as_str().unwrap_or("no error").to_owned());
        }
        codes.dedup();
        names.push(format!("{what}: {}", codes.join(", ")));
    }
    insta::assert_snapshot!(names.join("\n"), @"
    401: unauthorized
    403: forbidden
    404: missing-scope
    400: protocol
    500: unavailable
    502: unavailable
    503: unavailable
    429: rate-limited
    429 with seconds: rate-limited
    429 with a date: rate-limited
    cut body: unavailable
    garbage: protocol
    html: protocol
    empty body: protocol
    wrong shape: protocol
    redirect: protocol
    ");
}

#[tokio::test]
async fn both_remember_nothing_of_a_failed_configure() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let settings = both.settings(json!({ "branches": "all", "page_size": 200 }));
    let faults = [Fault { when: Match::path("/findings"), what: Effect::Status { code: 500 } }];
    assert!(both.agree_under(&faults, &Call::Configure(&settings)).await["error"].is_object());
    let page = both.agree(&first_page(Kind::Sast)).await;
    assert_eq!(page["ok"]["records"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn both_read_the_same_in_events() {
    let mut both = Both::small().await;
    let cases: [(&[u8], &str); 9] = [
        (br#"[{"semgrep_finding":{"numeric_id":7,"repo_name":"a/b"}}]"#, "findings-changed"),
        (br#"[{"semgrep_finding":{"repo_name":"a/b"}},{"semgrep_finding":{}}]"#, "findings-changed"),
        (br#"{"semgrep_scan":{"id":"x","repository":"a/b"}}"#, "scan-finished"),
        (br#"[{"semgrep_scan":{"repository":"\ud83e\udd80"}},{"semgrep_finding":{"repo_name":"c"}}]"#, "scan-finished"),
        (b"[]", "ignored"),
        (br#"{"other":[1e999]}"#, "ignored"),
        (b"", "protocol"),
        (b"[{\"semgrep_scan\":", "protocol"),
        (b"\xff\xfe\x00", "protocol"),
    ];
    for (body, expected) in cases {
        let answer = both.agree(&Call::InterpretEvent(body)).await;
        let told = answer["ok"]["event"].as_str().or(answer["error"]["code"].as_str());
        assert_eq!(told, Some(expected), "{answer}");
    }
}

#[test]
fn the_component_under_test_is_the_one_that_the_program_carries() {
    let carried = host_harness::BUNDLED.iter().find(|bundled| bundled.id == "semgrep").unwrap().component;
    assert!(std::fs::read(SEMGREP_CONNECTOR).unwrap() == carried, "the two were built differently");
}
