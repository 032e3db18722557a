//! The smallest connector that does everything it should, to begin one with.
//!
//! Its vendor is invented and answers two requests, with one project and its
//! findings, two to a page:
//!
//! - `GET /projects`: `[{"id": "1", "name": "acme/shop"}]`
//! - `GET /findings?project=1&page=1`: `{"findings": […], "next": 2}`, where each
//!   finding is as `component::Found` has it.
//!
//! Natively this library is empty, since a component's exports cannot be linked
//! there.

#[cfg(target_family = "wasm")]
#[global_allocator]
static HEAP: guest_alloc::GuestAllocator = guest_alloc::GuestAllocator::new();

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod blank;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod http;
