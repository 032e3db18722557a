//! `fetch-findings`: one request, one page of raw records, and where to go on.
//!
//! A read of primary branches walks the scope group by group: the API takes one
//! branch for all repositories of a request, so projects that share the name of
//! their primary branch are read together. Five thousand projects on `main` are
//! a few groups, not five thousand reads. Secrets and packages have no branches:
//! only the length of a request sets their groups.

use appsec_model::{Error, FetchRequest, Kind, NextPage, ProjectScope, RawPage, RawRecord, Scope};

use crate::{
    Outside,
    api::{Api, dependencies, findings, secrets},
    cursor::{Cursor, Fingerprint},
    memory::Memory,
    normalize::branch_name,
    settings::{Branches, KINDS},
};

/// How long the names of a group's projects may be together, in bytes. Servers
/// and proxies refuse addresses beyond 8 KiB, and escaping makes names longer.
const MAX_NAMES_BYTES: usize = 4 << 10;

/// Reads one page.
pub fn fetch_findings(request: &FetchRequest, outside: &mut Outside<'_>) -> Result<RawPage, Error> {
    let memory = Memory::load(outside.bucket)?;
    let settings = &memory.settings;
    if !settings.kinds.contains(&request.kind) {
        let known = if KINDS.contains(&request.kind) { "the settings leave out" } else { "the connector lacks" };
        return Err(Error::unsupported(format!("{known} the kind `{}`", request.kind)));
    }
    let groups = match request.kind {
        // Both come once over all branches, whatever the settings say on these.
        Kind::Secrets => groups(&request.scope, Branches::All, |project| &project.name)?,
        Kind::Packages => groups(&request.scope, Branches::All, |project| &project.id)?,
        _ => groups(&request.scope, settings.branches, |project| &project.name)?,
    };
    let identity = identity(request, &memory);
    let cursor = request.cursor.as_deref().map_or(Ok(Cursor::default()), |text| Cursor::decode(text, identity))?;
    let Some(group) = usize::try_from(cursor.group).ok().and_then(|at| groups.get(at)) else {
        // An empty scope: nothing to ask the vendor for.
        return Ok(RawPage { records: Vec::new(), next: NextPage::Complete, diagnostics: Vec::new() });
    };
    let mut api = Api::new(outside, &settings.origin)?;
    let (records, next) = page(&mut api, request, &memory, group, &cursor)?;
    let next_group = || {
        let group = cursor.group.saturating_add(1);
        (groups.len() > group as usize).then(|| Cursor { group, ..Cursor::default() })
    };
    let next = next.or_else(next_group).map_or(NextPage::Complete, |next| NextPage::Cursor(next.encode(identity)));
    Ok(RawPage { records, next, diagnostics: Vec::new() })
}

/// One page of a group, and where the group goes on; none at its end.
fn page(
    api: &mut Api<'_>,
    request: &FetchRequest,
    memory: &Memory,
    group: &Group<'_>,
    cursor: &Cursor,
) -> Result<(Vec<RawRecord>, Option<Cursor>), Error> {
    let Memory { settings, deployment } = memory;
    let (group_number, page) = (cursor.group, cursor.page.saturating_add(1));
    let (records, vendor) = match request.kind {
        Kind::Secrets => secrets::page(
            api,
            &secrets::Page {
                deployment: &deployment.id,
                limit: settings.page_size,
                cursor: &cursor.vendor,
                repositories: &group.projects,
                since: request.since,
            },
        )?,
        // `since` means nothing here: a package is in use, however long.
        Kind::Packages => dependencies::page(
            api,
            &dependencies::Page {
                deployment: &deployment.id,
                page_size: settings.page_size,
                cursor: &cursor.vendor,
                repositories: &group.projects,
            },
        )?,
        _ => {
            let records = findings::page(
                api,
                &findings::Page {
                    slug: &deployment.slug,
                    kind: &request.kind,
                    page: cursor.page,
                    page_size: settings.page_size,
                    repositories: &group.projects,
                    branch: group.branch,
                    duplicates: settings.duplicates,
                    since: request.since,
                },
            )?;
            let more = (!records.is_empty()).then(String::new);
            (records, more)
        }
    };
    Ok((records, vendor.map(|vendor| Cursor { group: group_number, page, vendor })))
}

/// Projects that one request can ask for.
#[derive(Debug, Eq, PartialEq)]
struct Group<'a> {
    /// The branch; none for all, or where the vendor knows of none.
    branch: Option<&'a str>,
    /// Names or ids, as the endpoint takes; empty for the whole deployment.
    projects: Vec<&'a str>,
}

/// The groups of a scope, in the order in which their branches come first.
fn groups<'a>(
    scope: &'a Scope,
    branches: Branches,
    key: fn(&'a ProjectScope) -> &'a str,
) -> Result<Vec<Group<'a>>, Error> {
    let projects = match (scope, branches) {
        (Scope::Projects(projects), _) => projects,
        (Scope::Deployment, Branches::All) => return Ok(vec![Group { branch: None, projects: Vec::new() }]),
        (Scope::Deployment, Branches::Primary) => {
            let what = "reading the whole deployment at once while `branches` is `primary`: the vendor's API cannot \
                        tell primary branches from others, so they are read by project";
            return Err(Error::unsupported(what));
        }
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for project in projects {
        let branch = project.primary_branch.as_deref().filter(|_| branches == Branches::Primary).map(branch_name);
        let key = key(project);
        // From the end: earlier groups of the same branch are full.
        let open = groups.iter_mut().rfind(|group| group.branch == branch);
        match open.filter(|group| names_bytes(&group.projects) + key.len() <= MAX_NAMES_BYTES) {
            Some(group) => group.projects.push(key),
            None => groups.push(Group { branch, projects: vec![key] }),
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
