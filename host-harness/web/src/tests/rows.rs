//! What pages say of packages, projects and connectors that there are.

use std::sync::Arc;

use host_harness::{Tenant, ingest::ImportOptions};
use serde_json::{Value, json};

use super::{Served, body, served, status};

/// Imports a report of the project `acme/shop`.
async fn imported(served: &Served, tenant: &Tenant, document: &Value) {
    let path = served._folder.path().join("report.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let name = "reports".parse().unwrap();
    tenant.source(&name).await.unwrap();
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&name, &path, options, Arc::new(|_| ())).await.unwrap();
}

/// Imports an inventory with these npm packages.
async fn inventory(served: &Served, tenant: &Tenant, names: &[String]) {
    let components: Vec<_> = names
        .iter()
        .map(|name| json!({ "type": "library", "name": name, "version": "1.0.0", "purl": format!("pkg:npm/{name}@1.0.0") }))
        .collect();
    let document = json!({ "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components });
    imported(served, tenant, &document).await;
}

#[tokio::test]
async fn a_package_is_found_by_its_name_alone() {
    let served = served().await;
    let tenant = served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    // More that have the name in theirs than a page shows.
    let mut names: Vec<String> = (0..210).map(|it| format!("a-ms-{it}")).collect();
    names.push("ms".to_owned());
    inventory(&served, &tenant, &names).await;
    let shown = async |path: &str| served.get(&format!("/t/default/packages/{path}"), &session).await;
    let page = shown("npm/ms").await;
    assert!(status(&page) == 200 && body(&page).contains("acme/shop"), "{page}");
    assert_eq!((status(&shown("pypi/ms").await), status(&shown("npm/a-ms").await)), (404, 404));
    let listed = served.get("/api/v1/tenants/default/packages?package=ms", &session).await;
    assert_eq!(serde_json::from_str::<Value>(body(&listed)).unwrap()["total"], 1, "{listed}");
}

#[tokio::test]
async fn a_scanner_that_is_added_keeps_what_was_said_of_its_project() {
    let served = served().await;
    let tenant = served.harness.add_tenant("default".parse().unwrap()).unwrap();
    inventory(&served, &tenant, &["ms".to_owned()]).await;
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let send = async |what: &str, body: &str| {
        let (host, length) = (&served.address, body.len());
        let path = format!("/t/default/repositories/acme%2Fshop/{what}");
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
        status(&served.send(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await)
    };
    let project = "instance=reports&project=acme%2Fshop";
    assert_eq!(send("fields", &format!("{project}&environment=production&metadata=team%3Dweb")).await, 303);
    assert_eq!(send("scanner", &format!("{project}&environment=&branch=main&tag=&metadata=")).await, 303);
    let said = &tenant.mapping_list(None, Vec::new()).await.unwrap().projects[0].scan_fields;
    let said = (said.environment.as_deref(), said.branch.as_deref(), said.metadata.len());
    assert_eq!(said, (Some("production"), Some("main"), 1));
}

#[tokio::test]
async fn a_connector_that_does_not_load_and_a_store_that_does_not_open_make_no_page_an_error() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    let broken = served._folder.path().join("tenants/broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("store.sqlite3"), "this is no store".repeat(600)).unwrap();
    let components = served._folder.path().join("connectors");
    std::fs::create_dir_all(&components).unwrap();
    std::fs::write(components.join(format!("{}.wasm", "0".repeat(64))), "this is no component").unwrap();
    for path in ["/t/default/sources", "/server"] {
        let page = served.get(path, &session).await;
        assert_eq!(status(&page), 200, "{path}: {page}");
    }
}

#[tokio::test]
async fn what_was_opened_from_a_list_leads_on_through_all_of_its_pages() {
    let served = served().await;
    let tenant = served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    let result = |rule: &str| json!({ "ruleId": rule, "message": { "text": rule } });
    let results: Vec<_> = ["one", "two", "three"].map(result).into();
    let run = json!({ "tool": { "driver": { "name": "lamp" } }, "results": results });
    imported(&served, &tenant, &json!({ "version": "2.1.0", "runs": [run] })).await;
    for section in ["findings", "issues"] {
        let link = |page: &str, rel: &str| {
            let links = body(page).split("<a ").filter_map(|it| it.split_once('>')).map(|it| it.0);
            let link = links.filter(|it| it.contains(&format!("rel=\"{rel}\""))).find_map(|it| it.split('"').nth(3));
            link.map(|it| it.replace("&amp;", "&"))
        };
        let list = served.get(&format!("/api/v1/tenants/default/{section}?limit=1"), &session).await;
        let list: Value = serde_json::from_str(body(&list)).unwrap();
        let first = list[section][0]["id"].as_str().unwrap();
        let mut address = Some(format!("/t/default/{section}/{first}?from={section}&limit=1"));
        let mut seen = Vec::new();
        while let Some(at) = address {
            let page = served.get(&at, &session).await;
            assert_eq!(status(&page), 200, "{at}: {page}");
            assert!(link(&page, "up").unwrap().starts_with(&format!("/t/default/{section}?")), "{page}");
            address = link(&page, "next");
            assert!(!seen.contains(&at), "{seen:?} {at}");
            seen.push(at);
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
    }
}

#[tokio::test]
async fn ratings_of_advisories_come_and_go_over_the_api() {
    let served = served().await;
    served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let session = served.session().await;
    let own = format!("{session}Sec-Fetch-Site: same-origin\r\n");
    let all = "/api/v1/tenants/default/advisories";
    let record = json!({ "id": "GHSA-35jh-r3h4-6jhm", "aliases": ["CVE-2021-23337"], "severity": [
        { "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H" }] })
    .to_string();
    let import = async |name: &str| {
        let (host, length) = (&served.address, record.len());
        let head = format!("POST {all}?name={name} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{own}");
        served.send(&format!("{head}Content-Length: {length}\r\n\r\n{record}")).await
    };
    for wrong in ["", "osv", ".json", "..%2Fosv.json", "a%00.json", "osv.exe"] {
        assert_eq!(status(&import(wrong).await), 422, "{wrong}");
    }
    let done = import("osv.json").await;
    assert_eq!(serde_json::from_str::<Value>(body(&done)).unwrap()["advisories"], 1, "{done}");
    let one = format!("{all}/CVE-2021-23337");
    let shown = served.get(&one, &session).await;
    assert_eq!(serde_json::from_str::<Value>(body(&shown)).unwrap()["cvss"][0]["source"], "osv.json", "{shown}");
    assert_eq!(status(&served.ask("DELETE", all, &own).await), 200);
    assert_eq!(status(&served.get(&one, &session).await), 404);
}

#[tokio::test]
async fn browsers_are_listed_and_ended_by_another_one() {
    let served = served().await;
    let [mine, other, last] = [served.session().await, served.session().await, served.session().await];
    let key = |cookie: &str| cookie.trim().split_once('=').unwrap().1.to_owned();
    let access = served.harness.access().unwrap();
    let id = async |browser: &str| access.session(&key(browser)).await.unwrap().unwrap();
    let page = served.get("/server", &mine).await;
    for (browser, ended) in [(&mine, false), (&other, true), (&last, true)] {
        let id = id(browser).await;
        assert!(body(&page).contains(&id), "{page}");
        assert_eq!(page.contains(&format!("/server/sessions/{id}/end")), ended, "{page}");
        assert!(!page.contains(&key(browser)), "what lets in is not shown");
    }
    let other_end = format!("{}/end", id(&other).await);
    let own = format!("{mine}Sec-Fetch-Site: same-origin\r\n");
    let end = async |what: &str| status(&served.ask("POST", &format!("/server/sessions/{what}"), &own).await);
    assert_eq!(end(&other_end).await, 303);
    assert_eq!(end(&other_end).await, 404, "it is over");
    let is_in = async |browser: &str| status(&served.get("/tenants", browser).await) == 200;
    assert!(is_in(&mine).await && !is_in(&other).await && is_in(&last).await);
    assert_eq!(end("end-others").await, 303);
    assert!(is_in(&mine).await && !is_in(&last).await);
}
