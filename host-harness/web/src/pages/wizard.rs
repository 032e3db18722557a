//! Adding a source, step by step: authorize, kinds, projects with their mapping,
//! save. Each step is kept, so that one can leave and go on later.

mod projects;

use appsec_model::{Access, Kind, KindAccess};
use host_harness::{
    Error, KindChoice, Onboarding, OnboardingStep, Setup,
    grant::{InstanceName, Origin},
    ingest::SyncOptions,
    store::{AutoMap, ConnectorSource, MappingRow, ProjectChoice},
};
use maud::{Markup, html};

use super::{
    Frame, Section,
    fields::{Settings, secret_field, typed_secrets},
    notice, parts, source,
};
use crate::{
    answer::{self, Fault, again, see},
    asked::{Answer, Asked, Form},
};

/// Settings that have a step of their own.
const LATER: [&str; 1] = ["kinds"];

/// The address of a setup that was begun.
pub(super) fn address(tenant: &str, name: &str) -> String {
    format!("/t/{tenant}/onboarding/{name}")
}

/// What a setup waits for, in words.
pub(super) fn waits_for(step: OnboardingStep) -> &'static str {
    match step {
        OnboardingStep::Token => "a token",
        OnboardingStep::Kinds => "what to bring",
        OnboardingStep::Projects | OnboardingStep::Mapping => "the projects",
        OnboardingStep::Save => "being saved",
    }
}

/// The steps, and the one that this is.
fn page_of(tenant: &str, title: &str, here: usize, happened: &Markup, body: &Markup) -> Markup {
    let main = html! {
        p.path { a.link href=(Section::Sources.of(tenant)) { "Data sources" } " / " (title) }
        div.head { h1 { (title) } }
        ol.steps {
            @for (place, step) in ["Authorize", "What to bring", "Projects", "Save"].into_iter().enumerate() {
                li.past[place < here] aria-current=[(place == here).then_some("step")] { (step) }
            }
        }
        (happened)
        (body)
    };
    Frame { tenant, section: Section::Sources, title: Some(title) }.page(&main)
}

/// What the address of an installed connector begins with.
const INSTALLED: &str = "sha256:";

/// What an installed connector is called in an address.
pub(super) fn installed(sha256: &str) -> String {
    format!("{INSTALLED}{sha256}")
}

/// The connector of an address: one inside of the program, or an installed one.
async fn connector(asked: &Asked) -> Result<(ConnectorSource, host_harness::Loaded), Fault> {
    let id: String = asked.named("connector")?;
    let source = match id.strip_prefix(INSTALLED) {
        Some(sha256) => {
            let known = asked.site.harness.installed_connectors()?;
            let found = known.into_iter().find(|it| it.sha256 == sha256);
            ConnectorSource::Installed { sha256: found.ok_or_else(|| Fault::not_found("such connector"))?.sha256 }
        }
        None => ConnectorSource::Bundled { id },
    };
    let loaded = asked.site.harness.connector(&source).await?;
    Ok((source, loaded))
}

pub(crate) async fn add(asked: Asked) -> Answer {
    // A setup that waits for a token goes on here, with what was said of it.
    let known = match asked.field("name").and_then(|name| name.parse().ok()) {
        Some(name) => asked.tenant.onboarding_setup(&name).await?,
        None => None,
    };
    let typed = known.map_or_else(Typed::default, |setup| Typed {
        name: setup.name.to_string(),
        is_private: !setup.allow_private_origins.is_empty(),
        settings: setup.settings,
    });
    Ok(answer::html(show_add(&asked, &typed, &html! {}).await?))
}

/// What was written into the first form; never the token.
#[derive(Default)]
struct Typed {
    name: String,
    settings: serde_json::Map<String, serde_json::Value>,
    is_private: bool,
}

async fn show_add(asked: &Asked, typed: &Typed, happened: &Markup) -> Result<Markup, Fault> {
    let (_, loaded) = connector(asked).await?;
    let manifest = &loaded.manifest;
    let tenant = asked.tenant.id().to_string();
    let settings = Settings::of(&manifest.settings_schema, &LATER).form(&typed.settings);
    let taken = asked.tenant.instances().await?;
    let name = match typed.name.as_str() {
        "" if taken.iter().all(|it| it.made.name.as_str() != manifest.id) => manifest.id.clone(),
        name => name.to_owned(),
    };
    let body = html! {
        section.card.narrow {
            form.settings method="post" {
                div.setting {
                    label for="name" { "Name" }
                    input id="name" type="text" name="name" value=(name) required spellcheck="false" aria-describedby="name-help";
                    p.help id="name-help" { "What this instance is called here: a-z, 0-9 and -." }
                }
                @for (place, secret) in manifest.secrets.iter().enumerate() {
                    @let (id, help) = (secret_field(place), format!("{}-help", secret_field(place)));
                    div.setting {
                        label for=(id) { @if manifest.secrets.len() == 1 { "API token" } @else { span.mono { (parts::text(&secret.variable)) } } }
                        input id=(id) type="password" name=(id) required autocomplete="off" aria-describedby=(help);
                        p.help id=(help) { (parts::sentence(&secret.description)) " It is sealed in the vault and shown nowhere. One of a service account outlives the person who sets this up." }
                    }
                }
                details open[!typed.settings.is_empty()] {
                    summary { "More settings" }
                    (settings)
                    label.check { input type="checkbox" name="private" value="true" checked[typed.is_private]; "The vendor may be at an address of this machine or network" }
                }
                div.actions { button.button.primary { "Authorize" } a.button href=(Section::Sources.of(&tenant)) { "Cancel" } }
            }
        }
    };
    Ok(page_of(&tenant, &format!("Add {}", manifest.name), 0, happened, &body))
}

pub(crate) async fn authorize(asked: Asked, form: Form) -> Answer {
    let mut typed = Typed {
        name: form.text("name").unwrap_or_default().to_owned(),
        settings: serde_json::Map::new(),
        is_private: form.is_ticked("private"),
    };
    let outcome = async {
        let (connector, loaded) = connector(&asked).await?;
        let manifest = &loaded.manifest;
        let name: InstanceName = form.read("name")?;
        (typed.settings, _) = Settings::of(&manifest.settings_schema, &LATER).read(&form, &serde_json::Map::new())?;
        let secrets = typed_secrets(manifest, &form, false)?;
        // An address of this machine or network is reached only if somebody says so.
        let mut allow_private_origins = Vec::new();
        if typed.is_private {
            for need in &manifest.origins {
                let set = need.setting.as_ref().and_then(|key| typed.settings.get(key)).and_then(|it| it.as_str());
                allow_private_origins.push(set.unwrap_or(&need.default).parse::<Origin>().map_err(Error::from)?);
            }
        }
        let setup = Setup {
            name: name.clone(),
            connector,
            settings: typed.settings.clone(),
            allow_origins: Vec::new(),
            allow_private_origins,
            secret: None,
            secrets: Default::default(),
            store_secret: true,
            proxy: None,
        };
        asked.tenant.onboard(setup, secrets).await?;
        Ok::<_, Fault>(name)
    };
    let outcome = outcome.await;
    match outcome {
        Ok(name) => Ok(see(&format!("{}/kinds", address(asked.tenant.id().as_str(), name.as_str())))),
        Err(fault) => {
            let page = show_add(&asked, &typed, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

/// A setup that was begun.
async fn begun(asked: &Asked) -> Result<(InstanceName, Onboarding), Fault> {
    let name: InstanceName = asked.instance()?;
    let found = asked.tenant.onboarding(&name).await?;
    Ok((name, found.ok_or_else(|| Fault::not_found("such setup"))?))
}

/// Leads to the step that a setup waits for.
pub(crate) async fn resume(asked: Asked) -> Answer {
    let (name, state) = begun(&asked).await?;
    let here = address(asked.tenant.id().as_str(), name.as_str());
    Ok(see(&match state.step {
        OnboardingStep::Token => {
            let setup = asked.tenant.onboarding_setup(&name).await?;
            let id = match setup.map(|it| it.connector) {
                Some(ConnectorSource::Bundled { id }) => id,
                Some(ConnectorSource::Installed { sha256 }) => installed(&sha256),
                _ => return Err(Fault::not_found("such connector")),
            };
            format!("{}/add/{id}?name={name}", Section::Sources.of(asked.tenant.id().as_str()))
        }
        OnboardingStep::Kinds => format!("{here}/kinds"),
        OnboardingStep::Projects | OnboardingStep::Mapping => format!("{here}/projects"),
        OnboardingStep::Save => format!("{here}/save"),
    }))
}

pub(crate) async fn kinds(asked: Asked) -> Answer {
    Ok(answer::html(show_kinds(&asked, &html! {}).await?))
}

async fn show_kinds(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let (name, state) = begun(asked).await?;
    let setup = asked.tenant.onboarding_setup(&name).await?;
    let connector = setup.map(|it| it.connector).ok_or_else(|| Fault::not_found("such setup"))?;
    let manifest = asked.site.harness.connector(&connector).await?.manifest;
    let usual = |kind: &Kind| manifest.kinds.iter().any(|it| it.kind == *kind && it.on_by_default);
    let is_chosen = |it: &KindAccess| match &state.kinds {
        Some(chosen) => chosen.contains(&it.kind),
        None => matches!(it.access, Access::Readable) && usual(&it.kind),
    };
    let tenant = asked.tenant.id().to_string();
    let body = html! {
        @if let Some(account) = &state.deployment {
            div.notice.good role="status" {
                span { "Authorized for " b { (parts::text(account.name.as_deref().unwrap_or(&account.slug))) } " (id " (parts::text(&account.id)) "). The token is sealed in the vault." }
            }
        }
        section.card.narrow {
            form.settings method="post" {
                fieldset.boxes {
                    legend { "What to bring" }
                    @for it in &state.readable {
                        @let (readable, reason) = match &it.access { Access::Readable => (true, None), Access::Denied { reason } => (false, Some(reason)) };
                        label.check.row {
                            input type="checkbox" name="kind" value=(it.kind) checked[is_chosen(it)] disabled[!readable];
                            b { (it.kind) } @if let Some(title) = kind_title(&it.kind) { span { (title) } }
                            @if readable { span.tag.good { "readable" } } @else { span.tag.warn { "refused" } }
                            @if let Some(reason) = reason { span.second { (parts::text(reason)) } }
                        }
                    }
                }
                div.actions { button.button.primary { "Next: projects" } (leave(&tenant)) }
            }
        }
        (discard(&tenant, &name))
    };
    Ok(page_of(&tenant, &format!("Add {name}"), 1, happened, &body))
}

/// What findings of a kind are, in words.
fn kind_title(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Sast => "Code weaknesses",
        Kind::AiSast => "Code weaknesses found by AI",
        Kind::Sca => "Vulnerable packages",
        Kind::Secrets => "Leaked credentials",
        Kind::Packages => "Every package in use",
        _ => return None,
    })
}

fn leave(tenant: &str) -> Markup {
    html! { a.button href=(Section::Sources.of(tenant)) { "Leave; it is kept" } }
}

fn discard(tenant: &str, name: &InstanceName) -> Markup {
    html! {
        form.beside method="post" action={ (address(tenant, name.as_str())) "/discard" } { button.quiet { "Discard this setup" } }
    }
}

pub(crate) async fn choose_kinds(asked: Asked, form: Form) -> Answer {
    let name = asked.instance()?;
    let outcome = async {
        let kinds: Vec<Kind> = form.all("kind").filter_map(|kind| kind.parse().ok()).collect();
        let state = asked.tenant.onboard_kinds(&name, KindChoice::These(kinds)).await?;
        // What is usual of the rest is what the next page shows.
        if state.projects.is_none() {
            asked.tenant.onboard_projects(&name, ProjectChoice::All).await?;
        }
        if state.auto_map.is_none() {
            asked.tenant.onboard_mapping(&name, AutoMap::Create).await?;
        }
        Ok::<_, Fault>(())
    };
    let outcome = outcome.await;
    match outcome {
        Ok(()) => Ok(see(&format!("{}/projects", address(asked.tenant.id().as_str(), name.as_str())))),
        Err(fault) => {
            let page = show_kinds(&asked, &notice::failed(&fault)).await;
            again(fault, page)
        }
    }
}

pub(crate) async fn projects(asked: Asked) -> Answer {
    Ok(answer::html(projects::show(&asked, None, &html! {}).await?))
}

pub(crate) async fn choose_projects(asked: Asked, form: Form) -> Answer {
    projects::choose(asked, form).await
}

/// The mapping that a setup would have, with the projects that the vendor lists.
async fn mapping(asked: &Asked, name: &InstanceName) -> Result<Vec<MappingRow>, Fault> {
    let listed = asked.tenant.onboarding_projects(name).await?;
    Ok(asked.tenant.onboarding_mapping(name, listed).await?)
}

pub(crate) async fn save(asked: Asked) -> Answer {
    Ok(answer::html(show_save(&asked, &html! {}).await?))
}

async fn show_save(asked: &Asked, happened: &Markup) -> Result<Markup, Fault> {
    let (name, state) = begun(asked).await?;
    let rows = mapping(asked, &name).await?;
    let tenant = asked.tenant.id().to_string();
    let read = rows.iter().filter(|it| it.read).count() as u64;
    let body = html! {
        section.card.narrow {
            dl.facts {
                (parts::fact("Name", Some(html! { b { (name) } })))
                (parts::fact("Account", state.deployment.as_ref().map(|it| parts::text(it.name.as_deref().unwrap_or(&it.slug)))))
                (parts::fact("Kinds", state.kinds.as_ref().map(|kinds| html! { @for kind in kinds { span.tag { (kind) } " " } })))
                (parts::fact("Projects", Some(html! { b { (parts::number(read)) } " of " (parts::number(rows.len() as u64)) " are read: those that are mapped to a repository" })))
            }
            form.settings method="post" {
                p.muted { "Saving begins the first sync, and leads to it." }
                div.actions {
                    button.button.primary { "Save and sync" }
                    a.button href={ (address(&tenant, name.as_str())) "/projects" } { "Back" }
                    (leave(&tenant))
                }
            }
        }
        (discard(&tenant, &name))
    };
    Ok(page_of(&tenant, &format!("Add {name}"), 3, happened, &body))
}

pub(crate) async fn finish(asked: Asked) -> Answer {
    let (name, tenant) = (asked.instance()?, asked.tenant.id().to_string());
    if let Err(error) = asked.tenant.onboard_save(&name).await {
        let fault = Fault::from(error);
        let page = show_save(&asked, &notice::failed(&fault)).await;
        return again(fault, page);
    }
    // The source is there: whatever becomes of its first sync is told there.
    match asked.site.jobs.sync(&asked.tenant, &name, SyncOptions::default()).await {
        Ok(Some(run)) => Ok(see(&format!("{}/{run}", Section::Runs.of(&tenant)))),
        Ok(None) | Err(_) => Ok(see(&source::address(&tenant, name.as_str()))),
    }
}

pub(crate) async fn drop_it(asked: Asked) -> Answer {
    asked.tenant.onboard_abandon(&asked.instance()?).await?;
    Ok(see(&format!("{}?done=discarded", Section::Sources.of(asked.tenant.id().as_str()))))
}
