//! A leaked credential: the secrets endpoint's fields to the model's.

use appsec_model::{
    Assistance, Finding, History, Identity, Kind, LeakedSecret, Lifecycle, Location, Policy, ProjectRef, ReviewComment,
    ScanState, Status, Triage, TriageState, Verdict,
};

use super::{
    batch::Batch,
    branch_name,
    record::{list, moment, project_ref, text, ticket, word},
    words,
};
use crate::wire::{self, Remarks, Text};

/// The finding of a record. None, with an error remark, where it has no id.
///
/// Nothing of the credential is in it: the endpoint sends neither its value nor
/// the code around it, and a field with one would not be read.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    record: wire::Secret<'_>,
) -> Option<Finding> {
    let remarks = &mut batch.remarks;
    let Some(id) = word(record.id) else {
        remarks.error("missing-id", "the record has no id".to_owned());
        return None;
    };
    let repository = record.repository.unwrap_or_default();
    let project = project_ref(project, text(repository.name));
    if project.id.is_none() && project.name.is_none() {
        remarks.warn("missing-project", "/repository", "the record does not name its project".to_owned());
    }
    // All that the endpoint says of the rule.
    let rule_id = word(record.rule_hash_id);
    batch.rules.look_up(None, rule_id.as_deref(), remarks);
    let (severity, vendor_severity) = words::severity(record.severity, remarks);
    let service = text(record.type_);
    let title = match &service {
        Some(service) => format!("Leaked credential: {service}"),
        None => "Leaked credential".to_owned(),
    };
    let status = record.status.and_then(|word| words::secret_status(&word, remarks)).unwrap_or_default();
    Some(Finding {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        // The endpoint lists a secret once over all branches, so that its id is
        // the identity.
        identity: Identity { key: id.clone(), algorithm: "semgrep-secret-id".to_owned(), aliases: Vec::new() },
        kind: Kind::Secrets,
        project,
        repository_url: text(repository.url),
        r#ref: record.ref_.filter(|name| !name.is_empty()).map(|name| branch_name(&name).to_owned()),
        title,
        message: None,
        rule_id,
        severity,
        vendor_severity,
        confidence: words::confidence(record.confidence, remarks),
        categories: Vec::new(),
        security: Some(true),
        location: record.finding_path.as_deref().and_then(location),
        code_url: text(record.finding_path_url),
        snippet: None,
        flow: Vec::new(),
        suggested_fix: None,
        dependency: None,
        secret: Some(LeakedSecret {
            service,
            validation: record
                .validation_state
                .and_then(|word| words::validation(&word, "/validationState", remarks))
                .unwrap_or_default(),
            history: record.historical_info.and_then(|it| history(it, remarks)),
            visibility: repository.visibility.and_then(|word| words::visibility(&word, remarks)),
        }),
        lifecycle: lifecycle(status, &record.created_at, &record.updated_at, remarks),
        assistance: record.autotriage.and_then(|it| {
            let conclusion = words::secret_conclusion(&it.verdict?, remarks)?;
            let verdict = Some(Verdict { conclusion, reason: text(it.reason) });
            Some(Assistance { verdict, ..Assistance::default() })
        }),
        policy: record
            .mode
            .and_then(|word| words::mode(&word, remarks))
            .map(|mode| Policy { name: Some(mode), ..Policy::default() }),
        tickets: record.external_ticket.and_then(ticket).into_iter().collect(),
        review_comments: list(record.review_comments, |comment| {
            let (discussion_id, note_id) = (word(comment.external_discussion_id), word(comment.external_note_id));
            (discussion_id.is_some() || note_id.is_some()).then_some(ReviewComment { discussion_id, note_id })
        }),
        fix_requests: Vec::new(),
        fix_failures: Vec::new(),
        first_seen_scan: None,
        id,
    })
}

/// The states behind the endpoint's one word, as far as it tells them: an ignored
/// secret may or may not be in the files still.
fn lifecycle(
    status: Status,
    created_at: &Option<Text<'_>>,
    updated_at: &Option<Text<'_>>,
    remarks: &mut Remarks,
) -> Lifecycle {
    let scan_state = match &status {
        Status::Open => Some(ScanState::Unresolved),
        Status::Fixed => Some(ScanState::Fixed),
        Status::Other(word) if word == words::REMOVED => Some(ScanState::Removed),
        _ => None,
    };
    let state = match &status {
        Status::Ignored => TriageState::Ignored,
        Status::ProvisionallyIgnored => TriageState::ProvisionallyIgnored,
        Status::Reviewing => TriageState::Reviewing,
        Status::Fixing => TriageState::Fixing,
        _ => TriageState::Untriaged,
    };
    Lifecycle {
        scan_state,
        triage: Triage { state, ..Triage::default() },
        status,
        created_at: moment("/createdAt", created_at, remarks),
        relevant_since: None,
        // The only date of a change that the endpoint has.
        state_changed_at: moment("/updatedAt", updated_at, remarks),
    }
}

/// A path with its line glued on. The path may hold colons of its own, as on
/// Windows, and the line may be missing.
fn location(text: &str) -> Option<Location> {
    let glued = text.rsplit_once(':').filter(|(path, _)| !path.is_empty());
    let line = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?;
    let (path, line) = match glued.and_then(|(path, digits)| Some((path, line(digits)?))) {
        Some((path, line)) => (path, Some(line).filter(|line| *line != 0)),
        None => (text, None),
    };
    (!path.is_empty()).then(|| Location { path: path.to_owned(), start_line: line, ..Location::default() })
}

fn history(info: wire::HistoricalInfo<'_>, remarks: &mut Remarks) -> Option<History> {
    let history = History {
        commit: text(info.git_commit),
        blob: text(info.git_blob),
        // An unset date is the epoch in the vendor's data.
        committed_at: moment("/historicalInfo/gitCommitTimestamp", &info.git_commit_timestamp, remarks)
            .filter(|at| at.as_micros() != 0),
    };
    (history != History::default()).then_some(history)
}

#[cfg(test)]
mod tests {
    use super::location;

    #[test]
    fn the_line_is_what_stands_behind_the_last_colon() {
        let check = |text: &str, expect: Option<(&str, Option<u32>)>| {
            let location = location(text);
            assert_eq!(location.as_ref().map(|it| (it.path.as_str(), it.start_line)), expect, "{text}");
        };
        check("src/ai.py:232", Some(("src/ai.py", Some(232))));
        check("C:/build/config.yaml:801", Some(("C:/build/config.yaml", Some(801))));
        check(r"C:\build\config.yaml", Some((r"C:\build\config.yaml", None)));
        check("README", Some(("README", None)));
        check("a:b/c", Some(("a:b/c", None)));
        check("a.py:0", Some(("a.py", None)));
        check("a.py:", Some(("a.py:", None)));
        check("a.py:+7", Some(("a.py:+7", None)));
        check("a.py:99999999999", Some(("a.py:99999999999", None)));
        check(":12", Some((":12", None)));
        check("", None);
    }
}
