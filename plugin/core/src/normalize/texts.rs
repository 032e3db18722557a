//! Texts that were seen before, by what was made of them.
//!
//! The texts of a page's rules are long and begin alike, so that ordering them
//! would compare most of their letters time and again. Here a text is read
//! twice: to hash it, and to compare it with the one text of the same hash.

use std::collections::BTreeMap;

/// Values by texts.
pub struct Texts<T>(BTreeMap<u64, Vec<(String, T)>>);

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Texts<T> {
    /// What was put under this text first.
    pub fn get(&self, text: &str) -> Option<&T> {
        self.find(text, |_| true)
    }

    /// The first value under this text that is the right one.
    pub fn find(&self, text: &str, mut is_right: impl FnMut(&T) -> bool) -> Option<&T> {
        let alike = self.0.get(&hash(text))?.iter();
        alike.filter(|(known, _)| is_same(known, text)).map(|(_, value)| value).find(|value| is_right(value))
    }

    /// Puts a value under a text.
    pub fn put(&mut self, text: &str, value: T) {
        self.0.entry(hash(text)).or_default().push((text.to_owned(), value));
    }
}

/// A hash that is made of eight bytes at a time. Somebody who makes texts of one
/// hash makes his own page slower.
fn hash(text: &str) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(text.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

/// Whether two texts are the same: in WebAssembly `==` goes byte by byte.
pub fn is_same(one: &str, other: &str) -> bool {
    let ((words, rest), (other_words, other_rest)) =
        (one.as_bytes().as_chunks::<8>(), other.as_bytes().as_chunks::<8>());
    one.len() == other.len()
        && rest == other_rest
        && words.iter().zip(other_words).all(|(one, other)| u64::from_le_bytes(*one) == u64::from_le_bytes(*other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Texts, is_same};

    proptest! {
        #[test]
        fn a_text_is_the_same_as_itself_only(one in "[ab]{0,20}", other in "[ab]{0,20}") {
            prop_assert_eq!(is_same(&one, &other), one == other);
        }

        #[test]
        fn each_text_has_its_own_values(put in prop::collection::vec(("[ab]{0,10}", 0..3), 0..40)) {
            let mut texts = Texts::default();
            for (text, value) in &put {
                texts.put(text, *value);
            }
            for (text, value) in &put {
                let first = put.iter().find(|(other, _)| other == text).map(|(_, value)| value);
                prop_assert_eq!(texts.get(text), first);
                prop_assert_eq!(texts.find(text, |known| known == value), Some(value));
                prop_assert_eq!(texts.get(&format!("{text}c")), None);
            }
        }
    }
}
