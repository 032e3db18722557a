//! The rule inside of a finding.

use guest_json::object;

use super::{Id, Text, Texts, repair::Wire};

object! {
    /// What was looked for. The API has no id of a rule: its name is unique.
    #[derive(Debug, Default)]
    pub struct Rule<'a> {
        pub name: Option<Text<'a>>,
        pub message: Option<Text<'a>>,
        pub confidence: Option<Id<'a>>,
        pub category: Option<Text<'a>>,
        pub subcategories: Option<Texts<'a>>,
        pub vulnerability_classes: Option<Texts<'a>>,
        pub cwe_names: Option<Texts<'a>>,
        pub owasp_names: Option<Texts<'a>>,
    }
}

impl Wire for Rule<'_> {
    type Of<'a> = Rule<'a>;
}
