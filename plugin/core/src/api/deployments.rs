//! `GET /deployments`: which deployment a token belongs to.

use appsec_model::{Deployment, Error};
use guest_json::{Read, Reader, Value, object};

use super::{Address, Api};
use crate::wire::{Id, Text, from_text};

object! {
    #[derive(Default)]
    struct Fields<'a> {
        deployments: Option<Vec<Entry<'a>>>,
    }

    #[derive(Default)]
    struct EntryFields<'a> {
        id: Option<Id<'a>>,
        slug: Option<Text<'a>>,
        name: Option<Text<'a>>,
    }
}

struct Answer<'a> {
    deployments: Vec<Entry<'a>>,
}

struct Entry<'a> {
    id: Id<'a>,
    slug: Text<'a>,
    name: Option<Text<'a>>,
}

impl<'a> Value<'a> for Answer<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let Some(deployments) = Fields::read(json)?.deployments else { return json.missing("deployments") };
        Ok(Self { deployments })
    }
}

impl<'a> Value<'a> for Entry<'a> {
    const TAKES_NULL: bool = true;

    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let EntryFields { id, slug, name } = EntryFields::read(json)?;
        let Some(id) = id else { return json.missing("id") };
        let Some(slug) = slug else { return json.missing("slug") };
        Ok(Self { id, slug, name })
    }
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
