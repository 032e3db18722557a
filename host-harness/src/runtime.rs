//! Runs connectors: compiles a component once, then gives every call a sandbox
//! of its own.
//!
//! ```text
//! Runtime ── engine, linker, code cache: one per process
//!   └─ Connector ── compiled and pre-linked component: one per file
//!        └─ call ── store, instance, limits: new for every call
//! ```

mod bindings;
mod cache;
mod call;
mod convert;
mod engine;
mod inspect;
mod linker;
mod manifest;
mod output;
mod reading;
mod refusal;
mod state;

pub(crate) use self::output::clean;
pub use self::{
    call::{CallError, CallFailure, CallReport, Called, Connector, Grant},
    engine::{Runtime, RuntimeError},
    inspect::{Inspection, InspectionError},
    reading::FileReading,
    state::LimitHit,
};
