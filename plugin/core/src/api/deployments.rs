//! `GET /deployments`: which deployment a token belongs to.

use appsec_model::{Deployment, Error};
use serde::Deserialize;

use super::{Address, Api};
use crate::wire::{Id, Text};

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
    let address = Address::new("/deployments");
    let response = api.send(&address)?;
    let answer: Answer<'_> =
        serde_json::from_str(address.text(&response)?).map_err(|error| address.unreadable(&response, &error))?;
    let deployment = |entry: Entry<'_>| Deployment {
        id: entry.id.into_string(),
        slug: entry.slug.into_string(),
        name: entry.name.map(Text::into_string),
    };
    Ok(answer.deployments.into_iter().map(deployment).collect())
}
