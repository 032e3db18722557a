//! What the tests of the whole have in common: the compiled components, a host
//! with a simulated vendor beside it, and ways to compare what came out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy's own exception for tests does not reach a library that serves tests only"
)]

mod artifacts;
mod content;
mod context;
mod contract;
mod http;
pub mod load;
mod store;
mod waits;

pub use crate::{
    artifacts::{
        EXAMPLE_CONNECTOR, HOSTILE_GUEST, SEMGREP_CONNECTOR, cases_folder, samples_folder, vendor_samples, workspace,
    },
    content::{Content, content, findings},
    context::{TOKEN, TestContext, TestContextBuilder, name, settings},
    contract::{CompiledComponent, ConnectorUnderTest, NativeCore},
    store::store,
    waits::{Clock, Waits},
};
