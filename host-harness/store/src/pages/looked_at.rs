//! Which files a run looked at. The report of a scan of one folder looks like one of
//! a project in which all the rest was mended.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension};

use crate::{error::Result, seen::seen_in_run};

/// Which files a run looked at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LookedAt {
    /// All in its scope.
    #[default]
    All,
    /// These, by the paths that findings have.
    Files(Vec<String>),
    /// The file that it imported does not say.
    Unsaid,
}

/// Open findings that a run has not brought, by their paths, and how many open ones
/// there are in its scope.
pub(super) struct Unseen {
    pub paths: BTreeMap<String, u64>,
    pub whole: u64,
}

impl LookedAt {
    /// Why findings that are not there say nothing: the run did not look at their
    /// files. None where it did, or where that is likely. `limit` is the share of the
    /// open findings, per hundred, that is believed.
    pub(super) fn doubt(
        &self,
        connection: &Connection,
        run_id: i64,
        unseen: &Unseen,
        limit: u8,
    ) -> Result<Option<String>> {
        let is_much = |part: u64| part * 100 > unseen.whole * u64::from(limit);
        let told = |among: &[(&String, u64)]| -> Option<(String, String)> {
            let (path, _) = among.first()?;
            let part: u64 = among.iter().map(|(_, count)| count).sum();
            Some((format!("{part} of {} open findings would be", unseen.whole), format!("such as `{path}`")))
        };
        Ok(match self {
            Self::All => None,
            Self::Files(files) => {
                let files: HashSet<&str> = files.iter().map(String::as_str).collect();
                let folders: HashSet<&str> = files.iter().map(|file| folder(file)).collect();
                let missed = || unseen.paths.iter().filter(|(path, _)| !files.contains(path.as_str()));
                let missed: Vec<(&String, u64)> = missed().map(|(path, count)| (path, *count)).collect();
                let (likely, beyond): (Vec<_>, Vec<_>) =
                    missed.iter().partition(|(path, _)| above(path).any(|outer| folders.contains(outer)));
                // A file that was deleted is in none of them: a few are believed in folders
                // that the scan was in.
                let doubted = match beyond.is_empty() {
                    false => beyond,
                    true if is_much(likely.iter().map(|(_, count)| count).sum()) => likely,
                    true => return Ok(None),
                };
                told(&doubted)
                    .map(|(part, example)| format!("{part}, in files that the scan did not look at, {example}"))
            }
            Self::Unsaid => {
                // Without results nothing tells where it looked: it is as with a sync.
                let Some(common) = common_folder(connection, run_id)?.filter(|it| !it.is_empty()) else {
                    return Ok(None);
                };
                let is_outside = |path: &str| !above(path).any(|outer| outer == common);
                let outside = unseen.paths.iter().filter(|(path, _)| is_outside(path));
                let outside: Vec<(&String, u64)> = outside.map(|(path, count)| (path, *count)).collect();
                let gone: u64 = outside.iter().map(|(_, count)| count).sum();
                // The last finding elsewhere is sooner mended than not looked for.
                if gone < 2 || !is_much(gone) {
                    return Ok(None);
                }
                told(&outside)
                    .map(|(part, example)| format!("{part}, {example}, and the report has results in `{common}` only"))
            }
        })
    }
}

/// The folder that the findings of a run have in common; empty for that of the
/// project, none where there are no paths.
fn common_folder(connection: &Connection, run_id: i64) -> Result<Option<String>> {
    let mut find = connection.prepare_cached(
        "SELECT path FROM findings WHERE path IS NOT NULL AND id = (SELECT finding_id FROM records WHERE id = ?1)",
    )?;
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for id in seen_in_run(connection, run_id)? {
        let path: Option<String> = find.query_row([id], |row| row.get(0)).optional()?;
        folders.extend(path.map(|path| folder(&path).to_owned()));
    }
    Ok(folders.into_iter().reduce(|one, other| {
        let is_common = |outer: &&str| *outer == other || above(&other).any(|it| it == *outer);
        std::iter::once(one.as_str()).chain(above(&one)).find(is_common).unwrap_or_default().to_owned()
    }))
}

/// The folder of a path; empty for that of the project.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders that a path is in, the nearest one first; the last one is the
/// project's.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder(path)), |inner| (!inner.is_empty()).then(|| folder(inner)))
}
