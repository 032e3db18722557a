//! Takes secrets out of what a vendor answers: one that repeats the token that
//! it was sent, in an error or an echo, must not put it into a guest's hands,
//! and from there into findings.

use std::{fmt, ops::Range};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use crate::capability::credential::encoded;
use appsec_grant::Secret;

/// Secrets shorter than this stand in texts that have nothing to do with them.
const SHORTEST: usize = 8;

/// What stands in the place of each byte: the length of an answer stays.
const MASK: u8 = b'*';

/// Masks secrets in a stream of bytes, however it is cut into pieces.
pub struct Mask {
    secrets: Vec<Secret>,
    /// The end of what came so far, where it may be the beginning of a secret.
    held: BytesMut,
    /// So many of its bytes are the end of another secret.
    found: usize,
}

impl fmt::Debug for Mask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mask(…)")
    }
}

impl Mask {
    /// A mask for these secrets.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut all: Vec<Secret> = Vec::new();
        for secret in secrets.into_iter().filter(|secret| secret.reveal().len() >= SHORTEST) {
            // One that was sent in a query comes back as it stood there.
            let encoded = Secret::typed(&encoded(secret.reveal())).ok().filter(|encoded| *encoded != secret);
            all.extend(encoded);
            all.push(secret);
        }
        Self { secrets: all, held: BytesMut::new(), found: 0 }
    }

    /// Masks the values of headers.
    pub fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let found = self.found_in(value.as_bytes());
            if found.is_empty() {
                continue;
            }
            let mut bytes = BytesMut::from(value.as_bytes());
            cover(&mut bytes, found);
            if let Ok(masked) = HeaderValue::from_bytes(&bytes) {
                *value = masked;
            }
        }
    }

    /// Takes the next piece, and gives what may be passed on.
    pub fn pass(&mut self, piece: Bytes) -> Bytes {
        if self.secrets.is_empty() {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        let end = self.held.len() - self.begun(&self.held);
        self.give(end)
    }

    /// How many bytes wait for the next piece.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What waited for a piece that did not come.
    pub fn rest(&mut self) -> Bytes {
        self.give(self.held.len())
    }

    /// Gives so many bytes of what is held. The others stay as they came: a secret
    /// may stand in the beginning of a longer one.
    fn give(&mut self, end: usize) -> Bytes {
        let mut found = self.found_in(&self.held);
        let across = found.iter().filter(|it| it.start < end).map(|it| it.end).max();
        found.push(0..self.found);
        self.found = across.max(Some(self.found)).unwrap_or(0).saturating_sub(end);
        let mut given = self.held.split_to(end);
        cover(&mut given, found);
        given.freeze()
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        found(bytes, self.secrets.iter().map(Secret::reveal))
    }

    /// The length of the longest end that a secret begins with.
    fn begun(&self, bytes: &[u8]) -> usize {
        let begun = |secret: &Secret| {
            let secret = secret.reveal().as_bytes();
            let longest = bytes.len().min(secret.len() - 1);
            (1..=longest).rev().find(|length| secret.get(..*length).is_some_and(|start| bytes.ends_with(start)))
        };
        self.secrets.iter().filter_map(begun).max().unwrap_or(0)
    }
}

/// Where secrets stand in a text; they may overlap, and one may stand in another.
fn found<'s>(bytes: &[u8], secrets: impl Iterator<Item = &'s str>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for secret in secrets.filter(|secret| !secret.is_empty()) {
        let mut from = 0;
        while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, secret.as_bytes())) {
            let start = from + at;
            all.push(start..start + secret.len());
            from = start + 1;
        }
    }
    all
}

fn cover(bytes: &mut [u8], found: Vec<Range<usize>>) {
    for Range { start, end } in found {
        let end = end.min(bytes.len());
        if let Some(place) = bytes.get_mut(start..end) {
            place.fill(MASK);
        }
    }
}

/// A text with a word in the place of secrets.
pub fn redacted(text: &str, secrets: &[&str], word: &str) -> String {
    let mut all = found(text.as_bytes(), secrets.iter().copied());
    all.sort_by_key(|it| (it.start, it.end));
    let (mut shown, mut end) = (String::with_capacity(text.len()), None);
    for it in all {
        if end.is_none_or(|end| end < it.start) {
            shown.push_str(text.get(end.unwrap_or(0)..it.start).unwrap_or_default());
            shown.push_str(word);
        }
        end = end.max(Some(it.end));
    }
    shown.push_str(text.get(end.unwrap_or(0)..).unwrap_or_default());
    shown
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::{Mask, redacted};
    use appsec_grant::Secret;

    fn mask(secrets: &[&str]) -> Mask {
        Mask::new(secrets.iter().map(|secret| Secret::typed(secret).unwrap()))
    }

    fn passed(mask: &mut Mask, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| mask.pass(Bytes::copy_from_slice(piece))).collect();
        out.extend(mask.rest());
        out
    }

    #[test]
    fn a_secret_in_an_answer_is_masked_and_its_length_kept() {
        let out = passed(&mut mask(&["aabaabaac"]), &[b"say aabaabaac, aabaabaacaabaabaac", b" and aabaabaa"]);
        assert_eq!(out, b"say *********, ****************** and aabaabaa");
    }

    #[test]
    fn a_piece_is_held_back_only_as_far_as_a_secret_may_begin_in_it() {
        let mut mask = mask(&["secret-token"]);
        assert_eq!(mask.pass(Bytes::from_static(b"plain sec")), "plain ");
        assert_eq!(mask.pass(Bytes::from_static(b"ond")), "second");
        assert_eq!(mask.held(), 0);
    }

    #[test]
    fn a_secret_in_a_header_is_masked() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", HeaderValue::from_static("Bearer secret-token"));
        headers.insert("x-other", HeaderValue::from_static("Bearer"));
        mask(&["secret-token"]).headers(&mut headers);
        assert_eq!(
            (&headers["x-echo"], &headers["x-other"]),
            (&"Bearer ************".parse().unwrap(), &"Bearer".parse().unwrap())
        );
    }

    #[test]
    fn a_secret_is_masked_as_it_stands_in_a_query_too() {
        let out = passed(&mut mask(&["real+token&7"]), &[b"at /a?key=real%2Btoken%267, with real+token&7"]);
        assert_eq!(out, b"at /a?key=****************, with ************");
    }

    #[test]
    fn of_secrets_in_each_other_nothing_is_left() {
        for secrets in [["real-token", "my-real-token-7"], ["my-real-token-7", "real-token"]] {
            let mut mask = mask(&secrets);
            // The longer one is cut behind the shorter one.
            let out = passed(&mut mask, &[b"a my-real-token", b"-7, my-real-token-8"]);
            assert_eq!(out, b"a ***************, my-**********-8");
            let text = "a my-real-token-7 real-token";
            assert_eq!(redacted(text, &secrets, "[redacted]"), "a [redacted] [redacted]");
        }
        assert_eq!(redacted("abcdef", &["abcd", "cdef"], "?"), "?");
        // The end of the one that was found may be the beginning of another.
        let out = passed(&mut mask(&["token-abcd", "abcd-token"]), &[b"token-abcd", b"-other token-abcd-token"]);
        assert_eq!(out, b"**********-other ****************");
    }

    #[test]
    fn what_is_too_short_for_a_secret_is_left() {
        assert_eq!(passed(&mut mask(&["short"]), &[b"a short word"]), b"a short word");
    }

    proptest! {
        #[test]
        fn however_an_answer_is_cut_no_secret_comes_through(
            text in "(ab|aba|abacabad|bacabadxyz|xyzxyzxyw|[a-dx-z]){0,12}",
            sizes in prop::collection::vec(0_usize..6, 1..40),
        ) {
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let secrets = ["abacabad", "bacabadxyz", "xyzxyzxyw"];
            let out = passed(&mut mask(&secrets), &pieces);
            prop_assert_eq!(&out, &passed(&mut mask(&secrets), &[&pieces.concat()]));
            prop_assert_eq!(out.len(), pieces.concat().len());
            let text = String::from_utf8(out).unwrap();
            prop_assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", text);
        }
    }
}
