//! What the codes of errors mean: the pages that problems of the API lead to.

use axum::extract::Path;
use maud::{Markup, html};

use super::{document, mark, notice::prose};
use crate::{
    answer::{self, Answer, Fault},
    problems::{BASE, FaultCode},
};

/// All codes. They say nothing of what is here: nobody needs to be let in for them.
pub(crate) async fn list() -> Answer {
    Ok(answer::html(all_of(&FaultCode::all())))
}

/// What one code means.
pub(crate) async fn page(Path(word): Path<String>) -> Answer {
    let code = FaultCode::named(&word).ok_or_else(|| Fault::not_found("such problem"))?;
    Ok(answer::html(one(code)))
}

/// What a code means, for whoever a problem has led here.
fn one(code: FaultCode) -> Markup {
    let (word, about) = (code.as_str(), code.about());
    let statuses: Vec<String> = code.statuses().iter().map(ToString::to_string).collect();
    document(
        word,
        &html! {
            main.alone id="main" {
                div.brand { (mark()) "harness" }
                h1.mono { (word) }
                p { (prose(about.means)) }
                p { (prose(about.advice)) }
                p.muted { "Status: " (statuses.join(", ")) }
                p { a.link href=(BASE) { "All codes" } }
            }
        },
    )
}

/// All codes.
fn all_of(all: &[FaultCode]) -> Markup {
    document(
        "Codes of errors",
        &html! {
            main.main id="main" {
                div.head { h1 { "Codes of errors" } span.sum { (all.len()) " codes, of the API, of pages and of commands" } }
                section.card { div.wide tabindex="0" role="region" aria-label="Codes" {
                    table.plain {
                        thead { tr { th scope="col" { "Code" } th scope="col" { "What it means" } th scope="col" { "What to do" } } }
                        tbody { @for code in all {
                            tr { td { a.link.mono href=(code.address()) { (code.as_str()) } } td { (prose(code.about().means)) } td { (prose(code.about().advice)) } }
                        } }
                    }
                } }
            }
        },
    )
}
