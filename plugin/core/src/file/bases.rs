//! The folders that the files of a SARIF run are named from: the run names each
//! (`originalUriBaseIds`), maybe as a folder within another one.
//!
//! A report with absolute folders and one with relative paths are of the same
//! findings. So each file is named from the project's folder, with the folders
//! between them, before anything is made of a result.

use std::collections::BTreeMap;

use appsec_model::folder;
use serde_json::Value;

use super::place;

/// How many bases a base may stand on. Real ones stand on one or two.
const MAX_DEPTH: usize = 16;

/// The bases of a run.
#[derive(Debug, Default)]
pub struct Bases {
    /// Where each is, and the base that it stands on.
    by_id: BTreeMap<String, (Option<String>, Option<String>)>,
    /// Folders that paths are made relative to, the best one first.
    roots: Vec<String>,
}

impl Bases {
    /// Reads them. `given` is the project's folder where the host names it.
    pub fn read(json: &str, given: Option<&str>) -> Self {
        let value: Value = guest_json::read(json).unwrap_or_default();
        let text = |base: &Value, key: &str| base.get(key)?.as_str().map(str::to_owned);
        let bases = value.as_object().into_iter().flatten();
        let mut by_id = BTreeMap::new();
        by_id.extend(bases.map(|(id, base)| (id.clone(), (text(base, "uri"), text(base, "uriBaseId")))));
        let declared = by_id.iter().filter_map(|(id, (uri, _))| {
            let uri = uri.as_deref().filter(|uri| !is_relative(uri) && !is_of_web(uri))?;
            Some((id.clone(), place::uri_path(uri)))
        });
        let roots = folder::roots(given, declared.collect(), Vec::new());
        Self { by_id, roots }
    }

    /// A result whose files are named from the project's folder; none where they
    /// are already.
    pub fn resolve(&self, result: &str) -> Option<String> {
        if self.by_id.is_empty() {
            return None;
        }
        let mut value: Value = guest_json::read(result)?;
        self.resolve_all(&mut value).then(|| guest_json::text(&value))
    }

    /// Whether something is another one now.
    fn resolve_all(&self, value: &mut Value) -> bool {
        let mut is_other = false;
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    is_other |= match key.as_str() {
                        "artifactLocation" => self.resolve_one(member),
                        _ => self.resolve_all(member),
                    };
                }
            }
            Value::Array(list) => {
                for element in list {
                    is_other |= self.resolve_all(element);
                }
            }
            _ => {}
        }
        is_other
    }

    fn resolve_one(&self, artifact: &mut Value) -> bool {
        let Some(members) = artifact.as_object_mut() else { return false };
        let text = |key: &str| members.get(key).and_then(Value::as_str);
        let Some(path) = text("uri").and_then(|uri| self.path(uri, text("uriBaseId"))) else { return false };
        let uri = as_uri(&path);
        if text("uri") == Some(uri.as_str()) && !members.contains_key("uriBaseId") {
            return false;
        }
        let rest = std::mem::take(members);
        members.extend(rest.into_iter().filter(|(key, _)| key != "uriBaseId"));
        members.insert("uri".to_owned(), uri.into());
        true
    }

    /// The path of a file, from the project's folder if it lies in one.
    fn path(&self, uri: &str, base: Option<&str>) -> Option<String> {
        if is_of_web(uri) {
            return None;
        }
        let mut parts = vec![uri];
        let mut base = base;
        let mut outer = None;
        // Bases may stand on each other in a circle.
        for _ in 0..MAX_DEPTH {
            let Some((uri, next)) = base.and_then(|id| self.by_id.get(id)) else { break };
            match uri.as_deref() {
                Some(uri) if is_of_web(uri) => break,
                Some(uri) if !is_relative(uri) => {
                    // The root of a file system says nothing.
                    outer = Some(place::uri_path(uri)).filter(|path| folder::is_folder(path));
                    break;
                }
                Some(uri) => parts.push(uri.trim_end_matches('/')),
                None => {}
            }
            base = next.as_deref();
        }
        parts.retain(|part| !part.is_empty());
        parts.reverse();
        let path = place::uri_path(&parts.join("/"));
        let full = match outer.filter(|_| !folder::is_absolute(&path)) {
            Some(outer) => format!("{}/{path}", outer.trim_end_matches('/')),
            None => path,
        };
        let below = |root: &String| {
            let inner = folder::below(&full, std::slice::from_ref(root));
            (inner != full).then(|| inner.to_owned())
        };
        Some(self.roots.iter().find_map(below).unwrap_or_else(|| full.clone()))
    }
}

fn is_relative(uri: &str) -> bool {
    !uri.starts_with(['/', '\\']) && !uri.contains(':')
}

fn is_of_web(uri: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| uri.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme)))
}

/// A path as an address that is read as this path.
fn as_uri(path: &str) -> String {
    if place::uri_path(path) == path { path.to_owned() } else { path.replace('%', "%25") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Bases, as_uri};
    use crate::file::place;

    fn paths(bases: &Value, given: Option<&str>, artifacts: &[Value]) -> Vec<String> {
        let bases = Bases::read(&bases.to_string(), given);
        let path = |artifact: &Value| {
            let result = json!({ "locations": [{ "physicalLocation": { "artifactLocation": artifact } }] }).to_string();
            let resolved: Value = serde_json::from_str(&bases.resolve(&result).unwrap_or(result)).unwrap();
            place::uri_path(resolved["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap())
        };
        artifacts.iter().map(path).collect()
    }

    #[test]
    fn a_file_is_named_from_the_folder_of_the_project() {
        let bases = json!({
            "%SRCROOT%": { "uri": "file:///home/ci/shop/" },
            "WEB": { "uri": "web/", "uriBaseId": "%SRCROOT%" },
            "PAGES": { "uri": "pages", "uriBaseId": "WEB" },
            "HERE": { "uri": "file:///home/ci/shop/web/" },
            "ROUND": { "uriBaseId": "ROUND" },
            "DISK": { "uri": "file:///" },
            "SITE": { "uri": "https://git.example/shop/" },
        });
        let artifacts = [
            json!({ "uri": "cart.js" }),
            json!({ "uri": "web/cart.js", "uriBaseId": "%SRCROOT%" }),
            json!({ "uri": "cart.js", "uriBaseId": "WEB" }),
            json!({ "uri": "a%20b.js", "uriBaseId": "PAGES" }),
            json!({ "uri": "cart.js", "uriBaseId": "HERE" }),
            json!({ "uri": "file:///home/ci/shop/web/cart.js" }),
            json!({ "uri": "cart.js", "uriBaseId": "ROUND" }),
            json!({ "uri": "cart.js", "uriBaseId": "DISK" }),
            json!({ "uri": "cart.js", "uriBaseId": "SITE" }),
            json!({ "uri": "cart.js", "uriBaseId": "unknown" }),
            json!({ "uri": "file:///opt/rules/x.js" }),
        ];
        let expect = [
            "cart.js",
            "web/cart.js",
            "web/cart.js",
            "web/pages/a b.js",
            "web/cart.js",
            "web/cart.js",
            "cart.js",
            "cart.js",
            "cart.js",
            "cart.js",
            "/opt/rules/x.js",
        ];
        assert_eq!(paths(&bases, None, &artifacts), expect);
        let given = paths(&bases, Some("/home/ci"), &artifacts);
        assert_eq!((given[1].as_str(), given[4].as_str()), ("shop/web/cart.js", "shop/web/cart.js"));
    }

    #[test]
    fn an_address_of_a_path_is_read_as_the_path() {
        for path in ["a b.js", "a%20b.js", "100%.js", "größe%20.js", "%2525"] {
            assert_eq!(place::uri_path(&as_uri(path)), path);
        }
        assert_eq!(Bases::default().resolve("{}"), None);
        assert_eq!(Bases::read("{\"A\":", None).resolve("{}"), None);
    }
}
