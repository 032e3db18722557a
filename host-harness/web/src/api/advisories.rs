//! Ratings of advisories.

use super::upload::{Upload, received};
use crate::{
    answer::{Fault, json},
    asked::{Answer, Asked},
    uploads::rated,
};

pub(super) async fn one(asked: Asked) -> Answer {
    let id: String = asked.named("advisory")?;
    Ok(json(&asked.tenant.advisory(&id).await?))
}

pub(super) async fn import(asked: Asked, Upload(request): Upload) -> Answer {
    let name = asked.field("name").unwrap_or_default();
    // It is a file's name here, too.
    let stem = name.strip_suffix(".json").or(name.strip_suffix(".csv")).unwrap_or_default();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    if !stem.starts_with(|it: char| it.is_ascii_alphanumeric()) || !stem.chars().all(is_plain) || name.len() > 100 {
        return Err(Fault::field("name", "name the file, such as ?name=epss.csv or ?name=kev.json"));
    }
    let (_folder, path) = received(&asked, request, &name).await?;
    Ok(json(&rated(&asked, path).await?))
}

pub(super) async fn clear(asked: Asked) -> Answer {
    Ok(json(&asked.tenant.clear_advisories().await?))
}
