//! An entry of the dependency inventory, as the vendor's dependencies endpoint
//! sends it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    Count, Id, Text, Texts,
    repair::Wire,
    scalar::{List, object},
};

impl Wire for FoundDependency<'_> {
    type Of<'a> = FoundDependency<'a>;
}

/// A package in a project.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FoundDependency<'a> {
    #[serde(borrow)]
    pub repository_id: Option<Id<'a>>,
    /// The line of the lockfile.
    #[serde(borrow, deserialize_with = "object")]
    pub defined_at: Option<Definition<'a>>,
    /// The line of the manifest that people edit.
    #[serde(borrow, deserialize_with = "object")]
    pub manifest_definition: Option<Definition<'a>>,
    #[serde(borrow)]
    pub transitivity: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub package: Option<PackageSpecifier<'a>>,
    #[serde(borrow)]
    pub ecosystem: Option<Text<'a>>,
    #[serde(borrow)]
    pub licenses: Option<Texts<'a>>,
    #[serde(borrow)]
    pub resolved_url: Option<Text<'a>>,
    /// Seen in real answers; the API reference has no such field.
    #[serde(borrow)]
    pub path_to_transitivity: Option<List<Step<'a>>>,
}

/// A place in a lockfile or manifest. Its numbers are texts, and `0` and the year
/// 1970 stand for "unknown".
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Definition<'a> {
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    pub start_line: Option<Count>,
    pub end_line: Option<Count>,
    pub start_col: Option<Count>,
    pub end_col: Option<Count>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub committed_at: Option<Text<'a>>,
}

/// A package's name and version.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PackageSpecifier<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow, rename = "versionSpecifier", alias = "version")]
    pub version_specifier: Option<Text<'a>>,
}

/// One of the packages that bring another: a text, or an object with its name
/// and version. Only empty lists were observed.
#[derive(Debug)]
pub enum Step<'a> {
    /// As a text.
    Text(Text<'a>),
    /// As an object.
    Package(PackageSpecifier<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Step<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = Step<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text or an object")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Step::Text(Text(text.into())))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Step::Text(Text(text.to_owned().into())))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        PackageSpecifier::deserialize(MapAccessDeserializer::new(entries)).map(Step::Package)
    }
}
