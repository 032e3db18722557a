//! Records of the contract in which nothing is said yet: a connector names what its
//! vendor says, and takes the rest from here with `..`.

use crate::bindings::appsec::connector::model::{
    Finding, Identity, Kind, Lifecycle, Location, ProjectRef, Rule, Severity, Status, Triage, TriageState,
};

/// A finding of no record. Say at least `index`, `id`, `identity`, `project` and
/// `title`: a host leaves out what has none of them.
pub fn finding() -> Finding {
    Finding {
        index: 0,
        id: String::new(),
        identity: Identity { key: String::new(), algorithm: String::new(), aliases: vec![] },
        kind: Kind::Sast,
        project: ProjectRef { id: None, name: None },
        repository_url: None,
        ref_: None,
        title: String::new(),
        message: None,
        rule_id: None,
        severity: Severity::Unknown,
        vendor_severity: None,
        confidence: None,
        categories: vec![],
        security: None,
        location: None,
        code_url: None,
        snippet: None,
        flow: vec![],
        suggested_fix: None,
        dependency: None,
        secret: None,
        lifecycle: lifecycle(Status::Open),
        assistance: None,
        policy: None,
        tickets: vec![],
        review_comments: vec![],
        fix_requests: vec![],
        fix_failures: vec![],
        first_seen_scan: None,
    }
}

/// How a finding is that nobody has decided about.
pub fn lifecycle(status: Status) -> Lifecycle {
    Lifecycle {
        scan_state: None,
        triage: Triage { state: TriageState::Untriaged, reason: None, comment: None, at: None },
        status,
        created_at: None,
        relevant_since: None,
        state_changed_at: None,
    }
}

/// A place in a file.
pub fn location(path: String) -> Location {
    Location { path, start_line: None, start_column: None, end_line: None, end_column: None }
}

/// A rule of which only its id is known.
pub fn rule(id: String) -> Rule {
    Rule {
        id,
        name: None,
        message: None,
        confidence: None,
        category: None,
        subcategories: vec![],
        vulnerability_classes: vec![],
        cwes: vec![],
        owasp: vec![],
        technologies: vec![],
        likelihood: None,
        impact: None,
        url: None,
        references: vec![],
    }
}
