//! Which findings of a block are one issue. Nothing here depends on the order
//! in which findings came: they are put in an order of their own first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::key::MatchStrategy;

/// How many places a finding is compared with on each side: those that begin
/// nearest to it. A file with more of them at one line is made, not written.
const NEAR: usize = 256;

/// What grouping looks at.
#[derive(Clone, Debug, Default)]
pub struct Candidate<'a> {
    /// The instance that brought it.
    pub source: i64,
    /// Hash of its identity.
    pub identity: i64,
    /// Unique, and the same on every machine: decides between equals.
    pub public_id: i64,
    /// Whether its source no longer sees it.
    pub vanished: bool,
    /// First and last line.
    pub lines: Option<(u32, u32)>,
    /// Identities that its source tells.
    pub prints: BTreeSet<&'a str>,
    /// What it is about: advisories, weaknesses and rules, or what a secret opens.
    pub marks: BTreeSet<&'a str>,
}

/// The issues of a block, each as positions of its candidates.
pub fn group(way: MatchStrategy, candidates: &[Candidate<'_>]) -> Vec<Vec<usize>> {
    match way {
        MatchStrategy::Advisory => by_marks(candidates),
        MatchStrategy::Place | MatchStrategy::Secret => by_place(way, candidates),
    }
}

/// Pieces that hang together over common marks. Each joined one points to
/// another of its group, and the first of them to itself.
fn by_marks(candidates: &[Candidate<'_>]) -> Vec<Vec<usize>> {
    let mut above: Vec<usize> = (0..candidates.len()).collect();
    let mut by_mark: HashMap<&str, usize> = HashMap::new();
    for (at, piece) in candidates.iter().enumerate() {
        for mark in &piece.marks {
            let other = *by_mark.entry(mark).or_insert(at);
            let (one, other) = (first_of(&mut above, at), first_of(&mut above, other));
            if let Some(place) = above.get_mut(one.max(other)) {
                *place = one.min(other);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..candidates.len() {
        groups.entry(first_of(&mut above, at)).or_default().push(at);
    }
    groups.into_values().collect()
}

/// The first of a group. The way there gets shorter each time that it is gone.
fn first_of(above: &mut [usize], mut at: usize) -> usize {
    while let Some(next) = above.get(at).copied().filter(|next| *next != at) {
        let over = above.get(next).copied().unwrap_or(next);
        if let Some(place) = above.get_mut(at) {
            *place = over;
        }
        at = over;
    }
    at
}

/// Pieces that are one finding, or were joined by a print.
struct Unit<'a> {
    members: Vec<usize>,
    sources: BTreeSet<i64>,
    lines: Option<(u32, u32)>,
    prints: BTreeSet<&'a str>,
    marks: BTreeSet<&'a str>,
}

/// Units at one place.
struct Spot {
    units: Vec<usize>,
    sources: BTreeSet<i64>,
    /// The lines that all units share.
    common: Option<(u32, u32)>,
}

fn by_place(way: MatchStrategy, candidates: &[Candidate<'_>]) -> Vec<Vec<usize>> {
    let units = by_prints(findings(candidates));
    let mut spots: Vec<Spot> = Vec::new();
    // Spots by the first of their lines.
    let mut starts: BTreeSet<(u32, usize)> = BTreeSet::new();
    for (at, unit) in units.iter().enumerate() {
        let fits = |spot: &Spot| {
            overlap(spot.common, unit.lines).is_some()
                && spot.sources.is_disjoint(&unit.sources)
                && spot.units.iter().filter_map(|at| units.get(*at)).all(|other| agree(way, &other.marks, &unit.marks))
        };
        let near = unit.lines.into_iter().flat_map(|(first, last)| {
            let before = starts.range(..=(first, usize::MAX)).rev().take(NEAR);
            let behind = starts.range((first.saturating_add(1), 0)..);
            let within = behind.take_while(move |(from, _)| (first..=last).contains(from)).take(NEAR);
            before.chain(within).map(move |(from, at)| (from.abs_diff(first), *at))
        });
        let found = near.filter(|(_, at)| spots.get(*at).is_some_and(fits)).min().map(|(_, at)| at);
        let place = found.unwrap_or(spots.len());
        match spots.get_mut(place) {
            Some(spot) => {
                let common = overlap(spot.common, unit.lines);
                starts.extend(common.map(|(from, _)| (from, place)));
                let before = std::mem::replace(&mut spot.common, common);
                if let Some((from, _)) = before.filter(|it| spot.common.is_none_or(|now| now.0 != it.0)) {
                    starts.remove(&(from, place));
                }
                spot.sources.extend(&unit.sources);
                spot.units.push(at);
            }
            None => {
                starts.extend(unit.lines.map(|(from, _)| (from, place)));
                spots.push(Spot { units: vec![at], sources: unit.sources.clone(), common: unit.lines });
            }
        }
    }
    let members = |spot: Spot| {
        let units = spot.units.into_iter().filter_map(|at| units.get(at));
        units.flat_map(|unit| unit.members.iter().copied()).collect()
    };
    spots.into_iter().map(members).collect()
}

/// The findings that sources tell apart: what is there before what vanished,
/// in the order of the file.
fn findings<'a>(candidates: &[Candidate<'a>]) -> Vec<Unit<'a>> {
    let mut order: Vec<(usize, &Candidate<'a>)> = candidates.iter().enumerate().collect();
    order.sort_by_key(|(_, it)| (it.vanished, it.lines.is_none(), it.lines, it.public_id));
    let mut known: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    let mut units: Vec<Unit<'a>> = Vec::new();
    for (at, piece) in order {
        let place = *known.entry((piece.source, piece.identity)).or_insert(units.len());
        match units.get_mut(place) {
            Some(unit) => {
                unit.members.push(at);
                unit.prints.extend(&piece.prints);
                unit.marks.extend(&piece.marks);
            }
            None => units.push(Unit {
                members: vec![at],
                sources: BTreeSet::from([piece.source]),
                lines: piece.lines,
                prints: piece.prints.clone(),
                marks: piece.marks.clone(),
            }),
        }
    }
    units
}

/// Joins findings of different sources that have a print in common.
fn by_prints(findings: Vec<Unit<'_>>) -> Vec<Unit<'_>> {
    let all: BTreeSet<i64> = findings.iter().flat_map(|it| &it.sources).copied().collect();
    // Units of a print that hold nothing of a source, by both.
    let mut free: HashMap<(&str, i64), BTreeSet<usize>> = HashMap::new();
    let mut units: Vec<Unit<'_>> = Vec::new();
    for finding in findings {
        // A finding is of one source.
        let source = finding.sources.first().copied().unwrap_or_default();
        let first = |print: &&str| free.get(&(*print, source))?.first().copied();
        let place = finding.prints.iter().filter_map(first).min().unwrap_or(units.len());
        let more = match units.get_mut(place) {
            Some(unit) => {
                for print in &unit.prints {
                    free.entry((print, source)).or_default().remove(&place);
                }
                let more = finding.prints.difference(&unit.prints).copied().collect();
                unit.members.extend(finding.members);
                unit.sources.extend(finding.sources);
                unit.prints.extend(finding.prints);
                unit.marks.extend(finding.marks);
                more
            }
            None => {
                let more: Vec<&str> = finding.prints.iter().copied().collect();
                units.push(finding);
                more
            }
        };
        let sources = units.get(place).map(|unit| &unit.sources);
        for other in all.iter().filter(|it| sources.is_some_and(|known| !known.contains(it))) {
            for print in &more {
                free.entry((print, *other)).or_default().insert(place);
            }
        }
    }
    units
}

fn overlap(one: Option<(u32, u32)>, other: Option<(u32, u32)>) -> Option<(u32, u32)> {
    let ((from, to), (other_from, other_to)) = (one?, other?);
    let shared = (from.max(other_from), to.min(other_to));
    (shared.0 <= shared.1).then_some(shared)
}

/// Whether two findings may be about the same.
fn agree(way: MatchStrategy, one: &BTreeSet<&str>, other: &BTreeSet<&str>) -> bool {
    // Who does not say what a secret opens contradicts nobody.
    (way == MatchStrategy::Secret && (one.is_empty() || other.is_empty())) || !one.is_disjoint(other)
}

/// The marks of an advisory's group, the one first that it is best known by.
pub fn best_first<'a>(marks: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut marks: Vec<&str> = marks.collect();
    marks.sort_by_key(|mark| (Reverse(mark.starts_with("CVE-")), Reverse(mark.starts_with("GHSA-")), *mark));
    marks.dedup();
    marks
}

#[cfg(test)]
mod tests {
    use super::{Candidate, MatchStrategy, best_first, group};

    /// Pieces as `source identity lines prints marks`, with `!` before those
    /// that vanished; groups as their numbers from 1, in order.
    fn check(way: MatchStrategy, lines: &[&str]) -> String {
        let candidates: Vec<Candidate<'_>> = lines
            .iter()
            .zip(1..)
            .map(|(line, public_id)| {
                let vanished = line.starts_with('!');
                let words: Vec<&str> = line.trim_start_matches('!').split(' ').collect();
                let list = |at: usize| words[at].split(',').filter(|it| *it != "-").collect();
                let range = words[2].split_once('-').filter(|(from, _)| !from.is_empty());
                Candidate {
                    source: words[0].parse().unwrap(),
                    identity: words[1].parse().unwrap(),
                    public_id,
                    vanished,
                    lines: range.map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap())),
                    prints: list(3),
                    marks: list(4),
                }
            })
            .collect();
        let mut groups: Vec<Vec<usize>> = group(way, &candidates);
        // In any order of the input, the same.
        let mut turned = candidates.clone();
        turned.reverse();
        let mut other: Vec<Vec<usize>> = group(way, &turned);
        other.iter_mut().flatten().for_each(|at| *at = candidates.len() - 1 - *at);
        for groups in [&mut groups, &mut other] {
            groups.iter_mut().for_each(|group| group.sort_unstable());
            groups.sort();
        }
        assert_eq!(groups, other);
        let text = |group: &Vec<usize>| group.iter().map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(" ");
        groups.iter().map(text).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn advisories_hang_together_over_chains() {
        let check = |lines: &[&str]| check(MatchStrategy::Advisory, lines);
        assert_eq!(check(&["1 1 - - CVE-1", "2 1 - - GHSA-1"]), "1 | 2");
        assert_eq!(check(&["1 1 - - CVE-1", "2 1 - - GHSA-1", "3 1 - - CVE-1,GHSA-1"]), "1 2 3");
        assert_eq!(check(&["1 1 - - A", "1 2 - - B,C", "1 3 - - D", "1 4 - - A,B", "2 9 - - D"]), "1 2 4 | 3 5");
    }

    #[test]
    fn two_sources_see_the_same_at_a_common_line() {
        let check = |lines: &[&str]| check(MatchStrategy::Place, lines);
        assert_eq!(check(&["1 1 5-9 - cwe:89", "2 1 7-7 - cwe:89,cwe:564"]), "1 2");
        assert_eq!(check(&["1 1 5-9 - cwe:89", "2 1 10-10 - cwe:89"]), "1 | 2");
        assert_eq!(check(&["1 1 5-9 - cwe:89", "2 1 7-7 - cwe:79"]), "1 | 2");
        assert_eq!(check(&["1 1 - - cwe:89", "2 1 - - cwe:89"]), "1 | 2", "no lines, no place");
        // No chains: 1 and 3 share no line, and no weakness.
        assert_eq!(check(&["1 1 1-5 - a", "2 1 4-10 - a", "3 1 9-12 - a"]), "1 2 | 3");
        assert_eq!(check(&["1 1 1-5 - a", "2 1 4-10 - a,b", "3 1 5-5 - b"]), "1 2 | 3");
    }

    #[test]
    fn two_findings_of_one_source_are_never_joined() {
        let check = |lines: &[&str]| check(MatchStrategy::Place, lines);
        assert_eq!(check(&["1 1 5-5 - a", "1 2 5-5 - a"]), "1 | 2");
        assert_eq!(check(&["1 1 5-5 - a", "1 2 5-5 - a", "2 1 5-5 - a"]), "1 3 | 2");
        assert_eq!(check(&["1 1 5-5 p a", "1 2 5-5 p a"]), "1 | 2");
        assert_eq!(check(&["1 1 5-5 - a", "1 1 90-90 - a"]), "1 2", "one identity is one finding");
        // Each finds its own partner.
        assert_eq!(check(&["1 1 5-9 - a", "1 2 7-9 - a", "2 1 8-8 - a", "2 2 6-6 - a"]), "1 4 | 2 3");
    }

    #[test]
    fn identities_go_before_lines_and_what_is_there_before_what_vanished() {
        let check = |lines: &[&str]| check(MatchStrategy::Place, lines);
        assert_eq!(check(&["1 1 5-5 p a", "2 1 90-90 p a", "2 2 5-5 - a"]), "1 2 | 3");
        assert_eq!(check(&["!1 1 5-5 - a", "1 2 5-5 - a", "2 1 5-5 - a"]), "1 | 2 3");
        assert_eq!(check(&["!1 1 5-5 - a", "2 1 5-5 - a"]), "1 2");
        assert_eq!(check(&["!1 1 50-50 - a", "!2 1 5-5 - a", "3 1 50-50 - a", "3 2 5-5 - a"]), "1 3 | 2 4");
    }

    #[test]
    fn secrets_agree_unless_both_name_another_service() {
        let check = |lines: &[&str]| check(MatchStrategy::Secret, lines);
        assert_eq!(check(&["1 1 5-5 - aws", "2 1 5-5 - aws,amazon"]), "1 2");
        assert_eq!(check(&["1 1 5-5 - aws", "2 1 5-5 - -"]), "1 2");
        assert_eq!(check(&["1 1 5-5 - aws", "2 1 5-5 - slack"]), "1 | 2");
        assert_eq!(check(&["1 1 5-5 - aws", "2 1 5-5 - slack", "3 1 5-5 - -"]), "1 3 | 2");
    }

    #[test]
    fn an_advisory_is_best_known_by_its_cve_number() {
        let marks = ["GHSA-2", "OSV-1", "CVE-2020-2", "GHSA-1", "CVE-2019-9"];
        assert_eq!(best_first(marks.into_iter()), ["CVE-2019-9", "CVE-2020-2", "GHSA-1", "GHSA-2", "OSV-1"]);
    }

    /// Where each is held against all others, this would take an hour.
    #[test]
    fn many_findings_of_one_block_are_grouped_at_once() {
        const MANY: i64 = 100_000;
        let own: Vec<String> = (0..MANY).map(|at| format!("own-{at}")).collect();
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for (at, own) in (0..).zip(&own) {
            candidates.push(Candidate {
                source: 1,
                identity: at,
                public_id: at,
                lines: Some((1, 9)),
                vanished: at % 2 == 0,
                prints: ["print"].into(),
                marks: ["mark", own.as_str()].into(),
            });
        }
        assert_eq!(group(MatchStrategy::Advisory, &candidates).len(), 1);
        assert_eq!(group(MatchStrategy::Place, &candidates).len(), own.len());
    }
}
