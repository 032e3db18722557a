use crate::{CoveredRepository, Day, Exporter, Format, Overview, sample};

fn page_with(overview: Overview) -> String {
    let mut out = Vec::new();
    let mut exporter = Exporter::begin(Format::Html, &sample::options(), &mut out).unwrap();
    exporter.overview(overview);
    exporter.end().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_page_shows_days_and_coverage_as_a_chart_and_a_table() {
    let day = |day: &str, new, fixed, open| Day { day: day.to_owned(), new, fixed, open, ..Day::default() };
    let of = |name: &str, vulnerabilities: &str, weaknesses: &str| CoveredRepository {
        name: name.to_owned(),
        vulnerabilities: (vulnerabilities.to_owned(), 3),
        weaknesses: (weaknesses.to_owned(), 0),
    };
    let overview = Overview {
        days: vec![day("2026-02-01", 4, 0, 4), day("2026-02-02", 0, 3, 1)],
        repositories: vec![of("<script>alert(1)</script>", "stale", "disabled"), of("acme/shop", "enabled", "enabled")],
        states: ["enabled", "stale", "disabled"].map(str::to_owned).to_vec(),
        uncovered: 1,
        unmapped: 2,
    };
    let page = page_with(overview.clone());
    assert_eq!(page, page_with(overview), "the same gives the same");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    let body = page.split_once("<h2>Trends</h2>").unwrap().1;
    let (trends, coverage) = body.split_once("<h2>Coverage</h2>").unwrap();
    insta::assert_snapshot!("html_trends", trends.replace('>', ">\n"));
    insta::assert_snapshot!("html_coverage", coverage.replace('>', ">\n"));
    // Without anything there is no chart.
    let page = page_with(Overview::default());
    assert!(page.contains("Nothing has happened yet.") && page.contains("No repository is known."), "{page}");
}

proptest::proptest! {
    #[test]
    fn bars_stay_within_their_charts(
        days in proptest::collection::vec((0_u64..9, 0_u64..9, proptest::prelude::any::<u64>()), 0..400),
        states in proptest::collection::vec((0_usize..6, 0_usize..6), 0..40),
    ) {
        let words = ["enabled", "stale", "failing", "never-read", "never-scanned", "disabled"];
        let days = days.into_iter().map(|(new, fixed, open)| Day { new, fixed, open, ..Day::default() }).collect();
        let class = |state: usize| (words[state].to_owned(), u64::MAX);
        let repositories = states.into_iter().map(|(one, other)| CoveredRepository {
            name: "acme/shop".to_owned(),
            vulnerabilities: class(one),
            weaknesses: class(other),
        });
        let overview = Overview {
            days,
            repositories: repositories.collect(),
            states: words.map(str::to_owned).to_vec(),
            ..Overview::default()
        };
        let page = page_with(overview);
        for rect in page.split("<rect ").skip(1) {
            let number = |name: &str| -> u64 {
                let at = rect.split(&format!("{name}=\"")).nth(1).unwrap();
                at.split('"').next().unwrap().parse().unwrap()
            };
            proptest::prop_assert!(number("x") + number("width") <= 642, "{}", &rect[..80]);
        }
    }
}
