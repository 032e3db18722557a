//! Lines that show credentials. Other results about them, or about what is around
//! them, repeat their code: it is kept of none.

use std::collections::HashMap;

use appsec_model::credential;
use serde_json::{Map, Value};

use crate::{json::JsonView, place};

/// Tells the path of an `artifactLocation`.
type PathOf<'a> = &'a dyn Fn(&Value) -> Option<String>;

/// Of how many files of a name it is told whether they are the same, one of their
/// paths being absolute and the other one not.
const MAX_PATHS: usize = 100;

/// First and last lines, by the paths of their files.
type Lines = HashMap<String, Vec<(u32, u32)>>;

/// Files of one name.
#[derive(Default)]
struct Files {
    absolute: Lines,
    relative: Lines,
}

/// The lines of a report that show credentials, by the names of files: the paths of
/// one run may be absolute, and those of another one not.
#[derive(Default)]
pub struct ExposedLines {
    files: HashMap<String, Files>,
}

impl ExposedLines {
    /// Adds the region of a file that shows a credential; without lines it may be
    /// any part of the file.
    pub fn add(&mut self, path: String, region: Option<&Value>) {
        let lines = region.and_then(Value::as_object).and_then(lines).unwrap_or((0, u32::MAX));
        let files = self.files.entry(name(&path).to_owned()).or_default();
        let known = if place::is_absolute(&path) { &mut files.absolute } else { &mut files.relative };
        known.entry(path).or_default().push(lines);
    }

    /// Makes ready to be asked, once all is added.
    pub fn settle(&mut self) {
        let files = self.files.values_mut().flat_map(|it| [&mut it.absolute, &mut it.relative]);
        for lines in files.flat_map(HashMap::values_mut) {
            lines.sort_unstable();
            lines.dedup_by(|next, kept| {
                let overlaps = next.0 <= kept.1;
                if overlaps {
                    kept.1 = kept.1.max(next.1);
                }
                overlaps
            });
        }
    }

    /// A result without the code of these lines, and with its texts masked; none where it
    /// is not about them. `path` tells the path of an `artifactLocation`.
    pub fn without_code(&self, path: PathOf<'_>, value: &Value) -> Option<Value> {
        if self.files.is_empty() {
            return None;
        }
        let mut kept = value.clone();
        self.strip(path, &mut kept, None).then(|| {
            mask(&mut kept, false);
            kept
        })
    }

    /// Takes the code away; tells whether it is about these lines. Regions are those of the
    /// file that the object around them names.
    fn strip(&self, path_of: PathOf<'_>, value: &mut Value, path: Option<&str>) -> bool {
        let map = match value {
            Value::Array(list) => {
                return list.iter_mut().fold(false, |had, value| had | self.strip(path_of, value, path));
            }
            Value::Object(map) => map,
            _ => return false,
        };
        let physical = map.get("physicalLocation");
        let artifact = map.get("artifactLocation").or_else(|| physical.at("artifactLocation"));
        let own = artifact.and_then(path_of);
        let path = own.as_deref().or(path);
        let shows = |lines| path.is_some_and(|path| self.shows(path, lines));
        let mut had = false;
        // A region of bytes may be anywhere in the file.
        if ["snippet", "startLine", "byteOffset"].iter().any(|key| map.contains_key(*key)) && shows(lines(map)) {
            map.remove("snippet");
            had = true;
        }
        if map.get("deletedRegion").and_then(Value::as_object).is_some_and(|region| shows(lines(region))) {
            had |= map.remove("insertedContent").is_some();
        }
        map.values_mut().fold(had, |had, value| self.strip(path_of, value, path) || had)
    }

    /// Whether a region of a file shows a credential.
    pub fn touches(&self, path: &str, region: &Value) -> bool {
        self.shows(path, region.as_object().and_then(lines))
    }

    /// Whether lines of a file, or an unknown part of it, show a credential.
    fn shows(&self, path: &str, lines: Option<(u32, u32)>) -> bool {
        let Some(Files { absolute, relative }) = self.files.get(name(path)) else { return false };
        let overlaps = |exposed: &Vec<(u32, u32)>| {
            lines.is_none_or(|(first, last)| {
                let next = exposed.get(exposed.partition_point(|it| it.1 < first));
                next.is_some_and(|it| it.0 <= last)
            })
        };
        let is_absolute = place::is_absolute(path);
        let (same, others) = if is_absolute { (absolute, relative) } else { (relative, absolute) };
        // Two relative paths, or two absolute ones, are of the same file only as a whole.
        let is_same = |other: &str| {
            let (long, short) = if is_absolute { (path, other) } else { (other, path) };
            long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'))
        };
        same.get(path).is_some_and(overlaps)
            // Of too many to tell, any may be the same.
            || others.len() > MAX_PATHS
            || others.iter().any(|(other, exposed)| is_same(other) && overlaps(exposed))
    }
}

/// Texts that tools make of the code that they are about.
const TEXTS: [&str; 4] = ["message", "description", "arguments", "properties"];

/// Masks the texts of a result.
pub fn mask(value: &mut Value, is_text: bool) {
    match value {
        Value::String(text) if is_text => *text = credential::masked(text),
        Value::Array(list) => list.iter_mut().for_each(|it| mask(it, is_text)),
        Value::Object(map) => map.iter_mut().for_each(|(key, it)| mask(it, is_text || TEXTS.contains(&key.as_str()))),
        _ => {}
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The first and the last line of a region; without the last one, its code tells.
fn lines(region: &Map<String, Value>) -> Option<(u32, u32)> {
    let line = |key: &str| region.get(key)?.as_u64().and_then(|line| u32::try_from(line).ok());
    let first = line("startLine")?;
    let code = || region.get("snippet").text("text").map_or(1, |code| code.lines().count());
    let last = line("endLine")
        .unwrap_or_else(|| first.saturating_add(u32::try_from(code()).unwrap_or(u32::MAX).saturating_sub(1)));
    Some((first, last.max(first)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ExposedLines, MAX_PATHS};

    #[test]
    fn lines_are_found_whatever_their_order() {
        let mut exposed = ExposedLines::default();
        for (first, last) in [(9, 9), (3, 8), (1, 2), (4, 5), (20, 21)] {
            exposed.add("a.py".to_owned(), Some(&json!({"startLine": first, "endLine": last})));
        }
        exposed.settle();
        for (first, last, expect) in [(1, 1, true), (8, 8, true), (10, 19, false), (15, 20, true), (22, 99, false)] {
            assert_eq!(exposed.shows("a.py", Some((first, last))), expect, "{first} {last}");
        }
        assert!(exposed.shows("/ci/a.py", None) && !exposed.shows("x/a.py", None) && !exposed.shows("b.py", None));
    }

    #[test]
    fn of_too_many_files_of_a_name_any_may_be_the_same() {
        let mut exposed = ExposedLines::default();
        for at in 0..=MAX_PATHS {
            exposed.add(format!("/ci/{at}/index.js"), Some(&json!({"startLine": 1})));
        }
        exposed.settle();
        assert!(exposed.shows("other/index.js", None));
        assert!(exposed.shows("/ci/7/index.js", None) && !exposed.shows("/ci/other/index.js", None));
    }
}
