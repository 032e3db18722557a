//! Fingerprints of the vendor that several results of one file share. Such a one
//! tells nothing: as the key of all of them it would make one finding of many.

use super::{
    identity::is_match_based,
    order::ordered,
    sketch::{Sketch, hash},
};

/// Fingerprints that are kept in one piece of memory, as in
/// [`numbering`](super::numbering).
const CHUNK: usize = 4_096;

/// The fingerprints of a file, as hashes.
#[derive(Default)]
pub struct Fingerprints {
    /// Each with a hash of the result's group and place, in chunks.
    seen: Vec<Vec<(u64, u64)>>,
    /// Those of several results, in order.
    shared: Vec<u64>,
}

/// The hash of a fingerprint that could be a key.
pub fn fingerprint(text: Option<&str>) -> Option<u64> {
    text.filter(|text| is_match_based(text)).map(hash)
}

impl Fingerprints {
    /// Adds that of the next result.
    pub fn add(&mut self, sketch: Option<&Sketch>) {
        let Some((sketch, fingerprint)) = sketch.and_then(|it| Some((it, it.fingerprint?))) else { return };
        // The same result twice is one.
        let position = &sketch.position;
        let place = hash((sketch.group, position.line, position.column, position.end_line, position.end_column));
        match self.seen.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push((fingerprint, place)),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push((fingerprint, place));
                self.seen.push(chunk);
            }
        }
    }

    /// Finds those that several results share.
    pub fn finish(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        let count = seen.iter().map(Vec::len).sum();
        let mut all = Vec::with_capacity(count);
        all.extend(seen.into_iter().flatten());
        let of = |at: u32| all.get(at as usize).copied().unwrap_or_default();
        let order = ordered(count, &|one, other| of(one).cmp(&of(other)));
        let sorted = || order.iter().map(|at| of(*at));
        let pairs = sorted().zip(sorted().skip(1));
        self.shared = pairs.filter(|(one, next)| one.0 == next.0 && one.1 != next.1).map(|(one, _)| one.0).collect();
        self.shared.dedup();
    }

    /// Whether there are any.
    pub fn are_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Whether the fingerprint of a result is one of several.
    pub fn is_shared(&self, sketch: &Sketch) -> bool {
        sketch.fingerprint.is_some_and(|fingerprint| self.shared.binary_search(&fingerprint).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::Kind;

    use super::{Fingerprints, fingerprint};
    use crate::file::sketch::{Position, Sketch};

    #[test]
    fn what_stands_at_two_places_is_shared() {
        let result = |text: &str, group, line| Sketch {
            kind: Kind::Sast,
            group,
            position: Position { line, ..Position::default() },
            absolute: None,
            shows_credentials: false,
            fingerprint: fingerprint(Some(text)),
            file: 0,
            rule: 0,
        };
        let text = |digit: &str| format!("{}_0", digit.repeat(128));
        let mut all = Fingerprints::default();
        let (one, two, three) = (text("1"), text("2"), text("3"));
        for (text, group, line) in
            [(&one, 1, 1), (&two, 1, 2), (&one, 1, 3), (&two, 1, 2), (&three, 1, 4), (&three, 2, 4)]
        {
            all.add(Some(&result(text, group, line)));
        }
        all.add(None);
        all.add(Some(&result("requires login", 1, 1)));
        all.finish();
        assert!(all.are_shared() && all.is_shared(&result(&one, 9, 9)) && all.is_shared(&result(&three, 9, 9)));
        assert!(!all.is_shared(&result(&two, 1, 2)) && !all.is_shared(&result("requires login", 1, 1)));
    }
}
