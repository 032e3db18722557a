//! D1 to D9: `normalize` and `interpret-event`, which are pure.

use std::collections::BTreeSet;

use appsec_model::{
    DiagnosticLevel, ErrorCode, EventType, Finding, Kind, Location, Normalized, RawInput, RawRecord, Severity,
    Timestamp,
};
use appsec_sandbox::Still;

use super::{Book, Trial, describe::ELSEWHERE, failed_with, json, mutations, read::Read, shown, told};
use crate::{
    report::Budget,
    subject::{Called, Subject},
};

/// Records that are put in the place of one, and what each is.
fn junk() -> Vec<(&'static str, String)> {
    vec![
        ("an empty text", String::new()),
        ("`null`", "null".to_owned()),
        ("`[]`", "[]".to_owned()),
        ("`{}`", "{}".to_owned()),
        ("a number", "7".to_owned()),
        ("a text", "\"made by a test\"".to_owned()),
        ("an object that is cut", "{\"id\": 7, \"rule".to_owned()),
        ("5,000 nested lists", "[".repeat(5_000)),
        ("5,000 nested objects", format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000))),
        ("a number of 400 digits", format!("{{\"id\": {}}}", "9".repeat(400))),
        ("a text of 1 MiB", format!("{{\"id\": \"{}\"}}", "x".repeat(1 << 20))),
        ("half of a surrogate pair", "{\"id\": \"\\ud800\", \"message\": \"\\udc00\"}".to_owned()),
        ("a key twice", "{\"id\": 1, \"id\": \"1\"}".to_owned()),
    ]
}

async fn run(subject: &impl Subject, records: Vec<RawRecord>) -> Called<Normalized> {
    subject.normalize(Still::default(), RawInput::Records(records)).await
}

pub async fn check(book: &mut Book<'_>, subject: &impl Subject, read: &Read) {
    if read.records.is_empty() {
        return;
    }
    let mut pages = Vec::new();
    let mut pure = book.open("D1");
    for (kind, records) in &read.records {
        let page = run(subject, records.clone()).await;
        if let Some(trial) = &mut pure {
            for (case, still) in [("a second time", Still::default()), ("at another time", ELSEWHERE)] {
                let again = subject.normalize(still, RawInput::Records(records.clone())).await;
                let is_same = match (&page, &again) {
                    (Ok(page), Ok(again)) => page.value == again.value,
                    _ => false,
                };
                trial.case(is_same, format!("a page of {kind}, {case}"), "the same output", || match &again {
                    Ok(_) => "another one".to_owned(),
                    Err(failure) => shown(failure),
                });
            }
        }
        if let Ok(page) = page {
            pages.push((kind.as_str(), records, page));
        }
    }
    if let Some(trial) = pure {
        book.close(trial);
    }
    if let Some(mut trial) = book.open("D2") {
        for (kind, records, page) in &pages {
            alone(&mut trial, subject, kind, records, &page.value).await;
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("D3") {
        for (kind, records, page) in &pages {
            none_lost(&mut trial, kind, records, &page.value);
        }
        book.close(trial);
    }
    let samples: Vec<RawRecord> = pages.iter().filter_map(|(_, records, _)| records.first().cloned()).collect();
    check_junk(book, subject, &samples).await;
    if let Some(mut trial) = book.open("D5") {
        for (kind, records, page) in &pages {
            sound(&mut trial, kind, &page.value);
            mutations::check(&mut trial, subject, kind, records).await;
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("D6") {
        let secrets = subject.secrets();
        for (kind, _, page) in &pages {
            let text = json(&page.value);
            let is_clean = secrets.iter().all(|secret| !text.contains(secret));
            trial.case(is_clean, format!("a page of {kind}"), "no secret of the connector", || "it".to_owned());
            for finding in page.value.findings.iter().filter(|it| it.kind == Kind::Secrets) {
                let shows = finding.snippet.is_some() || finding.flow.iter().any(|step| step.content.is_some());
                trial.case(!shows, format!("finding `{}` of secrets", finding.id), "no code", || "code".to_owned());
            }
        }
        book.close(trial);
    }
    book.budget = pages
        .iter()
        .map(|(kind, records, page)| Budget {
            kind: (*kind).to_owned(),
            records: records.len(),
            took_ms: u64::try_from(page.report.elapsed.as_millis()).unwrap_or(u64::MAX),
            peak_memory_bytes: page.report.peak_memory_bytes,
        })
        .collect();
}

/// D2: every record alone, and the page in its order.
async fn alone(trial: &mut Trial, subject: &impl Subject, kind: &str, records: &[RawRecord], page: &Normalized) {
    let in_order = page.findings.windows(2).all(|pair| matches!(pair, [one, other] if one.index <= other.index));
    trial.case(in_order, format!("a page of {kind}"), "findings in the order of the records", || {
        "another order".to_owned()
    });
    for (index, record) in (0_u32..).zip(records) {
        let called = run(subject, vec![record.clone()]).await;
        let case = format!("record {index} of {kind} alone");
        let Ok(single) = &called else {
            trial.case(false, case, "what it gives in a page", || told(&called));
            continue;
        };
        let of_page = |page: &Normalized, index: u32| {
            let mut findings: Vec<Finding> = page.findings.iter().filter(|it| it.index == index).cloned().collect();
            findings.iter_mut().for_each(|it| it.index = 0);
            let mut packages: Vec<_> = page.packages.iter().filter(|it| it.index == Some(index)).cloned().collect();
            packages.iter_mut().for_each(|it| it.index = Some(0));
            let mut remarks: Vec<_> = page.diagnostics.iter().filter(|it| it.index == Some(index)).cloned().collect();
            remarks.iter_mut().for_each(|it| it.index = Some(0));
            (findings, packages, remarks)
        };
        let is_same = of_page(page, index) == of_page(&single.value, 0);
        trial.case(is_same, case, "what it gives in a page", || "something else".to_owned());
    }
}

/// Whether something came of a record.
fn is_accounted_for(page: &Normalized, index: u32) -> bool {
    page.findings.iter().any(|it| it.index == index)
        || page.packages.iter().any(|it| it.index == Some(index))
        || page
            .diagnostics
            .iter()
            .any(|it| it.index == Some(index) && matches!(it.level, DiagnosticLevel::Error | DiagnosticLevel::Skipped))
}

/// Whether something else than errors came of records that are good: who sends
/// them can read them.
pub(super) fn is_read(page: &Normalized) -> bool {
    let is_skipped = |it: &appsec_model::Diagnostic| it.level == DiagnosticLevel::Skipped;
    !page.findings.is_empty() || !page.packages.is_empty() || page.diagnostics.iter().any(is_skipped)
}

/// D3.
fn none_lost(trial: &mut Trial, kind: &str, records: &[RawRecord], page: &Normalized) {
    trial.case(is_read(page), format!("a page of {kind}"), "not errors alone", || {
        format!("{} records and no finding", records.len())
    });
    for (index, _) in (0_u32..).zip(records) {
        let case = format!("record {index} of {kind}");
        let expected = "a finding, a package, or a diagnostic `error` or `skipped`";
        trial.case(is_accounted_for(page, index), case, expected, || "nothing".to_owned());
    }
    let indexes = page.findings.iter().map(|it| it.index).chain(page.packages.iter().filter_map(|it| it.index));
    for index in indexes {
        let is_there = (index as usize) < records.len();
        trial.case(is_there, format!("a page of {kind}"), "indexes of its records", || index.to_string());
    }
}

/// D4: junk alone, and between records that are good.
pub async fn check_junk(book: &mut Book<'_>, subject: &impl Subject, samples: &[RawRecord]) {
    // The second time, with records of the vendor, takes the place of the first.
    book.results.retain(|it| it.id != "D4" || samples.is_empty());
    let Some(mut trial) = book.open("D4") else { return };
    let record = |kind: Kind, body: String| RawRecord { kind, id: None, project: None, body, gist: None };
    let mut alone: Vec<RawRecord> = samples.to_vec();
    if alone.is_empty() {
        alone = [Kind::Sast, Kind::Sca, Kind::Packages].map(|kind| record(kind, "{}".to_owned())).into();
    }
    for good in &alone {
        let mut cases: Vec<(String, RawRecord)> = junk()
            .into_iter()
            .map(|(what, body)| (what.to_owned(), RawRecord { body, ..record(good.kind.clone(), String::new()) }))
            .collect();
        cases.extend(damaged(good));
        for (what, bad) in cases {
            let case = format!("{what} as a record of {}", good.kind);
            let page = vec![good.clone(), bad, good.clone()];
            let called = run(subject, page).await;
            let Ok(response) = &called else {
                trial.case(false, case, "a diagnostic", || told(&called));
                continue;
            };
            let is_told = is_accounted_for(&response.value, 1);
            trial.case(is_told, &case, "a diagnostic", || "nothing".to_owned());
            if !samples.is_empty() {
                let findings = |index: u32| {
                    let of = response.value.findings.iter().filter(move |it| it.index == index);
                    of.map(|it| &it.identity.key).collect::<Vec<_>>()
                };
                trial.case(findings(0) == findings(2), &case, "neighbours as they are", || {
                    format!("{} and {} findings beside it", findings(0).len(), findings(2).len())
                });
            }
        }
    }
    book.close(trial);
}

/// A record with each of its keys left out, and each of another type.
fn damaged(good: &RawRecord) -> Vec<(String, RawRecord)> {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(&good.body) else { return Vec::new() };
    let mut damaged = Vec::new();
    for (key, value) in &object {
        let with = |object: &serde_json::Map<String, serde_json::Value>| RawRecord {
            body: serde_json::Value::Object(object.clone()).to_string(),
            ..good.clone()
        };
        let mut other = object.clone();
        other.remove(key);
        damaged.push((format!("one without `{key}`"), with(&other)));
        for (what, wrong) in [
            ("a number", serde_json::json!(7)),
            ("a text", serde_json::json!("made by a test")),
            ("a list", serde_json::json!([[]])),
            ("`null`", serde_json::Value::Null),
        ] {
            if std::mem::discriminant(&wrong) != std::mem::discriminant(value) {
                other.insert(key.clone(), wrong);
                damaged.push((format!("one with {what} as `{key}`"), with(&other)));
            }
        }
    }
    damaged
}

/// The years in which findings are made.
const YEARS: [i64; 2] = [631_152_000_000_000, 4_102_444_800_000_000];

/// D5.
fn sound(trial: &mut Trial, kind: &str, page: &Normalized) {
    let mut rules = BTreeSet::new();
    for rule in &page.rules {
        let is_first = rules.insert(rule.id.as_str());
        trial.case(is_first, format!("rule `{}`", rule.id), "once in a page", || "twice".to_owned());
    }
    for finding in &page.findings {
        let case = format!("finding `{}` of {kind}", finding.id);
        let mut rule = |is_kept: bool, expected: &str, got: String| trial.case(is_kept, &case, expected, || got);
        rule(!finding.id.is_empty(), "an id", "none".to_owned());
        rule(!finding.identity.key.is_empty(), "a key of its identity", "none".to_owned());
        rule(!finding.identity.algorithm.is_empty(), "how its identity is made", "nothing".to_owned());
        rule(
            finding.project.id.is_some() || finding.project.name.is_some(),
            "its project, by id or name",
            "neither".to_owned(),
        );
        rule(!finding.title.trim().is_empty(), "a title", "none".to_owned());
        if let Some(id) = &finding.rule_id {
            rule(rules.contains(id.as_str()), "its rule among the rules of the page", format!("no `{id}`"));
        }
        let is_said = page.diagnostics.iter().any(|it| it.index == Some(finding.index));
        rule(
            finding.severity != Severity::Unknown || finding.vendor_severity.is_none() || is_said,
            "a remark where a severity is not known",
            "none".to_owned(),
        );
        for location in places(finding) {
            let path = &location.path;
            let is_relative = !path.is_empty()
                && !path.starts_with('/')
                && !path.contains('\\')
                && path.split('/').all(|part| part != "..");
            rule(is_relative, "a path below the repository, with `/`", path.clone());
            let numbers = [location.start_line, location.start_column, location.end_line, location.end_column];
            rule(!numbers.contains(&Some(0)), "lines and columns from 1", "0".to_owned());
            let is_forward = location.start_line.zip(location.end_line).is_none_or(|(start, end)| start <= end);
            rule(is_forward, "an end that is not before the start", format!("{location:?}"));
        }
        let lifecycle = &finding.lifecycle;
        let times = [lifecycle.created_at, lifecycle.relevant_since, lifecycle.state_changed_at, lifecycle.triage.at];
        for time in times.into_iter().flatten() {
            let micros = Timestamp::as_micros(time);
            rule(YEARS[0] <= micros && micros < YEARS[1], "a time between 1990 and 2100", time.to_string());
        }
        if let Some(epss) = finding.dependency.as_ref().and_then(|it| it.epss.as_ref()) {
            let scores = std::iter::once(epss.score).chain(epss.percentile);
            for score in scores {
                rule((0.0..=1.0).contains(&score), "EPSS between 0 and 1", score.to_string());
            }
        }
    }
}

fn places(finding: &Finding) -> impl Iterator<Item = &Location> {
    let dependency = finding.dependency.as_ref();
    finding
        .location
        .iter()
        .chain(finding.flow.iter().map(|step| &step.location))
        .chain(dependency.and_then(|it| it.lockfile.as_ref()))
        .chain(dependency.and_then(|it| it.reachability.usage.as_ref()).map(|usage| &usage.location))
}

/// D9.
pub async fn check_event(book: &mut Book<'_>, subject: &impl Subject) {
    let Some(mut trial) = book.open("D9") else { return };
    for (what, body) in junk() {
        let case = format!("{what} as an event");
        let called = subject.interpret_event(Still::default(), body.as_bytes()).await;
        let is_told = match &called {
            Ok(response) => matches!(response.value.what, EventType::Ignored { .. }),
            failed => failed_with(failed, &[ErrorCode::Protocol, ErrorCode::Unsupported]),
        };
        trial.case(is_told, &case, "`protocol`, `unsupported`, or an ignored event", || told(&called));
        let again = subject.interpret_event(ELSEWHERE, body.as_bytes()).await;
        trial.case(told(&called) == told(&again), &case, "the same at another time", || told(&again));
    }
    book.close(trial);
}
