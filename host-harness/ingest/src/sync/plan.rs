//! Which reads a sync makes: kinds times scopes.
//!
//! Few projects are read one by one: each gets a read of its own in the run
//! log, and a failing one stops no other. Many are read together, because five
//! thousand projects must not mean ten thousand requests.

use std::collections::HashSet;

use appsec_model::{Access, Connection, Kind, Project, ProjectScope, Scope};

use crate::error::SelectionError;
use appsec_grant::UnknownName;
use appsec_store::FetchTask;

/// Up to that many projects are read one by one.
const ONE_BY_ONE: usize = 12;

/// Projects of one read when there are more: their names fit in one URL.
pub(super) const BATCH: usize = 50;

/// What the operator asks for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these kinds; empty for all that can be read.
    pub kinds: Vec<Kind>,
    /// Only these projects, by name; empty for all.
    pub projects: Vec<String>,
    /// Of all of them not these, by the vendor's ids.
    pub without: HashSet<String>,
}

impl Selection {
    /// Whether it asks for some projects or kinds.
    pub(super) fn narrows(&self) -> bool {
        !self.kinds.is_empty() || !self.projects.is_empty()
    }
}

/// Plans the reads of a sync: of the projects that the vendor lists those whose
/// ids are among the `mapped` ones.
pub fn plan(
    connection: &Connection,
    projects: &[Project],
    mapped: &HashSet<String>,
    selection: &Selection,
) -> Result<Vec<FetchTask>, SelectionError> {
    let readable: Vec<&Kind> =
        connection.kinds.iter().filter(|it| it.access == Access::Readable).map(|it| &it.kind).collect();
    if let Some(kind) = selection.kinds.iter().find(|kind| !readable.contains(kind)) {
        let known = readable.iter().map(|it| it.as_str());
        return Err(SelectionError::Kind(UnknownName::among(kind.as_str(), known)));
    }
    let mut selected: Vec<&Project> = Vec::new();
    for name in &selection.projects {
        let found = projects.iter().find(|project| project.name == *name);
        let found = found.or_else(|| projects.iter().find(|project| project.name.eq_ignore_ascii_case(name)));
        let found = found.ok_or_else(|| {
            let known = projects.iter().map(|it| &it.name);
            SelectionError::Project(UnknownName::among(name, known))
        })?;
        if !mapped.contains(&found.id) {
            return Err(SelectionError::Unmapped(found.name.clone()));
        }
        selected.push(found);
    }
    let whole = selection.projects.is_empty();
    if whole {
        let wanted = |project: &&Project| mapped.contains(&project.id) && !selection.without.contains(&project.id);
        selected.extend(projects.iter().filter(wanted));
    }
    // A wide read brings the other projects' records along.
    let most = selected.len() * 2 >= projects.len();

    let scopes =
        if whole && most && selection.without.is_empty() && connection.deployment_wide && selected.len() > ONE_BY_ONE {
            vec![Scope::Deployment]
        } else {
            // Neighbours in a batch share a branch where possible: a connector
            // that asks for one branch at a time then needs fewer requests.
            selected.sort_by(|a, b| branch(a).cmp(&branch(b)).then_with(|| a.name.cmp(&b.name)));
            let size = if selected.len() > ONE_BY_ONE { BATCH } else { 1 };
            selected
                .chunks(size)
                .map(|batch| Scope::Projects(batch.iter().map(|project| scope(project)).collect()))
                .collect()
        };
    let kinds = readable.into_iter().filter(|kind| selection.kinds.is_empty() || selection.kinds.contains(kind));
    let reads =
        kinds.flat_map(|kind| scopes.iter().map(|scope| FetchTask { kind: kind.clone(), scope: scope.clone() }));
    Ok(reads.collect())
}

/// How many projects some reads are of.
pub fn projects_of(reads: &[FetchTask], projects: &[Project], mapped: &HashSet<String>) -> usize {
    if reads.iter().any(|read| matches!(read.scope, Scope::Deployment)) {
        return projects.iter().filter(|project| mapped.contains(&project.id)).count();
    }
    let of = |read: &FetchTask| match &read.scope {
        Scope::Projects(projects) => projects.iter().map(|project| project.id.clone()).collect::<Vec<_>>(),
        Scope::Deployment => Vec::new(),
    };
    reads.iter().flat_map(of).collect::<HashSet<String>>().len()
}

/// What there is of a selection; none where there is nothing of it. Events name
/// projects by the vendor's ids too, and what is gone, not mapped, or cannot be read.
pub fn at_hand(
    connection: &Connection,
    projects: &[Project],
    mapped: &HashSet<String>,
    selection: &Selection,
) -> Option<Selection> {
    let readable = |kind: &&Kind| connection.kinds.iter().any(|it| it.kind == **kind && it.access == Access::Readable);
    let kinds: Vec<Kind> = selection.kinds.iter().filter(readable).cloned().collect();
    let find = |named: &String| {
        let by_name = projects.iter().find(|project| project.name.eq_ignore_ascii_case(named));
        let found = by_name.or_else(|| projects.iter().find(|project| project.id == *named));
        found.filter(|project| mapped.contains(&project.id)).map(|project| project.name.clone())
    };
    let found: Vec<String> = selection.projects.iter().filter_map(find).collect();
    let nothing = |asked: bool, found: bool| asked && !found;
    let none = nothing(!selection.kinds.is_empty(), !kinds.is_empty())
        || nothing(!selection.projects.is_empty(), !found.is_empty());
    (!none).then_some(Selection { kinds, projects: found, ..Selection::default() })
}

fn branch(project: &Project) -> Option<&String> {
    project.primary_branch.as_ref().or(project.default_branch.as_ref())
}

fn scope(project: &Project) -> ProjectScope {
    ProjectScope { id: project.id.clone(), name: project.name.clone(), primary_branch: branch(project).cloned() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use appsec_model::{Access, Connection, Deployment, Kind, KindAccess, Project, Scope};

    use super::{FetchTask, Selection, at_hand, plan};
    use crate::error::SelectionError;

    fn connection(deployment_wide: bool) -> Connection {
        let denied = Access::Denied { reason: "no license".to_owned() };
        Connection {
            deployment: Deployment { id: "1".to_owned(), slug: "acme".to_owned(), name: None },
            kinds: vec![
                KindAccess { kind: Kind::Sast, access: Access::Readable },
                KindAccess { kind: Kind::Sca, access: Access::Readable },
                KindAccess { kind: Kind::Secrets, access: denied },
            ],
            deployment_wide,
            diagnostics: vec![],
        }
    }

    fn projects(count: usize) -> Vec<Project> {
        let branch = |number| Some(if number % 3 == 0 { "master" } else { "main" }.to_owned());
        (0..count)
            .map(|number| Project {
                id: number.to_string(),
                name: format!("Acme/p{number:04}"),
                primary_branch: branch(number),
                ..Project::default()
            })
            .collect()
    }

    fn all(projects: &[Project]) -> HashSet<String> {
        projects.iter().map(|project| project.id.clone()).collect()
    }

    fn sizes(deployment_wide: bool, count: usize) -> Vec<usize> {
        sizes_of(deployment_wide, count, count)
    }

    /// Projects of each read, 0 for a wide one, where only the first are mapped.
    fn sizes_of(deployment_wide: bool, count: usize, mapped: usize) -> Vec<usize> {
        let projects = projects(count);
        let mapped = all(&projects[..mapped]);
        let reads = plan(&connection(deployment_wide), &projects, &mapped, &Selection::default()).unwrap();
        reads
            .iter()
            .filter(|read| read.kind == Kind::Sca)
            .map(|read| match &read.scope {
                Scope::Deployment => 0,
                Scope::Projects(projects) => projects.len(),
            })
            .collect()
    }

    #[test]
    fn few_projects_are_read_one_by_one_and_many_together() {
        assert_eq!(sizes(true, 3), [1, 1, 1]);
        assert_eq!(sizes(false, 120), [50, 50, 20]);
        assert_eq!(sizes(true, 120), [0]);
        assert_eq!(sizes(true, 0), [0_usize; 0]);
    }

    #[test]
    fn every_project_is_read_once_per_readable_kind() {
        let projects = projects(120);
        let reads = plan(&connection(false), &projects, &all(&projects), &Selection::default()).unwrap();
        let mut names: Vec<(String, String)> = Vec::new();
        for read in &reads {
            let Scope::Projects(projects) = &read.scope else { panic!("{read:?}") };
            names.extend(projects.iter().map(|project| (read.kind.to_string(), project.name.clone())));
        }
        assert_eq!(names.len(), 240);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 240);
    }

    #[test]
    fn of_what_an_event_names_only_what_there_is_is_read() {
        let selection = |kinds: &[Kind], projects: &[&str]| Selection {
            kinds: kinds.to_vec(),
            projects: projects.iter().map(|&name| name.to_owned()).collect(),
            ..Selection::default()
        };
        let mapped: HashSet<String> = all(&projects(9)).into_iter().filter(|id| id != "3").collect();
        let kept =
            |asked| at_hand(&connection(true), &projects(9), &mapped, &asked).map(|kept| (kept.kinds, kept.projects));
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let some = kept(selection(&[Kind::Sast, Kind::Secrets], &["acme/P0001", "7", "gone"]));
        assert_eq!(some, Some((vec![Kind::Sast], names(&["Acme/p0001", "Acme/p0007"]))));
        assert_eq!(kept(selection(&[], &[])), Some((vec![], vec![])));
        assert_eq!(kept(selection(&[], &["gone"])), None);
        assert_eq!(kept(selection(&[], &["Acme/p0003"])), None);
        assert_eq!(kept(selection(&[Kind::Secrets], &["7"])), None);
    }

    #[test]
    fn only_what_is_mapped_is_read_and_together_where_it_is_most() {
        assert_eq!(sizes_of(true, 120, 0), [0_usize; 0]);
        assert_eq!(sizes_of(true, 120, 2), [1, 1]);
        assert_eq!(sizes_of(true, 120, 55), [50, 5]);
        assert_eq!(sizes_of(true, 120, 60), [0]);
        let (projects, named) =
            (projects(3), |name: &str| Selection { projects: vec![name.to_owned()], ..Selection::default() });
        let mapped = all(&projects[..1]);
        let plan = |name: &str| plan(&connection(true), &projects, &mapped, &named(name));
        assert_eq!(plan("Acme/p0000").unwrap().len(), 2);
        assert_eq!(plan("acme/P0001").unwrap_err(), SelectionError::Unmapped("Acme/p0001".to_owned()));
    }

    #[test]
    fn what_is_left_out_is_not_read_along_with_everything() {
        let projects = projects(120);
        let without = HashSet::from(["7".to_owned(), "119".to_owned()]);
        let selection = Selection { without, ..Selection::default() };
        let reads = plan(&connection(true), &projects, &all(&projects), &selection).unwrap();
        let named = |read: &FetchTask| match &read.scope {
            Scope::Projects(projects) => projects.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
            Scope::Deployment => panic!("{read:?}"),
        };
        let read: HashSet<String> = reads.iter().flat_map(named).collect();
        assert_eq!((reads.len(), read.len()), (6, 118));
        assert!(!read.contains("7") && !read.contains("119"));
    }

    #[test]
    fn a_selection_keeps_to_what_there_is() {
        let selection = |kinds: &[Kind], projects: &[&str]| Selection {
            kinds: kinds.to_vec(),
            projects: projects.iter().map(|&name| name.to_owned()).collect(),
            ..Selection::default()
        };
        let projects = projects(50);
        let plan = |selection| plan(&connection(true), &projects, &all(&projects), &selection);
        assert_eq!(plan(selection(&[Kind::Sast], &["acme/P0001", "Acme/p0002"])).unwrap().len(), 2);
        let told = |selected| plan(selected).unwrap_err().to_string();
        assert_eq!(told(selection(&[], &["acme/other"])), "the vendor does not list a project `acme/other`");
        assert_eq!(
            told(selection(&[], &["acme/p0001x"])),
            "the vendor does not list a project `acme/p0001x`; did you mean `Acme/p0001`?"
        );
        assert_eq!(told(selection(&[Kind::Secrets], &[])), "the instance cannot fetch the kind `secrets`");
        assert_eq!(
            told(selection(&[Kind::Other("sats".to_owned())], &[])),
            "the instance cannot fetch the kind `sats`; did you mean `sast`?"
        );
    }
}
