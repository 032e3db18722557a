//! Where the plain part of a string ends.

/// How many bytes at the start of these are of a string, and neither its end nor
/// something that is written otherwise: no quote, no backslash, no control
/// character.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
#[inline]
pub fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if let Some(found) = special(block) {
            return at + found;
        }
        at += BLOCK;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

#[cfg(target_family = "wasm")]
use simd::{BLOCK, special};
#[cfg(not(target_family = "wasm"))]
use words::{BLOCK, special};

/// By the vector instructions that every engine of WebAssembly 2.0 has.
#[cfg(target_family = "wasm")]
mod simd {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128_load, v128_or};

    pub const BLOCK: usize = 16;

    /// Where the plain part ends in a block, if it does.
    #[target_feature(enable = "simd128")]
    #[inline]
    pub fn special(block: &[u8; BLOCK]) -> Option<usize> {
        #[expect(unsafe_code, reason = "there is no safe way from bytes to a vector")]
        // SAFETY: a block is as long as what is loaded, and no alignment is asked for.
        let bytes = unsafe { v128_load(block.as_ptr().cast()) };
        let ends = v128_or(u8x16_eq(bytes, u8x16_splat(b'"')), u8x16_eq(bytes, u8x16_splat(b'\\')));
        let found = u8x16_bitmask(v128_or(ends, u8x16_lt(bytes, u8x16_splat(0x20))));
        (found != 0).then(|| found.trailing_zeros() as usize)
    }
}

/// By the bytes of a word at once.
#[cfg(not(target_family = "wasm"))]
mod words {
    pub const BLOCK: usize = 8;

    /// Where the plain part ends in a block, if it does.
    pub fn special(block: &[u8; BLOCK]) -> Option<usize> {
        const ONES: u64 = u64::from_ne_bytes([1; BLOCK]);
        const HIGH: u64 = ONES << 7;
        let word = u64::from_le_bytes(*block);
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
        // The high bit of each byte that ends the plain part. Bits above the lowest
        // one may be wrong, since subtraction borrows.
        let found = (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & HIGH;
        (found != 0).then(|| found.trailing_zeros() as usize / 8)
    }
}
