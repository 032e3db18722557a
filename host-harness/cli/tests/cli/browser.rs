//! The pages in a real browser: the ways that people go through them, with and
//! without scripts, and what the browser says of it.

use std::{
    io::{self, BufRead, BufReader},
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
use vendor_sim::Scenario;

use crate::{
    serve::Served,
    support::{TOKEN, TestContext, shape},
};

/// Whether the tests of this machine have to have a browser.
pub const REQUIRED: &str = "CI";

/// How long a page may take to show something.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a driver may be started.
const STARTS: usize = 5;

/// Drives browsers.
pub struct Driver {
    process: Child,
    address: String,
}

impl Driver {
    /// None where the machine has no browser, and need not have one.
    pub fn new() -> Option<Self> {
        // It asks the system for a port twice, for each kind of address, and ends where the
        // second one is taken.
        (0..STARTS).find_map(|_| Self::start().transpose()).unwrap().ok()
    }

    /// None where it ended at once; an error where there is none, and need not be one.
    fn start() -> Result<Option<Self>, io::Error> {
        let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = started.inspect_err(|error| {
            assert!(std::env::var_os(REQUIRED).is_none(), "no chromedriver (package chromium-driver): {error}");
        })?;
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let Some(line) = lines.find(|line| line.contains("started successfully on port")) else {
            process.wait()?;
            return Ok(None);
        };
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap();
        let address = format!("http://127.0.0.1:{port}");
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Some(Self { process, address }))
    }

    pub async fn browser(&self, scripts: bool) -> Browser {
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
pub struct Browser {
    pub client: Client,
    pub scripts: bool,
}

impl Browser {
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// What is read in the element of a name. The driver's own way walks a large page
    /// for seconds. Nothing is read while one page gives way to the next.
    pub async fn text(&self, element: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.client.execute(script, vec![json!(element)]).await.unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until something is read on the page.
    pub async fn sees(&self, wanted: &str) {
        let begun = Instant::now();
        loop {
            let text = self.text("main").await;
            if text.contains(wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no `{wanted}` (scripts: {}) in: {text}", self.scripts);
        }
    }

    /// Follows a link or presses a button, by what it says.
    pub async fn press(&self, name: &str) {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()='{name}']");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("no `{name}`: {error}")).click().await.unwrap();
    }

    /// Follows a link by what it begins with: behind it stands how many there are.
    pub async fn press_beginning(&self, name: &str) {
        let path = format!("//a[starts-with(normalize-space(), '{name}')]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("no `{name}…`: {error}")).click().await.unwrap();
    }

    /// Writes into the field of a name.
    pub async fn write(&self, name: &str, text: &str) {
        let wanted = format!("[name='{name}']");
        let field = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&wanted)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn tick(&self, name: &str) {
        self.client.find(Locator::Css(&format!("[name='{name}']"))).await.unwrap().click().await.unwrap();
    }

    /// Waits for the page of a heading.
    pub async fn is_at(&self, heading: &str) {
        let path = format!("//h1[normalize-space()=\"{heading}\"]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("not at `{heading}`: {error}"));
    }

    /// What the browser has to complain about.
    pub async fn complaints(&self) -> Vec<Value> {
        let log = self.client.issue_cmd(Extra("se/log", json!({ "type": "browser" }))).await.unwrap();
        log.as_array().unwrap().clone()
    }

    pub async fn command(&self, name: &str, parameters: Value) -> Result<Value, CmdError> {
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
            let context = TestContext::new(shape(), vec![]);
            journey(&browser, &context).await;
            // Of statuses that are no success it was told where they were expected.
            assert_eq!(browser.complaints().await, Vec::<Value>::new(), "scripts: {scripts}");
            browser.client.close().await.unwrap();
        }
    });
}

/// What a vendor refuses, by the scenario of the simulator, and what is told of it.
const REFUSED: [(&str, &str, &str); 3] = [
    ("", "unauthorized", "Create a new token at the vendor"),
    ("missing-scope", "missing-scope", "has the scope for the vendor's Web API"),
    ("no-deployment", "no-deployment", "make sure that there is an active deployment"),
];

#[test]
fn what_a_vendor_refuses_is_told_with_what_to_do_and_the_right_token_goes_on() {
    let Some(driver) = Driver::new() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (browser, context) = (driver.browser(true).await, TestContext::new(shape(), vec![]));
        // The connector is compiled by now, which takes longest.
        context.added();
        let (mut served, link) = Served::begun(&context);
        browser.open(&link).await;
        browser.open(&format!("http://{}/t/default/sources/add/semgrep", served.address)).await;
        browser.press("More settings").await;
        browser.write("name", "other").await;
        browser.write("set:origin", context.simulator.url()).await;
        browser.tick("private").await;
        for (scenario, code, advice) in REFUSED {
            let (token, faults) = match scenario {
                "" => ("another-one", vec![]),
                name => (TOKEN, Scenario::bundled(name).unwrap().faults),
            };
            context.simulator.set_faults(faults);
            browser.write("token", token).await;
            browser.press("Authorize").await;
            // What was typed is still there, but for the token.
            browser.sees(&format!("Code: {code}")).await;
            browser.sees(advice).await;
        }
        let refused = browser.complaints().await;
        assert!(
            refused.len() == REFUSED.len() && refused.iter().all(|it| it.to_string().contains("422")),
            "{refused:?}"
        );
        assert_eq!(context.json(&["onboard", "--list"])["onboardings"][0]["step"], "token", "it goes on there");
        let page = browser.client.find(Locator::LinkText("no-deployment")).await.unwrap();
        let page = page.attr("href").await.unwrap().unwrap();
        // A token that reads a part of it goes on with that part (403).
        context.simulator.set_faults(Scenario::bundled("forbidden").unwrap().faults);
        browser.write("token", TOKEN).await;
        browser.press("Authorize").await;
        browser.sees("Authorized for").await;
        browser.sees("does not let this token read `sast`").await;
        // The code led to its page.
        browser.open(&format!("http://{}{page}", served.address)).await;
        browser.is_at("no-deployment").await;
        browser.client.close().await.unwrap();
        served.stop();
    });
}

async fn journey(browser: &Browser, context: &TestContext) {
    let (mut served, link) = Served::begun(context);
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
    browser.write("set:origin", context.simulator.url()).await;
    browser.tick("private").await;
    browser.write("token", "another-one").await;
    browser.press("Authorize").await;
    browser.sees("refused the token").await;
    browser.sees("Create a new token at the vendor").await;
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|it| it.to_string().contains("422")), "{refused:?}");
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
    while !browser.text("body").await.contains("\ntook ") {
        assert!(begun.elapsed() < PATIENCE, "{}", browser.text("body").await);
        if !browser.scripts {
            browser.client.refresh().await.unwrap();
        }
    }
    let run = context.json(&["runs", "1"]);
    let records = run["runs"][0]["records"].as_u64().unwrap();
    browser.sees(&format!("{records}\nrecords")).await;
    browser.press("code").await;
    browser.sees("Connected").await;
    browser.press("Test connection").await;
    browser.sees("Connection successful.").await;

    // From a filter to a finding; the numbers are those of the command line.
    browser.press("Findings").await;
    let printed = context.json(&["findings", "--severity", "critical", "--limit", "1"]);
    browser.press_beginning("Critical").await;
    browser.sees(&format!("Findings\n{}", printed["total"])).await;
    let id = printed["findings"][0]["id"].as_str().unwrap();
    browser.client.find(Locator::Css(&format!("a.title[href*='{id}']"))).await.unwrap().click().await.unwrap();
    browser.is_at(printed["findings"][0]["title"].as_str().unwrap()).await;

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
    assert_eq!(context.json(&["findings", "--include-closed"])["total"], 0);
    context.in_no_file(&[TOKEN]);
    served.stop();
}
