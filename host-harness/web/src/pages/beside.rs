//! The list that something was opened from, and its neighbours there.

use maud::{Markup, html};

use super::Section;
use crate::answer::Fault;

pub(super) struct Beside {
    /// What the list is called.
    pub section: Section,
    list: String,
    before: Option<String>,
    after: Option<String>,
}

impl Beside {
    /// Of what was opened from no list.
    pub fn none(section: Section, tenant: &str) -> Self {
        Self { section, list: section.of(tenant), before: None, after: None }
    }

    /// Among the rows of a page of a list at an address, as each of them is called
    /// there; what was opened may be in it no more. What follows the page is asked
    /// for behind its last row only.
    pub async fn among(
        section: Section,
        list: String,
        rows: &[String],
        id: &str,
        address: impl Fn(&str) -> String,
        following: impl Future<Output = Result<Option<String>, Fault>>,
    ) -> Result<Self, Fault> {
        let Some(at) = rows.iter().position(|row| row == id) else {
            return Ok(Self { section, list, before: None, after: None });
        };
        let beside = |at: usize| rows.get(at).map(|row| address(row));
        let after = match beside(at + 1) {
            None => following.await?,
            after => after,
        };
        Ok(Self { section, list, before: at.checked_sub(1).and_then(beside), after })
    }

    /// The way back to the list, and on to the neighbours.
    pub fn path(&self, id: &str) -> Markup {
        html! {
            nav.path aria-label="Path" {
                a.link href=(self.list) rel="up" { (self.section.title()) } " › " span.mono { (id) }
                span.pages {
                    @if let Some(before) = &self.before { a.link href=(before) rel="prev" { "Previous" } }
                    @if let Some(after) = &self.after { a.link href=(after) rel="next" { "Next" } }
                }
            }
        }
    }
}
