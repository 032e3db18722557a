//! Tests of the whole: component, host and simulated vendor together.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy's own exception for tests does not reach their helper functions"
)]

mod broken;
mod cases;
mod conformance;
mod contract;
mod credentials;
mod egress;
mod example;
mod hostile;
mod import;
mod imports;
mod load;
mod properties;
mod raw;
mod real;
mod renormalize;
mod samples;
mod sandbox;
mod secrets;
mod smuggling;
mod storage;
mod sync;
mod tidy;
mod webhooks;
mod wire;
mod write_back;
