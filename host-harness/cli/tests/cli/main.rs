//! Whole runs through the binary, against a simulated vendor on loopback.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod alerts;
mod backups;
mod browser;
mod burdens;
mod catalogues;
mod commands;
mod daemon;
mod deletion;
mod disks;
mod doctor;
mod exports;
mod failures;
mod files;
mod foreign;
mod guided;
mod issues;
mod journeys;
mod killed;
mod kills;
mod looks;
mod mapping;
mod mistakes;
mod mock_vendor;
mod onboarding;
mod outputs;
mod pages;
mod policies;
mod printed;
mod private;
mod proxies;
mod readme;
mod restore;
mod screens;
mod secrecy;
mod serve;
mod story;
mod support;
mod terminal;
mod tokens;
mod triage;
mod trials;
mod views;
mod webhooks;
