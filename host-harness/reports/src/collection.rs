//! Gathers what is read of a report, and numbers its findings at the end.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use appsec_analysis::status::is_open;
use appsec_model::{
    Diagnostic, DiagnosticLevel, Finding, Identity, Kind, KindCount, Lifecycle, Normalized, Package, PackageVersion,
    Rule, ScanState, Severity, Status, Transitivity, Triage, scan::branch_name,
};

use crate::{
    MAX_RECORDS, Options, Record, Refusal,
    bounds::{Cut, Limit, budget},
    identity::{self, DraftFinding, identities},
    place::{AbsolutePaths, is_absolute},
};

/// How many remarks on a report as a whole are kept.
const MAX_REMARKS: usize = 100;

/// What was read so far.
pub struct Collection<'a> {
    pub options: Options,
    /// The most bytes that may be made.
    budget: usize,
    /// Bytes made so far.
    made: usize,
    /// Remarks on the report as a whole.
    remarks: usize,
    absolute: AbsolutePaths,
    records: Vec<Record<'a>>,
    normalized: Normalized,
    drafts: Vec<DraftFinding>,
    rules: HashMap<String, usize>,
    packages: HashSet<(String, Option<String>, Option<String>)>,
    /// What parts of a project's scans the report is one of.
    pub categories: BTreeSet<String>,
    /// Kinds that the scan looked for, also where it found none.
    pub looked_for: BTreeSet<Kind>,
}

impl<'a> Collection<'a> {
    pub fn new(options: Options, report_bytes: usize) -> Self {
        Self {
            options,
            budget: budget(report_bytes),
            made: 0,
            remarks: 0,
            absolute: AbsolutePaths::default(),
            records: Vec::new(),
            normalized: Normalized::default(),
            drafts: Vec::new(),
            rules: HashMap::new(),
            packages: HashSet::new(),
            categories: BTreeSet::new(),
            looked_for: BTreeSet::new(),
        }
    }

    /// Notes which of several scans of a project the report is of, such as that of
    /// one language: its id without the last part, which names the single run.
    pub fn categorize(&mut self, id: Option<&str>) {
        self.is_of(id.and_then(|id| id.rsplit_once('/')).map(|(category, _)| category));
    }

    /// Notes what part of a project the report is of, such as one of its images.
    pub fn is_of(&mut self, part: Option<&str>) {
        // As a number: it is kept, and may be any text.
        let number = |part: &str| identity::hash([part]);
        self.categories.extend(part.filter(|it| !it.is_empty()).map(number));
    }

    /// Begins the next record of the report: what follows is about it.
    pub fn begin(&mut self, kind: Kind, body: impl Into<Cow<'a, str>>) -> Result<(), Refusal> {
        if self.records.len() == MAX_RECORDS {
            return Err(Refusal::TooManyRecords);
        }
        let body = body.into();
        self.made += size_of::<Record<'a>>() + if let Cow::Owned(body) = &body { body.len() } else { 0 };
        if self.made > self.budget {
            return Err(Refusal::Grows { most: self.budget });
        }
        self.records.push(Record { kind, body });
        Ok(())
    }

    /// Changes what is said of the record.
    pub fn record(&mut self) -> Option<&mut Record<'a>> {
        self.records.last_mut()
    }

    /// Keeps another body of the record than the report's.
    pub fn keep(&mut self, body: String) {
        self.made += body.len();
        if let Some(record) = self.records.last_mut() {
            record.body = body.into();
        }
    }

    /// Position of the record.
    pub fn index(&self) -> u32 {
        u32::try_from(self.records.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// A finding of the record that says nothing yet.
    pub fn blank(&self, kind: Kind) -> Finding {
        Finding {
            index: self.index(),
            id: String::new(),
            identity: Identity::default(),
            kind,
            project: self.options.project.clone(),
            repository_url: None,
            r#ref: self.options.r#ref.as_deref().map(branch_name).map(str::to_owned),
            title: String::new(),
            message: None,
            rule_id: None,
            severity: Severity::Unknown,
            vendor_severity: None,
            confidence: None,
            categories: Vec::new(),
            security: None,
            location: None,
            code_url: None,
            snippet: None,
            flow: Vec::new(),
            suggested_fix: None,
            dependency: None,
            secret: None,
            lifecycle: Lifecycle {
                scan_state: Some(ScanState::Unresolved),
                triage: Triage::default(),
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

    /// Adds a finding, with what tells it apart.
    pub fn finding(&mut self, mut finding: Finding, draft: DraftFinding) {
        let cut = self.cut(|cut| cut.finding(&mut finding));
        self.tell_of(&cut);
        self.made += draft.bytes();
        let lockfile = finding.dependency.as_ref().and_then(|it| it.lockfile.as_ref());
        finding.location.iter().chain(lockfile).for_each(|at| self.absolute.add(&at.path));
        self.normalized.findings.push(finding);
        self.drafts.push(draft);
    }

    /// The rule of an id, made if there is none yet.
    pub fn rule(&mut self, id: &str, make: impl FnOnce() -> Rule) -> Option<&mut Rule> {
        let at = match self.rules.get(id) {
            Some(at) => *at,
            None => {
                let mut rule = make();
                let cut = self.cut(|cut| cut.rule(&mut rule));
                self.tell_of(&cut);
                self.made += id.len();
                self.rules.insert(id.to_owned(), self.normalized.rules.len());
                self.normalized.rules.push(rule);
                self.normalized.rules.len() - 1
            }
        };
        self.normalized.rules.get_mut(at)
    }

    /// Cuts something that was made to its bounds; returns the members that were
    /// too long.
    fn cut(&mut self, cut: impl FnOnce(&mut Cut)) -> Vec<(&'static str, Limit)> {
        let mut made = Cut::default();
        cut(&mut made);
        self.made += made.bytes;
        made.members
    }

    fn tell_of(&mut self, cut: &[(&str, Limit)]) {
        if !cut.is_empty() {
            let part = |limit: &Limit| {
                let names: Vec<&str> = cut.iter().filter(|(_, of)| of == limit).map(|(name, _)| *name).collect();
                (!names.is_empty()).then(|| format!("{} cut to {limit}", names.join(", ")))
            };
            let message = Limit::ALL.iter().filter_map(part).collect::<Vec<_>>().join("; ");
            self.note(DiagnosticLevel::Warning, "cut", None, message);
        }
    }

    /// A lockfile whose path is still absolute, where no record has a diagnostic for its
    /// own: a scan elsewhere would report another one.
    pub fn path_of_the_machine(&self) -> Option<String> {
        let Normalized { findings, packages, diagnostics, .. } = &self.normalized;
        if diagnostics.iter().any(|it| it.code == "absolute-path") {
            return None;
        }
        let of_findings = findings.iter().filter_map(|it| it.dependency.as_ref()?.lockfile.as_ref());
        let of_packages = packages.iter().filter_map(|it| it.lockfile.as_ref());
        of_findings.chain(of_packages).map(|at| &at.path).find(|path| is_absolute(path)).cloned()
    }

    /// The folder of the project on the machine of the scan, by the absolute
    /// paths of what was read so far.
    pub fn root(&self) -> Option<String> {
        self.absolute.root()
    }

    /// A package that says nothing but what it is.
    pub fn blank_package(&self, package: PackageVersion) -> Package {
        Package {
            index: None,
            project: self.options.project.clone(),
            package,
            transitivity: Transitivity::Unknown,
            lockfile_url: None,
            lockfile: None,
            committed_at: None,
            licenses: Vec::new(),
            resolved_url: None,
            introduced_by: Vec::new(),
        }
    }

    /// Adds a package: a record, or one that a finding names and nothing named yet.
    pub fn package(&mut self, mut package: Package) {
        package.lockfile.iter().for_each(|at| self.absolute.add(&at.path));
        let mut cut = Cut::default();
        cut.package(&mut package);
        let version = &package.package;
        let path = package.lockfile.as_ref().map(|at| at.path.clone());
        let key = (crate::package::unversioned(version), version.version.clone(), path);
        if self.packages.insert(key) || package.index.is_some() {
            self.made += cut.bytes;
            self.normalized.packages.push(package);
            self.tell_of(&cut.members);
        }
    }

    /// A remark on the record.
    pub fn note(&mut self, level: DiagnosticLevel, code: &str, pointer: Option<&str>, message: String) {
        let (index, pointer) = (Some(self.index()), pointer.map(str::to_owned));
        let mut diagnostic = Diagnostic { level, code: code.to_owned(), index, id: None, pointer, message };
        self.cut(|cut| cut.diagnostic(&mut diagnostic));
        self.normalized.diagnostics.push(diagnostic);
    }

    /// The record could not be used.
    pub fn error(&mut self, code: &str, message: impl Into<String>) {
        self.note(DiagnosticLevel::Error, code, None, message.into());
    }

    /// The record was left out on purpose.
    pub fn skip(&mut self, code: &str, message: impl Into<String>) {
        self.note(DiagnosticLevel::Skipped, code, None, message.into());
    }

    /// The record was used, and something in it deserves attention.
    pub fn warn(&mut self, code: &str, pointer: &str, message: String) {
        self.note(DiagnosticLevel::Warning, code, Some(pointer), message);
    }

    /// A remark on the report as a whole.
    pub fn warn_of_all(&mut self, code: &str, pointer: &str, message: impl Into<String>) {
        self.note_of_all(DiagnosticLevel::Warning, code, pointer, message);
    }

    /// The scan that wrote the report went wrong.
    pub fn error_of_all(&mut self, code: &str, pointer: &str, message: impl Into<String>) {
        self.note_of_all(DiagnosticLevel::Error, code, pointer, message);
    }

    fn note_of_all(&mut self, level: DiagnosticLevel, code: &str, pointer: &str, message: impl Into<String>) {
        self.remarks += 1;
        if self.remarks > MAX_REMARKS {
            return;
        }
        let (pointer, message) = (Some(pointer.to_owned()), message.into());
        let mut diagnostic = Diagnostic { level, code: code.to_owned(), index: None, id: None, pointer, message };
        self.cut(|cut| cut.diagnostic(&mut diagnostic));
        self.normalized.diagnostics.push(diagnostic);
    }

    /// Numbers the findings, and hands everything over.
    pub fn finish(mut self) -> (Vec<Record<'a>>, Vec<KindCount>, Normalized) {
        self.leave_out_repeated();
        let drafts: Vec<&DraftFinding> = self.drafts.iter().collect();
        for (finding, (identity, number)) in self.normalized.findings.iter_mut().zip(identities(&drafts)) {
            let base = identity.key.split('_').next().unwrap_or_default();
            finding.id = match &finding.r#ref {
                Some(branch) => format!("{base}-{number}@{branch}"),
                None => format!("{base}-{number}"),
            };
            finding.identity = identity;
        }
        let mut kinds: BTreeMap<Kind, u64> = self.looked_for.into_iter().map(|kind| (kind, 0)).collect();
        for record in &self.records {
            *kinds.entry(record.kind.clone()).or_default() += 1;
        }
        let kinds = kinds.into_iter().map(|(kind, records)| KindCount { kind, records }).collect();
        (self.records, kinds, self.normalized)
    }

    /// Leaves out findings of the same advisory and package, in the same
    /// lockfile: tools tell of a package once for each way to it. An open one stays,
    /// and of several the worst, wherever it stands in the report: what is suppressed
    /// or fixed in one place is not in the other.
    fn leave_out_repeated(&mut self) {
        let drafts = std::mem::take(&mut self.drafts);
        let all: Vec<(Finding, DraftFinding)> = self.normalized.findings.drain(..).zip(drafts).collect();
        let mut kept: HashMap<(&str, &str, Option<&str>), usize> = HashMap::new();
        for (at, (finding, draft)) in all.iter().enumerate() {
            let Some(dependency) = &finding.dependency else { continue };
            let version = dependency.package.version.as_deref().unwrap_or_default();
            let rank = |at: usize| {
                let (finding, draft) = all.get(at)?;
                Some((is_open(finding.lifecycle.status.as_str()), finding.severity, &draft.tie))
            };
            let best = kept.entry((&draft.group, version, finding.r#ref.as_deref())).or_insert(at);
            if rank(at) > rank(*best) {
                *best = at;
            }
        }
        let kept: HashSet<usize> = kept.into_values().collect();
        for (at, (finding, draft)) in all.into_iter().enumerate() {
            if finding.dependency.is_none() || kept.contains(&at) {
                self.normalized.findings.push(finding);
                self.drafts.push(draft);
                continue;
            }
            let message = format!("`{}` stands in the report more than once", finding.title);
            let (level, index) = (DiagnosticLevel::Skipped, Some(finding.index));
            let code = "repeated".to_owned();
            self.normalized.diagnostics.push(Diagnostic { level, code, index, id: None, pointer: None, message });
        }
    }
}
