//! The step of projects: which are read, and which repository each is of. Nothing that
//! was typed is lost where something of it cannot be.

use std::collections::HashMap;

use appsec_model::Timestamp;
use host_harness::{
    Onboarding,
    exports::text::line,
    grant::{Code, InstanceName},
    store::{AutoMap, MappingRow, ProjectChoice, RepositoryRow},
};
use maud::{Markup, html};

use super::{address, begun, discard, leave, page_of};
use crate::{
    answer::{Fault, again, see},
    asked::{Answer, Asked, Form},
    pages::{form::address as with_query, notice, parts},
};

/// Projects that are shown on one page.
const SHOWN: usize = 500;

/// What was typed, and what of it cannot be.
pub(super) struct Typed {
    auto_map: Option<AutoMap>,
    patterns: String,
    /// By the vendor's id of the project.
    to: HashMap<String, String>,
    wrong: HashMap<String, String>,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let to = form.beginning("to:").map(|(project, to)| (project.to_owned(), to.trim().to_owned()));
        Self {
            auto_map: form.text("auto-map").and_then(|word| word.parse().ok()),
            patterns: form.text("patterns").unwrap_or_default().to_owned(),
            to: to.collect(),
            wrong: HashMap::new(),
        }
    }
}

/// The page; with what was typed into it where that cannot be kept.
pub(super) async fn show(asked: &Asked, typed: Option<&Typed>, happened: &Markup) -> Result<Markup, Fault> {
    let (name, state) = begun(asked).await?;
    let listed = asked.tenant.onboarding_projects(&name).await?;
    let scanned: HashMap<String, Option<Timestamp>> =
        listed.iter().map(|it| (it.id.clone(), it.last_scan_at)).collect();
    let rows = asked.tenant.onboarding_mapping(&name, listed).await?;
    let repositories = asked.tenant.repositories(None).await?;
    let (tenant, now) = (asked.tenant.id().to_string(), asked.site.harness.now());
    let (all, read) = (rows.len() as u64, rows.iter().filter(|it| it.read).count() as u64);
    let search = asked.field("search").unwrap_or_default();
    let found = found(&rows, &search, typed);
    let body = html! {
        p.states {
            span { (parts::counted(all, "project")) " detected: " b { (parts::number(read)) } " will be read, " (parts::number(all - read)) " will not" }
        }
        form method="post" {
            (choices(&state, typed))
            div.sheet.beside {
                div.filters role="search" {
                    div.entry {
                        label for="search" { "Search projects and repositories" }
                        input id="search" type="search" name="search" value=(search);
                    }
                    button.button name="then" value="look" { "Search" }
                    @if !search.is_empty() { span.muted { (parts::number(found.len() as u64)) " of " (parts::number(all)) } }
                    p.help { "What was changed below is kept." }
                }
                div.wide.tall tabindex="0" role="region" aria-label="Projects" {
                    table.list {
                        caption.unseen { "Projects, and the repository that each is mapped to" }
                        thead { tr { th scope="col" { "Project" } th scope="col" { "Repository" } th scope="col" { "How sure" } th scope="col" { "Last scan" } th scope="col" { span.unseen { "Whether it is read" } } } }
                        tbody {
                            @for row in found.iter().take(SHOWN) {
                                (project(row, typed, scanned.get(&row.project_id).copied().flatten(), now))
                            }
                        }
                    }
                }
                div.foot {
                    @if found.is_empty() { "No project has this in its name." }
                    @else if found.len() > SHOWN { "The first " (SHOWN) " are shown; the others follow what is chosen above." }
                    @else if found.len() as u64 == all { "All are shown." }
                    span.pages { "Type another repository, or empty the field to leave the project out." }
                }
            }
            datalist id="repositories" { @for it in &repositories { option value=(it.repository.full_name()) {} } }
            div.actions.beside {
                button.button.primary { "Next: save" }
                a.button href={ (address(&tenant, name.as_str())) "/kinds" } { "Back" }
                (leave(&tenant))
            }
        }
        (discard(&tenant, &name))
    };
    Ok(page_of(&tenant, &format!("Add {name}"), 2, happened, &body))
}

/// The rows that a text is found in, and those of which something is wrong.
fn found<'a>(rows: &'a [MappingRow], search: &str, typed: Option<&Typed>) -> Vec<&'a MappingRow> {
    let search = search.to_lowercase();
    let is_wrong = |row: &MappingRow| typed.is_some_and(|it| it.wrong.contains_key(&row.project_id));
    let has = |text: &str| text.to_lowercase().contains(&search);
    let is_found = |row: &&MappingRow| is_wrong(row) || has(&row.project) || row.repository.as_deref().is_some_and(has);
    rows.iter().filter(is_found).collect()
}

/// What becomes of all projects.
fn choices(state: &Onboarding, typed: Option<&Typed>) -> Markup {
    let auto_map = typed.and_then(|it| it.auto_map).or(state.auto_map).unwrap_or(AutoMap::Create);
    let patterns = match (typed, &state.projects) {
        (Some(typed), _) => typed.patterns.clone(),
        (None, Some(ProjectChoice::Matching(patterns))) => patterns.join(", "),
        _ => String::new(),
    };
    html! {
        section.card {
            fieldset.boxes {
                legend { "Projects that come later, and those below without a repository" }
                @for (mode, what) in [
                    (AutoMap::Create, "Map them; one that fits no repository gets one of its own"),
                    (AutoMap::Match, "Map those that surely fit a repository; the others wait"),
                    (AutoMap::Manual, "Wait for me"),
                ] {
                    label.check { input type="radio" name="auto-map" value=(mode.as_str()) checked[mode == auto_map]; (what) }
                }
            }
            div.setting {
                label for="patterns" { "Only projects whose names match" }
                input id="patterns" type="text" name="patterns" value=(patterns) placeholder="all" spellcheck="false" aria-describedby="patterns-help";
                p.help id="patterns-help" { "Patterns with * for any characters, with commas between them." }
            }
            div.actions { button.button name="then" value="look" { "Show what that means" } }
        }
    }
}

/// A project with the field of its repository.
fn project(row: &MappingRow, typed: Option<&Typed>, scanned: Option<Timestamp>, now: Timestamp) -> Markup {
    let was = row.repository.as_deref().unwrap_or_default();
    let to = typed.and_then(|it| it.to.get(&row.project_id)).map_or(was, String::as_str);
    let wrong = typed.and_then(|it| it.wrong.get(&row.project_id));
    let (id, told) = (format!("to-{}", row.row), format!("wrong-{}", row.row));
    html! {
        tr {
            td { span.title { (parts::text(&row.project)) } @if let Some(url) = &row.url { span.under { (parts::link(url, url)) } } }
            td.field {
                input type="hidden" name={ "was:" (row.project_id) } value=(was);
                input id=(id) type="text" name={ "to:" (row.project_id) } value=(to) list="repositories" placeholder="none: it is not read" spellcheck="false"
                    aria-label={ "Repository of " (line(&row.project)) } aria-invalid=[wrong.map(|_| "true")] aria-describedby=[wrong.map(|_| told.as_str())];
                @if let Some(why) = wrong { p.wrong id=(told) { (notice::prose(why)) } }
                @if let (None, Some(proposal)) = (&row.repository, &row.proposal) { span.second { "Proposed: " (parts::text(&proposal.repository)) } }
            }
            td { @if let Some(sure) = row.confidence { (format!("{sure:.1}")) } @if let Some(reason) = &row.reason { span.second { (parts::text(reason)) } } }
            td data-label="Last scan" { @match scanned { Some(at) => (parts::ago(at, now)), None => span.muted { "never scanned" } } }
            td { @if row.read { span.tag.good { "read" } } @else { span.tag { "not read" } } }
        }
    }
}

/// A change of what a project is mapped to.
type Change = (String, Option<RepositoryRow>);

/// What was changed of the mapping; what cannot be is noted beside its row.
async fn changes(asked: &Asked, form: &Form, typed: &mut Typed, rows: &[MappingRow]) -> Result<Vec<Change>, Fault> {
    let before: HashMap<&str, &str> = form.beginning("was:").collect();
    let mut changes = Vec::new();
    for (project, to) in form.beginning("to:").map(|(project, to)| (project, to.trim())) {
        match to {
            _ if before.get(project) == Some(&to) => {}
            "" => changes.push((project.to_owned(), None)),
            to => match asked.tenant.repository(to).await {
                Ok(repository) => changes.push((project.to_owned(), Some(repository))),
                Err(error) if error.code() == Code::RepositoryNotFound => {
                    let is_made = rows.iter().any(|row| row.repository.as_deref() == Some(to));
                    let why = match is_made {
                        true => "This repository is made when the source is saved. Leave the field empty, and map the project on the page Mapping afterwards.".to_owned(),
                        false => parts::sentence(&Fault::from(error).detail),
                    };
                    typed.wrong.insert(project.to_owned(), why);
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
    Ok(changes)
}

/// Keeps all that was chosen, or nothing of it.
async fn kept(asked: &Asked, name: &InstanceName, form: &Form, typed: &mut Typed) -> Result<(), Fault> {
    let auto_map: AutoMap = form.read("auto-map")?;
    let patterns = typed.patterns.split(',').map(str::trim);
    let patterns: Vec<String> = patterns.filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let rows = super::mapping(asked, name).await?;
    let changes = changes(asked, form, typed, &rows).await?;
    if !typed.wrong.is_empty() {
        return Err(Fault::field(
            "repository",
            "some of what was typed cannot be; it is told beside each. Nothing was changed",
        ));
    }
    let choice = if patterns.is_empty() { ProjectChoice::All } else { ProjectChoice::Matching(patterns) };
    asked.tenant.onboard_projects(name, choice).await?;
    asked.tenant.onboard_mapping(name, auto_map).await?;
    for (project, repository) in changes {
        asked.tenant.onboard_repository(name, &project, repository.as_ref()).await?;
    }
    Ok(())
}

pub(super) async fn choose(asked: Asked, form: Form) -> Answer {
    let name = asked.instance()?;
    let mut typed = Typed::of(&form);
    let here = address(asked.tenant.id().as_str(), name.as_str());
    match kept(&asked, &name, &form, &mut typed).await {
        Ok(()) if form.text("then") == Some("look") => {
            let search = form.text("search").map(|text| ("search", text.to_owned()));
            Ok(see(&with_query(&format!("{here}/projects"), search.into_iter())))
        }
        Ok(()) => Ok(see(&format!("{here}/save"))),
        Err(fault) => {
            let page = show(&asked, Some(&typed), &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}
