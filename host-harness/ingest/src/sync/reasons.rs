//! What went wrong in a sync, each thing once: many fetches fail for one reason.

use std::collections::{BTreeMap, BTreeSet};

use appsec_model::{Kind, Scope};

/// How many projects a reason names.
const MAX_NAMED: usize = 3;

/// A message with a line for each reason, with the kinds and projects of the fetches
/// that ended for it. What else the reason says stands in lines below it.
pub fn reasons<'a>(failed: impl Iterator<Item = (&'a Kind, &'a Scope, &'a str)>) -> String {
    let mut reasons: BTreeMap<String, (BTreeSet<&str>, Option<BTreeSet<&str>>)> = BTreeMap::new();
    for (kind, scope, message) in failed {
        let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
        let reason = lines.collect::<Vec<_>>().join("\n    ");
        let (kinds, projects) = reasons.entry(reason).or_insert_with(|| (BTreeSet::new(), Some(BTreeSet::new())));
        kinds.insert(kind.as_str());
        match scope {
            Scope::Deployment => *projects = None,
            Scope::Projects(scopes) => {
                projects.iter_mut().for_each(|it| it.extend(scopes.iter().map(|project| project.name.as_str())));
            }
        }
    }
    let line = |(reason, (kinds, projects)): (String, (BTreeSet<&str>, Option<BTreeSet<&str>>))| {
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        format!("{kinds} of {}: {reason}", projects.as_ref().map_or("all projects".to_owned(), named))
    };
    reasons.into_iter().map(line).collect::<Vec<_>>().join("\n  ")
}

fn named(projects: &BTreeSet<&str>) -> String {
    let names = projects.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    match projects.len().saturating_sub(MAX_NAMED) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::{Kind, ProjectScope, Scope};

    use super::reasons;

    #[test]
    fn each_reason_is_told_once() {
        let scope = |names: &[&str]| {
            let project = |name: &&str| ProjectScope { id: (*name).into(), name: (*name).into(), primary_branch: None };
            Scope::Projects(names.iter().map(project).collect())
        };
        let failed = [
            (Kind::Sca, scope(&["a/b"]), "it pages in circles\n  ask again"),
            (Kind::Sast, scope(&["a/b"]), "it pages in circles\nask again"),
            (Kind::Sast, scope(&["a/c", "a/d", "a/e", "a/f"]), "it pages in circles\nask again\n"),
            (Kind::Secrets, Scope::Deployment, "forbidden"),
            (Kind::Secrets, scope(&["a/b"]), "forbidden"),
        ];
        let told = reasons(failed.iter().map(|(kind, scope, message)| (kind, scope, *message)));
        insta::assert_snapshot!(told, @r"
        secrets of all projects: forbidden
          sast, sca of a/b, a/c, a/d and 2 more: it pages in circles
            ask again
        ");
    }
}
