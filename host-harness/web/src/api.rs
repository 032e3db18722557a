//! The HTTP API: what `--json` prints, under an address each.

mod act;
mod advisories;
mod decide;
mod etag;
mod export;
mod notify;
#[cfg(test)]
pub(crate) mod openapi;
mod repositories;
mod run;
mod takes;
mod upload;
mod whole;

use std::sync::Arc;

use axum::{
    extract::{Extension, Path, State},
    response::IntoResponse,
    routing::MethodFilter,
};
use host_harness::{
    Permission, Principal,
    query::{List, View, When},
    store::{AuditFilter, MappingState, Role},
};
use http::header;
use serde::Serialize;

use self::export::export;
use crate::{
    FILE_BYTES, Site,
    answer::json,
    asked::{Answer, Asked, apart, apart_with, tenant},
    backup::backup,
    pages::reference::OPENAPI,
    table::Routes,
};

/// An address below it.
macro_rules! at {
    ($path:literal) => {
        concat!("/api/v1", $path)
    };
}

pub(crate) fn routes(routes: Routes) -> Routes {
    use Permission::{Administer, Manage, Read, Triage};
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    const PATCH: MethodFilter = MethodFilter::PATCH;
    const DELETE: MethodFilter = MethodFilter::DELETE;
    routes
        .read(at!("/openapi.json"), Read, document)
        .read(at!("/me"), Read, me)
        .read(at!("/tenants"), Read, tenants)
        .read((at!("/tenants/{tenant}/findings"), List::Findings(View::All)), Read, async |asked: Asked| {
            findings(asked, View::All).await
        })
        .read(
            (at!("/tenants/{tenant}/vulnerabilities"), List::Findings(View::Vulnerabilities)),
            Read,
            async |asked: Asked| findings(asked, View::Vulnerabilities).await,
        )
        .read((at!("/tenants/{tenant}/weaknesses"), List::Findings(View::Weaknesses)), Read, async |asked: Asked| {
            findings(asked, View::Weaknesses).await
        })
        .read((at!("/tenants/{tenant}/secrets"), List::Findings(View::Secrets)), Read, async |asked: Asked| {
            findings(asked, View::Secrets).await
        })
        .read((at!("/tenants/{tenant}/findings/facets"), List::Findings(View::All)), Read, facets)
        .read(at!("/tenants/{tenant}/findings/{id}"), Read, finding)
        .read((at!("/tenants/{tenant}/issues"), List::Issues), Read, issues)
        .read(at!("/tenants/{tenant}/issues/{id}"), Read, issue)
        .read((at!("/tenants/{tenant}/packages"), List::Packages), Read, packages)
        .read((at!("/tenants/{tenant}/dashboard"), List::Dashboard), Read, dashboard)
        .read((at!("/tenants/{tenant}/coverage"), List::Coverage), Read, coverage)
        .read((at!("/tenants/{tenant}/runs"), List::Runs), Read, runs)
        .read(at!("/tenants/{tenant}/findings/{id}/history"), Read, decide::history)
        .read((at!("/tenants/{tenant}/triage"), List::Decisions), Read, decide::decisions)
        .change_or_show(
            POST,
            (at!("/tenants/{tenant}/triage"), List::Triage),
            (Triage, "triage"),
            apart_with(decide::decide),
        )
        .change_or_show(
            POST,
            (at!("/tenants/{tenant}/triage/clear"), List::Export),
            (Triage, "triage"),
            apart_with(decide::clear_decisions),
        )
        .read(at!("/tenants/{tenant}/views"), Read, views)
        .change(POST, at!("/tenants/{tenant}/views"), (Triage, "save view"), act::save_view)
        .change(DELETE, at!("/tenants/{tenant}/views/{view}"), (Triage, "remove view"), act::remove_view)
        .read(at!("/tenants/{tenant}/policies"), Read, decide::policies)
        .read(at!("/tenants/{tenant}/policies/file"), Read, decide::policy_file)
        .change_or_show(
            PUT,
            at!("/tenants/{tenant}/policies"),
            (Manage, "import policies"),
            apart_with(decide::put_policies),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/policies"),
            (Manage, "remove policies"),
            apart_with(decide::delete_policies),
        )
        .look((at!("/tenants/{tenant}/policies/check"), takes::CHECK), Read, decide::check_policies)
        .read((at!("/tenants/{tenant}/policies/results"), takes::RESULTS), Read, decide::policy_results)
        .read((at!("/tenants/{tenant}/repositories"), takes::REPOSITORIES), Read, repositories::list)
        .upload(
            (at!("/tenants/{tenant}/repositories"), takes::REPLACE),
            (Manage, "import repositories"),
            LIST_BYTES,
            apart_with(repositories::import),
        )
        .read(at!("/tenants/{tenant}/repositories/{repository}"), Read, repositories::one)
        .change(
            DELETE,
            at!("/tenants/{tenant}/repositories/{repository}"),
            (Manage, "remove repository"),
            apart(repositories::remove),
        )
        .read(at!("/tenants/{tenant}/status"), Read, status)
        .change(POST, at!("/tenants/{tenant}/backup"), (Administer, "back up"), backup)
        .hand_out(
            (at!("/tenants/{tenant}/findings/export/{format}"), takes::export(View::All)),
            (Read, "export"),
            async |asked| export(asked, View::All).await,
        )
        .hand_out(
            (at!("/tenants/{tenant}/vulnerabilities/export/{format}"), takes::export(View::Vulnerabilities)),
            (Read, "export"),
            async |asked| export(asked, View::Vulnerabilities).await,
        )
        .hand_out(
            (at!("/tenants/{tenant}/weaknesses/export/{format}"), takes::export(View::Weaknesses)),
            (Read, "export"),
            async |asked| export(asked, View::Weaknesses).await,
        )
        .hand_out(
            (at!("/tenants/{tenant}/secrets/export/{format}"), takes::export(View::Secrets)),
            (Read, "export"),
            async |asked| export(asked, View::Secrets).await,
        )
        .hand_out(
            (at!("/tenants/{tenant}/issues/export/{format}"), List::Issues),
            (Read, "export"),
            apart(whole::issues),
        )
        .hand_out(
            (at!("/tenants/{tenant}/packages/export/{format}"), List::Packages),
            (Read, "export"),
            apart(whole::packages),
        )
        .hand_out(
            (at!("/tenants/{tenant}/coverage/export/{format}"), List::Coverage),
            (Read, "export"),
            apart(whole::coverage),
        )
        .read(at!("/tenants/{tenant}/runs/{run}"), Read, run)
        .change(DELETE, at!("/tenants/{tenant}/runs/{run}"), (Manage, "stop sync"), act::stop)
        .read(at!("/tenants/{tenant}/runs/{run}/events"), Read, run::events)
        .read((at!("/tenants/{tenant}/runs/{run}/diagnostics"), takes::OF_RUN), Read, run::diagnostics)
        .read((at!("/tenants/{tenant}/runs/{run}/vanishing"), takes::OF_RUN), Read, run::vanishing)
        .read((at!("/tenants/{tenant}/projects"), takes::PROJECTS), Read, projects)
        .read(at!("/tenants/{tenant}/connectors"), Administer, connectors)
        .read((at!("/tenants/{tenant}/instances"), takes::INSTANCES), Read, instances)
        .read(at!("/tenants/{tenant}/instances/{instance}"), Read, apart(act::instance))
        .change(
            PATCH,
            at!("/tenants/{tenant}/instances/{instance}"),
            (Administer, "change settings"),
            apart_with(act::change_instance),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/instances/{instance}"),
            (Administer, "delete source"),
            apart_with(act::delete_instance),
        )
        .read(at!("/tenants/{tenant}/instances/{instance}/deletion-plan"), Administer, act::plan)
        .change(POST, at!("/tenants/{tenant}/instances/{instance}/check"), (Manage, "test source"), apart(act::check))
        .change(
            PUT,
            at!("/tenants/{tenant}/instances/{instance}/token"),
            (Administer, "rotate token"),
            apart_with(act::put_token),
        )
        .begin(at!("/tenants/{tenant}/instances/{instance}/runs"), (Manage, "sync"), apart_with(act::sync))
        .read(at!("/tenants/{tenant}/instances/{instance}/schedule"), Read, act::schedule)
        .change(
            PUT,
            at!("/tenants/{tenant}/instances/{instance}/schedule"),
            (Manage, "set schedule"),
            apart_with(act::put_schedule),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/instances/{instance}/schedule"),
            (Manage, "remove schedule"),
            apart_with(act::delete_schedule),
        )
        .read((at!("/tenants/{tenant}/mappings"), takes::MAPPINGS), Read, mappings)
        .change(PUT, at!("/tenants/{tenant}/mappings"), (Manage, "change mapping"), apart_with(act::put_mapping))
        .change(PATCH, at!("/tenants/{tenant}/mappings"), (Manage, "set metadata"), apart_with(act::set_scan_fields))
        .change(
            POST,
            at!("/tenants/{tenant}/mappings/accept"),
            (Manage, "accept mapping"),
            apart_with(act::accept_mappings),
        )
        .read((at!("/tenants/{tenant}/mappings/suggestions"), takes::SUGGESTIONS), Read, repositories::suggestions)
        .change(
            PUT,
            at!("/tenants/{tenant}/instances/{instance}/mapping-mode"),
            (Manage, "set mapping mode"),
            apart_with(repositories::set_mode),
        )
        .read(at!("/tenants/{tenant}/onboardings"), Administer, onboardings)
        .change(POST, at!("/tenants/{tenant}/onboardings"), (Administer, "authorize"), apart_with(act::begin))
        .read(at!("/tenants/{tenant}/onboardings/{instance}"), Administer, act::onboarding)
        .change(
            PATCH,
            at!("/tenants/{tenant}/onboardings/{instance}"),
            (Administer, "choose projects"),
            apart_with(act::choose),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/onboardings/{instance}"),
            (Administer, "discard setup"),
            apart(act::discard),
        )
        .change(
            POST,
            at!("/tenants/{tenant}/onboardings/{instance}/save"),
            (Administer, "add source"),
            apart(act::save),
        )
        .read(at!("/tenants/{tenant}/notifications"), Manage, notify::list)
        .change(
            PUT,
            at!("/tenants/{tenant}/instances/{instance}/notification"),
            (Administer, "set notification"),
            apart_with(notify::set),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/instances/{instance}/notification"),
            (Administer, "remove notification"),
            apart(notify::remove),
        )
        .change(
            POST,
            at!("/tenants/{tenant}/instances/{instance}/notification/test"),
            (Manage, "test notification"),
            apart(notify::test),
        )
        .read(at!("/tenants/{tenant}/alerts"), Manage, notify::alerts)
        .change(
            PUT,
            at!("/tenants/{tenant}/instances/{instance}/alerts/{format}"),
            (Administer, "set alert"),
            apart_with(notify::set_alert),
        )
        .change(
            DELETE,
            at!("/tenants/{tenant}/instances/{instance}/alerts/{format}"),
            (Administer, "remove alert"),
            apart(notify::remove_alert),
        )
        .change(
            POST,
            at!("/tenants/{tenant}/instances/{instance}/alerts/{format}/test"),
            (Manage, "test alert"),
            apart(notify::test_alert),
        )
        .read((at!("/tenants/{tenant}/deliveries"), takes::DELIVERIES), Manage, notify::deliveries)
        .change(
            POST,
            at!("/tenants/{tenant}/deliveries/{delivery}/resend"),
            (Manage, "resend notification"),
            apart(notify::resend),
        )
        .upload(
            (at!("/tenants/{tenant}/imports"), takes::IMPORT),
            (Manage, "import"),
            FILE_BYTES,
            apart_with(act::import),
        )
        .read(at!("/tenants/{tenant}/advisories/{advisory}"), Read, advisories::one)
        .upload(
            (at!("/tenants/{tenant}/advisories"), takes::ADVISORIES),
            (Manage, "import advisories"),
            FILE_BYTES,
            apart_with(advisories::import),
        )
        .change(DELETE, at!("/tenants/{tenant}/advisories"), (Manage, "remove advisories"), apart(advisories::clear))
        .read(at!("/tenants/{tenant}/tokens"), Administer, act::tokens)
        .change(POST, at!("/tenants/{tenant}/tokens"), (Administer, "add token"), act::add_token)
        .change(DELETE, at!("/tenants/{tenant}/tokens/{token}"), (Administer, "revoke token"), act::revoke_token)
        .read((at!("/tenants/{tenant}/audit"), takes::AUDIT), Administer, audit)
}

/// Bytes of a list of repositories.
const LIST_BYTES: usize = 64 << 20;

/// Remarks of a run, and entries of the audit log, where nobody says how many.
const REMARKS: u32 = 100;

/// What `/tenants` answers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Tenants {
    tenants: Vec<String>,
}

/// Who asks, and what they may.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Me {
    /// As the audit log names them.
    who: String,
    /// The role of a token; none of a browser, which may what the owner of the data folder may.
    role: Option<Role>,
    /// The tenants that they see.
    tenants: Vec<String>,
}

/// The OpenAPI document.
async fn document() -> Answer {
    Ok(([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response())
}

async fn me(State(site): State<Arc<Site>>, Extension(principal): Extension<Principal>) -> Answer {
    let role = match &principal {
        Principal::Token { role, .. } => Some(*role),
        Principal::Owner(_) => None,
    };
    let seen = site.harness.tenants()?.into_iter().filter(|it| principal.sees(it));
    let tenants = seen.map(|it| it.to_string()).collect();
    Ok(json(&Me { who: principal.who(), role, tenants }))
}

async fn tenants(State(site): State<Arc<Site>>, Extension(principal): Extension<Principal>) -> Answer {
    let seen = site.harness.tenants()?.into_iter().filter(|it| principal.sees(it));
    let tenants = seen.map(|it| it.to_string()).collect();
    Ok(json(&Tenants { tenants }))
}

async fn findings(asked: Asked, view: View) -> Answer {
    Ok(json(&asked.tenant.finding_list(&asked.query(List::Findings(view))?).await?.list))
}

async fn facets(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.finding_facets(&asked.query(List::Findings(View::All))?).await?))
}

async fn finding(State(site): State<Arc<Site>>, Path((name, id)): Path<(String, String)>) -> Answer {
    Ok(json(&tenant(&site, &name)?.finding(id, false).await?))
}

async fn issues(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.issue_list(&asked.query(List::Issues)?).await?.list))
}

async fn issue(State(site): State<Arc<Site>>, Path((name, id)): Path<(String, String)>) -> Answer {
    Ok(json(&tenant(&site, &name)?.issue(id).await?))
}

async fn packages(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.package_list(&asked.query(List::Packages)?).await?.list))
}

async fn dashboard(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.dashboard(&asked.query(List::Dashboard)?).await?.list))
}

async fn coverage(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.coverage(&asked.query(List::Coverage)?).await?))
}

async fn runs(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.run_list(&asked.query(List::Runs)?).await?))
}

async fn status(asked: Asked) -> Answer {
    Ok(json(&asked.site.harness.status(vec![asked.tenant.id().clone()]).await?))
}

async fn run(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.run(asked.named("run")?, REMARKS).await?))
}

async fn instances(asked: Asked) -> Answer {
    let mut list = asked.tenant.instance_list().await?;
    asked.page(&mut list.instances)?;
    Ok(json(&list))
}

async fn mappings(asked: Asked) -> Answer {
    let (instance, state) = (asked.maybe_instance()?, asked.maybe::<MappingState>("state")?);
    let mut list = asked.tenant.mapping_list(instance.as_ref(), state.into_iter().collect()).await?;
    asked.page(&mut list.projects)?;
    Ok(json(&list))
}

async fn projects(asked: Asked) -> Answer {
    let instance = asked.maybe_instance()?;
    let mut list = asked.tenant.project_list(instance.as_ref(), asked.field("search")).await?;
    asked.page(&mut list.projects)?;
    Ok(json(&list))
}

/// Connectors are of the machine: of who uses them, a tenant learns its own instances.
async fn connectors(asked: Asked) -> Answer {
    let mut list = asked.site.harness.connectors().await?;
    let own = format!("{}/", asked.tenant.id());
    for connector in &mut list.connectors {
        connector.used_by.retain(|it| it.starts_with(&own));
    }
    Ok(json(&list))
}

async fn onboardings(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.onboarding_list().await?))
}

async fn views(asked: Asked) -> Answer {
    Ok(json(&asked.site.access.views(asked.tenant.id()).await?))
}

async fn audit(asked: Asked) -> Answer {
    let now = asked.site.harness.now();
    let filter = AuditFilter {
        tenant: Some(asked.tenant.id().clone()),
        action: asked.field("action"),
        who: asked.field("who"),
        since: asked.maybe::<When>("since")?.map(|it| it.moment(now)),
        before: asked.maybe("cursor")?,
        limit: asked.number("limit")?.unwrap_or(REMARKS),
    };
    Ok(json(&asked.site.access.audit_of(filter).await?))
}
