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
