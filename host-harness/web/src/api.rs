//! The HTTP API: what `--json` prints, under an address each.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use host_harness::query::{List, View};
use serde::Serialize;

use crate::{
    Site,
    answer::{Fault, json},
    asked::{Answer, Asked, tenant},
};

pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/tenants", get(tenants))
        .route("/tenants/{tenant}/findings", get(async |asked: Asked| findings(asked, View::All).await))
        .route(
            "/tenants/{tenant}/vulnerabilities",
            get(async |asked: Asked| findings(asked, View::Vulnerabilities).await),
        )
        .route("/tenants/{tenant}/weaknesses", get(async |asked: Asked| findings(asked, View::Weaknesses).await))
        .route("/tenants/{tenant}/secrets", get(async |asked: Asked| findings(asked, View::Secrets).await))
        .route("/tenants/{tenant}/findings/{id}", get(finding))
        .route("/tenants/{tenant}/issues", get(issues))
        .route("/tenants/{tenant}/issues/{id}", get(issue))
        .route("/tenants/{tenant}/packages", get(packages))
        .route("/tenants/{tenant}/dashboard", get(dashboard))
        .route("/tenants/{tenant}/coverage", get(coverage))
        .route("/tenants/{tenant}/runs", get(runs))
        .route("/tenants/{tenant}/policies", get(policies))
        .route("/tenants/{tenant}/status", get(status))
        .fallback(async || Fault::not_found("such resource"))
}

/// What `/tenants` answers.
#[derive(Serialize)]
struct Tenants {
    tenants: Vec<String>,
}

async fn tenants(State(site): State<Arc<Site>>) -> Answer {
    let tenants = site.harness.tenants()?.iter().map(ToString::to_string).collect();
    Ok(json(&Tenants { tenants }))
}

async fn findings(asked: Asked, view: View) -> Answer {
    Ok(json(&asked.tenant.finding_list(&asked.query(List::Findings(view))?).await?.list))
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

async fn policies(asked: Asked) -> Answer {
    match asked.tenant.policies().await? {
        Some(policies) => Ok(json(&policies)),
        None => Err(Fault::not_found("policy in force")),
    }
}

async fn status(asked: Asked) -> Answer {
    Ok(json(&asked.site.harness.status(vec![asked.tenant.id().clone()]).await?))
}
