//! The records of one call, and what they share.

use appsec_model::{Finding, Kind, Normalized, ProjectRef};

use super::{dependency::Packages, is_readable, packages, record, rules::Rules, secrets};
use crate::{
    file::{self, record::FileRecord},
    wire::{self, Remarks},
};

/// What a call has made so far.
pub struct Batch {
    /// What is of use of each record.
    pub findings: Vec<Finding>,
    /// The rules that they share.
    pub rules: Rules,
    /// The packages that they share.
    pub packages: Packages,
    /// What is wrong with them.
    pub remarks: Remarks,
}

impl Batch {
    /// An empty batch for this many records.
    pub fn with_capacity(records: usize) -> Self {
        Self {
            findings: Vec::with_capacity(records),
            rules: Rules::default(),
            packages: Packages::default(),
            remarks: Remarks::default(),
        }
    }

    /// Adds one record: as a finding, as a package, or as an error diagnostic.
    ///
    /// `kind`, `project` and `id` are what came with it; where no project or id
    /// did, the record tells them itself.
    pub fn add(&mut self, index: usize, kind: &Kind, project: Option<&ProjectRef>, id: Option<&str>, body: &str) {
        self.remarks.start(index);
        if *kind == Kind::Packages {
            let mut spare = String::new();
            if let Some(record) = wire::read::<wire::FoundDependency<'_>>(body, &mut spare, &mut self.remarks) {
                packages::add(self, index, project, record);
            }
            return self.remarks.finish(id);
        }
        match self.read(index, kind, project, body) {
            Ok(finding) => {
                self.remarks.finish(Some(&finding.id));
                self.findings.push(finding);
            }
            Err(own) => self.remarks.finish(own.as_deref().or(id)),
        }
    }

    /// What the call gives back.
    pub fn finish(self) -> Normalized {
        Normalized {
            findings: self.findings,
            rules: self.rules.into_list(),
            packages: self.packages.into_list(),
            diagnostics: self.remarks.into_diagnostics(),
        }
    }

    /// Reads a record; one that is of no use leaves its id, where it has one.
    fn read(
        &mut self,
        index: usize,
        kind: &Kind,
        project: Option<&ProjectRef>,
        body: &str,
    ) -> Result<Finding, Option<String>> {
        if let Some(record) = FileRecord::read(body) {
            return file::finding(self, index, kind, project, &record);
        }
        if !is_readable(kind) {
            self.unsupported(kind);
            return Err(None);
        }
        if *kind == Kind::Secrets {
            return self.secret(index, project, body);
        }
        let mut spare = String::new();
        let record = wire::read::<wire::Finding<'_>>(body, &mut spare, &mut self.remarks).ok_or(None)?;
        record::finding(self, index, kind.clone(), project, record).ok_or(None)
    }

    /// Reads a record of the secrets endpoint.
    fn secret(&mut self, index: usize, project: Option<&ProjectRef>, body: &str) -> Result<Finding, Option<String>> {
        let mut spare = String::new();
        let record = wire::read::<wire::Secret<'_>>(body, &mut spare, &mut self.remarks).ok_or(None)?;
        secrets::finding(self, index, project, record).ok_or(None)
    }

    fn unsupported(&mut self, kind: &Kind) {
        self.remarks.error("unsupported-kind", format!("this version does not read records of the kind `{kind}`"));
    }
}
