//! An entry of the dependency inventory, as the vendor's dependencies endpoint
//! sends it.

use guest_json::{Read, Reader, Value, object};

use super::{Count, Id, Text, Texts, repair::Wire, scalar::List};

impl Wire for FoundDependency<'_> {
    type Of<'a> = FoundDependency<'a>;
}

object! {
    /// A package in a project.
    #[derive(Debug, Default)]
    pub struct FoundDependency<'a> {
        pub repository_id: Option<Id<'a>> = "repositoryId",
        /// The line of the lockfile.
        pub defined_at: Option<Definition<'a>> = "definedAt",
        /// The line of the manifest that people edit.
        pub manifest_definition: Option<Definition<'a>> = "manifestDefinition",
        pub transitivity: Option<Text<'a>>,
        pub package: Option<PackageSpecifier<'a>>,
        pub ecosystem: Option<Text<'a>>,
        pub licenses: Option<Texts<'a>>,
        pub resolved_url: Option<Text<'a>> = "resolvedUrl",
        /// Seen in real answers; the API reference has no such field.
        pub path_to_transitivity: Option<List<Step<'a>>> = "pathToTransitivity",
    }

    /// A place in a lockfile or manifest. Its numbers are texts, and `0` and the year
    /// 1970 stand for "unknown".
    #[derive(Debug, Default)]
    pub struct Definition<'a> {
        pub path: Option<Text<'a>>,
        pub start_line: Option<Count> = "startLine",
        pub end_line: Option<Count> = "endLine",
        pub start_col: Option<Count> = "startCol",
        pub end_col: Option<Count> = "endCol",
        pub url: Option<Text<'a>>,
        pub committed_at: Option<Text<'a>> = "committedAt",
    }

    /// A package's name and version.
    #[derive(Debug, Default)]
    pub struct PackageSpecifier<'a> {
        pub name: Option<Text<'a>>,
        pub version_specifier: Option<Text<'a>> = "versionSpecifier" | "version",
    }
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

impl<'a> Value<'a> for Step<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        match json.peek() {
            b'{' => PackageSpecifier::read(json).map(Self::Package),
            _ => json.string("a text or an object").map(|text| Self::Text(Text(text))),
        }
    }
}
