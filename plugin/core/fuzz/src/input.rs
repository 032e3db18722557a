//! Inputs: some bytes that choose, and the rest.

/// The first bytes of an input, and the rest as bytes. None where it is shorter.
pub fn split<const N: usize>(data: &[u8]) -> Option<([u8; N], &[u8])> {
    data.split_first_chunk().map(|(choices, rest)| (*choices, rest))
}

/// The first bytes of an input, and the rest as text. None where it is none.
pub fn split_text<const N: usize>(data: &[u8]) -> Option<([u8; N], &str)> {
    let (choices, rest) = split(data)?;
    Some((choices, std::str::from_utf8(rest).ok()?))
}

/// Whether a choice has this bit.
pub fn has(choice: u8, bit: u8) -> bool {
    choice & 1 << bit != 0
}

/// One of several things, by a choice.
pub fn pick<T: Clone>(choice: u8, among: &[T]) -> T {
    among[usize::from(choice) % among.len()].clone()
}
