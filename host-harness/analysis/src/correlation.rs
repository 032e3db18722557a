//! Which findings of all sources are about the same thing, and what they say
//! together. Nothing here knows where findings are kept.
//!
#![doc = include_str!("correlation/rules.md")]

mod group;
mod key;
mod summary;

pub use self::{
    group::{Candidate, best_first, group},
    key::{MatchKey, MatchStrategy, hash, is_number, spellings},
    summary::{IssueSummary, Summed},
};
