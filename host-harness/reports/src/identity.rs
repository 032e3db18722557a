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

/// The identity that a report gives.
#[derive(Clone, Debug, Default)]
pub enum Given {
    /// None.
    #[default]
    None,
    /// One that is enough.
    Fingerprint {
        /// Hash of it and of the rule.
        hash: String,
        /// As it is in the report.
        text: String,
    },
    /// One that needs a number among equals.
    Partial {
        /// Hash of it, of the rule and of the path.
        hash: String,
    },
}

impl DraftFinding {
    /// What it takes in memory, with the identity that is made of it.
    pub fn bytes(&self) -> usize {
        let given = match &self.given {
            Given::None => 0,
            Given::Fingerprint { hash, text } => hash.len() + 2 * text.len(),
            Given::Partial { hash } => hash.len(),
        };
        let others: usize = self.others.iter().map(|hash| 2 * (size_of::<String>() + hash.len())).sum();
        size_of::<Self>() + 2 * self.group.len() + self.tie.len() + given + others
    }

    fn given(&self) -> Option<&str> {
        match &self.given {
            Given::None => None,
            Given::Fingerprint { hash, .. } | Given::Partial { hash } => Some(hash),
        }
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
pub fn identities(sketches: &[&DraftFinding]) -> Vec<(Identity, u32)> {
    let own = numbers(sketches, |sketch| Some(&sketch.group));
    let given = numbers(sketches, DraftFinding::given);
    let each = sketches.iter().zip(own).zip(given);
    each.map(|((sketch, own), number)| {
        let others = sketch.others.iter().map(|group| format!("{group}_{own}"));
        let key = format!("{}_{own}", sketch.group);
        match &sketch.given {
            Given::None => (Identity { key, algorithm: OWN.to_owned(), aliases: others.collect() }, own),
            Given::Fingerprint { hash, text } => {
                let mut aliases = vec![key];
                // Short ones are numbers of something, not of this result alone.
                aliases.extend((text.len() >= 16).then(|| text.clone()));
                (Identity { key: hash.clone(), algorithm: FINGERPRINT.to_owned(), aliases }, number)
            }
            Given::Partial { hash } => {
                let partial = format!("{hash}_{number}");
                let algorithm = PARTIAL_FINGERPRINT.to_owned();
                (Identity { key: partial, algorithm, aliases: vec![key] }, number)
            }
        }
    })
    .collect()
}

/// The number of each among those of the same hash, by place.
fn numbers<'a>(sketches: &[&'a DraftFinding], hash: impl Fn(&'a DraftFinding) -> Option<&'a str>) -> Vec<u32> {
    let mut order: Vec<(usize, &DraftFinding)> = sketches.iter().copied().enumerate().collect();
    order.sort_by(|(at, one), (other_at, other)| {
        let key = |sketch: &'a DraftFinding| (hash(sketch), sketch.position);
        key(one).cmp(&key(other)).then_with(|| one.tie.cmp(&other.tie)).then(at.cmp(other_at))
    });
    let mut numbers = vec![0; sketches.len()];
    let (mut before, mut next) = (None, 0);
    for (at, sketch) in order {
        let hash = hash(sketch);
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
    use super::{DraftFinding, Given, hash, identities, settled};

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

    #[test]
    fn what_the_report_gives_comes_before_ours() {
        let with = |given| DraftFinding { group: "own".to_owned(), given, ..DraftFinding::default() };
        let full = || Given::Fingerprint { hash: "f".to_owned(), text: "0123456789abcdef".to_owned() };
        let partial = || Given::Partial { hash: "p".to_owned() };
        let sketches = [with(full()), with(full()), with(partial()), with(partial()), with(Given::None)];
        let sketches: Vec<&DraftFinding> = sketches.iter().collect();
        let short: Vec<String> = identities(&sketches)
            .into_iter()
            .map(|(it, number)| format!("{} {} {:?} {number}", it.key, it.algorithm, it.aliases))
            .collect();
        insta::assert_snapshot!(short.join("\n"), @r#"
        f report-fingerprint-v1 ["own_0", "0123456789abcdef"] 0
        f report-fingerprint-v1 ["own_1", "0123456789abcdef"] 1
        p_0 report-partial-fingerprint-v1 ["own_2"] 0
        p_1 report-partial-fingerprint-v1 ["own_3"] 1
        own_4 report-v1 [] 4
        "#);
    }
}
