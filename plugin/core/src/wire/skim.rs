//! A record's id and repository, without reading the rest of it.
//!
//! `fetch-findings` passes records on untouched and needs these two only. The
//! vendor writes them among the first fields, so reading stops early: a visitor
//! cannot leave an object half-way without an error, hence what was found is
//! kept outside of it and the error means nothing.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor},
};

use super::{Id, Text};

/// The id and the repository's name of a record, where they can be read.
pub fn skim(record: &str) -> (Option<String>, Option<String>) {
    let mut found = Found::default();
    // The record is well-formed JSON; any other error leaves what was found.
    let _ = found.deserialize(&mut serde_json::Deserializer::from_str(record));
    (found.id.flatten(), found.repository.flatten())
}

/// None: not met yet. Inner none: met, but not readable.
#[derive(Default)]
struct Found {
    id: Option<Option<String>>,
    repository: Option<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for &mut Found {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = fields.next_key()? {
            match &*key {
                "id" => self.id = Some(fields.next_value::<Lenient<Id<'_>>>()?.0.map(Id::into_string)),
                "repository" => {
                    let repository = fields.next_value::<Lenient<Repository<'_>>>()?.0;
                    self.repository = Some(repository.and_then(|it| it.name).map(Text::into_string));
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            if self.id.is_some() && self.repository.is_some() {
                return Err(de::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
}

/// A value, or none where it is of another type.
struct Lenient<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}
