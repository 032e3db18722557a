//! The rules of a SARIF file, which keeps them apart from the results.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Fault, kept, sarif};
use crate::wire::{Text, from_text};

/// How much the rules of a file may take, in bytes. The vendor's registry has
/// some thousands of rules, of one to two kilobytes each.
const MAX_RULES_BYTES: usize = 64 << 20;

/// How much one rule may take: each of its results is kept with it.
const MAX_RULE_BYTES: usize = 32 << 10;

/// The rules of a file.
#[derive(Default)]
pub struct RuleCache {
    runs: Vec<RunRules>,
    bytes: usize,
}

/// The rules of one run.
#[derive(Default)]
struct RunRules {
    /// With whether its results show credentials.
    by_id: BTreeMap<String, (String, bool)>,
    /// The ids in the order of the main part's rules.
    order: Vec<String>,
    /// The rules that results name, where the results came before the rules.
    named: BTreeSet<String>,
    /// Whether every rule is kept: there was no result before the rules, or one
    /// names its rule by its position.
    keeps_all: bool,
    results: u64,
}

/// What a result says of its rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference<'a> {
    #[serde(borrow, rename = "ruleId")]
    id: Option<Text<'a>>,
    #[serde(rename = "ruleIndex")]
    index: Option<i64>,
}

/// What is kept of a rule: its help is as long as all the rest, and a repetition.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct Trimmed<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    name: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    short_description: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    full_description: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    default_configuration: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    help_uri: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    properties: Option<&'a RawValue>,
}

impl RuleCache {
    /// A run begins.
    pub fn start_run(&mut self) {
        self.runs.push(RunRules::default());
    }

    /// A result of the last run names its rule.
    pub fn name(&mut self, result: &str) {
        let Some(run) = self.runs.last_mut() else { return };
        run.results += 1;
        if run.keeps_all {
            return;
        }
        match reference(result).id {
            Some(id) if run.named.contains(&*id) => {}
            Some(id) => {
                run.named.insert(id.into_string());
            }
            None => run.keeps_all = true,
        }
    }

    /// Puts a rule of the last run on the shelf.
    pub fn put(&mut self, rule: &str, is_driver: bool) -> Result<(), Fault> {
        let Some(run) = self.runs.last_mut() else { return Ok(()) };
        let Ok(trimmed) = from_text::<Trimmed<'_>>(rule) else { return Ok(()) };
        let id = trimmed.id.and_then(|id| serde_json::from_str::<Text<'_>>(id.get()).ok());
        let id = id.map(Text::into_string).unwrap_or_default();
        run.keeps_all |= run.results == 0;
        if is_driver {
            self.bytes += id.len() + size_of::<String>();
            run.order.push(id.clone());
        }
        if !(run.keeps_all || run.named.contains(&id)) || run.by_id.contains_key(&id) {
            return Ok(());
        }
        // What was read as JSON can be written as JSON.
        let mut text = serde_json::to_string(&trimmed).unwrap_or_default();
        let shows_credentials = sarif::shows_credentials(&text);
        if shows_credentials {
            text = kept::kept(&text);
        }
        if text.len() > MAX_RULE_BYTES {
            return Err(Fault::Large(format!("a rule of more than {} KiB", MAX_RULE_BYTES >> 10)));
        }
        self.bytes += id.len() + text.len();
        if self.bytes > MAX_RULES_BYTES {
            return Err(Fault::Large(format!("rules of more than {} MiB in one file", MAX_RULES_BYTES >> 20)));
        }
        run.by_id.insert(id, (text, shows_credentials));
        Ok(())
    }

    /// The rule of a result of a run, and whether its results show credentials.
    pub fn get(&self, run: usize, result: &str) -> Option<(&str, bool)> {
        let run = self.runs.get(run)?;
        let reference = reference(result);
        let id = match &reference.id {
            Some(id) => id,
            None => run.order.get(usize::try_from(reference.index?).ok()?)?.as_str(),
        };
        run.by_id.get(id).map(|(text, shows)| (text.as_str(), *shows))
    }
}

fn reference(result: &str) -> Reference<'_> {
    from_text(result).unwrap_or_default()
}
