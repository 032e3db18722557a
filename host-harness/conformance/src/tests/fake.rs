//! The connector that keeps all promises but one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use appsec_grant::BucketStore;
use appsec_model::{
    Access, Completeness, Connection, Decision, DecisionBatch, DecisionOutcome, DecisionReport, Deployment, Diagnostic,
    DiagnosticLevel, DocumentFormat, DocumentHead, DocumentSummary, Error, ErrorCode, Event, EventType, FetchRequest,
    Kind, KindAccess, KindCount, KindSupport, Location, Manifest, NextPage, Normalized, OriginNeed, Pending, Project,
    ProjectPage, ProjectRef, RawInput, RawPage, RawRecord, Rule, Scan, Scope, SecretNeed, SecretPlacement,
    SettingProblem, Severity, WriteBack,
};
use appsec_sandbox::{CallFailure, CallStats, Interceptor, LogStats, Response as Reply, Still, Treatment};
use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};

use super::finding::finding;
use crate::{
    lab::Lab,
    subject::{Call, Called, MOST_KEYS, ReadFile, Subject},
};

pub(super) const ORIGIN: &str = "https://fake.example";
const MARK: &str = "placeholder-of-the-secret";
const NEXT_PROJECTS: &str = "projects-2";

/// A connector that breaks at most one promise, named by its check.
pub(super) struct Fake {
    pub lab: Arc<Lab>,
    pub flaw: &'static str,
    /// Pages that were read, for what is another one each time.
    pub pages: AtomicUsize,
    /// How often the vendor was asked for a report, for one that it prepares.
    pub reports: Mutex<BTreeMap<String, usize>>,
    /// How long the last call took.
    pub took: Mutex<Duration>,
}

impl Fake {
    pub(super) fn new(lab: &Arc<Lab>, flaw: &'static str) -> Self {
        Self {
            lab: lab.clone(),
            flaw,
            pages: AtomicUsize::default(),
            reports: Mutex::default(),
            took: Mutex::default(),
        }
    }

    fn has(&self, flaw: &str) -> bool {
        self.flaw == flaw
    }

    /// One of two things, the second where the connector has the flaw.
    fn or<T>(&self, flaw: &str, right: T, wrong: T) -> T {
        if self.has(flaw) { wrong } else { right }
    }

    fn get(&self, call: &Call, path: &str) -> Result<Value, Error> {
        if !call.is_granted {
            let denied = Error::new(ErrorCode::EgressDenied, "").about(ORIGIN);
            return Err(self.or("B5", denied, unavailable(None)));
        }
        let is_shown = self.has("B4") || (self.has("B4 fetch") && path.starts_with("/findings"));
        let path = if is_shown { format!("{path}?token={MARK}") } else { path.to_owned() };
        let request = Request::get(format!("{ORIGIN}{path}")).header(header::AUTHORIZATION, format!("Bearer {MARK}"));
        let request = request.body(Bytes::new()).unwrap();
        let answer = match self.lab.treat(&request) {
            Treatment::Send => {
                let response = Response::new(Bytes::from(self.vendor(&path).to_string()));
                self.lab.answered(&request, &response);
                response
            }
            Treatment::Answer(answer) if answer.is_cut => return Err(unavailable(None)),
            Treatment::Answer(answer) => answer.response,
            Treatment::Fail(_) => return Err(unavailable(None)),
        };
        let detail = || "the vendor says so".to_owned();
        let retry_after_ms = answer
            .headers()
            .get(header::RETRY_AFTER)
            .map(|value| value.to_str().unwrap().parse().map_or(6_500, |seconds: u64| seconds * 1_000));
        match answer.status().as_u16() {
            200 => {}
            401 => return Err(Error::new(ErrorCode::Unauthorized, detail())),
            403 => return Err(Error::new(ErrorCode::Forbidden, detail())),
            429 if self.has("C3 waits") => {
                // As if it had done what the vendor says, and then told of it.
                *self.took.lock().unwrap() = Duration::from_millis(retry_after_ms.unwrap_or_default());
                return Err(Error::new(ErrorCode::RateLimited, "").after(retry_after_ms));
            }
            429 => return Err(Error::new(ErrorCode::RateLimited, "").after(retry_after_ms)),
            status @ 500.. => return Err(unavailable(Some(status))),
            _ => return Err(self.protocol(&path)),
        }
        if self.has("C14") && answer.body().len() > 1 << 20 {
            return Err(Error::new(ErrorCode::Limit, "it is too large"));
        }
        let value: Value = serde_json::from_slice(answer.body()).map_err(|_| self.protocol(&path))?;
        if value.get("of").is_none() { Err(self.protocol(&path)) } else { Ok(value) }
    }

    fn protocol(&self, path: &str) -> Error {
        let is_flawed = self.has("B3") && path.starts_with("/me") || self.has("C7") && path.starts_with("/findings");
        if is_flawed {
            return Error::internal("it did not expect that");
        }
        Error::protocol(format!("GET {path}"), "another form")
    }

    fn remembered(&self, call: &Call) -> Result<(), Error> {
        match call.bucket.load() {
            Ok(values) if values.contains_key("settings") => Ok(()),
            Ok(_) => Err(Error::not_configured()),
            Err(error) => Err(Error::internal(error.to_string())),
        }
    }

    fn connect(&self, call: &Call, settings: &str) -> Result<Connection, CallFailure> {
        let invalid = |key: &str, problem: &str| {
            let key = self.or("A10", key, "").to_owned();
            let problems = vec![SettingProblem { key, problem: problem.to_owned() }];
            CallFailure::Contract(Error::invalid_settings(problems))
        };
        let Ok(Value::Object(settings)) = serde_json::from_str(settings) else {
            return Err(invalid("", "is no JSON object"));
        };
        if self.has("F1 crash") && settings.contains_key("page_size") {
            return Err(CallFailure::Trap("unreachable".to_owned()));
        }
        for (key, value) in &settings {
            let is_right = match key.as_str() {
                "origin" => value.is_string(),
                "page_size" => !self.has("F1") && value.as_u64().is_some_and(|size| (1..=100).contains(&size)),
                _ => false,
            };
            if !is_right {
                return Err(invalid(key, "is wrong"));
            }
        }
        if call.bucket.load().is_err() {
            let error = CallFailure::Contract(Error::internal("the bucket"));
            return Err(self.or("B6", error, CallFailure::Trap("unreachable".to_owned())));
        }
        self.get(call, "/me").map_err(CallFailure::Contract)?;
        let before = call.bucket.values().len();
        if before >= MOST_KEYS {
            let error = CallFailure::Contract(Error::internal("the bucket is full"));
            return if self.has("B6 full") { Ok(self.connection()) } else { Err(error) };
        }
        keep(call, "settings");
        if self.has("B2") {
            keep(call, &format!("settings-{before}"));
        }
        Ok(self.connection())
    }

    fn connection(&self) -> Connection {
        let slug = self.or("B1", "fake", "").to_owned();
        Connection {
            deployment: Deployment { id: "1".to_owned(), slug, name: None },
            kinds: vec![KindAccess { kind: Kind::Sast, access: Access::Readable }],
            deployment_wide: false,
            diagnostics: Vec::new(),
        }
    }

    fn projects(&self, call: &Call, cursor: Option<&str>) -> Result<ProjectPage, Error> {
        self.remembered(call)?;
        let is_taken = |it: &str| {
            it == NEXT_PROJECTS
                || self.has("C2")
                || (self.has("C2 fetch") && it.split('-').all(|part| part.parse::<u32>().is_ok()))
                || (self.has("C2 own") && it.starts_with(NEXT_PROJECTS))
        };
        if cursor.is_some_and(|it| !is_taken(it)) {
            return Err(Error::new(ErrorCode::InvalidCursor, "it is of nobody"));
        }
        let listed = self.get(call, cursor.map_or("/projects", |_| "/projects/2"))?;
        let project = |it: &Value| Project {
            id: self.or("C1", it.as_str().unwrap(), "1").to_owned(),
            name: format!("acme/{}", it.as_str().unwrap()),
            ..Project::default()
        };
        let listed = listed["of"].as_array().unwrap().iter().map(project);
        let (projects, next) = match cursor {
            None => (listed.take(1).collect(), Some(NEXT_PROJECTS.to_owned())),
            Some(_) => (listed.skip(1).collect(), None),
        };
        Ok(ProjectPage { projects, next, diagnostics: Vec::new() })
    }

    fn page(&self, call: &Call, request: &FetchRequest) -> Result<RawPage, Error> {
        if !self.has("A9") {
            self.remembered(call)?;
        }
        if request.kind != Kind::Sast && !self.has("C10") {
            return Err(Error::unsupported(format!("the kind {}", request.kind)));
        }
        let Scope::Projects(projects) = &request.scope else {
            return Err(Error::unsupported("the deployment"));
        };
        let invalid = || Error::new(ErrorCode::InvalidCursor, "it is of nobody");
        let is_listed = |it: &&str| self.has("C6 listed") && *it == NEXT_PROJECTS;
        let mut cursor = request.cursor.as_deref().filter(|it| !is_listed(it));
        if self.has("reports") && !projects.is_empty() && projects.iter().all(|it| it.name.starts_with("acme/")) {
            let number = |it: &str| it.strip_prefix("report-").and_then(|it| it.parse::<u32>().ok());
            match cursor.map(|it| (it, number(it))) {
                None => {
                    let report = self.get(call, "/reports")?;
                    return Ok(self.pending(format!("report-{}", report["of"])));
                }
                Some((it, Some(number))) => match &self.get(call, &format!("/reports/{number}"))?["of"] {
                    Value::Bool(true) => {
                        let next = NextPage::Cursor("0-1".to_owned());
                        return Ok(RawPage { records: Vec::new(), next, diagnostics: Vec::new() });
                    }
                    _ => return Ok(self.pending(it.to_owned())),
                },
                Some((it, None)) => cursor = Some(it),
            }
        }
        let (position, page) = match cursor {
            None => (0, 1),
            Some(cursor) => match cursor.split_once('-') {
                Some((position, page)) => (
                    position.parse().map_err(|_| invalid())?,
                    page.parse::<u32>().ok().filter(|page| *page <= 2).ok_or_else(invalid)?,
                ),
                None if self.has("C6") => (projects.len(), 1),
                None => return Err(invalid()),
            },
        };
        let complete = RawPage { records: Vec::new(), next: NextPage::Complete, diagnostics: Vec::new() };
        let is_beyond = position > 0 && position >= projects.len() && !self.has("C6") && !self.has("C6 scope");
        let Some(project) = projects.get(position) else {
            return if is_beyond { Err(invalid()) } else { Ok(complete) };
        };
        if !project.name.starts_with("acme/") {
            return Err(Error::new(ErrorCode::ProjectNotFound, "").about(project.name.clone()));
        }
        let answer = self.get(call, &format!("/findings/{}/{page}", project.id))?;
        if self.has("C3") {
            self.get(call, "/me")?;
        }
        let of = self.or("C12 project", project.id.as_str(), "of-nobody");
        let record = |it: &Value| RawRecord {
            kind: Kind::Sast,
            id: Some(self.or("C12", it["id"].as_str().unwrap(), "1").to_owned()),
            project: Some(ProjectRef { id: Some(of.to_owned()), name: None }),
            body: self.or("C11", it.to_string(), json!({"made": "up"}).to_string()),
            gist: None,
        };
        let mut records: Vec<RawRecord> = answer["of"].as_array().unwrap().iter().map(record).collect();
        if self.has("C9") && request.since.is_some() && !records.is_empty() {
            records[0].id = Some("of-nobody".to_owned());
        }
        if self.has("C13") && !records.is_empty() {
            records = vec![records[0].clone(); 10_001];
        }
        if self.has("C5") {
            let turned = self.pages.fetch_add(1, Ordering::Relaxed) % records.len().max(1);
            records.rotate_left(turned);
        }
        let next = match (page, position + 1 < projects.len()) {
            // It takes a short page for the last one.
            (1, false) if self.has("C8") && records.len() < 2 => NextPage::Complete,
            (1, _) => NextPage::Cursor(format!("{position}-{}", self.or("C4", 2, 1))),
            (_, true) => NextPage::Cursor(format!("{}-1", position + 1)),
            (_, false) => NextPage::Complete,
        };
        Ok(RawPage { records, next, diagnostics: Vec::new() })
    }

    /// The vendor prepares what comes. Nobody would wait for it in a test.
    fn pending(&self, cursor: String) -> RawPage {
        let retry_after_ms = if self.lab.is_online() { 1 } else { 3_600_000 };
        let next = NextPage::Pending(Pending { cursor, retry_after_ms });
        RawPage { records: Vec::new(), next, diagnostics: Vec::new() }
    }

    /// What the vendor answers: to who asks for a report its number, and whether it
    /// is ready.
    fn vendor(&self, path: &str) -> Value {
        let mut reports = self.reports.lock().unwrap();
        let asked = reports.entry(path.to_owned()).or_default();
        *asked += 1;
        match path.strip_prefix("/reports") {
            Some("") => json!({"of": *asked}),
            Some(_) => json!({"of": *asked > 2}),
            None => vendor(path),
        }
    }

    /// The records of a file.
    fn read(&self, head: &DocumentHead, content: &[u8]) -> Result<Vec<RawRecord>, Error> {
        if head.format.as_deref().is_some_and(|format| format != "list") && !self.has("D7") {
            return Err(Error::unsupported("the format"));
        }
        let list: Vec<Value> = match serde_json::from_slice(content) {
            Ok(list) => list,
            // It takes a file without its end for a whole one.
            Err(_) if self.has("D8 end") && content.last() == Some(&b'}') => Vec::new(),
            Err(_) => return Err(self.protocol("the file")),
        };
        let record = |it: &Value| RawRecord {
            kind: Kind::Sast,
            id: it["id"].as_str().map(str::to_owned),
            project: None,
            body: it.to_string(),
            gist: None,
        };
        Ok(list.iter().map(record).collect())
    }

    fn write(&self, call: &Call, batch: &DecisionBatch) -> Result<DecisionReport, Error> {
        self.remembered(call)?;
        let is_taken = batch.kind == Kind::Sast && [Decision::Fixing, Decision::Reopened].contains(&batch.decision);
        if !is_taken && !self.has("D11") {
            return Err(Error::unsupported("decisions"));
        }
        let mut answer = self.get(call, "/decisions");
        if answer.is_err() && self.has("D11 again") {
            answer = self.get(call, "/decisions");
        }
        if !self.has("D11 told") {
            answer?;
        }
        let outcomes = batch.ids.iter().map(|_| DecisionOutcome::Written).collect();
        Ok(DecisionReport { outcomes, also_changed: Vec::new(), diagnostics: Vec::new() })
    }

    fn findings(&self, still: Still, records: &[RawRecord]) -> Result<Normalized, CallFailure> {
        let mut normalized = Normalized::default();
        for (index, record) in (0_u32..).zip(records) {
            let found = serde_json::from_str::<Value>(&record.body).ok().filter(|it| {
                ["id", "project", "rule", "path"].iter().all(|key| it.get(key).is_some_and(Value::is_string))
            });
            let found = found.filter(|_| !self.has("D3 errors") && !self.has("D7 errors"));
            let Some(found) = found else {
                if self.has("D4") {
                    return Err(CallFailure::Trap("unreachable".to_owned()));
                }
                normalized.diagnostics.push(Diagnostic {
                    level: DiagnosticLevel::Error,
                    code: "unreadable".to_owned(),
                    index: Some(index),
                    id: None,
                    pointer: None,
                    message: "it cannot be read".to_owned(),
                });
                continue;
            };
            if self.has("D3") && index == 1 {
                continue;
            }
            let text = |key: &str| found[key].as_str().unwrap().to_owned();
            if normalized.rules.iter().all(|rule| rule.id != text("rule")) {
                normalized.rules.push(Rule { id: text("rule"), ..Rule::default() });
            }
            let mut title = format!("{} in {}", text("rule"), text("path"));
            if self.has("D1") {
                title = format!("{title} at {:?}", still.moment);
            }
            if self.has("D2") {
                title = format!("{title}, {} of {}", index + 1, records.len());
            }
            if self.has("D6") {
                title = format!("{title}, seen with {MARK}");
            }
            let line = found["line"].as_u64().and_then(|line| u32::try_from(line).ok());
            let mut finding =
                finding(index, self.or("F2", text("id"), text("id") + "-2"), text("project"), text("rule"), title);
            finding.location = Some(Location {
                path: self.or("D5", text("path"), format!("/home/me/{}", text("path"))),
                start_line: line,
                ..Location::default()
            });
            if self.has("D5 line") {
                finding.identity.key = format!("{}:{line:?}", finding.identity.key);
            }
            finding.vendor_severity = found["severity"].as_str().map(str::to_owned);
            if found["severity"].as_str() != Some("high") && !self.has("D5 severity") {
                finding.severity = Severity::Unknown;
                normalized.diagnostics.push(Diagnostic {
                    level: DiagnosticLevel::Warning,
                    code: "unknown-severity".to_owned(),
                    index: Some(index),
                    id: None,
                    pointer: None,
                    message: "the severity is not known".to_owned(),
                });
            }
            normalized.findings.push(finding);
        }
        Ok(normalized)
    }
}

fn reply<T>(value: T) -> Reply<T> {
    Reply { value, report: CallStats::default(), log: Vec::new() }
}

fn called<T>(result: Result<T, Error>) -> Called<T> {
    result.map(reply).map_err(CallFailure::Contract)
}

impl Subject for Fake {
    fn secrets(&self) -> Vec<String> {
        vec![MARK.to_owned()]
    }

    async fn describe(&self, still: Still) -> Called<Manifest> {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "origin": {"type": "string", "title": "Origin", "description": "Where it is", "default": ORIGIN},
                "page_size": {
                    "type": "integer", "title": "Page size", "description": "Records of a page", "minimum": 1,
                    "maximum": 100, "default": self.or("A7", 2, 0),
                },
            },
        });
        let mut schema = schema.to_string();
        if self.has("A8") {
            schema = schema.replace("page_size", "api_token");
        }
        if self.has("F3") {
            schema = schema.replace("page_size", "size");
        }
        let manifest = Manifest {
            id: self.or("A6", "fake", "Fake Connector").to_owned(),
            name: self.or("A5", "Fake".to_owned(), format!("Fake at {:?}", still.moment)),
            version: "1.0.0".to_owned(),
            contract_version: appsec_model::CONTRACT_VERSION.to_owned(),
            vendor: "Nobody".to_owned(),
            kinds: vec![KindSupport { kind: Kind::Sast, on_by_default: true }],
            settings_schema: schema,
            origins: vec![OriginNeed {
                purpose: "the API".to_owned(),
                default: ORIGIN.to_owned(),
                setting: Some("origin".to_owned()),
            }],
            secrets: vec![SecretNeed {
                variable: "FAKE_TOKEN".to_owned(),
                description: "any".to_owned(),
                placement: SecretPlacement::Bearer,
            }],
            formats: vec![DocumentFormat {
                name: "list".to_owned(),
                description: "A list".to_owned(),
                kinds: vec![Kind::Sast],
            }],
            webhook: None,
            oauth: None,
            write_back: Some(WriteBack {
                kinds: vec![Kind::Sast],
                decisions: vec![Decision::Fixing, Decision::Reopened],
                batch: 10,
                comment_chars: 100,
                effect: String::new(),
            }),
        };
        let report = CallStats { refused: self.has("A4"), ..CallStats::default() };
        Ok(Reply { value: manifest, report, log: Vec::new() })
    }

    async fn configure(&self, call: &Call, settings: &str) -> Called<Connection> {
        self.connect(call, settings).map(reply)
    }

    async fn list_projects(&self, call: &Call, cursor: Option<&str>) -> Called<ProjectPage> {
        called(self.projects(call, cursor))
    }

    async fn fetch_findings(&self, call: &Call, request: FetchRequest) -> Called<RawPage> {
        *self.took.lock().unwrap() = Duration::ZERO;
        called(self.page(call, &request))
    }

    async fn fetch_scan(&self, call: &Call, id: &str) -> Called<Option<Scan>> {
        called(
            self.remembered(call).map(|()| self.or("D10", None, Some(Scan { id: id.to_owned(), ..Scan::default() }))),
        )
    }

    async fn write_decisions(&self, call: &Call, batch: DecisionBatch) -> Called<DecisionReport> {
        called(self.write(call, &batch))
    }

    async fn normalize(&self, still: Still, input: RawInput) -> Called<Normalized> {
        let records = match input {
            RawInput::Records(records) => records,
            RawInput::Document(file) => self.read(&file.head, &file.content).map_err(CallFailure::Contract)?,
        };
        let mut reply = self.findings(still, &records).map(reply)?;
        reply.report.elapsed = Duration::from_millis(self.or("G2", 40, 70));
        reply.report.peak_memory_bytes = self.or("G2 memory", 10 << 20, 14 << 20);
        Ok(reply)
    }

    async fn interpret_event(&self, _: Still, _: &[u8]) -> Called<Event> {
        let event = Event { id: None, projects: Vec::new(), kinds: Vec::new(), what: EventType::ScanFinished };
        called(self.or("D9", Err(Error::unsupported("events")), Ok(event)))
    }

    async fn read_file(&self, head: DocumentHead, pieces: &[&[u8]]) -> Result<ReadFile, CallFailure> {
        let mut records = self.read(&head, &pieces.concat()).map_err(CallFailure::Contract)?;
        let summary = DocumentSummary {
            format: "list".to_owned(),
            origin: None,
            tool: None,
            records: records.len() as u64,
            kinds: vec![KindCount { kind: Kind::Sast, records: records.len() as u64 }],
            names_projects: true,
            completeness: Completeness::Complete,
            scanned: None,
            diagnostics: Vec::new(),
        };
        let is_small = pieces.iter().any(|piece| piece.len() == 1);
        if (self.has("D8") && pieces.len() > 1) || (self.has("D8 small") && is_small) {
            records.pop();
        }
        Ok(ReadFile { summary, records })
    }

    fn took(&self) -> Duration {
        *self.took.lock().unwrap()
    }

    fn log(&self) -> Vec<(&'static str, LogStats)> {
        let bytes = self.or("G1", 32 << 10, (32 << 10) + 1);
        let (has_secret, has_control) = (self.has("G1 secret"), self.has("G1 control"));
        vec![("configure", LogStats { bytes, has_secret, has_control })]
    }
}

/// What the vendor answers.
fn vendor(path: &str) -> Value {
    let found = |id: &str, project: &str| json!({"id": id, "project": project, "rule": "injection", "path": "src/a.py", "line": 7, "severity": "high"});
    let path = path.split('?').next().unwrap_or_default();
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "projects", ..] => json!({"of": ["1", "2"]}),
        ["", "findings", project, page] => {
            json!({"of": [found(&format!("{project}-{page}-1"), project), found(&format!("{project}-{page}-2"), project)]})
        }
        _ => json!({"of": "me"}),
    }
}

fn unavailable(status: Option<u16>) -> Error {
    Error::unavailable(status, "it did not answer")
}

fn keep(call: &Call, key: &str) {
    call.bucket.commit(&[(key.to_owned(), Some(b"{}".to_vec()))].into()).unwrap();
}
