//! OCSF 1.8.0: one event per finding, one per line. Findings of packages are
//! Vulnerability Findings (class 2002), all others Application Security Posture
//! Findings (class 2007).

use std::{collections::BTreeSet, io::Write};

use appsec_analysis::cwe;
use appsec_model::{Fix, Severity, Status, Timestamp};
use serde_json::{Value, json};

use crate::{
    Document, Error, Exported, Options, Outcome,
    json::{list, pruned},
    text, words,
};

pub(crate) struct Ocsf<W> {
    out: W,
    options: Options,
}

impl<W: Write> Ocsf<W> {
    pub fn begin(out: W, options: &Options) -> Self {
        Self { out, options: options.clone() }
    }
}

impl<W: Write> Document for Ocsf<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        text::json_line(&mut self.out, &pruned(event(it, &self.options)))?;
        self.out.write_all(b"\n")?;
        Ok(Outcome::Written)
    }

    fn end(&mut self) -> Result<(), Error> {
        Ok(self.out.flush()?)
    }
}

/// Milliseconds since 1970.
const fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000)
}

const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Unknown => (0, "Unknown"),
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// Where a finding stands: number, word, and whether it is closed.
fn status(it: &Exported) -> (u8, &'static str, bool) {
    if it.status == "vanished" {
        return (5, "Archived", true);
    }
    match it.standing() {
        Status::Open => (1, "New", false),
        Status::Reviewing | Status::Fixing => (2, "In Progress", false),
        // What is suppressed is benign by the standard, and what is reached is not.
        Status::Ignored | Status::ProvisionallyIgnored if it.outcome() == "falsepositive" && it.is_reachable() => {
            (2, "In Progress", false)
        }
        Status::Ignored | Status::ProvisionallyIgnored => (3, "Suppressed", true),
        Status::Fixed => (4, "Resolved", true),
        Status::Unknown | Status::Other(_) => (0, "Unknown", false),
    }
}

fn event(it: &Exported, options: &Options) -> Value {
    let finding = &it.finding;
    let rule = it.rule.as_ref();
    let of_package = finding.dependency.is_some();
    let (class_uid, class_name) =
        if of_package { (2002, "Vulnerability Finding") } else { (2007, "Application Security Posture Finding") };
    let (status_id, status, is_closed) = status(it);
    // A finding that is as it was first seen is created, one that changed is updated.
    let (activity_id, activity) = match (is_closed, it.changed_at > it.ingested_at) {
        (true, _) => (3, "Close"),
        (false, true) => (2, "Update"),
        (false, false) => (1, "Create"),
    };
    let (severity_id, severity) = severity(finding.severity);
    let confidence = match words::confidence(finding, rule) {
        Some("low") => Some((1, "Low")),
        Some("medium") => Some((2, "Medium")),
        Some("high") => Some((3, "High")),
        _ => None,
    };
    let triage = &finding.lifecycle.triage;
    let decided = it.decided().map(|it| it.entry.decision.as_str());
    let detail = match decided {
        Some(decision) => [Some(it.status.as_str()), Some(decision), None],
        None => [Some(it.status.as_str()), Some(triage.state.as_str()), triage.reason.as_deref()],
    };
    let url = finding.code_url.as_deref().and_then(words::url);
    let urls = rule.into_iter().flat_map(|rule| rule.url.iter().chain(&rule.references));
    let urls: BTreeSet<&str> = urls.filter_map(|it| words::url(it)).collect();
    let recommendation = words::recommendation(it);
    let guidance = finding.assistance.as_ref().and_then(|it| it.guidance.as_ref());
    let guidance = guidance.and_then(|it| it.summary.as_deref().or(it.text.as_deref()));
    let remedy = recommendation.as_deref().or(guidance);
    let application = json!({ "uid": it.scope(), "name": it.scope(), "type": "Repository" });
    let tags = rule.into_iter().flat_map(|rule| &rule.owasp).map(|it| json!({ "name": "owasp", "value": it.text }));
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": class_uid,
        "class_name": class_name,
        "type_uid": class_uid * 100 + activity_id,
        "type_name": format!("{class_name}: {activity}"),
        "time": millis(it.changed_at),
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence.map(|(id, _)| id),
        "confidence": confidence.map(|(_, word)| word),
        "status_id": status_id,
        "status": status,
        "status_detail": detail.into_iter().flatten().collect::<Vec<_>>().join("/"),
        "message": finding.title,
        "comment": match it.decided() {
            Some(_) => it.justification(),
            None => triage.comment.clone(),
        },
        "metadata": {
            "version": "1.8.0",
            "product": { "name": it.tool, "vendor_name": it.tool, "uid": it.instance },
            "uid": it.id,
            "original_event_uid": finding.id,
            "correlation_uid": it.issue.as_ref().map(|issue| &issue.id),
            "tenant_uid": options.owner,
            "logged_time": millis(options.moment),
            "log_name": words::TOOL,
        },
        "finding_info": {
            "uid": it.id,
            "uid_alt": finding.identity.key,
            "title": finding.title,
            "desc": it.message(),
            "analytic": {
                "type_id": 1,
                "type": "Rule",
                "uid": words::rule_id(it),
                "name": rule.and_then(|rule| rule.name.as_deref()),
                "category": rule.and_then(|rule| rule.category.as_deref()),
            },
            "created_time": millis(it.first_seen_at),
            "first_seen_time": millis(it.first_seen_at),
            "last_seen_time": millis(it.last_seen_at),
            "modified_time": millis(it.changed_at),
            "src_url": url,
            "tags": list(tags),
            "types": [finding.kind],
        },
        "resources": [{
            "uid": it.scope(),
            "name": it.scope(),
            "type": "Repository",
            "namespace": it.branch(),
            "labels": list([Some(it.project.clone()), it.environment.clone()].into_iter().flatten().map(Value::from)),
        }],
        "vulnerabilities": vulnerabilities(it, remedy, &urls),
        "enrichments": enrichments(it),
    });
    if let (false, Some(event)) = (of_package, event.as_object_mut()) {
        event.insert("application".to_owned(), application);
        let references = list(urls.iter().map(|url| Value::from(*url)));
        let remediation = remedy.map(|text| json!({ "desc": text, "references": references }));
        event.insert("remediation".to_owned(), remediation.unwrap_or_default());
    }
    event
}

/// What the standard has no attribute for.
fn enrichments(it: &Exported) -> Option<Value> {
    let dependency = it.finding.dependency.as_ref();
    let verdict = it.finding.assistance.as_ref().and_then(|it| it.verdict.as_ref());
    let facts = [
        ("priority", Some(it.priority.to_string())),
        ("reachability", dependency.map(|it| it.reachability.verdict.to_string())),
        ("reachability_condition", dependency.and_then(|it| it.reachability.condition.clone())),
        ("transitivity", dependency.map(|it| it.transitivity.to_string())),
        ("ai_verdict", verdict.map(|it| it.conclusion.to_string())),
        ("secret_validation", it.finding.secret.as_ref().map(|it| it.validation.to_string())),
        ("secret_service", it.finding.secret.as_ref().and_then(|it| it.service.clone())),
        ("commit", it.commit.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    list(facts.map(|(name, value)| json!({ "name": name, "value": value, "data": { "value": value } })))
}

/// A vulnerability holds either an advisory with its packages or one weakness: a
/// finding of code with several weaknesses has several.
fn vulnerabilities(it: &Exported, remedy: Option<&str>, urls: &BTreeSet<&str>) -> Vec<Value> {
    let finding = &it.finding;
    let (_, severity) = severity(finding.severity);
    let references = || list(urls.iter().map(|url| Value::from(*url)));
    let common = |more: Value| {
        let mut one = json!({
            "title": finding.title,
            "desc": it.message(),
            "severity": finding.vendor_severity.as_deref().unwrap_or(severity),
            "references": references(),
            "first_seen_time": millis(it.first_seen_at),
            "last_seen_time": millis(it.last_seen_at),
            "vendor_name": it.tool,
        });
        if let (Some(one), Value::Object(more)) = (one.as_object_mut(), more) {
            one.extend(more);
        }
        one
    };
    if let Some(dependency) = &finding.dependency {
        let package = &dependency.package;
        let fixes = match appsec_analysis::fix::known(dependency) {
            Fix::Upgrades { upgrades } => upgrades,
            Fix::NotSaid | Fix::NoneKnown => Vec::new(),
        };
        let fixed = fixes.iter().find(|it| it.package == package.name).map(|it| it.version.as_str());
        let cvss = it.ratings.iter().flat_map(|it| &it.cvss).map(|rating| {
            json!({
                "version": rating.version.as_str(),
                "base_score": rating.score,
                "vector_string": rating.vector,
                "severity": rating.severity.as_str(),
                "vendor_name": rating.source.as_ref(),
            })
        });
        let epss = it.epss.map(|score| json!({ "score": score.to_string() }));
        let cwes =
            list(it.cwes().map(|number| json!({ "uid": format!("CWE-{number}"), "caption": cwe::name(number) })));
        let (mut advisory, mut cve) = (Value::Null, Value::Null);
        let main = it.advisories().find(|id| id.starts_with("CVE-"));
        let others = it.advisories().filter(|id| Some(*id) != main).map(Value::from);
        match (main, it.advisories().next()) {
            (Some(id), _) => {
                cve = json!({
                    "uid": id,
                    "cvss": list(cvss),
                    "epss": epss,
                    "related_cwes": cwes,
                    "references": [words::advisory_url(id)],
                });
            }
            (None, Some(id)) => advisory = json!({ "uid": id, "references": [words::advisory_url(id)] }),
            (None, None) => advisory = json!({ "uid": words::rule_id(it) }),
        }
        return vec![common(json!({
            "cve": cve,
            "advisory": advisory,
            "related_vulnerabilities": list(others),
            // What is exploited has an exploit; of all others nobody knows.
            "is_exploit_available": it.kev.then_some(true),
            "is_fix_available": (!fixes.is_empty()).then_some(true),
            "remediation": remedy.map(|text| json!({ "desc": text })),
            "affected_packages": [{
                "name": package.name,
                // The standard asks for a version.
                "version": package.version.as_deref().unwrap_or("unknown"),
                "package_manager": package.ecosystem,
                "purl": package.purl,
                "path": dependency.lockfile.as_ref().map(|at| &at.path),
                "fixed_in_version": fixed,
            }],
        }))];
    }
    let at = finding.location.as_ref().filter(|at| !at.path.is_empty());
    let code = at.map(|at| {
        let name = at.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&at.path);
        json!([{
            "file": {
                "name": name,
                "path": at.path,
                "type_id": 1,
                "type": "Regular File",
                "uri": finding.code_url.as_deref().and_then(words::url),
            },
            "start_line": at.start_line,
            "end_line": at.end_line,
            "start_column": at.start_column,
            "end_column": at.end_column,
            "rule": { "uid": words::rule_id(it), "name": it.rule.as_ref().and_then(|rule| rule.name.as_deref()) },
            "remediation": finding.suggested_fix.as_ref().map(|text| json!({ "desc": text })),
        }])
    });
    let names = it.rule.iter().flat_map(|rule| &rule.cwes);
    let weaknesses: Vec<Value> = names
        .filter_map(|cwe| {
            let number = cwe.number?;
            Some(json!({
                "uid": format!("CWE-{number}"),
                "caption": cwe.name.as_deref().or_else(|| cwe::name(number)),
                "src_url": format!("https://cwe.mitre.org/data/definitions/{number}.html"),
            }))
        })
        .collect();
    if weaknesses.is_empty() {
        let advisory = json!({ "uid": words::rule_id(it), "title": finding.title });
        return vec![common(json!({ "advisory": advisory, "affected_code": code }))];
    }
    weaknesses.into_iter().map(|cwe| common(json!({ "cwe": cwe, "affected_code": code }))).collect()
}
