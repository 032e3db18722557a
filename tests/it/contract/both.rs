//! A connector in its two forms, asked the same.

use appsec_model::{FetchRequest, Kind, ProjectScope, RawInput, RawRecord, Scope};
use serde_json::{Value, json};
use tests::{CompiledComponent, ConnectorUnderTest, NativeCore, TestContext, TestContextBuilder, name};
use vendor_sim::{Fault, WorldShape};

/// Both forms, in front of one vendor.
pub struct Both {
    pub context: TestContext,
    native: NativeCore,
    compiled: CompiledComponent,
}

/// A call, for either form.
pub enum Call<'a> {
    Describe,
    Configure(&'a str),
    ListProjects(Option<&'a str>),
    FetchFindings(FetchRequest),
    Normalize(RawInput),
    InterpretEvent(&'a [u8]),
}

async fn run(connector: &mut dyn ConnectorUnderTest, call: &Call<'_>) -> String {
    match call {
        Call::Describe => connector.describe().await,
        Call::Configure(settings) => connector.configure(settings).await,
        Call::ListProjects(cursor) => connector.list_projects(*cursor).await,
        Call::FetchFindings(request) => connector.fetch_findings(request.clone()).await,
        Call::Normalize(input) => connector.normalize(input.clone()).await,
        Call::InterpretEvent(body) => connector.interpret_event(body).await,
    }
}

impl Both {
    pub async fn new(builder: TestContextBuilder) -> Self {
        let context = builder.start();
        let tenant = context.tenant("acme");
        let instance = tenant.add_instance(context.semgrep("code", serde_json::Map::new()), false).await.unwrap();
        let connector = tenant.loaded(&instance).await.unwrap().connector;
        let grant = tenant.grant(&name("code")).await.unwrap();
        Self { context, native: NativeCore::default(), compiled: CompiledComponent { connector, grant } }
    }

    pub async fn small() -> Self {
        let shape = WorldShape {
            projects: 16,
            sast: 330,
            sca: 260,
            oddities_per_10_000: 1_500,
            damaged_per_10_000: 300,
            ..WorldShape::default()
        };
        Self::new(TestContextBuilder { shape, ..TestContextBuilder::default() }).await
    }

    /// The answer that both give.
    pub async fn agree(&mut self, call: &Call<'_>) -> Value {
        self.agree_under(&[], call).await
    }

    /// [`agree`](Self::agree) with a vendor that fails for both in the same way.
    pub async fn agree_under(&mut self, faults: &[Fault], call: &Call<'_>) -> Value {
        self.context.faults(faults.to_vec());
        let native = run(&mut self.native, call).await;
        self.context.faults(faults.to_vec());
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
    pub fn settings(&self, mut settings: Value) -> String {
        settings["origin"] = json!(self.context.simulator.url());
        settings.to_string()
    }

    pub async fn configured(&mut self, settings: Value) {
        let settings = self.settings(settings);
        let answer = self.agree(&Call::Configure(&settings)).await;
        assert!(answer["ok"]["deployment"]["slug"].is_string(), "{answer}");
    }

    /// All projects, page by page.
    pub async fn projects(&mut self) -> Vec<ProjectScope> {
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
    pub async fn read(&mut self, kind: Kind, scope: Scope) -> usize {
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

/// A request for the first page of a whole deployment.
pub fn first_page(kind: Kind) -> Call<'static> {
    Call::FetchFindings(FetchRequest { kind, scope: Scope::Deployment, since: None, cursor: None })
}
