//! Ranges of versions (`vers:npm/>=1.2.0|<2.0.0`), as far as the order of their
//! versions is certain: numbers with dots, and one of these with a mark of a
//! version before it (`2.0.0-rc.1`).

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

/// How many constraints a range may have.
const MAX_CONSTRAINTS: usize = 1_000;

/// Schemes of distributions: what stands behind a `-` is a revision there, and
/// versions of the same numbers are not always the same.
const DISTRIBUTIONS: [&str; 6] = ["deb", "rpm", "apk", "alpine", "alpm", "ebuild"];

/// Whether a range holds a version; none where that is not certain.
pub fn holds(range: &str, version: &str) -> Option<bool> {
    let (scheme, constraints) = constraints(range)?;
    if constraints.iter().any(|it| it.0 == "*") {
        return Some(true);
    }
    let mut bounds = Vec::new();
    for (sign, bound) in &constraints {
        let order = if bound == version { Ordering::Equal } else { compare(scheme, version, bound)? };
        match (*sign, order) {
            ("" | "=" | "<=" | ">=", Ordering::Equal) => return Some(true),
            ("!=" | "<" | ">", Ordering::Equal) => return Some(false),
            ("" | "=" | "!=", _) => {}
            _ => bounds.push((Version::of(bound)?, sign.starts_with('>'), order)),
        }
    }
    if bounds.is_empty() {
        return Some(constraints.iter().all(|it| it.0 == "!="));
    }
    bounds.sort_by(|one, other| one.0.order(&other.0));
    // Those beside the version: what begins below it, and what ends above it.
    let (below, above) = bounds.split_at(bounds.partition_point(|it| it.2 == Ordering::Greater));
    Some(below.last().is_none_or(|it| it.1) && above.first().is_none_or(|it| !it.1))
}

/// The first versions that a range holds, where it says so, as far as they come
/// after a version.
pub fn starts_after(range: &str, version: Option<&str>) -> Vec<String> {
    let Some((scheme, constraints)) = constraints(range) else { return Vec::new() };
    let is_after = |start: &str| version.is_none_or(|it| compare(scheme, start, it) == Some(Ordering::Greater));
    let starts = constraints.into_iter().filter(|(sign, start)| *sign == ">=" && is_after(start));
    starts.map(|(_, start)| start).collect()
}

/// The scheme of a range, and its constraints: a sign and a version each. None
/// where there are more than are looked at: without some it would be another range.
fn constraints(range: &str) -> Option<(&str, Vec<(&str, String)>)> {
    let (scheme, list) = range.trim().strip_prefix("vers:")?.split_once('/')?;
    if list.split('|').nth(MAX_CONSTRAINTS).is_some() {
        return None;
    }
    let constraints = list.split('|').map(|constraint| {
        let constraint = constraint.trim();
        if constraint == "*" {
            return Some(("*", String::new()));
        }
        let signs = ["<=", ">=", "!=", "<", ">", "="];
        let sign = signs.into_iter().find(|sign| constraint.starts_with(sign)).unwrap_or_default();
        let version = constraint.get(sign.len()..)?.trim();
        let version = percent_decode_str(version).decode_utf8().ok()?.into_owned();
        (!version.is_empty()).then_some((sign, version))
    });
    Some((scheme, constraints.collect::<Option<_>>()?))
}

/// The order of two versions; none where it depends on who numbers them.
fn compare(scheme: &str, one: &str, other: &str) -> Option<Ordering> {
    let of_distribution = DISTRIBUTIONS.iter().any(|it| it.eq_ignore_ascii_case(scheme));
    if of_distribution && (one.contains('-') || other.contains('-')) {
        return None;
    }
    let (one, other) = (Version::of(one)?, Version::of(other)?);
    let order = one.order(&other);
    let is_same = !of_distribution && !one.is_built && !other.is_built && one.before == other.before;
    (order.is_ne() || is_same).then_some(order)
}

/// A version of numbers.
struct Version<'a> {
    /// Without zeros at the end.
    numbers: Vec<u64>,
    /// Whether nothing says that it comes before the version of these numbers.
    is_whole: bool,
    /// The mark that does.
    before: Option<&'a str>,
    /// Whether a mark of a build may tell it apart from others of these numbers.
    is_built: bool,
}

impl<'a> Version<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (numbers, before) = text.split_once('-').map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
        let words = ["alpha", "beta", "rc", "pre", "dev", "snapshot", "canary", "next"];
        let is_before = |text: &str| words.iter().any(|word| text.to_ascii_lowercase().starts_with(word));
        if before.is_some_and(|text| !is_before(text)) {
            return None;
        }
        let mut numbers = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        // Go has a build of that name for what is no module.
        let is_built = build.is_some_and(|build| build != "incompatible");
        Some(Self { numbers, is_whole: before.is_none(), before, is_built })
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.numbers, self.is_whole).cmp(&(&other.numbers, other.is_whole))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CONSTRAINTS, holds, starts_after};

    #[test]
    fn a_range_holds_a_version() {
        for (range, version, expect) in [
            ("vers:npm/>=4.17.21", "4.17.21", Some(true)),
            ("vers:npm/>=4.17.21", "4.17.20", Some(false)),
            ("vers:npm/>=4.17.21", "v4.18", Some(true)),
            ("vers:npm/>4.17.21", "4.17.21", Some(false)),
            ("vers:npm/<1.2.0", "1.10.0", Some(false)),
            ("vers:npm/<1.2.0|>=2.0.0|<2.3.1", "2.3.0", Some(true)),
            ("vers:npm/<1.2.0|>=2.0.0|<2.3.1", "1.9.0", Some(false)),
            ("vers:npm/<1.2.0|>=2.0.0|<2.3.1", "1.0", Some(true)),
            ("vers:npm/<1.2.0|>=2.0.0|<2.3.1", "2.3.1", Some(false)),
            ("vers:npm/1.0|2.0", "2.0.0", Some(true)),
            ("vers:npm/1.0|2.0", "1.5", Some(false)),
            ("vers:npm/!=1.0", "1.5", Some(true)),
            ("vers:npm/!=1.0", "1.0", Some(false)),
            ("vers:npm/>=1.0|!=1.5|<2.0", "1.5", Some(false)),
            ("vers:npm/>=1.0|!=1.5|<2.0", "1.6", Some(true)),
            ("vers:npm/*", "anything", Some(true)),
            ("vers:npm/>=2.0.0", "2.0.0-rc.1", Some(false)),
            ("vers:npm/>=2.0.0%2Bbuild", "2.0.1", Some(true)),
            ("vers:deb/>=1.2-3", "1.2-4", None),
            ("vers:deb/>=1.2-3", "1.2-3", Some(true)),
            ("vers:deb/>=1:1.2", "2.0", None),
            ("vers:deb/>=12.4%2Bdeb12u5", "12.4+deb12u3", None),
            ("vers:deb/>=12.4%2Bdeb12u5", "12.5", Some(true)),
            ("vers:deb/>=1.2-rc1", "1.2", None),
            ("vers:rpm/>=1.0.0", "1.0", None),
            ("vers:pypi/>=1.2%2Blocal.2", "1.2+local.1", None),
            ("vers:pypi/>=1.0.0", "1.0", Some(true)),
            ("vers:golang/>=2.0.0%2Bincompatible", "v2.0.0+incompatible", Some(true)),
            ("vers:npm/>=2.0.0-rc.1", "2.0.0-rc.2", None),
            (">=1.0", "2.0", None),
            ("vers:npm/", "2.0", None),
        ] {
            assert_eq!(holds(range, version), expect, "{range} {version}");
        }
    }

    #[test]
    fn of_a_range_that_is_too_long_nothing_is_said() {
        let range = |count: usize| format!("vers:npm/1.0{}", "|!=2.0".repeat(count - 1));
        assert_eq!(holds(&range(MAX_CONSTRAINTS), "1.0"), Some(true));
        assert_eq!(holds(&range(MAX_CONSTRAINTS + 1), "1.0"), None);
    }

    #[test]
    fn a_range_starts_with_versions() {
        assert_eq!(starts_after("vers:npm/<1.0|>=1.2.3", None), ["1.2.3"]);
        assert_eq!(starts_after("vers:npm/>=1.0.0|<1.2.0|>=1.4.5", Some("1.3.0")), ["1.4.5"]);
        assert_eq!(starts_after("all", None).len(), 0);
    }
}
