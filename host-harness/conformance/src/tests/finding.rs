//! A finding of the fake connector, and what its vendor answers.

use appsec_grant::BucketStore;
use appsec_model::{Error, Finding, Identity, Kind, Lifecycle, ProjectRef, Severity, Status, Triage, TriageState};
use serde_json::{Value, json};

use crate::subject::Call;

pub(super) fn finding(index: u32, id: String, project: String, rule: String, title: String) -> Finding {
    Finding {
        index,
        identity: Identity { key: id.clone(), algorithm: "vendor-id".to_owned(), aliases: Vec::new() },
        id,
        kind: Kind::Sast,
        project: ProjectRef { id: Some(project), name: None },
        repository_url: None,
        r#ref: Some("main".to_owned()),
        title,
        message: None,
        rule_id: Some(rule),
        severity: Severity::High,
        vendor_severity: Some("high".to_owned()),
        confidence: None,
        categories: Vec::new(),
        security: Some(true),
        location: None,
        code_url: None,
        snippet: None,
        flow: Vec::new(),
        suggested_fix: None,
        dependency: None,
        secret: None,
        lifecycle: Lifecycle {
            scan_state: None,
            triage: Triage { state: TriageState::Untriaged, reason: None, comment: None, at: None },
            status: Status::Open,
            created_at: None,
            relevant_since: None,
            state_changed_at: None,
        },
        assistance: None,
        policy: None,
        tickets: Vec::new(),
        review_comments: Vec::new(),
        fix_requests: Vec::new(),
        fix_failures: Vec::new(),
        first_seen_scan: None,
    }
}

/// What the vendor answers.
pub(super) fn vendor(path: &str) -> Value {
    let found = |id: &str, project: &str| json!({"id": id, "project": project, "rule": "injection", "path": "src/a.py", "line": 7});
    let path = path.split('?').next().unwrap_or_default();
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "projects", ..] => json!({"of": ["1", "2"]}),
        ["", "findings", project, page] => {
            json!({"of": [found(&format!("{project}-{page}-1"), project), found(&format!("{project}-{page}-2"), project)]})
        }
        _ => json!({"of": "me"}),
    }
}

pub(super) fn unavailable(status: Option<u16>) -> Error {
    Error::unavailable(status, "it did not answer")
}

pub(super) fn keep(call: &Call, key: &str) {
    call.bucket.commit(&[(key.to_owned(), Some(b"{}".to_vec()))].into()).unwrap();
}
