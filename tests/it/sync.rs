//! Syncs of the real connector from a simulated vendor into a store.

mod disturbed;
mod failing;
mod hostile;
mod matrix;
mod scenarios;
mod truth;
