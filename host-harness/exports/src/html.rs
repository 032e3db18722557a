//! A report for people: one page that stands alone, prints well and runs nothing.

mod coverage;
mod trends;

use std::{collections::BTreeMap, io::Write};

use appsec_analysis::status::ACTIVE;
use appsec_model::Severity;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{Document, Error, Exported, Options, Outcome, Overview, text, words};

/// How many of the most urgent findings are listed.
const TOP: usize = 50;

/// How many repositories are listed: those with most to do.
const REPOSITORIES: usize = 200;

/// Counts by severity, worst first, as [`Severity::ALL`] has them.
type Counts = [u64; 6];

/// A finding in the list of the most urgent ones.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Risk {
    /// Turned around, so that the most urgent one is the least.
    rank: (u8, std::cmp::Reverse<String>),
    id: String,
    severity: Severity,
    kind: String,
    title: String,
    scope: String,
    place: String,
    first_seen: String,
}

pub(crate) struct Html<W> {
    out: W,
    options: Options,
    total: Counts,
    open: u64,
    kinds: BTreeMap<String, u64>,
    statuses: BTreeMap<String, u64>,
    scopes: BTreeMap<String, Counts>,
    /// The most urgent ones, the least urgent of them first.
    top: std::collections::BinaryHeap<std::cmp::Reverse<Risk>>,
    overview: Option<Overview>,
}

impl<W: Write> Html<W> {
    pub fn begin(out: W, options: &Options) -> Self {
        Self {
            out,
            options: options.clone(),
            total: Counts::default(),
            open: 0,
            kinds: BTreeMap::new(),
            statuses: BTreeMap::new(),
            scopes: BTreeMap::new(),
            top: std::collections::BinaryHeap::new(),
            overview: None,
        }
    }
}

impl<W: Write> Document for Html<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        let severity = it.finding.severity;
        let at = Severity::ALL.iter().position(|it| *it == severity).unwrap_or_default();
        let count = |counts: &mut Counts| counts.get_mut(at).into_iter().for_each(|count| *count += 1);
        count(&mut self.total);
        count(self.scopes.entry(it.scope().to_owned()).or_default());
        *self.kinds.entry(it.finding.kind.to_string()).or_default() += 1;
        *self.statuses.entry(it.status.clone()).or_default() += 1;
        if ACTIVE.contains(&it.status.as_str()) {
            self.open += 1;
            let at = it.finding.location.as_ref();
            let place = at.map(|at| match at.start_line {
                Some(line) => format!("{}:{line}", at.path),
                None => at.path.clone(),
            });
            let package = || it.finding.dependency.as_ref().map(|it| words::named(&it.package));
            self.top.push(std::cmp::Reverse(Risk {
                rank: (it.priority, std::cmp::Reverse(it.id.clone())),
                id: it.id.clone(),
                severity,
                kind: it.finding.kind.to_string(),
                title: it.finding.title.clone(),
                scope: it.scope().to_owned(),
                place: place.or_else(package).unwrap_or_default(),
                first_seen: words::day(it.first_seen_at),
            }));
            if self.top.len() > TOP {
                self.top.pop();
            }
        }
        Ok(Outcome::Written)
    }

    fn overview(&mut self, overview: Overview) {
        self.overview = Some(overview);
    }

    fn end(&mut self) -> Result<(), Error> {
        let page = self.page().into_string();
        self.out.write_all(page.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(self.out.flush()?)
    }
}

/// Colours of severities that are told apart also without colours: a darker one is
/// worse.
const COLOURS: [&str; 6] = ["#7f1d1d", "#c2410c", "#d97706", "#4d7c0f", "#0369a1", "#6b7280"];

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #111827; background: #fff; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: #4b5563; padding-bottom: .3rem; }
th, td { border-bottom: 1px solid #e5e7eb; padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; } td.n, th.n { text-align: right; white-space: nowrap; } .n + :not(.n) { padding-left: 1rem; } code { font-size: .9em; }
.s { font-weight: 600; white-space: nowrap; } .m { color: #4b5563; } svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
";

/// Colours of lines and of what is less important than the rest.
const INK: &str = "#111827";
const MUTED: &str = "#4b5563";

/// A text of others: nothing in it is seen as anything but text.
fn shown(text: &str) -> String {
    // A colon at the start of a line would begin a command of a pipeline.
    text::line(text).replace("::", ":\u{200a}:")
}

impl<W> Html<W> {
    fn page(&mut self) -> Markup {
        let mut top: Vec<Risk> = std::mem::take(&mut self.top).into_iter().map(|it| it.0).collect();
        top.sort_by(|one, other| other.rank.cmp(&one.rank));
        let moment = words::moment(self.options.moment).unwrap_or_default();
        let total: u64 = self.total.iter().sum();
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="referrer" content="no-referrer";
                    title { "Security findings of " (shown(&self.options.owner)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Security findings of " (shown(&self.options.owner)) }
                    p.m { "As of " time datetime=(moment) { (moment) } ", by " (words::TOOL) " " (self.options.version) }
                    h2 { "Summary" }
                    p {
                        (counted(total, "finding")) " in " (counted(self.scopes.len() as u64, "repository"))
                        ", of which " (self.open) " open."
                    }
                    (self.severities())
                    (table("Findings by kind", &self.kinds))
                    (table("Findings by status", &self.statuses))
                    h2 { "Top risks" }
                    (risks(&top, self.open))
                    h2 { "Repositories" }
                    (self.repositories())
                    @if let Some(overview) = &self.overview {
                        h2 { "Trends" }
                        p.m { "Of the filters of the report, those by instance, kind, project and repository count here." }
                        (trends::trends(&overview.days))
                        h2 { "Coverage" }
                        p.m { "Of the filters of the report, those by repository count here." }
                        (coverage::coverage(overview))
                    }
                }
            }
        }
    }

    /// A bar for each severity, with its number beside it.
    fn severities(&self) -> Markup {
        let most = self.total.iter().copied().max().unwrap_or_default().max(1);
        let rows = Severity::ALL.iter().zip(self.total).zip(COLOURS).enumerate();
        html! {
            svg viewBox="0 0 640 168" width="640" height="168" role="img" aria-labelledby="severities" {
                title id="severities" { "Findings by severity" }
                @for (at, ((severity, count), colour)) in rows {
                    @let y = at * 28;
                    @let width = count.saturating_mul(440) / most;
                    text x="0" y=(y + 18) font-size="14" { (severity.as_str()) }
                    rect x="90" y=(y + 4) width=(width.max(u64::from(count > 0))) height="20" fill=(colour) {}
                    text x=(90 + width + 8) y=(y + 18) font-size="14" { (count) }
                }
            }
        }
    }

    fn repositories(&self) -> Markup {
        let mut rows: Vec<(&String, &Counts)> = self.scopes.iter().collect();
        // Most of the worst first; names decide between equals.
        rows.sort_by(|(name, counts), (other, others)| others.cmp(counts).then(name.cmp(other)));
        let left = rows.len().saturating_sub(REPOSITORIES);
        html! {
            table {
                caption { "Findings by severity, the worst first" }
                thead {
                    tr {
                        th scope="col" { "Repository" }
                        @for severity in Severity::ALL { th.n scope="col" { (severity.as_str()) } }
                        th.n scope="col" { "all" }
                        th scope="col" { "share" }
                    }
                }
                tbody {
                    @for (name, counts) in rows.iter().take(REPOSITORIES) {
                        tr {
                            th scope="row" { (shown(name)) }
                            @for count in *counts { td.n { (count) } }
                            td.n { (counts.iter().sum::<u64>()) }
                            td { (bar(counts)) }
                        }
                    }
                }
            }
            @if left > 0 { p.m { "and " (left) " more" } }
        }
    }
}

/// The severities of a repository beside each other.
fn bar(counts: &Counts) -> Markup {
    let all = counts.iter().sum::<u64>().max(1);
    let mut x = 0;
    let parts = counts.iter().zip(COLOURS).map(|(count, colour)| {
        let width = count.saturating_mul(120) / all;
        x += width;
        (x - width, width, colour)
    });
    let parts: Vec<(u64, u64, &str)> = parts.filter(|(_, width, _)| *width > 0).collect();
    html! {
        svg viewBox="0 0 120 12" width="120" height="12" aria-hidden="true" {
            @for (x, width, colour) in parts { rect x=(x) y="0" width=(width) height="12" fill=(colour) {} }
        }
    }
}

fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

fn table(caption: &str, counts: &BTreeMap<String, u64>) -> Markup {
    html! {
        @if !counts.is_empty() {
            table {
                caption { (caption) }
                tbody { @for (name, count) in counts { tr { th scope="row" { (shown(name)) } td.n { (count) } } } }
            }
        }
    }
}

fn risks(top: &[Risk], open: u64) -> Markup {
    html! {
        @if top.is_empty() {
            p { "No open findings." }
        } @else {
            table {
                caption { "The " (top.len()) " most urgent of " (counted(open, "open finding")) }
                thead {
                    tr {
                        th.n scope="col" { "Priority" }
                        @for name in ["Severity", "Kind", "Finding", "Where", "Repository", "First seen", "Id"] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody {
                    @for risk in top {
                        tr {
                            td.n { (risk.rank.0) }
                            td.s { (risk.severity.as_str()) }
                            td { (shown(&risk.kind)) }
                            td { (shown(&risk.title)) }
                            td { code { (shown(&risk.place)) } }
                            td { (shown(&risk.scope)) }
                            td { (risk.first_seen) }
                            td { code { (risk.id) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
