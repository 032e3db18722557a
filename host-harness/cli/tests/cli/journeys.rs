//! Ways through the pages on which something goes wrong, in a real browser, with and
//! without scripts.

use std::{path::Path, time::Instant};

use fantoccini::Locator;
use vendor_sim::WorldShape;

use crate::{
    browser::{Browser, Driver, PATIENCE},
    serve::Served,
    support::{TestContext, gate_after, shape},
};

/// Goes a way with scripts and without them.
fn twice(way: &impl AsyncFn(&Browser)) {
    let Some(driver) = Driver::new() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for scripts in [true, false] {
            let browser = driver.browser(scripts).await;
            way(&browser).await;
            let said = browser.complaints().await;
            // That an answer is no success, or was cut off with its server, is noted;
            // nothing else is to be.
            let known = ["the server responded with a status of 4", "ERR_INCOMPLETE_CHUNKED_ENCODING"];
            let noted = |it: &serde_json::Value| known.iter().any(|known| it.to_string().contains(known));
            assert!(said.iter().all(noted), "scripts: {scripts}: {said:?}");
            browser.client.close().await.unwrap();
        }
    });
}

/// A server, its address, and a browser that was let in.
async fn let_in(browser: &Browser, context: &TestContext) -> (Served, String) {
    let (served, link) = Served::begun(context);
    let site = format!("http://{}/t/default", served.address);
    browser.open(&link).await;
    browser.is_at("Dashboard").await;
    (served, site)
}

#[test]
fn many_projects_are_mapped_at_once_and_searched() {
    twice(&async |browser| {
        let context = TestContext::new(WorldShape { projects: 500, sast: 20, sca: 0, ..shape() }, vec![]);
        context.added();
        context.ok(&["mapping", "mode", "code", "manual"]);
        context.run(&["sync"]);
        let projects = context.json(&["projects"])["projects"].as_array().unwrap().clone();
        let names = projects.iter().map(|it| it["name"].as_str().unwrap().to_owned() + "\n");
        let list = context.file("list.csv", &("full_name\n".to_owned() + &names.collect::<String>()));
        context.ok(&["repositories", "import", &list]);
        let (mut served, site) = let_in(browser, &context).await;
        browser.open(&format!("{site}/mapping?instance=code")).await;
        browser.sees("1 to 50 of 500").await;
        browser.press("Next").await;
        browser.sees("51 to 100 of 500").await;
        let (proposed, name) = (projects.len(), projects[499]["name"].as_str().unwrap());
        browser.press(&format!("Accept {proposed} proposals")).await;
        browser.sees("The proposals are accepted.").await;
        assert_eq!(context.json(&["mapping", "list"])["counts"]["mapped"], 500);
        browser.write("text", name).await;
        browser.press("Search").await;
        browser.sees(name).await;
        served.stop();
    });
}

#[test]
fn a_sync_that_is_cut_off_with_its_server_is_told_and_goes_on() {
    twice(&async |browser| {
        let context = TestContext::new(shape(), vec![]);
        context.added();
        context.simulator.set_faults(gate_after(1));
        let (served, site) = let_in(browser, &context).await;
        browser.open(&format!("{site}/sources/code")).await;
        browser.press("Sync now").await;
        browser.is_at("Run 1").await;
        let begun = Instant::now();
        while context.json(&["status"])["instances"][0]["running"]["pages"].as_u64() < Some(1) {
            assert!(begun.elapsed() < PATIENCE, "no page comes");
        }
        // Killed, and not asked to end.
        drop(served);
        context.simulator.set_faults(vec![]);
        let (mut served, site) = let_in(browser, &context).await;
        browser.open(&format!("{site}/runs/1")).await;
        browser.sees("cut off; the next sync goes on there").await;
        browser.open(&format!("{site}/sources/code")).await;
        browser.press("Sync now").await;
        browser.is_at("Run 1").await;
        let begun = Instant::now();
        while context.json(&["runs"])["runs"][0]["state"] != "complete" {
            assert!(begun.elapsed() < PATIENCE, "it does not come to its end");
        }
        browser.open(&format!("{site}/runs/1")).await;
        browser.sees("complete").await;
        served.stop();
    });
}

#[test]
fn a_file_that_is_no_report_leaves_nothing_and_the_right_one_is_imported() {
    twice(&async |browser| {
        let context = TestContext::new(shape(), vec![]);
        context.ok(&["tenant", "add", "default"]);
        let (mut served, site) = let_in(browser, &context).await;
        browser.open(&format!("{site}/import")).await;
        let right = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports/sarif/codeql.sarif");
        let right = right.canonicalize().unwrap().to_str().unwrap().to_owned();
        for (file, told) in [(context.file("notes.txt", "no report at all"), "Code: "), (right, "Imported.")] {
            browser.write("source", "codeql").await;
            browser.write("project", "acme/shop").await;
            let field = browser.client.find(Locator::Css("input[type='file']")).await.unwrap();
            field.send_keys(&file).await.unwrap();
            browser.client.find(Locator::Css("main form button.primary")).await.unwrap().click().await.unwrap();
            browser.sees(told).await;
            let made = usize::from(told == "Imported.");
            assert_eq!(context.json(&["instance", "list"])["instances"].as_array().unwrap().len(), made, "{file}");
        }
        browser.press("Its findings").await;
        browser.is_at("Findings").await;
        served.stop();
    });
}
