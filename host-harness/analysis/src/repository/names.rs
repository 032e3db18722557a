//! Names of repositories, to be found by what is nearly one of them.

use std::collections::HashMap;

use rapidfuzz::distance::osa;

/// The names of repositories without their owners, each once, by length. What
/// is looked at first lies together: all of it is read for each project.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    letters: Vec<u64>,
    names: Vec<Name>,
}

#[derive(Clone, Debug)]
struct Name {
    chars: usize,
    pairs: [u64; 4],
    text: String,
}

impl Name {
    fn of(text: &str) -> Self {
        Self { chars: text.chars().count(), pairs: pairs(text), text: text.to_owned() }
    }
}

impl Names {
    pub(super) fn of<T>(names: &HashMap<String, T>) -> Self {
        let mut names: Vec<Name> = names.keys().map(|name| Name::of(name)).collect();
        names.sort_unstable_by(|a, b| (a.chars, &a.text).cmp(&(b.chars, &b.text)));
        Self { letters: names.iter().map(|name| letters(&name.text)).collect(), names }
    }

    /// Names that are nearly this one, with what differs: the longer it is, the more
    /// may differ.
    pub(super) fn near(&self, name: &str) -> Vec<(usize, &str)> {
        let name = Name::of(name);
        let most = reach(name.chars);
        let from = self.names.partition_point(|it| it.chars + most < name.chars);
        let to = self.names.partition_point(|it| it.chars <= name.chars + most);
        let comparator = osa::BatchComparator::new(name.text.chars());
        let args = osa::Args::default().score_cutoff(most);
        let letters = letters(&name.text);
        let candidates = (from..to).zip(self.letters.get(from..to).unwrap_or_default());
        candidates
            // An edit changes at most two of the letters that occur, and six of
            // the pairs: this costs little and leaves few to compare.
            .filter(|(_, it)| differing(&[**it], &[letters]) <= 2 * most)
            .filter_map(|(at, _)| self.names.get(at))
            .filter(|it| differing(&it.pairs, &name.pairs) <= 6 * most)
            .filter_map(|it| Some((comparator.distance_with_args(it.text.chars(), &args)?, it.text.as_str())))
            .collect()
    }
}

/// The characters that occur, as a set that is sometimes a little too small.
fn letters(text: &str) -> u64 {
    text.chars().fold(0, |set, it| set | 1 << (u32::from(it) % 64))
}

/// The pairs of neighbours that occur, as such a set too.
fn pairs(text: &str) -> [u64; 4] {
    let mut set = [0; 4];
    for (first, second) in text.chars().zip(text.chars().skip(1)) {
        let hash = u32::from(first).wrapping_mul(37).wrapping_add(u32::from(second)) % 256;
        let word = usize::try_from(hash / 64).ok().and_then(|at| set.get_mut(at));
        if let Some(word) = word {
            *word |= 1 << (hash % 64);
        }
    }
    set
}

/// How many things occur in one of two sets only.
fn differing(a: &[u64], b: &[u64]) -> usize {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>().try_into().unwrap_or(usize::MAX)
}

/// How far a name may be: one edit from 4 characters, two from 8.
const fn reach(chars: usize) -> usize {
    match chars {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}
