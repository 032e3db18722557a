//! Saved views: filters of a list under names, for all who see the tenant.

use host_harness::{
    exports::text::line,
    query::{List, Query, View},
    store::NewView,
};
use maud::{Markup, html};

use super::{Section, form};
use crate::{
    answer::{Fault, see},
    asked::{Answer, Asked, Form},
};

/// The lists of which views are saved.
const LISTS: [(Section, List); 7] = [
    (Section::Findings, List::Findings(View::All)),
    (Section::Vulnerabilities, List::Findings(View::Vulnerabilities)),
    (Section::Weaknesses, List::Findings(View::Weaknesses)),
    (Section::Secrets, List::Findings(View::Secrets)),
    (Section::Issues, List::Issues),
    (Section::Packages, List::Packages),
    (Section::Coverage, List::Coverage),
];

/// The filter of a query as it is kept: without the place in its pages.
fn filter(query: &Query) -> String {
    let pairs = query.pairs().into_iter().filter(|(name, _)| !matches!(*name, "cursor" | "offset" | "limit"));
    form::address("", pairs).trim_start_matches('?').to_owned()
}

/// The saved views of a list, and a form to save what is shown.
pub(super) async fn bar(asked: &Asked, section: Section, query: &Query) -> Result<Markup, Fault> {
    let (tenant, shown) = (asked.tenant.id(), filter(query));
    let views = asked.site.access.views(tenant).await?.views;
    let views: Vec<_> = views.into_iter().filter(|it| it.page == section.path()).collect();
    let here = section.of(tenant.as_str());
    let is_saved = views.iter().any(|it| it.filter == shown);
    Ok(html! {
        @if !views.is_empty() || !shown.is_empty() {
            div.views {
                @for it in &views {
                    @let is_here = it.filter == shown;
                    span.view {
                        a href={ (here) "?" (it.filter) } aria-current=[is_here.then_some("true")] { (super::parts::text(&it.name)) }
                        @if is_here {
                            form.inline method="post" action=(format!("/t/{tenant}/views/{}/remove", it.id)) {
                                button.quiet aria-label={ "Remove the view " (line(&it.name)) } { "×" }
                            }
                        }
                    }
                }
                @if !shown.is_empty() && !is_saved {
                    details.menu {
                        summary.button { "Save this view…" }
                        form method="post" action=(format!("/t/{tenant}/views")) {
                            input type="hidden" name="page" value=(section.path());
                            input type="hidden" name="filter" value=(shown);
                            label { "Name " input type="text" name="name" required maxlength="80"; }
                            button.button.primary { "Save" }
                        }
                    }
                }
            }
        }
    })
}

/// The list of a page's name.
fn list(page: &str) -> Result<(Section, List), Fault> {
    let found = LISTS.into_iter().find(|(section, _)| section.path() == page);
    found.ok_or_else(|| Fault::field("page", "it is no list of which views are saved"))
}

/// A view of a list, whose filter the list takes.
pub(crate) fn checked(page: &str, text: &str, name: String, author: String) -> Result<NewView, Fault> {
    let (section, list) = list(page)?;
    let pairs: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).collect();
    let query = Query::parse(list, pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))?;
    Ok(NewView { name, page: section.path().to_owned(), filter: filter(&query), author })
}

pub(crate) async fn save(asked: Asked, form: Form) -> Answer {
    let page = form.text("page").unwrap_or_default();
    let name = form.text("name").unwrap_or_default().to_owned();
    let view = checked(page, form.text("filter").unwrap_or_default(), name, asked.who.clone())?;
    let here = list(page)?.0.of(asked.tenant.id().as_str());
    let saved = asked.site.access.save_view(asked.tenant.id(), view).await?;
    Ok(see(&format!("{here}?{}", saved.filter)))
}

pub(crate) async fn remove(asked: Asked) -> Answer {
    let (id, tenant): (i64, _) = (asked.named("view")?, asked.tenant.id());
    let views = asked.site.access.views(tenant).await?.views;
    let page = views.into_iter().find(|it| it.id == id).map(|it| it.page).unwrap_or_default();
    asked.site.access.remove_view(tenant, id).await?;
    Ok(see(&list(&page).map_or_else(|_| format!("/t/{tenant}"), |(section, _)| section.of(tenant.as_str()))))
}
