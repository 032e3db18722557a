//! The projects that an instance brings.

use crate::{columns::document, error::Result};
use appsec_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// Which of the vendor's projects an instance fetches.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectChoice {
    /// All projects, including those added later.
    All,
    /// Those whose name matches one of these patterns: `*` matches any characters, `?` one,
    /// and case does not matter.
    Matching(Vec<String>),
}

impl ProjectChoice {
    /// Whether a project is among them.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Matching(patterns) => patterns.iter().any(|pattern| matches(pattern, name)),
        }
    }
}

/// Whether a name is one of a pattern's.
pub fn matches(pattern: &str, name: &str) -> bool {
    WildMatch::new_case_insensitive(pattern).matches(name)
}

/// The projects that an instance was set up to bring.
pub(crate) fn choice(connection: &Connection, instance_id: i64) -> Result<ProjectChoice> {
    let mut statement = connection.prepare_cached("SELECT wanted_projects FROM instances WHERE id = ?1")?;
    let text: Option<String> = statement.query_row([instance_id], |row| row.get(0)).optional()?.flatten();
    text.map_or(Ok(ProjectChoice::All), |text| document("choice of projects", &text))
}

/// Marks a project that is new, and that its instance does not want, as ignored.
pub(crate) fn ignore_unwanted(
    connection: &Connection,
    instance_id: i64,
    project_id: i64,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    if choice(connection, instance_id)?.takes(name) {
        return Ok(());
    }
    let told = serde_json::json!({ "by": "selection", "reason": "not among the projects that the instance brings", "at": now });
    connection
        .prepare_cached("UPDATE projects SET mapping = 'ignored', mapping_document = ?2 WHERE id = ?1")?
        .execute(params![project_id, told.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ProjectChoice;

    #[test]
    fn a_choice_takes_names_by_pattern_whatever_their_case() {
        let choice = ProjectChoice::Matching(vec!["acme/shop".to_owned(), "acme/api-*".to_owned(), "*/w?b".to_owned()]);
        for name in ["acme/shop", "Acme/Shop", "acme/api-", "acme/api-v2/deep", "other/web"] {
            assert!(choice.takes(name), "{name}");
        }
        for name in ["acme/shop2", "my-acme/shop", "acme/api", "other/weeb", ""] {
            assert!(!choice.takes(name), "{name}");
        }
        assert!(ProjectChoice::All.takes("") && !ProjectChoice::Matching(vec![]).takes("acme/shop"));
    }
}
