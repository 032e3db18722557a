//! The scans that findings name: which commit brought a finding.
//!
//! A finding says by which scan it was seen first; the vendor tells of each
//! scan in one request. Scans never change, so that each is asked for once and
//! kept, and a sync asks for a bounded number of those it does not know.

use std::pin::pin;

use appsec_model::ErrorCode;
use futures_util::{StreamExt, stream};

use super::{Caller, InstanceSync};
use crate::error::Error;

/// Scans that one sync asks for: a sync must come to its end also where every
/// finding names another scan. The next one goes on.
const SCANS_PER_RUN: u32 = 200;

/// Requests at one time, as many as a sync makes reads.
const SCANS_AT_ONCE: usize = 4;

/// Fetches scans that findings name and the store does not know. What cannot be
/// fetched is no failure of the sync: the findings are there.
pub(super) async fn fetch(sync: &InstanceSync, caller: &Caller) -> Result<(), Error> {
    let instance_id = sync.instance.id;
    let missing = sync.store.run(move |store| store.missing_scans(instance_id, SCANS_PER_RUN)).await?;
    let fetched = stream::iter(missing).map(|id| async move {
        let called = caller.call(async || sync.connector.fetch_scan(&sync.grant, &id).await).await;
        called.map(|(called, _)| (id, called.value))
    });
    let mut fetched = pin!(fetched.buffer_unordered(SCANS_AT_ONCE));
    while let Some(outcome) = fetched.next().await {
        let (id, scan) = match outcome {
            Ok(fetched) => fetched,
            // The others would fail in the same way.
            Err(error) if error.is_call() => {
                if !error.has_code(ErrorCode::Unsupported) {
                    tracing::warn!(instance_path = sync.grant.instance_path, %error, "the commits of some findings are not known");
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let now = (sync.clock)();
        sync.store.run(move |store| store.put_scan(instance_id, &id, scan.as_ref(), now)).await?;
    }
    Ok(())
}
