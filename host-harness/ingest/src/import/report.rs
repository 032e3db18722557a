//! Reports of other scanners: read whole, then taken in batch by batch like
//! the pages of a connector.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use appsec_model::{
    Completeness, Diagnostic, DiagnosticLevel, DocumentSummary, Finding, Kind, NextPage, Normalized, Package,
    PackageVersion, ProjectRef, RawRecord, Rule,
};
use appsec_reports::{Format, MAX_BYTES, Options, Refusal, Report};
use sha2::{Digest, Sha256};

use super::{
    ImportError, ImportEvent, ImportOptions,
    batches::{BATCH_BYTES, BATCH_RECORDS, Batch},
    source::{Source, next_piece},
    take::{Progress, Projects, Ready, Taking},
};
use crate::error::Error;
use appsec_store::{HashedRecord, ProjectIndex, ReadCounts, ReadState, Seen};

/// A record of a report and what it says.
struct Item {
    record: HashedRecord,
    bytes: usize,
    finding: Option<Finding>,
    package: Option<Package>,
    diagnostics: Vec<Diagnostic>,
}

/// A package over all records that name it.
type PackageKey = (String, String, Option<String>);

/// A report, read.
pub(super) struct ReadReport {
    /// Hash of its content, unpacked.
    pub sha256: String,
    pub summary: DocumentSummary,
    packed_bytes: u64,
    items: BTreeMap<Kind, Vec<Item>>,
    rules: HashMap<String, Rule>,
    packages: HashMap<PackageKey, Package>,
}

impl ReadReport {
    /// Reads a report to its end.
    pub async fn read(source: Source, file: &str, options: &ImportOptions) -> Result<Self, Error> {
        let (file, options) = (file.to_owned(), options.clone());
        let read = tokio::task::spawn_blocking(move || read(&source, &file, &options)).await;
        Ok(read.map_err(|_| Error::Stopped)??)
    }
}

fn read(source: &Source, file: &str, options: &ImportOptions) -> Result<ReadReport, ImportError> {
    let failed = |source| ImportError::File { file: file.to_owned(), source };
    let refused = |refusal| ImportError::Refused { file: file.to_owned(), refusal };
    let format = |word: &String| Format::named(word).ok_or_else(|| ImportError::NoFormat(word.clone()));
    let options = Options {
        format: options.format.as_ref().map(format).transpose()?,
        project: ProjectRef { id: None, name: options.project.clone() },
        r#ref: options.r#ref.clone(),
        root: options.root.clone(),
    };
    let mut content = source.content().map_err(failed)?;
    let (mut bytes, mut piece) = (Vec::new(), Vec::new());
    loop {
        next_piece(&mut content, &mut piece).map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        bytes.append(&mut piece);
        // Packed files may be small and yet have no end.
        if bytes.len() > MAX_BYTES {
            return Err(refused(Refusal::TooLarge { bytes: bytes.len() }));
        }
    }
    let report = appsec_reports::read(&bytes, &options).map_err(refused)?;
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
    Ok(taken_apart(report, sha256, source.packed_bytes(), &options))
}

/// A report as what its records say, one by one.
fn taken_apart(report: Report<'_>, sha256: String, packed_bytes: u64, options: &Options) -> ReadReport {
    let Normalized { findings, rules, packages, diagnostics } = report.normalized;
    let mut summary = report.head.summary(&origin(&report.head, &findings, options));
    let unusable = diagnostics.iter().filter(|it| it.level == DiagnosticLevel::Error && it.index.is_some()).count();
    if unusable > 0 && summary.completeness == Completeness::Complete {
        // The finding that such a record was before is not gone.
        let reason = format!("{unusable} of its records cannot be used");
        summary.completeness = Completeness::Incomplete { reason };
    }
    let rules: HashMap<String, Rule> = rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect();
    let mut findings: HashMap<u32, Finding> = findings.into_iter().map(|it| (it.index, it)).collect();
    let (mut by_index, mut by_key) = (HashMap::new(), HashMap::new());
    for package in packages {
        by_key.entry(key(&package.package)).or_insert_with(|| Package { index: None, ..package.clone() });
        if let Some(index) = package.index {
            by_index.insert(index, package);
        }
    }
    let mut remarks: HashMap<u32, Vec<Diagnostic>> = HashMap::new();
    for diagnostic in diagnostics {
        match diagnostic.index {
            Some(index) => remarks.entry(index).or_default().push(diagnostic),
            None => summary.diagnostics.push(diagnostic),
        }
    }
    let mut ids: HashMap<(Kind, String), u32> = HashMap::new();
    let mut items: BTreeMap<Kind, Vec<Item>> = BTreeMap::new();
    for (index, record) in (0..).zip(report.records) {
        let (finding, package) = (findings.remove(&index), by_index.remove(&index));
        let id = finding.as_ref().map(|it| it.id.clone()).or_else(|| package.as_ref().map(package_id));
        let id = id.map(|id| {
            // One component may stand in a bill of materials more than once.
            let number = ids.entry((record.kind.clone(), id.clone())).and_modify(|it| *it += 1).or_insert(1);
            if *number == 1 { id } else { format!("{id}#{number}") }
        });
        let rule = finding.as_ref().and_then(|it| rules.get(it.rule_id.as_ref()?));
        let meaning = meaning(finding.as_ref(), package.as_ref(), rule);
        let raw = RawRecord {
            kind: record.kind.clone(),
            id,
            project: Some(options.project.clone()),
            body: record.body.into_owned(),
        };
        let item = Item {
            bytes: raw.body.len(),
            record: HashedRecord::with_meaning(raw, &meaning),
            finding,
            package,
            diagnostics: remarks.remove(&index).unwrap_or_default(),
        };
        items.entry(record.kind).or_default().push(item);
    }
    ReadReport { sha256, summary, packed_bytes, items, rules, packages: by_key }
}

/// What the records of a report stand beside: those of the same tools on the
/// same branch. A complete report says nothing of others.
fn origin(head: &appsec_reports::Head, findings: &[Finding], options: &Options) -> String {
    let tools: BTreeSet<String> = head.tools.iter().map(|tool| tool.name.to_lowercase()).collect();
    let branches: BTreeSet<&str> = findings.iter().filter_map(|it| it.r#ref.as_deref()).collect();
    let branch = match branches.is_empty() {
        true => options.r#ref.iter().map(|name| name.trim_start_matches("refs/heads/")).collect(),
        false => branches.into_iter().collect::<Vec<_>>().join("+"),
    };
    let tools = tools.into_iter().collect::<Vec<_>>().join("+");
    let at = if branch.is_empty() { "" } else { "@" };
    format!("{}/{tools}{at}{branch}", head.format.name())
}

fn key(package: &PackageVersion) -> PackageKey {
    (package.ecosystem.as_str().to_owned(), package.name.clone(), package.version.clone())
}

fn package_id(package: &Package) -> String {
    let (ecosystem, name, version) = key(&package.package);
    let lockfile = package.lockfile.as_ref().map(|at| format!(" in {}", at.path)).unwrap_or_default();
    format!("{ecosystem}:{name}@{}{lockfile}", version.unwrap_or_default())
}

/// What a record says beyond its body: that may change with the rest of the
/// report, with the options, and with the reader.
fn meaning(finding: Option<&Finding>, package: Option<&Package>, rule: Option<&Rule>) -> Vec<u8> {
    let finding = finding.map(|it| Finding { index: 0, ..it.clone() });
    let package = package.map(|it| Package { index: None, ..it.clone() });
    // Weaknesses are part of a finding's priority.
    serde_json::to_vec(&(finding, package, rule.map(|rule| &rule.cwes))).unwrap_or_default()
}

impl Taking<'_> {
    /// Takes the records of a report in, each kind from where it was cut off.
    pub async fn take_report(&self, mut report: ReadReport) -> Result<(), Error> {
        let import = self.import;
        let projects = Projects::new(import, self.summary.origin.clone().unwrap_or_default());
        let index = projects.of_import(import).await?;
        let mut counts = self.run.counts;
        for read in self.run.reads.iter().filter(|read| read.state == ReadState::Pending) {
            let mut progress = Progress::from(read);
            let items = report.items.remove(&read.kind).unwrap_or_default();
            let mut items = items.into_iter().skip(usize::try_from(progress.position).unwrap_or(usize::MAX)).peekable();
            while items.peek().is_some() {
                let (mut batch, mut bytes) = (Vec::new(), 0);
                while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                    let Some(item) = items.next() else { break };
                    bytes += item.bytes;
                    batch.push(item);
                }
                progress.position += batch.len() as u64;
                let ready = self.ready(&report, &progress, batch, index.clone()).await?;
                let next = NextPage::Cursor(progress.position.to_string());
                counts.add(&self.commit(&mut progress, ready, next).await?);
                (import.progress)(ImportEvent::Progress {
                    read_bytes: report.packed_bytes,
                    total_bytes: report.packed_bytes,
                    records: counts.records,
                    written: counts.new + counts.changed,
                });
            }
            self.complete(&mut progress, index.clone()).await?;
        }
        Ok(())
    }

    /// Compares a batch with the store, and keeps of what it says what is new.
    async fn ready(
        &self,
        report: &ReadReport,
        progress: &Progress,
        items: Vec<Item>,
        projects: Arc<ProjectIndex>,
    ) -> Result<Ready, Error> {
        let (instance_id, store) = (self.import.instance.id, &self.import.store);
        let origin = self.summary.origin.clone().unwrap_or_default();
        let records: Vec<HashedRecord> = items.iter().map(|it| it.record.clone()).collect();
        let (compared, of) = (projects.clone(), origin.clone());
        let classified =
            store.read(move |store| store.classify(instance_id, &of, records, &compared, &Seen::default())).await?;
        let mut normalized = Normalized::default();
        let mut named: BTreeSet<&str> = BTreeSet::new();
        let mut needed: BTreeSet<PackageKey> = BTreeSet::new();
        // Rules of all records: they may have changed where the records have not.
        for rule in items.iter().filter_map(|it| it.finding.as_ref()?.rule_id.as_deref()) {
            if named.insert(rule) {
                normalized.rules.extend(report.rules.get(rule).cloned());
            }
        }
        let fresh = items.iter().zip(&classified).filter(|(_, it)| it.is_fresh()).map(|(item, _)| item);
        for (index, item) in (0..).zip(fresh) {
            normalized.findings.extend(item.finding.clone().map(|finding| Finding { index, ..finding }));
            normalized.packages.extend(item.package.clone().map(|it| Package { index: Some(index), ..it }));
            needed.extend(item.finding.as_ref().and_then(|it| Some(key(&it.dependency.as_ref()?.package))));
            let remarks = item.diagnostics.iter().cloned();
            normalized.diagnostics.extend(remarks.map(|it| Diagnostic { index: Some(index), ..it }));
        }
        normalized.packages.extend(needed.iter().filter_map(|key| report.packages.get(key).cloned()));
        let kind = progress.read.kind.clone();
        let contents = store.contents(instance_id, &origin, &kind, &classified, &normalized)?;
        let batch = Batch { kind, records: Vec::new(), position: progress.position };
        Ok(Ready { batch, classified, normalized, contents, costs: ReadCounts::default(), projects })
    }
}
