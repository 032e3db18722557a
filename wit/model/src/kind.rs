//! What a record is about: its kind and its project.

use serde::{Deserialize, Serialize};

use crate::open::open_enum;

open_enum! {
    /// What sort of result a record holds.
    Kind {
        /// A weakness in first-party code, found by static analysis.
        Sast = "sast",
        /// A vulnerable third-party package.
        Sca = "sca",
        /// A weakness in first-party code, found by an AI model.
        AiSast = "ai-sast",
        /// A credential in code or history.
        Secrets = "secrets",
        /// A package in use, vulnerable or not.
        Packages = "packages",
    }
}

/// Names a project as far as a record does.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectRef {
    /// The vendor's id of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The vendor's name of the project, such as `org/repo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
