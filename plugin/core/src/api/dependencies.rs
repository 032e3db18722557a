//! `POST /deployments/{id}/dependencies`: one page of the dependency inventory,
//! cut into records that stay as they are.

use appsec_model::{Error, Kind, ProjectRef, RawRecord};
use guest_json::{Raw, members, object};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Address, Api, CursorPage};
use crate::wire::{self, Id, Remarks, from_text};

/// Which page to read.
pub struct Page<'a> {
    /// The deployment's numeric id.
    pub deployment: &'a str,
    /// Records per page; the vendor takes up to 10,000.
    pub page_size: u16,
    /// The vendor's cursor; empty for the first page.
    pub cursor: &'a str,
    /// Ids of projects; empty for all.
    pub repositories: &'a [&'a str],
}

object! {
    #[derive(Default)]
    struct Answer<'a> {
        dependencies: Option<Vec<Raw<'a>>>,
        has_more: Option<bool> = "hasMore" | "has_more",
        cursor: Option<Id<'a>>,
    }
}

/// Reads one page. The list ends where the vendor says so; where it says nothing
/// on it, with the last cursor.
pub fn page(api: &mut Api<'_>, page: &Page<'_>) -> Result<CursorPage, Error> {
    let address = page.address();
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let answer: Answer<'_> = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    let Some(dependencies) = answer.dependencies else {
        return Err(address.violation("the body is JSON without a list `dependencies`"));
    };
    let next = if answer.has_more == Some(false) {
        None
    } else {
        let sent = Some(page.cursor).filter(|cursor| !cursor.is_empty());
        // Where more is promised, a cursor that does not move is a fault even on
        // an empty page.
        let more = answer.has_more == Some(true);
        let next = address.next_cursor(sent, answer.cursor.map(Id::into_string), more || !dependencies.is_empty())?;
        if more && next.is_none() {
            return Err(address.violation("`hasMore` is true, and there is no cursor"));
        }
        next
    };
    Ok((dependencies.into_iter().map(record).collect(), next))
}

/// A dependency as a raw record, with an id of our own and its project's id.
///
/// The vendor gives these records no id. Ours is made of what tells one entry
/// of the inventory from another and stays when lines move: project, ecosystem,
/// name, version, and the path of the lockfile. A package that one lockfile
/// names twice in one version is one entry. None without a package's name.
pub fn record(raw: Raw<'_>) -> RawRecord {
    let (id, project) = label(raw.get());
    RawRecord { kind: Kind::Packages, id, project, body: raw.get().to_owned(), gist: None }
}

/// The id of a record, and its project.
pub fn label(text: &str) -> (Option<String>, Option<ProjectRef>) {
    let mut spare = String::new();
    // What is wrong with a record is told when it is normalized.
    let found = wire::read::<wire::FoundDependency<'_>>(text, &mut spare, &mut Remarks::default());
    let found = found.unwrap_or_default();
    let project = found.repository_id.as_ref().map(Id::to_string).filter(|id| !id.is_empty());
    (id(&found, project.as_deref()), project.map(|id| ProjectRef { id: Some(id), name: None }))
}

/// The parts of a dependency's identity, joined by colons that no part holds.
fn id(found: &wire::FoundDependency<'_>, project: Option<&str>) -> Option<String> {
    /// What keeps an id readable: package names and paths are full of these.
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'@').remove(b'+');
    let package = found.package.as_ref()?;
    let name = package.name.as_deref().filter(|name| !name.is_empty())?;
    let path = |place: &Option<wire::Definition<'_>>| place.as_ref()?.path.as_deref().map(str::to_owned);
    let path = path(&found.defined_at).filter(|path| !path.is_empty()).or_else(|| path(&found.manifest_definition));
    let parts = [
        project.unwrap_or_default(),
        found.ecosystem.as_deref().unwrap_or_default(),
        name,
        package.version_specifier.as_deref().unwrap_or_default(),
        path.as_deref().unwrap_or_default(),
    ];
    let mut id = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            id.push(':');
        }
        id.extend(utf8_percent_encode(part, KEPT));
    }
    Some(id)
}

impl Page<'_> {
    fn address(&self) -> Address {
        let mut fields = vec![("pageSize", self.page_size.into())];
        if !self.cursor.is_empty() {
            fields.push(("cursor", self.cursor.into()));
        }
        if !self.repositories.is_empty() {
            fields.push(("dependencyFilter", members(vec![("repositoryId", self.repositories.into())])));
        }
        let mut address = Address::of_deployment(self.deployment, "/dependencies", "`packages`");
        address.body = Some(guest_json::text(&members(fields)));
        address
    }
}

#[cfg(test)]
mod tests {
    use guest_json::Raw;
    use serde_json::{Value, json};

    use super::{Page, record};

    #[test]
    fn a_page_has_one_request() {
        let check = |page: Page<'_>| {
            let address = page.address();
            format!("{} {}", address.endpoint(), address.body.unwrap())
        };
        let page = Page { deployment: "4242", page_size: 500, cursor: "12\"3", repositories: &["7", "8"] };
        insta::assert_snapshot!(check(page), @r#"POST /api/v1/deployments/4242/dependencies {"cursor":"12\"3","dependencyFilter":{"repositoryId":["7","8"]},"pageSize":500}"#);
        let page = Page { deployment: "4242", page_size: 100, cursor: "", repositories: &[] };
        insta::assert_snapshot!(check(page), @r#"POST /api/v1/deployments/4242/dependencies {"pageSize":100}"#);
    }

    fn id(record: &Value) -> Option<String> {
        super::record(Raw::new(&record.to_string())).id
    }

    #[test]
    fn an_id_stays_when_lines_move_and_tells_entries_apart() {
        let entry = json!({
            "repositoryId": "7", "ecosystem": "maven", "package": { "name": "org.yaml:snakeyaml", "versionSpecifier": "1.33" },
            "definedAt": { "path": "a/pom.xml", "startLine": "4" },
        });
        let with = |pointer: &str, value: Value| {
            let mut changed = entry.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            id(&changed)
        };
        assert_eq!(id(&entry).as_deref(), Some("7:maven:org.yaml%3Asnakeyaml:1.33:a/pom.xml"));
        assert_eq!(with("/definedAt/startLine", json!("9")), id(&entry));
        assert_eq!(with("/definedAt/startLine", json!(["odd"])), id(&entry));
        assert_eq!(with("/repositoryId", json!(7)), id(&entry));
        for (pointer, value) in [
            ("/repositoryId", "8"),
            ("/ecosystem", "npm"),
            ("/package/name", "org.yaml"),
            ("/package/versionSpecifier", "1.34"),
            ("/definedAt/path", "b/pom.xml"),
        ] {
            assert_ne!(with(pointer, json!(value)), id(&entry), "{pointer}");
        }
        assert_eq!(with("/package/name", json!("")), None);
        assert_eq!(with("/package", Value::Null), None);
        assert_eq!(id(&json!([1])), None);
    }

    #[test]
    fn a_record_stays_as_it_is() {
        let odd = r#"{ "repositoryId" : 7,  "package":{"name":"\u00e9"}}"#;
        let record = record(Raw::new(odd));
        assert_eq!((record.body.as_str(), record.id.as_deref()), (odd, Some("7::%C3%A9::")));
        assert_eq!(record.project.unwrap().id.as_deref(), Some("7"));
    }
}
