//! Charts as SVG: they take their colours from the stylesheet, print, and need no
//! script. Bars and lines begin at zero.

use host_harness::store::DayCounts;
use maud::{Markup, html};

use super::parts;

/// The plot of a chart of days.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 150.0;

/// Where the plot begins, after the numbers at its left.
const LEFT: f64 = 44.0;

/// A bar of a share.
pub(super) fn bar(count: u64, most: u64, class: &'static str) -> Markup {
    let width = 100.0 * count as f64 / most.max(1) as f64;
    html! {
        svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect width="100" height="8" rx="2" {}
            rect.(class) width=(format!("{width:.1}")) height="8" rx="2" {}
        }
    }
}

/// What was open at the end of each day, and below it what came and went.
pub(super) fn days(days: &[DayCounts]) -> Markup {
    let most = days.iter().map(|day| day.open).max().unwrap_or_default();
    let span = most.max(1) as f64;
    let step = (WIDTH - LEFT) / days.len().saturating_sub(1).max(1) as f64;
    let x = |place: usize| LEFT + step * place as f64;
    let y = |open: u64| 10.0 + (HEIGHT - 20.0) * (1.0 - open as f64 / span);
    let points: Vec<String> =
        days.iter().enumerate().map(|(place, day)| format!("{:.1},{:.1}", x(place), y(day.open))).collect();
    let moves = days.iter().flat_map(|day| [came(day), went(day)]).max().unwrap_or_default().max(1) as f64;
    let height = |count: u64| 34.0 * count as f64 / moves;
    let base = HEIGHT + 44.0;
    let width = (step * 0.7).clamp(1.0, 14.0);
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {}", base + 58.0)) role="img" aria-label="Open findings by day, and what came and went" {
            @for (open, at) in [(most, y(most)), (0, y(0))] {
                line.grid-line x1=(LEFT) x2=(WIDTH) y1=(at) y2=(at) {}
                text x=(LEFT - 8.0) y=(at + 4.0) text-anchor="end" { (parts::number(open)) }
            }
            polyline.line points=(points.join(" ")) {}
            line.base x1=(LEFT) x2=(WIDTH) y1=(base) y2=(base) {}
            @for (place, day) in days.iter().enumerate() {
                @let (came, went) = (height(came(day)), height(went(day)));
                rect.come x=(format!("{:.1}", x(place) - width / 2.0)) y=(format!("{:.1}", base - came)) width=(format!("{width:.1}")) height=(format!("{came:.1}")) {}
                rect.go x=(format!("{:.1}", x(place) - width / 2.0)) y=(base) width=(format!("{width:.1}")) height=(format!("{went:.1}")) {}
            }
            @if let (Some(first), Some(last)) = (days.first(), days.last()) {
                text x=(LEFT) y=(base + 54.0) { (first.day) }
                text x=(WIDTH) y=(base + 54.0) text-anchor="end" { (last.day) }
            }
        }
        details.behind {
            summary { "The numbers" }
            div.wide tabindex="0" role="region" aria-label="The numbers" {
                table.plain {
                    thead { tr { th scope="col" { "Day" } th.num scope="col" { "Open" } th.num scope="col" { "Came" } th.num scope="col" { "Went" } } }
                    tbody {
                        @for day in days.iter().rev() {
                            tr { td { (day.day) } td.num { (parts::number(day.open)) } td.num { (parts::number(came(day))) } td.num { (parts::number(went(day))) } }
                        }
                    }
                }
            }
        }
    }
}

fn came(day: &DayCounts) -> u64 {
    day.new + day.reopened
}

fn went(day: &DayCounts) -> u64 {
    day.fixed + day.vanished + day.dismissed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(open: u64, new: u64, fixed: u64) -> DayCounts {
        DayCounts { day: "2026-01-31".to_owned(), new, reopened: 0, fixed, vanished: 0, dismissed: 0, open }
    }

    #[test]
    fn charts_of_nothing_of_one_day_and_of_large_numbers_stay_within_their_frame() {
        for list in
            [vec![], vec![day(0, 0, 0)], vec![day(5, 5, 0); 3], vec![day(0, 0, 0), day(u64::MAX >> 12, 1 << 40, 3)]]
        {
            let svg = days(&list).into_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        // One finding less of many is no fall.
        let few = days(&[day(866, 0, 0), day(865, 0, 1)]).into_string();
        assert!(few.contains("points=\"44.0,10.0 720.0,10.2\"") && few.contains(">0</text>"), "{few}");
        insta::assert_snapshot!(bar(1, 3, "lit").into_string(), @r#"<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="8" rx="2"></rect><rect class="lit" width="33.3" height="8" rx="2"></rect></svg>"#);
    }
}
