//! Whole runs through the binary, against a simulated vendor on loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod commands;
mod daemon;
mod failures;
mod files;
mod killed;
mod printed;
mod support;
