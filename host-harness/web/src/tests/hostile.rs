//! Texts that want to be more than texts, on every page that shows findings.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use host_harness::{
    TriageChoice, TriageTargets,
    analysis::TriageDecision,
    exports::text,
    ingest::ImportOptions,
    query::{List, Query, View},
    store::Role,
};
use serde_json::json;

use super::{body, served, status};

/// The same texts that exports are tried with.
const HOSTILE: &str = include_str!("../../../../fixtures/hostile.json");

/// What a page may consist of, and nothing of it runs anything.
const ELEMENTS: &str = "dialog kbd html head meta title link script noscript body a div span aside nav h1 h2 h3 p b small main form \
                        input button select option label details summary table caption thead tbody tr th td section header \
                        code pre dl dt dd ul ol li svg path rect line circle g text bdi time textarea fieldset legend datalist \
                        article figure figcaption footer i em strong br hr polyline polygon defs pattern template";

/// The tags of a page: what each is called, and its attributes.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        if rest.starts_with(['/', '!']) {
            continue;
        }
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap();
        let (name, mut inside) = rest.split_at(end);
        let mut attributes = Vec::new();
        loop {
            inside = inside.trim_start();
            if inside.starts_with('>') {
                break;
            }
            let end = inside.find(|sign: char| sign == '=' || sign == '>' || sign.is_whitespace()).unwrap();
            let (key, after) = inside.split_at(end);
            let mut value = "";
            inside = after;
            if let Some(quoted) = after.strip_prefix("=\"") {
                (value, inside) = quoted.split_once('"').unwrap();
            }
            attributes.push((key.to_owned(), value.to_owned()));
        }
        tags.push((name.to_owned(), attributes));
        rest = inside;
    }
    tags
}

/// Fails where something on a page is more than a text.
fn only_text(path: &str, page: &str) {
    let known: BTreeSet<&str> = ELEMENTS.split_whitespace().collect();
    for (name, attributes) in tags(page) {
        assert!(known.contains(name.as_str()), "{path}: <{name}>");
        for (key, value) in &attributes {
            assert!(!key.starts_with("on") && key != "style", "{path}: <{name} {key}>");
            let is_address = matches!(key.as_str(), "href" | "src" | "action" | "formaction" | "data-live");
            let is_ours = value.starts_with('/') || value.starts_with('#') || value.starts_with("data:,");
            let is_web = value.starts_with("https://") || value.starts_with("http://");
            assert!(
                !is_address || is_ours && !value.starts_with("//") || is_web && key == "href",
                "{path}: {key}={value}"
            );
            if name == "script" && key == "src" {
                let is_ours = ["/assets/app.js?", "/assets/theme.js?"].iter().any(|it| value.starts_with(it));
                assert!(is_ours, "{path}: {value}");
            }
        }
    }
    // What was typed comes back as it was; nothing else does.
    let typed = tags(page).into_iter().flat_map(|(_, attributes)| attributes).filter(|(key, _)| key == "value");
    let shown = typed.fold(page.to_owned(), |page, (_, value)| page.replace(&format!("value=\"{value}\""), ""));
    if let Some(at) = shown.find(|sign| sign != '\n' && text::acts(sign)) {
        let around: String = shown[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{path}: {:?} behind {around:?}", shown[at..].chars().next());
    }
}

#[test]
fn what_is_more_than_a_text_is_found() {
    for page in [
        "<p><script src=\"//evil.example\"></script>",
        "<p><img src=\"x\">",
        "<a onclick=\"x\">",
        "<a href=\"javascript:alert(1)\">",
        "<p>\u{202e}",
        "<p>\u{1b}",
    ] {
        assert!(std::panic::catch_unwind(|| only_text("page", page)).is_err(), "{page}");
    }
}

#[tokio::test]
async fn hostile_texts_do_nothing_on_any_page() {
    let served = served().await;
    let id: host_harness::grant::TenantId = "default".parse().unwrap();
    let tenant = served.harness.add_tenant(id.clone()).unwrap();
    let texts: Vec<String> = serde_json::from_str(HOSTILE).unwrap();
    let runs: Vec<_> = texts
        .iter()
        .map(|it| {
            let rule = json!({ "id": it, "name": it, "shortDescription": { "text": it }, "fullDescription": { "text": it },
                "helpUri": it, "help": { "text": it, "markdown": it }, "properties": { "tags": [it, "security"] } });
            let place = json!({ "physicalLocation": { "artifactLocation": { "uri": it },
                "region": { "startLine": 7, "snippet": { "text": it } } } });
            let flow = json!([{ "threadFlows": [{ "locations": [{ "location": place }] }] }]);
            json!({ "tool": { "driver": { "name": it, "informationUri": it, "rules": [rule] } },
                "results": [{ "ruleId": it, "level": "error", "message": { "text": it, "markdown": it }, "locations": [place],
                    "codeFlows": flow, "partialFingerprints": { "x": it } }] })
        })
        .collect();
    let report = served._folder.path().join("report.sarif");
    std::fs::write(&report, json!({ "version": "2.1.0", "runs": runs }).to_string()).unwrap();
    let name = "reports".parse().unwrap();
    tenant.source(&name).await.unwrap();
    for (project, text) in ["acme/shop", "acme/<b>x"].into_iter().zip(&texts) {
        let options =
            ImportOptions { project: Some(project.to_owned()), r#ref: Some(text.clone()), ..ImportOptions::default() };
        tenant.import(&name, &report, options, Arc::new(|_| ())).await.unwrap();
    }
    let everything = [("include-non-security", "true"), ("include-closed", "true"), ("limit", "200")];
    let query = Query::parse(List::Findings(View::All), everything).unwrap();
    let rows = tenant.finding_list(&query).await.unwrap().list.findings;
    assert!(rows.len() >= texts.len(), "{} findings", rows.len());
    for (row, text) in rows.iter().zip(&texts) {
        let choice = TriageChoice {
            decision: TriageDecision::WontFix,
            reason: Some(text.clone()),
            comment: Some(text.clone()),
            until: None,
            assignee: Some(text.clone()),
            labels: vec![text.clone()],
        };
        let on = TriageTargets { findings: vec![row.id.to_string()], ..TriageTargets::default() };
        // One that is no such text is refused.
        _ = tenant.decide(on, choice, text, false).await;
        let day = Duration::from_secs(86_400);
        served.harness.access().unwrap().add_token(&id, text.clone(), Role::Viewer, day).await.ok();
    }
    let issues = tenant.issue_list(&Query::parse(List::Issues, everything).unwrap()).await.unwrap().list.issues;
    assert!(!issues.is_empty());
    let session = served.session().await;
    let mut paths: Vec<String> = rows.iter().map(|it| format!("/t/default/findings/{}", it.id)).collect();
    paths.extend(issues.iter().map(|it| format!("/t/default/issues/{}", it.id)));
    let everything = "include-non-security=true&include-closed=true&limit=200";
    paths.extend(["findings", "weaknesses", "issues"].map(|it| format!("/t/default/{it}?{everything}")));
    paths.extend(
        [
            "",
            "/packages",
            "/coverage",
            "/repositories",
            "/mapping",
            "/sources",
            "/sources/reports",
            "/tokens",
            "/audit",
            "/runs",
            "/runs/1",
            "/runs/2",
        ]
        .map(|it| format!("/t/default{it}")),
    );
    let script = texts.iter().find(|it| it.contains("<script>")).unwrap();
    let mut shown = 0;
    for path in &paths {
        let answer = served.get(path, &session).await;
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        only_text(path, body(&answer));
        assert!(!body(&answer).contains(script.as_str()), "{path}");
        shown += usize::from(body(&answer).contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }
    assert!(shown > 5, "on {shown} of {} pages only", paths.len());
    // What is asked comes back as a text, too.
    for text in &texts {
        let asked: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for path in [
            format!("/t/default/findings?text={asked}"),
            format!("/t/default/findings?{asked}=x"),
            format!("/t/default/runs/{}", asked.replace('+', "%20")),
        ] {
            only_text(&path, body(&served.get(&path, &session).await));
        }
    }
}
