//! One read: page after page until the connector says that it is complete.
//! While a page is written, the next one is prepared and the one after it fetched.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use appsec_model::{Error as ContractError, FetchRequest, NextPage, Pending, ProjectScope, RawPage, Scope, Timestamp};

use super::{
    InstanceSync, SyncEvent,
    caller::Caller,
    ends_sync,
    plan::BATCH,
    take::{Page, UnderWay},
};
use crate::{batch::Absence, error::Error, writer::Batches};
use appsec_grant::Code;
use appsec_sandbox::CallFailure;
use appsec_store::{Cause, Fetch, FetchState, FetchStats, HashedRecord, ProjectIndex, Refs, Seen, StoreError};

/// Pages in a row that hold records but no new one. Lists come newest first
/// and shift while they are read, so that one page may repeat the one before;
/// several are a vendor that never comes to an end.
const STALE_PAGES: u32 = 3;

/// Pages in a row without any record. A connector that goes through groups of
/// projects has one at the end of each, at most as many as a read has
/// projects; more is one that never comes to an end.
const EMPTY_PAGES: u32 = 200;

/// A read under way.
pub(super) struct FetchRun {
    pub sync: Arc<InstanceSync>,
    pub caller: Arc<Caller>,
    pub projects: Arc<ProjectIndex>,
    pub run_id: i64,
    pub full: bool,
    pub since: Option<Timestamp>,
    pub read: Fetch,
    /// Where its pages are written.
    pub batches: Batches,
}

/// How the pages of a read ended.
enum End {
    Complete,
    Stale,
    Empty,
    Long,
    Unprepared(Duration),
}

impl FetchRun {
    /// Reads to the end. An error ends the whole sync; what ends only this
    /// read is written down.
    pub async fn run(self) -> Result<(), Error> {
        let (kind, fetch_id) = (self.read.kind.clone(), self.read.id);
        let stuck = |message: String| Some(Cause::new(Code::PagingStuck, message));
        let (state, cause) = match self.pages().await {
            Ok(End::Complete) => (FetchState::Complete, None),
            Ok(End::Stale) => {
                let message =
                    format!("{STALE_PAGES} consecutive pages contained nothing new: the vendor's paging loops");
                (FetchState::Incomplete, stuck(message))
            }
            Ok(End::Empty) => {
                let message = format!("{EMPTY_PAGES} pages in a row were empty: the connector does not come to an end");
                (FetchState::Incomplete, stuck(message))
            }
            Ok(End::Long) => {
                let message = "what was missing was asked for again, and there were more pages of it than of all before: \
                               the vendor pages in circles";
                (FetchState::Incomplete, stuck(message.to_owned()))
            }
            Ok(End::Unprepared(waited)) => {
                let message = format!("the vendor has been preparing the rest for {} s", waited.as_secs());
                (FetchState::Incomplete, Some(Cause::new(Code::NotPrepared, message)))
            }
            // A sync that was dropped leaves the page that was being written behind:
            // it may come to the end of the fetch in the place of this one.
            Err(Error::Store(StoreError::FetchEnded)) if self.is_complete().await? => (FetchState::Complete, None),
            Err(error) => match error.failure() {
                Some(failure) if !ends_sync(failure) => (FetchState::Failed, Some(error.cause())),
                _ => return Err(error),
            },
        };
        if let Some(cause) = cause {
            tracing::debug!(instance_path = self.sync.grant.instance_path, %kind, message = cause.message, "fetch given up");
            self.sync.store.run(move |store| store.give_up_fetch(fetch_id, state, &cause)).await?;
        }
        (self.sync.progress)(SyncEvent::FetchEnded { kind, state });
        Ok(())
    }

    /// Whether the store has it as complete.
    async fn is_complete(&self) -> Result<bool, Error> {
        let (run_id, fetch_id) = (self.run_id, self.read.id);
        let run = self.sync.store.run(move |store| store.run(run_id)).await?;
        Ok(run.is_some_and(|run| run.fetches.iter().any(|it| it.id == fetch_id && it.state == FetchState::Complete)))
    }

    /// Reads page after page. A full read that comes to its end without all
    /// that it should bring goes on, once, with the projects of which something
    /// is missing: a page that a vendor leaves empty or short looks like the end
    /// of its list, and a list that shrinks while it is read by numbers of pages
    /// skips some.
    async fn pages(&self) -> Result<End, Error> {
        let fetch_id = self.read.id;
        let seen = self.sync.store.run(move |store| store.seen(fetch_id)).await?;
        let seen = Arc::new(Mutex::new(seen));
        let unmapped = Arc::default();
        let mut again = self.read.again.clone();
        let mut cursor = self.read.cursor.clone();
        let mut number = self.read.counts.pages;
        // A vendor that was asked again need not bring more than it did before.
        let mut longest = last_page(number);
        let mut restarted = false;
        let mut stale = 0;
        let mut empty = 0;
        let mut prepared = Duration::ZERO;
        let mut under_way = UnderWay::default();
        loop {
            // What is fetched in vain is fetched again by the next sync.
            let fetched = self.fetch(self.scope(again.as_deref()), cursor.clone()).await;
            while let Some(taken) = match fetched.is_ok() {
                true => under_way.room().await?,
                // Every page before it is written first.
                false => under_way.next().await?,
            } {
                // Most of what is asked for again has been brought before.
                stale = if taken.stale && again.is_none() { stale + 1 } else { 0 };
                if stale >= STALE_PAGES {
                    return Ok(End::Stale);
                }
            }
            let (page, usage) = match fetched {
                Ok(fetched) => fetched,
                // A connector that was replaced may not know the cursor of the
                // one before: begin the read anew, once.
                Err(error) if error.is_invalid_cursor() && cursor.is_some() && !restarted => {
                    restarted = true;
                    (cursor, again) = (None, None);
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
                    self.sync.store.run(move |store| store.restart_read(fetch_id)).await?;
                    continue;
                }
                Err(error) => {
                    if let Some(usage) = error.usage() {
                        self.sync.store.run(move |store| store.add_fetch_usage(fetch_id, &usage)).await?;
                    }
                    return Err(error);
                }
            };
            let is_empty = page.records.is_empty();
            let pending = match &page.next {
                NextPage::Pending(pending) => Some(pending.clone()),
                NextPage::Cursor(_) | NextPage::Complete => None,
            };
            let mut wait = None;
            if let Some(pending) = &pending {
                prepared = if is_empty { prepared } else { Duration::ZERO };
                wait = self.sync.retry.prepare(pending.retry_after_ms, prepared);
                let Some(wait) = wait else {
                    self.sync.store.run(move |store| store.add_fetch_usage(fetch_id, &usage)).await?;
                    return Ok(End::Unprepared(prepared));
                };
                prepared += wait;
                // The same again: there is nothing to write down but that.
                if is_empty && cursor.as_ref() == Some(&pending.cursor) {
                    self.sync.store.run(move |store| store.add_fetch_usage(fetch_id, &usage)).await?;
                    self.await_preparation(wait).await?;
                    continue;
                }
            }
            empty = if is_empty && pending.is_none() { empty + 1 } else { 0 };
            if empty > EMPTY_PAGES {
                return Ok(End::Empty);
            }
            if again.is_some() && number > longest {
                return Ok(End::Long);
            }
            let RawPage { records, next, diagnostics, .. } = page;
            let scope: Option<Vec<String>> = match &self.read.scope {
                Scope::Deployment => None,
                Scope::Projects(projects) => Some(projects.iter().map(|project| project.id.clone()).collect()),
            };
            let page = Page {
                sync: self.sync.clone(),
                projects: self.projects.clone(),
                seen: seen.clone(),
                unmapped: Arc::clone(&unmapped),
                run_id: self.run_id,
                fetch_id,
                kind: self.read.kind.clone(),
                number,
                absence: Absence { full: self.full, ask_again: again.is_none(), scope, refs: Refs::All },
                usage,
                records: records.into_iter().map(HashedRecord::from).collect(),
                remarks: diagnostics,
                next: next.clone(),
            };
            number += 1;
            under_way.push(page, self.batches.clone());
            if let NextPage::Cursor(next) | NextPage::Pending(Pending { cursor: next, .. }) = next {
                cursor = Some(next);
                let Some(wait) = wait else { continue };
                // What was asked for is prepared on: whoever is stopped while it waits
                // asks for that, and not for all of it anew.
                while let Some(taken) = under_way.next().await? {
                    stale = if taken.stale && again.is_none() { stale + 1 } else { 0 };
                }
                if stale >= STALE_PAGES {
                    return Ok(End::Stale);
                }
                self.await_preparation(wait).await?;
                continue;
            }
            let mut missed = Vec::new();
            while let Some(taken) = under_way.next().await? {
                missed = taken.missed;
            }
            if missed.is_empty() {
                return Ok(End::Complete);
            }
            let (instance_path, kind, projects) = (&self.sync.grant.instance_path, &self.read.kind, missed.len());
            tracing::info!(instance_path, %kind, projects, "asking again for what was missing");
            (again, cursor, empty, longest) = (Some(missed), None, 0, last_page(number));
        }
    }

    /// What to ask for: where so much is missing of all projects that their
    /// names would fill several requests, all of them.
    fn scope(&self, again: Option<&[ProjectScope]>) -> Scope {
        match (&self.read.scope, again) {
            (Scope::Projects(_), Some(missed)) => Scope::Projects(missed.to_vec()),
            (Scope::Deployment, Some(missed)) if missed.len() <= BATCH => Scope::Projects(missed.to_vec()),
            (all, _) => all.clone(),
        }
    }

    /// One page. Who asks the sync to stop need not wait for it.
    async fn fetch(&self, scope: Scope, cursor: Option<String>) -> Result<(RawPage, FetchStats), Error> {
        let request = FetchRequest { kind: self.read.kind.clone(), scope, since: self.since, cursor };
        let sync = &self.sync;
        let (called, mut usage) = tokio::select! {
            biased;
            () = self.sync.stop.cancelled() => return Err(Error::Stopped),
            called = self.caller.call(async || sync.connector.fetch_findings(&sync.grant, request.clone()).await) => called?,
        };
        usage.requests += u64::from(called.report.requests);
        usage.received_bytes += called.report.received_bytes;
        usage.peak_memory_bytes = usage.peak_memory_bytes.max(called.report.peak_memory_bytes as u64);
        let limits = sync.connector.limits();
        if called.value.records.len() > limits.records_per_page {
            return Err(self.broken(format!("a page of more than {} records", limits.records_per_page)));
        }
        let (NextPage::Cursor(next) | NextPage::Pending(Pending { cursor: next, .. })) = &called.value.next else {
            return Ok((called.value, usage));
        };
        if next.len() > limits.cursor_bytes {
            return Err(self.broken(format!("a cursor of more than {} bytes", limits.cursor_bytes)));
        }
        Ok((called.value, usage))
    }

    /// Waits for what the vendor prepares, without a sandbox. Who asks the sync to
    /// stop need not wait for it.
    async fn await_preparation(&self, wait: Duration) -> Result<(), Error> {
        let waited_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.caller.note_wait(Code::NotPrepared, waited_ms);
        tracing::info!(instance_path = self.sync.grant.instance_path, ?wait, "the vendor prepares");
        (self.sync.progress)(SyncEvent::Waiting { wait, why: "the vendor prepares what was asked for".to_owned() });
        tokio::select! {
            biased;
            () = self.sync.stop.cancelled() => return Err(Error::Stopped),
            () = self.sync.waiter.wait(wait) => {}
        }
        let (fetch_id, waited) = (self.read.id, FetchStats { waits: 1, waited_ms, ..FetchStats::default() });
        Ok(self.sync.store.run(move |store| store.add_fetch_usage(fetch_id, &waited)).await?)
    }

    /// The connector breaks the contract.
    fn broken(&self, what: String) -> Error {
        Error::call(&self.sync.grant.instance_path, "fetch-findings", CallFailure::Contract(ContractError::limit(what)))
    }
}

/// Number of the last page that there may be of a read that asks again, with
/// `pages` before.
fn last_page(pages: u64) -> u64 {
    pages.saturating_mul(2).saturating_add(u64::from(EMPTY_PAGES))
}
