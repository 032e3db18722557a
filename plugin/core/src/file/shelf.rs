//! The rules of a SARIF file, which keeps them apart from the results.

use std::collections::{BTreeMap, BTreeSet};

use guest_json::{Integer, Raw, object, write};

use super::{Fault, kept, sarif, sketch::hash};
use crate::wire::Text;

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

object! {
    /// What a result says of its rule.
    #[derive(Debug, Default)]
    struct Reference<'a> {
        id: Option<Text<'a>> = "ruleId",
        index: Option<Integer> = "ruleIndex",
    }

    /// What is kept of a rule: its help is as long as all the rest, and a repetition.
    #[derive(Default)]
    struct Trimmed<'a> {
        id: Option<Raw<'a>>,
        name: Option<Raw<'a>>,
        short_description: Option<Raw<'a>> = "shortDescription",
        full_description: Option<Raw<'a>> = "fullDescription",
        default_configuration: Option<Raw<'a>> = "defaultConfiguration",
        help_uri: Option<Raw<'a>> = "helpUri",
        properties: Option<Raw<'a>>,
    }
}

impl Trimmed<'_> {
    /// The rule as JSON.
    fn to_text(&self) -> String {
        let text = |raw: Option<Raw<'_>>| raw.map(|raw| raw.get().to_owned());
        write(&[
            ("id", text(self.id)),
            ("name", text(self.name)),
            ("shortDescription", text(self.short_description)),
            ("fullDescription", text(self.full_description)),
            ("defaultConfiguration", text(self.default_configuration)),
            ("helpUri", text(self.help_uri)),
            ("properties", text(self.properties)),
        ])
    }
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
        let Some(trimmed) = guest_json::read::<Trimmed<'_>>(rule) else { return Ok(()) };
        let id = trimmed.id.and_then(|id| guest_json::string(id.get())).unwrap_or_default().into_owned();
        run.keeps_all |= run.results == 0;
        if is_driver {
            self.bytes += id.len() + size_of::<String>();
            run.order.push(id.clone());
        }
        if !(run.keeps_all || run.named.contains(&id)) || run.by_id.contains_key(&id) {
            return Ok(());
        }
        let mut text = trimmed.to_text();
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

    /// The rules whose results show credentials: their runs, and the hashes of their ids.
    pub fn exposing(&self) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        for (run, it) in self.runs.iter().enumerate() {
            let exposing = it.by_id.iter().filter(|(_, (_, shows))| *shows);
            found.extend(exposing.map(|(id, _)| (run, hash(&**id))));
        }
        found
    }

    /// The rule of a result of a run, and whether its results show credentials.
    pub fn get(&self, run: usize, result: &str) -> Option<(&str, bool)> {
        let run = self.runs.get(run)?;
        let reference = reference(result);
        let id = match &reference.id {
            Some(id) => id,
            None => match reference.index? {
                Integer::Unsigned(index) => run.order.get(usize::try_from(index).ok()?)?.as_str(),
                Integer::Negative(_) => return None,
            },
        };
        run.by_id.get(id).map(|(text, shows)| (text.as_str(), *shows))
    }
}

fn reference(result: &str) -> Reference<'_> {
    guest_json::read(result).unwrap_or_default()
}
