//! Calls of a connector with retries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use appsec_model::ErrorCode;

use super::{Decision, InstanceSync, SyncEvent};
use crate::error::Error;
use appsec_grant::Code;
use appsec_sandbox::{CallError, CallFailure, Response};
use appsec_store::{FetchStats, RunWait};

/// Makes the calls of one sync.
pub struct Caller {
    sync: Arc<InstanceSync>,
    /// How often and how many milliseconds was waited, by the code of the error.
    waits: Mutex<BTreeMap<Code, (u64, u64)>>,
}

impl Caller {
    pub fn new(sync: Arc<InstanceSync>) -> Self {
        Self { sync, waits: Mutex::default() }
    }

    /// Why was waited since the last time that somebody asked.
    pub fn take_waits(&self) -> Vec<RunWait> {
        let waits = std::mem::take(&mut *self.waits.lock().unwrap_or_else(PoisonError::into_inner));
        let wait = |(reason, (waits, waited_ms)): (Code, _)| RunWait { reason: reason.to_string(), waits, waited_ms };
        waits.into_iter().map(wait).collect()
    }

    /// Notes a wait.
    pub fn note_wait(&self, code: Code, waited_ms: u64) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let known = waits.entry(code).or_default();
        *known = (known.0 + 1, known.1 + waited_ms);
    }

    /// Makes a call until it succeeds, cannot succeed, or has been tried often
    /// enough. Also tells what the failed tries took.
    pub async fn call<T>(
        &self,
        mut call: impl AsyncFnMut() -> Result<Response<T>, CallError>,
    ) -> Result<(Response<T>, FetchStats), Error> {
        let mut usage = FetchStats::default();
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        let mut awaited = None;
        loop {
            // Each time of opening is waited for once, here or below: a waiter
            // that only writes waits down must not spin.
            while let Some((opens_at, left)) =
                self.sync.throttle.closed().filter(|(opens_at, _)| awaited < Some(*opens_at))
            {
                self.sync.waiter.wait(left).await;
                awaited = Some(opens_at);
            }
            tries += 1;
            let error = match call().await {
                Ok(called) => return Ok((called, usage)),
                Err(error) => error,
            };
            usage.requests += u64::from(error.report.requests);
            usage.received_bytes += error.report.received_bytes;
            usage.peak_memory_bytes = usage.peak_memory_bytes.max(error.report.peak_memory_bytes as u64);
            match self.sync.retry.decide(&error.failure, tries, waited, chance()) {
                Decision::Wait(wait) => {
                    let waited_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    usage.waits += 1;
                    usage.waited_ms += waited_ms;
                    self.note_wait(error.failure.code(), waited_ms);
                    waited += wait;
                    tracing::info!(instance_path = error.instance_path, ?wait, why = %error, "waiting");
                    (self.sync.progress)(SyncEvent::Waiting { wait, why: error.to_string() });
                    if matches!(&error.failure, CallFailure::Contract(error) if error.code == ErrorCode::RateLimited) {
                        awaited = awaited.max(Some(self.sync.throttle.close_for(wait)));
                    }
                    self.sync.waiter.wait(wait).await;
                }
                Decision::Exhausted => {
                    return Err(Error::Exhausted { error: Box::new(error), tries, waited, usage: Box::new(usage) });
                }
                Decision::Final => return Err(Error::Call(Box::new(error))),
            }
        }
    }
}

/// A random number from 0 to 1.
pub fn chance() -> f64 {
    let mut random = [0_u8; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
        // Without randomness tries are not spread, which harms little.
        Err(_) => 0.5,
    }
}
