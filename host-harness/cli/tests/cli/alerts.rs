//! Alerts at a terminal: what newly violates policies is reported once, to whoever is set.

use std::{fs, process::Stdio, time::Duration};

use serde_json::Value;
use vendor_sim::WorldShape;

use crate::{
    support::TestContext,
    webhooks::{SECRET, receiver},
};

const LONG: Duration = Duration::from_secs(120);

const POLICIES: &str = "[[policy]]\nid = 'any'\ntitle = 'Any'\nseverity = 'low'\nwhen = 'is_open'\n\
                        [[policy]]\nid = 'never'\ntitle = 'Never'\nseverity = 'low'\nwhen = 'priority > 100'\n";

/// A report with a result for each rule.
fn report(rules: &[&str]) -> String {
    let result =
        |rule: &&str| serde_json::json!({ "ruleId": rule, "message": { "text": format!("{rule} <!channel>") } });
    let results: Vec<Value> = rules.iter().map(result).collect();
    serde_json::json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": { "name": "lamp" } }, "results": results }] })
        .to_string()
}

fn context() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 1, sca: 1, ..WorldShape::default() }, vec![])
}

fn import(context: &TestContext, rules: &[&str]) {
    context.ok(&[
        "import",
        "--source",
        "lamp",
        "--project",
        "acme/shop",
        &context.file("report.sarif", &report(rules)),
    ]);
}

#[test]
fn new_violations_reach_a_chat_and_a_signed_webhook_once() {
    let context = context();
    import(&context, &["old"]);
    let (origin, received) = receiver(5);
    let address = format!("{origin}/services/T0/s3cret-part-of-the-address");
    let url = context.file("slack-url", &address);
    let slack = ["notify", "alert", "set", "lamp", "--format", "slack", "--secret-file", &url];
    let slack = [&slack[..], &["--allow-private-origin", &origin]].concat();
    let refused = context.run(&slack);
    assert!(refused.code == 1 && refused.stderr.contains("no policies"), "{}", refused.stderr);
    context.ok(&["policy", "import", &context.file("policies.toml", POLICIES)]);
    let refused = context.run(&[&slack[..], &["--policy", "nay"]].concat());
    assert!(refused.code == 1 && refused.stderr.contains("`any`"), "{}", refused.stderr);
    let wrong = context.run(&["notify", "alert", "set", "lamp", "--format", "slack", "--url", "https://x.example/"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let said = context.ok(&slack);
    assert!(!said.contains("s3cret") && said.contains(&origin), "{said}");
    let secret = context.file("hook-secret", SECRET);
    let hook = format!("{origin}/hook");
    let set = ["notify", "alert", "set", "lamp", "--format", "webhook", "--url", &hook, "--policy", "any"];
    context.ok(&[&set[..], &["--secret-file", &secret, "--allow-private-origin", &origin]].concat());
    context.follows("notify-alert-list", &context.json(&["notify", "alert", "list"]));

    context.ok(&["notify", "alert", "test", "lamp", "--format", "slack"]);
    let (head, body) = received.recv_timeout(LONG).unwrap();
    assert!(head.starts_with("POST /services/T0/s3cret-part") && body.contains("this is a test"), "{head}\n{body}");

    // What was there is no news, and each violation is one once.
    import(&context, &["old", "new"]);
    let mut messages = [received.recv_timeout(LONG).unwrap(), received.recv_timeout(LONG).unwrap()];
    messages.sort_by_key(|(head, _)| head.contains("webhook-signature"));
    let [(_, chat), (_, event)] = messages;
    let chat: Value = serde_json::from_str(&chat).unwrap();
    let text = chat["text"].as_str().unwrap();
    assert!(text.contains("1 new finding violates policies") && text.contains("new &lt;!channel&gt;"), "{text}");
    assert!(!text.contains("old"), "{text}");
    let event: Value = serde_json::from_str(&event).unwrap();
    context.follows("notify-event", &event);
    assert_eq!((&event["type"], &event["total"]), (&"alert".into(), &1.into()));
    assert_eq!(event["findings"][0]["policies"], serde_json::json!(["any"]));
    assert_eq!(event["findings"][0]["rule_id"], "new");
    import(&context, &["old", "new"]);
    let deliveries = context.json(&["notify", "deliveries"]);
    context.follows("notify-deliveries", &deliveries);
    assert_eq!(deliveries["deliveries"].as_array().unwrap().len(), 3);
    // The next one waits a while, and is sent sooner if somebody asks for it.
    import(&context, &["old", "new", "newer"]);
    let waiting = context.json(&["notify", "deliveries"])["deliveries"].as_array().unwrap().clone();
    for it in waiting.iter().filter(|it| it["state"] == "pending") {
        context.ok(&["notify", "resend", &it["id"].to_string()]);
        let (_, body) = received.recv_timeout(LONG).unwrap();
        assert!(body.contains("newer") && !body.contains("old"), "{body}");
    }
    context.ok(&["notify", "alert", "remove", "lamp", "--format", "slack"]);
    assert_eq!(context.run(&["notify", "alert", "test", "lamp", "--format", "slack"]).code, 1);
    assert_eq!(context.json(&["notify", "alert", "list"])["alerts"].as_array().unwrap().len(), 1);
    // The address is in no file of ours.
    context.in_no_file(&["s3cret-part-of-the-address"]);
}

#[test]
fn killed_at_any_moment_no_violation_is_lost_or_reported_twice() {
    let context = context();
    let mails = context.folder.path().join("mails");
    fs::create_dir(&mails).unwrap();
    import(&context, &["old"]);
    context.ok(&["policy", "import", &context.file("policies.toml", POLICIES)]);
    let set = ["notify", "alert", "set", "lamp", "--format", "mail", "--directory", mails.to_str().unwrap()];
    let refused = context.run(&[&set[..], &["--from", "a@b.example\nBcc: x@y", "--to", "c@d.example"]].concat());
    assert!(refused.code == 1 && refused.stderr.contains("invalid mail address"), "{}", refused.stderr);
    context.ok(&[&set[..], &["--from", "a@b.example", "--to", "c@d.example"]].concat());

    let rules: Vec<String> = (0..400).map(|number| format!("rule-{number}")).collect();
    let mut found = 0;
    // Each part comes in a process that is killed some time after the other, and then once more to its end.
    for (part, pause) in [(100, 20), (200, 60), (300, 120), (400, 200)] {
        let some: Vec<&str> = rules[..part].iter().map(String::as_str).collect();
        let file = context.file("report.sarif", &report(&some));
        let arguments = ["import", "--source", "lamp", "--project", "acme/shop", &file];
        let mut child = context.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        context.ok(&arguments);
        found = part;
    }
    // What waits for its turn is sent now.
    let deliveries = context.json(&["notify", "deliveries", "--limit", "1000"])["deliveries"].clone();
    for it in deliveries.as_array().unwrap().iter().filter(|it| it["state"] == "pending") {
        context.ok(&["notify", "resend", &it["id"].to_string()]);
    }
    let mut told = 0;
    for file in fs::read_dir(&mails).unwrap() {
        let mail = fs::read_to_string(file.unwrap().path()).unwrap();
        let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: default/lamp: ")).unwrap();
        told += subject.split(' ').next().unwrap().parse::<usize>().unwrap();
    }
    assert_eq!(told, found);
}
