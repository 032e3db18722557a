//! Stored records through the same connector once more: nothing may change,
//! whichever way they came. What a connector that understands more changes is
//! tested in the store.

use std::sync::Arc;

use host_harness::{
    Tenant,
    ingest::{RenormalizeOptions, RenormalizeReport},
    store::{RunMode, RunState},
};
use serde_json::json;
use tests::{TestContext, content, findings, name, settings, store};
use vendor_sim::WorldShape;

async fn renormalize(tenant: &Tenant, dry_run: bool) -> RenormalizeReport {
    let options = RenormalizeOptions { dry_run, ..RenormalizeOptions::default() };
    tenant.renormalize(&name("code"), options, Arc::new(|_| ())).await.unwrap()
}

#[tokio::test]
async fn the_same_connector_makes_the_same_of_stored_records() {
    let shape = WorldShape { projects: 6, ai_sast: 20, secrets: 30, damaged_per_10_000: 100, ..WorldShape::default() };
    let context = TestContext::new(shape);
    let kinds = json!({ "branches": "all", "kinds": ["sast", "sca", "ai-sast", "secrets", "packages"] });
    let (tenant, _) = context.connected("acme", settings(kinds)).await;
    let synced = context.sync(&tenant).await.unwrap();
    assert_eq!(synced.state, RunState::Complete, "{:?}", synced.message);
    let before = content(&tenant);
    let requests = context.simulator.stats().requests;

    let dry = renormalize(&tenant, true).await;
    assert_eq!((dry.changed, dry.gained, dry.lost, dry.run.is_none()), (0, 0, 0, true), "{:?}", dry.examples.first());
    assert_eq!(
        dry.unchanged as usize,
        before.findings.iter().map(|it| it["occurrences"].as_u64().unwrap() as usize).sum::<usize>()
    );
    let real = renormalize(&tenant, false).await;
    assert_eq!((real.changed, real.records), (0, dry.records));
    let run = real.run.unwrap();
    assert_eq!((run.mode, run.state), (RunMode::Renormalize, RunState::Complete));
    content(&tenant).assert_untouched(&before);
    assert_eq!(context.simulator.stats().requests, requests, "the vendor was asked");
    // And the next sync is none the wiser.
    let again = context.sync(&tenant).await.unwrap();
    assert_eq!((again.counts.new, again.counts.changed, again.counts.vanished), (0, 0, 0));
}

#[tokio::test]
async fn every_kind_arrives_as_the_vendor_has_it() {
    let shape = WorldShape { projects: 9, ai_sast: 40, secrets: 60, ..WorldShape::default() };
    let context = TestContext::new(shape);
    let kinds = json!({ "branches": "all", "kinds": ["ai-sast", "secrets", "packages", "sca"] });
    let (tenant, instance) = context.connected("acme", settings(kinds)).await;
    let run = context.sync(&tenant).await.unwrap();
    assert_eq!((run.state, run.message.as_deref()), (RunState::Complete, None), "{instance:?}");
    let all = vendor_sim::Expectation { refs: vendor_sim::Refs::All, dedup: false };
    let (expected, content) = (context.simulator.world().expected(all), content(&tenant));
    assert_eq!(content.present("ai-sast"), expected.of(vendor_sim::Kind::AiSast).identities);
    assert_eq!(content.present("secrets"), expected.of(vendor_sim::Kind::Secret).identities);
    assert!(content.packages.len() >= expected.packages);
    let inventory = content.packages.iter().filter(|it| it["inventory"] == true).count();
    assert!(inventory > 0 && inventory <= expected.dependencies as usize, "{inventory} of {}", expected.dependencies);
    // Assets exist also where nothing is vulnerable, and are tied to what is.
    let open = |it: &serde_json::Value| it["open_findings"].as_u64().unwrap();
    assert!(content.packages.iter().any(|it| open(it) == 0) && content.packages.iter().any(|it| open(it) > 0));
    // The scan that saw a finding first names its commit.
    let attributed = findings(&tenant).into_iter().any(|row| {
        let detail = store(&tenant).run_now(|store| store.finding(row.id, false)).unwrap().unwrap();
        detail.attribution.is_some_and(|it| it.method == "first-seen-scan" && it.scan.commit.is_some())
    });
    assert!(attributed);
}
