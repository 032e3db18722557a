//! How every page looks in a real browser: light and dark, wide and narrow, with
//! nothing to complain about.
//!
//! `HARNESS_PICTURES=DIR cargo test -p harness-cli --test cli every_page_is` keeps a
//! picture of each, and of those in `docs/pictures` a small one as well. `HARNESS_AXE=FILE` names axe-core's script, with which each page
//! is tried for accessibility; `.ci/run` fetches it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use vendor_sim::{World, WorldShape};

use crate::{
    browser::{Browser, Driver, REQUIRED},
    serve::Served,
    support::{TestContext, shape},
};

/// Opens what can be opened of a page, by the end of its name.
const OPENED: [(&str, &str); 2] = [
    ("-opened", "document.querySelectorAll('main details').forEach((it) => { it.open = true; })"),
    ("-menu", "document.querySelector('.places').open = true"),
];

/// Widths of windows: a desktop's and a telephone's.
const WIDTHS: [u32; 2] = [1440, 420];

/// The rules of axe that depend on the theme, which is colours alone.
const COLOURS: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// The pictures that documents show, which are kept small as well.
const SHOWN: [&str; 3] = ["dashboard-light-1440", "findings-dark-1440", "coverage-light-1440"];

/// A tenant with something on every page, and one with nothing.
fn furnished() -> TestContext {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    // A run that would have marked many findings as vanished, and one after it that sees them.
    context.simulator.set_world(World::new(WorldShape { sast: 20, sca: 10, ..shape() }));
    assert_eq!(context.run(&["sync"]).code, 3);
    context.simulator.set_world(World::new(shape()));
    context.ok(&["sync"]);
    // A setup that waits for its projects.
    let (origin, token) = (context.simulator.url(), context.token_file());
    let begun = ["onboard", "other", "--set", &format!("origin={origin}"), "--allow-private-origin", origin];
    assert_eq!(context.run(&[&begun[..], &["--token-file", &token, "--kinds", "sast"]].concat()).code, 1);
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports/sarif/codeql.sarif");
    context.ok(&["import", report.to_str().unwrap(), "--source", "codeql", "--project", "acme/shop"]);
    let policies = context.ok(&["policy", "init"]);
    context.ok(&["policy", "import", &context.file("policies.toml", &policies)]);
    context.ok(&["instance", "schedule", "code", "--every", "1h", "--full-cron", "0 3 * * 0"]);
    context.ok(&["token", "add", "pipeline", "--role", "manager"]);
    let reason = "only reachable from the VPN";
    let decide = ["--decision", "accepted-risk", "--reason", reason, "--until", "90d"];
    context.ok(&[&["triage", "set", "--severity", "medium", "--kind", "sca"][..], &decide].concat());
    context.ok(&["tenant", "add", "empty"]);
    context
}

/// The addresses of all pages, each with a name for its pictures.
fn pages(context: &TestContext) -> Vec<(String, String)> {
    let finding = |arguments: &[&str]| {
        let list = context.json(&[arguments, &["--limit", "1"]].concat());
        list["findings"][0]["id"].as_str().unwrap().to_owned()
    };
    let [vulnerability, weakness, decided] = [
        finding(&["vulnerabilities", "--severity", "critical"]),
        finding(&["weaknesses", "--severity", "high"]),
        finding(&["findings", "--include-closed", "--decision", "any"]),
    ];
    let issue = context.json(&["issues", "--limit", "1"])["issues"][0]["id"].as_str().unwrap().to_owned();
    let policy = context.json(&["policy", "list"])["policies"][0]["id"].as_str().unwrap().to_owned();
    let repository =
        context.json(&["repositories", "list"])["repositories"][0]["full_name"].as_str().unwrap().to_owned();
    let repository = repository.replace('/', "%2F");
    let package = &context.json(&["packages", "--vulnerable", "--limit", "1"])["packages"][0];
    let [ecosystem, name] = ["ecosystem", "name"].map(|it| package[it].as_str().unwrap().replace('/', "%2F"));
    let package = format!("/packages/{ecosystem}/{name}");
    let named = [
        ("dashboard", String::new()),
        ("finding-vulnerability", format!("/findings/{vulnerability}?from=vulnerabilities&severity=critical")),
        ("finding-weakness", format!("/findings/{weakness}")),
        ("finding-decided", format!("/findings/{decided}")),
        ("findings-filtered", "/findings?severity=critical,high&text=a".to_owned()),
        ("findings-opened", "/findings?severity=high".to_owned()),
        ("findings-menu", "/findings?severity=high".to_owned()),
        ("sources-code-opened", "/sources/code".to_owned()),
        ("wrong-word", "/findings?severity=hihg&status=open&min-cvss=11".to_owned()),
        ("triage", "/triage?severity=critical".to_owned()),
        ("issue", format!("/issues/{issue}")),
        ("policy", format!("/policies/{policy}")),
        ("repository", format!("/repositories/{repository}")),
        ("repository-scanner", format!("/repositories/{repository}?scanner=code")),
        ("package", package),
        ("sources-sca", "/sources?class=sca".to_owned()),
        ("advisories", "/advisories?id=CVE-2021-44228".to_owned()),
        ("wrong-filter", "/findings?severty=high".to_owned()),
    ];
    let plain = [
        "findings",
        "vulnerabilities",
        "weaknesses",
        "secrets",
        "issues",
        "packages",
        "coverage",
        "repositories",
        "policies",
        "policy-file",
        "sources",
        "sources/code",
        "sources/code/settings",
        "sources/code/delete",
        "sources/codeql",
        "sources/add/semgrep",
        "mapping",
        "import",
        "runs",
        "runs/1",
        "runs/2",
        "issue-rules",
        "onboarding/other/kinds",
        "onboarding/other/projects",
        "onboarding/other/save",
        "notifications",
        "tokens",
        "audit",
    ];
    let empty =
        ["", "/findings", "/issues", "/coverage", "/repositories", "/policies", "/sources", "/mapping", "/runs"];
    let mut all: Vec<(String, String)> =
        named.into_iter().map(|(name, path)| (name.to_owned(), format!("/t/default{path}"))).collect();
    all.extend(plain.map(|path| (path.replace('/', "-"), format!("/t/default/{path}"))));
    all.extend(empty.map(|path| (format!("empty{}", path.replace('/', "-")), format!("/t/empty{path}"))));
    all.extend(["tenants", "server"].map(|it| (it.to_owned(), format!("/{it}"))));
    all
}

/// Where axe-core's script is; none where the machine need not have it.
fn axe() -> Option<String> {
    let file = std::env::var_os("HARNESS_AXE").map(PathBuf::from);
    assert!(file.is_some() || std::env::var_os(REQUIRED).is_none(), "HARNESS_AXE names no script");
    file.map(|file| fs::read_to_string(&file).unwrap())
}

#[test]
fn every_page_is_whole_and_accessible_in_light_at_both_widths() {
    looked_at("light", &json!({}));
}

#[test]
fn every_page_is_whole_and_accessible_in_dark_at_both_widths() {
    looked_at("dark", &json!({ "runOnly": COLOURS }));
}

/// Looks at every page in a theme, and has axe try it with these options.
fn looked_at(theme: &str, options: &Value) {
    let Some(driver) = Driver::new() else { return };
    let (axe, folder) = (axe(), std::env::var_os("HARNESS_PICTURES").map(PathBuf::from));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let context = furnished();
        let pages = pages(&context);
        let (mut served, link) = Served::begun(&context);
        let browser = driver.browser(true).await;
        browser.open(&link).await;
        browser.open(&format!("http://{}/t/default/onboarding/other/kinds", served.address)).await;
        browser.press("Next: projects").await;
        browser.is_at("Add other").await;
        browser.sees("detected").await;
        let mut found = Vec::new();
        for width in WIDTHS {
            dressed(&browser, theme, width).await;
            for (name, path) in &pages {
                browser.open(&format!("http://{}{path}", served.address)).await;
                let place = format!("{name}-{theme}-{width}");
                if let Some((_, script)) = OPENED.iter().find(|(end, _)| name.ends_with(end)) {
                    browser.client.execute(script, vec![]).await.unwrap();
                }
                let faults = faults(&browser, axe.as_deref(), options).await;
                found.extend(faults.into_iter().map(|it| format!("{place}: {it}")));
                if let Some(folder) = &folder {
                    fs::create_dir_all(folder).unwrap();
                    let picture = browser.client.screenshot().await.unwrap();
                    fs::write(folder.join(format!("{place}.png")), picture).unwrap();
                    if SHOWN.contains(&place.as_str()) {
                        fs::write(folder.join(format!("{place}.webp")), small(&browser).await).unwrap();
                    }
                }
            }
        }
        // A wrong filter is answered with 400, which the browser notes.
        found.retain(|it| !(it.starts_with("wrong-") && it.contains("400")));
        assert!(found.is_empty(), "{}", found.join("\n"));
        browser.client.close().await.unwrap();
        served.stop();
    });
}

/// A picture of few bytes.
async fn small(browser: &Browser) -> Vec<u8> {
    let asked = json!({ "format": "webp", "quality": 70 });
    let picture = browser.command("Page.captureScreenshot", asked).await.unwrap();
    BASE64.decode(picture["data"].as_str().unwrap().as_bytes()).unwrap()
}

/// Sets the theme and the width of the window.
async fn dressed(browser: &Browser, theme: &str, width: u32) {
    let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
    browser.command("Emulation.setEmulatedMedia", media).await.unwrap();
    let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
    browser.command("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
}

/// What is wrong with a page: what the browser says, what runs out of it, and what
/// axe finds.
async fn faults(browser: &Browser, axe: Option<&str>, options: &Value) -> Vec<String> {
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let wide = browser.client.execute(wide, vec![]).await.unwrap().as_i64().unwrap();
    let mut found: Vec<String> = browser.complaints().await.iter().map(Value::to_string).collect();
    if wide > 0 {
        found.push(format!("{wide} pixels too wide"));
    }
    let Some(axe) = axe else { return found };
    browser.client.execute(axe, vec![]).await.unwrap();
    // Style sheets and media are not fetched once more: none of these rules reads them.
    let run = "const done = arguments[arguments.length - 1]; \
               const options = { ...arguments[0], resultTypes: ['violations'], preload: false }; \
               axe.run(document, options).then((it) => done(it.violations.map((it) => it.id + ': ' + it.nodes.slice(0, 4) \
               .map((node) => node.target.join(' ') + ' ' + node.html.slice(0, 120)).join(' | '))));";
    let violations = browser.client.execute_async(run, vec![options.clone()]).await.unwrap();
    found.extend(violations.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()));
    found
}
