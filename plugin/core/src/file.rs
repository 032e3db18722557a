//! Files: what they are, the records in them, and what those mean.
//!
//! A file is cut into records by a [`DocumentReader`], whatever its size. A
//! record that is no answer of the API's findings endpoint is wrapped in a
//! [`FileRecord`](record::FileRecord), with what it needs of the rest of the
//! file, so that it can be kept and normalized alone.

pub mod cli;
mod finding;
pub mod identity;
mod place;
pub mod reader;
pub mod record;
pub mod sarif;
pub mod sketch;

pub use self::reader::DocumentReader;

#[cfg(test)]
mod result_tests;
