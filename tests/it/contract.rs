//! The same cases over the core as a library and over the compiled component:
//! both must give the same bytes.

use appsec_model::{Document, FetchRequest, Kind, ProjectScope, RawInput, RawRecord, Scope};
use serde_json::{Value, json};
use tests::{
    CompiledComponent, ConnectorUnderTest, Env, EnvBuilder, NativeCore, SEMGREP_CONNECTOR, name, vendor_samples,
    workspace,
};
use vendor_sim::{Effect, Fault, Match, RetryAfter, WorldShape};

/// Both forms, in front of one vendor.
struct Both {
    env: Env,
    native: NativeCore,
    compiled: CompiledComponent,
}

/// A call, for either form.
enum Call<'a> {
    Describe,
    Configure(&'a str),
    ListProjects(Option<&'a str>),
    FetchFindings(FetchRequest),
    Normalize(RawInput),
}

async fn run(connector: &mut dyn ConnectorUnderTest, call: &Call<'_>) -> String {
    match call {
        Call::Describe => connector.describe().await,
        Call::Configure(settings) => connector.configure(settings).await,
        Call::ListProjects(cursor) => connector.list_projects(*cursor).await,
        Call::FetchFindings(request) => connector.fetch_findings(request.clone()).await,
        Call::Normalize(input) => connector.normalize(input.clone()).await,
    }
}

impl Both {
    async fn new(builder: EnvBuilder) -> Self {
        let env = builder.start();
        let tenant = env.tenant("acme");
        let instance = tenant.add_instance(env.semgrep("code", serde_json::Map::new()), false).await.unwrap();
        let connector = tenant.loaded(&instance).await.unwrap().connector;
        let grant = tenant.grant(&name("code")).await.unwrap();
        Self { env, native: NativeCore::default(), compiled: CompiledComponent { connector, grant } }
    }

    async fn small() -> Self {
        let shape = WorldShape {
            projects: 16,
            sast: 330,
            sca: 260,
            oddities_per_10_000: 1_500,
            damaged_per_10_000: 300,
            ..WorldShape::default()
        };
        Self::new(EnvBuilder { shape, ..EnvBuilder::default() }).await
    }

    /// The answer that both give.
    async fn agree(&mut self, call: &Call<'_>) -> Value {
        self.agree_under(&[], call).await
    }

    /// [`agree`](Self::agree) with a vendor that fails for both in the same way.
    async fn agree_under(&mut self, faults: &[Fault], call: &Call<'_>) -> Value {
        self.env.faults(faults.to_vec());
        let native = run(&mut self.native, call).await;
        self.env.faults(faults.to_vec());
        let compiled = run(&mut self.compiled, call).await;
        if native != compiled {
            let at = native.bytes().zip(compiled.bytes()).take_while(|(a, b)| a == b).count();
            let near = |text: &str| {
                String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(200)..text.len().min(at + 200)]).into_owned()
            };
            panic!("from byte {at} on:\nnative:   {}\ncompiled: {}", near(&native), near(&compiled));
        }
        serde_json::from_str(&native).unwrap()
    }

    /// Settings for this vendor.
    fn settings(&self, mut settings: Value) -> String {
        settings["origin"] = json!(self.env.simulator.url());
        settings.to_string()
    }

    async fn configured(&mut self, settings: Value) {
        let settings = self.settings(settings);
        let answer = self.agree(&Call::Configure(&settings)).await;
        assert!(answer["ok"]["deployment"]["slug"].is_string(), "{answer}");
    }

    /// All projects, page by page.
    async fn projects(&mut self) -> Vec<ProjectScope> {
        let mut projects = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.agree(&Call::ListProjects(cursor.as_deref())).await;
            for project in page["ok"]["projects"].as_array().unwrap() {
                let text = |key: &str| project[key].as_str().map(str::to_owned);
                let primary_branch = text("primary_branch").or(text("default_branch"));
                projects.push(ProjectScope { id: text("id").unwrap(), name: text("name").unwrap(), primary_branch });
            }
            match page["ok"]["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return projects,
            }
        }
    }

    /// All records of a read, page by page, and each page normalized.
    async fn read(&mut self, kind: Kind, scope: Scope) -> usize {
        let mut request = FetchRequest { kind, scope, since: None, cursor: None };
        let mut records = 0;
        loop {
            let mut page = self.agree(&Call::FetchFindings(request.clone())).await["ok"].take();
            let next = page["next"].take();
            let page: Vec<RawRecord> = serde_json::from_value(page["records"].take()).unwrap();
            records += page.len();
            self.agree(&Call::Normalize(RawInput::Records(page))).await;
            match next["cursor"].as_str() {
                Some(next) => request.cursor = Some(next.to_owned()),
                None => return records,
            }
        }
    }
}

fn first_page(kind: Kind) -> Call<'static> {
    Call::FetchFindings(FetchRequest { kind, scope: Scope::Deployment, since: None, cursor: None })
}

#[tokio::test]
async fn both_describe_themselves_alike() {
    let answer = Both::small().await.agree(&Call::Describe).await;
    assert_eq!(answer["ok"]["id"], "semgrep");
}

#[tokio::test]
async fn both_take_and_refuse_the_same_settings() {
    let mut both = Both::small().await;
    let good = [
        json!({}),
        json!({ "branches": "all", "duplicates": "merged", "page_size": 3000, "kinds": ["sca"] }),
        json!({ "deployment": "demo-corp" }),
    ];
    for settings in good {
        both.configured(settings).await;
    }
    let bad = [
        json!({ "page_size": 99 }),
        json!({ "page_size": "many", "branches": 1, "kinds": [] }),
        json!({ "kinds": ["sast", "sast", "secrets", "x"], "pagesize": 100, "token": "x" }),
        json!({ "deployment": "demo-crop" }),
        json!({ "deployment": "" }),
    ];
    for settings in bad {
        let settings = both.settings(settings);
        let answer = both.agree(&Call::Configure(&settings)).await;
        assert!(answer["error"].is_object(), "{answer}");
    }
    for text in ["", "[]", "{", "null", r#"{"origin": "ftp://x"}"#, r#"{"origin": "https://a@b/"}"#, "{\"\u{0}\": 1}"] {
        let answer = both.agree(&Call::Configure(text)).await;
        assert_eq!(answer["error"]["code"], "invalid-settings", "{text}: {answer}");
    }
}

#[tokio::test]
async fn both_need_to_be_configured_first() {
    let mut both = Both::small().await;
    for call in [Call::ListProjects(None), first_page(Kind::Sast)] {
        assert_eq!(both.agree(&call).await["error"]["code"], "not-configured");
    }
}

#[tokio::test]
async fn both_are_refused_alike() {
    let shape = WorldShape { projects: 2, sast: 10, sca: 0, ..WorldShape::default() };
    let mut both = Both::new(EnvBuilder { shape, scope: false, ..EnvBuilder::default() }).await;
    let settings = both.settings(json!({}));
    let answer = both.agree(&Call::Configure(&settings)).await;
    assert_eq!(answer["error"]["code"], "missing-scope");
}

#[tokio::test]
async fn both_read_a_whole_deployment_to_its_end() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    assert_eq!(both.projects().await.len(), 16);
    let expected = both.env.simulator.world().expected(vendor_sim::Expectation::default());
    assert_eq!(both.read(Kind::Sast, Scope::Deployment).await, expected.of(vendor_sim::Kind::Sast).rows);
    assert_eq!(both.read(Kind::Sca, Scope::Deployment).await, expected.of(vendor_sim::Kind::Sca).rows);
}

#[tokio::test]
async fn both_read_projects_by_their_primary_branch() {
    let mut both = Both::small().await;
    both.configured(json!({ "page_size": 100 })).await;
    let projects = both.projects().await;
    let expectation = vendor_sim::Expectation { refs: vendor_sim::Refs::Primary, dedup: false };
    let expected = both.env.simulator.world().expected(expectation);
    for (kind, known) in [(Kind::Sast, vendor_sim::Kind::Sast), (Kind::Sca, vendor_sim::Kind::Sca)] {
        let mut records = 0;
        for batch in projects.chunks(5) {
            records += both.read(kind.clone(), Scope::Projects(batch.to_vec())).await;
        }
        assert_eq!(records, expected.of(known).rows);
    }
    let whole = both.agree(&first_page(Kind::Sast)).await;
    assert_eq!(whole["error"]["code"], "unsupported");
    assert_eq!(both.read(Kind::Sast, Scope::Projects(vec![])).await, 0);
}

#[tokio::test]
async fn both_refuse_kinds_that_they_do_not_bring() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "kinds": ["sast"] })).await;
    for kind in [Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages, Kind::Other("new".to_owned())] {
        assert_eq!(both.agree(&first_page(kind)).await["error"]["code"], "unsupported");
    }
}

#[tokio::test]
async fn both_refuse_damaged_and_foreign_cursors() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let page = both.agree(&first_page(Kind::Sast)).await;
    let good = page["ok"]["next"]["cursor"].as_str().unwrap().to_owned();
    let mut cursors =
        vec![String::new(), "x".to_owned(), "s1".to_owned(), "s2".repeat(25), "é".repeat(25), "f".repeat(5_000)];
    cursors.push(good[..good.len() - 1].to_owned());
    cursors.push(good.to_uppercase());
    cursors.extend((0..good.len()).map(|at| {
        let digit = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
        format!("{}{digit}{}", &good[..at], &good[at + 1..])
    }));
    for cursor in cursors {
        let request =
            FetchRequest { kind: Kind::Sast, scope: Scope::Deployment, since: None, cursor: Some(cursor.clone()) };
        assert_eq!(both.agree(&Call::FetchFindings(request)).await["error"]["code"], "invalid-cursor", "{cursor}");
        assert_eq!(both.agree(&Call::ListProjects(Some(&cursor))).await["error"]["code"], "invalid-cursor", "{cursor}");
    }
    let other = FetchRequest { kind: Kind::Sca, scope: Scope::Deployment, since: None, cursor: Some(good) };
    assert_eq!(both.agree(&Call::FetchFindings(other)).await["error"]["code"], "invalid-cursor");
}

#[tokio::test]
async fn both_call_every_failure_by_the_same_name() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let settings = both.settings(json!({}));
    let status = |code| Effect::Status { code };
    let limited = |retry_after| Effect::TooManyRequests { retry_after };
    let effects = [
        ("401", status(401)),
        ("403", status(403)),
        ("404", status(404)),
        ("400", status(400)),
        ("500", status(500)),
        ("502", status(502)),
        ("503", status(503)),
        ("429", limited(None)),
        ("429 with seconds", limited(Some(RetryAfter::Seconds(7)))),
        ("429 with a date", limited(Some(RetryAfter::HttpDate(90)))),
        ("cut body", Effect::CutBody { after_bytes: 30 }),
        ("garbage", Effect::Garbage { bytes: 300 }),
        ("html", Effect::Html),
        ("empty body", Effect::EmptyBody),
        ("wrong shape", Effect::WrongShape),
        ("redirect", Effect::Redirect { location: "https://collector.example.net/?x=1".to_owned() }),
    ];
    let mut names = Vec::new();
    for (what, effect) in effects {
        let faults = [Fault { when: Match::always(), what: effect }];
        let mut codes = Vec::new();
        for call in [Call::Configure(&settings), Call::ListProjects(None), first_page(Kind::Sast)] {
            let answer = both.agree_under(&faults, &call).await;
            codes.push(answer["error"]["code"].as_str().unwrap_or("no error").to_owned());
        }
        codes.dedup();
        names.push(format!("{what}: {}", codes.join(", ")));
    }
    insta::assert_snapshot!(names.join("\n"), @"");
}

#[tokio::test]
async fn both_remember_nothing_of_a_failed_configure() {
    let mut both = Both::small().await;
    both.configured(json!({ "branches": "all", "page_size": 100 })).await;
    let settings = both.settings(json!({ "branches": "all", "page_size": 200 }));
    let faults = [Fault { when: Match::path("/findings"), what: Effect::Status { code: 500 } }];
    assert!(both.agree_under(&faults, &Call::Configure(&settings)).await["error"].is_object());
    let page = both.agree(&first_page(Kind::Sast)).await;
    assert_eq!(page["ok"]["records"].as_array().unwrap().len(), 100);
}

/// Every file below a folder, in a fixed order.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn both_normalize_every_file_alike() {
    let mut both = Both::small().await;
    let mut files = files(&workspace().join("fixtures/api"));
    assert!(files.len() > 10);
    files.extend(vendor_samples().unwrap_or_default());
    for path in files {
        let content = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for format in [None, Some("semgrep-api-findings".to_owned()), Some("other".to_owned())] {
            let document = Document { format, name: name.clone(), content: content.clone() };
            both.agree(&Call::Normalize(RawInput::Document(document))).await;
        }
        // As records, with a kind that may be wrong for them.
        let Ok(Value::Object(page)) = serde_json::from_slice(&content) else { continue };
        for list in page.values().filter_map(Value::as_array) {
            for kind in [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Other("x".to_owned())] {
                let record =
                    |it: &Value| RawRecord { kind: kind.clone(), id: None, project: None, body: it.to_string() };
                both.agree(&Call::Normalize(RawInput::Records(list.iter().map(record).collect()))).await;
            }
        }
    }
}

#[tokio::test]
async fn both_survive_what_is_no_finding() {
    let mut both = Both::small().await;
    let bodies = ["", "{", "null", "[]", "1e999", "\"\u{fffd}\"", r#"{"id": {}}"#, r#"{"id": 1, "id": 2}"#, "\u{0}"];
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = bodies.into_iter().map(str::to_owned).chain([deep.clone(), format!(r#"{{"id": 1, "rule": {deep}}}"#)]);
    let record = |body| RawRecord { kind: Kind::Sast, id: None, project: None, body };
    let answer = both.agree(&Call::Normalize(RawInput::Records(bodies.map(record).collect()))).await;
    assert!(answer["ok"]["diagnostics"].as_array().unwrap().len() >= 10, "{answer}");
    let too_many = vec![record("{}".to_owned()); 10_001];
    assert_eq!(both.agree(&Call::Normalize(RawInput::Records(too_many))).await["error"]["code"], "limit");
}

#[test]
fn the_component_under_test_is_the_one_that_the_program_carries() {
    let carried = host_harness::BUNDLED.iter().find(|bundled| bundled.id == "semgrep").unwrap().component;
    assert!(std::fs::read(SEMGREP_CONNECTOR).unwrap() == carried, "the two were built differently");
}
