//! Hashes that rows are found by.

/// 63 bits of the BLAKE3 hash over parts: positive, as row ids are best.
pub fn hash63<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // What ends one part and begins the next makes a difference.
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hasher.finalize());
    i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::hash63;

    /// Ids of findings and issues are made of these: they are in stores, in
    /// exports and in tickets.
    #[test]
    fn hashes_never_change() {
        insta::assert_snapshot!(hash63([]), @"3392136007384670630");
        insta::assert_snapshot!(hash63([&b"acme"[..], b"shop"]), @"172974902641869121");
    }

    #[test]
    fn parts_stay_apart_and_no_hash_is_negative() {
        assert_ne!(hash63([&b"ab"[..], b"c"]), hash63([&b"a"[..], b"bc"]));
        assert_ne!(hash63([&b""[..]]), hash63([]));
        assert!((0..100_u64).all(|number| hash63([&number.to_le_bytes()[..]]) >= 0));
    }
}
