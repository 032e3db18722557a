//! A finding of the fake connector.

use appsec_model::{Finding, Identity, Kind, Lifecycle, ProjectRef, Severity, Status, Triage, TriageState};

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
