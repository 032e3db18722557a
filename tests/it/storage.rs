//! A bucket belongs to one instance, has its quotas, and changes only when a
//! call succeeds.

use host_harness::sandbox::Limits;
use serde_json::json;
use tests::{name, settings};

use crate::hostile::{Hostile, Who, soon};

#[tokio::test]
async fn no_instance_sees_the_bucket_of_another_whatever_name_it_opens() {
    let hostile = Hostile::new(Limits::default()).await;
    for (who, mark) in [(Who::First, "of one"), (Who::SameTenant, "of two"), (Who::OtherTenant, "of other")] {
        assert_eq!(hostile.told(who, json!({ "do": "bucket-mark", "keys": [mark] })).await.unwrap(), "marked");
    }
    let names = json!({ "do": "bucket-read", "keys": ["connector", "", "acme/one", "../two", "other", "1"] });
    let mut seen = Vec::new();
    for who in [Who::First, Who::SameTenant, Who::OtherTenant] {
        seen.push(hostile.told(who, names.clone()).await.unwrap());
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    "connector": of one; "": of one; "acme/one": of one; "../two": of one; "other": of one; "1": of one
    "connector": of two; "": of two; "acme/one": of two; "../two": of two; "other": of two; "1": of two
    "connector": of other; "": of other; "acme/one": of other; "../two": of other; "other": of other; "1": of other
    "#);
    hostile.assert_well().await;
}

#[tokio::test]
async fn what_a_failed_call_wrote_is_not_there() {
    let hostile = Hostile::new(Limits::default()).await;
    let read = json!({ "do": "bucket-read", "keys": ["connector"] });
    for deed in ["bucket-mark-and-trap", "bucket-mark-and-fail"] {
        hostile.told(Who::First, json!({ "do": deed, "keys": ["half"] })).await.unwrap_err();
        assert_eq!(hostile.told(Who::First, read.clone()).await.unwrap(), r#""connector": nothing"#, "{deed}");
    }
    hostile.assert_well().await;
}

#[tokio::test]
async fn what_is_removed_is_gone_for_the_next_call_too() {
    let hostile = Hostile::new(Limits::default()).await;
    hostile.told(Who::First, json!({ "do": "bucket-mark", "keys": ["here"] })).await.unwrap();
    assert_eq!(hostile.told(Who::First, json!({ "do": "bucket-unmark" })).await.unwrap(), "true, then false");
    let read = json!({ "do": "bucket-read", "keys": ["connector"] });
    assert_eq!(hostile.told(Who::First, read).await.unwrap(), r#""connector": nothing"#);
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_bucket_outlives_the_host() {
    let hostile = Hostile::new(Limits::default()).await;
    hostile.told(Who::First, json!({ "do": "bucket-mark", "keys": ["lasting"] })).await.unwrap();
    let again = hostile.context.tenant("acme");
    let grant = again.grant(&name("one")).await.unwrap();
    let read = json!({ "do": "bucket-read", "keys": ["connector"] }).to_string();
    let seen = soon(hostile.connector.configure(&grant, &read)).await.unwrap().value.diagnostics.remove(0).message;
    assert_eq!(seen, r#""connector": lasting"#);
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused() {
    let hostile = Hostile::new(Limits { value_bytes: 1_000, ..Limits::default() }).await;
    let write = |bytes: u32| json!({ "do": "bucket-large", "count": bytes });
    assert_eq!(hostile.told(Who::First, write(1_000)).await.unwrap(), "written");
    insta::assert_snapshot!(hostile.told(Who::First, write(1_001)).await.unwrap(), @"refused: a value has at most 1000 bytes");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_bucket_takes_only_so_many_keys() {
    let hostile = Hostile::new(Limits { keys: 10, ..Limits::default() }).await;
    let seen = hostile.told(Who::First, json!({ "do": "bucket-many", "count": 1 })).await.unwrap();
    insta::assert_snapshot!(seen, @"10 written, then: a bucket has at most 10 keys");
    let other = hostile.told(Who::SameTenant, json!({ "do": "bucket-mark", "keys": ["x"] })).await.unwrap();
    assert_eq!(other, "marked", "the quota is that of one instance");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_bucket_takes_only_so_many_bytes() {
    let hostile = Hostile::new(Limits { bucket_bytes: 10_000, ..Limits::default() }).await;
    let seen = hostile.told(Who::First, json!({ "do": "bucket-many", "count": 994 })).await.unwrap();
    insta::assert_snapshot!(seen, @"10 written, then: a bucket holds at most 10000 bytes");
    hostile.assert_well().await;
}

#[tokio::test]
async fn a_key_is_short_and_without_control_characters() {
    let hostile = Hostile::new(Limits { key_bytes: 8, ..Limits::default() }).await;
    let keys = ["", "new\nline", "nul\0", "too-long-a-key", "\u{85}", "plain", "ümlaut", "../up"];
    let seen = hostile.told(Who::First, json!({ "do": "bucket-keys", "keys": keys })).await.unwrap();
    insta::assert_snapshot!(seen.replace("; ", "\n"), @"
    a key has 1 to 8 bytes and no control characters
    a key has 1 to 8 bytes and no control characters
    a key has 1 to 8 bytes and no control characters
    a key has 1 to 8 bytes and no control characters
    a key has 1 to 8 bytes and no control characters
    written
    written
    written
    ");
    hostile.assert_well().await;
}

#[tokio::test]
async fn the_bucket_of_an_instance_that_could_not_connect_is_gone() {
    let hostile = Hostile::new(Limits::default()).await;
    let mut orders = settings(json!({ "do": "refuse" }));
    soon(hostile.tenant.add_instance(hostile.context.hostile("three", orders.clone()), true)).await.unwrap_err();
    orders.insert("do".to_owned(), json!("bucket-read"));
    orders.insert("keys".to_owned(), json!(["connector"]));
    let made = soon(hostile.tenant.add_instance(hostile.context.hostile("three", orders), true)).await.unwrap();
    assert_eq!(made.connection.unwrap().diagnostics[0].message, r#""connector": nothing"#);
    hostile.assert_well().await;
}
