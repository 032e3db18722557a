//! The Semgrep connector as a WebAssembly component of the world
//! `appsec:connector/connector`.
//!
//! A shell: it knows WASI and the contract's bindings, and nothing of Semgrep.
//! All logic is in `semgrep-core`, which knows neither. Natively this library
//! is empty, since a component's exports cannot be linked there.

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: guest_alloc::GuestAllocator = guest_alloc::GuestAllocator::new();

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod bucket;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod convert;
#[cfg(target_family = "wasm")]
mod transport;
