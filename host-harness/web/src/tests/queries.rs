//! What the queries of routes may hold.

use std::time::Duration;

use host_harness::{grant::TenantId, store::Role};
use serde_json::{Value, json};

use super::{Served, address, body, served, status};
use crate::table::API;

/// A server with a tenant, and the header of a token that may all of it.
async fn administered() -> (Served, String) {
    let served = served().await;
    let tenant: TenantId = "default".parse().unwrap();
    served.harness.add_tenant(tenant.clone()).unwrap();
    let access = served.harness.access().unwrap();
    let token = access.add_token(&tenant, String::new(), Role::Admin, Duration::from_secs(3_600)).await.unwrap().token;
    (served, format!("Authorization: Bearer {token}\r\n"))
}

#[tokio::test]
async fn no_route_of_the_api_takes_a_query_that_it_does_not_know() {
    let (served, token) = administered().await;
    let (_, table) = crate::routes::routes(&served.site).parts();
    let below: Vec<_> = table.iter().filter(|it| it.path.starts_with(API)).collect();
    assert!(below.len() > 60, "{} routes", below.len());
    for route in below {
        let (verb, path) = (route.verb(), address(route.path, "default"));
        let ask = async |query: &str| served.ask(verb.as_str(), &format!("{path}?{query}"), &token).await;
        let refused = ask("nonsense=1").await;
        assert_eq!(status(&refused), 400, "{verb} {path}: {refused}");
        let problem: Value = serde_json::from_str(body(&refused)).unwrap();
        assert_eq!(problem["code"], "usage", "{verb} {path}");
        assert_eq!(problem["detail"], "unknown filter `nonsense`", "{verb} {path}");
        if !route.rehearses {
            let refused = ask("dry_run=true").await;
            assert!(status(&refused) == 400 && refused.contains("`dry_run`"), "{verb} {path}: {refused}");
        }
        if route.query().any(|it| it.name == "limit") {
            let told = "invalid value `501` for `limit`";
            let refused = ask("limit=501").await;
            assert!(status(&refused) == 400 && refused.contains(told), "{verb} {path}: {refused}");
            assert!(!ask("limit=500").await.contains("for `limit`"), "{verb} {path}");
        }
    }
    // Nothing was begun for any of them.
    let tenant = "default".parse().unwrap();
    let began = served.harness.access().unwrap().audit(Some(&tenant), 500).await.unwrap().entries;
    assert!(!began.iter().any(|it| it.action == "import"), "{began:?}");
}

#[tokio::test]
async fn lists_that_are_whole_are_read_in_pages_where_that_is_asked() {
    let (served, token) = administered().await;
    let names: Vec<Value> = ["a", "b", "c"].map(|it| json!({ "name": format!("acme/{it}") })).into();
    let list = json!(names).to_string();
    let all = "/api/v1/tenants/default/repositories";
    let (host, length) = (&served.address, list.len());
    let head = format!("POST {all} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}");
    let done = served.send(&format!("{head}Content-Length: {length}\r\n\r\n{list}")).await;
    assert_eq!(status(&done), 200, "{done}");
    let names = async |query: &str| {
        let list = served.get(&format!("{all}{query}"), &token).await;
        let list: Value = serde_json::from_str(body(&list)).unwrap();
        list["repositories"].as_array().unwrap().len()
    };
    assert_eq!((names("").await, names("?limit=2").await, names("?limit=2&offset=2").await), (3, 2, 1));
    for path in ["mappings?limit=0", "instances?limit=0"] {
        let list = served.get(&format!("/api/v1/tenants/default/{path}"), &token).await;
        assert_eq!(status(&list), 200, "{list}");
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_read_to_its_end() {
    let (served, token) = administered().await;
    for _ in 0..5 {
        served.ask("DELETE", "/api/v1/tenants/default/advisories", &token).await;
    }
    let audit = async |query: &str| -> Value {
        let answer = served.get(&format!("/api/v1/tenants/default/audit?{query}"), &token).await;
        assert_eq!(status(&answer), 200, "{answer}");
        serde_json::from_str(body(&answer)).unwrap()
    };
    let (mut path, mut numbers) = ("limit=3".to_owned(), Vec::new());
    loop {
        let page = audit(&path).await;
        numbers.extend(page["entries"].as_array().unwrap().iter().map(|it| it["number"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("limit=3&cursor={cursor}");
    }
    assert_eq!(numbers, (1..=10).rev().collect::<Vec<_>>());
    let count = async |query: &str| audit(query).await["entries"].as_array().unwrap().len();
    assert_eq!((count("action=remove%20advisories").await, count("action=sync").await), (10, 0));
    assert_eq!((count("who=token").await, count("who=browser").await), (10, 0));
    assert_eq!((count("since=1d").await, count("since=2100-01-01").await), (10, 0));
    for wrong in ["since=soon", "cursor=x"] {
        let refused = served.get(&format!("/api/v1/tenants/default/audit?{wrong}"), &token).await;
        assert_eq!(status(&refused), 422, "{refused}");
    }
}

#[tokio::test]
async fn a_program_learns_who_it_is_and_what_a_run_did() {
    let (served, token) = administered().await;
    let get = async |path: &str| served.get(&format!("/api/v1{path}"), &token).await;
    let read = |answer: &str| -> Value {
        assert_eq!(status(answer), 200, "{answer}");
        serde_json::from_str(body(answer)).unwrap()
    };
    let me = read(&get("/me").await);
    assert!(me["who"].as_str().unwrap().starts_with("token:"));
    assert_eq!((&me["role"], &me["tenants"]), (&json!("admin"), &json!(["default"])));
    let browser = read(&served.get("/api/v1/me", &served.session().await).await);
    assert_eq!((&browser["who"], &browser["role"]), (&json!("browser"), &Value::Null));

    let report =
        json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": { "name": "t" } }, "results": [] }] }).to_string();
    let (host, length) = (&served.address, report.len());
    let path = "/api/v1/tenants/default/imports?source=t&project=acme/shop";
    let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}");
    let done = served.send(&format!("{head}Content-Length: {length}\r\n\r\n{report}")).await;
    assert_eq!(status(&done), 201, "{done}");
    let run = "/tenants/default/runs/1";
    assert_eq!(read(&get(&format!("{run}/vanishing")).await), json!({ "run": 1, "total": 0, "findings": [] }));
    assert_eq!(read(&get(&format!("{run}/diagnostics")).await)["run"], 1);
    let events = get(&format!("{run}/events")).await;
    assert!(events.contains("content-type: text/event-stream\r\n"), "{events}");
    assert!(
        events.contains("event: run\ndata: {\"total\":1,\"runs\":[") && events.contains("event: end\n"),
        "{events}"
    );
    for what in ["events", "diagnostics", "vanishing"] {
        assert_eq!(status(&get(&format!("/tenants/default/runs/9/{what}")).await), 404, "{what}");
    }
    for list in ["projects", "connectors"] {
        let answer = read(&get(&format!("/tenants/default/{list}")).await);
        assert!(answer[list].is_array(), "{answer}");
    }
}

#[tokio::test]
async fn a_setup_without_a_token_is_told_as_a_field_that_is_empty() {
    let (served, token) = administered().await;
    let (host, body_sent) = (&served.address, r#"{"name":"code"}"#);
    let head =
        format!("POST /api/v1/tenants/default/onboardings HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}");
    let refused = served.send(&format!("{head}Content-Length: {}\r\n\r\n{body_sent}", body_sent.len())).await;
    assert_eq!(status(&refused), 422, "{refused}");
    assert!(body(&refused).contains("\"detail\": \"token: it is empty\""), "{refused}");
}
