//! `fetch-findings`: one request, one page of raw records, and where to go on.
//!
//! A read of primary branches walks the scope group by group: the API takes one
//! branch for all repositories of a request, so projects that share the name of
//! their primary branch are read together. Five thousand projects on `main` are
//! a few groups, not five thousand reads.

use appsec_model::{Error, FetchRequest, NextPage, ProjectScope, RawPage, Scope};

use crate::{
    Outside,
    api::{Api, findings, issue_type},
    cursor::{Cursor, Fingerprint},
    memory::Memory,
    normalize::branch_name,
    settings::Branches,
};

/// How long the names of a group's projects may be together, in bytes. Servers
/// and proxies refuse addresses beyond 8 KiB, and escaping makes names longer.
const MAX_NAMES_BYTES: usize = 4 << 10;

/// Reads one page.
pub fn fetch_findings(request: &FetchRequest, outside: &mut Outside<'_>) -> Result<RawPage, Error> {
    let memory = Memory::load(outside.bucket)?;
    if !memory.settings.kinds.contains(&request.kind) {
        let known = if issue_type(&request.kind).is_some() { "the settings leave out" } else { "the connector lacks" };
        return Err(Error::Unsupported { what: format!("{known} the kind `{}`", request.kind) });
    }
    let groups = groups(&request.scope, memory.settings.branches)?;
    let identity = identity(request, &memory);
    let cursor = request.cursor.as_deref().map_or(Ok(Cursor::default()), |text| Cursor::decode(text, identity))?;
    let Some(group) = usize::try_from(cursor.group).ok().and_then(|at| groups.get(at)) else {
        // An empty scope: nothing to ask the vendor for.
        return Ok(RawPage { records: Vec::new(), next: NextPage::Complete, diagnostics: Vec::new() });
    };
    let records = findings::page(
        &mut Api::new(outside, &memory.settings.origin)?,
        &findings::Page {
            slug: &memory.deployment.slug,
            kind: &request.kind,
            page: cursor.page,
            page_size: memory.settings.page_size,
            repositories: &group.projects,
            branch: group.branch,
            duplicates: memory.settings.duplicates,
            since: request.since,
        },
    )?;
    let next = match (records.is_empty(), cursor.group.saturating_add(1)) {
        (false, _) => Some(Cursor { page: cursor.page.saturating_add(1), ..cursor }),
        (true, group) => (groups.len() > group as usize).then_some(Cursor { group, page: 0 }),
    };
    let next = next.map_or(NextPage::Complete, |next| NextPage::Cursor(next.encode(identity)));
    Ok(RawPage { records, next, diagnostics: Vec::new() })
}

/// Projects that one request can ask for.
#[derive(Debug, Eq, PartialEq)]
struct Group<'a> {
    /// The branch; none for all, or where the vendor knows of none.
    branch: Option<&'a str>,
    /// Names; empty for the whole deployment.
    projects: Vec<&'a str>,
}

/// The groups of a scope, in the order in which their branches come first.
fn groups(scope: &Scope, branches: Branches) -> Result<Vec<Group<'_>>, Error> {
    let projects = match (scope, branches) {
        (Scope::Projects(projects), _) => projects,
        (Scope::Deployment, Branches::All) => return Ok(vec![Group { branch: None, projects: Vec::new() }]),
        (Scope::Deployment, Branches::Primary) => {
            let what = "reading the whole deployment at once while `branches` is `primary`: the vendor's API cannot \
                        tell primary branches from others, so they are read by project";
            return Err(Error::Unsupported { what: what.to_owned() });
        }
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for ProjectScope { name, primary_branch, .. } in projects {
        let branch = primary_branch.as_deref().filter(|_| branches == Branches::Primary).map(branch_name);
        // From the end: earlier groups of the same branch are full.
        let open = groups.iter_mut().rfind(|group| group.branch == branch);
        match open.filter(|group| names_bytes(&group.projects) + name.len() <= MAX_NAMES_BYTES) {
            Some(group) => group.projects.push(name),
            None => groups.push(Group { branch, projects: vec![name] }),
        }
    }
    Ok(groups)
}

fn names_bytes(names: &[&str]) -> usize {
    names.iter().map(|name| name.len()).sum()
}

/// Everything that decides which records stand on which page. A cursor holds
/// for exactly one read.
fn identity(request: &FetchRequest, memory: &Memory) -> Fingerprint {
    let settings = &memory.settings;
    let mut identity = Fingerprint::new("fetch-findings")
        .with(&settings.origin.to_string())
        .with(&memory.deployment.slug)
        .with(&format!("{} {:?} {:?}", settings.page_size, settings.branches, settings.duplicates))
        .with(request.kind.as_str())
        .with(&request.since.map(|since| since.as_micros().to_string()).unwrap_or_default());
    if let Scope::Projects(projects) = &request.scope {
        identity = identity.with("projects");
        for project in projects {
            let branch = project.primary_branch.as_deref().unwrap_or_default();
            identity = identity.with(&project.id).with(&project.name).with(branch);
        }
    }
    identity
}

#[cfg(test)]
mod tests;
