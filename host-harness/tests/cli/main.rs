//! Whole runs through the binary, against a simulated vendor on loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod backups;
mod commands;
mod daemon;
mod deletion;
mod failures;
mod files;
mod issues;
mod killed;
mod onboarding;
mod printed;
mod support;
mod tokens;
mod views;
mod webhooks;
