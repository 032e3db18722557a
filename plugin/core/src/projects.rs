//! `list-projects`: the vendor's projects, page by page.

use appsec_model::{Error, ProjectPage};

use crate::{
    Outside,
    api::{Api, projects},
    cursor::{Cursor, Fingerprint},
    memory::Memory,
};

/// One page of projects. The list ends on an empty page, never on a short one.
pub fn list_projects(cursor: Option<&str>, outside: &mut Outside<'_>) -> Result<ProjectPage, Error> {
    let Memory { settings, deployment } = Memory::load(outside.bucket)?;
    let request = Fingerprint::new("list-projects")
        .with(&settings.origin.to_string())
        .with(&deployment.slug)
        .with(&settings.page_size.to_string());
    let cursor = cursor.map_or(Ok(Cursor::default()), |text| Cursor::decode(text, request))?;
    let mut api = Api::new(outside, &settings.origin)?;
    let page = projects::page(&mut api, &deployment.slug, cursor.page, settings.page_size)?;
    Ok(page.map_or_else(ProjectPage::default, |(projects, diagnostics)| {
        let next = Cursor { page: cursor.page.saturating_add(1), ..Cursor::default() };
        ProjectPage { projects, next: Some(next.encode(request)), diagnostics }
    }))
}

#[cfg(test)]
mod tests;
