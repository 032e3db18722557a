//! What a connector promises of its results, and whether it kept it: every
//! record becomes a finding, a package or a remark that says why not, and what
//! it becomes can be told from the rest. What breaks a promise is left out with
//! a remark; the others of the batch count.

use std::ops::RangeInclusive;

use appsec_model::{Diagnostic, DiagnosticLevel, Finding, Normalized, RawRecord, Timestamp};

/// The code of remarks on results that cannot be used.
const BROKEN: &str = "connector-broke-contract";

/// The code of remarks on records of which the connector says nothing.
const NO_RESULT: &str = "no-result";

/// The code of remarks on records that are of no project.
const NO_PROJECT: &str = "no-project";

/// From 0001-01-01 to 9999-12-31, in microseconds: what RFC 3339 can say.
const MOMENTS: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Takes out of the results of a batch what cannot be used, and says so; says
/// of which records there is no result.
pub(crate) fn enforce(records: &[&RawRecord], results: &mut Normalized) {
    let mut batch = Batch { records, settled: vec![false; records.len()], remarks: Vec::new() };
    results.findings.retain_mut(|finding| {
        if !batch.takes("finding", finding.index) {
            return false;
        }
        if finding.identity.key.is_empty() {
            batch.refuse(BROKEN, finding.index, "its finding has an empty identity, as others may have");
            return false;
        }
        if leave_out_moments(finding) {
            batch.remark(
                DiagnosticLevel::Warning,
                BROKEN,
                Some(finding.index),
                "a moment of its finding is not within the years 1 to 9999, and is left out",
            );
        }
        true
    });
    results.packages.retain(|package| package.index.is_none_or(|index| batch.takes("package", index)));
    for diagnostic in &mut results.diagnostics {
        let Some(index) = diagnostic.index else { continue };
        match batch.settled.get_mut(index as usize) {
            Some(settled) => *settled |= diagnostic.level != DiagnosticLevel::Warning,
            None => diagnostic.index = None,
        }
    }
    for index in (0..).zip(std::mem::take(&mut batch.settled)).filter(|(_, settled)| !settled).map(|(index, _)| index) {
        let message = "the connector returned neither a finding nor a package for it, and no reason";
        batch.remark(DiagnosticLevel::Error, NO_RESULT, Some(index), message);
    }
    results.diagnostics.append(&mut batch.remarks);
}

/// Records that were normalized together.
struct Batch<'a> {
    records: &'a [&'a RawRecord],
    /// By record: whether it is known what became of it.
    settled: Vec<bool>,
    remarks: Vec<Diagnostic>,
}

impl Batch<'_> {
    /// Whether a result can be taken: it is of a record of the batch, which is
    /// of a project.
    fn takes(&mut self, what: &str, index: u32) -> bool {
        let Some(record) = self.records.get(index as usize) else {
            let message =
                format!("a {what} is said to be of record {index} of {}, and is left out", self.records.len());
            self.remark(DiagnosticLevel::Error, BROKEN, None, &message);
            return false;
        };
        if record.project.is_none() {
            self.refuse(NO_PROJECT, index, "the record names no project, and a finding or package is always of one");
            return false;
        }
        self.settle(index);
        true
    }

    fn settle(&mut self, index: u32) {
        if let Some(settled) = self.settled.get_mut(index as usize) {
            *settled = true;
        }
    }

    fn refuse(&mut self, code: &str, index: u32, message: &str) {
        self.settle(index);
        self.remark(DiagnosticLevel::Error, code, Some(index), message);
    }

    fn remark(&mut self, level: DiagnosticLevel, code: &str, index: Option<u32>, message: &str) {
        let record = index.and_then(|index| self.records.get(index as usize));
        self.remarks.push(Diagnostic {
            level,
            code: code.to_owned(),
            index,
            id: record.and_then(|record| record.id.clone()),
            pointer: None,
            message: message.to_owned(),
        });
    }
}

/// Takes away moments that cannot be written down; tells whether there was one.
fn leave_out_moments(finding: &mut Finding) -> bool {
    let lifecycle = &mut finding.lifecycle;
    let moments = [
        &mut lifecycle.created_at,
        &mut lifecycle.relevant_since,
        &mut lifecycle.state_changed_at,
        &mut lifecycle.triage.at,
    ];
    let unfit = |moment: &Timestamp| !MOMENTS.contains(&moment.as_micros());
    moments.into_iter().filter_map(|moment| moment.take_if(|it| unfit(it))).count() > 0
}

#[cfg(test)]
mod tests {
    use appsec_model::{Diagnostic, DiagnosticLevel, Finding, Kind, Normalized, ProjectRef, RawRecord, Timestamp};
    use serde_json::json;

    use super::enforce;

    fn record(id: &str) -> RawRecord {
        let project = ProjectRef { id: Some("1".to_owned()), name: None };
        RawRecord {
            kind: Kind::Sast,
            id: Some(id.to_owned()),
            project: Some(project),
            body: "{}".to_owned(),
            gist: None,
        }
    }

    fn finding(index: u32, key: &str) -> Finding {
        let finding = json!({
            "index": index, "id": "1", "identity": { "key": key, "algorithm": "a", "aliases": [] }, "kind": "sast",
            "project": { "id": "1" }, "title": "t", "severity": "high", "categories": [], "flow": [],
            "lifecycle": { "triage": { "state": "untriaged" }, "status": "open" },
            "tickets": [], "review_comments": [], "fix_requests": [], "fix_failures": [],
        });
        serde_json::from_value(finding).unwrap()
    }

    fn remark(level: DiagnosticLevel, index: u32) -> Diagnostic {
        Diagnostic {
            level,
            code: "said".to_owned(),
            index: Some(index),
            id: None,
            pointer: None,
            message: String::new(),
        }
    }

    /// What is left, and what was said.
    fn kept(records: &[RawRecord], mut results: Normalized) -> String {
        enforce(&records.iter().collect::<Vec<_>>(), &mut results);
        let findings: Vec<u32> = results.findings.iter().map(|it| it.index).collect();
        let mut out = format!("findings of {findings:?}\n");
        for it in &results.diagnostics {
            let Diagnostic { level, code, index, id, message, .. } = it;
            out += &format!("{level:?} {code} {index:?} {id:?}: {message}\n");
        }
        out
    }

    #[test]
    fn a_record_that_became_something_is_left_alone() {
        let records = ["a", "b", "c"].map(record);
        let results = Normalized {
            findings: vec![finding(0, "x")],
            diagnostics: vec![remark(DiagnosticLevel::Skipped, 1), remark(DiagnosticLevel::Error, 2)],
            ..Normalized::default()
        };
        insta::assert_snapshot!(kept(&records, results), @r#"
        findings of [0]
        Skipped said Some(1) None: 
        Error said Some(2) None: 
        "#);
    }

    #[test]
    fn what_breaks_a_promise_is_left_out_and_said() {
        let mut records = ["a", "b", "c", "d"].map(record);
        records[1].project = None;
        let mut late = finding(2, "late");
        late.lifecycle.created_at = Some(Timestamp::from_micros(i64::MAX));
        let results = Normalized {
            findings: vec![finding(0, ""), finding(1, "x"), late, finding(9_999, "y")],
            diagnostics: vec![remark(DiagnosticLevel::Warning, 3), remark(DiagnosticLevel::Error, 7)],
            ..Normalized::default()
        };
        insta::assert_snapshot!(kept(&records, results), @r#"
        findings of [2]
        Warning said Some(3) None: 
        Error said None None: 
        Error connector-broke-contract Some(0) Some("a"): its finding has an empty identity, as others may have
        Error no-project Some(1) Some("b"): the record names no project, and a finding or package is always of one
        Warning connector-broke-contract Some(2) Some("c"): a moment of its finding is not within the years 1 to 9999, and is left out
        Error connector-broke-contract None None: a finding is said to be of record 9999 of 4, and is left out
        Error no-result Some(3) Some("d"): the connector returned neither a finding nor a package for it, and no reason
        "#);
    }
}
