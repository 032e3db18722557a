//! Schedules and the daemon, as whoever runs services has them.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use vendor_sim::{Options, World, WorldShape};

use crate::support::{TestContext, done, shape};

/// Waits until something is so; tells what was not.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn daemon(context: &TestContext) -> Child {
    context.command(&["daemon"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

fn status(context: &TestContext) -> Value {
    context.json(&["status"])
}

#[test]
fn a_schedule_is_set_shown_paused_and_taken_away() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let schedule = |more: &[&str]| {
        let arguments: Vec<&str> = ["instance", "schedule", "code"].into_iter().chain(more.iter().copied()).collect();
        context.json(&arguments)
    };
    assert_eq!(schedule(&[])["schedule"], Value::Null);
    let set = schedule(&["--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--full-every", "7d", "--jitter", "5m"]);
    assert_eq!(set["schedule"], "cron 30 2 * * *, everything every 7d (Europe/Berlin), up to 5m later");
    assert_eq!((&set["max_removal"], &set["next_full"]), (&30.into(), &false.into()));
    let kept = schedule(&["--every", "1h", "--max-removal", "50%"]);
    assert_eq!(kept["schedule"], "every 1h, everything every 7d, up to 5m later", "what is not given stays");
    assert_eq!(kept["max_removal"], 50);
    context.ok(&["instance", "pause", "code"]);
    assert_eq!(schedule(&[])["next_at"], Value::Null);
    assert!(context.ok(&["instance", "schedule", "code"]).contains("paused"));
    context.ok(&["instance", "resume", "code"]);
    let next = schedule(&[])["next_at"].clone();
    assert!(next.is_string());
    assert_eq!(context.json(&["instance", "list"])["instances"][0]["next_at"], next);
    assert_eq!(schedule(&["--remove"])["schedule"], Value::Null);
    let wrong = context.run(&["instance", "schedule", "code", "--cron", "0 0 30 2 *"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("never matches any date"), "{}", wrong.stderr);
}

#[test]
fn what_is_due_is_synced_once_and_the_log_tells_of_it_by_project() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["instance", "schedule", "code", "--every", "1h"]);
    let told = context.ok(&["sync", "--due"]);
    assert!(told.contains("default/code: full run 1 is complete"), "{told}");
    assert!(!context.ok(&["sync", "--due"]).contains("run 2"), "nothing is due");
    let seen = status(&context);
    assert_eq!((&seen["daemon"], &seen["instances"][0]["running"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["instances"][0]["last_run"]["state"], "complete");
    let run = context.json(&["runs", "1"]);
    let sum = |count: &str| run["projects"].as_array().unwrap().iter().filter_map(|it| it[count].as_u64()).sum::<u64>();
    // A record that cannot be read may not tell whose it is.
    let (new, rejected) = (run["runs"][0]["new"].as_u64().unwrap(), run["runs"][0]["rejected"].as_u64().unwrap());
    assert!((new - rejected..=new).contains(&sum("new")), "{} of {new}", sum("new"));
    assert!(context.ok(&["runs", "1"]).contains("REOPENED"));
    let project = run["projects"][0]["project"].as_str().unwrap();
    let listed = |more: &[&str]| {
        let arguments: Vec<&str> = ["runs"].into_iter().chain(more.iter().copied()).collect();
        context.json(&arguments)["runs"].as_array().unwrap().len()
    };
    assert_eq!(listed(&["--state", "complete", "--since", "1h", "--project", project]), 1);
    assert_eq!(listed(&["--state", "failed"]) + listed(&["--project", "nobody/nothing"]), 0);
    context.ok(&["sync"]);
    assert_eq!(context.json(&["runs", "prune", "--keep", "1"])["runs"], 1);
}

#[test]
fn a_daemon_that_is_told_to_stop_does_so_between_pages_and_the_next_one_goes_on() {
    let slow = Options { latency: Duration::from_millis(150), ..Options::default() };
    let context = TestContext::with_options(shape(), slow);
    assert_eq!(context.add(&["--set", "page_size=100"]).code, 0);
    context.ok(&["instance", "schedule", "code", "--every", "1h"]);
    let first = daemon(&context);
    until("the sync takes no page in", || status(&context)["instances"][0]["running"]["pages"].as_u64() > Some(0));
    let seen = status(&context);
    assert_eq!(seen["daemon"]["pid"], first.id());
    assert_eq!(
        (&seen["instances"][0]["running"]["pid"], &seen["instances"][0]["running"]["alive"]),
        (&first.id().into(), &true.into())
    );

    let second = context.run(&["sync", "--due"]);
    assert_eq!(second.code, 1);
    let expected = format!("another daemon is running on this data directory: process {}", first.id());
    assert!(second.stderr.contains(&expected), "{}", second.stderr);

    terminate(&first);
    let stopped = done(first.wait_with_output().unwrap());
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    assert!(stopped.stdout.contains("sync stopped between two pages"), "{}", stopped.stdout);
    let seen = status(&context);
    assert_eq!((&seen["daemon"], &seen["instances"][0]["running"]), (&Value::Null, &Value::Null));
    let told = context.ok(&["sync", "--due"]);
    assert!(told.contains("full run 1 is complete"), "{told}");
    assert!(context.json(&["runs", "1"])["runs"][0]["resumed"].as_u64() >= Some(1));
}

#[test]
fn findings_that_are_gone_all_at_once_are_listed_before_they_are_marked() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    context.simulator.set_world(World::new(WorldShape { sast: 20, sca: 10, ..shape() }));
    let shown = context.run(&["sync", "--dry-run", "--json"]);
    assert_eq!(shown.code, 3, "{}", shown.stderr);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let total = shown["vanishing"][0]["total"].as_u64().unwrap();
    assert!(total > 100, "{total}");
    let refused = context.run(&["sync"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stdout.contains("harness sync NAME --allow-removal"), "{}", refused.stdout);
    // The first of them, so that the counts above are still on the screen.
    assert!(refused.stdout.contains(&format!("\nand {} others (harness runs 3", total - 10)), "{}", refused.stdout);
    let told = context.ok(&["runs", "3", "--limit", "1"]);
    assert_eq!(told.matches("with a limit of").count(), 1, "{told}");
    let vanished =
        || context.json(&["findings", "--include-non-security", "--status", "vanished"])["total"].as_u64().unwrap();
    assert_eq!(vanished(), 0);
    context.ok(&["sync", "--allow-removal"]);
    assert_eq!(vanished(), total);
}
