//! What changes something: the same steps as on the pages, for programs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use appsec_model::Kind;
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use host_harness::{
    Acceptance, BUNDLED, Error, InstanceDeletion, InstanceReport, KindChoice, ProjectName, Rotation, ScanFieldChanges,
    Setup, TypedSecrets,
    grant::{InstanceName, Origin, Secret},
    ingest::{ImportOptions, Selection, SyncOptions, Vanishing},
    store::{AutoMap, Cadence, ConnectorSource, KeptFindings, Percent, Plan, ProjectChoice, Role, Zone},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    etag::{require_match, tagged},
    upload::{Upload, received},
};
use crate::{
    Site,
    answer::{Fault, json},
    asked::{Answer, Asked, body, parsed},
    problems::Own,
    uploads::imported,
};

/// A JSON document that was sent, with the head of its request.
pub(super) struct Sent<T>(pub HeaderMap, pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Site>> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Fault> {
        let headers = request.headers().clone();
        let body = body(request, site).await?;
        // Nothing is as good as no wishes.
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        let read = serde_json::from_slice(&body).map_err(|error| Fault::of(Own::InvalidBody, &error.to_string()))?;
        Ok(Self(headers, read))
    }
}

/// The head of a request without a body.
pub(super) struct Head(pub HeaderMap);

impl FromRequest<Arc<Site>> for Head {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Arc<Site>) -> Result<Self, Fault> {
        Ok(Self(request.headers().clone()))
    }
}

fn with_status(status: StatusCode, mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = status;
    response
}

fn nothing() -> Response<Body> {
    with_status(StatusCode::NO_CONTENT, Response::new(Body::empty()))
}

fn located(status: StatusCode, address: &str, document: Response<Body>) -> Response<Body> {
    let mut response = with_status(status, document);
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, address);
        if status == StatusCode::ACCEPTED {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
    }
    response
}

/// The name of an instance, where a body gives one.
fn named(text: Option<&str>) -> Result<Option<InstanceName>, Fault> {
    text.map(|text| parsed("instance", text)).transpose()
}

/// An instance, as it is changed.
async fn report(asked: &Asked) -> Result<InstanceReport, Fault> {
    Ok(asked.tenant.instance_report(&asked.instance()?).await?)
}

pub(super) async fn instance(asked: Asked) -> Answer {
    Ok(tagged(&report(&asked).await?))
}

/// What of an instance is to be another.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceChange {
    paused: Option<bool>,
    max_removal: Option<u8>,
    /// Settings to set; null brings a default back.
    settings: Option<BTreeMap<String, Value>>,
}

/// How much one sync may mark as vanished.
fn removal(percent: u8) -> Result<Percent, Fault> {
    percent.to_string().parse().map_err(|why| Fault::field("max_removal", &format!("{why}")))
}

pub(super) async fn change_instance(asked: Asked, Sent(headers, change): Sent<InstanceChange>) -> Answer {
    let name = asked.instance()?;
    require_match(&headers, &report(&asked).await?)?;
    let tenant = &asked.tenant;
    if let Some(percent) = change.max_removal {
        tenant.set_max_removal(&name, removal(percent)?).await?;
    }
    if let Some(settings) = change.settings {
        let (unset, set): (Vec<_>, Vec<_>) = settings.into_iter().partition(|(_, value)| value.is_null());
        let change = host_harness::SettingsChange {
            set: set.into_iter().collect(),
            unset: unset.into_iter().map(|(key, _)| key).collect(),
            ..Default::default()
        };
        tenant.change_settings(&name, change).await?;
    }
    match change.paused {
        Some(true) => _ = tenant.pause_instance(&name, None).await?,
        Some(false) => _ = tenant.resume_instance(&name).await?,
        None => {}
    }
    Ok(tagged(&report(&asked).await?))
}

pub(super) async fn plan(asked: Asked) -> Answer {
    Ok(json(&InstanceDeletion { plan: asked.tenant.deletion_plan(&asked.instance()?).await?, report: None }))
}

/// The name once more.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmed {
    #[serde(default)]
    confirm: String,
}

pub(super) async fn delete_instance(asked: Asked, Sent(headers, sent): Sent<Confirmed>) -> Answer {
    let name = asked.instance()?;
    require_match(&headers, &report(&asked).await?)?;
    let confirmed: InstanceName = sent
        .confirm
        .parse()
        .map_err(|_| Error::NotConfirmed { name: name.to_string(), confirmed: sent.confirm.clone() })?;
    let report = asked.tenant.delete_instance(&name, &confirmed).await?;
    Ok(json(&InstanceDeletion { plan: report.plan.clone(), report: Some(report) }))
}

pub(super) async fn check(asked: Asked) -> Answer {
    asked.tenant.check_instance(&asked.instance()?, None).await?;
    Ok(json(&report(&asked).await?))
}

#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewSecret {
    #[serde(default)]
    token: String,
}

pub(super) async fn put_token(asked: Asked, Sent(_, sent): Sent<NewSecret>) -> Answer {
    let typed = Secret::typed(&sent.token).map_err(Error::from)?;
    let rotation = Rotation { typed: TypedSecrets::Only(typed), ..Rotation::default() };
    asked.tenant.rotate_secret(&asked.instance()?, rotation).await?;
    Ok(nothing())
}

#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewRun {
    #[serde(default)]
    full: bool,
    /// Percent of the open findings that may be marked as vanished this once.
    max_removal: Option<u8>,
    /// Names of projects; none of them for all.
    #[serde(default)]
    projects: Vec<String>,
    /// None of them for all.
    #[serde(default)]
    kinds: Vec<String>,
}

pub(super) async fn sync(asked: Asked, Sent(_, sent): Sent<NewRun>) -> Answer {
    let name = asked.instance()?;
    let vanishing = match sent.max_removal {
        Some(percent) => Vanishing::UpTo(removal(percent)?),
        None => Vanishing::AsSet,
    };
    let kinds = sent.kinds.iter().map(|kind| parsed::<Kind>("kinds", kind)).collect::<Result<_, _>>()?;
    let selection = Selection { kinds, projects: sent.projects, ..Selection::default() };
    let options = SyncOptions { selection, full: sent.full, vanishing, ..SyncOptions::default() };
    let run = asked.site.jobs.sync(&asked.tenant, &name, options).await?;
    let base = format!("/api/v1/tenants/{}", asked.tenant.id());
    Ok(match run {
        Some(run) => {
            located(StatusCode::ACCEPTED, &format!("{base}/runs/{run}"), json(&asked.tenant.run(run, 0).await?))
        }
        // The vendor asks to wait; the instance tells when it has begun.
        None => located(StatusCode::ACCEPTED, &format!("{base}/instances/{name}"), json(&report(&asked).await?)),
    })
}

pub(super) async fn stop(asked: Asked) -> Answer {
    let id: i64 = asked.named("run")?;
    let list = asked.site.jobs.stop_run(&asked.tenant, id).await?.ok_or_else(Fault::not_stoppable)?;
    let address = format!("/api/v1/tenants/{}/runs/{id}", asked.tenant.id());
    Ok(located(StatusCode::ACCEPTED, &address, json(&list)))
}

pub(super) async fn schedule(asked: Asked) -> Answer {
    Ok(tagged(&asked.tenant.schedule_report(&asked.instance()?).await?))
}

/// When to sync: intervals such as `1h`, or cron expressions.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewSchedule {
    sync: Option<String>,
    full: Option<String>,
    zone: Option<String>,
    jitter: Option<String>,
}

pub(super) async fn put_schedule(asked: Asked, Sent(headers, sent): Sent<NewSchedule>) -> Answer {
    let name = asked.instance()?;
    require_match(&headers, &asked.tenant.schedule_report(&name).await?)?;
    let cadence = |text: Option<String>| -> Result<Option<Cadence>, Fault> {
        let Some(text) = text else { return Ok(None) };
        let read = match text.parse() {
            Ok(interval) => Cadence::every(interval),
            Err(_) => Cadence::cron(&text),
        };
        Ok(Some(read.map_err(Error::from)?))
    };
    let zone = sent.zone.map(|it| it.parse::<Zone>()).transpose().map_err(Error::from)?;
    let jitter = sent.jitter.map(|it| it.parse()).transpose().map_err(Error::from)?;
    let (sync, full) = (cadence(sent.sync)?, cadence(sent.full)?);
    if sync.is_none() && full.is_none() {
        return Err(Fault::field("sync", "give sync, full or both"));
    }
    let plan = Plan { sync, full, zone: zone.unwrap_or_default(), jitter: jitter.unwrap_or_default() };
    asked.tenant.schedule(&asked.tenant.instance(&name).await?, plan).await?;
    Ok(tagged(&asked.tenant.schedule_report(&name).await?))
}

pub(super) async fn delete_schedule(asked: Asked, Head(headers): Head) -> Answer {
    let name = asked.instance()?;
    require_match(&headers, &asked.tenant.schedule_report(&name).await?)?;
    asked.tenant.clear_schedule(&name).await?;
    Ok(nothing())
}

/// Which repository a project is of.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewMapping {
    instance: Option<String>,
    #[serde(default)]
    project: String,
    repository: Option<String>,
    #[serde(default)]
    ignored: bool,
    findings: Option<Kept>,
}

/// What becomes of the findings of a project that is ignored.
#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Keep,
    Delete,
}

/// What a change of a mapping answers, in the OpenAPI document.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema counts")]
pub(super) enum Mapped {
    Mapped(Box<host_harness::store::MappingRow>),
    Released(host_harness::ReleaseReport),
}

pub(super) async fn put_mapping(asked: Asked, Sent(_, sent): Sent<NewMapping>) -> Answer {
    let project = ProjectName { instance: named(sent.instance.as_deref())?, name: sent.project };
    let findings = sent.findings.map(|it| match it {
        Kept::Keep => KeptFindings::Keep,
        Kept::Delete => KeptFindings::Delete,
    });
    match (sent.repository, sent.ignored) {
        (Some(repository), false) => Ok(json(&asked.tenant.set_mapping(&project, &repository).await?)),
        (None, true) => {
            let released = asked.tenant.ignore_project(&project, findings).await?;
            Ok(json(&host_harness::ReleaseReport { released }))
        }
        (None, false) => Ok(json(&asked.tenant.restore_project(&project).await?)),
        (Some(_), true) => Err(Fault::field("repository", "a project that is ignored has none")),
    }
}

/// What is said of a project's scans. What is left out stays as it is.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ScanFields {
    instance: Option<String>,
    #[serde(default)]
    project: String,
    environment: Option<String>,
    branch: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Whether scheduled syncs read the project.
    scheduled: Option<bool>,
    /// Whether the webhook of the instance is notified of runs that read it.
    notify: Option<bool>,
    /// Fields to forget, or keys of the metadata.
    #[serde(default)]
    clear: Vec<String>,
}

pub(super) async fn set_scan_fields(asked: Asked, Sent(_, sent): Sent<ScanFields>) -> Answer {
    let project = ProjectName { instance: named(sent.instance.as_deref())?, name: sent.project };
    let ScanFields { environment, branch, tag, metadata, scheduled, notify, clear, .. } = sent;
    let changes = ScanFieldChanges { clear, environment, branch, tag, metadata, scheduled, notify };
    Ok(json(&asked.tenant.set_scan_fields(&project, changes).await?))
}

#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    instance: Option<String>,
    #[serde(default)]
    min_confidence: f64,
}

pub(super) async fn accept_mappings(asked: Asked, Sent(_, sent): Sent<Accepted>) -> Answer {
    let (instance, min_confidence) = (named(sent.instance.as_deref())?, sent.min_confidence);
    let all = Acceptance { instance, projects: Vec::new(), min_confidence };
    Ok(json(&asked.tenant.accepted_mappings(&all).await?))
}

/// What a setup begins with.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewOnboarding {
    #[serde(default)]
    name: String,
    connector: Option<String>,
    #[serde(default)]
    token: String,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    allow_private_origins: Vec<String>,
}

pub(super) async fn begin(asked: Asked, Sent(_, sent): Sent<NewOnboarding>) -> Answer {
    let name: InstanceName = parsed("name", &sent.name)?;
    let usual = || BUNDLED.first().map(|it| it.id.to_owned()).unwrap_or_default();
    let origins = sent.allow_private_origins.iter().map(|it| it.parse::<Origin>());
    let setup = Setup {
        name: name.clone(),
        connector: ConnectorSource::Bundled { id: sent.connector.unwrap_or_else(usual) },
        settings: sent.settings,
        allow_origins: Vec::new(),
        allow_private_origins: origins.collect::<Result<_, _>>().map_err(Error::from)?,
        secret: None,
        secrets: Default::default(),
        store_secret: true,
        proxy: None,
    };
    if sent.token.trim().is_empty() {
        return Err(Fault::field("token", "it is empty"));
    }
    let secret = Secret::typed(&sent.token).map_err(Error::from)?;
    let begun = asked.tenant.onboard(setup, TypedSecrets::Only(secret)).await?;
    let address = format!("/api/v1/tenants/{}/onboardings/{name}", asked.tenant.id());
    Ok(located(StatusCode::CREATED, &address, json(&begun)))
}

pub(super) async fn onboarding(asked: Asked) -> Answer {
    let found = asked.tenant.onboarding(&asked.instance()?).await?;
    found.map(|it| json(&it)).ok_or_else(|| Fault::not_found("such onboarding"))
}

/// The choices of a setup: those that are given are made, in their order.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Choices {
    kinds: Option<Vec<String>>,
    /// Patterns of names; none of them for all projects.
    projects: Option<Vec<String>>,
    auto_map: Option<String>,
}

pub(super) async fn choose(asked: Asked, Sent(_, sent): Sent<Choices>) -> Answer {
    let name = asked.instance()?;
    if let Some(kinds) = sent.kinds {
        let kinds = kinds.iter().map(|kind| parsed::<Kind>("kinds", kind)).collect::<Result<_, _>>()?;
        asked.tenant.onboard_kinds(&name, KindChoice::These(kinds)).await?;
    }
    if let Some(patterns) = sent.projects {
        let choice = if patterns.is_empty() { ProjectChoice::All } else { ProjectChoice::Matching(patterns) };
        asked.tenant.onboard_projects(&name, choice).await?;
    }
    if let Some(word) = sent.auto_map {
        let mode: AutoMap = parsed("auto_map", &word)?;
        asked.tenant.onboard_mapping(&name, mode).await?;
    }
    onboarding(asked).await
}

pub(super) async fn save(asked: Asked) -> Answer {
    let name = asked.instance()?;
    asked.tenant.onboard_save(&name).await?;
    let address = format!("/api/v1/tenants/{}/instances/{name}", asked.tenant.id());
    Ok(located(StatusCode::CREATED, &address, json(&report(&asked).await?)))
}

pub(super) async fn discard(asked: Asked) -> Answer {
    asked.tenant.onboard_abandon(&asked.instance()?).await?;
    Ok(nothing())
}

pub(super) async fn import(asked: Asked, Upload(request): Upload) -> Answer {
    let Some(name) = asked.maybe::<InstanceName>("source")? else {
        return Err(Fault::field("source", "say which source the file is of: ?source=NAME"));
    };
    let complete = asked.flag("complete")?;
    let (_folder, path) = received(&asked, request, "body").await?;
    let options = ImportOptions {
        project: asked.field("project"),
        r#ref: asked.field("ref"),
        complete,
        ..ImportOptions::default()
    };
    let report = imported(&asked, &name, &path, options).await?;
    let address = format!("/api/v1/tenants/{}/runs/{}", asked.tenant.id(), report.run.id);
    Ok(located(StatusCode::CREATED, &address, json(&report)))
}

pub(super) async fn tokens(asked: Asked) -> Answer {
    Ok(json(&asked.site.access.tokens(asked.tenant.id()).await?))
}

#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiToken {
    #[serde(default)]
    name: String,
    role: Option<Role>,
    days: Option<u32>,
}

pub(super) async fn add_token(asked: Asked, Sent(_, sent): Sent<NewApiToken>) -> Answer {
    let time = Duration::from_secs(86_400).saturating_mul(sent.days.unwrap_or(90));
    let role = sent.role.unwrap_or(Role::Viewer);
    let made = asked.site.access.add_token(asked.tenant.id(), sent.name, role, time).await?;
    Ok(with_status(StatusCode::CREATED, json(&made)))
}

pub(super) async fn revoke_token(asked: Asked) -> Answer {
    let id: String = asked.named("token")?;
    Ok(json(&asked.site.access.revoke_token(asked.tenant.id(), &id).await?))
}

/// A filter of a list, under a name.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewSavedView {
    name: String,
    /// The list: `findings`, `vulnerabilities`, `weaknesses`, `secrets`, `issues`, `packages` or `coverage`.
    page: String,
    /// As in an address, such as `severity=critical&fix-available=true`.
    filter: String,
}

pub(super) async fn save_view(asked: Asked, Sent(_, sent): Sent<NewSavedView>) -> Answer {
    let view = crate::pages::views::checked(&sent.page, &sent.filter, sent.name, asked.who.clone())?;
    Ok(with_status(StatusCode::CREATED, json(&asked.site.access.save_view(asked.tenant.id(), view).await?)))
}

pub(super) async fn remove_view(asked: Asked) -> Answer {
    asked.site.access.remove_view(asked.tenant.id(), asked.named("view")?).await?;
    Ok(nothing())
}
