//! Lists of findings.

use appsec_model::{Severity, Timestamp};
use host_harness::{
    ExportFormat, Facet, View,
    columns::{Column, Value, chosen_value},
    exports::text::line,
    query::{List, Query, Takes},
    store::FindingRow,
};
use maud::{Markup, html};

use super::{Frame, Section, filters, form, parts};
use crate::{
    answer::{Fault, html as page_of},
    asked::{Answer, Asked},
};

pub(crate) async fn page(asked: Asked, view: View) -> Answer {
    let shown = show(&asked, view).await;
    filters::answered(&asked, section(view), List::Findings(view), shown).await
}

async fn show(asked: &Asked, view: View) -> Answer {
    let query = asked.query(List::Findings(view))?;
    let listed = asked.tenant.finding_list(&query).await?;
    let tenant = asked.tenant.id().to_string();
    let section = section(view);
    let (here, now) = (section.of(&tenant), asked.site.harness.now());
    let list = &listed.list;
    let views = super::views::bar(asked, section, &query).await?;
    let empty = match list.findings.is_empty() {
        true => {
            html! { (parts::nothing(asked, !query.pairs().is_empty(), &here).await?) (narrowing(asked, &query, &here).await?) }
        }
        false => html! {},
    };
    let facets = asked.tenant.quick_facets(&query).await?;
    let strip = strip(&query, &here, &facets);
    let filters = filters::counted(asked, &query, &here, facets).await?;
    let main = html! {
        div.head {
            h1 { (section.title()) }
            span.sum { (parts::total(list.total)) @if query.pairs().is_empty() { " open and about security" } }
            div.tools {
                @if !list.findings.is_empty() { a.button href=(super::triage::address(&tenant, &query, view)) { "Triage all…" } }
                @if !list.findings.is_empty() { (downloads(&query, &tenant, section)) }
                (chooser(&query, &here, view))
                (form::calls(&query, &tenant, section))
            }
        }
        (filters)
        (views)
        (strip)
        @if let Some(no) = &listed.no_project { (form::no_project(no)) }
        @if list.findings.is_empty() {
            (empty)
        } @else {
            form.sheet action={ "/t/" (tenant) "/triage" } {
                div.wide { (table(&list.findings, &query, &tenant, view, now)) }
                div.foot {
                    button.button data-selected { "Triage selected…" }
                    (parts::counted(list.findings.len() as u64, "finding")) " on this page"
                    span.pages {
                        @if query.page_begin().is_none() { a.button href=(form::without(&query, &here, "cursor")) { "First page" } }
                        @if let Some(next) = &list.next_cursor {
                            a.button href=(form::with(&query, &here, "cursor", &next.to_string())) rel="next" { "Next" }
                        }
                    }
                }
            }
        }
        @if let Some(left_out) = listed.left_out {
            @let is_one = left_out.total == 1;
            p.beside { (parts::total(left_out)) " of this filter " (if is_one { "is" } else { "are" }) " not about security: "
                a.link href=(form::with(&query, &here, "include-non-security", "true")) { "show " (if is_one { "it" } else { "them" }) " too" } "." }
        }
    };
    Ok(page_of(Frame { tenant: &tenant, section, title: None }.page(&main)))
}

/// Where a view is in the navigation.
pub(super) const fn section(view: View) -> Section {
    match view {
        View::All => Section::Findings,
        View::Vulnerabilities => Section::Vulnerabilities,
        View::Weaknesses => Section::Weaknesses,
        View::Secrets => Section::Secrets,
    }
}

/// The address of a finding in a list: its page leads to the next one of the list.
pub(super) fn within(query: &Query, tenant: &str, view: View, id: &str) -> String {
    let from = [("from", section(view).path().to_owned())];
    form::address(&format!("/t/{tenant}/findings/{id}"), from.into_iter().chain(query.pairs()))
}

/// Every format, of all that the filter finds.
fn downloads(query: &Query, tenant: &str, section: Section) -> Markup {
    form::downloads(ExportFormat::all().map(|format| {
        let (name, what) = format.about().split_once(": ").unwrap_or((format.about(), ""));
        (form::export(query, tenant, section, format.as_str(), true), title(format, name), capital(what))
    }))
}

/// What a format is called; some are one standard in several forms.
fn title(format: ExportFormat, name: &str) -> String {
    match format.as_str() {
        "ndjson" => "NDJSON".to_owned(),
        word => match word.strip_prefix("gitlab-") {
            Some(part) => format!("GitLab security report: {part}"),
            None => name.to_owned(),
        },
    }
}

fn capital(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}

/// Which filter keeps most from being shown.
async fn narrowing(asked: &Asked, query: &Query, here: &str) -> Result<Markup, Fault> {
    let found = asked.tenant.most_narrowing(query).await?;
    Ok(html! {
        @if let Some((name, total)) = found {
            p.beside {
                "Without the filter " b { (filters::label(name)) } " there are " (parts::total(total)) ": "
                a.link href=(form::without(query, here, name)) { "remove it" } "."
            }
        }
    })
}

/// The severities, each a filter, with how many there are.
fn strip(query: &Query, here: &str, facets: &[Facet]) -> Markup {
    let counts = facets.iter().find(|it| it.field == "severity");
    let count = |severity: Severity| counts?.values.iter().find(|it| it.value == severity.as_str()).map(|it| it.total);
    let asked: Vec<String> =
        query.pairs().into_iter().filter(|(name, _)| *name == "severity").map(|(_, it)| it).collect();
    html! {
        nav.quick aria-label="By severity" {
            a href=(form::address(here, query.pairs().into_iter().filter(|(name, _)| !matches!(*name, "severity" | "cursor"))))
                aria-current=[asked.is_empty().then_some("true")] { "All" }
            @for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low] {
                @let is_asked = asked.len() == 1 && asked.first().is_some_and(|it| it == severity.as_str());
                a href=(form::with(query, here, "severity", severity.as_str())) aria-current=[is_asked.then_some("true")] {
                    (parts::severity(severity))
                    @if let Some(count) = count(severity) { span.count { (parts::total(count)) } }
                }
            }
        }
    }
}

fn table(rows: &[FindingRow], query: &Query, tenant: &str, view: View, now: Timestamp) -> Markup {
    let mut columns = view.chosen_columns(&shown(query, view));
    if query.columns().is_empty() {
        // What nobody asked for, and no row has, takes room from the rest.
        columns.retain(|column| rows.iter().any(|row| !matches!((column.of)(row).as_str(), "" | "false")));
    }
    html! {
        table.list {
            caption.unseen { (view.noun()) ", in the order that was asked for" }
            thead {
                tr {
                    th.select scope="col" { input type="checkbox" aria-label="Select all of this page" data-all hidden; }
                    th scope="col" { "Priority" }
                    th scope="col" { "Finding" }
                    th scope="col" { "Project and place" }
                    th scope="col" { "Status" }
                    @for column in &columns { th.late.num[is_number(column.name)] scope="col" { (heading(column.name)) } }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        td.select { input type="checkbox" name="finding" value=(row.id) aria-label={ "Select " (line(&row.title)) }; }
                        td.prio { span.line { span.rank { (row.priority) } (parts::severity(row.severity)) } }
                        td.what {
                            a.title href=(within(query, tenant, view, &row.id.to_string())) { (parts::text(&row.title)) }
                            span.under { (known(row)) }
                        }
                        td.where.cut {
                            (parts::text(&row.project))
                            span.second.mono.cut { (place(row)) }
                        }
                        td.status { (parts::state(&row.status)) }
                        @for column in &columns { (cell(column, row, now)) }
                    }
                }
            }
        }
    }
}

/// What stands in each row, whatever is chosen.
const FIXED: [&str; 7] = ["id", "priority", "severity", "title", "project", "path", "line"];

/// The columns beside what stands in each row: those that are chosen, or those of the view.
fn shown(query: &Query, view: View) -> Vec<String> {
    let mut chosen = query.columns();
    chosen.retain(|name| !is_fixed(name));
    if !chosen.is_empty() {
        return chosen;
    }
    let usual: &[&str] = match view {
        View::Vulnerabilities => &["cvss", "epss", "kev", "instance", "first_seen_at"],
        View::All | View::Weaknesses | View::Secrets => &["instance", "first_seen_at"],
    };
    usual.iter().map(|name| (*name).to_owned()).collect()
}

fn is_fixed(name: &str) -> bool {
    FIXED.contains(&name) || name == "status"
}

/// Which columns a list has, to tick: they are kept in its address, and in a view that is saved.
fn chooser(query: &Query, here: &str, view: View) -> Markup {
    let ticked = shown(query, view);
    let all = query.list().fields().iter().find_map(|field| match field.takes {
        Takes::Columns(names) => Some(names),
        _ => None,
    });
    html! {
        details.menu.pick.columns {
            summary.button { "Columns" }
            form action=(here) {
                @for (name, value) in query.pairs().into_iter().filter(|(name, _)| *name != "columns") {
                    input type="hidden" name=(name) value=(value);
                }
                fieldset.boxes {
                    legend { "Columns beside priority, finding, place and status" }
                    @for name in all.unwrap_or_default().iter().filter(|name| !is_fixed(name)) {
                        label.check { input type="checkbox" name="columns" value=(name) checked[ticked.iter().any(|it| it == name)]; (heading(name)) }
                    }
                }
                div.actions {
                    button.button.primary { "Show" }
                    @if !query.columns().is_empty() { a.link href=(form::without(query, here, "columns")) { "Usual columns" } }
                }
            }
        }
    }
}

/// What a column is called on a page.
fn heading(name: &str) -> String {
    match name {
        "instance" => "Source".to_owned(),
        "first_seen_at" => "Age".to_owned(),
        "cvss" | "epss" | "kev" => name.to_uppercase(),
        "cwes" => "CWE".to_owned(),
        "cwe_top25_rank" => "CWE Top 25".to_owned(),
        name => capital(&name.trim_end_matches("_at").replace('_', " ")),
    }
}

fn is_number(name: &str) -> bool {
    matches!(name, "cvss" | "epss" | "first_seen_at" | "occurrences" | "cwe_top25_rank")
}

fn cell(column: &Column<FindingRow>, row: &FindingRow, now: Timestamp) -> Markup {
    html! {
        @match column.name {
            "instance" => td.late.kept { span.sources { (parts::text(&row.instance)) } },
            "first_seen_at" => td.num.late.kept { (parts::old(row.first_seen_at, now)) },
            "kev" => td.late { @if row.kev { "yes" } },
            name => td.late.num[is_number(name)] {
                @match chosen_value(column, row) {
                    Value::Number(number) => (parts::number(number)),
                    Value::Text(text) if is_number(name) => (text),
                    Value::Text(text) | Value::Title(text) => @if !text.is_empty() { (parts::text(&text)) },
                    _ => (parts::text(&(column.of)(row))),
                }
            },
        }
    }
}

/// How a finding is known.
fn known(row: &FindingRow) -> Markup {
    let facts = row.facts.as_ref();
    html! {
        span { (row.kind) }
        @if let Some(verdict) = row.reachability.as_deref().filter(|it| *it != "not-analyzed") { (parts::reachability(verdict)) }
        @if let Some(validation) = facts.and_then(|it| it.validation.as_deref()) { span { (parts::text(validation)) } }
        @for advisory in row.advisories.iter().take(2) { span { (parts::text(advisory)) } }
        @for cwe in row.cwes.iter().take(2) { span { "CWE-" (cwe) } }
        @if row.cwe_rank.is_some() { span { "Top 25" } }
        @if let Some(fix) = facts.and_then(|it| it.fixes.as_ref()?.first()) { span { "Fix: " (parts::text(fix)) } }
        @if let (None, Some(rule)) = (&row.package, &row.rule_id) { span.mono { (parts::text(rule)) } }
    }
}

fn place(row: &FindingRow) -> Markup {
    html! {
        @match (&row.path, row.start_line) {
            (Some(path), Some(line)) => { (parts::text(path)) ":" (line) },
            (Some(path), None) => (parts::text(path)),
            (None, _) => @if let Some(package) = &row.package { (parts::text(package)) },
        }
    }
}
