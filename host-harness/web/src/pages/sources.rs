//! Where findings come from: the connectors that there are, and the instances.

use std::sync::Arc;

use appsec_model::Manifest;
use host_harness::{BUNDLED, InstanceReport, InstanceWork, Onboarding, store::ConnectorSource};
use maud::{Markup, html};

use super::{Frame, Section, form, notice, parts, source};
use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// What findings are about, by the word of an address, with the kinds of each.
const CLASSES: [(&str, &str, &[&str]); 3] = [
    ("sast", "SAST", &["sast", "ai-sast"]),
    ("sca", "SCA", &["sca", "packages"]),
    ("secrets", "Secrets", &["secrets"]),
];

/// The word of an address for reports, which the host reads itself.
const REPORTS: &str = "reports";

/// The reports that it reads.
const REPORT_FORMATS: [&str; 4] = ["SARIF", "CycloneDX", "OSV-Scanner", "GitLab"];

/// Two sliders: the settings of an instance.
const GEAR: &str = "M2.5 5h6M12 5h1.5M2.5 11h1.5M7.5 11h6M10.2 3.3a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4zM5.8 9.3a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4z";

/// A connector of the catalogue.
struct Offered {
    /// What it is called in an address.
    id: String,
    manifest: Arc<Manifest>,
}

/// The connectors inside of the program, and those that are installed.
async fn offered(asked: &Asked) -> Vec<Offered> {
    let harness = &asked.site.harness;
    let mut all: Vec<(String, ConnectorSource)> = Vec::new();
    for it in BUNDLED {
        all.push((it.id.to_owned(), ConnectorSource::Bundled { id: it.id.to_owned() }));
    }
    // One that is damaged does not run, and keeps none of the others away.
    let installed = harness.installed_connectors().unwrap_or_default();
    for it in installed.into_iter().filter(|it| it.damage.is_none()) {
        all.push((super::wizard::installed(&it.sha256), ConnectorSource::Installed { sha256: it.sha256 }));
    }
    let mut offered = Vec::new();
    for (id, source) in all {
        if let Ok(loaded) = harness.connector(&source).await {
            offered.push(Offered { id, manifest: loaded.manifest });
        }
    }
    offered
}

/// What of the catalogue is asked for.
struct Wanted {
    class: Option<String>,
    search: String,
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Self, Fault> {
        let class = asked.field("class");
        let known = || CLASSES.iter().map(|(word, ..)| *word).chain([REPORTS]);
        match class.as_deref() {
            Some(word) if !known().any(|it| it == word) => {
                Err(Fault::field("class", &format!("one of {}", known().collect::<Vec<_>>().join(", "))))
            }
            _ => Ok(Self { class, search: asked.field("text").unwrap_or_default().trim().to_lowercase() }),
        }
    }

    fn connector(&self, manifest: &Manifest) -> bool {
        let kinds = || manifest.kinds.iter().map(|it| it.kind.as_str());
        let class = self.class.as_deref().map(|word| CLASSES.iter().find(|(known, ..)| *known == word));
        let fits = class.is_none_or(|class| class.is_some_and(|(.., of)| kinds().any(|kind| of.contains(&kind))));
        fits && self.finds([manifest.id.as_str(), &manifest.name, &manifest.vendor].into_iter().chain(kinds()))
    }

    fn reports(&self) -> bool {
        self.class.as_deref().is_none_or(|it| it == REPORTS)
            && self.finds(["Reports of other scanners"].into_iter().chain(REPORT_FORMATS))
    }

    fn finds<'a>(&self, mut texts: impl Iterator<Item = &'a str>) -> bool {
        self.search.is_empty() || texts.any(|text| text.to_lowercase().contains(&self.search))
    }

    /// The address of the same with another class.
    fn at(&self, here: &str, class: Option<&str>) -> String {
        let pairs =
            [("class", class.map(str::to_owned)), ("text", Some(self.search.clone()).filter(|it| !it.is_empty()))];
        form::address(here, pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

pub(crate) async fn page(asked: Asked) -> Answer {
    let wanted = Wanted::of(&asked)?;
    let now = asked.site.harness.now();
    let mut sources = Vec::new();
    for work in asked.tenant.work().await? {
        let Ok(name) = work.instance.parse() else { continue };
        sources.push((asked.tenant.instance_report(&name).await?, work));
    }
    let onboardings = asked.tenant.onboardings().await?;
    let catalogue: Vec<_> = offered(&asked).await.into_iter().filter(|it| wanted.connector(&it.manifest)).collect();
    let tenant = asked.tenant.id().to_string();
    let here = Section::Sources.of(&tenant);
    let main = html! {
        div.head {
            h1 { "Data sources" }
            span.sum { (parts::counted(sources.len() as u64, "instance")) }
            div.tools { a.button href=(Section::Sources.api(&tenant)) { "JSON" } }
        }
        (notice::done(asked.field("done").as_deref()))
        @for it in &onboardings { (under_way(it, &tenant)) }
        @if !sources.is_empty() {
            div.sheet {
                div.wide {
                    table.list {
                        caption.unseen { "Instances" }
                        thead {
                            tr {
                                th scope="col" { "Source" } th scope="col" { "State" } th.late scope="col" { "Kinds" }
                                th scope="col" { "Projects" } th.late scope="col" { "Last run" } th.late scope="col" { "Next" } th scope="col" { span.unseen { "Settings" } }
                            }
                        }
                        tbody {
                            @for (report, work) in &sources {
                                tr {
                                    td { a.title href=(source::address(&tenant, &report.name)) { (parts::text(&report.name)) } span.under { (parts::text(&report.connector)) } }
                                    td { (source::state(report)) @if let Some(why) = &report.status_detail { span.second { (parts::joined(why)) } } @else { span.second { (running(work)) } } }
                                    td.late { @if let Some(it) = &report.connection { (parts::kinds(&it.kinds)) } }
                                    td { (projects(report)) }
                                    td.late { @if let Some(run) = &work.last_run { (parts::state(run.state.as_str())) span.second { (run.mode.as_str()) ", " (parts::ago(run.started_at, now)) } } @else { "never" } }
                                    td.late { @if let Some(at) = work.next_at { (parts::moment(at)) } @else { span.muted { "on request" } } }
                                    td.gear {
                                        @if report.connection.is_some() {
                                            a href={ (source::address(&tenant, &report.name)) "/settings" } title="Settings" aria-label={ "Settings of " (report.name) } { (super::icon(GEAR)) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        h2.part { "Add a source" }
        (choice(&wanted, &here))
        @if catalogue.is_empty() && !wanted.reports() {
            (parts::empty(&html! { "No connector is of that kind or name. " a.link href=(here) { "Show all" } }))
        }
        div.grid {
            @for it in &catalogue {
                @let is_there = sources.iter().any(|(report, _)| report.connector == it.manifest.id);
                (card(it, is_there, &tenant))
            }
            @if wanted.reports() {
                section.card.c6 {
                    header { h2 { "Reports of other scanners" } }
                    p.states { @for format in REPORT_FORMATS { span.tag { (format) } } }
                    (badges(["Command line", "File upload"].into_iter()))
                    div.actions { a.button.primary href=(Section::Import.of(&tenant)) { "Import a report" } }
                }
            }
        }
        p.muted.beside { "A connector of your own, or of somebody else, is a component that " code { "harness connector install FILE" } " adds to this list." }
    };
    Ok(answer::html(Frame { tenant: &tenant, section: Section::Sources, title: None }.page(&main)))
}

/// The classes, and the field for a name.
fn choice(wanted: &Wanted, here: &str) -> Markup {
    let classes = CLASSES.iter().map(|(word, title, _)| (*word, *title)).chain([(REPORTS, "Reports")]);
    html! {
        form.filters method="get" role="search" {
            div.entry { label for="text" { "Search" } input id="text" type="search" name="text" value=(wanted.search) placeholder="Name of a vendor or a kind"; }
            @if let Some(class) = &wanted.class { input type="hidden" name="class" value=(class); }
            button.button { "Search" }
        }
        nav.quick aria-label="By class" {
            a href=(wanted.at(here, None)) aria-current=[wanted.class.is_none().then_some("true")] { "All" }
            @for (word, title) in classes {
                a href=(wanted.at(here, Some(word))) aria-current=[(wanted.class.as_deref() == Some(word)).then_some("true")] { (title) }
            }
        }
    }
}

fn card(it: &Offered, is_there: bool, tenant: &str) -> Markup {
    let manifest = &it.manifest;
    let ways = [
        ("Sync", true),
        ("Schedule", true),
        ("Command line", true),
        ("File upload", !manifest.formats.is_empty()),
        ("Webhook", manifest.webhook.is_some()),
    ];
    html! {
        section.card.c6 {
            header { h2 { (parts::text(&manifest.name)) } span.muted { (parts::text(&manifest.version)) } }
            p.states { @for it in &manifest.kinds { span.tag { (it.kind) } } }
            (badges(ways.into_iter().filter(|(_, has)| *has).map(|(way, _)| way)))
            div.actions {
                a.button.primary href={ (Section::Sources.of(tenant)) "/add/" (it.id) } { @if is_there { "Add another instance" } @else { "Add" } }
                @if !manifest.formats.is_empty() { a.button href=(Section::Import.of(tenant)) { "Import a file" } }
            }
        }
    }
}

/// The ways in which findings come in.
fn badges<'a>(ways: impl Iterator<Item = &'a str>) -> Markup {
    html! { ul.badges aria-label="Ways in" { @for way in ways { li { (way) } } } }
}

fn under_way(it: &Onboarding, tenant: &str) -> Markup {
    html! {
        div.notice {
            span { "The setup of " b { (parts::text(&it.name)) } " is not finished: it waits for " (super::wizard::waits_for(it.step)) "." }
            a.link href=(super::wizard::address(tenant, &it.name)) { "Go on with it" }
        }
    }
}

fn projects(report: &InstanceReport) -> Markup {
    let counts = &report.projects;
    html! {
        (parts::number(counts.mapped)) " mapped"
        @if counts.unmapped > 0 { span.second { (parts::number(counts.unmapped)) " waiting" } }
    }
}

fn running(work: &InstanceWork) -> Markup {
    html! {
        @match &work.running {
            None => "idle",
            Some(it) if it.alive => {
                (it.holder.work) " is under way: " (parts::counted(it.pages, "page")) ", " (parts::counted(it.records, "record"))
            },
            Some(it) => { (it.holder.work) " was interrupted; the next one resumes it" },
        }
    }
}
