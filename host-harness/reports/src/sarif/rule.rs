//! Rules: most of what their authors say is in tags and properties.

use appsec_model::{Rule, credential};
use serde_json::Value;

use super::{
    message,
    rated::{Rated, rated},
    taxonomy::Taxonomies,
};
use crate::{MAX_LIST, bounds, json::JsonView, weakness, words};

/// Tags of rules that look for other faults than those of security.
const QUALITY: [&str; 17] = [
    "maintainability",
    "reliability",
    "correctness",
    "readability",
    "performance",
    "efficiency",
    "style",
    "stylistic",
    "complexity",
    "quality",
    "best-practice",
    "compatibility",
    "portability",
    "useless-code",
    "documentation",
    "suggestion",
    "layout",
];

/// Members of `properties` that say what a rule or a result is about.
const SORTS: [&str; 7] = ["category", "subCategory", "type", "class", "issueType", "issue_type", "scanType"];

/// What `properties` say that a rule or a result is about.
pub fn sorts(properties: Option<&Value>) -> impl Iterator<Item = &str> {
    SORTS.iter().filter_map(move |key| properties.text(key))
}

/// A rule, and what of it decides on its results.
#[derive(Default)]
pub struct RuleFacts {
    pub rule: Rule,
    /// The level of results that have none.
    pub level: Option<String>,
    /// How bad its results are.
    pub rated: Option<Rated>,
    /// From 0 to 100.
    pub rank: Option<f64>,
    /// In small letters.
    pub tags: Vec<String>,
    /// Whether it looks for faults of security, where it says.
    pub security: Option<bool>,
    /// Further ids of it.
    pub other_ids: Vec<String>,
    /// Its texts, by their keys.
    pub messages: Value,
    /// Everything that its author added.
    pub properties: Value,
    /// Its help, which some scanners put a package into.
    pub help: String,
    /// Whether its names, tags, descriptions or weaknesses say that its results show
    /// credentials.
    pub names_credentials: bool,
}

impl RuleFacts {
    /// Reads a `reportingDescriptor`.
    pub fn new(value: &Value, taxonomies: &Taxonomies) -> Self {
        let properties = value.at("properties").cloned().unwrap_or_default();
        let (configuration, help) = (value.at("defaultConfiguration"), value.at("help"));
        let id = bounds::word(value.text("id").unwrap_or_default()).to_owned();
        let mut rule = Rule { id, ..Rule::default() };
        let text = |key: &str| value.at(key).and_then(message::plain);
        let (short, full) = (text("shortDescription"), text("fullDescription"));
        rule.name = short.clone().or_else(|| value.owned("name")).filter(|name| *name != rule.id);
        // Whoever is cut is seen to be when the rule is added.
        rule.name = rule.name.map(|name| bounds::start(&name).to_owned());
        rule.message = full.or(short);
        rule.url = value.owned("helpUri").filter(|url| words::is_url(url));
        rule.confidence = properties.text("precision").or(properties.text("confidence")).map(words::confidence);
        let tags: Vec<&str> = properties.texts("tags").take(MAX_LIST).collect();
        for tag in &tags {
            add_tag(&mut rule, tag);
        }
        let named = value.owned("name");
        let own = [Some(&rule.id), rule.name.as_ref(), named.as_ref(), rule.url.as_ref()];
        let own: Vec<_> = own.into_iter().flatten().filter_map(|text| weakness::cwe(text)).collect();
        let own = own.into_iter().filter_map(|cwe| cwe.number).map(weakness::by_number);
        let members = weakness::of_members(&properties);
        members.into_iter().chain(own).for_each(|cwe| weakness::add(&mut rule.cwes, cwe));
        for relationship in value.list("relationships") {
            taxonomies.add(&mut rule, relationship.at("target").unwrap_or(&Value::Null));
        }
        let tags: Vec<String> = tags.into_iter().map(str::to_lowercase).collect();
        let rated = rated(Some(&properties));
        let is_rated = rated.as_ref().is_some_and(Rated::is_known);
        let security = if rule.category.as_deref() == Some("security") || is_rated || !rule.cwes.is_empty() {
            Some(true)
        } else {
            tags.iter().any(|tag| QUALITY.contains(&tag.as_str())).then_some(false)
        };
        let names = [Some(&rule.id), rule.name.as_ref(), named.as_ref()].into_iter().flatten().map(String::as_str);
        // Weaknesses and categories count by their numbers.
        let words = tags.iter().map(String::as_str).filter(|tag| weakness::cwe(tag).is_none());
        let texts = || [&rule.name, &rule.message].into_iter().flatten();
        let names_credentials = names.chain(words).chain(sorts(Some(&properties))).any(credential::is_named)
            || rule.cwes.iter().filter_map(|cwe| cwe.number).any(credential::is_weakness)
            || texts().any(|text| credential::is_told(text));
        Self {
            names_credentials,
            level: configuration.text("level").map(str::to_owned),
            rated,
            rank: configuration.number("rank").filter(|rank| (0.0..=100.0).contains(rank)),
            tags,
            security,
            other_ids: value.texts("deprecatedIds").map(str::to_owned).collect(),
            help: bounds::start(help.text("text").or(help.text("markdown")).unwrap_or_default()).to_owned(),
            messages: value.at("messageStrings").cloned().unwrap_or_default(),
            properties,
            rule,
        }
    }

    /// A rule of which only the id is known.
    pub fn nameless(id: &str) -> Self {
        Self { rule: Rule { id: bounds::word(id).to_owned(), ..Rule::default() }, ..Self::default() }
    }
}

/// Adds what a tag says: a weakness, an OWASP category, the rule's category, or another word.
fn add_tag(rule: &mut Rule, tag: &str) {
    let folded = tag.trim().to_lowercase();
    if let Some(cwe) = weakness::cwe(tag) {
        weakness::add(&mut rule.cwes, cwe);
    } else if let Some(owasp) = weakness::owasp(tag) {
        bounds::push(&mut rule.owasp, owasp);
    } else if folded == "security" {
        // Before any other: it decides what the rule is about.
        let before = rule.category.replace(folded);
        rule.subcategories.extend(before.filter(|word| word != "security"));
    } else if rule.category.is_none() && QUALITY.contains(&folded.as_str()) {
        rule.category = Some(folded);
    } else if words::severity(tag).is_none() {
        // A severity among the tags is that of the level or score.
        rule.subcategories.push(tag.trim().to_owned());
    }
}
