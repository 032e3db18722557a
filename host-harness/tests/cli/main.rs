//! Whole runs through the binary, against a simulated vendor on loopback.

mod commands;
mod failures;
mod killed;
mod printed;
mod support;
