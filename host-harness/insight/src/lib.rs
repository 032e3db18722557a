//! What a host concludes from findings.

pub mod top25;

pub use crate::top25::Edition;
