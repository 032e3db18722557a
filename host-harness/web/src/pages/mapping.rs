//! Which repository each project is of: only mapped projects are read.

use host_harness::{
    Acceptance, AutoMapReport,
    exports::text::line,
    grant::InstanceName,
    store::{AutoMap, KeptFindings, MappingRow, MappingState},
};
use maud::{Markup, html};

use super::{Frame, Section, notice, parts};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// Projects that are shown on one page.
const SHOWN: usize = 50;

pub(crate) async fn page(asked: Asked) -> Answer {
    let done = notice::done(asked.field("done").as_deref());
    Ok(answer::html(show(&asked, &done).await?))
}

async fn show(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let instance = asked.maybe_instance()?;
    let state = asked.field("state").and_then(|word| MappingState::named(&word));
    let search = asked.field("text").unwrap_or_default().to_lowercase();
    let begin = asked.field("offset").and_then(|it| it.parse().ok()).unwrap_or(0_usize);
    let mut list = asked.tenant.mapping_list(instance.as_ref(), state.into_iter().collect()).await?;
    list.projects.retain(|it| it.project.to_lowercase().contains(&search));
    let (found, tenant) = (list.projects.len(), asked.tenant.id().to_string());
    let here = Section::Mapping.of(&tenant);
    let repositories = asked.tenant.repositories(None).await?;
    let at = |state: Option<&str>, offset: usize| {
        let pairs = [
            ("instance", instance.as_ref().map(ToString::to_string)),
            ("state", state.map(str::to_owned)),
            ("text", (!search.is_empty()).then(|| search.clone())),
            ("offset", (offset > 0).then(|| offset.to_string())),
        ];
        super::form::address(&here, pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    };
    let proposals = list.projects.iter().filter(|it| it.proposal.is_some()).count() as u64;
    let of_one = match &instance {
        Some(name) => Some(asked.tenant.mapping_mode(name, None).await?),
        None => None,
    };
    let main = html! {
        div.head {
            h1 { "Mapping" }
            span.sum { (parts::counted(found as u64, "project")) @if let Some(name) = &instance { " of " (name) } }
            div.tools {
                @if proposals > 0 {
                    form.inline method="post" action={ (here) "/accept" } {
                        @if let Some(name) = &instance { input type="hidden" name="instance" value=(name); }
                        button.button.primary { "Accept " (parts::counted(proposals, "proposal")) }
                    }
                }
            }
        }
        (happened)
        form.filters method="get" {
            div.entry { label for="text" { "Search" } input id="text" type="search" name="text" value=(search) placeholder="Part of a project's name"; }
            @if let Some(name) = &instance { input type="hidden" name="instance" value=(name); }
            @if let Some(state) = state { input type="hidden" name="state" value=(state.as_str()); }
            button.button { "Search" }
        }
        @if let Some(it) = &of_one { (mode(it, &here)) }
        nav.quick aria-label="By state" {
            a href=(at(None, 0)) aria-current=[state.is_none().then_some("true")] { "All" }
            @for it in MappingState::ALL { a href=(at(Some(it.as_str()), 0)) aria-current=[(state == Some(*it)).then_some("true")] { (it.as_str()) } }
        }
        @if list.projects.is_empty() {
            (parts::empty(&html! { "No project is known here. Projects are listed by the first sync of a source." }))
        } @else {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Projects, and the repository that each is mapped to" }
                        thead { tr { th scope="col" { "Project" } th scope="col" { "State" } th scope="col" { "Repository" } th.late scope="col" { "How sure" } th.late.num scope="col" { "Open" } } }
                        tbody { @for row in list.projects.iter().skip(begin).take(SHOWN) { (project(row, &here)) } }
                    }
                }
                div.foot {
                    (parts::number(begin as u64 + 1)) " to " (parts::number(found.min(begin + SHOWN) as u64)) " of " (parts::number(found as u64))
                    span.pages {
                        @if begin > 0 { a.button href=(at(state.map(MappingState::as_str), begin.saturating_sub(SHOWN))) { "Previous" } }
                        @if begin + SHOWN < found { a.button href=(at(state.map(MappingState::as_str), begin + SHOWN)) { "Next" } }
                    }
                }
            }
            datalist id="repositories" { @for it in &repositories { option value=(it.repository.full_name()) {} } }
        }
    };
    Ok(Frame { tenant: &tenant, section: Section::Mapping, title: None }.page(&main))
}

/// What becomes of new projects of a source.
fn mode(it: &AutoMapReport, here: &str) -> Markup {
    html! {
        form.inline.mode method="post" action={ (here) "/mode" } {
            input type="hidden" name="instance" value=(it.instance);
            label for="mode" { "New projects" }
            select.field id="mode" name="mode" {
                @for (mode, what) in MODES { option value=(mode.as_str()) selected[mode == it.auto_map] { (what) } }
            }
            button.button { "Set" }
        }
    }
}

/// What becomes of new projects, in words.
const MODES: [(AutoMap, &str); 3] = [
    (AutoMap::Create, "are mapped, and get a repository where none fits"),
    (AutoMap::Match, "are mapped where a repository surely fits; others wait"),
    (AutoMap::Manual, "wait for somebody to map them"),
];

fn project(row: &MappingRow, here: &str) -> Markup {
    let proposed = row.proposal.as_ref().map(|it| it.repository.as_str());
    let open = row.findings.open;
    html! {
        tr {
            td { span.title { (parts::text(&row.project)) } span.under { (parts::text(&row.instance)) @if let Some(url) = &row.url { (parts::link(url, url)) } } }
            td { (parts::state(row.state.as_str())) @if !row.read { span.second { "not read" } } }
            td.field {
                form.inline method="post" action={ (here) "/set" } {
                    input type="hidden" name="instance" value=(row.instance);
                    input type="hidden" name="project" value=(row.project_id);
                    input type="text" name="repository" list="repositories" spellcheck="false" aria-label={ "Repository of " (line(&row.project)) }
                        value=(row.repository.as_deref().or(proposed).unwrap_or_default());
                    button.button name="do" value="map" { @if row.repository.is_some() { "Change" } @else { "Map" } }
                    @if row.state == MappingState::Ignored {
                        button.button name="do" value="restore" { "Take up again" }
                    } @else {
                        details.menu {
                            summary.button { "Ignore…" }
                            div {
                                @if open > 0 {
                                    label { "Its findings " select name="findings" { option value="keep" { "stay" } option value="delete" { "are deleted" } } }
                                }
                                button.button name="do" value="ignore" { "Ignore it" }
                            }
                        }
                    }
                }
                @if let (None, Some(proposed)) = (&row.repository, proposed) { span.second { "Proposed: " (parts::text(proposed)) } }
            }
            td.late { @if let Some(sure) = row.confidence { (format!("{sure:.1}")) } @if let Some(reason) = &row.reason { span.second { (parts::text(reason)) } } }
            td.late.num { (parts::number(open)) }
        }
    }
}

/// The page after a change, or what kept it from being made.
async fn changed(asked: &Asked, outcome: Result<(), Fault>, done: &'static str) -> Answer {
    match outcome {
        Ok(()) => Ok(see(&format!("{}?done={done}", Section::Mapping.of(asked.tenant.id().as_str())))),
        Err(fault) => {
            let page = show(asked, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn set_mode(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let (name, mode): (InstanceName, AutoMap) = (form.read("instance")?, form.read("mode")?);
        asked.tenant.mapping_mode(&name, Some(mode)).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "mode").await
}

pub(crate) async fn accept(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let instance = form.maybe::<InstanceName>("instance")?;
        let all = Acceptance { instance, projects: Vec::new(), min_confidence: 0.0 };
        asked.tenant.accept_mappings(&all).await?;
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "accepted").await
}

pub(crate) async fn set(asked: Asked, form: Form) -> Answer {
    let outcome = async {
        let project = form.project()?;
        match form.text("do") {
            Some("ignore") => {
                let findings = form.text("findings").map(|word| match word {
                    "delete" => KeptFindings::Delete,
                    _ => KeptFindings::Keep,
                });
                asked.tenant.ignore_project(&project, findings).await?;
            }
            Some("restore") => _ = asked.tenant.restore_project(&project).await?,
            _ => {
                let repository: String = form.read("repository")?;
                asked.tenant.set_mapping(&project, &repository).await?;
            }
        }
        Ok(())
    };
    let outcome = outcome.await;
    changed(&asked, outcome, "mapped").await
}
