//! How answers come: packed, as files, and written down.

use std::{io::Read, sync::Arc, time::Duration};

use host_harness::{
    ExportFormat,
    grant::TenantId,
    ingest::ImportOptions,
    store::{AuditRow, Role},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Served, body, served, status};

const API: &str = "/api/v1/tenants/default";

/// A server with 50 findings of some length, of a report.
async fn reported() -> Served {
    let served = served().await;
    let tenant = served.harness.add_tenant("default".parse().unwrap()).unwrap();
    let words = ["session", "query", "token", "upload", "template", "redirect", "header", "cookie", "parser", "path"];
    let results: Vec<_> = (0..60)
        .map(|it: usize| {
            let (one, other) = (words[it % 10], words[(it / 10 + it) % 10]);
            let uri = format!("src/{one}/{other}/handler{}.ts", it * 7919 % 997);
            json!({ "ruleId": format!("typescript.{other}.security.{one}-{it}"), "level": "error",
                "message": { "text": format!("A {one} reaches the {other} without being checked (case {})", it * 31 % 89) },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": it * 13 + 1 } } }] })
        })
        .collect();
    let run = json!({ "tool": { "driver": { "name": "lamp" } }, "results": results });
    let path = served._folder.path().join("report.sarif");
    std::fs::write(&path, json!({ "version": "2.1.0", "runs": [run] }).to_string()).unwrap();
    let name = "reports".parse().unwrap();
    tenant.source(&name).await.unwrap();
    let options = ImportOptions { project: Some("acme/shop".to_owned()), ..ImportOptions::default() };
    tenant.import(&name, &path, options, Arc::new(|_| ())).await.unwrap();
    served
}

/// The head of an answer, and its body as it came.
async fn bytes(served: &Served, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let host = &served.address;
    // A connection that goes on tells the end of a body by its parts.
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn pages_lists_and_exports_are_packed_for_who_takes_that_and_secrets_are_not() {
    let served = reported().await;
    let session = served.session().await;
    for path in ["/t/default/findings", &format!("{API}/findings"), &format!("{API}/findings/export/ndjson")] {
        let (head, plain) = bytes(&served, "GET", path, &session).await;
        assert!(!head.contains("content-encoding"), "{path}: {head}");
        let (head, packed) = bytes(&served, "GET", path, &format!("{session}Accept-Encoding: gzip\r\n")).await;
        assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{path}: {head}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
        let [plain, unpacked] = [plain, unpacked].map(|it| String::from_utf8(it).unwrap());
        // How long ago something was may be another second.
        assert_eq!(plain.len(), unpacked.len(), "{path}");
        if path.starts_with("/t/") {
            assert!(plain.matches("<tr").count() >= 50, "{path}");
            assert!(packed.len() < 12_000, "{path}: {} of {} bytes", packed.len(), plain.len());
        }
    }
    // A token is shown in the answer to a change, which is as long as it is.
    let own = format!("{session}Sec-Fetch-Site: same-origin\r\nAccept-Encoding: gzip\r\n");
    let (head, made) = bytes(&served, "POST", &format!("{API}/tokens"), &own).await;
    assert!(head.starts_with("HTTP/1.") && !head.contains("content-encoding"), "{head}");
    assert!(String::from_utf8(made).unwrap().contains("hrn_"));
}

#[tokio::test]
async fn an_export_takes_the_options_of_its_command_and_is_a_file_of_its_format() {
    let served = reported().await;
    let session = served.session().await;
    let export = async |what: &str| served.get(&format!("{API}/findings/export/{what}"), &session).await;
    for format in ExportFormat::all() {
        let answer = export(format.as_str()).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.contains("content-disposition: attachment; filename=\"default-"), "{answer}");
    }
    let html = export("html").await;
    assert!(html.contains("content-type: text/html; charset=utf-8\r\n"), "{html}");
    assert!(html.contains("content-security-policy: sandbox; "), "{html}");
    assert!(export("gitlab-sast").await.contains("filename=\"default-gl-sast-report.json\""));
    let document = |answer: &str| {
        let body = body(answer);
        // In parts, as it is read.
        let begin = body.find('{').unwrap();
        body[begin..].to_owned()
    };
    assert!(document(&export("cyclonedx?spec-version=1.7&unreachable-not-affected=true").await).contains("\"1.7\""));
    assert!(document(&export("sarif?for=github&baseline=7d").await).contains("\"baselineState\""));
    assert!(document(&export("openvex?at=2026-01-02").await).contains("2026-01-02T00:00:00"));
    for (wrong, told) in [
        ("csv?for=github", "it is for the format sarif, not for csv"),
        ("sarif?spec-version=1.7", "it is for the format cyclonedx"),
        ("sarif?for=gitlab", "github"),
        ("cyclonedx?spec-version=1.5", "1.6, 1.7"),
        ("sarif?spec_version=1.7", "did you mean `spec-version`?"),
    ] {
        let refused = export(wrong).await;
        assert!(matches!(status(&refused), 400 | 422) && refused.contains(told), "{wrong}: {refused}");
    }
}

#[tokio::test]
async fn a_check_is_answered_in_the_formats_of_its_command() {
    let served = reported().await;
    let own = format!("{}Sec-Fetch-Site: same-origin\r\n", served.session().await);
    let tenant = served.harness.existing_tenant(&"default".parse().unwrap()).unwrap();
    let file = "[[policy]]\nid = \"any\"\ntitle = \"t\"\nseverity = \"high\"\non = \"finding\"\nwhen = \"true\"\n";
    tenant.import_policies(file).await.unwrap();
    let check = async |query: &str| served.ask("POST", &format!("{API}/policies/check{query}"), &own).await;
    for (query, kind, told) in [
        ("", "application/json", "\"failed\": true"),
        ("?format=json", "application/json", "\"failed\": true"),
        ("?format=sarif", "application/sarif+json", "\"runs\""),
        ("?format=junit", "application/xml", "<testsuites"),
        ("?format=github", "text/plain; charset=utf-8", "::"),
        ("?format=gitlab-codequality", "application/json", "\"fingerprint\""),
        ("?format=csv", "text/csv; charset=utf-8", "policy"),
    ] {
        let answer = check(query).await;
        assert_eq!(status(&answer), 200, "{query}: {answer}");
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{query}: {answer}");
        assert!(body(&answer).contains(told), "{query}: {answer}");
    }
    assert_eq!(status(&check("?format=pdf").await), 422);
}

#[tokio::test]
async fn exports_and_refusals_are_written_down_and_a_flood_of_them_is_not() {
    let served = reported().await;
    let access = served.harness.access().unwrap();
    let tenant: TenantId = "default".parse().unwrap();
    let viewer = access.add_token(&tenant, String::new(), Role::Viewer, Duration::from_secs(3_600)).await.unwrap();
    let viewer = format!("Authorization: Bearer {}\r\n", viewer.token);
    let all = async || access.audit(None, 500).await.unwrap().entries;
    let of = |entries: &[AuditRow], action: &str| {
        entries.iter().filter(|it| it.action == action).cloned().collect::<Vec<_>>()
    };

    assert_eq!(status(&served.get(&format!("{API}/findings/export/csv?severity=high"), &viewer).await), 200);
    assert_eq!(status(&served.get(&format!("{API}/findings/export/pdf"), &viewer).await), 404);
    let told: Vec<_> = of(&all().await, "export")
        .into_iter()
        .map(|it| (it.who.starts_with("token:"), it.target, it.outcome.as_str(), it.code))
        .collect();
    let target = |text: &str| Some(text.to_owned());
    let pdf = (true, target("pdf"), "failed", target("not-found"));
    assert_eq!(told, [pdf, (true, target("csv?severity=high"), "done", None)]);

    for _ in 0..30 {
        assert_eq!(status(&served.get(&format!("{API}/findings"), "Authorization: Bearer hrn_wrong\r\n").await), 401);
        assert_eq!(status(&served.get(&format!("{API}/tokens"), &viewer).await), 403);
    }
    let entries = all().await;
    let refused: Vec<_> = of(&entries, "authenticate");
    assert_eq!((refused.len(), refused[0].who.as_str()), (10, "unknown"));
    assert_eq!(refused[0].code.as_deref(), Some("token-invalid"));
    let denied: Vec<_> = of(&entries, "look");
    assert_eq!((denied.len(), denied[0].code.as_deref()), (10, Some("not-permitted")));
    assert_eq!(access.check_audit().await.unwrap().broken_at, None);
    assert!(!json!(entries).to_string().contains("hrn_"), "no token is written down");
    let listed = served.get(&format!("{API}/audit"), &served.session().await).await;
    let listed: Value = serde_json::from_str(body(&listed)).unwrap();
    assert_eq!(listed["entries"][0]["code"], "not-permitted");
}

#[tokio::test]
async fn lists_are_handed_out_whole_as_their_commands_print_them() {
    let served = reported().await;
    let session = served.session().await;
    let all = served.get(&format!("{API}/issues?limit=1"), &session).await;
    let all: Value = serde_json::from_str(body(&all)).unwrap();
    let total = all["total"].as_u64().unwrap();
    assert!(total > 50, "more than a page: {total}");
    let csv = served.get(&format!("{API}/issues/export/csv"), &session).await;
    assert!(csv.contains("content-type: text/csv; charset=utf-8\r\n"), "{csv}");
    assert!(csv.contains("attachment; filename=\"default-issues.csv\"\r\n"), "{csv}");
    assert_eq!(body(&csv).lines().count() as u64, total + 1, "all of them, and a header");
    let json = served.get(&format!("{API}/issues/export/json"), &session).await;
    let json: Value = serde_json::from_str(body(&json)).unwrap();
    assert_eq!(json["issues"].as_array().unwrap().len() as u64, total);
    let none = served.get(&format!("{API}/issues/export/csv?severity=low"), &session).await;
    assert_eq!(body(&none).lines().count(), 1, "the filter holds: {none}");
    for (list, header) in [("packages", "\"instance\""), ("coverage", "\"repository\"")] {
        let csv = served.get(&format!("{API}/{list}/export/csv"), &session).await;
        assert!(status(&csv) == 200 && body(&csv).contains(header), "{csv}");
        assert_eq!(status(&served.get(&format!("{API}/{list}/export/pdf"), &session).await), 404);
    }
    let page = served.get("/t/default/issues?severity=high", &session).await;
    assert!(page.contains("href=\"/api/v1/tenants/default/issues/export/csv?severity=high\" download"), "{page}");
}

#[tokio::test]
async fn findings_are_counted_per_value_as_the_list_would_count_them() {
    let served = reported().await;
    let session = served.session().await;
    let facets = async |query: &str| {
        let answer = served.get(&format!("{API}/findings/facets{query}"), &session).await;
        assert_eq!(status(&answer), 200, "{answer}");
        serde_json::from_str::<Value>(body(&answer)).unwrap()
    };
    let count = |facets: &Value, field: &str, value: &str| {
        let of = |rows: &Value, key: &str, name: &str| {
            rows.as_array().unwrap().iter().find(|it| it[key] == name).unwrap().clone()
        };
        let found = of(&of(&facets["facets"], "field", field)["values"], "value", value);
        assert_eq!(found["total_is"], "exact");
        found["total"].as_u64().unwrap()
    };
    let all = facets("").await;
    assert_eq!((count(&all, "severity", "high"), count(&all, "severity", "low")), (60, 0));
    assert_eq!((count(&all, "status", "open"), count(&all, "status", "fixed")), (60, 0));
    // What is asked of a field leaves its own counts alone, and narrows the others.
    let low = facets("?severity=low").await;
    assert_eq!((count(&low, "severity", "high"), count(&low, "status", "open")), (60, 0));
    assert_eq!(count(&facets("?include-closed=true&kev=false").await, "status", "open"), 60);
}
