//! What makes two results the same finding over time: the algorithm `report-v1`.
//!
//! The group of a result is the first 128 bits of the SHA-256 hash of its rule,
//! its path and its message, each followed by the byte 0xff, which UTF-8 does not
//! have. In messages each run of white space is one blank, and each run of
//! digits is one `#`: they tell lines, counts and versions, which move. A finding
//! of a package has the advisory for its rule, and for its message the package
//! without its version, so that an upgrade that does not help keeps the finding.
//!
//! Results of one group are numbered from 0 by where they stand in the code, and
//! the key is the hash in hexadecimal, `_`, and that number. Lines only order;
//! where results stand in the report plays no part.

use std::collections::{HashMap, HashSet};

use appsec_model::Identity;
use sha2::{Digest, Sha256};

/// Name of the algorithm of identities that this crate computes.
pub const OWN: &str = "report-v1";

/// Name of the algorithm of identities that a report gives: a `fingerprints`
/// member of SARIF, with the rule.
pub const FINGERPRINT: &str = "report-fingerprint-v1";

/// Name of the algorithm of identities that a report gives in part: a
/// `partialFingerprints` member of SARIF, with rule, path, and number among equals.
pub const PARTIAL_FINGERPRINT: &str = "report-partial-fingerprint-v1";

/// What tells a result apart from the others of its report.
#[derive(Clone, Debug, Default)]
pub struct DraftFinding {
    /// Hash of what it is.
    pub group: String,
    /// Hashes of what it also is: of its advisory's other numbers.
    pub others: Vec<String>,
    /// Where it stands, to number those of one group.
    pub position: [u32; 4],
    /// Decides between those of one place.
    pub tie: String,
    /// What the report gives.
    pub given: Given,
}

/// The identities that a report gives.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Those that are enough, unless another result has the same.
    pub whole: Vec<Fingerprint>,
    /// One that needs a number among equals: hash of it, of the rule and of the path.
    pub partial: Option<String>,
}

/// A fingerprint of a report.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// Hash of it and of the rule.
    pub hash: String,
    /// Hash of it alone.
    pub value: String,
    /// As it is in the report.
    pub text: String,
}

/// What the identity of a result is made of.
enum Chosen<'a> {
    Own,
    Whole(&'a Fingerprint),
    Partial(&'a str),
}

impl Chosen<'_> {
    fn hash(&self) -> Option<&str> {
        match self {
            Self::Own => None,
            Self::Whole(fingerprint) => Some(&fingerprint.hash),
            Self::Partial(hash) => Some(hash),
        }
    }
}

impl DraftFinding {
    /// What it takes in memory, with the identity that is made of it.
    pub fn bytes(&self) -> usize {
        let whole = |it: &Fingerprint| size_of::<Fingerprint>() + it.hash.len() + it.value.len() + 2 * it.text.len();
        let given =
            self.given.whole.iter().map(whole).sum::<usize>() + self.given.partial.as_ref().map_or(0, String::len);
        let others: usize = self.others.iter().map(|hash| 2 * (size_of::<String>() + hash.len())).sum();
        size_of::<Self>() + 2 * self.group.len() + self.tie.len() + given + others
    }
}

/// The hash of parts.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0xff]);
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A message without what moves.
pub fn settled(message: &str) -> String {
    let mut settled = String::with_capacity(message.len());
    for letter in message.trim().chars() {
        let letter = match letter {
            '0'..='9' => '#',
            letter if letter.is_whitespace() => ' ',
            letter => letter,
        };
        if !(matches!(letter, '#' | ' ') && settled.ends_with(letter)) {
            settled.push(letter);
        }
    }
    settled
}

/// The identity of each result, and the number among those with equal keys.
pub fn identities(drafts: &[&DraftFinding]) -> Vec<(Identity, u32)> {
    let shared = shared(drafts);
    let chosen: Vec<Chosen<'_>> = drafts.iter().map(|draft| choose(draft, &shared)).collect();
    let own_of: Vec<Option<&str>> = drafts.iter().map(|draft| Some(draft.group.as_str())).collect();
    let own = numbers(drafts, &own_of);
    let given_of: Vec<Option<&str>> = chosen.iter().map(Chosen::hash).collect();
    let given = numbers(drafts, &given_of);
    let each = drafts.iter().zip(&chosen).zip(own.into_iter().zip(given));
    each.map(|((draft, chosen), (own, number))| {
        let others = draft.others.iter().map(|group| format!("{group}_{own}"));
        let key = format!("{}_{own}", draft.group);
        match chosen {
            Chosen::Own => (Identity { key, algorithm: OWN.to_owned(), aliases: others.collect() }, own),
            Chosen::Whole(Fingerprint { hash, text, .. }) => {
                let mut aliases = vec![key];
                // Short ones are numbers of something, not of this result alone.
                aliases.extend((text.len() >= 16).then(|| text.clone()));
                (Identity { key: hash.clone(), algorithm: FINGERPRINT.to_owned(), aliases }, number)
            }
            Chosen::Partial(hash) => {
                let partial = format!("{hash}_{number}");
                let algorithm = PARTIAL_FINGERPRINT.to_owned();
                (Identity { key: partial, algorithm, aliases: vec![key] }, number)
            }
        }
    })
    .collect()
}

/// The values that results at several places have, whatever their rules: the
/// number of a scan, or a hash of what is there many times. Such a value tells
/// nothing on its own, and one of a scan is another one in the next scan.
fn shared<'a>(drafts: &[&'a DraftFinding]) -> HashSet<&'a str> {
    let mut places: HashMap<&str, (&str, [u32; 4])> = HashMap::new();
    let mut shared = HashSet::new();
    for draft in drafts {
        for fingerprint in &draft.given.whole {
            let place = (draft.group.as_str(), draft.position);
            if *places.entry(&fingerprint.value).or_insert(place) != place {
                shared.insert(fingerprint.value.as_str());
            }
        }
    }
    shared
}

fn choose<'a>(draft: &'a DraftFinding, shared: &HashSet<&str>) -> Chosen<'a> {
    let whole = draft.given.whole.iter().find(|it| !shared.contains(it.value.as_str()));
    let partial = || draft.given.partial.as_deref().map(Chosen::Partial);
    whole.map(Chosen::Whole).or_else(partial).unwrap_or(Chosen::Own)
}

/// The number of each among those of the same hash, by place.
fn numbers(drafts: &[&DraftFinding], hashes: &[Option<&str>]) -> Vec<u32> {
    let mut order: Vec<(usize, &DraftFinding, Option<&str>)> =
        drafts.iter().zip(hashes).enumerate().map(|(at, (draft, hash))| (at, *draft, *hash)).collect();
    order.sort_by(|(at, one, hash), (other_at, other, other_hash)| {
        let key = (hash, one.position).cmp(&(other_hash, other.position));
        key.then_with(|| one.tie.cmp(&other.tie)).then(at.cmp(other_at))
    });
    let mut numbers = vec![0; drafts.len()];
    let (mut before, mut next) = (None, 0);
    for (at, _, hash) in order {
        if hash != before {
            (before, next) = (hash, 0);
        }
        if let Some(number) = numbers.get_mut(at) {
            *number = next;
        }
        next += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::{DraftFinding, Fingerprint, Given, hash, identities, settled};

    #[test]
    fn a_message_loses_what_moves() {
        for (message, expect) in [
            (" a  b\n\tc ", "a b c"),
            ("defined in line 12, column 3", "defined in line #, column #"),
            ("lodash 4.17.20", "lodash #.#.#"),
            ("größe 10", "größe #"),
            ("", ""),
        ] {
            assert_eq!(settled(message), expect);
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_ne!(hash(["a"]), hash(["a", ""]));
        assert_eq!(hash(["a", "b"]).len(), 32);
    }

    #[test]
    fn equals_are_numbered_by_place_and_not_by_order() {
        let at = |line: u32, tie: &str| DraftFinding {
            group: "g".to_owned(),
            position: [line, 0, 0, 0],
            tie: tie.to_owned(),
            ..DraftFinding::default()
        };
        let keys = |sketches: &[DraftFinding]| -> Vec<String> {
            let sketches: Vec<&DraftFinding> = sketches.iter().collect();
            identities(&sketches).into_iter().map(|(identity, _)| identity.key).collect()
        };
        assert_eq!(keys(&[at(9, ""), at(3, "b"), at(3, "a")]), ["g_2", "g_1", "g_0"]);
        assert_eq!(keys(&[at(3, "a"), at(9, ""), at(3, "b")]), ["g_0", "g_2", "g_1"]);
    }

    fn with(group: &str, line: u32, values: &[&str], partial: Option<&str>) -> DraftFinding {
        let whole = values.iter().map(|value| Fingerprint {
            hash: format!("{group}/{value}"),
            value: (*value).to_owned(),
            text: format!("0123456789 of {value}"),
        });
        let given = Given { whole: whole.collect(), partial: partial.map(str::to_owned) };
        DraftFinding { group: group.to_owned(), position: [line, 0, 0, 0], given, ..DraftFinding::default() }
    }

    fn shown(drafts: &[DraftFinding]) -> String {
        let drafts: Vec<&DraftFinding> = drafts.iter().collect();
        let one = |(it, number): (appsec_model::Identity, u32)| {
            format!("{} {} {:?} {number}", it.key, it.algorithm, it.aliases)
        };
        identities(&drafts).into_iter().map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_the_report_gives_comes_before_ours() {
        let drafts = [
            with("own", 1, &["f"], Some("p")),
            with("own", 2, &[], Some("p")),
            with("own", 3, &[], Some("p")),
            with("own", 4, &[], None),
        ];
        insta::assert_snapshot!(shown(&drafts), @r#"
        own/f report-fingerprint-v1 ["own_0"] 0
        p_0 report-partial-fingerprint-v1 ["own_1"] 0
        p_1 report-partial-fingerprint-v1 ["own_2"] 1
        own_3 report-v1 [] 3
        "#);
    }

    #[test]
    fn a_fingerprint_of_several_results_is_none() {
        let drafts = [
            with("a", 1, &["scan"], None),
            with("a", 9, &["scan"], None),
            with("b", 1, &["scan", "own"], None),
            with("c", 1, &["scan"], Some("p")),
            // The same result twice is one.
            with("d", 7, &["twice"], None),
            with("d", 7, &["twice"], None),
        ];
        insta::assert_snapshot!(shown(&drafts), @r#"
        a_0 report-v1 [] 0
        a_1 report-v1 [] 1
        b/own report-fingerprint-v1 ["b_0", "0123456789 of own"] 0
        p_0 report-partial-fingerprint-v1 ["c_0"] 0
        d/twice report-fingerprint-v1 ["d_0", "0123456789 of twice"] 0
        d/twice report-fingerprint-v1 ["d_1", "0123456789 of twice"] 1
        "#);
    }
}
