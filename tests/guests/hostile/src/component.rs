//! The exported functions.

use std::cell::RefCell;

use crate::{
    bindings::{
        appsec::connector::model::{
            Access, Completeness, Connection, DecisionBatch, DecisionOutcome, DecisionReport, Deployment, Diagnostic,
            DiagnosticLevel, DocumentFormat, DocumentHead, DocumentSummary, Error, ErrorCode, Event, EventType,
            FetchRequest, Finding, Identity, Kind, KindAccess, KindSupport, Lifecycle, Manifest, NextPage, Normalized,
            OriginNeed, Pending, Project, ProjectPage, ProjectRef, RawInput, RawPage, RawRecord, Scan, ScanState,
            SecretNeed, SecretPlacement, Severity, SignatureAlgorithm, SignatureEncoding, Status, Triage, TriageState,
            WebhookScheme,
        },
        exports::appsec::connector::source::{Guest, GuestDocumentReader},
    },
    bucket,
    misdeeds::{error, perform},
    order::Order,
};

/// The component.
pub struct Component;

fn remark(message: String) -> Diagnostic {
    Diagnostic {
        level: DiagnosticLevel::Warning,
        code: "seen".to_owned(),
        index: None,
        id: None,
        pointer: None,
        message,
    }
}

/// The order in a cursor, or the one that `configure` kept.
fn order(cursor: Option<&str>, kept: impl Fn(Order) -> Option<Box<Order>>) -> Order {
    cursor.and_then(Order::read).or_else(|| kept(bucket::kept()).map(|order| *order)).unwrap_or_default()
}

impl Guest for Component {
    type DocumentReader = Reader;

    fn describe() -> Manifest {
        Manifest {
            id: "hostile".to_owned(),
            name: "Hostile".to_owned(),
            version: "0.1.0".to_owned(),
            contract_version: "0.2.0".to_owned(),
            vendor: "Nobody".to_owned(),
            kinds: vec![KindSupport { kind: Kind::Sast, on_by_default: true }],
            settings_schema: r#"{"type": "object", "properties": {"origin": {"type": "string"}}}"#.to_owned(),
            origins: vec![OriginNeed {
                purpose: "To be refused".to_owned(),
                default: "https://vendor.example".to_owned(),
                setting: Some("origin".to_owned()),
            }],
            secrets: vec![SecretNeed {
                variable: "HOSTILE_TOKEN".to_owned(),
                description: "Any".to_owned(),
                placement: SecretPlacement::Bearer,
            }],
            formats: vec![DocumentFormat { name: "none".to_owned(), description: "None".to_owned(), kinds: vec![] }],
            webhook: Some(WebhookScheme {
                signature_header: "X-Signature".to_owned(),
                algorithm: SignatureAlgorithm::HmacSha256,
                encoding: SignatureEncoding::Base64,
                prefix: "v0=".to_owned(),
                timestamp_header: Some("X-Timestamp".to_owned()),
                description: "Nowhere".to_owned(),
            }),
            oauth: None,
            write_back: None,
        }
    }

    fn configure(settings: String) -> Result<Connection, Error> {
        let order = Order::read(&settings).unwrap_or_default();
        let seen = perform(&order)?;
        if order.list.is_some() || order.fetch.is_some() {
            bucket::keep(&order).map_err(|what| error(ErrorCode::Internal, &what))?;
        }
        let diagnostics = match order.action.as_str() {
            "huge-list" => vec![remark(String::new()); order.count],
            _ => vec![remark(seen)],
        };
        Ok(Connection {
            deployment: Deployment { id: "1".to_owned(), slug: "hostile".to_owned(), name: None },
            kinds: vec![KindAccess { kind: Kind::Sast, access: Access::Readable }],
            deployment_wide: true,
            diagnostics,
        })
    }

    fn list_projects(cursor: Option<String>) -> Result<ProjectPage, Error> {
        let order = order(cursor.as_deref(), |kept| kept.list);
        let diagnostics = vec![remark(perform(&order)?)];
        let next = (order.action == "repeat-cursor").then(|| "again".to_owned());
        let project = Project {
            id: "p1".to_owned(),
            name: "hostile/one".to_owned(),
            url: None,
            tags: vec![],
            default_branch: None,
            primary_branch: None,
            created_at: None,
            last_scan_at: None,
            archived: None,
        };
        Ok(ProjectPage { projects: vec![project], next, diagnostics })
    }

    fn fetch_findings(request: FetchRequest) -> Result<RawPage, Error> {
        let order = order(request.cursor.as_deref(), |kept| kept.fetch);
        let diagnostics = vec![remark(perform(&order)?)];
        let record = |number: usize, body: &str| RawRecord {
            kind: request.kind.clone(),
            id: Some(number.to_string()),
            project: Some(ProjectRef { id: Some("p1".to_owned()), name: None }),
            body: body.to_owned(),
            gist: None,
        };
        let bodies: Vec<&str> = order.keys.iter().map(String::as_str).collect();
        let mut records = if bodies.is_empty() {
            (0..order.count).map(|number| record(number, "{}")).collect::<Vec<_>>()
        } else {
            bodies.iter().enumerate().map(|(number, body)| record(number, body)).collect()
        };
        if order.action == "fresh-cursor-and-others" {
            // Of a project that nobody has listed, and so nobody has mapped.
            let project = Some(ProjectRef { id: Some("p2".to_owned()), name: None });
            records.push(RawRecord { project, ..record(order.count, "{}") });
        }
        let page: usize = request.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let next = match order.action.as_str() {
            "repeat-cursor" => NextPage::Cursor("again".to_owned()),
            "fresh-cursor" | "fresh-cursor-and-others" => NextPage::Cursor((page + 1).to_string()),
            // A report that is ready when it was asked for often enough.
            "prepare" if page < order.count => {
                NextPage::Pending(Pending { cursor: (page + 1).to_string(), retry_after_ms: 5_000 })
            }
            "never-ready" => NextPage::Pending(Pending { cursor: "report".to_owned(), retry_after_ms: 60_000 }),
            "large-cursor" => NextPage::Cursor("c".repeat(order.count)),
            _ => NextPage::Complete,
        };
        Ok(RawPage { records, next, diagnostics })
    }

    fn fetch_scan(id: String) -> Result<Option<Scan>, Error> {
        perform(&Order::read(&id).unwrap_or_default())?;
        Ok(None)
    }

    /// Performs the order that is the comment, and says of each what it saw.
    fn write_decisions(batch: DecisionBatch) -> Result<DecisionReport, Error> {
        let order = Order::read(batch.comment.as_deref().unwrap_or_default()).unwrap_or_default();
        let seen = perform(&order)?;
        let outcomes = batch.ids.iter().map(|_| DecisionOutcome::Written).collect();
        Ok(DecisionReport { outcomes, also_changed: vec![], diagnostics: vec![remark(seen)] })
    }

    fn normalize(input: RawInput) -> Result<Normalized, Error> {
        let RawInput::Records(records) = input else {
            return Err(error(ErrorCode::Unsupported, "documents"));
        };
        let mut normalized = Normalized { findings: vec![], rules: vec![], packages: vec![], diagnostics: vec![] };
        for (number, record) in records.iter().enumerate() {
            let order = Order::read(&record.body).unwrap_or_default();
            let mut index = u32::try_from(number).unwrap_or(u32::MAX);
            let seen = perform(&order)?;
            if !seen.is_empty() {
                normalized.diagnostics.push(Diagnostic { index: Some(index), ..remark(seen) });
            }
            match order.action.as_str() {
                "index-out-of-range" => index = u32::MAX,
                "index-of-another" => index = index.saturating_add(1),
                _ => {}
            }
            normalized.findings.push(finding(index, record));
        }
        Ok(normalized)
    }

    /// Performs the order that is the event, and names `count` projects.
    fn interpret_event(body: Vec<u8>) -> Result<Event, Error> {
        let order = Order::read(&String::from_utf8_lossy(&body)).unwrap_or_default();
        let seen = perform(&order)?;
        let project = |number: usize| ProjectRef { id: Some(format!("p{}", number + 1)), name: None };
        let projects = (0..order.count).map(project).collect();
        let what = if seen.is_empty() { EventType::ScanFinished } else { EventType::Ignored(seen) };
        Ok(Event { what, id: None, projects, kinds: vec![] })
    }
}

/// A reader of files that hold nothing but an order: `fetch` is performed by
/// the first pass, `list` by the second, which then gives `count` records.
pub struct Reader(RefCell<Vec<u8>>);

impl Reader {
    fn order(&self) -> Order {
        Order::read(&String::from_utf8_lossy(&self.0.borrow())).unwrap_or_default()
    }
}

impl GuestDocumentReader for Reader {
    fn new(_: DocumentHead) -> Self {
        Self(RefCell::default())
    }

    fn survey(&self, piece: Vec<u8>) -> Result<(), Error> {
        self.0.borrow_mut().extend(piece);
        Ok(())
    }

    fn summarize(&self) -> Result<DocumentSummary, Error> {
        let order = self.order();
        if let Some(fetch) = &order.fetch {
            perform(fetch)?;
        }
        Ok(DocumentSummary {
            format: "none".to_owned(),
            origin: None,
            tool: None,
            // What it says and what it gives need not be the same.
            records: order.keys.len() as u64,
            kinds: vec![],
            names_projects: true,
            completeness: Completeness::Complete,
            scanned: None,
            diagnostics: vec![],
        })
    }

    fn read(&self, _: Vec<u8>) -> Result<Vec<RawRecord>, Error> {
        Ok(vec![])
    }

    fn finish(&self) -> Result<Vec<RawRecord>, Error> {
        let order = self.order();
        if let Some(list) = &order.list {
            perform(list)?;
        }
        let record = |number: usize| RawRecord {
            kind: Kind::Sast,
            id: Some(number.to_string()),
            project: Some(ProjectRef { id: Some("p1".to_owned()), name: None }),
            body: "{}".to_owned(),
            gist: None,
        };
        Ok((0..order.count).map(record).collect())
    }
}

fn finding(index: u32, record: &RawRecord) -> Finding {
    let id = record.id.clone().unwrap_or_default();
    let identity = Identity { key: id.clone(), algorithm: "number".to_owned(), aliases: vec![] };
    let triage = Triage { state: TriageState::Untriaged, reason: None, comment: None, at: None };
    Finding {
        index,
        title: format!("finding {id}"),
        id,
        identity,
        kind: record.kind.clone(),
        project: ProjectRef { id: Some("p1".to_owned()), name: None },
        repository_url: None,
        ref_: None,
        message: None,
        rule_id: None,
        severity: Severity::Low,
        vendor_severity: None,
        confidence: None,
        categories: vec![],
        security: None,
        location: None,
        code_url: None,
        snippet: None,
        flow: vec![],
        suggested_fix: None,
        secret: None,
        dependency: None,
        lifecycle: Lifecycle {
            status: Status::Open,
            scan_state: Some(ScanState::Unresolved),
            triage,
            created_at: None,
            relevant_since: None,
            state_changed_at: None,
        },
        assistance: None,
        policy: None,
        tickets: vec![],
        review_comments: vec![],
        fix_requests: vec![],
        fix_failures: vec![],
        first_seen_scan: None,
    }
}
