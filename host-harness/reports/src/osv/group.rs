//! Records that tell of one vulnerability under several numbers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::Look;

/// One vulnerability of a package.
#[derive(Debug, Default)]
pub struct Group<'a> {
    /// The scanner's word on it.
    pub entry: Option<&'a Value>,
    /// Records that tell of it, by their ids.
    pub members: Vec<&'a Value>,
    /// Numbers of records in databases.
    pub ids: BTreeSet<&'a str>,
    /// All its numbers.
    pub aliases: BTreeSet<&'a str>,
}

impl<'a> Group<'a> {
    fn add(&mut self, member: &'a Value) {
        self.members.push(member);
        self.ids.extend(member.text("id"));
        self.aliases.extend(member.text("id").into_iter().chain(member.texts("aliases")));
    }

    /// The number that names it: of GitHub's database first, as most others are copies of it.
    pub fn id(&self) -> Option<&'a str> {
        let is_ghsa = |id: &&&str| id.starts_with("GHSA-");
        self.ids.iter().find(is_ghsa).or(self.ids.first()).copied()
    }
}

/// The vulnerabilities of a package by the scanner's groups; where it has none,
/// records that share a number are one. And how many records cannot be read.
pub fn groups(package: &Value) -> (Vec<Group<'_>>, usize) {
    let all = package.list("vulnerabilities");
    let mut rest: Vec<&Value> = all.iter().filter(|it| it.text("id").is_some()).collect();
    let mut unreadable = all.len() - rest.len();
    let mut groups = Vec::new();
    for entry in package.list("groups") {
        let ids: BTreeSet<&str> = entry.texts("ids").collect();
        if ids.is_empty() {
            unreadable += 1;
            continue;
        }
        let aliases = entry.texts("aliases").chain(ids.iter().copied()).collect();
        let mut group = Group { entry: Some(entry), members: Vec::new(), ids, aliases };
        rest.retain(|member| {
            let belongs = member.text("id").is_some_and(|id| group.ids.contains(id));
            if belongs {
                group.add(member);
            }
            !belongs
        });
        groups.push(group);
    }
    groups.extend(joined(rest));
    for group in &mut groups {
        group.members.sort_by_cached_key(|member| (member.text("id"), member.to_string()));
    }
    (groups, unreadable)
}

/// Joins records that share a number, also by way of others.
fn joined(records: Vec<&Value>) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for record in records {
        let mut one = Group::default();
        one.add(record);
        let (same, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|it| !it.aliases.is_disjoint(&one.aliases));
        for group in same {
            group.members.into_iter().for_each(|member| one.add(member));
        }
        groups = others;
        groups.push(one);
    }
    groups
}
