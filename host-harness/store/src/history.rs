//! What changed on findings, and in which run.

use crate::{database::FindingStore, error::Result};
use appsec_model::{Finding, Fix, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;

/// Signs of a text that the history keeps.
const TEXT_SIGNS: usize = 200;

/// A change of a finding.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ChangeRow {
    /// When it was noticed.
    pub at: Timestamp,
    /// The run that noticed it.
    pub run_id: i64,
    /// The ref that it is of.
    pub r#ref: Option<String>,
    /// What changed: a field of the finding; `occurrence` for a ref that was added or
    /// removed; `presence` if the finding vanished or returned.
    pub field: String,
    /// What it was. Long texts are cut.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// A fact that is not what it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Change {
    pub field: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Change {
    /// A ref came.
    pub fn appeared(r#ref: Option<&str>) -> Self {
        Self { field: "occurrence", before: None, after: r#ref.map(bounded) }
    }

    /// A ref left, because its record became another finding.
    pub fn left(r#ref: Option<&str>) -> Self {
        Self { field: "occurrence", before: r#ref.map(bounded), after: None }
    }

    /// A complete read has not brought it.
    pub fn vanished() -> Self {
        Self { field: "presence", before: Some("present".to_owned()), after: Some("vanished".to_owned()) }
    }

    /// It is there again.
    pub fn returned() -> Self {
        Self { field: "presence", before: Some("vanished".to_owned()), after: Some("present".to_owned()) }
    }

    /// Writes it down.
    pub fn note(
        &self,
        connection: &Connection,
        finding_id: i64,
        run_id: i64,
        r#ref: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO changes (finding_id, run_id, at, ref, field, before, after) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![finding_id, run_id, now.as_micros(), r#ref, self.field, self.before, self.after])?;
        Ok(())
    }
}

impl FindingStore {
    /// What changed on a finding, newest first.
    pub(super) fn history(&self, finding_id: i64) -> Result<Vec<ChangeRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT at, run_id, ref, field, before, after FROM changes WHERE finding_id = ?1 ORDER BY at DESC, id DESC",
        )?;
        let rows = statement.query_map([finding_id], |row| {
            Ok(ChangeRow {
                at: Timestamp::from_micros(row.get(0)?),
                run_id: row.get(1)?,
                r#ref: row.get(2)?,
                field: row.get(3)?,
                before: row.get(4)?,
                after: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// What differs between two states of one occurrence.
pub(super) fn changes(old: &Finding, new: &Finding) -> Vec<Change> {
    facts(old)
        .into_iter()
        .zip(facts(new))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((field, before), (_, after))| Change {
            field,
            before: before.as_deref().map(bounded),
            after: after.as_deref().map(bounded),
        })
        .collect()
}

/// The facts whose changes are kept, always in this order.
fn facts(finding: &Finding) -> [(&'static str, Option<String>); 15] {
    let lifecycle = &finding.lifecycle;
    let triage = &lifecycle.triage;
    let location = finding.location.as_ref();
    let dependency = finding.dependency.as_ref();
    let verdict = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref());
    let word = |text: &str| Some(text.to_owned());
    [
        ("status", word(lifecycle.status.as_str())),
        ("severity", word(finding.severity.as_str())),
        ("scan_state", lifecycle.scan_state.as_ref().map(ToString::to_string)),
        ("triage_state", word(triage.state.as_str())),
        ("triage_reason", triage.reason.clone()),
        ("triage_comment", triage.comment.clone()),
        ("verdict", verdict.map(|it| it.conclusion.to_string())),
        ("path", location.map(|it| it.path.clone())),
        ("start_line", location.and_then(|it| it.start_line).map(|line| line.to_string())),
        ("title", word(&finding.title)),
        ("message", finding.message.clone()),
        ("reachability", dependency.map(|it| it.reachability.verdict.to_string())),
        ("fix", dependency.map(|it| fix(&it.fix))),
        ("confidence", finding.confidence.as_ref().map(ToString::to_string)),
        ("validation", finding.secret.as_ref().map(|it| it.validation.to_string())),
    ]
}

fn fix(fix: &Fix) -> String {
    match fix {
        Fix::NotSaid => "not-said".to_owned(),
        Fix::NoneKnown => "none-known".to_owned(),
        Fix::Upgrades { upgrades } => {
            let upgrades: Vec<String> = upgrades.iter().map(|it| format!("{} {}", it.package, it.version)).collect();
            upgrades.join(", ")
        }
    }
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= TEXT_SIGNS {
        return text.to_owned();
    }
    text.chars().take(TEXT_SIGNS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use appsec_model::{Finding, Status};
    use serde_json::json;

    use super::{Change, changes};

    fn finding() -> Finding {
        let triage = json!({ "state": "untriaged" });
        serde_json::from_value(json!({
            "index": 0, "id": "1", "identity": { "key": "k", "algorithm": "a", "aliases": [] }, "kind": "sast",
            "project": {}, "title": "t", "severity": "high", "categories": [], "flow": [],
            "location": { "path": "a.py", "start_line": 7 }, "lifecycle": { "triage": triage, "status": "open" },
            "tickets": [], "review_comments": [], "fix_requests": [], "fix_failures": [],
        }))
        .unwrap()
    }

    #[test]
    fn only_what_differs_is_told() {
        let old = finding();
        assert_eq!(changes(&old, &finding()), []);
        let mut new = finding();
        new.lifecycle.status = Status::Fixed;
        new.location.as_mut().unwrap().start_line = Some(9);
        // Where it stands in its page is no fact of it.
        new.index = 5;
        let change = |field, before: &str, after: &str| Change {
            field,
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        assert_eq!(changes(&old, &new), [change("status", "open", "fixed"), change("start_line", "7", "9")]);
    }

    #[test]
    fn a_fact_that_comes_or_goes_has_one_side() {
        let (old, mut new) = (finding(), finding());
        new.lifecycle.triage.comment = Some("x".repeat(300));
        new.location = None;
        let told = changes(&old, &new);
        let fields: Vec<_> = told.iter().map(|it| (it.field, it.before.is_some(), it.after.is_some())).collect();
        assert_eq!(fields, [("triage_comment", false, true), ("path", true, false), ("start_line", true, false)]);
        assert_eq!(told[0].after.as_ref().unwrap().chars().count(), 200);
    }
}
