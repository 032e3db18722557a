//! The connector {{name}}. Its vendor is invented and answers two requests:
//!
//! - `GET /projects`: `[{"id": "1", "name": "acme/shop"}]`
//! - `GET /findings?project=1&page=1`: `{"findings": […], "next": 2}`
//!
//! Put your vendor in its place; `harness conformance` says what is wrong on the way.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod blank;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod http;
