//! The event that a receiver is sent when a run ends, and how it is sent.

pub(crate) mod alert;
mod event;
#[cfg(test)]
#[path = "../sandbox/src/receiver.rs"]
pub(crate) mod receiver;
pub(crate) mod retry;
pub(crate) mod send;

pub use self::{
    alert::{AlertEvent, AlertFinding},
    event::{RunEnded, WebhookEvent},
};
