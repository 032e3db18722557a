//! Where a project lies on the machine of a scan, by the absolute paths of its
//! report. Scanners that are given an absolute folder, as in most containers,
//! write absolute paths; the same findings have relative ones elsewhere.
//!
//! Paths have `/` between their parts, on Windows too.
//!
//! ```
//! use appsec_model::folder::{AbsolutePaths, below};
//!
//! let mut paths = AbsolutePaths::default();
//! paths.add("/github/workspace/web/cart.js");
//! let root = paths.root().unwrap();
//! assert_eq!(below("/github/workspace/web/cart.js", &[root]), "web/cart.js");
//! ```

/// Whether a path does not tell of a place inside of a project.
pub fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || matches!(path.as_bytes(), [drive, b':', b'/', ..] if drive.is_ascii_alphabetic())
}

/// A path without the first root that it lies under; the longest of them counts.
pub fn below<'a>(path: &'a str, roots: &[String]) -> &'a str {
    let under = |root: &String| {
        let root = Some(root.trim_end_matches('/')).filter(|root| !root.is_empty())?;
        path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')).filter(|rest| !rest.is_empty())
    };
    if is_absolute(path) { roots.iter().filter_map(under).min_by_key(|rest| rest.len()).unwrap_or(path) } else { path }
}

/// Folders that containers and CI services check projects out into; `*` is any
/// one folder. The longer of two comes first.
const CHECKOUTS: [&str; 29] = [
    "/home/runner/work/*/*",
    "/Users/runner/work/*/*",
    "/opt/atlassian/pipelines/agent/build",
    "/home/vsts/work/1/s",
    "/agent/_work/1/s",
    "/azp/_work/1/s",
    "/a/1/s",
    "/__w/1/s",
    "/__w/*/*",
    "/a/*/*",
    "/var/jenkins_home/workspace/*",
    "/var/lib/jenkins/workspace/*",
    "/home/jenkins/agent/workspace/*",
    "/home/circleci/project",
    "/root/project",
    "/github/workspace",
    "/workspace/source",
    "/workspaces/*",
    "/usr/src/app",
    "/drone/src",
    "/zap/wrk",
    "/workspace",
    "/project",
    "/source",
    "/repo",
    "/code",
    "/scan",
    "/src",
    "/app",
];

/// Names of folders that are parts of projects, and none themselves.
const INNER: [&str; 10] = ["src", "lib", "test", "tests", "pkg", "cmd", "internal", "main", "java", "include"];

/// Folders of machines that are no project's.
const OUTER: [&str; 12] =
    ["/", "/home", "/Users", "/tmp", "/usr", "/opt", "/var", "/mnt", "/root", "/builds", "/usr/src", "/usr/local"];

/// The absolute paths of a report, and the folder of the project among them.
#[derive(Debug, Default)]
pub struct AbsolutePaths {
    /// The folder that all of them have in common; none of no path.
    common: Option<String>,
    /// Whether they are in more than one folder.
    are_many: bool,
    /// The folder that a container or CI service has the project in, if it is one for all.
    checkout: Option<Option<String>>,
}

impl AbsolutePaths {
    /// Takes another path in; relative ones say nothing.
    pub fn add(&mut self, path: &str) {
        if !is_absolute(path) {
            return;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let checkout = checkout(path);
        match &mut self.checkout {
            None => self.checkout = Some(checkout),
            Some(known) if *known == checkout => {}
            Some(known) => *known = None,
        }
        match &mut self.common {
            None => self.common = Some(folder.to_owned()),
            Some(common) if *common == folder => {}
            Some(common) => {
                self.are_many = true;
                *common = common_folder(common, folder);
            }
        }
    }

    /// The folder of the project: that of a known container or CI service, else
    /// the one that paths in several folders have in common.
    pub fn root(&self) -> Option<String> {
        if let Some(Some(checkout)) = &self.checkout {
            return Some(checkout.clone());
        }
        let mut common = self.common.as_deref().filter(|_| self.are_many)?;
        while let Some((outer, _)) = common.rsplit_once('/').filter(|(_, name)| INNER.contains(name)) {
            common = outer;
        }
        is_project(common).then(|| common.to_owned())
    }
}

/// Whether a folder may be that of a project.
fn is_project(folder: &str) -> bool {
    let path = without_drive(folder);
    !path.is_empty() && !OUTER.contains(&path) && is_absolute(folder)
}

/// Whether an absolute path is more than the root of a file system.
pub fn is_folder(path: &str) -> bool {
    is_absolute(path) && !without_drive(path).trim_matches('/').is_empty()
}

/// How many folders of a report are looked at.
const MAX_ROOTS: usize = 64;

/// The folders that the paths of a SARIF run are made relative to, the best one
/// first: the one that the operator names; of those that the report declares the
/// outer ones, so that a folder within the project stays a part of the path; then
/// each of the others, and those that the tool worked in.
pub fn roots(given: Option<&str>, declared: Vec<(String, String)>, working: Vec<String>) -> Vec<String> {
    let absolute = declared.into_iter().filter(|(_, path)| is_absolute(path)).take(MAX_ROOTS);
    // `SRCROOT` and the like; a base of another name may be a home folder.
    let is_root =
        |id: &str| ["ROOT", "SRC", "REPO", "PROJECT"].iter().any(|word| id.to_ascii_uppercase().contains(word));
    let (named, other): (Vec<_>, Vec<_>) = absolute.partition(|(id, _)| is_root(id));
    let chosen = if named.is_empty() { &other } else { &named };
    let common = chosen.iter().map(|(_, path)| path.clone()).reduce(|one, other| common_folder(&one, &other));
    let outer = common.filter(|folder| is_project(folder));
    // Longest first: whatever lies in none of those above lies in one of these.
    let working = working.into_iter().filter(|it| is_absolute(it));
    let mut others: Vec<String> = Vec::new();
    // Not sorted at once: a sort is a large piece of code, and these are few.
    for path in named.into_iter().chain(other).map(|(_, path)| path).chain(working) {
        let at = others.partition_point(|other| other.len() >= path.len());
        others.insert(at, path);
        others.truncate(MAX_ROOTS);
    }
    given.map(str::to_owned).into_iter().chain(outer).chain(others).collect()
}

/// The folder that two folders have in common, without a slash at its end.
fn common_folder(one: &str, other: &str) -> String {
    let same = one.split('/').zip(other.split('/')).take_while(|(one, other)| one == other);
    same.map(|(part, _)| part).collect::<Vec<_>>().join("/")
}

/// The part of a path that a container or CI service has the project in.
fn checkout(path: &str) -> Option<String> {
    let inner = without_drive(path);
    let parts: Vec<&str> = inner.split('/').collect();
    let matches = |pattern: &&str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let is_below = pattern.len() < parts.len();
        is_below && pattern.iter().zip(&parts).all(|(wanted, part)| *wanted == "*" || wanted == part)
    };
    let pattern = CHECKOUTS.iter().find(|pattern| matches(pattern))?;
    let folder = parts.get(..pattern.split('/').count())?.join("/");
    Some(format!("{}{folder}", path.strip_suffix(inner).unwrap_or_default()))
}

fn without_drive(path: &str) -> &str {
    match path.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => path.get(2..).unwrap_or_default(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::{AbsolutePaths, below, is_absolute};

    #[test]
    fn a_root_is_taken_off_where_a_path_lies_under_it() {
        let roots = ["/home/x".to_owned(), "/home/x/repo/".to_owned(), "C:/w".to_owned(), "/".to_owned()];
        for (path, expect) in [
            ("/home/x/repo/a.py", "a.py"),
            ("/home/x/a.py", "a.py"),
            ("/home/xy/a.py", "/home/xy/a.py"),
            ("C:/w/a.py", "a.py"),
            ("home/x/a.py", "home/x/a.py"),
            ("/home/x", "/home/x"),
            ("/etc/passwd", "/etc/passwd"),
        ] {
            assert_eq!(below(path, &roots), expect, "{path}");
        }
        assert!(is_absolute("/a") && is_absolute("C:/a") && !is_absolute("a") && !is_absolute("C:"));
    }

    #[test]
    fn the_project_is_found_among_absolute_paths() {
        let root = |list: &[&str]| {
            let mut paths = AbsolutePaths::default();
            list.iter().for_each(|path| paths.add(path));
            paths.root()
        };
        for (paths, expect) in [
            (&["/src/web/a.js"][..], Some("/src")),
            (&["/github/workspace/a.js", "/github/workspace/b/c.js"], Some("/github/workspace")),
            (&["D:/a/shop/shop/web/a.js"], Some("D:/a/shop/shop")),
            (&["/home/runner/work/shop/shop/a.js"], Some("/home/runner/work/shop/shop")),
            (&["/home/x/shop/web/a.js", "/home/x/shop/lib/b.js", "c.js"], Some("/home/x/shop")),
            (&["C:/work/shop/web/a.js", "C:/work/shop/lib/b.js"], Some("C:/work/shop")),
            (&["/home/x/shop/src/a/a.js", "/home/x/shop/src/b/b.js"], Some("/home/x/shop")),
            (&["/home/x/shop/a.js", "/home/x/shop/b/b.js"], Some("/home/x/shop")),
            // One folder tells nothing: it may be any part of the project.
            (&["/home/x/shop/web/a.js", "/home/x/shop/web/b.js"], None),
            (&["/home/x/a.js", "/usr/lib/b.js"], None),
            (&["C:/a.js", "C:/b/b.js"], None),
            (&["a.js"], None),
        ] {
            assert_eq!(root(paths).as_deref(), expect, "{paths:?}");
        }
    }
}
