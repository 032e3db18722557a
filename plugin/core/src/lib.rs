//! The Semgrep connector's logic, as functions of values.
//!
//! Nothing in here reads a clock, a file, the network or the environment. What
//! a call needs from outside comes in as an [`Outside`]: a [`Transport`] that
//! sends one request, a [`Bucket`] that remembers, and the [`Secret`]. Any
//! shell that has these three can run the connector; the component in the
//! package `semgrep-connector` is one, a test with fakes is another.
//!
//! The functions are those of the contract, in its types: [`describe`],
//! [`configure`](configure()), [`list_projects`], [`fetch_findings`],
//! [`fetch_scan`], [`write_decisions`], [`normalize`](normalize()), [`interpret_event`] and a
//! [`DocumentReader`].

mod outside;
mod secret;

mod origin;
mod settings;

mod manifest;
mod triage;

mod api;
mod cursor;
mod kept;
mod memory;
mod moment;

mod configure;
mod event;
mod fetch;
mod projects;
mod scan;

mod file;
mod normalize;
mod wire;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod fields;

pub use crate::{
    configure::configure,
    event::interpret_event,
    fetch::fetch_findings,
    file::DocumentReader,
    manifest::{SECRET_VARIABLE, describe},
    normalize::{MAX_RECORDS, normalize},
    origin::{Origin, Scheme},
    outside::{Bucket, BucketError, Outside, Request, Response, Transport, TransportError},
    projects::list_projects,
    scan::fetch_scan,
    secret::Secret,
    triage::write_decisions,
};

/// The largest answer that a [`Transport`] may hand over, in bytes.
///
/// A page of 3,000 findings, the vendor's maximum, is 7 to 15 MB in practice;
/// four times as much is a page that no healthy server sends, and still fits
/// into a component's memory beside its parsed form.
pub const MAX_BODY_BYTES: usize = 64 << 20;
