//! How bad a vulnerability is, by the best of its ratings.

use appsec_analysis::advisories::CvssRating;
use appsec_model::{Epss, Severity};
use serde_json::Value;

use crate::{bounds, json::JsonView, words};

/// Methods by how much they are to be preferred; others come behind them.
const METHODS: [&str; 4] = ["CVSSv4", "CVSSv31", "CVSSv3", "CVSSv2"];

/// The severity of a vulnerability, and the rater's word for it.
///
/// Of the ratings that tell one, the newest method counts; of those of one
/// method the one whose source is the vulnerability's, then the worst.
pub fn severity(vulnerability: &Value) -> (Severity, Option<String>) {
    let source = vulnerability.at("source").text("name");
    let best = vulnerability.list("ratings").iter().filter(|it| !is_epss(it)).filter_map(|rating| {
        let method = rating.text("method").unwrap_or("other");
        let rank = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len());
        let (severity, word) = one(rating)?;
        let own = source.is_some() && rating.at("source").text("name") == source;
        Some(((std::cmp::Reverse(rank), own, severity), word))
    });
    match best.max_by(|one, other| one.cmp(other)) {
        Some(((_, _, severity), word)) => (severity, Some(bounds::word(&word).to_owned())),
        None => (Severity::Unknown, None),
    }
}

/// What a rating tells: its word, or the band of its score, or that of its vector.
fn one(rating: &Value) -> Option<(Severity, String)> {
    let method = rating.text("method").filter(|method| METHODS.contains(method));
    let score = rating.number("score").filter(|score| (0.0..=10.0).contains(score));
    let with = |word: String| match (method, score) {
        (Some(method), Some(score)) => format!("{word}, {method} {score}"),
        _ => word,
    };
    if let Some((word, severity)) = rating.text("severity").and_then(|word| Some((word, words::severity(word)?))) {
        return Some((severity, with(word.to_owned())));
    }
    if let (Some(method), Some(score)) = (method, score) {
        return Some((words::band(score)?, format!("{method} {score}")));
    }
    let rating = vector(rating)?;
    Some((rating.severity, format!("CVSS {} {:.1}", rating.version, rating.score)))
}

/// What a vector rates. Where it leaves the start out that names its version, the
/// method tells which of two that have the same metrics it is.
pub fn vector(rating: &Value) -> Option<CvssRating> {
    let vector = rating.text("vector")?.trim();
    let start = if rating.text("method") == Some("CVSSv3") && !vector.starts_with("CVSS:") { "CVSS:3.0/" } else { "" };
    CvssRating::of("".into(), &format!("{start}{vector}"), "".into()).ok()
}

/// Whether a rating is one of CVSS.
pub fn is_cvss(rating: &Value) -> bool {
    rating.text("method").is_some_and(|method| METHODS.contains(&method))
}

/// The probability of exploitation, which some give as a rating.
pub fn epss(vulnerability: &Value) -> Option<Epss> {
    let rating = vulnerability.list("ratings").iter().find(|it| is_epss(it))?;
    let score = rating.number("score").filter(|score| (0.0..=1.0).contains(score))?;
    Some(Epss { score, percentile: None })
}

fn is_epss(rating: &Value) -> bool {
    rating.at("source").text("name").is_some_and(|name| name.eq_ignore_ascii_case("EPSS"))
}
