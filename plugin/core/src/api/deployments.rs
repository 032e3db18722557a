//! `GET /deployments`: which deployment a token belongs to.

use appsec_model::{Deployment, Error};
use serde::Deserialize;

use super::{Address, Api};
use crate::wire::{Id, Text, from_text};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    deployments: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow)]
    slug: Text<'a>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
}

/// The deployments that the secret sees. The API reference promises exactly
/// one; an older server may answer with more.
pub fn list(api: &mut Api<'_>) -> Result<Vec<Deployment>, Error> {
    let address = Address::new("/deployments", "its deployment");
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let answer: Answer<'_> = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    let deployment = |entry: Entry<'_>| {
        let (id, slug) = (entry.id.into_string(), entry.slug.into_string());
        if !is_path_part(&id) || !is_path_part(&slug) {
            return Err(address.violation("a deployment's id or slug leads out of its address"));
        }
        Ok(Deployment { id, slug, name: entry.name.map(Text::into_string) })
    };
    answer.deployments.into_iter().map(deployment).collect()
}

/// Whether a word is one part of a path, as it becomes in every later request.
fn is_path_part(word: &str) -> bool {
    !matches!(word, "" | "." | "..") && !word.contains('/')
}
