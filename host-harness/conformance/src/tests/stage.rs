//! A host of the fake connector.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use appsec_sandbox::{Interceptor, Treatment};
use bytes::Bytes;
use http::Request;

use super::ORIGIN;
use crate::{Stage, Synced, lab::Lab};

/// A host that sees a connector with at most one flaw.
pub(super) struct FakeStage {
    pub flaw: &'static str,
    pub lab: Arc<Lab>,
    /// Whether a sync came to its end since the last reset.
    pub is_whole: AtomicBool,
}

impl Stage for FakeStage {
    async fn reset(&self) -> Result<(), String> {
        self.is_whole.store(false, Ordering::Relaxed);
        // To connect asks as well.
        let request = Request::get(format!("{ORIGIN}/me")).body(Bytes::new()).unwrap();
        match (self.lab.treat(&request), self.lab.treat(&request)) {
            (Treatment::Send, Treatment::Send) => Ok(()),
            _ => Err("it does not connect".to_owned()),
        }
    }

    async fn sync(&self) -> Result<Synced, String> {
        let request = Request::get(format!("{ORIGIN}/findings")).body(Bytes::new()).unwrap();
        let failed = (0..4).any(|_| !matches!(self.lab.treat(&request), Treatment::Send));
        let is_complete = !failed || self.flaw == "E1 told";
        let was_whole = self.is_whole.fetch_or(is_complete && self.flaw != "E1 resumed", Ordering::Relaxed);
        let all = if failed { 4 } else { 8 };
        let new = if was_whole && self.flaw != "E1" { 0 } else { all };
        Ok(Synced { is_complete, requests: 4, new, changed: 0, vanished: 0, unchanged: all - new })
    }

    async fn renormalize(&self) -> Result<u64, String> {
        Ok(u64::from(self.flaw == "E2"))
    }
}
