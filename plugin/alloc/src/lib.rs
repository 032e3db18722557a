//! A memory allocator for WebAssembly guests that live for one call or one file.
//!
//! The usual allocator of `wasm32-wasip2` is made for programs that run for
//! days: it joins free neighbours, at a price for every small text. A connector
//! makes some twenty texts per finding, gives most of them back as soon as the
//! page is handed over, and ends. Here a block comes from the free list of its
//! size class or from the end of memory, and goes back to its list: a few
//! instructions each.
//!
//! ```ignore
//! #[cfg(target_family = "wasm")]
//! #[global_allocator]
//! static HEAP: guest_alloc::GuestAllocator = guest_alloc::GuestAllocator::new();
//! ```
//!
//! The C library of the guest keeps its own allocator, for its own texts and for
//! what the host passes in. Both live in one memory: a page is of one of them.
//!
//! Free blocks are never joined. What a guest holds at most is what it needed at
//! most in each size class, so that a guest whose sizes change for ever should
//! use another allocator.

#![warn(missing_docs)]
#![expect(unsafe_code, reason = "an allocator hands out memory; each use says why it is sound")]

mod classes;
mod heap;
#[cfg(any(test, target_family = "wasm"))]
mod pages;

#[cfg(target_family = "wasm")]
mod guest;

#[cfg(target_family = "wasm")]
pub use guest::GuestAllocator;
pub use heap::{Heap, Region, Source};
