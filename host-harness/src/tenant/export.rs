//! What a tenant knows, in formats of others.

mod overview;

use std::{fmt, io::Write, str::FromStr};

use appsec_exports::{
    Decided, Error as ExportError, Exported, Exporter, Format, Issue, ListedPackage, Options, Summary, redact, text,
};
use appsec_model::{Finding, Location, PackageVersion};
use appsec_store::{
    Baseline, Depth, ExportItem, ExportScope, ExportedFinding, Filter, FindingDetail, FindingId, PackageRow,
    QueryStore, StoreError,
};
use serde::Serialize;

use super::Tenant;
use crate::{columns::CsvWriter, error::Error, query::View};

/// In what form findings are exported.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ExportFormat {
    /// All that is known of each finding, as JSON, one a line.
    Ndjson,
    /// The list of findings as CSV.
    Csv,
    /// A format of others.
    Public(Format),
}

impl ExportFormat {
    /// SARIF.
    pub const SARIF: Self = Self::Public(Format::Sarif);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Ndjson, Self::Csv].into_iter().chain(Format::ALL.into_iter().map(Self::Public))
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Public(format) => format.as_str(),
        }
    }

    /// Whether each finding of it can say whose it is, so that one document has
    /// those of several tenants.
    pub const fn names_tenants(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv | Self::Public(Format::Ocsf))
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Ndjson => "Newline-delimited JSON: everything known about each finding, one per line",
            Self::Csv => "CSV (RFC 4180): the columns of the list of findings",
            Self::Public(format) => format.about(),
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A text names no format.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid export format")]
pub struct ExportFormatError;

impl FromStr for ExportFormat {
    type Err = ExportFormatError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::all().find(|format| format.as_str() == name).ok_or(ExportFormatError)
    }
}

/// One of several tenants in a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// The document is of this tenant alone.
    Whole,
    /// It names its tenants, and begins with this one.
    First,
    /// It names its tenants, and goes on with this one.
    Next,
}

/// An export that a document is made of.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The format.
    pub format: ExportFormat,
    /// The findings.
    pub filter: Filter,
    /// How they are written.
    pub options: Options,
    /// What findings are held against, for formats that say it.
    pub base: Option<Baseline>,
    /// Which part of the document it is.
    pub share: Share,
}

impl Tenant {
    /// Writes the findings of a filter in a format, as of one moment: what is stored
    /// meanwhile plays no part. The filter's order and page count for nothing.
    /// Returns what was written, and the writer.
    pub async fn export<W: Write + Send + 'static>(
        &self,
        request: ExportRequest,
        mut out: W,
    ) -> Result<(Summary, W), Error> {
        self.catch_up().await?;
        let exported = self.store.read(move |store| {
            let ExportRequest { format, filter, options, base, share } = request;
            let owner = (share != Share::Whole).then_some(options.owner.as_str());
            let summary = match format {
                ExportFormat::Ndjson => ndjson(store, &filter, owner, &mut out),
                ExportFormat::Csv => csv(store, &filter, owner, share != Share::Next, &mut out),
                ExportFormat::Public(format) => public(store, format, &filter, base.as_ref(), &options, &mut out),
            };
            // What the store says is its own; what the writer says is the export's.
            match summary {
                Ok(summary) => Ok(Ok((summary, out))),
                Err(Stopped::Store(error)) => Err(error),
                Err(Stopped::Export(error)) => Ok(Err(error)),
            }
        });
        Ok(exported.await??)
    }
}

impl Tenant {
    /// Findings by their ids as SARIF.
    pub(super) async fn violations_as_sarif(&self, ids: Vec<FindingId>) -> Result<String, Error> {
        let filter = Filter { ids, ..Filter::default() };
        // What a service refuses of one result, it refuses of the whole file.
        let options = Options {
            moment: self.now(),
            owner: self.id().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            for_github: true,
            single_run: Some("harness/gate".to_owned()),
            ..Options::default()
        };
        let written = self.store.read(move |store| {
            let mut out = Vec::new();
            // Without ids the filter means everything.
            let written = match filter.ids.is_empty() {
                true => {
                    Exporter::begin(Format::Sarif, &options, &mut out).and_then(Exporter::end).map_err(Stopped::from)
                }
                false => public(store, Format::Sarif, &filter, None, &options, &mut out),
            };
            match written {
                Ok(_) => Ok(Ok(out)),
                Err(Stopped::Store(error)) => Err(error),
                Err(Stopped::Export(error)) => Ok(Err(error)),
            }
        });
        Ok(String::from_utf8_lossy(&written.await??).into_owned())
    }
}

/// Why an export ended before its end.
enum Stopped {
    Store(StoreError),
    Export(ExportError),
}

impl<E: Into<ExportError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Export(error.into())
    }
}

/// Hands out what an export is made of until something goes wrong.
fn each(
    store: &dyn QueryStore,
    filter: &Filter,
    wanted: ExportScope<'_>,
    mut take: impl FnMut(ExportItem) -> Result<(), ExportError>,
) -> Result<(), Stopped> {
    let mut failed = None;
    let walked = store.export(filter, wanted, &mut |item| {
        failed = take(item).err();
        failed.is_none()
    });
    walked.map_err(Stopped::Store)?;
    failed.map_or(Ok(()), |error| Err(Stopped::Export(error)))
}

/// A finding with the tenant that it is of, where the document is of several.
#[derive(Serialize)]
struct Owned<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(flatten)]
    finding: FindingDetail,
}

fn ndjson(
    store: &dyn QueryStore,
    filter: &Filter,
    owner: Option<&str>,
    out: &mut impl Write,
) -> Result<Summary, Stopped> {
    let mut summary = Summary::default();
    let wanted = ExportScope { depth: Depth::Whole, issues: false, packages: false, base: None };
    each(store, filter, wanted, |item| {
        if let ExportItem::Finding(it) = item {
            let finding = redacted(*it).detail;
            match owner {
                None => text::json_line(&mut *out, &finding)?,
                tenant => text::json_line(&mut *out, &Owned { tenant, finding })?,
            }
            out.write_all(b"\n")?;
            summary.findings += 1;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(summary)
}

fn csv(
    store: &dyn QueryStore,
    filter: &Filter,
    owner: Option<&str>,
    begins: bool,
    out: &mut impl Write,
) -> Result<Summary, Stopped> {
    let mut summary = Summary::default();
    let columns = View::All.csv_columns();
    let mut rows = match owner {
        None => CsvWriter::new(&columns, out)?,
        Some(owner) => CsvWriter::of_one(&columns, ("tenant", owner), begins, out)?,
    };
    let wanted = ExportScope { depth: Depth::Facts, issues: false, packages: false, base: None };
    each(store, filter, wanted, |item| {
        if let ExportItem::Finding(it) = item {
            let mut detail = redacted(*it).detail;
            if let Some(leading) = detail.occurrence_details.first() {
                leading.finding.title.clone_into(&mut detail.row.title);
            }
            rows.write(&detail.row)?;
            summary.findings += 1;
        }
        Ok(())
    })?;
    rows.end()?;
    Ok(summary)
}

fn public(
    store: &dyn QueryStore,
    format: Format,
    filter: &Filter,
    base: Option<&Baseline>,
    options: &Options,
    out: &mut impl Write,
) -> Result<Summary, Stopped> {
    let mut exporter = Exporter::begin(format, options, out)?;
    if format.takes_overview() {
        exporter.overview(overview::of(store, filter, options.moment).map_err(Stopped::Store)?);
    }
    let wanted = ExportScope { depth: Depth::Facts, issues: true, packages: format.takes_packages(), base };
    each(store, filter, wanted, |item| match item {
        // A finding has an occurrence.
        ExportItem::Finding(it) => finding(*it, filter).map_or(Ok(()), |it| exporter.finding(it)),
        ExportItem::Package(it) => exporter.package(&package(*it)),
    })?;
    Ok(exporter.end()?)
}

fn redacted(mut found: ExportedFinding) -> ExportedFinding {
    for occurrence in &mut found.detail.occurrence_details {
        redact(&mut occurrence.finding, found.detail.rule.as_ref());
    }
    found
}

/// A finding as it is exported: its occurrence on the branch that is asked for,
/// else the leading one.
fn finding(found: ExportedFinding, filter: &Filter) -> Option<Exported> {
    let ExportedFinding { detail, issue, connector_id, is_report_source, is_new } = found;
    let mut occurrences = detail.occurrence_details;
    let asked = |it: &Finding| it.r#ref.as_ref().is_some_and(|it| filter.branches.contains(it));
    let at = occurrences.iter().position(|it| it.vanished_at.is_none() && asked(&it.finding)).unwrap_or(0);
    let leading = (at < occurrences.len()).then(|| occurrences.swap_remove(at).finding)?;
    let row = detail.row;
    Some(Exported {
        id: row.id.to_string(),
        tool: if is_report_source { row.instance.clone() } else { connector_id },
        instance: row.instance,
        project: row.project,
        repository: row.repository,
        environment: row.environment,
        status: row.status,
        priority: row.priority,
        cvss: row.cvss,
        epss: row.epss,
        kev: row.kev,
        first_seen_at: row.first_seen_at,
        ingested_at: row.ingested_at,
        closed_at: row.closed_at,
        last_seen_at: row.last_seen_at,
        changed_at: row.changed_at,
        occurrences: row.occurrences,
        finding: leading,
        rule: detail.rule,
        ratings: detail.ratings,
        commit: detail.attribution.and_then(|it| it.scan.commit),
        decision: row.decision.map(|it| Decided { entry: it.entry, author: it.author, at: it.decided_at }),
        issue: issue.map(|(id, is_reachable)| Issue { id: id.to_string(), is_reachable }),
        is_new,
    })
}

fn package(row: PackageRow) -> ListedPackage {
    let package =
        PackageVersion { name: row.name, version: row.version, ecosystem: row.ecosystem.into(), purl: row.purl };
    let (line, path) = (row.lockfile_line, row.lockfile_path);
    ListedPackage {
        project: row.project,
        repository: row.repository,
        package,
        transitivity: row.transitivity.into(),
        lockfile: path.map(|path| Location { path, start_line: line, ..Location::default() }),
        licenses: row.licenses,
        resolved_url: row.resolved_url,
        introduced_by: row.introduced_by,
        in_use: row.vanished_at.is_none(),
    }
}
