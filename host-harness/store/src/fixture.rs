//! A store with one instance, for tests, and pages to fill it with.

use std::rc::Rc;

use crate::{
    database::{FindingStore, SharedStore},
    error::{Cause, StoreError},
    filter::Filter,
    findings::FindingDetail,
    instances::{ConnectorSource, NewInstance},
    pages::{HashedRecord, LookedAt, OnAbsence, PageCommit, Refs},
    runs::{Fetch, FetchStats, FetchTask, RunExtent, RunMode},
    seen::Seen,
};
use appsec_model::{
    Diagnostic, DiagnosticLevel, Kind, NextPage, Normalized, Project, ProjectRef, RawRecord, Scope, Timestamp,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// An open store with the instance `code`, or another one.
pub(super) struct TestContext {
    pub store: SharedStore,
    pub instance_id: i64,
    pub origin: String,
    pub on_absence: OnAbsence,
    pub looked_at: LookedAt,
    instance: String,
    folder: Rc<TempDir>,
}

impl TestContext {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        let store = SharedStore::to_look_at(FindingStore::open(&path, &"acme".parse().unwrap()).unwrap());
        Self::of(store, Rc::new(folder), "code")
    }

    /// The same store with another instance.
    pub fn beside(&self, name: &str) -> Self {
        Self::of(self.store.clone(), self.folder.clone(), name)
    }

    fn of(store: SharedStore, folder: Rc<TempDir>, name: &str) -> Self {
        let instance = NewInstance {
            name: name.parse().unwrap(),
            connector_id: "any".to_owned(),
            connector_version: "1.0.0".to_owned(),
            connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
            connector_sha256: None,
            settings: serde_json::Map::new(),
            egress: Default::default(),
            secrets: Default::default(),
            proxy: None,
        };
        let instance_id = store.with(|store| store.add_instance(&instance, at(0))).unwrap();
        Self {
            store,
            instance_id,
            origin: String::new(),
            on_absence: OnAbsence::Mark,
            looked_at: LookedAt::All,
            instance: name.to_owned(),
            folder,
        }
    }

    /// A context whose vendor lists the project `acme/app` with the branch `main`.
    pub fn with_project() -> Self {
        let context = Self::new();
        context.list(&[project("7", "acme/app", "main")], 1);
        context
    }

    pub fn list(&self, projects: &[Project], now: i64) {
        self.store.with(|store| store.replace_projects(self.instance_id, projects, at(now))).unwrap();
    }

    /// A run with one read, which brings one page and is complete.
    pub fn read(
        &self,
        kind: Kind,
        records: Vec<RawRecord>,
        normalize: impl Fn(&RawRecord) -> Value,
        now: i64,
    ) -> FetchStats {
        let planned = FetchTask { kind, scope: Scope::Deployment };
        let (run_id, mut reads) = self.start(std::slice::from_ref(&planned), now);
        let read = reads.remove(0);
        let counts = self.page(run_id, &read, None, records, normalize, now);
        self.store
            .with(|store| store.settle_absences(run_id, self.on_absence, &self.looked_at, false, at(now)))
            .unwrap();
        let vanished = self.store.with(|store| store.run(run_id)).unwrap().unwrap().counts.vanished;
        FetchStats { vanished, ..counts }
    }

    /// A run with a read of findings per project, one after the other; tells why
    /// nothing of what they did not bring was marked.
    pub fn run(&self, projects: &[(&str, &[Value])], on_absence: OnAbsence, now: i64) -> Option<Cause> {
        let planned = FetchTask { kind: Kind::Sast, scope: Scope::Deployment };
        let (run_id, reads) = self.start(&vec![planned; projects.len()], now);
        let index = self.store.with(|store| store.project_index(self.instance_id)).unwrap();
        for (read, (name, bodies)) in reads.iter().zip(projects) {
            let records = bodies.iter().map(|body| record(Kind::Sast, body)).collect();
            let named = ProjectRef { id: None, name: Some((*name).to_owned()) };
            let scope = index.vendor_id(&named).into_iter().collect();
            let normalize = |record: &RawRecord| finding(&serde_json::from_str(&record.body).unwrap());
            self.page(run_id, read, Some(scope), records, normalize, now);
        }
        self.store.with(|store| store.settle_absences(run_id, on_absence, &LookedAt::All, true, at(now))).unwrap()
    }

    fn start(&self, planned: &[FetchTask], now: i64) -> (i64, Vec<Fetch>) {
        self.store
            .with(|store| {
                let run_id = store.start_run(self.instance_id, RunMode::Full, RunExtent::Whole, 0, planned, at(now))?;
                Ok::<_, StoreError>((run_id, store.run(run_id)?.unwrap().fetches))
            })
            .unwrap()
    }

    /// The only page of a read.
    fn page(
        &self,
        run_id: i64,
        read: &Fetch,
        scope: Option<Vec<String>>,
        records: Vec<RawRecord>,
        normalize: impl Fn(&RawRecord) -> Value,
        now: i64,
    ) -> FetchStats {
        let (id, store, kind) = (self.instance_id, &self.store, read.kind.clone());
        let projects = store.with(|store| store.project_index(id)).unwrap();
        let records: Vec<HashedRecord> = records.into_iter().map(HashedRecord::from).collect();
        let records =
            store.with(|store| store.classify(id, &self.origin, records, &projects, &Seen::default())).unwrap();
        let mut normalized = Normalized::default();
        for (index, it) in records.iter().filter(|it| it.is_fresh()).enumerate() {
            let mut value = normalize(&it.record);
            value["index"] = json!(index);
            match (&kind, value.get("unusable")) {
                (_, Some(why)) => normalized.diagnostics.extend(why.as_str().map(|why| Diagnostic {
                    level: DiagnosticLevel::Error,
                    code: "unusable".to_owned(),
                    index: u32::try_from(index).ok(),
                    id: None,
                    pointer: None,
                    message: why.to_owned(),
                })),
                (Kind::Packages, _) => normalized.packages.push(serde_json::from_value(value).unwrap()),
                _ => normalized.findings.push(serde_json::from_value(value).unwrap()),
            }
        }
        let contents = store.contents(id, &self.origin, &kind, &records, &normalized).unwrap();
        let page = PageCommit {
            instance_id: id,
            instance: self.instance.clone(),
            origin: self.origin.clone(),
            run_id,
            fetch_id: read.id,
            kind,
            page: 0,
            next: NextPage::Complete,
            records,
            normalized,
            contents,
            full: true,
            ask_again: false,
            scope,
            refs: Refs::All,
            usage: FetchStats::default(),
            now: at(now),
        };
        store.with(|store| store.commit_page(&page, &projects)).unwrap().counts
    }

    /// Reads findings, each given by its body: an object whose fields replace
    /// those of [`finding`].
    pub fn findings(&self, bodies: &[Value], now: i64) -> FetchStats {
        let records = bodies.iter().map(|body| record(Kind::Sast, body)).collect();
        self.read(Kind::Sast, records, |record| finding(&serde_json::from_str(&record.body).unwrap()), now)
    }

    /// All findings with what is known of them, by title.
    pub fn all(&self) -> Vec<FindingDetail> {
        self.store.with(|store| {
            let (mut rows, _) = store.findings(&Filter { limit: 99, ..Filter::default() }).unwrap();
            rows.sort_by(|a, b| a.title.cmp(&b.title));
            rows.iter().map(|row| store.finding(row.id, true).unwrap().unwrap()).collect()
        })
    }

    /// The history of the only finding, oldest first, as `field: before > after`.
    pub fn history(&self) -> Vec<String> {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let rows = self.all().remove(0).history;
        rows.iter().rev().map(|it| format!("{}: {} > {}", it.field, side(&it.before), side(&it.after))).collect()
    }
}

pub(super) fn project(id: &str, name: &str, branch: &str) -> Project {
    let branch = Some(branch.to_owned());
    Project { id: id.to_owned(), name: name.to_owned(), primary_branch: branch, ..Project::default() }
}

/// A record of the project `acme/app`, or of the one that its body names.
pub(super) fn record(kind: Kind, body: &Value) -> RawRecord {
    let name = body.get("in").and_then(Value::as_str).unwrap_or("acme/app");
    RawRecord {
        kind,
        id: body.get("id").and_then(Value::as_str).map(str::to_owned),
        project: Some(ProjectRef { id: None, name: Some(name.to_owned()) }),
        body: body.to_string(),
        gist: None,
    }
}

/// A finding of `acme/app` on `main` with some fields replaced.
pub(super) fn finding(fields: &Value) -> Value {
    let mut finding = json!({
        "index": 0, "id": "1", "identity": { "key": "k", "algorithm": "a", "aliases": [] }, "kind": "sast",
        "project": { "name": "acme/app" }, "ref": "main", "title": "t", "severity": "high", "categories": [],
        "flow": [], "location": { "path": "a.py", "start_line": 7 },
        "lifecycle": { "triage": { "state": "untriaged" }, "status": "open" },
        "tickets": [], "review_comments": [], "fix_requests": [], "fix_failures": [],
    });
    for (key, value) in fields.as_object().unwrap() {
        match key.as_str() {
            "in" => {}
            "key" => finding["identity"]["key"] = value.clone(),
            "status" | "created_at" | "state_changed_at" | "relevant_since" => {
                finding["lifecycle"][key] = value.clone();
            }
            "line" => finding["location"]["start_line"] = value.clone(),
            _ => finding[key] = value.clone(),
        }
    }
    finding
}
