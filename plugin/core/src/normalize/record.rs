//! One record: the vendor's fields to the model's.

use appsec_model::{
    Assistance, Component, Explanation, Finding, FixFailure, FixRequest, Identity, Kind, Lifecycle, Location, Policy,
    ProjectRef, ReviewComment, Ticket, Timestamp, Triage, Verdict,
};

use super::{batch::Batch, branch_name, dependency, rules::RuleView, words};
use crate::wire::{self, Id, Remarks, Text, Texts};

/// The finding of a record. None, with an error remark, where it has no id:
/// without one an occurrence cannot be told from another.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    kind: Kind,
    project: Option<&ProjectRef>,
    record: wire::Finding<'_>,
) -> Option<Finding> {
    let remarks = &mut batch.remarks;
    let Some(id) = word(record.id) else {
        remarks.error("missing-id", "the record has no id".to_owned());
        return None;
    };
    let rule = batch.rules.look_up(record.rule, record.rule_name.as_deref(), remarks);
    let (repository, repository_url) = record.repository.map_or((None, None), |it| (text(it.name), text(it.url)));
    let project = project_ref(project, repository);
    if project.id.is_none() && project.name.is_none() {
        remarks.warn("missing-project", "/repository", "the record does not name its project".to_owned());
    }
    let identity = identity(&id, text(record.match_based_id), text(record.syntactic_id), remarks);
    let (severity, vendor_severity) = words::severity(record.severity, remarks);
    let (usage_location, usage_ticket) = record.usage.map_or((None, None), |it| (it.location, it.external_ticket));
    let dependency = dependency::read(
        dependency::Fields {
            found: record.found_dependency,
            identifier: text(record.vulnerability_identifier),
            reachability: record.reachability,
            condition: text(record.reachable_condition),
            usage: usage_location,
            fixes: record.fix_recommendations,
            epss: record.epss_score,
            malicious: record.is_malicious,
        },
        &project,
        &mut batch.packages,
        remarks,
    );
    let title = match &dependency {
        Some(dependency) => dependency::title(dependency, rule.as_ref().and_then(|rule| rule.class())),
        None => rule.as_ref().map(|rule| rule.title().to_owned()).unwrap_or_else(|| format!("Finding {id}")),
    };
    let rule_says = rule.as_ref().and_then(RuleView::message);
    let message = text(record.rule_message.filter(|said| rule_says != Some(&**said)));
    let rule_id = rule.as_ref().map(|rule| rule.id().to_owned());
    let (location, location_url) = record.location.map_or((None, None), place);
    Some(Finding {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        identity,
        kind,
        project,
        repository_url,
        r#ref: record.ref_.filter(|name| !name.is_empty()).map(|name| branch_name(&name).to_owned()),
        title,
        message,
        rule_id,
        severity,
        vendor_severity,
        confidence: words::confidence(record.confidence, remarks),
        security: None,
        categories: texts(record.categories),
        location,
        code_url: text(record.line_of_code_url).or(location_url),
        snippet: None,
        flow: Vec::new(),
        suggested_fix: None,
        dependency,
        secret: None,
        lifecycle: Lifecycle {
            scan_state: record.state.and_then(|word| words::scan_state(&word, remarks)),
            triage: Triage {
                state: record.triage_state.and_then(|word| words::triage_state(&word, remarks)).unwrap_or_default(),
                reason: text(record.triage_reason),
                comment: text(record.triage_comment),
                at: moment("/triaged_at", &record.triaged_at, remarks),
            },
            status: record.status.and_then(|word| words::status(&word, remarks)).unwrap_or_default(),
            created_at: moment("/created_at", &record.created_at, remarks),
            relevant_since: moment("/relevant_since", &record.relevant_since, remarks),
            state_changed_at: moment("/state_updated_at", &record.state_updated_at, remarks),
        },
        assistance: assistance(record.assistant, record.ai_impact, remarks),
        policy: record.sourcing_policy.and_then(policy),
        tickets: record.external_ticket.into_iter().chain(usage_ticket).filter_map(ticket).collect(),
        review_comments: list(record.review_comments, |comment| {
            let (discussion_id, note_id) = (word(comment.external_discussion_id), word(comment.external_note_id));
            (discussion_id.is_some() || note_id.is_some()).then_some(ReviewComment { discussion_id, note_id })
        }),
        fix_requests: list(record.click_to_fix_prs, |request| {
            let created_at = moment("/click_to_fix_prs", &request.created_at, remarks);
            Some(FixRequest { url: text(request.url)?, created_at })
        }),
        fix_failures: list(record.click_to_fix_failures, |failure| {
            let created_at = moment("/click_to_fix_failures", &failure.created_at, remarks);
            Some(FixFailure { reason: text(failure.reason)?, created_at })
        }),
        first_seen_scan: word(record.first_seen_scan_id),
        id,
    })
}

/// What came with the record goes before what the record says, since the host
/// has mapped it already; each fills the gaps of the other.
fn project_ref(given: Option<&ProjectRef>, repository: Option<String>) -> ProjectRef {
    match given {
        Some(given) => ProjectRef { id: given.id.clone(), name: given.name.clone().or(repository) },
        None => ProjectRef { id: None, name: repository },
    }
}

/// The vendor's line-free identity. `match_based_id` is the same on every
/// branch and survives moved lines; `syntactic_id`, which the API reference
/// calls the weaker one, holds only until the code around it changes.
fn identity(id: &str, strong: Option<String>, weak: Option<String>, remarks: &mut Remarks) -> Identity {
    let (key, algorithm, aliases) = match (strong, weak) {
        (Some(strong), weak) => (strong, "semgrep-match-based-id", weak.into_iter().collect()),
        (None, Some(weak)) => (weak, "semgrep-syntactic-id", Vec::new()),
        (None, None) => {
            let message = "the record has no identity that holds over branches; its id stands in".to_owned();
            remarks.warn("weak-identity", "/match_based_id", message);
            (format!("id:{id}"), "semgrep-id", Vec::new())
        }
    };
    Identity { key, algorithm: algorithm.to_owned(), aliases }
}

/// A place, and its web address where it has one.
pub fn place(place: wire::Location<'_>) -> (Option<Location>, Option<String>) {
    let count = |one: Option<wire::Count>, other: Option<wire::Count>| one.or(other).and_then(|count| count.0);
    let path = text(place.file_path).or_else(|| text(place.path));
    let location = path.map(|path| Location {
        path,
        start_line: count(place.line, place.start_line),
        start_column: count(place.column, place.start_col),
        end_line: count(place.end_line, None),
        end_column: count(place.end_column, place.end_col),
    });
    (location, text(place.url))
}

fn assistance(
    assistant: Option<wire::Assistant<'_>>,
    impact: Option<Text<'_>>,
    remarks: &mut Remarks,
) -> Option<Assistance> {
    let impact = text(impact);
    let Some(assistant) = assistant else {
        return impact.map(|impact| Assistance { impact: Some(impact), ..Assistance::default() });
    };
    let assistance = Assistance {
        verdict: assistant.autotriage.and_then(|verdict| {
            let conclusion = words::conclusion(&verdict.verdict?, remarks)?;
            Some(Verdict { conclusion, reason: text(verdict.reason) })
        }),
        guidance: assistant.guidance.and_then(|guidance| explanation(guidance.summary, guidance.instructions)),
        autofix: assistant.autofix.and_then(|fix| text(fix.fix_code)),
        rule_explanation: assistant.rule_explanation.and_then(|it| explanation(it.summary, it.explanation)),
        component: assistant.component.and_then(|component| {
            let tag = text(component.tag)?;
            Some(Component { tag, risk: text(component.risk) })
        }),
        impact,
    };
    (assistance != Assistance::default()).then_some(assistance)
}

fn explanation(summary: Option<Text<'_>>, full: Option<Text<'_>>) -> Option<Explanation> {
    let (summary, text) = (text(summary), text(full));
    (summary.is_some() || text.is_some()).then_some(Explanation { summary, text })
}

fn policy(policy: wire::Policy<'_>) -> Option<Policy> {
    let policy = Policy { id: word(policy.id), name: text(policy.name), slug: text(policy.slug) };
    (policy != Policy::default()).then_some(policy)
}

fn ticket(ticket: wire::Ticket<'_>) -> Option<Ticket> {
    let linked = ticket.linked_issue_ids.or(ticket.linked_issue_ids_camel);
    let ticket = Ticket {
        key: text(ticket.external_slug).or_else(|| text(ticket.external_slug_camel)),
        url: text(ticket.url),
        id: word(ticket.id),
        linked: linked.map(|ids| ids.0.into_iter().map(Id::into_string).collect()).unwrap_or_default(),
    };
    (ticket != Ticket::default()).then_some(ticket)
}

/// A text that says something: the vendor also sends empty ones for "none".
pub fn text(text: Option<Text<'_>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Text::into_string)
}

/// The same for a list.
pub fn texts(texts: Option<Texts<'_>>) -> Vec<String> {
    texts.map(Texts::into_strings).unwrap_or_default()
}

/// The same for an id or a short word.
pub fn word(id: Option<Id<'_>>) -> Option<String> {
    id.map(Id::into_string).filter(|id| !id.is_empty())
}

fn list<W, T>(list: Option<Vec<W>>, element: impl FnMut(W) -> Option<T>) -> Vec<T> {
    list.map(|list| list.into_iter().filter_map(element).collect()).unwrap_or_default()
}

fn moment(pointer: &str, text: &Option<Text<'_>>, remarks: &mut Remarks) -> Option<Timestamp> {
    remarks.moment(pointer, text.as_deref().filter(|text| !text.is_empty())?)
}
