//! What pages say and offer where it matters: what did not vanish, what was typed, what
//! is taken away, and what there is to take along.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vendor_sim::{World, WorldShape};

use crate::{
    browser::Driver,
    serve::Served,
    support::{TestContext, shape},
    webhooks::SECRET,
};

/// A server, and a browser without a window that was let in.
struct Visitor {
    served: Served,
    cookie: String,
}

impl Visitor {
    fn new(context: &TestContext) -> Self {
        let (served, link) = Served::begun(context);
        let mut visitor = Self { served, cookie: String::new() };
        let path = link.strip_prefix(&format!("http://{}", visitor.served.address)).unwrap().to_owned();
        let entered = visitor.ask("GET", &path, &[]);
        let cookie = entered.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        visitor.cookie = cookie.split(';').next().unwrap().to_owned();
        visitor
    }

    fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(&self.served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (host, cookie, length) = (&self.served.address, &self.cookie, body.len());
        let sent = "Content-Type: application/x-www-form-urlencoded";
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\nConnection: close\r\n{sent}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn page(&self, path: &str) -> String {
        let answer = self.ask("GET", &format!("/t/default{path}"), &[]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> String {
        self.ask("POST", &format!("/t/default{path}"), fields)
    }
}

/// Where an answer leads to.
fn leads_to(answer: &str) -> &str {
    let found = answer.lines().find_map(|line| line.strip_prefix("location: /t/default"));
    found.unwrap_or_else(|| panic!("{answer}")).trim()
}

/// The texts of a page, with a blank between them.
fn texts(page: &str) -> String {
    let page = page.split_once("<main").unwrap().1;
    let texts = page.split('<').filter_map(|it| it.split_once('>')).map(|(_, text)| text.trim());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The tags of a page that have a text in them.
fn tags<'a>(page: &'a str, with: &'a str) -> impl Iterator<Item = &'a str> {
    page.split('<').filter_map(|it| it.split('>').next()).filter(move |tag| tag.contains(with))
}

#[test]
fn what_a_run_did_not_mark_is_listed_and_marked_from_its_page() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context.simulator.set_world(World::new(WorldShape { sast: 20, sca: 10, ..shape() }));
    assert_eq!(context.run(&["sync"]).code, 3);
    let told = context.json(&["runs", "2", "--limit", "100"]);
    let visitor = Visitor::new(&context);
    let page = visitor.page("/runs/2");
    let message = told["runs"][0]["message"].as_str().unwrap();
    assert_eq!(texts(&page).to_lowercase().matches(&message.to_lowercase()).count(), 1, "{}", texts(&page));
    for finding in told["vanishing"]["findings"].as_array().unwrap() {
        assert!(page.contains(&format!("/findings/{}\"", finding["id"].as_str().unwrap())), "{finding}");
    }
    // The numbers add up.
    let run = &told["runs"][0];
    let parts = ["new", "changed", "unchanged", "duplicate", "unmapped", "skipped", "rejected"];
    let sum: u64 = parts.iter().map(|it| run[it].as_u64().unwrap()).sum();
    assert_eq!(run["records"].as_u64(), Some(sum), "{run:#}");
    assert!(texts(&page).contains("of 30% allows at once"), "{}", texts(&page));
    // The form of the page marks them, once.
    assert!(page.contains("action=\"/t/default/sources/code/sync\"") && page.contains("name=\"max-removal\""));
    let begun = visitor.post("/sources/code/sync", &[("max-removal", "100")]);
    assert_eq!(leads_to(&begun), "/runs/3");
    ended(&context);
    let run = context.json(&["runs", "3"])["runs"][0].clone();
    assert_eq!(
        (&run["state"], &run["mode"], &run["vanished"]),
        (&json!("complete"), &json!("full"), &told["vanishing"]["total"])
    );
    assert_eq!(context.json(&["instance", "schedule", "code"])["max_removal"], 30, "the guard is as it was");
    assert!(!visitor.page("/runs/3").contains("max-removal"), "there is nothing to mark");
}

#[test]
fn a_sync_of_everything_or_of_what_is_new_is_chosen_at_the_source() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let visitor = Visitor::new(&context);
    for (run, word) in [(2, "incremental"), (3, "full")] {
        let page = visitor.page("/sources/code");
        assert!(tags(&page, "name=\"what\"").any(|it| it.contains(word)), "{page}");
        assert_eq!(leads_to(&visitor.post("/sources/code/sync", &[("what", word)])), format!("/runs/{run}"));
        ended(&context);
        assert_eq!(context.json(&["runs", &run.to_string()])["runs"][0]["mode"], word);
    }
    let last = context.json(&["runs"])["runs"][2].clone();
    let row = format!("1 complete full {} {} {}", last["new"], last["changed"], last["vanished"]);
    assert!(texts(&visitor.page("/sources/code")).contains(&row), "{row}");
}

/// Waits until no sync is under way.
fn ended(context: &TestContext) {
    let begun = Instant::now();
    while context.json(&["status"])["instances"].as_array().unwrap().iter().any(|it| !it["running"].is_null()) {
        assert!(begun.elapsed() < Duration::from_secs(120), "a sync does not end");
    }
}

#[test]
fn nothing_typed_into_the_projects_of_a_setup_is_lost() {
    let context = TestContext::new(shape(), vec![]);
    let (origin, token) = (context.simulator.url().to_owned(), context.token_file());
    let set = format!("origin={origin}");
    let usual = ["onboard", "code", "--set", &set, "--allow-private-origin", &origin, "--token-file", &token];
    assert_eq!(context.run(&[&usual[..], &["--kinds", "sast"]].concat()).code, 1, "more is to be said");
    context.ok(&["repositories", "import", &context.file("list.csv", "full_name\nacme/known\n")]);
    let visitor = Visitor::new(&context);
    let here = "/onboarding/code/projects";
    assert_eq!(leads_to(&visitor.post("/onboarding/code/kinds", &[("kind", "sast")])), here);
    let page = visitor.page(here);
    let fields: Vec<(String, String)> = tags(&page, "name=\"was:")
        .map(|it| {
            let value =
                |name: &str| it.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
            (value("name").replacen("was:", "to:", 1), value("value"))
        })
        .collect();
    assert!(fields.len() > 5, "{page}");
    assert!(texts(&page).contains("never scanned") && page.contains("<time"), "{}", texts(&page));

    // A repository that another row is about to make, beside what is good.
    let made = fields[1].1.as_str();
    let mut typed: Vec<(&str, &str)> = vec![("auto-map", "match"), ("patterns", "*/*")];
    let was: Vec<String> = fields.iter().map(|(name, _)| name.replacen("to:", "was:", 1)).collect();
    for (place, (name, to)) in fields.iter().enumerate() {
        typed.push((&was[place], to));
        typed.push((
            name,
            match place {
                0 => made,
                2 => "",
                3 => "acme/known",
                4 => "acme/unknown",
                _ => to,
            },
        ));
    }
    let answer = visitor.post(here, &typed);
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert_eq!(answer.matches("aria-invalid=\"true\"").count(), 2, "{answer}");
    assert!(answer.contains("This repository is made when the source is saved."), "{answer}");
    for (place, to) in [(0, made), (2, ""), (3, "acme/known"), (4, "acme/unknown")] {
        let field = format!("name=\"{}\"", fields[place].0);
        let field = tags(&answer, &field).next().unwrap().to_owned();
        assert!(field.contains(&format!("value=\"{to}\"")), "{field}");
    }
    assert!(tags(&answer, "value=\"match\"").any(|it| it.contains("checked")), "{answer}");
    assert!(tags(&answer, "name=\"patterns\"").any(|it| it.contains("value=\"*/*\"")), "{answer}");
    // Nothing of it was kept yet; without what is wrong all of it is.
    assert_eq!(visitor.page(here), page);
    for field in &mut typed {
        if field.0 == fields[0].0 || field.0 == fields[4].0 {
            field.1 = "";
        }
    }
    typed.extend([("then", "look"), ("search", "known")]);
    assert_eq!(leads_to(&visitor.post(here, &typed)), "/onboarding/code/projects?search=known");
    let found = visitor.page("/onboarding/code/projects?search=known");
    assert_eq!(tags(&found, "name=\"to:").count(), 1, "{}", texts(&found));
    assert!(texts(&found).contains(&format!("1 of {}", fields.len())), "{}", texts(&found));
}

#[test]
fn every_format_of_an_export_is_offered_for_the_filter() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let visitor = Visitor::new(&context);
    for (list, filter) in
        [("findings", "?severity=critical&limit=3"), ("vulnerabilities", "?severity=critical"), ("weaknesses", "")]
    {
        let page = visitor.page(&format!("/{list}{filter}"));
        for format in host_harness::ExportFormat::all() {
            let kept = if filter.is_empty() { "" } else { "?severity=critical" };
            let at = format!("/api/v1/tenants/default/{list}/export/{format}{kept}");
            assert!(page.contains(&format!("href=\"{at}\" download")), "{at}");
        }
    }
    let page = visitor.page("/findings?severity=critical");
    for tag in tags(&page, "/export/") {
        let at = tag.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let answer = visitor.ask("GET", at, &[]);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-disposition: attachment"), "{at}");
    }
}

#[test]
fn a_deletion_is_planned_in_words_that_people_know() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports/sarif/codeql.sarif");
    context.ok(&["import", report.to_str().unwrap(), "--source", "codeql", "--project", "acme/shop"]);
    let plan = context.json(&["instance", "delete", "code"])["plan"].clone();
    let goes = |table: &str| -> u64 {
        let found = plan["tables"].as_array().unwrap().iter().find(|it| it["table"] == table).unwrap();
        found["goes"].as_u64().unwrap()
    };
    let coverage = context.json(&["coverage"]);
    let alone = coverage["repositories"].as_array().unwrap().iter().filter(|row| {
        let by: Vec<&String> = row["instances"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, it)| it["state"] != "disabled")
            .map(|(name, _)| name)
            .collect();
        by == ["code"]
    });
    let alone = alone.count();
    assert!(alone > 0, "{coverage:#}");
    let visitor = Visitor::new(&context);
    let said = texts(&visitor.page("/sources/code/delete"));
    let (plan, tables) = said.split_once("Rows by table").unwrap();
    assert!(!plan.contains(" row"), "{plan}");
    for part in [
        format!("Findings {} findings, with history and raw records", goes("findings")),
        format!("{} issues that no other source sees", goes("issues")),
        format!("nobody looks after {alone} repositories any more"),
        format!("Runs {} run", goes("runs")),
    ] {
        assert!(plan.contains(&part), "{part}: {plan}");
    }
    assert!(tables.contains(&format!("metric_findings {}", goes("metric_findings"))), "{tables}");
    // Reports come without a token.
    let deleted = visitor.post("/sources/codeql/delete", &[("confirm", "codeql")]);
    assert!(
        deleted.contains("Nothing of it is left.") && !deleted.contains("The token could not be read"),
        "{deleted}"
    );
}

#[test]
fn a_finding_leads_to_its_issue_and_repository_and_an_issue_says_why_it_is_one() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let visitor = Visitor::new(&context);
    let issue = context.json(&["issues", "--kind", "sca", "--limit", "1"])["issues"][0].clone();
    let (id, finding) = (issue["id"].as_str().unwrap(), issue["sources"][0]["findings"][0].as_str().unwrap());
    let repository = format!("/repositories/{}\"", issue["repository"].as_str().unwrap().replace('/', "%2F"));
    let page = visitor.page(&format!("/findings/{finding}"));
    assert!(page.contains(&format!("/issues/{id}\"")) && page.contains(&repository), "{page}");
    let page = visitor.page(&format!("/issues/{id}"));
    assert!(page.contains(&repository) && page.contains("/t/default/issue-rules"), "{page}");
    assert!(texts(&visitor.page("/issue-rules")).contains("Two findings of one source are never joined"));
}

/// What is seen of an element, in a narrow window.
const SEEN: &str = "return [...document.querySelectorAll(arguments[0])].filter((it) => it.checkVisibility()).map((it) => it.innerText)";

#[test]
fn a_narrow_window_has_a_menu_that_opens_and_shows_what_a_wide_one_does() {
    let Some(driver) = Driver::new() else { return };
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (served, link) = Served::begun(&context);
        let browser = driver.browser(false).await;
        browser.open(&link).await;
        browser.open(&format!("http://{}/t/default/findings", served.address)).await;
        let seen = async |what: &str| -> Vec<Value> {
            let found = browser.client.execute(SEEN, vec![json!(what)]).await.unwrap();
            found.as_array().unwrap().clone()
        };
        assert_eq!((seen(".side > .nav a").await.len(), seen(".places").await.len()), (18, 0));
        let metrics = json!({ "width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        browser.command("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
        assert_eq!((seen(".side > .nav a").await.len(), seen(".places .nav a").await.len()), (0, 0));
        let row = seen(".list tbody tr").await[0].as_str().unwrap().to_owned();
        assert!(row.contains("code") && row.contains(" d"), "{row}");
        browser.press("Menu").await;
        assert_eq!(seen(".places .nav a").await.len(), 19);
        assert_eq!(seen(".places a[aria-current]").await, ["Findings"]);
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.client.execute(wide, vec![]).await.unwrap(), 0);
        browser.client.close().await.unwrap();
        drop(served);
    });
}

#[test]
fn a_filter_that_cannot_be_asked_is_told_beside_its_field_and_stays() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let visitor = Visitor::new(&context);
    for (list, field, value, told) in [
        ("/findings", "severity", "hihg", "did you mean high ?"),
        ("/findings", "status", "opne", "did you mean open ?"),
        ("/findings", "min-cvss", "11", "a number from 0 to 10"),
        ("/vulnerabilities", "top25", "1999", "an edition of the CWE Top 25"),
        ("/issues", "source", "nobody", "nobody"),
        ("/packages", "transitivity", "dircet", "did you mean"),
        ("/coverage", "stale-after", "soon", "a whole number"),
        ("/runs", "state", "ready", "one of running"),
        ("", "since", "yesterday", "since"),
    ] {
        let more = if list == "/findings" { "&kind=sast&text=some+text" } else { "" };
        let answer = visitor.ask("GET", &format!("/t/default{list}?{field}={value}{more}"), &[]);
        assert!(answer.starts_with("HTTP/1.1 40"), "{list} {field}: {answer}");
        let page = texts(&answer);
        assert!(
            page.to_lowercase().contains(&told.replace('`', "").to_lowercase()) || answer.contains(told),
            "{told}: {page}"
        );
        if list.is_empty() {
            continue;
        }
        let name = format!("name=\"{field}\"");
        let input = tags(&answer, &name).next().unwrap_or_else(|| panic!("{field}: {page}")).to_owned();
        assert!(
            input.contains(&format!("value=\"{value}\"")) || answer.contains(&format!("value=\"{value}\" selected")),
            "{input}"
        );
        assert!(answer.contains(&format!("id=\"f-{field}-wrong\"")), "{field}: {page}");
        if list == "/findings" {
            assert!(tags(&answer, "name=\"text\"").any(|it| it.contains("value=\"some text\"")), "{answer}");
            assert!(tags(&answer, "value=\"sast\"").any(|it| it.ends_with(" checked")), "{answer}");
        }
    }
    // What is no field at all is told above.
    let answer = visitor.ask("GET", "/t/default/findings?severty=high&text=x", &[]);
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("name=\"severity\""), "{answer}");
    // Several boxes are one filter.
    let page = visitor.page("/findings?severity=critical&severity=high");
    assert_eq!(tags(&page, "name=\"severity\"").filter(|it| it.ends_with(" checked")).count(), 2);
}

#[test]
fn events_of_the_vendor_and_the_jitter_are_set_on_the_page_of_settings() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let visitor = Visitor::new(&context);
    assert!(texts(&visitor.page("/sources/code/settings")).contains("Events of the vendor not accepted"));
    let answer = visitor.post("/sources/code/events", &[("signing-secret", "")]);
    assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("role=\"alert\""), "{answer}");
    let answer = visitor.post("/sources/code/events", &[("signing-secret", SECRET)]);
    assert_eq!(leads_to(&answer), "/sources/code/settings?done=heard");
    let report = context.json(&["webhook", "secret", "code"]);
    assert_eq!((&report["accepts_events"], &report["secret"]), (&json!(true), &json!("the vault")));
    let page = visitor.page("/sources/code/settings");
    assert!(page.contains(report["path"].as_str().unwrap()) && !page.contains(SECRET), "{page}");
    assert_eq!(
        leads_to(&visitor.post("/sources/code/events", &[("remove", "true")])),
        "/sources/code/settings?done=unheard"
    );
    assert_eq!(context.run(&["webhook", "secret", "code"]).code, 1);

    let set =
        |jitter: &str| visitor.post("/sources/code/schedule", &[("sync", "1h"), ("zone", "UTC"), ("jitter", jitter)]);
    assert_eq!(leads_to(&set("5m")), "/sources/code/settings?done=schedule");
    assert!(tags(&visitor.page("/sources/code/settings"), "name=\"jitter\"").any(|it| it.contains("value=\"5m\"")));
    assert!(context.ok(&["instance", "schedule", "code"]).contains("up to 5m later"));
    assert!(set("soon").starts_with("HTTP/1.1 422"));
    set("");
    assert!(!context.ok(&["instance", "schedule", "code"]).contains("later"));
    context.in_no_file(&[SECRET]);
}
