//! The exported functions.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    bindings::{
        appsec::connector::model::{
            Access, Connection, DecisionBatch, DecisionReport, Deployment, Diagnostic, DiagnosticLevel, DocumentHead,
            DocumentSummary, Error, ErrorCode, Event, FetchRequest, Finding, Identity, Kind, KindAccess, KindSupport,
            Location, Manifest, NextPage, Normalized, OriginNeed, Project, ProjectPage, ProjectRef, RawInput, RawPage,
            RawRecord, Scan, Scope, SecretNeed, SecretPlacement, SettingProblem, Severity, Status,
        },
        exports::appsec::connector::source::{Guest, GuestDocumentReader},
        wasi::keyvalue::store,
    },
    blank,
    http::{self, error},
};

const ORIGIN: &str = "https://vendor.example";
const SECRET: &str = "EXAMPLE_TOKEN";

/// JSON Schema of the settings. A host shows it; checking is `configure`'s.
const SETTINGS: &str = r#"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": false,
    "properties": {
        "origin": {
            "type": "string", "title": "Origin", "description": "Where the vendor is.",
            "default": "https://vendor.example"
        }
    }
}"#;

/// Where `configure` keeps the settings in the bucket, for the later calls.
const KEY: &str = "settings";

struct Settings {
    origin: String,
}

/// A project, as the vendor lists it.
#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
}

/// A page of findings, each of them left as the bytes that it came as.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    findings: Vec<&'a RawValue>,
    next: Option<u32>,
}

/// What of a finding is needed before it is normalized.
#[derive(Deserialize)]
struct Head {
    id: Option<String>,
    project: Option<String>,
}

/// A finding, as the vendor sends it.
#[derive(Deserialize)]
pub struct Found {
    id: String,
    project: String,
    rule: String,
    severity: Option<String>,
    message: String,
    path: String,
    line: Option<u32>,
    #[serde(default)]
    fixed: bool,
}

/// It has no state: every call gets a fresh instance.
pub struct Component;

impl Guest for Component {
    type DocumentReader = Reader;

    fn describe() -> Manifest {
        Manifest {
            id: "example".to_owned(),
            name: "Example".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            contract_version: "0.2.0".to_owned(),
            vendor: "Nobody".to_owned(),
            kinds: vec![KindSupport { kind: Kind::Sast, on_by_default: true }],
            settings_schema: SETTINGS.to_owned(),
            origins: vec![OriginNeed {
                purpose: "The vendor's API".to_owned(),
                default: ORIGIN.to_owned(),
                setting: Some("origin".to_owned()),
            }],
            secrets: vec![SecretNeed {
                variable: SECRET.to_owned(),
                description: "A token of the vendor; the mock vendor takes `any-token`".to_owned(),
                placement: SecretPlacement::Bearer,
            }],
            formats: vec![],
            webhook: None,
            oauth: None,
            write_back: None,
        }
    }

    fn configure(settings: String) -> Result<Connection, Error> {
        let parsed = read_settings(&settings)?;
        // A request that needs the secret: this call is also "test connection".
        list(&parsed)?;
        let bucket = store::open("example").map_err(|error| bucket_failed(&error))?;
        bucket.set(KEY, settings.as_bytes()).map_err(|error| bucket_failed(&error))?;
        Ok(Connection {
            deployment: Deployment { id: "1".to_owned(), slug: "example".to_owned(), name: None },
            kinds: vec![KindAccess { kind: Kind::Sast, access: Access::Readable }],
            deployment_wide: false,
            diagnostics: vec![],
        })
    }

    fn list_projects(cursor: Option<String>) -> Result<ProjectPage, Error> {
        // There is one page: no cursor is of this connector.
        if let Some(cursor) = cursor {
            return Err(error(ErrorCode::InvalidCursor, &cursor));
        }
        let listed = list(&remembered()?)?;
        let project = |it: Listed| Project {
            id: it.id,
            name: it.name,
            url: None,
            tags: vec![],
            default_branch: Some("main".to_owned()),
            primary_branch: Some("main".to_owned()),
            created_at: None,
            last_scan_at: None,
            archived: None,
        };
        Ok(ProjectPage { projects: listed.into_iter().map(project).collect(), next: None, diagnostics: vec![] })
    }

    /// The cursor holds which project of the scope is read, and which of its
    /// pages: one request a call.
    fn fetch_findings(request: FetchRequest) -> Result<RawPage, Error> {
        if !matches!(request.kind, Kind::Sast) {
            return Err(error(ErrorCode::Unsupported, "other kinds than `sast`"));
        }
        let Scope::Projects(projects) = &request.scope else {
            return Err(error(ErrorCode::Unsupported, "a read of the whole deployment"));
        };
        let (position, number) = match &request.cursor {
            None => (0, 1),
            Some(cursor) => read_cursor(cursor).ok_or_else(|| error(ErrorCode::InvalidCursor, cursor))?,
        };
        let project = match (projects.get(position), &request.cursor) {
            (Some(project), _) => project,
            // Nothing is asked for, and that is all of it.
            (None, None) => return Ok(RawPage { records: vec![], next: NextPage::Complete, diagnostics: vec![] }),
            // Never an end that nobody has seen: it would prove that the rest is gone.
            (None, Some(cursor)) => return Err(error(ErrorCode::InvalidCursor, cursor)),
        };
        let path = format!("/findings?project={}&page={number}", project.id);
        let text = http::get(&remembered()?.origin, &path, &secret())?;
        let page: Page<'_> = parse(&path, &text)?;
        let records = page.findings.iter().map(|it| record(it)).collect();
        let next = match page.next {
            // One that leads back is no end either: what comes after it was not read.
            Some(next) if next <= number => return Err(http::protocol(&path, "`next` is no later page")),
            Some(next) => NextPage::Cursor(format!("{position}-{next}")),
            None if position + 1 < projects.len() => NextPage::Cursor(format!("{}-1", position + 1)),
            None => NextPage::Complete,
        };
        Ok(RawPage { records, next, diagnostics: vec![] })
    }

    fn fetch_scan(_id: String) -> Result<Option<Scan>, Error> {
        Err(error(ErrorCode::Unsupported, "scans"))
    }

    fn write_decisions(_batch: DecisionBatch) -> Result<DecisionReport, Error> {
        Err(error(ErrorCode::Unsupported, "decisions"))
    }

    fn normalize(input: RawInput) -> Result<Normalized, Error> {
        let RawInput::Records(records) = input else { return Err(error(ErrorCode::Unsupported, "files")) };
        let mut normalized = Normalized { findings: vec![], rules: vec![], packages: vec![], diagnostics: vec![] };
        for (index, record) in (0..).zip(records) {
            match serde_json::from_str::<Found>(&record.body) {
                Ok(found) => {
                    if !normalized.rules.iter().any(|rule| rule.id == found.rule) {
                        normalized.rules.push(blank::rule(found.rule.clone()));
                    }
                    normalized.findings.push(finding(index, found, &mut normalized.diagnostics));
                }
                // It never fails the others, and never goes without a word.
                Err(error) => normalized.diagnostics.push(Diagnostic {
                    level: DiagnosticLevel::Error,
                    code: "unreadable".to_owned(),
                    index: Some(index),
                    id: record.id,
                    pointer: None,
                    message: error.to_string(),
                }),
            }
        }
        Ok(normalized)
    }

    fn interpret_event(_body: Vec<u8>) -> Result<Event, Error> {
        Err(error(ErrorCode::Unsupported, "events"))
    }
}

fn list(settings: &Settings) -> Result<Vec<Listed>, Error> {
    parse("/projects", &http::get(&settings.origin, "/projects", &secret())?)
}

/// Reads settings. Each problem names its key, so that a form can show it there.
fn read_settings(text: &str) -> Result<Settings, Error> {
    let wrong = |key: &str, problem: String| {
        let problems = vec![SettingProblem { key: key.to_owned(), problem }];
        Err(Error { problems, ..error(ErrorCode::InvalidSettings, "") })
    };
    let given: Map<String, Value> = match serde_json::from_str(text) {
        Ok(given) => given,
        Err(error) => return wrong("", error.to_string()),
    };
    let mut settings = Settings { origin: ORIGIN.to_owned() };
    for (key, value) in given {
        match (key.as_str(), value) {
            ("origin", Value::String(origin)) => settings.origin = origin,
            ("origin", _) => return wrong("origin", "is no text".to_owned()),
            (unknown, _) => return wrong(unknown, "is not known".to_owned()),
        }
    }
    Ok(settings)
}

fn secret() -> String {
    std::env::var(SECRET).unwrap_or_default()
}

/// The settings, as `configure` left them.
fn remembered() -> Result<Settings, Error> {
    let bucket = store::open("example").map_err(|error| bucket_failed(&error))?;
    let kept = bucket.get(KEY).map_err(|error| bucket_failed(&error))?;
    let kept = kept.and_then(|kept| String::from_utf8(kept).ok()).ok_or_else(|| error(ErrorCode::NotConfigured, ""))?;
    read_settings(&kept)
}

fn bucket_failed(failed: &store::Error) -> Error {
    error(ErrorCode::Internal, &format!("the bucket: {failed:?}"))
}

fn parse<'a, T: Deserialize<'a>>(path: &str, text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|failed| http::protocol(path, &failed.to_string()))
}

fn read_cursor(cursor: &str) -> Option<(usize, u32)> {
    let (position, number) = cursor.split_once('-')?;
    Some((position.parse().ok()?, number.parse().ok()?))
}

/// A record as it came. What it means is `normalize`'s, which may be done again
/// years later, by a newer connector.
fn record(text: &RawValue) -> RawRecord {
    let head = serde_json::from_str(text.get()).unwrap_or(Head { id: None, project: None });
    RawRecord {
        kind: Kind::Sast,
        id: head.id,
        project: head.project.map(|id| ProjectRef { id: Some(id), name: None }),
        body: text.get().to_owned(),
        gist: None,
    }
}

fn finding(index: u32, found: Found, remarks: &mut Vec<Diagnostic>) -> Finding {
    let severity = match found.severity.as_deref() {
        Some("critical") => Severity::Critical,
        Some("high") => Severity::High,
        Some("medium") => Severity::Medium,
        Some("low") => Severity::Low,
        Some("info") => Severity::Info,
        // The mapping is total: what it does not know is said.
        other => {
            remarks.push(Diagnostic {
                level: DiagnosticLevel::Warning,
                code: "unknown-severity".to_owned(),
                index: Some(index),
                id: Some(found.id.clone()),
                pointer: Some("/severity".to_owned()),
                message: format!("the severity is {}", other.unwrap_or("not given")),
            });
            Severity::Unknown
        }
    };
    Finding {
        index,
        // What stays when the code moves: never a line number.
        identity: Identity { key: found.id.clone(), algorithm: "vendor-id".to_owned(), aliases: vec![] },
        id: found.id,
        kind: Kind::Sast,
        project: ProjectRef { id: Some(found.project), name: None },
        title: found.rule.clone(),
        message: Some(found.message),
        rule_id: Some(found.rule),
        severity,
        vendor_severity: found.severity,
        security: Some(true),
        location: Some(Location { start_line: found.line, ..blank::location(found.path) }),
        lifecycle: blank::lifecycle(if found.fixed { Status::Fixed } else { Status::Open }),
        ..blank::finding()
    }
}

/// This connector reads no files.
pub struct Reader;

impl GuestDocumentReader for Reader {
    fn new(_head: DocumentHead) -> Self {
        Self
    }

    fn survey(&self, _piece: Vec<u8>) -> Result<(), Error> {
        Err(error(ErrorCode::Unsupported, "files"))
    }

    fn summarize(&self) -> Result<DocumentSummary, Error> {
        Err(error(ErrorCode::Unsupported, "files"))
    }

    fn read(&self, _piece: Vec<u8>) -> Result<Vec<RawRecord>, Error> {
        Err(error(ErrorCode::Unsupported, "files"))
    }

    fn finish(&self) -> Result<Vec<RawRecord>, Error> {
        Err(error(ErrorCode::Unsupported, "files"))
    }
}
