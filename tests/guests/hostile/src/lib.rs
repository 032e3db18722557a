//! A connector that misbehaves as it is told, to test the sandbox with.
//!
//! Calls share nothing, so each function gets its order from its input:
//! `configure` from the settings, `list-projects` and `fetch-findings` from the
//! cursor or, within a sync, from what `configure` put into the bucket, and
//! `normalize` from the body of a record.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod bucket;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(target_family = "wasm")]
mod misdeeds;
#[cfg(target_family = "wasm")]
mod network;
#[cfg(target_family = "wasm")]
mod order;
