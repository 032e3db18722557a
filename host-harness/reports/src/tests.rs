//! Whole files: every record becomes something, each identity is that of its
//! record wherever it stands, and no file brings the reader down.

mod credentials;
mod fixtures;
mod packages;
mod properties;
mod refusals;
mod scanners;
mod whole;
