//! The code repositories of a tenant.

use host_harness::{analysis::RepositoryList, grant::InstanceName, store::AutoMap};
use serde::Deserialize;

use super::act::Sent;
use crate::{
    answer::{Fault, json},
    asked::{Answer, Asked, Posted, parsed},
};

pub(super) async fn list(asked: Asked) -> Answer {
    let mut list = asked.tenant.repository_list(asked.field("search")).await?;
    asked.page(&mut list.repositories)?;
    Ok(json(&list))
}

pub(super) async fn one(asked: Asked) -> Answer {
    let name: String = asked.named("repository")?;
    Ok(json(&asked.tenant.repository_detail(&name).await?))
}

pub(super) async fn import(asked: Asked, Posted(_, body): Posted) -> Answer {
    let list = RepositoryList::read(&body, "body").map_err(|error| Fault::field("body", &error.to_string()))?;
    let replace = asked.flag("replace")?;
    Ok(json(&asked.tenant.import_repositories(list, replace).await?))
}

pub(super) async fn remove(asked: Asked) -> Answer {
    let name: String = asked.named("repository")?;
    Ok(json(&asked.tenant.remove_repository(&name).await?))
}

/// What becomes of new projects.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NewMode {
    /// `create`, `match` or `manual`.
    auto_map: String,
}

pub(super) async fn set_mode(asked: Asked, Sent(_, sent): Sent<NewMode>) -> Answer {
    let name: InstanceName = asked.instance()?;
    let mode: AutoMap = parsed("auto_map", &sent.auto_map)?;
    Ok(json(&asked.tenant.mapping_mode(&name, Some(mode)).await?))
}

pub(super) async fn suggestions(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.suggested_mappings(asked.maybe_instance()?.as_ref()).await?))
}
