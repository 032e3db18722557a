//! Reports of other scanners: read whole, then taken in batch by batch like
//! the pages of a connector.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use appsec_model::{
    Completeness, Diagnostic, DiagnosticLevel, DocumentSummary, Finding, Kind, NextPage, Normalized, Package,
    PackageVersion, ProjectRef, RawRecord, Rule,
};
use appsec_reports::{Format, MAX_BYTES, Options, Record, Refusal, Report};
use tokio::sync::{mpsc, oneshot};

use super::{
    ImportEvent, ImportOptions,
    batches::{BATCH_BYTES, BATCH_RECORDS},
    source::{Source, next_piece},
    take::{Progress, Projects, Taking},
};
use crate::{
    batch::Batch,
    error::{Error, ImportError},
};
use appsec_grant::UnknownName;
use appsec_store::{Classified, FetchState, HashedRecord};

/// A record of a report and what it says.
struct Item {
    record: HashedRecord,
    finding: Option<Finding>,
    package: Option<Package>,
    diagnostics: Vec<Diagnostic>,
}

/// Some records of one kind, with what they say together.
#[derive(Default)]
struct Items {
    items: Vec<Item>,
    /// Rules of their findings, each once.
    rules: BTreeMap<String, Rule>,
    /// Packages that their findings name, each once.
    packages: BTreeMap<PackageKey, Package>,
}

/// A package over all records that name it.
type PackageKey = (String, String, Option<String>);

/// Whoever wants the records of a kind, without the first ones. After the last of
/// them comes `None`.
struct Wanted {
    kind: Kind,
    skip: u64,
    items: mpsc::Sender<Option<Items>>,
}

/// A report, read. It stays with the thread that read it, which hands records on
/// as they are asked for: what they say is put together batch by batch.
pub(super) struct ReadReport {
    /// Hash of its content, unpacked.
    pub hash: blake3::Hash,
    pub summary: DocumentSummary,
    packed_bytes: u64,
    wanted: std::sync::mpsc::Sender<Wanted>,
}

impl ReadReport {
    /// Reads a report to its end.
    pub async fn read(source: Source, file: &str, options: &ImportOptions) -> Result<Self, Error> {
        let (file, options, packed_bytes) = (file.to_owned(), options.clone(), source.packed_bytes());
        let (wanted, asked) = std::sync::mpsc::channel();
        let (tell, told) = oneshot::channel();
        tokio::task::spawn_blocking(move || match content(&source, &file, &options) {
            Ok((bytes, options)) => hand_on(&bytes, &file, &options, tell, &asked),
            Err(error) => _ = tell.send(Err(error)),
        });
        let (hash, summary) = told.await.map_err(|_| Error::Stopped)??;
        Ok(Self { hash, summary, packed_bytes, wanted })
    }

    /// The records of a kind, without the first ones.
    fn items(&self, kind: &Kind, skip: u64) -> mpsc::Receiver<Option<Items>> {
        let (items, receiver) = mpsc::channel(1);
        // Where nobody takes it, the receiver finds no end.
        _ = self.wanted.send(Wanted { kind: kind.clone(), skip, items });
        receiver
    }
}

/// The bytes of a report, and how it is to be read.
fn content(source: &Source, file: &str, options: &ImportOptions) -> Result<(Vec<u8>, Options), ImportError> {
    let failed = |source| ImportError::File { file: file.to_owned(), source };
    let format = |word: &String| {
        Format::named(word).ok_or_else(|| {
            let known = Format::ALL.iter().map(|it| it.name());
            ImportError::NoFormat(UnknownName::among(word, known))
        })
    };
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
            return Ok((bytes, options));
        }
        bytes.append(&mut piece);
        // Packed files may be small and yet have no end.
        if bytes.len() > MAX_BYTES {
            let refusal = Refusal::TooLarge;
            return Err(ImportError::Refused { file: file.to_owned(), refusal });
        }
    }
}

/// What is told of a report before its records are asked for: its hash, and what
/// it is.
type Told = Result<(blake3::Hash, DocumentSummary), ImportError>;

/// Reads a report, tells what it is, and hands its records on until nobody wants
/// any more.
fn hand_on(
    bytes: &[u8],
    file: &str,
    options: &Options,
    tell: oneshot::Sender<Told>,
    asked: &std::sync::mpsc::Receiver<Wanted>,
) {
    let report = match appsec_reports::read(bytes, options) {
        Ok(report) => report,
        Err(refusal) => {
            _ = tell.send(Err(ImportError::Refused { file: file.to_owned(), refusal }));
            return;
        }
    };
    let (summary, mut parts) = Parts::of(report, options);
    if tell.send(Ok((blake3::hash(bytes), summary))).is_err() {
        return;
    }
    while let Ok(wanted) = asked.recv() {
        parts.hand_on(options, &wanted);
    }
}

/// A report as what its records say, one by one.
struct Parts<'a> {
    records: Vec<Record<'a>>,
    /// Those that were not handed on.
    findings: Vec<Option<Finding>>,
    packages: Vec<Package>,
    /// In the order of the records.
    remarks: Vec<Diagnostic>,
    rules: HashMap<String, Rule>,
    /// Positions of the finding and the package of each record.
    says: Vec<(Option<u32>, Option<u32>)>,
    /// Positions of packages, each the first of its key.
    by_key: HashMap<PackageKey, usize>,
}

impl<'a> Parts<'a> {
    fn of(report: Report<'a>, options: &Options) -> (DocumentSummary, Self) {
        let Normalized { findings, rules, packages, diagnostics } = report.normalized;
        let mut summary = report.head.summary(&origin(&report.head, &findings, options));
        let unusable = diagnostics.iter().filter(|it| it.level == DiagnosticLevel::Error && it.index.is_some()).count();
        if unusable > 0 {
            // The finding that such a record was before is not gone.
            let reason = format!("{unusable} of its records cannot be used");
            summary.completeness = summary.completeness.and(Completeness::Incomplete { reason });
        }
        let mut says = vec![(None, None); report.records.len()];
        let mut by_key = HashMap::new();
        for (at, finding) in (0..).zip(&findings) {
            if let Some((place, _)) = says.get_mut(finding.index as usize) {
                *place = Some(at);
            }
        }
        for (at, package) in (0..).zip(&packages) {
            by_key.entry(key(&package.package)).or_insert(at as usize);
            if let Some((_, place)) = package.index.and_then(|index| says.get_mut(index as usize)) {
                *place = Some(at);
            }
        }
        let (mut remarks, general): (Vec<_>, Vec<_>) = diagnostics.into_iter().partition(|it| it.index.is_some());
        summary.diagnostics = general;
        remarks.sort_by_key(|it| it.index);
        let parts = Self {
            records: report.records,
            findings: findings.into_iter().map(Some).collect(),
            packages,
            remarks,
            rules: rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect(),
            says,
            by_key,
        };
        (summary, parts)
    }

    /// Hands the records of a kind on, as long as they are taken.
    fn hand_on(&mut self, options: &Options, wanted: &Wanted) {
        let mut ids: HashMap<[u8; 16], u32> = HashMap::new();
        let (mut batch, mut bytes, mut position) = (Items::default(), 0, 0);
        for index in 0..self.records.len() {
            if self.records.get(index).is_none_or(|record| record.kind != wanted.kind) {
                continue;
            }
            let Some((item, size)) = self.item(index, options, &mut ids) else { continue };
            position += 1;
            if position <= wanted.skip {
                continue;
            }
            bytes += size;
            self.add(&mut batch, item);
            if batch.items.len() == BATCH_RECORDS || bytes >= BATCH_BYTES {
                bytes = 0;
                if wanted.items.blocking_send(Some(std::mem::take(&mut batch))).is_err() {
                    return;
                }
            }
        }
        if batch.items.is_empty() || wanted.items.blocking_send(Some(batch)).is_ok() {
            _ = wanted.items.blocking_send(None);
        }
    }

    /// A record with what it says, and how much that is.
    fn item(&mut self, index: usize, options: &Options, ids: &mut HashMap<[u8; 16], u32>) -> Option<(Item, usize)> {
        let (finding, package) = *self.says.get(index)?;
        let finding = finding.and_then(|at| self.findings.get_mut(at as usize)?.take());
        let finding = finding.map(|it| Finding { index: 0, ..it });
        let package = package.and_then(|at| self.packages.get(at as usize));
        let package = package.map(|it| Package { index: None, ..it.clone() });
        let id = finding.as_ref().map(|it| it.id.clone()).or_else(|| package.as_ref().map(package_id));
        // One component may stand in a bill of materials more than once, and so may
        // what says nothing that could be used: each of them counts.
        let mut numbered = |id: String, once: Option<String>| {
            let hash = blake3::hash(id.as_bytes());
            let hash = hash.as_bytes().first_chunk().copied().unwrap_or_default();
            let number = ids.entry(hash).and_modify(|it| *it += 1).or_insert(1);
            if *number == 1 { once } else { Some(format!("{id}#{number}")) }
        };
        let id = match id {
            Some(id) => numbered(id.clone(), Some(id)),
            // Without an id it is known by its body.
            None => {
                let body = self.records.get(index).map(|it| it.body.as_bytes()).unwrap_or_default();
                numbered(format!("blake3:{}", blake3::hash(body).to_hex()), None)
            }
        };
        let rule = finding.as_ref().and_then(|it| self.rules.get(it.rule_id.as_ref()?));
        let meaning = meaning(finding.as_ref(), package.as_ref(), rule);
        let record = self.records.get_mut(index)?;
        let raw = RawRecord {
            kind: record.kind.clone(),
            id,
            project: Some(options.project.clone()),
            body: std::mem::take(&mut record.body).into_owned(),
            gist: None,
        };
        let size = raw.body.len() + meaning.len();
        let index = u32::try_from(index).ok();
        let from = self.remarks.partition_point(|it| it.index < index);
        let diagnostics = self.remarks.iter().skip(from).take_while(|it| it.index == index).cloned().collect();
        Some((Item { record: HashedRecord::with_meaning(raw, &meaning), finding, package, diagnostics }, size))
    }

    /// Adds an item, with the rule and the package that it names.
    fn add(&self, batch: &mut Items, item: Item) {
        if let Some(finding) = &item.finding {
            let rule = finding.rule_id.as_ref().and_then(|id| self.rules.get(id));
            if let Some(rule) = rule.filter(|rule| !batch.rules.contains_key(&rule.id)) {
                batch.rules.insert(rule.id.clone(), rule.clone());
            }
            if let Some(dependency) = &finding.dependency {
                let key = key(&dependency.package);
                let package = self.by_key.get(&key).and_then(|at| self.packages.get(*at));
                if let Some(package) = package.filter(|_| !batch.packages.contains_key(&key)) {
                    batch.packages.insert(key, Package { index: None, ..package.clone() });
                }
            }
        }
        batch.items.push(item);
    }
}

/// The longest names of tools and branches that stand in an origin as they are:
/// it is a part of the key of each record.
const ORIGIN_BYTES: usize = 512;

/// What the records of a report stand beside: those of the same tools, for the same
/// part of the project, on the same branch. A complete report says nothing of others.
fn origin(head: &appsec_reports::Head, findings: &[Finding], options: &Options) -> String {
    let tools: BTreeSet<String> = head.tools.iter().map(|tool| tool.name.to_lowercase()).collect();
    let branches: BTreeSet<&str> = findings.iter().filter_map(|it| it.r#ref.as_deref()).collect();
    let branch = match branches.is_empty() {
        true => options.r#ref.iter().map(|name| name.trim_start_matches("refs/heads/")).collect(),
        false => branches.into_iter().collect::<Vec<_>>().join("+"),
    };
    let tools = tools.into_iter().collect::<Vec<_>>().join("+");
    let category = head.categories.join("+");
    let (of, at) = (if category.is_empty() { "" } else { "/" }, if branch.is_empty() { "" } else { "@" });
    let named = format!("{tools}{of}{category}{at}{branch}");
    let named = if named.len() > ORIGIN_BYTES { blake3::hash(named.as_bytes()).to_hex().to_string() } else { named };
    format!("{}/{named}", head.format.name())
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
/// report, with the options, and with the reader. Neither has its `index`.
fn meaning(finding: Option<&Finding>, package: Option<&Package>, rule: Option<&Rule>) -> Vec<u8> {
    // Weaknesses are part of a finding's priority.
    serde_json::to_vec(&(finding, package, rule.map(|rule| &rule.cwes))).unwrap_or_default()
}

impl Taking<'_> {
    /// Takes the records of a report in, each kind from where it was cut off.
    pub async fn take_report(&self, report: ReadReport) -> Result<(), Error> {
        let import = self.import;
        let index = Projects::new(import).of_import(import).await?;
        let pipeline = self.pipeline(None);
        let mut counts = self.run.counts;
        for read in self.run.fetches.iter().filter(|read| read.state == FetchState::Pending) {
            let mut progress = Progress::from(read);
            let mut items = report.items(&read.kind, progress.position);
            // Without the word that they are all, there may be more.
            while let Some(items) = items.recv().await.ok_or(Error::Stopped)? {
                progress.position += items.items.len() as u64;
                let next = NextPage::Cursor(progress.position.to_string());
                let prepared = items.batch(read.kind.clone()).prepare(&pipeline, index.clone()).await?;
                let place = self.place(&mut progress, &prepared, next);
                counts.add(&prepared.commit(&pipeline, place).await?.counts);
                (import.progress)(ImportEvent::Progress {
                    read_bytes: report.packed_bytes,
                    total_bytes: report.packed_bytes,
                    records: counts.records,
                    written: counts.new + counts.changed,
                });
            }
            self.complete(&pipeline, &mut progress, index.clone()).await?;
        }
        Ok(())
    }
}

impl Items {
    /// A batch that says itself what its records mean.
    fn batch(self, kind: Kind) -> Batch {
        let Self { items, rules, packages } = self;
        let (mut records, mut says) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for Item { record, finding, package, diagnostics } in items {
            records.push(record);
            says.push((finding, package, diagnostics));
        }
        let known = move |records: &[Classified]| {
            // Rules of all records: they may have changed where the records have not.
            let mut normalized = Normalized { rules: rules.into_values().collect(), ..Normalized::default() };
            let mut needed: BTreeSet<PackageKey> = BTreeSet::new();
            let fresh = says.into_iter().zip(records).filter(|(_, it)| it.is_fresh()).map(|(says, _)| says);
            for (index, (finding, package, diagnostics)) in (0..).zip(fresh) {
                needed.extend(finding.as_ref().and_then(|it| Some(key(&it.dependency.as_ref()?.package))));
                normalized.findings.extend(finding.map(|finding| Finding { index, ..finding }));
                normalized.packages.extend(package.map(|it| Package { index: Some(index), ..it }));
                let diagnostics = diagnostics.into_iter().map(|it| Diagnostic { index: Some(index), ..it });
                normalized.diagnostics.extend(diagnostics);
            }
            normalized.packages.extend(packages.into_iter().filter(|(key, _)| needed.contains(key)).map(|(_, it)| it));
            normalized
        };
        Batch { known: Some(Box::new(known)), ..Batch::new(kind, records) }
    }
}
