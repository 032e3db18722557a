//! What people decide: triage of findings, and policies.

use appsec_model::Severity;
use axum::{body::Body, response::IntoResponse};
use host_harness::{
    Error, PoliciesImported, PoliciesRemoved, PolicyCheck, PolicyImported, TriageChoice, TriageTargets,
    analysis::TriageDecision,
    columns::POLICY_RESULTS_CSV,
    exports::GateFormat,
    query::{Ahead, List, Query},
};
use http::{HeaderMap, Response, header};
use serde::{Deserialize, Serialize};

use super::{
    act::{Head, Sent},
    etag::{require_match, require_none, tagged},
    takes,
};
use crate::{
    answer::{Fault, csv, json},
    asked::{Answer, Asked, Posted, parsed},
    table::DRY_RUN,
};

/// A decision on the findings of the query, and on those that are named.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    decision: TriageDecision,
    /// Needed where the decision closes findings.
    reason: Option<String>,
    comment: Option<String>,
    /// A date, a moment, or a time from now such as `90d`.
    until: Option<String>,
    assignee: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    /// Findings, by whatever they are known by.
    #[serde(default)]
    findings: Vec<String>,
    /// Issues, by whatever they are known by.
    #[serde(default)]
    issues: Vec<String>,
}

/// Decisions of the query, and on the findings and issues that are named, are taken
/// back.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ClearedDecisions {
    #[serde(default)]
    findings: Vec<String>,
    #[serde(default)]
    issues: Vec<String>,
}

/// The findings of the query, where there is one, and those that are named.
fn targets(query: Query, findings: Vec<String>, issues: Vec<String>) -> TriageTargets {
    TriageTargets { findings, issues, query: Some(query).filter(|it| !it.pairs().is_empty()) }
}

pub(super) async fn decisions(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.decisions(&asked.query(List::Decisions)?).await?))
}

pub(super) async fn decide(asked: Asked, Sent(_, sent): Sent<NewDecision>) -> Answer {
    let NewDecision { decision, reason, comment, until, assignee, labels, findings, issues } = sent;
    let until = until.map(|text| parsed::<Ahead>("until", &text)).transpose()?;
    let choice = TriageChoice { decision, reason, comment, until, assignee, labels };
    let on = targets(asked.query_beside(List::Triage, &[DRY_RUN])?, findings, issues);
    Ok(json(&asked.tenant.decide(on, choice, &asked.who, asked.flag(DRY_RUN)?).await?))
}

pub(super) async fn clear_decisions(asked: Asked, Sent(_, sent): Sent<ClearedDecisions>) -> Answer {
    let ClearedDecisions { findings, issues } = sent;
    let on = targets(asked.query_beside(List::Export, &[DRY_RUN])?, findings, issues);
    Ok(json(&asked.tenant.clear_decisions(on, &asked.who, asked.flag(DRY_RUN)?).await?))
}

/// What is said of a finding: its decisions and changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FindingHistory {
    /// All that was ever decided about it here, newest first.
    decisions: Vec<host_harness::store::DecisionRow>,
    /// What changed after the run that first ingested it, newest first.
    changes: Vec<host_harness::store::ChangeRow>,
}

pub(super) async fn history(asked: Asked) -> Answer {
    let detail = asked.tenant.finding(asked.named("id")?, false).await?;
    Ok(json(&FindingHistory { decisions: detail.decisions, changes: detail.history }))
}

pub(super) async fn policies(asked: Asked) -> Answer {
    match asked.tenant.policies().await? {
        Some(policies) => Ok(tagged_by(&policies.version, &policies)),
        None => Err(Fault::not_found("policy in force")),
    }
}

/// Policies are changed as the file that they are: its version is the tag, whatever
/// is violated by now.
fn tagged_by(version: &str, document: &impl Serialize) -> Response<Body> {
    let mut response = json(document);
    let tag = tagged(&version).headers().get(header::ETAG).cloned();
    response.headers_mut().extend(tag.map(|tag| (header::ETAG, tag)));
    response
}

pub(super) async fn policy_file(asked: Asked) -> Answer {
    match asked.tenant.policy_file().await? {
        Some(text) => Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()),
        None => Err(Fault::not_found("policy in force")),
    }
}

/// Whoever changes policies in force has seen them.
async fn require_seen(asked: &Asked, headers: &HeaderMap) -> Result<(), Fault> {
    match asked.tenant.policies().await? {
        Some(policies) => require_match(headers, &policies.version),
        None => require_none(headers),
    }
}

pub(super) async fn put_policies(asked: Asked, Posted(headers, body): Posted) -> Answer {
    let text = String::from_utf8(body.into()).map_err(|_| Fault::field("body", "it is not UTF-8 text"))?;
    if asked.flag(DRY_RUN)? {
        let report = match PoliciesImported::of_text(&text) {
            Ok(imported) => PolicyImported { stored: false, imported: Some(imported), problems: Vec::new() },
            Err(Error::Policies(problems)) => PolicyImported { stored: false, imported: None, problems },
            Err(error) => return Err(error.into()),
        };
        return Ok(json(&report));
    }
    require_seen(&asked, &headers).await?;
    let imported = asked.tenant.import_policies(&text).await?;
    Ok(json(&PolicyImported { stored: true, imported: Some(imported), problems: Vec::new() }))
}

pub(super) async fn delete_policies(asked: Asked, Head(headers): Head) -> Answer {
    require_seen(&asked, &headers).await?;
    Ok(json(&PoliciesRemoved { removed: asked.tenant.clear_policies().await? }))
}

/// What a check of policies fails on.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewCheck {
    /// The least severity of a policy whose violation fails it; none for never.
    #[serde(default = "info")]
    fail_on: Option<Severity>,
}

fn info() -> Option<Severity> {
    Some(Severity::Info)
}

pub(super) async fn check_policies(asked: Asked, Sent(_, sent): Sent<NewCheck>) -> Answer {
    let query = asked.query_with(List::PolicyCheck, takes::FORMATS)?;
    let format = takes::FORMATS.first().map_or(Ok(None), |it| asked.word(it))?;
    let check = asked.tenant.check_policies(&query, sent.fail_on, format.is_some()).await?;
    let (kind, format) = match format.as_deref() {
        Some("sarif") => ("application/sarif+json", GateFormat::Sarif),
        Some("junit") => ("application/xml", GateFormat::Junit),
        Some("github") => ("text/plain; charset=utf-8", GateFormat::Github),
        Some("gitlab-codequality") => ("application/json", GateFormat::GitlabCodeQuality),
        Some("csv") => return violations(&check),
        _ => return Ok(json(&check)),
    };
    let text = asked.tenant.format_check(&check, format).await?;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// What a check found, row by row.
fn violations(check: &PolicyCheck) -> Answer {
    let results: Vec<_> = check.violations.iter().flat_map(|it| &it.results).cloned().collect();
    csv(POLICY_RESULTS_CSV, &results)
}

pub(super) async fn policy_results(asked: Asked) -> Answer {
    let (policies, finding, issue) = (asked.fields("policy"), asked.field("finding"), asked.field("issue"));
    let page = (asked.number("limit")?.unwrap_or(super::REMARKS), asked.number("offset")?.unwrap_or_default());
    Ok(json(&asked.tenant.policy_result_list(policies, finding, issue, page).await?))
}
