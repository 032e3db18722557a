//! The pages and the HTTP API of the binary: what they show is what commands print.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    support::{TOKEN, TestContext, shape},
    webhooks::{SECRET, receiver},
};

/// A server of the binary, and a browser that was let in.
pub struct Served {
    process: Child,
    pub address: String,
    cookie: String,
}

impl Served {
    /// A server, and the link that lets a browser in.
    pub fn begun(context: &TestContext) -> (Self, String) {
        Self::begun_with(context, &[])
    }

    fn begun_with(context: &TestContext, more: &[&str]) -> (Self, String) {
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--json"], more].concat();
        let mut process = context.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut event = |wanted: &str| {
            let found = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            found.into_iter().find(|event| event["event"] == wanted).unwrap()
        };
        let (link, listening) = (event("link"), event("listening"));
        let address = listening["address"].as_str().unwrap().to_owned();
        // Nobody reads what else it prints.
        std::thread::spawn(move || lines.for_each(drop));
        (Self { process, address, cookie: String::new() }, link["url"].as_str().unwrap().to_owned())
    }

    pub fn new(context: &TestContext) -> Self {
        Self::entered(Self::begun(context))
    }

    /// One that syncs on request only.
    fn without_daemon(context: &TestContext) -> Self {
        Self::entered(Self::begun_with(context, &["--no-daemon"]))
    }

    fn entered((mut served, link): (Self, String)) -> Self {
        let path = link.strip_prefix(&format!("http://{}", served.address)).unwrap().to_owned();
        let entered = served.get(&path);
        let cookie = entered.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        served.cookie = cookie.split(';').next().unwrap().to_owned();
        served
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// The whole answer to a request.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (host, length) = (&self.address, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n{headers}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn get(&self, path: &str) -> String {
        self.ask("GET", path, &format!("Cookie: {}\r\n", self.cookie), "")
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1/tenants/default/{path}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_api_answers_what_commands_print_and_every_page_is_there() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let served = Served::new(&context);
    let printed = |arguments: &[&str]| -> Value {
        serde_json::from_str(&context.ok(&[arguments, &["--json"]].concat())).unwrap()
    };
    for (path, arguments) in [
        ("findings", &["findings"][..]),
        ("findings?severity=critical,high&limit=7", &["findings", "--severity", "critical,high", "--limit", "7"]),
        ("vulnerabilities?reachability=reachable", &["vulnerabilities", "--reachability", "reachable"]),
        ("weaknesses?sort=age&reverse=true", &["weaknesses", "--sort", "age", "--reverse"]),
        ("secrets", &["secrets"]),
        ("issues?limit=5", &["issues", "--limit", "5"]),
        ("packages?offset=3", &["packages", "--offset", "3"]),
        ("coverage", &["coverage"]),
    ] {
        assert_eq!(served.json(path), printed(arguments), "{path}");
    }
    let finding = printed(&["findings", "--limit", "1"])["findings"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(served.json(&format!("findings/{finding}")), printed(&["finding", &finding]));
    let issue = printed(&["issues", "--limit", "1"])["issues"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(served.json(&format!("issues/{issue}")), printed(&["issue", &issue]));
    assert_eq!(served.json("dashboard")["open"], printed(&["dashboard"])["open"]);
    assert_eq!(served.json("runs"), printed(&["runs"]));
    assert_eq!(served.json("status"), printed(&["status"]));

    let pages = ["", "/findings", "/vulnerabilities", "/weaknesses", "/secrets", "/issues", "/packages", "/coverage"];
    let rest = ["/policies", "/sources", "/runs"].map(str::to_owned);
    let named = [format!("/findings/{finding}"), format!("/issues/{issue}")];
    for path in pages.map(str::to_owned).into_iter().chain(rest).chain(named) {
        let page = served.get(&format!("/t/default{path}"));
        assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("</html>"), "{path}: {page}");
        for forbidden in ["<script>", " style=", "javascript:", " onclick", TOKEN] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let open = printed(&["findings", "--limit", "1"])["total"].as_u64().unwrap().to_string();
    assert!(served.get("/t/default/findings").contains(&format!(">{open} open and about security<")));
}

#[test]
fn a_decision_on_a_page_is_previewed_keeps_what_was_typed_and_is_that_of_the_command_line() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let served = Served::new(&context);
    let headers = format!(
        "Cookie: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        served.cookie
    );
    let page = "/t/default/triage?severity=critical";
    let sent = |form: &str| served.ask("POST", page, &headers, form);
    let tried = |form: &str| served.ask("POST", "/t/default/triage/preview?severity=critical", &headers, form);
    let decided = || context.json(&["triage", "list", "--limit", "1000"]);
    let none = decided();
    assert_eq!(none["total"], 0, "{none:#}");

    // Refused, and nothing that was typed is lost.
    for (form, told) in [
        ("decision=accepted-risk&comment=seen+by+mira&do=set", "needs a reason"),
        ("decision=accepted-risk&comment=seen+by+mira&reason=vpn&until=soon&do=set", "until"),
        ("decision=accepted-risk&comment=seen+by+mira&reason=vpn&do=guess", "one of set, clear"),
    ] {
        let answer = sent(form);
        assert!(answer.starts_with("HTTP/1.1 4"), "{form}: {answer}");
        assert!(answer.contains(told) && answer.contains("value=\"seen by mira\""), "{form}: {answer}");
    }
    let form = "decision=accepted-risk&reason=only+over+the+VPN&until=90d&labels=a%2C+b";
    let preview = tried(form);
    assert!(preview.starts_with("HTTP/1.1 200") && preview.contains("The decision would change on"), "{preview}");
    assert_eq!(decided(), none, "a preview changes nothing");

    let critical = context.json(&["findings", "--severity", "critical", "--limit", "1"])["total"].clone();
    assert!(sent(&format!("{form}&do=set")).starts_with("HTTP/1.1 303"));
    let list = decided();
    assert_eq!(list["total"], critical);
    let first = &list["decisions"][0];
    assert_eq!((&first["reason"], &first["labels"]), (&"only over the VPN".into(), &json!(["a", "b"])));
    assert_eq!(context.json(&["findings", "--severity", "critical"])["total"], 0);
    // What is ignored by now is no longer of the filter: by status it is.
    let clear = served.ask("POST", &format!("{page}&status=ignored"), &headers, "do=clear");
    assert!(clear.starts_with("HTTP/1.1 303"), "{clear}");
    assert_eq!(context.json(&["findings", "--severity", "critical"])["total"], critical);
}

#[test]
fn a_page_leads_to_the_next_until_all_findings_were_seen() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let served = Served::new(&context);
    let (mut path, mut seen) = ("/t/default/findings?limit=200".to_owned(), std::collections::BTreeSet::new());
    loop {
        let page = served.get(&path);
        let ids: Vec<&str> = page.split("href=\"/t/default/findings/").skip(1).map(|it| &it[..16]).collect();
        assert!(!ids.is_empty() && ids.iter().all(|id| seen.insert((*id).to_owned())), "{path}");
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else { break };
        path = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
    let printed: Value = serde_json::from_str(&context.ok(&["findings", "--limit", "1", "--json"])).unwrap();
    assert_eq!(seen.len() as u64, printed["total"].as_u64().unwrap());
}

#[test]
fn a_program_with_a_token_of_the_command_line_reads_its_tenant_until_it_is_revoked() {
    let context = TestContext::new(shape(), vec![]);
    for tenant in ["acme", "other"] {
        context.ok(&["tenant", "add", tenant]);
    }
    let made = context.json(&["--tenant", "acme", "token", "add", "pipeline", "--expires-in", "1d"]);
    context.follows("token-add", &made);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let served = Served::new(&context);
    let status = |path: &str, headers: &str| served.ask("GET", path, headers, "").split(' ').nth(1).unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(status("/api/v1/tenants/acme/findings", &bearer), "200");
    assert_eq!(status("/api/v1/tenants/other/findings", &bearer), "404");
    assert_eq!(status("/api/v1/tenants/acme/findings", ""), "401");
    let listed = context.ok(&["--tenant", "acme", "token", "list"]);
    assert!(listed.contains(id) && listed.contains("in force") && !listed.contains(token), "{listed}");
    context.in_no_file(&[token]);

    // A link for one more browser, of another process.
    let link = context.json(&["link", "--listen", &served.address]);
    context.follows("link", &link);
    let path = link["url"].as_str().unwrap().strip_prefix(&format!("http://{}", served.address)).unwrap();
    assert_eq!(status(path, ""), "303");

    let revoked = context.json(&["--tenant", "acme", "token", "revoke", id]);
    context.follows("token-revoke", &revoked);
    assert_eq!(status("/api/v1/tenants/acme/findings", &bearer), "401");
    let unknown = context.run(&["--tenant", "acme", "token", "revoke", "none"]);
    insta::assert_snapshot!(unknown.stderr, @r"
    error: acme: API token `none` not found
      hint: `harness token list` lists the API tokens of the tenant, with their ids
    ");

    let audit = context.json(&["audit", "list"]);
    context.follows("audit-list", &audit);
    assert!(audit["entries"].as_array().unwrap().iter().any(|it| it["action"] == "enter" && it["outcome"] == "done"));
    let check = context.json(&["audit", "verify"]);
    context.follows("audit-verify", &check);
    assert!(check["broken_at"].is_null() && check["entries"].as_u64() > Some(1), "{check}");
}

#[test]
fn what_commands_change_is_in_the_audit_log() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    for command in [&["sync"][..], &["instance", "pause", "code"], &["findings"], &["tenant", "add", "other"]] {
        context.ok(command);
    }
    assert_eq!(context.run(&["instance", "resume", "nobody"]).code, 1);
    context.ok(&["triage", "set", "--severity", "low", "--decision", "fixing", "--dry-run"]);
    // What leaves is written down with what was asked.
    context.ok(&["export", "csv", "--severity", "high,critical", "--kind", "sast"]);
    context.ok(&["export", "ndjson", "--all-tenants"]);
    context.ok(&["instance", "delete", "code"]);
    context.ok(&["instance", "delete", "code", "--confirm", "code"]);
    let audit = context.json(&["audit", "list"]);
    let text = |it: &Value| it.as_str().unwrap_or("-").to_owned();
    let lines = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|it| ["who", "tenant", "action", "target", "outcome", "code"].map(|name| text(&it[name])).join(" "))
        // Whoever runs the tests.
        .map(|line| line.strip_prefix("cli:").unwrap().split_once(' ').map(|(_, rest)| format!("cli {rest}")).unwrap());
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    cli default add source code started -
    cli default add source code done -
    cli default sync - started -
    cli default sync - done -
    cli default pause source code started -
    cli default pause source code done -
    cli - add tenant other started -
    cli - add tenant other done -
    cli default resume source nobody started -
    cli default resume source nobody failed instance-not-found
    cli default export csv?kind=sast&severity=high&severity=critical started -
    cli default export csv?kind=sast&severity=high&severity=critical done -
    cli - export all tenants ndjson started -
    cli - export all tenants ndjson done -
    cli default delete source code started -
    cli default delete source code done -
    ");
    assert!(context.json(&["audit", "verify"])["broken_at"].is_null());
}

#[test]
fn a_daemon_tells_prometheus_what_it_does() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["instance", "schedule", "code", "--every", "1h"]);
    let metrics = context.command(&["daemon", "--metrics", "127.0.0.1:0", "--json"]).stdout(Stdio::piped()).spawn();
    let mut process = metrics.unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let told = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let told = told.into_iter().find(|event| event["event"] == "metrics").unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    let address = told["address"].as_str().unwrap().to_owned();
    let served = Served { process, address, cookie: String::new() };
    let begun = Instant::now();
    let text = loop {
        let text = served.get("/metrics");
        if text.contains("harness_syncs_total{tenant=\"default\",instance=\"code\",outcome=\"complete\"} 1\n") {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing is synced: {text}");
    };
    let text = text.split_once("\r\n\r\n").unwrap().1;
    let run = &context.json(&["runs"])["runs"][0];
    let pages = format!("harness_pages_total{{tenant=\"default\",instance=\"code\"}} {}\n", run["pages"]);
    assert!(text.contains(&pages), "{pages}{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("harness_") && value.parse::<f64>().is_ok(), "{line}");
    }
    // Each metric has its help and type once, and before its values.
    let names: Vec<&str> = text.lines().filter_map(|it| it.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let unique: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert!(names.len() > 15 && unique.len() == names.len(), "{names:?}");
    for name in names {
        assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name}");
    }
    assert!(served.get("/readyz").ends_with("ready\n"));
}

#[test]
fn receivers_are_set_tested_and_removed_on_pages_and_over_the_api() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["policy", "import", &context.file("policies.toml", host_harness::policy::STARTER)]);
    let served = Served::new(&context);
    let (origin, received) = receiver(3);
    let page = |path: &str, form: &str| {
        let headers = format!("Cookie: {}\r\nSec-Fetch-Site: same-origin\r\n", served.cookie);
        served.ask("POST", &format!("/t/default/notifications{path}"), &headers, form)
    };
    let token = context.json(&["token", "add", "pipeline", "--role", "admin"])["token"].as_str().unwrap().to_owned();
    let api = |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = format!("Authorization: Bearer {token}\r\n");
        let answer = served.ask(method, &format!("/api/v1/tenants/default/{path}"), &headers, &body);
        let (head, document) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), serde_json::from_str::<Value>(document).unwrap())
    };
    // On a page: what is private is said to be, and the secret is typed once more.
    let form = format!("instance=code&url={origin}/hook&secret={SECRET}");
    let refused = page("", &form);
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("url-without-tls"), "{refused}");
    assert!(refused.contains(&format!("{origin}/hook")) && !refused.contains(SECRET), "{refused}");
    assert!(page("", &format!("{form}&private=true")).starts_with("HTTP/1.1 303"));
    assert!(page("/code/test", "").contains("Delivered."));
    // Over the API, as the command line shows it.
    let asked = json!({ "url": format!("{origin}/alerts"), "secret": SECRET, "allow_private_origin": origin });
    assert_eq!(api("PUT", "instances/code/alerts/webhook", asked.clone()).0, "200");
    assert_eq!(api("PUT", "instances/code/alerts/mail", asked.clone()).1["code"], "invalid-field");
    assert_eq!(api("PUT", "instances/code/alerts/slack", asked).1["code"], "invalid-field");
    let tested = api("POST", "instances/code/alerts/webhook/test", Value::Null).1;
    assert_eq!((&tested["state"], &tested["alert"]), (&json!("delivered"), &json!("webhook")));
    let again = api("POST", &format!("deliveries/{}/resend", tested["id"]), Value::Null).1;
    assert_eq!((&again["state"], &again["id"]), (&json!("delivered"), &tested["id"]));
    assert_eq!(received.iter().take(3).count(), 3);
    for (path, command) in [
        ("notifications", &["notify", "list"][..]),
        ("alerts", &["notify", "alert", "list"]),
        ("deliveries", &["notify", "deliveries"]),
    ] {
        assert_eq!(api("GET", path, Value::Null).1, context.json(command), "{path}");
    }
    let shown = served.get("/t/default/notifications");
    assert!(shown.contains("webhook alert") && shown.matches("Send a test").count() == 2, "{shown}");
    assert!(page("/alerts/code/webhook/remove", "").starts_with("HTTP/1.1 303"));
    assert_eq!(api("DELETE", "instances/code/notification", Value::Null).0, "200");
    assert_eq!(api("DELETE", "instances/code/notification", Value::Null).1["code"], "notify-not-found");
    let audit = api("GET", "audit?limit=100", Value::Null).1;
    let done = |it: &&Value| it["outcome"] == "done" && it["target"].as_str().is_some_and(|it| it.starts_with("code"));
    let mut told: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().filter(done).map(|it| it["action"].as_str().unwrap()).collect();
    told.reverse();
    let own = ["test notification", "set alert", "test alert", "remove alert", "remove notification"];
    assert_eq!(told.iter().filter(|it| own.contains(it)).collect::<Vec<_>>(), own.iter().collect::<Vec<_>>());
    context.in_no_file(&[SECRET]);
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_what_to_do() {
    let context = TestContext::new(shape(), vec![]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = context.run(&["serve", "--listen", &address]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(done.stderr.replace(&address, "ADDRESS"), @r#"
    error: cannot listen on ADDRESS: Address already in use (os error 98)
      hint: another server may be running; choose another port with --listen
    "#);
    // Nobody answers probes for a daemon that is not there.
    let done = context.run(&["daemon", "--listen", &address, "--metrics", "127.0.0.1:0"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let done = context.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(done.code, 1);
    insta::assert_snapshot!(done.stderr, @r#"
    error: 0.0.0.0:0 is reachable from other machines: the pages are for this machine alone
      hint: listen on 127.0.0.1 or [::1]; from another machine, use a tunnel: ssh -L 7373:127.0.0.1:7373 HOST
    "#);
}

#[test]
fn the_daemon_in_the_server_syncs_what_is_due_and_keeps_others_out() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["instance", "schedule", "code", "--every", "1h"]);
    let mut served = Served::new(&context);
    let begun = Instant::now();
    while context.json(&["runs"])["runs"][0]["state"] != "complete" {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing is synced");
    }
    assert!(context.run(&["daemon"]).stderr.contains("another daemon is running on this data directory"));
    // Events come in without a session, and only with a signature.
    let event = |headers: &str| served.ask("POST", "/webhooks/default/code", headers, "{}");
    assert!(event("").starts_with("HTTP/1.1 404"));
    assert!(
        event("X-Forwarded-For: 203.0.113.7\r\nX-Semgrep-Signature-256: sha256=00\r\n").starts_with("HTTP/1.1 404")
    );
    assert!(event("").contains("connection: close\r\n"));
    // Another server serves, and leaves the schedule to this one.
    let other = Served::new(&context);
    assert_eq!(other.json("status")["daemon"]["pid"], served.process.id());
    served.stop();
}

#[test]
fn a_key_that_the_server_has_made_is_there_for_commands() {
    let context = TestContext::new(shape(), vec![]);
    let refused = context.add(&["--store-token"]);
    assert!(refused.code == 1 && refused.stderr.contains("HARNESS_VAULT_KEY is not set"), "{}", refused.stderr);
    Served::without_daemon(&context).stop();
    assert_eq!(context.add(&["--store-token"]).code, 0);
    context.ok(&["sync", "code"]);
    // Two of them could both want to make it.
    Served::without_daemon(&context).stop();
}

/// SQLite's locks are those of a process: one that opens and closes a file of a database
/// beside SQLite has none any more, and the next process removes the log under it.
#[test]
fn a_server_that_looks_at_its_files_keeps_its_locks_on_them() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    context.ok(&["sync"]);
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports/sarif/codeql.sarif");
    context.ok(&["import", report.to_str().unwrap(), "--source", "other", "--project", "acme/shop"]);
    let mut served = Served::without_daemon(&context);
    let token = context.json(&["token", "add", "pipeline", "--role", "admin"])["token"].as_str().unwrap().to_owned();
    let headers = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let held = |served: &Served| {
        let files = fs::read_dir(format!("/proc/{}/fd", served.process.id())).unwrap();
        let names: Vec<String> =
            files.flatten().filter_map(|it| Some(fs::read_link(it.path()).ok()?.display().to_string())).collect();
        assert!(names.iter().any(|it| it.ends_with(".sqlite3-wal")), "{names:?}");
        assert!(!names.iter().any(|it| it.contains("sqlite3") && it.ends_with("(deleted)")), "{names:?}");
    };
    // It looks for keys that lie beside what they seal.
    assert!(served.get("/server").starts_with("HTTP/1.1 200"));
    context.ok(&["findings"]);
    context.ok(&["audit", "list"]);
    held(&served);
    // It looks for what is left of an instance that is gone.
    let path = "/api/v1/tenants/default/instances/other";
    let answer = served.ask("GET", path, &headers, "");
    let tag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let answer = served.ask("DELETE", path, &format!("{headers}If-Match: {tag}\r\n"), r#"{"confirm": "other"}"#);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    context.ok(&["findings"]);
    held(&served);
    // What both have written is there when one of them has ended.
    context.ok(&["token", "add", "later", "--role", "viewer"]);
    served.stop();
    let names = context.json(&["token", "list"])["tokens"].as_array().unwrap().len();
    assert_eq!(names, 2);
    context.ok(&["audit", "verify"]);
}

#[test]
fn what_the_guide_of_the_api_shows_works() {
    let context = TestContext::new(shape(), vec![]);
    context.added();
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/reports/sarif/codeql.sarif");
    fs::copy(report, context.folder.path().join("codeql.sarif")).unwrap();
    fs::write(context.folder.path().join("policies.toml"), context.ok(&["policy", "init"])).unwrap();
    let token = context.json(&["token", "add", "pipeline", "--role", "admin"])["token"].as_str().unwrap().to_owned();
    // The guide sets a schedule, which a daemon would begin beside the next block.
    let served = Served::without_daemon(&context);
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md")).unwrap();
    let blocks: Vec<&str> = guide.split("```sh run\n").skip(1).map(|it| it.split("\n```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 8);
    for block in &blocks {
        let address = format!("http://{}/api/v1/tenants/default", served.address);
        let mut shell = context.command_of("sh", &["-euc", block]);
        shell.current_dir(context.folder.path()).env("PATH", "/usr/bin:/bin").env("TOKEN", &token).env("API", address);
        let done = shell.output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{block}\n{told}");
        // What a sync still does is done before the next block.
        let begun = Instant::now();
        while context.json(&["status"])["instances"].as_array().unwrap().iter().any(|it| !it["running"].is_null()) {
            assert!(begun.elapsed() < Duration::from_secs(120), "a sync does not end");
        }
    }
    let read = |name: &str| fs::read_to_string(context.folder.path().join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("page.json")).unwrap()["findings"], Value::Array(vec![]));
    assert_eq!(read("critical.csv").lines().count(), 1, "nothing was synced then");
    let of_report = context.json(&["findings"])["total"].as_u64();
    assert!(of_report > Some(0), "of the report");
    let document = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    let imports = context.json(&["runs", "--limit", "100"]);
    assert_eq!(imports["runs"][0]["id"], document("once.json")["run"]["id"], "the second one began nothing");
    assert_eq!(document("would.json")["dry_run"], true);
    assert_eq!(document("decisions.json")["total"], 0);
    assert_eq!(
        (&document("imported.json")["stored"], &document("check.json")["failed"].is_boolean()),
        (&true.into(), &true)
    );
    assert_eq!(
        context.json(&["instance", "list"])["instances"].as_array().unwrap().len(),
        1,
        "and the other one is gone"
    );
}
