//! Takes secrets out of what a vendor answers: one that repeats the token that
//! it was sent, in an error or an echo, must not put it into a guest's hands,
//! and from there into findings.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

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
}

impl fmt::Debug for Mask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mask(…)")
    }
}

impl Mask {
    /// A mask for these secrets.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.reveal().len() >= SHORTEST).collect();
        Self { secrets, held: BytesMut::new() }
    }

    /// Masks the values of headers.
    pub fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = BytesMut::from(value.as_bytes());
            if self.cover(&mut bytes)
                && let Ok(masked) = HeaderValue::from_bytes(&bytes)
            {
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
        let mut bytes = std::mem::take(&mut self.held);
        self.cover(&mut bytes);
        let end = bytes.len() - self.begun(&bytes);
        self.held = bytes.split_off(end);
        bytes.freeze()
    }

    /// How many bytes wait for the next piece.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What waited for a piece that did not come.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }

    /// Masks every whole secret; whether there was one.
    fn cover(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for secret in &self.secrets {
            let secret = secret.reveal().as_bytes();
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, secret)) {
                found = true;
                let start = from + at;
                from = start + secret.len();
                if let Some(place) = bytes.get_mut(start..from) {
                    place.fill(MASK);
                }
            }
        }
        found
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::Mask;
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
    fn what_is_too_short_for_a_secret_is_left() {
        assert_eq!(passed(&mut mask(&["short"]), &[b"a short word"]), b"a short word");
    }

    proptest! {
        #[test]
        fn however_an_answer_is_cut_no_secret_comes_through(
            text in "(ab|aba|abacabad|xyzxyzxyw|[a-dx-z]){0,12}",
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
            let secrets = ["abacabad", "xyzxyzxyw"];
            let out = passed(&mut mask(&secrets), &pieces);
            prop_assert_eq!(&out, &passed(&mut mask(&secrets), &[&pieces.concat()]));
            prop_assert_eq!(out.len(), pieces.concat().len());
            let text = String::from_utf8(out).unwrap();
            prop_assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", text);
        }
    }
}
