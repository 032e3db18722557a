//! `configure`: checks the settings, meets the vendor, remembers what it learnt.

use appsec_model::{Access, Connection, Deployment, Error, ErrorCode, Kind, KindAccess, SettingProblem};

use crate::{
    Outside,
    api::{Api, dependencies, deployments, findings, secrets},
    memory::Memory,
    settings::{Branches, Duplicates, Settings},
};

/// Records of a probe: the smallest page that the vendor accepts.
const PROBE_PAGE_SIZE: u16 = 100;

/// Checks the settings, finds the token's deployment, tries each kind, and
/// remembers. On an error the bucket stays as it was.
pub fn configure(settings: &str, outside: &mut Outside<'_>) -> Result<Connection, Error> {
    let settings = Settings::parse(settings)?;
    let mut api = Api::new(outside, &settings.origin)?;
    let deployment = choose(deployments::list(&mut api)?, settings.deployment.as_deref())?;
    let kinds = settings
        .kinds
        .iter()
        .map(|kind| Ok(KindAccess { kind: kind.clone(), access: probe(&mut api, &deployment, kind)? }))
        .collect::<Result<_, Error>>()?;
    let memory = Memory { settings, deployment };
    memory.save(outside.bucket)?;
    Ok(Connection {
        kinds,
        deployment_wide: memory.settings.branches == Branches::All,
        deployment: memory.deployment,
        diagnostics: Vec::new(),
    })
}

/// The deployment that the settings name, or the only one.
fn choose(seen: Vec<Deployment>, named: Option<&str>) -> Result<Deployment, Error> {
    if seen.is_empty() {
        let detail = "the token is right, but Semgrep shows it none: its organization has no deployment, or none that \
                      is active";
        return Err(Error::new(ErrorCode::NoDeployment, detail));
    }
    let slugs: Vec<String> = seen.iter().map(|deployment| deployment.slug.clone()).collect();
    let mut fitting = seen.into_iter().filter(|deployment| named.is_none_or(|slug| slug == deployment.slug));
    match (fitting.next(), fitting.next(), named) {
        (Some(deployment), None, _) | (Some(deployment), Some(_), Some(_)) => Ok(deployment),
        (None, ..) => {
            let error = Error::new(ErrorCode::DeploymentNotFound, "").about(named.unwrap_or_default());
            Err(Error { did_you_mean: slugs.into_iter().take(1).collect(), ..error })
        }
        (Some(_), Some(_), None) => Err(Error::invalid_settings(vec![SettingProblem {
            key: "deployment".to_owned(),
            problem: format!("must name one of the deployments that the token sees: {}", slugs.join(", ")),
        }])),
    }
}

/// Whether a kind can be read. A refusal is knowledge, not an error: the other
/// kinds may still be readable.
fn probe(api: &mut Api<'_>, deployment: &Deployment, kind: &Kind) -> Result<Access, Error> {
    let answer = match kind {
        Kind::Secrets => {
            let page = secrets::Page {
                deployment: &deployment.id,
                limit: PROBE_PAGE_SIZE,
                cursor: "",
                repositories: &[],
                since: None,
            };
            secrets::page(api, &page).map(drop)
        }
        Kind::Packages => {
            let page = dependencies::Page {
                deployment: &deployment.id,
                page_size: PROBE_PAGE_SIZE,
                cursor: "",
                repositories: &[],
            };
            dependencies::page(api, &page).map(drop)
        }
        Kind::Sast | Kind::Sca | Kind::AiSast | Kind::Other(_) => {
            let page = findings::Page {
                slug: &deployment.slug,
                kind,
                page: 0,
                page_size: PROBE_PAGE_SIZE,
                repositories: &[],
                branch: None,
                duplicates: Duplicates::PerRef,
                since: None,
            };
            findings::page(api, &page).map(drop)
        }
    };
    match answer {
        Ok(()) => Ok(Access::Readable),
        Err(Error { code: ErrorCode::Forbidden | ErrorCode::MissingScope, detail, .. }) => {
            Ok(Access::Denied { reason: detail })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
