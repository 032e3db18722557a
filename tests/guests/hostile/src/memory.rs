//! A look at everything that this guest was ever given.

#![allow(unsafe_code, reason = "a guest may read all of its memory")]

/// Before it, the compiler takes an address for that of nothing.
const FIRST: usize = 1_024;

/// How often each text is somewhere in the linear memory, freed parts included.
/// The texts are given with all their bits turned: to ask for one does not put
/// it there.
pub fn search(turned: &[Vec<u8>]) -> String {
    let end = core::arch::wasm32::memory_size(0) << 16;
    // SAFETY: linear memory is readable up to its size, and nothing writes to
    // it meanwhile: there is one thread.
    let byte = |at: usize| unsafe { core::ptr::without_provenance::<u8>(at).read_volatile() };
    let is_at = |at: usize, turned: &[u8]| turned.iter().enumerate().all(|(step, it)| byte(at + step) == !it);
    let count = |turned: &Vec<u8>| (FIRST..end - turned.len()).filter(|at| is_at(*at, turned)).count();
    turned.iter().map(|it| count(it).to_string()).collect::<Vec<_>>().join(" ")
}
