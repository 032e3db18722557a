//! Numbers for records that only their place in the file tells apart.
//!
//! Records of one sketch are numbered by where they stand in the code, not by
//! where they stand in the file: tools write the same results in another order.

use std::{cmp::Ordering, collections::BTreeMap};

use appsec_model::Kind;

use super::{
    Fault,
    order::ordered,
    sketch::{Position, Sketch},
};

/// How many results a file may have. At 36 bytes each, their numbers still fit
/// into a component's memory.
const MAX_RESULTS: usize = 2_000_000;

/// Results that are kept in one piece of memory. One that grew would leave its
/// smaller self behind: a component gives no memory back.
const CHUNK: usize = 4_096;

/// A result that could not be read has no group.
const NO_KIND: u8 = u8::MAX;

/// The bit of the last byte that tells that a result shows a credential.
const CREDENTIAL: u8 = 0x80;

/// The numbers of a file's results.
#[derive(Default)]
pub struct Numbering {
    /// In chunks, all of them full but the last.
    entries: Vec<Vec<Entry>>,
    kinds: Vec<Kind>,
}

/// A result: its group; its position, from which [`Numbering::finish`] makes
/// its number; and in the last byte its kind.
struct Entry {
    group: u128,
    rest: u128,
}

/// What is known of a result.
pub struct Numbered<'a> {
    /// Its kind.
    pub kind: &'a Kind,
    /// Hash of what it is.
    pub group: u128,
    /// Its number among those of its group, from 0.
    pub ordinal: u32,
    /// Whether it shows a credential.
    pub shows_credentials: bool,
}

impl Numbering {
    /// Adds the next result of the file.
    pub fn add(&mut self, sketch: Option<&Sketch>) -> Result<(), Fault> {
        if self.len() == MAX_RESULTS {
            return Err(Fault::Large(format!("a file of more than {MAX_RESULTS} results")));
        }
        let entry = match sketch {
            Some(sketch) => {
                Entry { group: sketch.group, rest: pack(&sketch.position) << 8 | u128::from(self.kind_number(sketch)) }
            }
            None => Entry { group: 0, rest: u128::from(NO_KIND) },
        };
        match self.entries.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(entry),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.entries.push(chunk);
            }
        }
        Ok(())
    }

    /// Numbers the results.
    pub fn finish(&mut self) {
        let order = ordered(self.len(), &|one, other| self.compare(one, other));
        let (mut group, mut next) = (None, 0);
        for index in order {
            let index = index as usize;
            let chunk = self.entries.get_mut(index / CHUNK);
            let Some(entry) = chunk.and_then(|chunk| chunk.get_mut(index % CHUNK)) else { continue };
            if entry.rest == u128::from(NO_KIND) {
                continue;
            }
            if group != Some(entry.group) {
                (group, next) = (Some(entry.group), 0);
            }
            entry.rest = next << 8 | entry.rest & 0xff;
            next += 1;
        }
    }

    /// The result at this position of the file. None where it could not be read.
    pub fn get(&self, index: usize) -> Option<Numbered<'_>> {
        let entry = self.entry(index)?;
        let [kind, ..] = entry.rest.to_le_bytes();
        if kind == NO_KIND {
            return None;
        }
        Some(Numbered {
            shows_credentials: kind & CREDENTIAL != 0,
            kind: self.kinds.get(usize::from(kind & !CREDENTIAL))?,
            group: entry.group,
            ordinal: u32::try_from(entry.rest >> 8).ok()?,
        })
    }

    /// How many results there are of each group.
    pub fn counts(&self) -> BTreeMap<u128, u32> {
        let mut counts = BTreeMap::new();
        for result in (0..self.len()).filter_map(|index| self.get(index)) {
            *counts.entry(result.group).or_default() += 1;
        }
        counts
    }

    fn len(&self) -> usize {
        self.entries.last().map_or(0, |last| (self.entries.len() - 1) * CHUNK + last.len())
    }

    /// How results are sorted.
    #[inline(never)] // not into each place of the sorting that compares
    fn compare(&self, one: u32, other: u32) -> Ordering {
        let of = |index: u32| self.entry(index as usize).map(|entry| (entry.group, entry.rest, index));
        of(one).cmp(&of(other))
    }

    fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index / CHUNK)?.get(index % CHUNK)
    }

    fn kind_number(&mut self, sketch: &Sketch) -> u8 {
        let at = self.kinds.iter().position(|known| *known == sketch.kind).unwrap_or_else(|| {
            self.kinds.push(sketch.kind.clone());
            self.kinds.len() - 1
        });
        let number = u8::try_from(at).ok().filter(|number| *number < CREDENTIAL - 1);
        let credential = if sketch.shows_credentials { CREDENTIAL } else { 0 };
        number.map_or(NO_KIND, |number| number | credential)
    }
}

/// A position as a number of 120 bits with the same order. Lines and columns
/// that no file has are cut off.
fn pack(position: &Position) -> u128 {
    let part = |number: u32, bits: u32| u128::from(number.min((1 << bits) - 1));
    u128::from(position.suppressed) << 119
        | part(position.line, 31) << 88
        | part(position.column, 30) << 58
        | part(position.end_line, 31) << 27
        | part(position.end_column, 27)
}

#[cfg(test)]
mod tests {
    use appsec_model::Kind;

    use super::{CHUNK, Numbering, pack};
    use crate::file::sketch::{Position, Sketch};

    fn position(suppressed: bool, numbers: [u32; 4]) -> Position {
        let [line, column, end_line, end_column] = numbers;
        Position { suppressed, line, column, end_line, end_column }
    }

    #[test]
    fn a_packed_position_has_the_order_of_the_position() {
        let positions = [
            position(false, [0, 0, 0, 0]),
            position(false, [0, 0, 0, 1]),
            position(false, [0, 0, 1, 0]),
            position(false, [0, 1, 0, 0]),
            position(false, [1, 0, 0, 0]),
            position(false, [1, 2, 3, u32::MAX]),
            position(false, [u32::MAX; 4]),
            position(true, [0; 4]),
            position(true, [u32::MAX; 4]),
        ];
        assert!(positions.is_sorted());
        assert!(positions.map(|position| pack(&position)).is_sorted());
        assert!(pack(&position(true, [u32::MAX; 4])) < 1 << 120);
    }

    #[test]
    fn results_are_numbered_by_their_place_in_the_code() {
        let result = |group, line, kind| Sketch {
            shows_credentials: kind == Kind::Sca,
            fingerprint: None,
            kind,
            group,
            position: position(false, [line, 1, line, 2]),
            absolute: None,
            file: 0,
            rule: 0,
        };
        let mut numbering = Numbering::default();
        for sketch in [
            Some(result(7, 30, Kind::Sast)),
            None,
            Some(result(9, 1, Kind::Sca)),
            Some(result(7, 10, Kind::Sast)),
            Some(result(7, 30, Kind::Sast)),
            Some(result(0, 5, Kind::Sast)),
        ] {
            numbering.add(sketch.as_ref()).unwrap();
        }
        numbering.finish();
        let numbers: Vec<_> = (0..7).map(|at| numbering.get(at).map(|it| (it.group, it.ordinal))).collect();
        assert_eq!(numbers, [Some((7, 1)), None, Some((9, 0)), Some((7, 0)), Some((7, 2)), Some((0, 0)), None]);
        assert_eq!(numbering.get(2).unwrap().kind, &Kind::Sca);
        assert!(numbering.get(2).unwrap().shows_credentials && !numbering.get(0).unwrap().shows_credentials);
    }

    #[test]
    fn many_results_of_one_group_are_numbered_across_chunks() {
        let results = 3 * CHUNK as u32 + 7;
        let mut numbering = Numbering::default();
        for line in (0..results).rev() {
            let position = position(false, [line, 1, line, 2]);
            let sketch = Sketch {
                kind: Kind::Sast,
                group: 7,
                position,
                absolute: None,
                shows_credentials: false,
                fingerprint: None,
                file: 0,
                rule: 0,
            };
            numbering.add(Some(&sketch)).unwrap();
        }
        numbering.finish();
        let ordinals = (0..numbering.len()).map(|at| numbering.get(at).unwrap().ordinal);
        assert!(ordinals.eq((0..results).rev()));
        assert!(numbering.get(results as usize).is_none());
        assert_eq!(numbering.counts(), [(7, results)].into());
    }
}
