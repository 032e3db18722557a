//! Sets of row ids: which records a read has brought.

use rusqlite::Connection;

use crate::error::Result;

/// A set of row ids. Ids are dense and small, so one bit each is the smallest
/// and fastest form: a million records take 125 KB.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    /// Adds an id; tells whether it is new.
    pub fn insert(&mut self, id: i64) -> bool {
        let Some((word, bit)) = place(id) else { return false };
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        match self.bits.get_mut(word) {
            Some(bits) => {
                let new = *bits & bit == 0;
                *bits |= bit;
                new
            }
            None => false,
        }
    }

    /// Whether an id is in the set.
    pub fn contains(&self, id: i64) -> bool {
        place(id).and_then(|(word, bit)| self.bits.get(word).map(|bits| bits & bit != 0)).unwrap_or(false)
    }
}

fn place(id: i64) -> Option<(usize, u64)> {
    let id = usize::try_from(id).ok()?;
    Some((id / 64, 1 << (id % 64)))
}

/// Writes ids in few bytes each: differences, as LEB128.
pub(super) fn encode(mut ids: Vec<i64>) -> Vec<u8> {
    ids.sort_unstable();
    let mut bytes = Vec::with_capacity(ids.len() * 2);
    let mut last = 0;
    for id in ids {
        let mut rest = id.wrapping_sub(last).cast_unsigned();
        last = id;
        while rest >= 0x80 {
            // The lowest seven bits.
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Vec<i64> {
    let mut ids = Vec::new();
    let (mut last, mut value, mut shift) = (0_i64, 0_u64, 0_u32);
    for byte in bytes {
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.wrapping_add(value.cast_signed());
            ids.push(last);
            (value, shift) = (0, 0);
        }
    }
    ids
}

/// What the pages of a read brought so far.
pub(crate) fn read_seen(connection: &Connection, fetch_id: i64) -> Result<Seen> {
    let mut statement = connection.prepare_cached("SELECT seen FROM fetch_pages WHERE fetch_id = ?1")?;
    let mut rows = statement.query([fetch_id])?;
    let mut seen = Seen::default();
    while let Some(row) = rows.next()? {
        for id in decode(row.get_ref(0)?.as_blob().unwrap_or_default()) {
            seen.insert(id);
        }
    }
    Ok(seen)
}

/// What the pages of a run held, as far as it is not settled.
pub(crate) fn seen_in_run(connection: &Connection, run_id: i64) -> Result<Vec<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT seen FROM fetch_pages JOIN fetches ON fetches.id = fetch_id WHERE run_id = ?1")?;
    let mut rows = statement.query([run_id])?;
    let mut seen = Vec::new();
    while let Some(row) = rows.next()? {
        seen.extend(decode(row.get_ref(0)?.as_blob().unwrap_or_default()));
    }
    Ok(seen)
}

/// Lets go of what was kept until the end of a run.
pub(crate) fn forget_absences(connection: &Connection, run_id: i64) -> Result<()> {
    for table in ["absences", "fetch_pages"] {
        let sql = format!("DELETE FROM {table} WHERE fetch_id IN (SELECT id FROM fetches WHERE run_id = ?1)");
        connection.prepare_cached(&sql)?.execute([run_id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Seen, decode, encode};

    #[test]
    fn an_id_is_new_once() {
        let mut seen = Seen::default();
        assert!(seen.insert(1) && seen.insert(64) && seen.insert(1_000_000));
        assert!(!seen.insert(64));
        assert!(seen.contains(1) && !seen.contains(2) && !seen.contains(-1));
    }

    #[test]
    fn ids_survive_the_round_trip_in_order() {
        let ids = vec![7, 1, 127, 128, 129, 1 << 40, i64::MAX];
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(decode(&encode(ids)), sorted);
        assert_eq!(decode(&[]), Vec::<i64>::new());
        assert_eq!(encode((1000..1500).collect()).len(), 501);
    }
}
