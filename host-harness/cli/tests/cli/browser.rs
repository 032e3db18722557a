//! The pages in a real browser: the ways that people go through them, with and
//! without scripts, and what the browser says of it.
//!
//! With `HARNESS_PICTURES=DIR` it also keeps a picture of each page, light and dark,
//! wide and narrow.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    error::CmdError,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::{
    serve::Served,
    support::{Desk, TOKEN, shape},
};

/// Whether the tests of this machine have to have a browser.
const REQUIRED: &str = "CI";

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(60);

/// Drives browsers.
struct Driver {
    process: Child,
    address: String,
}

impl Driver {
    /// None where the machine has no browser, and need not have one.
    fn new() -> Option<Self> {
        let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                assert!(std::env::var_os(REQUIRED).is_none(), "no chromedriver (package chromium-driver): {error}");
                return None;
            }
        };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("started successfully on port")).unwrap();
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap();
        let address = format!("http://127.0.0.1:{port}");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, address })
    }

    async fn browser(&self, scripts: bool) -> Browser {
        let allowed = if scripts { 1 } else { 2 };
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1440,1000"],
            "prefs": { "profile.managed_default_content_settings.javascript": allowed },
        });
        let mut wanted = Capabilities::new();
        wanted.insert("goog:chromeOptions".to_owned(), options);
        wanted.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(wanted).connect(&self.address).await.unwrap();
        Browser { client, scripts }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command of this driver alone.
#[derive(Debug)]
struct Extra(&'static str, Value);

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}

/// A person in front of a page.
struct Browser {
    client: Client,
    scripts: bool,
}

impl Browser {
    async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// What is read on the page.
    async fn text(&self) -> String {
        self.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap()
    }

    /// Waits until something is read on the page.
    async fn sees(&self, wanted: &str) {
        let begun = Instant::now();
        loop {
            // The page may be another one while it is read.
            let text = match self.client.find(Locator::Css("main")).await {
                Ok(main) => main.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if text.contains(wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no `{wanted}` (scripts: {}) in: {text}", self.scripts);
        }
    }

    /// Follows a link or presses a button, by what it says.
    async fn press(&self, name: &str) {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()='{name}']");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("no `{name}`: {error}")).click().await.unwrap();
    }

    /// Writes into the field of a name.
    async fn write(&self, name: &str, text: &str) {
        let wanted = format!("[name='{name}']");
        let field = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&wanted)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn tick(&self, name: &str) {
        self.client.find(Locator::Css(&format!("[name='{name}']"))).await.unwrap().click().await.unwrap();
    }

    /// Waits for the page of a heading.
    async fn is_at(&self, heading: &str) {
        let path = format!("//h1[normalize-space()=\"{heading}\"]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("not at `{heading}`: {error}"));
    }

    /// What the browser has to complain about.
    async fn complaints(&self) -> Vec<Value> {
        let log = self.client.issue_cmd(Extra("se/log", json!({ "type": "browser" }))).await.unwrap();
        log.as_array().unwrap().clone()
    }

    async fn command(&self, name: &str, parameters: Value) -> Result<Value, CmdError> {
        self.client.issue_cmd(Extra("goog/cdp/execute", json!({ "cmd": name, "params": parameters }))).await
    }
}

#[test]
fn a_source_is_added_synced_looked_at_and_deleted_with_and_without_scripts() {
    let Some(driver) = Driver::new() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for scripts in [true, false] {
            let browser = driver.browser(scripts).await;
            let desk = Desk::new(shape(), vec![]);
            journey(&browser, &desk).await;
            // Of statuses that are no success it was told where they were expected.
            assert_eq!(browser.complaints().await, Vec::<Value>::new(), "scripts: {scripts}");
            browser.client.close().await.unwrap();
        }
    });
}

async fn journey(browser: &Browser, desk: &Desk) {
    let (mut served, link) = Served::begun(desk);
    let site = format!("http://{}", served.address);
    // Nobody is shown anything.
    browser.open(&format!("{site}/t/default/findings")).await;
    browser.sees("This browser was not let in yet.").await;
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|it| it.to_string().contains("401")), "{refused:?}");
    browser.open(&link).await;
    browser.is_at("Tenants").await;
    browser.press("Add the tenant").await;

    // Authorize: a token that is refused, then the right one.
    browser.press("Add").await;
    browser.press("More settings").await;
    browser.write("name", "code").await;
    browser.write("set:origin", desk.simulator.url()).await;
    browser.tick("private").await;
    browser.write("token", "another-one").await;
    browser.press("Authorize").await;
    browser.sees("refused the token").await;
    browser.sees("Create a new token at the vendor").await;
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|it| it.to_string().contains("403")), "{refused:?}");
    // What was typed is still there, but for the token.
    browser.write("token", TOKEN).await;
    browser.press("Authorize").await;
    browser.sees("Authorized for").await;
    browser.press("Next: projects").await;
    browser.sees("14 projects detected: 14 will be read").await;
    // One of them is left out.
    let first = browser.client.find(Locator::Css("td.field input[type='text']")).await.unwrap();
    first.clear().await.unwrap();
    browser.press("Next: save").await;
    browser.sees("13 of 14 are read").await;
    browser.press("Save and sync").await;

    // The run comes to its end before the eyes of whoever watches it, and without
    // scripts when the page is loaded again.
    browser.is_at("Run 1").await;
    let begun = Instant::now();
    while !browser.text().await.contains("\ntook ") {
        assert!(begun.elapsed() < PATIENCE, "{}", browser.text().await);
        if !browser.scripts {
            browser.client.refresh().await.unwrap();
        }
    }
    let run = desk.json(&["runs", "1"]);
    let records = run["runs"][0]["records"].as_u64().unwrap();
    browser.sees(&format!("{records}\nrecords")).await;
    browser.press("code").await;
    browser.sees("Connected").await;
    browser.press("Test connection").await;
    browser.sees("Connection successful.").await;

    // From a filter to a finding; the numbers are those of the command line.
    browser.press("Findings").await;
    let printed = desk.json(&["findings", "--severity", "critical", "--limit", "1"]);
    browser.press("Critical").await;
    browser.sees(&format!("Findings\n{}", printed["total"])).await;
    let id = printed["findings"][0]["id"].as_str().unwrap();
    browser.client.find(Locator::Css(&format!("a.title[href$='{id}']"))).await.unwrap().click().await.unwrap();
    browser.is_at(printed["findings"][0]["title"].as_str().unwrap()).await;

    if let (Some(folder), true) = (std::env::var_os("HARNESS_PICTURES"), browser.scripts) {
        pictures(browser, &site, id, &PathBuf::from(folder)).await;
    }

    // Deletion: a wrong name deletes nothing.
    browser.open(&format!("{site}/t/default/sources/code")).await;
    browser.press("Delete…").await;
    browser.write("confirm", "another").await;
    browser.press("Delete code for good").await;
    browser.sees("nothing was deleted").await;
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|it| it.to_string().contains("400")), "{refused:?}");
    browser.write("confirm", "code").await;
    browser.press("Delete code for good").await;
    browser.sees("Nothing of it is left.").await;
    assert_eq!(desk.json(&["findings", "--include-closed"])["total"], 0);
    desk.in_no_file(&[TOKEN]);
    served.stop();
}

/// Keeps a picture of every page.
async fn pictures(browser: &Browser, site: &str, finding: &str, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let page = |path: &str| (path.replace('/', "-"), format!("{site}/t/default/{path}"));
    let finding = format!("findings/{finding}");
    let mut pages: Vec<(String, String)> = [
        "findings",
        "vulnerabilities",
        "weaknesses",
        "secrets",
        "issues",
        "packages",
        "coverage",
        "policies",
        "sources",
        "sources/code",
        "sources/code/settings",
        "sources/code/delete",
        "sources/add/semgrep",
        "mapping",
        "import",
        "runs",
        "runs/1",
        "tokens",
        "audit",
    ]
    .map(page)
    .to_vec();
    pages.push(("dashboard".to_owned(), format!("{site}/t/default")));
    pages.push(("finding".to_owned(), page(&finding).1));
    pages.push(("tenants".to_owned(), format!("{site}/tenants")));
    let names: BTreeSet<&String> = pages.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), pages.len());
    for (theme, width) in [("light", 1440), ("dark", 1440), ("light", 420), ("dark", 420)] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        browser.command("Emulation.setEmulatedMedia", media).await.unwrap();
        let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        browser.command("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
        for (name, address) in &pages {
            browser.open(address).await;
            let picture = browser.client.screenshot().await.unwrap();
            std::fs::write(folder.join(format!("{name}-{theme}-{width}.png")), picture).unwrap();
        }
    }
    browser.command("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
}
