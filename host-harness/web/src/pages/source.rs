//! One source: how it is, what is next, and what can be done with it.

use std::time::{Duration, Instant};

use appsec_model::Connection;
use host_harness::{
    InstanceReport, InstanceWork, Rotation, ScheduleReport, SettingsChange,
    ingest::{SyncOptions, Vanishing},
    query::{List, Query},
    store::{AutoMap, Cadence, InstanceStatus, Interval, MappingRow, Percent, Plan, Zone},
};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    Frame, Section,
    fields::{Settings, secret_field, typed_secrets},
    form,
    inbox::{self, Inbox},
    notice, parts,
};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
    problems::Own,
};

/// The address of an instance's page.
pub(super) fn address(tenant: &str, instance: &str) -> String {
    format!("{}/{instance}", Section::Sources.of(tenant))
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, &done).await?))
}

/// The page, with what just happened.
async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let name = asked.instance()?;
    let report = asked.tenant.instance_report(&name).await?;
    let instance = asked.tenant.instance(&name).await?;
    let work = asked.tenant.work_of(&instance).await?;
    let mapped = asked.tenant.mapping_list(Some(&name), Vec::new()).await?.projects;
    let query = Query::parse(List::Runs, [("instance", name.as_str()), ("limit", "8")])?;
    let (runs, _) = asked.tenant.runs(&query).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let here = address(&tenant, &report.name);
    let (is_connector, live) = (!instance.is_report_source(), work.running.as_ref().filter(|it| it.alive));
    let main = html! {
        p.path { a.link href=(Section::Sources.of(&tenant)) { "Data sources" } " / " (parts::text(&report.name)) }
        div.head {
            h1 { (parts::text(&report.name)) }
            span.sum { (parts::text(&report.connector)) " " (parts::text(&report.connector_version)) }
            div.tools {
                @if is_connector {
                    (sync_form(&here, live.is_some()))
                    form.inline method="post" action={ (here) "/test" } { button.button { "Test connection" } }
                    @if report.paused_since.is_some() {
                        form.inline method="post" action={ (here) "/resume" } { button.button { "Resume" } }
                    } @else {
                        form.inline method="post" action={ (here) "/pause" } { button.button { "Pause" } }
                    }
                    a.button href={ (here) "/settings" } { "Settings" }
                } @else { a.button.primary href={ (Section::Import.of(&tenant)) "?source=" (report.name) } { "Import a report" } }
                a.button.danger href={ (here) "/delete" } { "Delete…" }
            }
        }
        (happened)
        p.states {
            (state(&report))
            @if let Some(account) = report.connection.as_ref().map(|it| &it.deployment) {
                span { (parts::text(account.name.as_deref().unwrap_or(&account.slug))) " (id " (parts::text(&account.id)) ")" }
            }
            @if let Some(at) = report.checked_at { span { "checked " (parts::ago(at, now)) } }
            @if let Some(why) = &report.status_detail { span { (parts::joined(why)) } }
        }
        @if let Some(running) = live {
            div.notice role="status" {
                span { (running.holder.work) " is under way: " (parts::counted(running.pages, "page")) ", " (parts::counted(running.records, "record")) }
                @if let Some(run) = running.run { a.link href=(format!("{}/{run}", Section::Runs.of(&tenant))) { "Watch it" } }
            }
        }
        div.grid {
            @if is_connector { (next(&work, &here)) (projects(&report, &mapped, &tenant)) }
            section.card.c6 {
                header { h2 { "Last runs" } a.more href={ (Section::Runs.of(&tenant)) "?instance=" (report.name) } { "All" } }
                @if runs.is_empty() { p.muted { "It has not run yet." } } @else { div.wide tabindex="0" role="region" aria-label="Last runs" { table.plain {
                    thead { tr { th scope="col" { "Run" } th scope="col" { "State" } th scope="col" { "Read" } th.num scope="col" { "New" } th.num scope="col" { "Changed" } th.num scope="col" { "Vanished" } th.num scope="col" { "Began" } } }
                    tbody {
                        @for run in &runs {
                            tr {
                                td { a.link href=(format!("{}/{}", Section::Runs.of(&tenant), run.id)) { (run.id) } }
                                td { (parts::state(run.state.as_str())) }
                                td { (run.mode.as_str()) }
                                @for count in [run.counts.new, run.counts.changed, run.counts.vanished] { td.num { (parts::number(count)) } }
                                td.num { (parts::ago(run.started_at, now)) }
                            }
                            @if let Some(message) = &run.message { tr.said { td {} td colspan="6" { span.second { (parts::joined(message)) } } } }
                        }
                    }
                } } }
            }
            @if is_connector {
                section.card.c6 {
                    header { h2 { "What it may reach and read" } }
                    dl.facts {
                        @for (origin, addresses) in &report.origins { (parts::fact("Origin", Some(html! { (parts::text(origin)) @if addresses == "private" { span.second { "also at addresses of this machine and network" } } }))) }
                        @for (variable, from) in &report.secrets { (parts::fact("Token", Some(html! { @if !from.contains(variable.as_str()) { span.mono { (parts::text(variable)) } " from " } (parts::text(from)) }))) }
                        (parts::fact("Kinds", report.connection.as_ref().map(|it| parts::kinds(&it.kinds))))
                        (parts::fact("Set up", Some(html! { (parts::ago(report.created_at, now)) })))
                    }
                }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Sources, title: Some(&report.name) }.page(&main))
}

/// Begins a sync, as usual or in another way.
fn sync_form(here: &str, is_running: bool) -> Markup {
    html! {
        form.inline method="post" action={ (here) "/sync" } { button.button.primary disabled[is_running] { "Sync now" } }
        @if !is_running {
            details.menu {
                summary.button { "Other sync…" }
                form method="post" action={ (here) "/sync" } {
                    fieldset.boxes {
                        legend { "What to read" }
                        @for (word, what) in [
                            ("full", "Everything, from the beginning"),
                            ("incremental", "Only what is new since the last sync"),
                        ] { label.check { input type="radio" name="what" value=(word) checked[word == "full"]; (what) } }
                    }
                    p.help { "Only a sync of everything tells what is gone." }
                    button.button.primary { "Begin it" }
                }
            }
        }
    }
}

/// How it is, in the words of whoever set it up.
pub(super) fn state(report: &InstanceReport) -> Markup {
    match (report.paused_since, report.health) {
        (None, InstanceStatus::Connected) => html! { span.tag.good { "Connected" } },
        _ => parts::state(&report.status),
    }
}

fn next(work: &InstanceWork, here: &str) -> Markup {
    html! {
        section.card.c6 {
            header { h2 { "When it is synced" } a.more href={ (here) "/settings" } { "Change" } }
            dl.facts {
                (parts::fact("Schedule", Some(html! { @match &work.schedule { Some(it) => (parts::text(it)), None => "none: on request only" } })))
                (parts::fact("Next", work.next_at.map(|at| html! { (parts::moment(at)) @if work.next_full { ", everything" } })))
                (parts::fact("Everything", work.next_full_at.map(|at| html! { (parts::moment(at)) })))
                (parts::fact("Failures", (work.failures > 0).then(|| html! { (work.failures) " in a row" })))
                (parts::fact("Waiting", work.waiting.as_deref().map(parts::joined)))
            }
        }
    }
}

/// Projects that are shown beside the counts.
const PROJECTS: usize = 8;

fn projects(report: &InstanceReport, mapped: &[MappingRow], tenant: &str) -> Markup {
    let (counts, here) = (&report.projects, Section::Mapping.of(tenant));
    let all = form::address(&here, [("instance", report.name.clone())].into_iter());
    html! {
        section.card.c6 {
            header { h2 { "Projects" } a.more href=(all) { "Map them" } }
            div.figures {
                @for (count, what) in [(counts.mapped, "mapped"), (counts.unmapped, "waiting"), (counts.drifted, "lead elsewhere"), (counts.ignored, "ignored"), (counts.stale, "no longer listed")] {
                    @if count > 0 || what == "mapped" { div { b { (parts::number(count)) } span { (what) } } }
                }
            }
            p.muted { "Only mapped projects are read. " (match report.auto_map {
                AutoMap::Create => "New projects are mapped, and get a repository where none fits.",
                AutoMap::Match => "New projects are mapped where a repository surely fits; others wait.",
                AutoMap::Manual => "New projects wait for somebody to map them.",
            }) }
            @if mapped.is_empty() { p.muted { "None is known yet: the first sync lists them." } } @else {
                table.plain.beside {
                    caption.unseen { "Projects, and the repository that each is mapped to" }
                    tbody {
                        @for it in mapped.iter().take(PROJECTS) {
                            tr {
                                td { (parts::text(&it.project)) @if let Some(to) = it.repository.as_ref().filter(|to| **to != it.project) { span.second { "in " (parts::text(to)) } } }
                                td { (parts::state(it.state.as_str())) }
                                td.num { @match &it.repository {
                                    Some(to) => a.link href=(Section::Repositories.at(tenant, to)) { (parts::number(it.findings.open)) " open" },
                                    None => { (parts::number(it.findings.open)) " open" },
                                } }
                            }
                        }
                    }
                }
                @if mapped.len() > PROJECTS { p.beside { a.link href=(all) { "All " (parts::counted(mapped.len() as u64, "project")) } } }
            }
        }
    }
}

/// Shows the page again with what failed.
async fn failed(asked: &Asked, fault: Fault) -> Answer {
    let page = show(asked, &notice::failed(&fault)).await;
    again(fault, page)
}

pub(crate) async fn sync(asked: Asked, form: Form) -> Answer {
    let (name, tenant) = (asked.instance()?, asked.tenant.id().to_string());
    let vanishing = match form.maybe::<Percent>("max-removal")? {
        Some(limit) => Vanishing::UpTo(limit),
        None => Vanishing::AsSet,
    };
    // Only a sync of everything tells what is gone.
    let full = form.text("what") == Some("full") || form.is_ticked("full") || vanishing != Vanishing::AsSet;
    let incremental = !full && form.text("what") == Some("incremental");
    let options = SyncOptions { full, incremental, vanishing, ..SyncOptions::default() };
    match asked.site.jobs.sync(&asked.tenant, &name, options).await {
        Ok(Some(run)) => Ok(see(&format!("{}/{run}", Section::Runs.of(&tenant)))),
        Ok(None) => Ok(see(&format!("{}?done=sync", address(&tenant, name.as_str())))),
        Err(error) => failed(&asked, error.into()).await,
    }
}

pub(crate) async fn test(asked: Asked) -> Answer {
    let name = asked.instance()?;
    let begun = Instant::now();
    match asked.tenant.check_instance(&name, None).await {
        Ok(connection) => {
            let told = connected(&connection, begun.elapsed());
            Ok(answer::html(show(&asked, &told).await?))
        }
        Err(error) => failed(&asked, error.into()).await,
    }
}

/// What a good test found.
fn connected(connection: &Connection, took: Duration) -> Markup {
    let account = &connection.deployment;
    html! {
        div.notice.good role="status" {
            div {
                b { "Connection successful." }
                p {
                    "Account " (parts::text(account.name.as_deref().unwrap_or(&account.slug))) " (id " (parts::text(&account.id)) "), "
                    "in " (format!("{:.1}", took.as_secs_f64())) " s. The token reads: " (parts::kinds(&connection.kinds))
                }
            }
        }
    }
}

pub(crate) async fn pause(asked: Asked, form: Form) -> Answer {
    let (name, reason) = (asked.instance()?, form.text("reason").map(str::to_owned));
    let paused = asked.tenant.pause_instance(&name, reason).await;
    acted(&asked, paused.map(|_| ()), "pause").await
}

pub(crate) async fn resume(asked: Asked) -> Answer {
    let name = asked.instance()?;
    let resumed = asked.tenant.resume_instance(&name).await;
    acted(&asked, resumed.map(|_| ()), "resume").await
}

/// The page after an action, or what kept it from being done.
async fn acted(asked: &Asked, outcome: Result<(), host_harness::Error>, done: &str) -> Answer {
    match outcome {
        Ok(()) => {
            let here = address(asked.tenant.id().as_str(), asked.instance()?.as_str());
            Ok(see(&format!("{here}?done={done}")))
        }
        Err(error) => failed(asked, error.into()).await,
    }
}

pub(crate) async fn settings(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show_settings(&asked, &done).await?))
}

async fn show_settings(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let name = asked.instance()?;
    let instance = asked.tenant.instance(&name).await?;
    let loaded = asked.site.harness.connector(&instance.made.connector_source).await?;
    let schedule = asked.tenant.schedule_report(&name).await?;
    let plan = asked.tenant.schedule_plan(&name).await?.unwrap_or_default();
    let at_vendor = loaded.manifest.webhook.as_ref().map(|it| it.description.as_str());
    let inbox = if at_vendor.is_some() { Some(Inbox::of(asked, &name).await?) } else { None };
    let now = asked.site.harness.now();
    let (tenant, title) = (asked.tenant.id().to_string(), format!("Settings of {name}"));
    let here = address(&tenant, name.as_str());
    let form = Settings::of(&loaded.manifest.settings_schema, &[]).form(&instance.made.settings);
    let main = html! {
        p.path { a.link href=(Section::Sources.of(&tenant)) { "Data sources" } " / " a.link href=(here) { (name) } " / Settings" }
        div.head { h1 { (title) } }
        (happened)
        div.grid {
            section.card.c6 {
                header { h2 { "What to read" } }
                form.settings method="post" action={ (here) "/settings" } {
                    input type="hidden" name=(SEEN) value=(version(&instance.made.settings));
                    (form)
                    div.actions { button.button.primary { "Save" } span.muted { "The vendor is asked before anything is saved." } }
                }
            }
            div.c6.stack {
                (schedule_form(&schedule, &plan, &here))
                section.card {
                    header { h2 { "Guard against mass removal" } }
                    form.settings method="post" action={ (here) "/guard" } {
                        div.setting {
                            label for="max-removal" { "Percent of the open findings that one sync may mark as vanished" }
                            input id="max-removal" type="number" name="max-removal" min="0" max="100" value=(schedule.max_removal);
                            p.help { "A sync that would mark more marks none, and keeps a list of them." }
                        }
                        div.actions { button.button { "Set" } }
                    }
                }
                @if let (Some(inbox), Some(at_vendor)) = (&inbox, at_vendor) { (inbox.card(at_vendor, &here, now)) }
                @let needs = &loaded.manifest.secrets;
                @if !needs.is_empty() {
                    section.card {
                        header { h2 { "Token" } }
                        form.settings method="post" action={ (here) "/token" } {
                            @for (place, need) in needs.iter().enumerate() {
                                @let id = secret_field(place);
                                div.setting {
                                    label for=(id) { @if needs.len() == 1 { "New token" } @else { span.mono { (parts::text(&need.variable)) } } }
                                    input id=(id) type="password" name=(id) autocomplete="off" required[needs.len() == 1];
                                }
                            }
                            p.help { "It must be of the same account. The vendor is asked before it takes the place of the old one; it is sealed in the vault and shown nowhere." @if needs.len() > 1 { " What is left empty stays." } }
                            div.actions { button.button { "Change the token" } }
                        }
                    }
                }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Sources, title: Some(&title) }.page(&main))
}

/// What a form says of the settings that it was made of.
const SEEN: &str = "_seen";

/// What tells settings from others.
fn version(settings: &Map<String, Value>) -> String {
    blake3::hash(Value::Object(settings.clone()).to_string().as_bytes()).to_hex()[..16].to_owned()
}

fn schedule_form(report: &ScheduleReport, plan: &Plan, here: &str) -> Markup {
    let given = |cadence: &Option<Cadence>| cadence.as_ref().map(ToString::to_string).unwrap_or_default();
    let jitter = if plan.jitter.duration().is_zero() { String::new() } else { plan.jitter.to_string() };
    html! {
        section.card {
            header { h2 { "Schedule" } span.muted { (parts::text(report.work.schedule.as_deref().unwrap_or("none"))) } }
            form.settings method="post" action={ (here) "/schedule" } {
                @for (name, title, value, help) in [
                    ("sync", "Sync", given(&plan.sync), "A time such as 1h or 30m, or a cron expression such as 0 6 * * *."),
                    ("full", "Read everything", given(&plan.full), "The same; only this notices what is gone at the vendor."),
                    ("jitter", "Jitter", jitter, "Each sync begins up to so much later, so that not all begin at once; such as 5m, none if empty."),
                    ("zone", "Time zone", plan.zone.to_string(), "Of the cron expressions, such as Europe/Berlin."),
                ] {
                    div.setting {
                        label for=(name) { (title) }
                        input id=(name) type="text" name=(name) value=(value) spellcheck="false" aria-describedby={ (name) "-help" };
                        p.help id={ (name) "-help" } { (help) }
                    }
                }
                div.actions {
                    button.button { "Set the schedule" }
                    @if report.work.schedule.is_some() { button.button name="remove" value="true" formnovalidate { "Remove it" } }
                }
            }
        }
    }
}

/// The settings after a change, or what kept it from being made.
async fn changed(asked: &Asked, outcome: Result<(), Fault>, done: &str) -> Answer {
    match outcome {
        Ok(()) => {
            let here = address(asked.tenant.id().as_str(), asked.instance()?.as_str());
            Ok(see(&format!("{here}/settings?done={done}")))
        }
        Err(fault) => {
            let page = show_settings(asked, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn set(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let name = asked.instance()?;
        let made = asked.tenant.instance(&name).await?.made;
        let loaded = asked.site.harness.connector(&made.connector_source).await?;
        if form.text(SEEN).is_some_and(|seen| seen != version(&made.settings)) {
            let told = "the settings were changed since this page was opened: below they are as they are now; change \
                        what is to be changed once more";
            return Err(Fault::of(Own::IfMatchFailed, told));
        }
        let (set, unset) = Settings::of(&loaded.manifest.settings_schema, &[]).read(&form, &made.settings)?;
        if set.is_empty() && unset.is_empty() {
            return Ok(());
        }
        asked.tenant.change_settings(&name, SettingsChange { set, unset, ..SettingsChange::default() }).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "settings").await
}

pub(crate) async fn schedule(asked: Asked, form: Form) -> Answer {
    let removes = form.is_ticked("remove");
    let outcome = async {
        let name = asked.instance()?;
        if removes {
            return Ok(asked.tenant.clear_schedule(&name).await?);
        }
        let plan = Plan {
            sync: cadence("sync", &form)?,
            full: cadence("full", &form)?,
            zone: form.maybe::<Zone>("zone")?.unwrap_or_default(),
            jitter: form.maybe::<Interval>("jitter")?.unwrap_or(Plan::default().jitter),
        };
        if plan.sync.is_none() && plan.full.is_none() {
            return Err(Fault::field("schedule", "give one of the two times, or remove the schedule"));
        }
        Ok(asked.tenant.schedule(&asked.tenant.instance(&name).await?, plan).await?)
    };
    let outcome = outcome.await;
    changed(&asked, outcome, if removes { "unscheduled" } else { "schedule" }).await
}

pub(crate) async fn events(asked: Asked, form: Form) -> Answer {
    let (done, outcome) = match inbox::set(&asked, &form).await {
        Ok(done) => (done, Ok(())),
        Err(fault) => ("", Err(fault)),
    };
    changed(&asked, outcome, done).await
}

/// A time such as `1h`, or a cron expression.
fn cadence(name: &str, form: &Form) -> Result<Option<Cadence>, Fault> {
    let Some(text) = form.text(name) else { return Ok(None) };
    // As it is shown.
    let text = ["every ", "cron "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
    let read = match text.parse::<Interval>() {
        Ok(interval) => Cadence::every(interval),
        Err(_) => Cadence::cron(text),
    };
    read.map(Some).map_err(|error| Fault::field(name, &error.to_string()))
}

pub(crate) async fn guard(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let limit = form.read::<Percent>("max-removal")?;
        Ok(asked.tenant.set_max_removal(&asked.instance()?, limit).await?)
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "guard").await
}

pub(crate) async fn token(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let name = asked.instance()?;
        let made = asked.tenant.instance(&name).await?.made;
        let loaded = asked.site.harness.connector(&made.connector_source).await?;
        let typed = typed_secrets(&loaded.manifest, &form, true)?;
        asked.tenant.rotate_secret(&name, Rotation { typed, ..Rotation::default() }).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "token").await
}
