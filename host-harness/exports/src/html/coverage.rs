//! Which repositories are looked after: a chart of how many, and a table of them.

use maud::{Markup, html};

use super::{REPOSITORIES, counted, shown};
use crate::overview::{CoveredRepository, Overview};

/// Colours of states, the best first: a darker one is better, and numbers stand
/// beside them.
const COLOURS: [&str; 6] = ["#14532d", "#3f7d3a", "#a16207", "#c98a3a", "#d6b98c", "#d1d5db"];

const WIDTH: u64 = 400;
const LEFT: u64 = 120;

pub(super) fn coverage(overview: &Overview) -> Markup {
    let repositories = &overview.repositories;
    let left = repositories.len().saturating_sub(REPOSITORIES);
    html! {
        @if repositories.is_empty() {
            p { "No repository is known." }
        } @else {
            p { (counted(repositories.len() as u64, "repository")) ", " (overview.uncovered) " of them covered by no instance." }
            (chart(overview))
            table {
                caption { "Coverage by repository, the worst first" }
                thead {
                    tr {
                        th scope="col" { "Repository" }
                        th scope="col" { "Vulnerabilities" }
                        th.n scope="col" { "open" }
                        th scope="col" { "Weaknesses" }
                        th.n scope="col" { "open" }
                    }
                }
                tbody {
                    @for it in repositories.iter().take(REPOSITORIES) {
                        tr {
                            th scope="row" { (shown(&it.name)) }
                            @for (state, open) in [&it.vulnerabilities, &it.weaknesses] {
                                td { (shown(state)) }
                                td.n { (open) }
                            }
                        }
                    }
                }
            }
            @if left > 0 { p.m { "and " (left) " more" } }
        }
        @if overview.unmapped > 0 {
            p { (counted(overview.unmapped, "project")) " of no repository." }
        }
    }
}

/// Tells a state of a repository.
type StateOf = fn(&CoveredRepository) -> &str;

/// Repositories by state, beside each other: those that are covered first.
fn chart(overview: &Overview) -> Markup {
    let of: [(&str, StateOf); 2] =
        [("vulnerabilities", |it| &it.vulnerabilities.0), ("weaknesses", |it| &it.weaknesses.0)];
    let all = overview.repositories.len() as u64;
    let counts = |state: StateOf| {
        let count = move |name: &String| overview.repositories.iter().filter(|it| state(it) == name).count() as u64;
        overview.states.iter().map(count).collect::<Vec<u64>>()
    };
    let parts = |counts: &[u64]| {
        let mut before = 0;
        let part = |(count, colour): (&u64, &'static str)| {
            let from = before * WIDTH / all.max(1);
            before += count;
            (LEFT + from, before * WIDTH / all.max(1) - from, colour)
        };
        counts.iter().zip(COLOURS).map(part).filter(|(_, width, _)| *width > 0).collect::<Vec<_>>()
    };
    let height = 64 + 22 * overview.states.len();
    html! {
        svg viewBox={ "0 0 640 " (height) } width="640" height=(height) role="img" aria-labelledby="coverage" {
            title id="coverage" { "Repositories by coverage" }
            @for (row, (word, state)) in of.into_iter().enumerate() {
                @let counts = counts(state);
                @let covered = counts.first().copied().unwrap_or_default();
                text x="0" y=(row * 28 + 18) font-size="14" { (word) }
                @for (x, width, colour) in parts(&counts) {
                    rect x=(x) y=(row * 28 + 4) width=(width) height="20" fill=(colour) {}
                }
                text x=(LEFT + WIDTH + 8) y=(row * 28 + 18) font-size="14" { (covered) " of " (all) }
            }
            @for (row, (state, colour)) in overview.states.iter().zip(COLOURS).enumerate() {
                @let y = 64 + 22 * row;
                rect x=(LEFT) y=(y) width="11" height="11" fill=(colour) {}
                text x=(LEFT + 18) y=(y + 11) font-size="13" {
                    (shown(state)) ":"
                    @for (at, (word, of)) in of.into_iter().enumerate() {
                        @if at > 0 { "," }
                        " " (word) " " (counts(of).get(row).copied().unwrap_or_default())
                    }
                }
            }
        }
    }
}
