//! The opaque place where a paged read goes on.
//!
//! A cursor is `s1` and some bytes in hexadecimal: group, page, a fingerprint of
//! the request that it belongs to, the vendor's own cursor where its endpoint has
//! one, and a checksum. It holds nothing secret; the checksum finds damage, not
//! forgery: a host that forges a cursor reads only its own pages.

use std::fmt::Write;

use appsec_model::{Error, ErrorCode};

/// Marks cursors of this connector and their version.
const PREFIX: &str = "s1";

/// The longest cursor of the vendor that fits into one of ours, which the contract
/// bounds to 4 KiB. Those observed have less than 100 bytes.
pub const MAX_VENDOR_CURSOR_BYTES: usize = 2000;

/// Where a read goes on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cursor {
    /// Which group of projects, from 0.
    pub group: u32,
    /// Which page of it, from 0 as the vendor counts.
    pub page: u32,
    /// The vendor's own cursor, for endpoints that do not count pages. Empty for
    /// the first page, and for endpoints that do.
    pub vendor: String,
}

impl Cursor {
    /// The text of the cursor for a request.
    pub fn encode(&self, request: Fingerprint) -> String {
        let head = self.head(request);
        let mut text = PREFIX.to_owned();
        for byte in head.iter().chain(self.vendor.as_bytes()).chain(&checksum(&head, self.vendor.as_bytes())) {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Reads a cursor back; the request must be the one that it was made for.
    pub fn decode(text: &str, request: Fingerprint) -> Result<Self, Error> {
        let invalid = |detail: &str| Error::new(ErrorCode::InvalidCursor, detail);
        let damaged = || invalid("it is damaged");
        let hex =
            text.strip_prefix(PREFIX).ok_or_else(|| invalid("it was not made by this version of the connector"))?;
        let bytes = unhex(hex).ok_or_else(damaged)?;
        let (head, rest) = bytes.split_first_chunk::<16>().ok_or_else(damaged)?;
        let (vendor, check) = rest.split_last_chunk::<8>().ok_or_else(damaged)?;
        if *check != checksum(head, vendor) {
            return Err(damaged());
        }
        let number =
            |at: usize| head.get(at..at + 4).and_then(|part| part.try_into().ok()).map_or(0, u32::from_le_bytes);
        let vendor = std::str::from_utf8(vendor).map_err(|_| damaged())?.to_owned();
        let cursor = Self { group: number(0), page: number(4), vendor };
        if cursor.head(request) != *head {
            return Err(invalid("it belongs to another request, or the settings have changed since"));
        }
        Ok(cursor)
    }

    fn head(&self, request: Fingerprint) -> [u8; 16] {
        let number = u128::from(self.group) | u128::from(self.page) << 32 | u128::from(request.0) << 64;
        number.to_le_bytes()
    }
}

/// Tells requests apart: 64-bit FNV-1a over their parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// A fingerprint of nothing but the name of the call.
    pub fn new(call: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(call)
    }

    /// The fingerprint with one more part.
    #[must_use]
    pub fn with(self, part: &str) -> Self {
        // The byte 255 is in no text: it keeps `ab`, `c` apart from `a`, `bc`.
        let bytes = part.bytes().chain([u8::MAX]);
        Self(bytes.fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)))
    }
}

fn checksum(head: &[u8], vendor: &[u8]) -> [u8; 8] {
    let hash = head
        .iter()
        .chain(vendor)
        .fold(Fingerprint::new("cursor").0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash.to_le_bytes()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    if !digits.remainder().is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    digits.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::{Cursor, Fingerprint};

    #[test]
    fn the_text_of_a_cursor_is_stable() {
        let text = Cursor { group: 2, page: 7, vendor: String::new() };
        let text = text.encode(Fingerprint::new("fetch-findings").with("sast"));
        insta::assert_snapshot!(text, @"s102000000070000005b71634ac9e45e9a4d758b6876a841da");
    }

    #[test]
    fn the_longest_cursor_is_within_the_contract() {
        let vendor = "x".repeat(super::MAX_VENDOR_CURSOR_BYTES);
        assert!(Cursor { group: u32::MAX, page: u32::MAX, vendor }.encode(Fingerprint::new("x")).len() <= 4 << 10);
    }

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(group: u32, page: u32, vendor: String, request: String) {
            let request = Fingerprint::new(&request);
            let cursor = Cursor { group, page, vendor };
            prop_assert_eq!(Cursor::decode(&cursor.encode(request), request).unwrap(), cursor);
        }

        #[test]
        fn a_cursor_of_another_request_is_refused(page: u32, vendor: String, one: String, other: String) {
            prop_assume!(one != other);
            let text = Cursor { group: 0, page, vendor }.encode(Fingerprint::new(&one));
            let error = Cursor::decode(&text, Fingerprint::new(&other)).unwrap_err();
            prop_assert!(error.to_string().contains("another request"), "{}", error);
        }

        #[test]
        fn any_changed_character_is_noticed(page: u32, vendor: String, at: Index, with in "[0-9a-zA-Z é]") {
            let request = Fingerprint::new("x");
            let text = Cursor { group: 1, page, vendor }.encode(request);
            let mut changed: Vec<char> = text.chars().collect();
            let at = at.index(changed.len());
            changed[at] = with.chars().next().unwrap();
            let changed: String = changed.into_iter().collect();
            prop_assert!(changed == text || Cursor::decode(&changed, request).is_err());
        }

        #[test]
        fn a_cut_cursor_is_noticed(vendor: String, at: Index) {
            let request = Fingerprint::new("x");
            let text = Cursor { group: 1, page: 2, vendor }.encode(request);
            prop_assert!(Cursor::decode(&text[..at.index(text.len())], request).is_err());
        }

        #[test]
        fn any_text_is_answered(text: String) {
            prop_assert!(Cursor::decode(&text, Fingerprint::new("x")).is_err());
        }
    }
}
