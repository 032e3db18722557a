//! Records that tell of one vulnerability under several numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::{bounds, json::JsonView};

/// One vulnerability of a package. Numbers are in capitals: databases and tools
/// spell them in their own ways.
#[derive(Debug, Default)]
pub struct Group<'a> {
    /// The scanner's word on it.
    pub entry: Option<&'a Value>,
    /// Records that tell of it, by their ids.
    pub members: Vec<&'a Value>,
    /// Numbers of records in databases.
    pub ids: BTreeSet<String>,
    /// All its numbers.
    pub aliases: BTreeSet<String>,
}

impl<'a> Group<'a> {
    fn add(&mut self, member: &'a Value) {
        self.members.push(member);
        self.ids.extend(member.text("id").map(folded));
        self.aliases.extend(member.text("id").into_iter().chain(member.texts("aliases")).map(folded));
    }

    /// The number that names it: of GitHub's database first, as most others are copies of it.
    pub fn id(&self) -> Option<&str> {
        let is_ghsa = |id: &&String| id.starts_with("GHSA-");
        self.ids.iter().find(is_ghsa).or(self.ids.first()).map(String::as_str)
    }
}

fn folded(id: &str) -> String {
    bounds::word(id.trim()).to_ascii_uppercase()
}

/// The vulnerabilities of a package by the scanner's groups; where it has none,
/// records that share a number are one. And how many records cannot be read.
pub fn groups(package: &Value) -> (Vec<Group<'_>>, usize) {
    let all = package.list("vulnerabilities");
    let mut by_id: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    let mut unreadable = 0;
    for record in all {
        match record.text("id") {
            Some(id) => by_id.entry(folded(id)).or_default().push(record),
            None => unreadable += 1,
        }
    }
    let mut groups = Vec::new();
    for entry in package.list("groups") {
        let ids: BTreeSet<String> = entry.texts("ids").map(folded).collect();
        if ids.is_empty() {
            unreadable += 1;
            continue;
        }
        let members: Vec<&Value> = ids.iter().filter_map(|id| by_id.remove(id)).flatten().collect();
        let aliases = entry.texts("aliases").map(folded).chain(ids.iter().cloned()).collect();
        let mut group = Group { entry: Some(entry), members: Vec::new(), ids, aliases };
        members.into_iter().for_each(|member| group.add(member));
        groups.push(group);
    }
    // In the order of the report.
    groups.extend(joined(all.iter().filter(|it| it.text("id").is_some_and(|id| by_id.contains_key(&folded(id))))));
    for group in &mut groups {
        group.members.sort_by_cached_key(|member| (member.text("id"), member.to_string()));
    }
    (groups, unreadable)
}

/// Joins records that share a number, also by way of others. The smaller group
/// goes into the larger one, so that no record is moved often.
fn joined<'a>(records: impl Iterator<Item = &'a Value>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut by_alias: HashMap<String, usize> = HashMap::new();
    for record in records {
        let mut one = Group::default();
        one.add(record);
        let same: BTreeSet<usize> = one.aliases.iter().filter_map(|alias| by_alias.get(alias).copied()).collect();
        let largest = same.iter().copied().max_by_key(|at| groups.get(*at).map(|it| it.aliases.len()));
        let place = largest.unwrap_or(groups.len());
        if largest.is_none() {
            groups.push(Group::default());
        }
        let others = same.into_iter().filter(|at| *at != place);
        let mut joining: Vec<Group<'_>> = others.filter_map(|at| groups.get_mut(at).map(std::mem::take)).collect();
        joining.push(one);
        let Some(group) = groups.get_mut(place) else { continue };
        for other in joining {
            by_alias.extend(other.aliases.iter().map(|alias| (alias.clone(), place)));
            group.members.extend(other.members);
            group.ids.extend(other.ids);
            group.aliases.extend(other.aliases);
        }
    }
    groups.retain(|group| !group.members.is_empty());
    groups
}
