//! The scans that findings name: which commit brought a finding.
//!
//! A finding says by which scan it was seen first; the vendor tells of each
//! scan in one request. Scans never change, so that each is asked for once and
//! kept, and a sync asks for a bounded number of those it does not know.

use super::{Caller, InstanceSync};
use crate::{error::HarnessError, runtime::CallFailure};

/// Scans that one sync asks for: a sync must come to its end also where every
/// finding names another scan. The next one goes on.
const SCANS_PER_RUN: u32 = 200;

/// Fetches scans that findings name and the store does not know. What cannot be
/// fetched is no failure of the sync: the findings are there.
pub(super) async fn fetch(sync: &InstanceSync, caller: &Caller) -> Result<u64, HarnessError> {
    let instance_id = sync.instance.id;
    let missing = sync.store.run(move |store| store.missing_scans(instance_id, SCANS_PER_RUN)).await?;
    let mut fetched = 0;
    for id in missing {
        let called = caller.call(async || sync.connector.fetch_scan(&sync.grant, &id).await).await;
        let scan = match called {
            Ok((called, _)) => called.value,
            Err(error) => {
                use appsec_model::Error;
                let unsupported = matches!(error.failure(), Some(CallFailure::Contract(Error::Unsupported { .. })));
                if !unsupported && error.is_call() {
                    tracing::warn!(owner = sync.grant.owner, scan = id, %error, "commits of findings are not known");
                }
                // The others would fail in the same way.
                return if error.is_call() { Ok(fetched) } else { Err(error) };
            }
        };
        let now = (sync.clock)();
        sync.store.run(move |store| store.put_scan(instance_id, &id, scan.as_ref(), now)).await?;
        fetched += 1;
    }
    Ok(fetched)
}
