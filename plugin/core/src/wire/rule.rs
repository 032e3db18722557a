//! The rule inside of a finding.

use serde::Deserialize;

use super::{Id, Text, Texts, repair::Wire};

/// What was looked for. The API has no id of a rule: its name is unique.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub message: Option<Text<'a>>,
    #[serde(borrow)]
    pub confidence: Option<Id<'a>>,
    #[serde(borrow)]
    pub category: Option<Text<'a>>,
    #[serde(borrow)]
    pub subcategories: Option<Texts<'a>>,
    #[serde(borrow)]
    pub vulnerability_classes: Option<Texts<'a>>,
    #[serde(borrow)]
    pub cwe_names: Option<Texts<'a>>,
    #[serde(borrow)]
    pub owasp_names: Option<Texts<'a>>,
}

impl Wire for Rule<'_> {
    type Of<'a> = Rule<'a>;
}
