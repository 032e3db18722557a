//! Runs connectors: compiles a component once, then gives every call a sandbox
//! of its own. The only crate that knows wasmtime.
//!
//! ```text
//! Runtime ── engine, linker, code cache: one per process
//!   └─ Connector ── compiled and pre-linked component: one per file
//!        └─ call ── store, instance, limits: new for every call
//! ```
//!
//! What a call may use is a value, [`Grant`]: without it a guest computes and
//! returns, and does nothing else.

#![warn(missing_docs)]

mod bindings;
mod cache;
mod call;
mod capability;
mod convert;
mod engine;
mod inspect;
mod limits;
mod linker;
mod load;
mod manifest;
mod metadata;
mod output;
mod reading;
#[cfg(test)]
#[allow(dead_code, reason = "tests of the facade read more of it")]
mod receiver;
mod refusal;
mod size;
mod state;
mod still;

pub use self::{
    call::{CallError, CallFailure, CallStats, Connector, Grant, Response},
    capability::{
        credential::GrantedSecret,
        http::HttpGrant,
        interceptor::{Answer, Interceptor, NetworkFailure, Treatment},
        oauth::{KeepRefreshToken, TokenCache, TokenFailure, TokenProblem, Tokens},
        transport::{
            Client, ProxyFailure, ProxyProblem, RequestError, Transport, coding, no_connection, prohibition, tls_config,
        },
        usage::Refused,
    },
    engine::{Runtime, RuntimeError, SandboxUsage, precompile},
    inspect::{Inspection, InspectionError, inspect},
    limits::Limits,
    metadata::{ComponentMetadata, ComponentPackage},
    output::{LogStats, clean},
    reading::FileReading,
    state::LimitHit,
    still::Still,
};
