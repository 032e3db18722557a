//! What must hold for any input, as functions that panic where it does not.
//!
//! They use the public functions of `semgrep-core` only, as a component's shell
//! does. The fuzz targets are these functions and nothing else; the first bytes
//! of an input choose what the rest of it is, see [`input`].

mod input;

mod normalizing;
mod reading;
mod world;

mod answers;
mod cursors;
mod reports;
mod setting;

pub use crate::{
    answers::answer,
    cursors::cursor,
    normalizing::record,
    reading::{csv, file},
    reports::{cli, sarif},
    setting::settings,
};
