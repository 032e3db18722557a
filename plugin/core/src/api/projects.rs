//! `GET /deployments/{slug}/projects`: one page of projects.

use appsec_model::{Diagnostic, Error, Project, Timestamp};
use guest_json::{Raw, Read, Reader, Value, object};

use super::{Address, Api};
use crate::{
    normalize::branch_name,
    wire::{self, Id, Text, Texts, Wire, from_text},
};

object! {
    #[derive(Default)]
    struct Answer<'a> {
        projects: Option<Vec<Raw<'a>>>,
    }

    #[derive(Default)]
    struct Entry<'a> {
        id: Option<Id<'a>>,
        name: Option<Text<'a>>,
        url: Option<Text<'a>>,
        tags: Option<Texts<'a>>,
        default_branch: Option<Text<'a>>,
        primary_branch: Option<Text<'a>>,
        created_at: Option<Text<'a>>,
        latest_scan_at: Option<Text<'a>>,
    }
}

/// The list of an answer, which must be there.
struct Listed<'a>(Vec<Raw<'a>>);

impl<'a> Value<'a> for Listed<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        Answer::read(json)?.projects.map_or_else(|| json.missing("projects"), |projects| Ok(Self(projects)))
    }
}

impl Wire for Entry<'_> {
    type Of<'a> = Entry<'a>;
}

/// Projects, and remarks on those that are damaged.
type Page = (Vec<Project>, Vec<Diagnostic>);

/// One page of projects. None where the page holds no record at all, which is how
/// the API ends a list.
pub fn page(api: &mut Api<'_>, slug: &str, page: u32, page_size: u16) -> Result<Option<Page>, Error> {
    let mut address = Address::of_deployment(slug, "/projects", "the projects");
    address.push("page", &page.to_string());
    address.push("page_size", &page_size.to_string());
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let Listed(listed) = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    if listed.is_empty() {
        return Ok(None);
    }
    let mut projects = Vec::with_capacity(listed.len());
    let mut remarks = wire::Remarks::default();
    for (index, record) in listed.into_iter().enumerate() {
        remarks.start(index);
        let mut spare = String::new();
        let entry = wire::read::<Entry<'_>>(record.get(), &mut spare, &mut remarks);
        let project = entry.and_then(|entry| project(entry, &mut remarks));
        remarks.finish(project.as_ref().map(|project| project.id.as_str()));
        projects.extend(project);
    }
    Ok(Some((projects, remarks.into_diagnostics())))
}

/// A project; none, with a remark, where it has no id or no name: without them
/// nothing can be mapped or read.
fn project(entry: Entry<'_>, remarks: &mut wire::Remarks) -> Option<Project> {
    let (Some(id), Some(name)) = (&entry.id, &entry.name) else {
        remarks.error("missing-id", "the project has no id or no name".to_owned());
        return None;
    };
    let mut moment = |key: &str, text: Option<Text<'_>>| -> Option<Timestamp> { remarks.moment(key, text.as_deref()?) };
    Some(Project {
        id: id.to_string(),
        name: name.to_string(),
        created_at: moment("/created_at", entry.created_at),
        last_scan_at: moment("/latest_scan_at", entry.latest_scan_at),
        url: entry.url.map(Text::into_string),
        tags: entry.tags.map(Texts::into_strings).unwrap_or_default(),
        default_branch: entry.default_branch.map(|branch| branch_name(&branch).to_owned()),
        primary_branch: entry.primary_branch.map(|branch| branch_name(&branch).to_owned()),
        // Archived projects are not in the list, says the API reference; it
        // has no field that says so of a single one.
        archived: None,
    })
}
