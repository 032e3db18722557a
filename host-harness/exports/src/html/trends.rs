//! What happened on each day: a chart of what was open, one of what came and was
//! fixed, and the numbers.

use maud::{Markup, html};

use super::{INK, MUTED};
use crate::overview::Day;

/// Size of the charts.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 90;

/// Room for the numbers beside a chart.
const LEFT: u64 = 56;

/// Room for the words above a chart.
const ABOVE: u64 = 22;

const NEW: &str = "#c2410c";
const FIXED: &str = "#0369a1";

pub(super) fn trends(days: &[Day]) -> Markup {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return html! { p { "Nothing has happened yet." } };
    };
    let fixed: u64 = days.iter().map(|it| it.fixed).sum();
    let new: u64 = days.iter().map(|it| it.new).sum();
    html! {
        p {
            "From " (first.day) " to " (last.day) ": " (new) " new, " (fixed) " fixed, " (last.open) " open at the end."
        }
        (chart(days))
        table {
            caption { "Findings by day" }
            thead {
                tr {
                    th scope="col" { "Day" }
                    @for name in ["new", "reopened", "fixed", "vanished", "dismissed", "open"] {
                        th.n scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for it in days {
                    tr {
                        th scope="row" { (it.day) }
                        @for count in [it.new, it.reopened, it.fixed, it.vanished, it.dismissed, it.open] {
                            td.n { (count) }
                        }
                    }
                }
            }
        }
    }
}

/// A step for what was open at the end of each day, and below it two bars a day.
fn chart(days: &[Day]) -> Markup {
    let count = days.len() as u64;
    let at = |day: u64| LEFT + (WIDTH - LEFT) * day / count.max(1);
    let most_open = days.iter().map(|it| it.open).max().unwrap_or_default();
    let most = days.iter().map(|it| it.new.max(it.fixed)).max().unwrap_or_default();
    let second = ABOVE + HEIGHT + ABOVE + 6;
    let below = second + ABOVE + HEIGHT;
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return html! {} };
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (below + 20) } width=(WIDTH) height=(below + 20) role="img" aria-labelledby="trends" {
            title id="trends" { "Open, new and fixed findings by day" }
            (frame("open", 0, most_open))
            path d=(outline(days, most_open, at)) fill="#dbe4f0" stroke=(INK) stroke-width="1.5" {}
            (frame("", second, most))
            (legend(second))
            @for (day, it) in (0..).zip(days) {
                @let (from, to) = (at(day), at(day + 1));
                @let half = (to - from) / 2;
                (bar(from, half, second, scaled(it.new, most), NEW))
                (bar(from + half, half, second, scaled(it.fixed, most), FIXED))
            }
            text x=(LEFT) y=(below + 16) font-size="12" fill=(MUTED) { (first.day) }
            text x=(WIDTH) y=(below + 16) font-size="12" fill=(MUTED) text-anchor="end" { (last.day) }
        }
    }
}

fn scaled(count: u64, most: u64) -> u64 {
    let height = count.saturating_mul(HEIGHT) / most.max(1);
    // What is there is seen.
    height.max(u64::from(count > 0))
}

fn bar(x: u64, width: u64, top: u64, height: u64, colour: &str) -> Markup {
    html! {
        @if height > 0 {
            rect x=(x) y=(top + ABOVE + HEIGHT - height) width=(width.max(2) - 1) height=(height) fill=(colour) {}
        }
    }
}

/// A base line, the greatest number at the top, and a word above.
fn frame(word: &str, top: u64, most: u64) -> Markup {
    let (upper, lower) = (top + ABOVE, top + ABOVE + HEIGHT);
    html! {
        @if !word.is_empty() { text x=(LEFT) y=(top + 15) font-size="13" { (word) } }
        line x1=(LEFT) y1=(lower) x2=(WIDTH) y2=(lower) stroke=(MUTED) {}
        text x=(LEFT - 8) y=(upper + 9) font-size="12" fill=(MUTED) text-anchor="end" { (most) }
        text x=(LEFT - 8) y=(lower) font-size="12" fill=(MUTED) text-anchor="end" { "0" }
    }
}

fn legend(top: u64) -> Markup {
    html! {
        @for (x, colour, word) in [(LEFT, NEW, "new"), (LEFT + 70, FIXED, "fixed")] {
            rect x=(x) y=(top + 5) width="11" height="11" fill=(colour) {}
            text x=(x + 16) y=(top + 15) font-size="13" { (word) }
        }
    }
}

/// The outline of what was open, day by day.
fn outline(days: &[Day], most: u64, at: impl Fn(u64) -> u64) -> String {
    let base = ABOVE + HEIGHT;
    let mut path = format!("M{LEFT} {base}");
    for (day, it) in (0..).zip(days) {
        path += &format!("V{}H{}", base - scaled(it.open, most), at(day + 1));
    }
    path + &format!("V{base}Z")
}
