//! The code repositories: the list, and each with its projects and their scans.

use std::collections::BTreeMap;

use host_harness::{
    RepositoryDetail, ScanFieldChanges,
    analysis::RepositoryList,
    grant::InstanceName,
    query::{List, Query},
    store::{Coverage, MappingRow, RepositoryRow},
};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts, source};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// Repositories that are shown on one page.
const SHOWN: usize = 50;

/// The address of a repository's page.
pub(super) fn address(tenant: &str, name: &str) -> String {
    Section::Repositories.at(tenant, name)
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, "", &done).await?))
}

async fn show(asked: &Asked, typed: &str, happened: &Markup) -> Result<Markup, Fault> {
    let search = asked.field("text");
    let begin = asked.number("offset")?.unwrap_or_default() as usize;
    let rows = asked.tenant.repositories(search.clone()).await?;
    let tenant = asked.tenant.id().to_string();
    let here = Section::Repositories.of(&tenant);
    let at = |offset: usize| {
        let pairs = [("text", search.clone()), ("offset", (offset > 0).then(|| offset.to_string()))];
        super::form::address(&here, pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    };
    let main = html! {
        div.head {
            h1 { "Repositories" }
            span.sum { (parts::counted(rows.len() as u64, "repository")) }
            div.tools { a.button href=(Section::Repositories.api(&tenant)) { "JSON" } }
        }
        (happened)
        form.filters method="get" role="search" {
            div.entry { label for="text" { "Search" } input id="text" type="search" name="text" value=(search.as_deref().unwrap_or_default()) placeholder="Part of a name, a URL or a group"; }
            button.button { "Search" }
        }
        @if rows.is_empty() {
            (parts::empty(&html! { "No repository is known here. Add those that are to be looked after, below; others are made of the projects of sources." }))
        } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Repositories, by name" }
                        thead { tr { th scope="col" { "Repository" } th.late scope="col" { "Groups" } th.num scope="col" { "Projects" } th.num scope="col" { "Open" } th.late.num scope="col" { "All findings" } } }
                        tbody { @for it in rows.iter().skip(begin).take(SHOWN) { (row(it, &tenant)) } }
                    }
                }
                div.foot {
                    (parts::number(begin as u64 + 1)) " to " (parts::number(rows.len().min(begin + SHOWN) as u64)) " of " (parts::number(rows.len() as u64))
                    span.pages {
                        @if begin > 0 { a.button href=(at(begin.saturating_sub(SHOWN))) { "Previous" } }
                        @if begin + SHOWN < rows.len() { a.button href=(at(begin + SHOWN)) { "Next" } }
                    }
                }
            }
        }
        h2.part { "Add repositories" }
        section.card.narrow {
            form.settings method="post" {
                div.setting {
                    label for="list" { "List" }
                    textarea id="list" name="list" rows="6" spellcheck="false" required placeholder="full_name,url,default_branch,groups" aria-describedby="list-help" { "\n" (typed) }
                    p.help id="list-help" { "A table with the column " code { "full_name" } " or " code { "url" } ", and if you like " code { "default_branch" } " and " code { "groups" } " (" code { ";" } " between them); or JSON as GitHub and GitLab list repositories." }
                }
                div.actions { button.button.primary { "Add" } }
            }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Repositories, title: None }.page(&main))
}

fn row(it: &RepositoryRow, tenant: &str) -> Markup {
    let repository = &it.repository;
    html! {
        tr {
            td.what {
                a.title href=(address(tenant, repository.full_name())) { (parts::text(repository.full_name())) }
                span.under {
                    @if let Some(url) = repository.address() { (parts::link(&url.to_string(), &url.to_string())) }
                    @if let Some(branch) = &repository.default_branch { span { (parts::text(branch)) } }
                    @if !it.listed { span.tag { "from a project" } }
                }
            }
            td.late { (parts::text(&repository.groups.join(", "))) }
            td.num data-label="Projects" { (parts::number(it.projects)) }
            td.num data-label="Open" { (parts::number(it.findings.open)) }
            td.late.num { (parts::number(it.findings.total)) }
        }
    }
}

pub(crate) async fn add(asked: Asked, form: Form) -> Answer {
    let typed = form.all("list").next().unwrap_or_default().to_owned();
    let outcome = async {
        let list = RepositoryList::read(typed.as_bytes(), "list");
        let list = list.map_err(|error| Fault::field("list", &error.to_string()))?;
        if let Some(problem) = list.problems.first() {
            return Err(Fault::field("list", &problem.to_string()));
        }
        if list.repositories.is_empty() {
            return Err(Fault::field("list", "it names no repository"));
        }
        asked.tenant.import_repositories(list, false).await?;
        Ok(())
    };
    let outcome: Result<(), Fault> = outcome.await;
    match outcome {
        Ok(()) => Ok(see(&format!("{}?done=listed", Section::Repositories.of(asked.tenant.id().as_str())))),
        Err(fault) => {
            let page = show(&asked, &typed, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn one(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    let chosen = asked.maybe::<InstanceName>("scanner")?;
    let drawer = match &chosen {
        Some(source) => drawer(&asked, source, &Form::default()).await?,
        None => html! {},
    };
    Ok(answer::html(show_one(&asked, &drawer, &done).await?))
}

async fn show_one(asked: &Asked, drawer: &Markup, happened: &Markup) -> Result<Markup, Fault> {
    let name: String = asked.named("repository")?;
    let RepositoryDetail { repository: row, projects } = asked.tenant.repository_detail(&name).await?;
    let name = row.repository.full_name().to_owned();
    let query = Query::parse(List::Coverage, [("repository", name.as_str())])?;
    let coverage = asked.tenant.coverage(&query).await?;
    let sources = asked.tenant.instances().await?;
    let tenant = asked.tenant.id().to_string();
    let here = address(&tenant, &name);
    let of = |section: Section| super::form::address(&section.of(&tenant), [("repository", name.clone())].into_iter());
    let main = html! {
        nav.path aria-label="Path" { a.link href=(Section::Repositories.of(&tenant)) { "Repositories" } " › " (parts::text(&name)) }
        div.head {
            h1 { (parts::text(&name)) }
            span.sum { (parts::number(row.findings.open)) " open of " (parts::counted(row.findings.total, "finding")) }
            div.tools {
                a.button.primary href=(of(Section::Findings)) { "Findings" }
                a.button href=(of(Section::Issues)) { "Issues" }
                @if row.projects == 0 { form.inline method="post" action={ (here) "/remove" } { button.button.danger { "Remove" } } }
            }
        }
        (happened)
        div.grid {
            section.card.c6 {
                header { h2 { "Repository" } }
                dl.facts {
                    (parts::fact("URL", row.repository.address().map(|it| parts::link(&it.to_string(), &it.to_string()))))
                    (parts::fact("Default branch", row.repository.default_branch.as_deref().map(parts::text)))
                    (parts::fact("Groups", (!row.repository.groups.is_empty()).then(|| parts::text(&row.repository.groups.join(", ")))))
                    (parts::fact("Listed", Some(html! { @if row.listed { "yes" } @else { "no: created from a project" } })))
                }
            }
            (covered(&coverage, &name))
            section.card.c12 {
                header { h2 { "Scanners" } span.muted { (parts::counted(projects.len() as u64, "project")) " of sources" } }
                @if projects.is_empty() { p.muted { "No project of a source is mapped to it: it is not scanned, as far as is known here." } }
                @for it in &projects { (project(it, &here, &tenant)) }
                @if sources.is_empty() {
                    p.beside { "There is no source yet. " a.link href=(Section::Sources.of(&tenant)) { "Add one" } " first." }
                } @else {
                    form.inline.beside method="get" action=(here) {
                        label for="scanner" { "Source" }
                        select.field id="scanner" name="scanner" { @for it in &sources { option value=(it.made.name) { (it.made.name) } } }
                        button.button.primary { "Add a scanner…" }
                    }
                }
            }
        }
        (drawer)
    };
    Ok(Frame { tenant: &tenant, section: Section::Repositories, title: Some(&name) }.page(&main))
}

fn covered(coverage: &Coverage, name: &str) -> Markup {
    let row = coverage.repositories.iter().find(|it| it.repository == name);
    html! {
        section.card.c6 {
            header { h2 { "Coverage" } }
            @match row {
                None => p.muted { "No source looks after it." },
                Some(row) => table.plain { tbody {
                    @for (instance, cell) in &row.instances { tr { td { (parts::text(instance)) } td { (parts::state(cell.state.as_str())) } } }
                } },
            }
        }
    }
}

/// The fields of what is said of a project's scans, and what is ticked of it.
fn scan_fields(id: &str, values: [&str; 4], ticked: [bool; 2]) -> Markup {
    let titles = ["Environment", "Branch", "Scan tag", "Metadata"];
    let hints = ["production", "main", "nightly", "team=web, tier=1"];
    html! {
        @for (((name, title), value), hint) in FIELDS.into_iter().zip(titles).zip(values).zip(hints) {
            div.setting {
                label for={ (id) "-" (name) } { (title) }
                input id={ (id) "-" (name) } type="text" name=(name) value=(value) placeholder=(hint) spellcheck="false";
            }
        }
        @for ((name, title), is_on) in BOXES.into_iter().zip(ticked) {
            label.check for={ (id) "-" (name) } {
                input id={ (id) "-" (name) } type="checkbox" name=(name) value="true" checked[is_on];
                (title)
            }
        }
    }
}

/// Their names.
const FIELDS: [&str; 4] = ["environment", "branch", "tag", "metadata"];

/// Names and titles of those that are on or off.
const BOXES: [(&str, &str); 2] =
    [("scheduled", "Included in scheduled syncs"), ("notify", "The webhook is notified of its runs")];

/// A project with what is said of its scans.
fn project(row: &MappingRow, here: &str, tenant: &str) -> Markup {
    let fields = &row.scan_fields;
    let metadata: Vec<String> = fields.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let metadata = metadata.join(", ");
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let (environment, branch, tag) = (text(&fields.environment), text(&fields.branch), text(&fields.tag));
    let id = format!("{}-{}", row.instance, row.project_id);
    html! {
        details.project {
            summary {
                span { b { (parts::text(&row.project)) } " " span.muted { (parts::text(&row.instance)) } }
                (parts::state(row.state.as_str()))
                span.muted { (parts::number(row.findings.open)) " open" }
            }
            form.settings method="post" action={ (here) "/fields" } {
                input type="hidden" name="instance" value=(row.instance);
                input type="hidden" name="project" value=(row.project_id);
                fieldset { (scan_fields(&id, [&environment, &branch, &tag, &metadata], [fields.scheduled, fields.notify])) }
                div.actions { button.button { "Save" } }
            }
            (commands(tenant, &row.instance, Some(&row.project)))
        }
    }
}

/// How the same is done by a program.
fn commands(tenant: &str, instance: &str, project: Option<&str>) -> Markup {
    let project = project.map_or_else(|| "PROJECT".to_owned(), parts::quoted);
    let run = format!("harness sync {instance} --project {project} --tenant {tenant}");
    let api = format!(
        "curl -X POST -H \"Authorization: Bearer $TOKEN\" \"$SERVER/api/v1/tenants/{tenant}/instances/{instance}/runs\""
    );
    html! {
        div.commands {
            p.help { "On the command line, for this project alone" }
            (parts::copied(&run))
            p.help { "With " a.link href=(Section::Tokens.of(tenant)) { "an API token" } ", for all projects of the source" }
            (parts::copied(&api))
        }
    }
}

/// The drawer in which a project of a source becomes a scanner of the repository.
async fn drawer(asked: &Asked, source: &InstanceName, typed: &Form) -> Result<Markup, Fault> {
    let name: String = asked.named("repository")?;
    let projects = asked.tenant.mapping_list(Some(source), Vec::new()).await?.projects;
    let schedule = asked.tenant.schedule_report(source).await?;
    let is_notified = asked.tenant.notify_list().await?.webhooks.iter().any(|it| it.instance == source.as_str());
    let tenant = asked.tenant.id().to_string();
    let (here, settings) = (address(&tenant, &name), format!("{}/settings", source::address(&tenant, source.as_str())));
    let is_report_source = asked.tenant.instance(source).await?.is_report_source();
    let text = |field: &str| typed.text(field).unwrap_or_default();
    let is_typed = typed.text("instance").is_some();
    Ok(html! {
        section.drawer role="region" aria-labelledby="drawer-title" {
            header { h2 id="drawer-title" { "Add a scanner: " (source) } a.close href=(here) aria-label="Close" { "×" } }
            form.settings method="post" action={ (here) "/scanner" } {
                input type="hidden" name="instance" value=(source);
                div.setting {
                    label for="project" { "Project" }
                    input id="project" type="text" name="project" value=(text("project")) required list="projects" autocomplete="off" spellcheck="false" autofocus aria-describedby="project-help";
                    datalist id="projects" {
                        @for it in &projects { option value=(it.project) { (it.state.as_str()) @if let Some(to) = &it.repository { ", in " (to) } } }
                    }
                    p.help id="project-help" {
                        @if projects.is_empty() { "The source lists none yet: sync it once." } @else { "One of the " (parts::counted(projects.len() as u64, "project")) " that the source lists; type to search." }
                    }
                }
                (scan_fields("new", FIELDS.map(text), BOXES.map(|(name, _)| !is_typed || typed.text(name).is_some())))
                dl.facts {
                    @if !is_report_source {
                        (parts::fact("Schedule", Some(html! {
                            @match &schedule.work.schedule { Some(it) => (parts::text(it)), None => "none: on request only" }
                            " " a.link href=(settings) { "Change" }
                        })))
                    }
                    (parts::fact("Webhook", Some(html! {
                        @if is_notified { "set" } @else { "none" }
                        " " a.link href=(Section::Notifications.of(&tenant)) { "Change" }
                    })))
                }
                p.help { "Schedule and webhook are those of the source; a project can be left out of either." }
                div.actions { button.button.primary { "Add" } a.button href=(here) { "Cancel" } }
            }
            @if !is_report_source { (commands(&tenant, source.as_str(), typed.text("project"))) }
        }
    })
}

async fn acted(asked: &Asked, outcome: Result<(), Fault>, done: &str) -> Answer {
    let name: String = asked.named("repository")?;
    match outcome {
        Ok(()) => Ok(see(&format!("{}?done={done}", address(asked.tenant.id().as_str(), &name)))),
        Err(fault) => {
            let page = show_one(asked, &html! {}, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn scanner(asked: Asked, form: Form) -> Answer {
    let source: InstanceName = form.read("instance")?;
    let outcome = async {
        let repository: String = asked.named("repository")?;
        let project = form.project()?;
        // What cannot be read keeps the rest from being done.
        // A project may be known with fields of its own, which this form does not show.
        let changes = ScanFieldChanges { clear: Vec::new(), ..changes(&form)? };
        asked.tenant.set_mapping(&project, &repository).await?;
        asked.tenant.set_scan_fields(&project, changes).await?;
        Ok(())
    };
    match outcome.await {
        Err(fault) => {
            // What was typed stays there.
            let page = async {
                let drawer = drawer(&asked, &source, &form).await?;
                show_one(&asked, &drawer, &notice::failed(&fault)).await
            };
            let page = page.await;
            again(fault, page)
        }
        done => acted(&asked, done, "scanner").await,
    }
}

/// What a form says of a project's scans. What is left empty is forgotten.
fn changes(form: &Form) -> Result<ScanFieldChanges, Fault> {
    let mut metadata = BTreeMap::new();
    for pair in form.text("metadata").unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Fault::field("metadata", "KEY=VALUE, such as team=web"))?;
        metadata.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let text = |name: &str| form.text(name).map(str::to_owned);
    let clear = FIELDS.into_iter().filter(|name| *name == "metadata" || form.text(name).is_none());
    Ok(ScanFieldChanges {
        clear: clear.map(str::to_owned).collect(),
        environment: text("environment"),
        branch: text("branch"),
        tag: text("tag"),
        metadata,
        scheduled: Some(form.text("scheduled").is_some()),
        notify: Some(form.text("notify").is_some()),
    })
}

pub(crate) async fn fields(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        asked.tenant.set_scan_fields(&form.project()?, changes(&form)?).await?;
        Ok(())
    };
    let outcome: Result<(), Fault> = outcome.await;
    acted(&asked, outcome, "fields").await
}

pub(crate) async fn remove(asked: Asked) -> Answer {
    let name: String = asked.named("repository")?;
    match asked.tenant.remove_repository(&name).await {
        Ok(_) => Ok(see(&format!("{}?done=removed", Section::Repositories.of(asked.tenant.id().as_str())))),
        Err(error) => acted(&asked, Err(error.into()), "removed").await,
    }
}
