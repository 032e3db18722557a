//! What a host concludes from findings.

pub mod priority;
pub mod top25;

pub use crate::{
    priority::{Band, Facts, Input, Priority, Validation},
    top25::Edition,
};
