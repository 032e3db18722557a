//! Which part of a path is the repository: the rules of each provider.

use super::{Provider, without_git};

/// A repository's place, found in an address.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) parts: Vec<String>,
    pub(super) provider: Option<Provider>,
    /// The provider is known from more than the form of the path.
    pub(super) ignores_case: bool,
}

const AZURE: &str = "dev.azure.com";

/// Finds the repository in the path of an address; none where it names none.
pub(super) fn locate(host: String, mut parts: Vec<String>, stated: Option<&Provider>) -> Option<Place> {
    let host = service_host(host, &mut parts)?;
    let known = Provider::of_service(&host).or_else(|| stated.cloned()).or_else(|| Provider::of_host_name(&host));
    end_at_git(&mut parts);
    let (parts, hint) = match &known {
        _ if host == AZURE => (azure_cloud(parts)?, None),
        Some(Provider::AzureDevops) => (azure_server(parts)?, None),
        Some(Provider::Github) => (first_two(after_api(parts)), None),
        Some(Provider::Bitbucket) if host == "bitbucket.org" => (first_two(parts), None),
        Some(Provider::Bitbucket) => (bitbucket_server(&parts, true).unwrap_or_else(|| first_two(parts)), None),
        Some(Provider::Gitlab | Provider::Gitea | Provider::Other(_)) => (before_page(parts).0, None),
        None => by_form(parts)?,
    };
    let least = if known.as_ref().is_some_and(Provider::ignores_case) { 2 } else { 1 };
    let ignores_case = known.as_ref().is_some_and(Provider::ignores_case);
    (parts.len() >= least).then(|| Place { host, parts, provider: known.or(hint), ignores_case })
}

/// The parts of the path in a link to the repository's page.
pub(super) fn link<'a>(host: &str, path: &'a str, provider: Option<&Provider>) -> Vec<&'a str> {
    let mut parts: Vec<&str> = path.split('/').collect();
    match (provider, parts.as_slice()) {
        (Some(Provider::AzureDevops), [_, .., _]) => parts.insert(parts.len() - 1, "_git"),
        (Some(Provider::Bitbucket), [project, name]) if host != "bitbucket.org" => {
            parts = match project.strip_prefix('~') {
                Some(user) if !matches!(user, "" | "." | "..") => vec!["users", user, "repos", name],
                _ => vec!["projects", project, "repos", name],
            };
        }
        _ => {}
    }
    parts
}

/// One host for those of a service that lead to the same repositories.
fn service_host(host: String, parts: &mut Vec<String>) -> Option<String> {
    let service = match host.as_str() {
        "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        "api.github.com" => {
            if parts.first().is_none_or(|part| part != "repos") {
                return None;
            }
            parts.remove(0);
            "github.com"
        }
        "ssh.dev.azure.com" | "vs-ssh.visualstudio.com" => {
            if parts.first().is_none_or(|part| part != "v3") {
                return None;
            }
            parts.remove(0);
            AZURE
        }
        _ => {
            let Some(org) = host.strip_suffix(".visualstudio.com").filter(|org| !org.contains('.')) else {
                return Some(host);
            };
            if parts.first().is_some_and(|part| part.eq_ignore_ascii_case("DefaultCollection")) {
                parts.remove(0);
            }
            parts.insert(0, org.to_owned());
            AZURE
        }
    };
    Some(service.to_owned())
}

/// Ends the path at the first name with `.git` after it.
fn end_at_git(parts: &mut Vec<String>) {
    let found = parts.iter().map(|part| (without_git(part), part)).position(|(name, part)| name.len() < part.len());
    if let Some(at) = found {
        let name = parts.get(at).map(|part| without_git(part).to_owned());
        parts.truncate(at);
        parts.extend(name.filter(|name| !name.is_empty()));
    }
}

/// What is before and after `_git`.
fn marker(parts: &[String]) -> Option<(&[String], &[String])> {
    let at = parts.iter().position(|part| matches!(part.as_str(), "_git" | "_ssh"))?;
    let (before, rest) = parts.split_at_checked(at)?;
    let rest = rest.split_first()?.1;
    let rest = match rest.split_first() {
        Some((option, rest)) if matches!(option.as_str(), "_full" | "_optimized") && !rest.is_empty() => rest,
        _ => rest,
    };
    Some((before, rest))
}

/// `org/project/_git/repo`, `org/_git/repo` of the project with that name, or
/// `org/project/repo`.
fn azure_cloud(parts: Vec<String>) -> Option<Vec<String>> {
    let parts = match marker(&parts) {
        Some(([org, project], [repo, ..])) => vec![org.clone(), project.clone(), repo.clone()],
        Some(([org], [repo, ..])) => vec![org.clone(), repo.clone(), repo.clone()],
        Some(_) => return None,
        None => parts,
    };
    (parts.len() == 3 && !parts.iter().any(|part| part.starts_with('_'))).then_some(parts)
}

/// What is before `_git`, and the name after it; the path as it is without.
fn azure_server(parts: Vec<String>) -> Option<Vec<String>> {
    let Some((before, after)) = marker(&parts) else { return Some(parts) };
    let name = after.first().filter(|name| !matches!(name.as_str(), "_git" | "_ssh"))?;
    (!before.is_empty()).then(|| before.iter().chain([name]).cloned().collect())
}

fn after_api(mut parts: Vec<String>) -> Vec<String> {
    if let [api, v3, repos, _, _, ..] = parts.as_slice()
        && (api.as_str(), v3.as_str(), repos.as_str()) == ("api", "v3", "repos")
    {
        parts.drain(..3);
    }
    parts
}

fn first_two(mut parts: Vec<String>) -> Vec<String> {
    parts.truncate(2);
    parts
}

/// `/scm/KEY/repo`, `/projects/KEY/repos/repo` and `/users/name/repos/repo`;
/// below the path of an installation only where the provider is known.
fn bitbucket_server(parts: &[String], anywhere: bool) -> Option<Vec<String>> {
    let most = if anywhere { parts.len() } else { 1 };
    (0..most).find_map(|at| match parts.get(at..)? {
        [scm, key, name, ..] if scm == "scm" => Some(vec![key.clone(), name.clone()]),
        [kind, key, repos, name, ..] if kind == "projects" && repos == "repos" => Some(vec![key.clone(), name.clone()]),
        [kind, user, repos, name, ..] if kind == "users" && repos == "repos" => {
            Some(vec![format!("~{user}"), name.clone()])
        }
        _ => None,
    })
}

/// The path before a page of the repository, such as `/-/tree/main`, and
/// whether that is GitLab's form.
fn before_page(mut parts: Vec<String>) -> (Vec<String>, bool) {
    let end = (2..parts.len()).find(|at| {
        let (Some(word), next) = (parts.get(*at), parts.get(at + 1)) else { return false };
        let next = next.map_or("", String::as_str);
        match word.as_str() {
            "-" | "tree" | "blob" | "blame" | "raw" | "edit" | "commits" | "refs" | "find_file" => true,
            "src" => matches!(next, "branch" | "commit" | "tag"),
            "commit" => next.len() >= 7 && next.bytes().all(|it| it.is_ascii_hexdigit()),
            "pull" | "pulls" | "issues" | "merge_requests" => {
                !next.is_empty() && next.bytes().all(|it| it.is_ascii_digit())
            }
            _ => false,
        }
    });
    let is_gitlab = end.and_then(|at| parts.get(at)).is_some_and(|word| word == "-");
    if let Some(end) = end {
        parts.truncate(end);
    }
    (parts, is_gitlab)
}

/// What the form of a path tells where nothing else does.
fn by_form(parts: Vec<String>) -> Option<(Vec<String>, Option<Provider>)> {
    if marker(&parts).is_some() {
        return Some((azure_server(parts)?, Some(Provider::AzureDevops)));
    }
    if let Some(parts) = bitbucket_server(&parts, false) {
        return Some((parts, Some(Provider::Bitbucket)));
    }
    let (parts, is_gitlab) = before_page(parts);
    Some((parts, is_gitlab.then_some(Provider::Gitlab)))
}
