//! Texts that were seen before, and the place of what was made of them.
//!
//! The texts of a page's rules are long and begin alike, so that ordering them
//! would compare most of their letters time and again. Here a text is read
//! twice: to hash it, and to compare it with the one text of the same hash.

use std::collections::BTreeMap;

use guest_json::is_same;

/// Positions in a list, by texts.
#[derive(Default)]
pub struct Texts(BTreeMap<u64, Vec<(String, usize)>>);

impl Texts {
    /// What was put under this text first.
    pub fn get(&self, text: &str) -> Option<usize> {
        self.find(text, &|_| true)
    }

    /// The first position under this text that is the right one.
    #[inline(never)] // once in the component
    pub fn find(&self, text: &str, is_right: &dyn Fn(usize) -> bool) -> Option<usize> {
        let mut alike = self.0.get(&hash(text))?.iter();
        alike.find(|(known, at)| is_same(known, text) && is_right(*at)).map(|(_, at)| *at)
    }

    /// Puts a position under a text.
    #[inline(never)]
    pub fn put(&mut self, text: &str, at: usize) {
        self.0.entry(hash(text)).or_default().push((text.to_owned(), at));
    }
}

/// A hash that is made of eight bytes at a time. Somebody who makes texts of one
/// hash makes his own page slower.
#[inline(never)]
fn hash(text: &str) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(text.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Texts;

    proptest! {
        #[test]
        fn each_text_has_its_own_positions(put in prop::collection::vec(("[ab]{0,10}", 0_usize..3), 0..40)) {
            let mut texts = Texts::default();
            for (text, at) in &put {
                texts.put(text, *at);
            }
            for (text, at) in &put {
                let first = put.iter().find(|(other, _)| other == text).map(|(_, at)| *at);
                prop_assert_eq!(texts.get(text), first);
                prop_assert_eq!(texts.find(text, &|known| known == *at), Some(*at));
                prop_assert_eq!(texts.get(&format!("{text}c")), None);
            }
        }
    }
}
