//! A record's id and repository, without reading the rest of it.
//!
//! `fetch-findings` passes records on untouched and needs these two only. The
//! vendor writes them among the first fields, so reading stops early.

use guest_json::{Bad, Raw, Reader, Value, object};

use super::{Id, Text};

/// The id and the repository's name of a record, where they can be read.
pub fn skim(record: &str) -> (Option<String>, Option<String>) {
    // None: not met yet. Inner none: met, but not readable.
    let (mut id, mut repository) = (None, None);
    // The record is well-formed JSON; any error leaves what was found.
    let _ = Reader::new(record).entries(&mut |name, json| {
        match name {
            "id" => id = Some(lenient::<Id<'_>>(Raw::read(json)?).map(Id::into_string)),
            "repository" => {
                let found = lenient::<Repository<'_>>(Raw::read(json)?);
                repository = Some(found.and_then(|it| it.name).map(Text::into_string));
            }
            _ => json.skip()?,
        }
        if id.is_some() && repository.is_some() { Err(Bad) } else { Ok(()) }
    });
    (id.flatten(), repository.flatten())
}

object! {
    #[derive(Default)]
    struct Repository<'a> {
        name: Option<Text<'a>>,
    }
}

/// A value, or none where it is of another type.
fn lenient<'a, T: Value<'a>>(raw: Raw<'a>) -> Option<T> {
    guest_json::read(raw.get())
}
