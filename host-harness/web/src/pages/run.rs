//! One run: live while it is under way, whoever makes it.

use appsec_model::{Diagnostic, Scope};
use host_harness::{
    InstanceWork, RunList, VanishingList,
    store::{Fetch, FetchStats, Run, RunMode, RunState},
};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts};
use crate::{
    answer::{self, Fault, see},
    asked::{Answer, Asked},
    problems::FaultCode,
    watch::{self, Look, Watched},
};

/// Remarks and findings that are shown of a run.
const SHOWN: u32 = 100;

/// A run, and what is at work on its instance.
struct Seen {
    list: RunList,
    work: Option<InstanceWork>,
    /// Percent that one sync of its instance may remove.
    guard: Option<u8>,
}

impl Seen {
    async fn of(asked: &Asked, id: i64) -> Result<Self, Fault> {
        let list = asked.tenant.run(id, SHOWN).await?;
        let name = list.runs.first().and_then(|run| run.instance.parse().ok());
        let (mut work, mut guard) = (None, None);
        if let Some(name) = name
            && let Ok(instance) = asked.tenant.instance(&name).await
        {
            work = Some(asked.tenant.work_of(&instance).await?);
            if list.vanishing.is_some() && !instance.is_report_source() {
                guard = Some(instance.max_removal.get());
            }
        }
        Ok(Self { list, work, guard })
    }

    /// Whether somebody works on it right now.
    fn is_live(&self) -> bool {
        watch::is_live(&self.list, self.work.as_ref())
    }
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let id: i64 = asked.named("run")?;
    let seen = Seen::of(&asked, id).await?;
    let Some(run) = seen.list.runs.first() else { return Err(Fault::not_found("such run")) };
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let (here, live) = (format!("{}/{id}", Section::Runs.of(&tenant)), seen.is_live());
    let main = html! {
        p.path { a.link href=(Section::Runs.of(&tenant)) { "Runs" } " / " (id) }
        div.head {
            h1 { "Run " (id) }
            span.sum {
                a.link href=(super::source::address(&tenant, &run.instance)) { (parts::text(&run.instance)) }
                ", " (run.mode.as_str()) ", began " (parts::ago(run.started_at, now))
            }
            div.tools { a.button href=(format!("/api/v1/tenants/{tenant}/runs/{id}")) { "JSON" } }
        }
        (notice::done(asked.field("done").as_deref()))
        div data-live=[live.then(|| format!("{here}/events"))] aria-live="polite" { (state(&asked, &seen, run)) }
    };
    let frame = Frame { tenant: &tenant, section: Section::Runs, title: Some(&format!("Run {id}")) };
    Ok(answer::html(if live { frame.live(&main) } else { frame.page(&main) }))
}

/// The run as it changes.
pub(crate) async fn events(asked: Asked) -> Answer {
    let id = asked.named("run")?;
    watch::events(asked, Page(id)).await
}

/// A run as its page shows it.
struct Page(i64);

impl Watched for Page {
    const STATE: &str = "state";
    const END: &str = "";

    async fn look(&self, asked: &Asked) -> Result<Look, Fault> {
        let seen = Seen::of(asked, self.0).await?;
        let run = seen.list.runs.first().ok_or_else(|| Fault::not_found("such run"))?;
        Ok(Look { text: state(asked, &seen, run).into_string(), is_live: seen.is_live() })
    }
}

pub(crate) async fn stop(asked: Asked) -> Answer {
    let id: i64 = asked.named("run")?;
    asked.site.jobs.stop_run(&asked.tenant, id).await?.ok_or_else(Fault::not_stoppable)?;
    Ok(see(&format!("{}/{id}?done=stop", Section::Runs.of(asked.tenant.id().as_str()))))
}

fn state(asked: &Asked, seen: &Seen, run: &Run) -> Markup {
    let live = seen.is_live();
    let tenant = asked.tenant.id();
    let ours = run.instance.parse().is_ok_and(|name| asked.site.jobs.is_running(tenant, &name));
    html! {
        p.states {
            @if live { span.tag.good.beat { "under way" } } @else if run.state == RunState::Running { span.tag.warn { "cut off; the next sync goes on there" } } @else { (parts::state(run.state.as_str())) }
            span { (sum(run)) }
            @if live && ours {
                form.inline method="post" action=(format!("{}/{}/stop", Section::Runs.of(tenant.as_str()), run.id)) { button.button { "Stop after this page" } }
            }
        }
        @if let Some(message) = &run.message {
            div.notice.bad[run.state == RunState::Failed] {
                div { (parts::message(message)) @if let Some(code) = run.code { p { (notice::prose(FaultCode::from(code).about().advice)) } } }
            }
        }
        (figures(&run.counts))
        @if let Some(vanishing) = &seen.list.vanishing { (not_marked(vanishing, run, seen.guard, tenant.as_str())) }
        div.grid {
            section.card.c7 {
                header { h2 { "By kind" } span.muted { (parts::counted(run.counts.pages, "page")) ", " (parts::counted(run.counts.requests, "request")) } }
                div.wide {
                    table.plain {
                        thead { tr { th scope="col" { "Kind" } th scope="col" { "Scope" } th scope="col" { "State" } th.num scope="col" { "Pages" } th.num scope="col" { "Records" } } }
                        tbody { @for fetch in &run.fetches { (row(fetch, run.message.as_deref())) } }
                    }
                }
            }
            section.card.c5 {
                header { h2 { "By project" } span.muted { (parts::number(seen.list.projects.len() as u64)) } }
                @if seen.list.projects.is_empty() { p.muted { "Nothing yet." } }
                div.wide.tall tabindex="0" role="region" aria-label="By project" {
                    table.plain { tbody {
                        @for it in &seen.list.projects { tr { td { (parts::text(&it.project)) } td.num { (parts::counted(it.records, "record")) @if it.new > 0 { ", " (parts::number(it.new)) " new" } } } }
                    } }
                }
            }
            @if !seen.list.waits.is_empty() || !seen.list.diagnostics.is_empty() {
                section.card.c12 {
                    header { h2 { "Remarks" } }
                    ul.remarks {
                        @for it in &seen.list.waits { li { (parts::counted(it.waits, "wait")) ", " (format!("{:.1} s", it.waited_ms as f64 / 1e3)) ": " (parts::text(&it.reason)) } }
                        @for (count, it) in alike(&seen.list.diagnostics) {
                            li { @if count > 1 { b { (count) " × " } } span.mono { (parts::text(&it.code)) } " " (parts::prose(&it.message)) }
                        }
                    }
                }
            }
        }
    }
}

/// What the records of a run add up to, and what it marked as vanished.
fn figures(counts: &FetchStats) -> Markup {
    let parts = [
        (counts.new, "new"),
        (counts.changed, "changed"),
        (counts.unchanged, "unchanged"),
        (counts.duplicate, "duplicate"),
        (counts.unmapped, "of other projects"),
        (counts.skipped, "skipped"),
        (counts.rejected, "rejected"),
    ];
    let usual = |place: usize| place < 3;
    html! {
        div.figures {
            div { b { (parts::number(counts.records)) } span { (if counts.records == 1 { "record" } else { "records" }) } }
            @for (place, (count, what)) in parts.into_iter().enumerate() {
                @if usual(place) || count > 0 {
                    div.sign aria-hidden="true" { (if place == 0 { "=" } else { "+" }) }
                    div { b { (parts::number(count)) } span { (what) } }
                }
            }
            div.apart { b { (parts::number(counts.vanished)) } span { "vanished" } }
            @if counts.warnings > 0 { div { b { (parts::number(counts.warnings)) } span { (if counts.warnings == 1 { "note" } else { "notes" }) } } }
        }
    }
}

/// What a run would have marked as vanished: the findings, and what can be done.
fn not_marked(vanishing: &VanishingList, run: &Run, guard: Option<u8>, tenant: &str) -> Markup {
    let shown = vanishing.findings.len() as u64;
    let source = super::source::address(tenant, &run.instance);
    html! {
        section.card id="vanishing" {
            header { h2 { "Not marked as vanished" } span.muted { (parts::counted(vanishing.total, "finding")) } }
            p.help {
                "The source does not bring these any more, and they are more than the guard"
                @if let Some(limit) = guard { " of " (limit) "%" }
                " allows at once. Nothing was marked: they are as they were."
            }
            div.wide.tall.beside tabindex="0" role="region" aria-label="Findings that would vanish" {
                table.plain {
                    caption.unseen { "Findings that would vanish, the most urgent first" }
                    thead { tr { th scope="col" { "Finding" } th scope="col" { "Project" } th scope="col" { "Severity" } th scope="col" { "Status" } } }
                    tbody {
                        @for it in &vanishing.findings {
                            tr {
                                td { a.link href=(Section::Findings.at(tenant, &it.id.to_string())) { (parts::text(&it.title)) } span.second { (parts::text(&it.kind)) } }
                                td { (parts::text(&it.project)) }
                                td { (parts::severity(it.severity)) }
                                td { (parts::state(&it.status)) }
                            }
                        }
                    }
                }
            }
            @if vanishing.total > shown { p.muted.beside { "And " (parts::counted(vanishing.total - shown, "other")) "." } }
            @if run.mode == RunMode::Import {
                p.beside { "If nothing is wrong there, import the file again with a higher limit: " code { "harness import FILE --complete --max-removal PERCENT" } "." }
            } @else {
                form.settings.beside method="post" action={ (source) "/sync" } {
                    div.setting.narrow {
                        label for="max-removal" { "Percent of the open findings that may vanish this once" }
                        input id="max-removal" type="number" name="max-removal" min="0" max="100" required aria-describedby="max-removal-help";
                        p.help id="max-removal-help" { "Everything is read again. What is still not there is marked, if it is no more than this; the guard of the source stays as it is." }
                    }
                    div.actions {
                        button.button.primary { "Mark them as vanished" }
                        a.button href=(source) { "Keep them open" }
                    }
                }
            }
        }
    }
}

/// Remarks that say the same, once each, with how many they are.
fn alike(all: &[Diagnostic]) -> Vec<(usize, &Diagnostic)> {
    let mut sums: Vec<(usize, &Diagnostic)> = Vec::new();
    for it in all {
        match sums.iter_mut().find(|(_, known)| known.code == it.code && known.message == it.message) {
            Some((count, _)) => *count += 1,
            None => sums.push((1, it)),
        }
    }
    sums
}

fn row(fetch: &Fetch, said: Option<&str>) -> Markup {
    // What the run says as a whole is not said of each of its reads again.
    let message = fetch.message.as_deref().filter(|it| said.is_none_or(|said| !said.contains(it)));
    html! {
        tr {
            td { (fetch.kind) }
            td { @match &fetch.scope { Scope::Deployment => "everything", Scope::Projects(some) => (parts::counted(some.len() as u64, "project")) } }
            td { (parts::state(fetch.state.as_str())) @if let Some(message) = message { span.second { (parts::joined(message)) } } }
            td.num { (parts::number(fetch.counts.pages)) }
            td.num { (parts::number(fetch.counts.records)) }
        }
    }
}

/// How long it took, or takes.
fn sum(run: &Run) -> String {
    match run.finished_at {
        Some(end) => format!("took {:.1} s", end.as_micros().saturating_sub(run.started_at.as_micros()) as f64 / 1e6),
        None => String::new(),
    }
}
