//! A read from its first page to its last.

use std::{collections::BTreeSet, time::Duration};

use appsec_model::{FetchRequest, NextPage, Pending, RawPage};

use super::{Ready, short, shown};
use crate::{lab::Lab, subject::Subject};

/// Most pages of one read: a read that goes on after them is taken to be one
/// that never ends.
pub(super) const MOST_PAGES: usize = 1_000;

/// Longest wait for what a vendor prepares.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A page, and what was asked for it.
pub(super) struct Asked {
    pub request: FetchRequest,
    pub page: RawPage,
}

/// A read from its first page to its last.
pub(super) struct Walk {
    pub pages: Vec<Asked>,
    /// How it failed; none where it ended.
    pub fault: Option<String>,
}

pub(super) fn fault_of(walk: &Walk) -> String {
    walk.fault.clone().unwrap_or_else(|| "success".to_owned())
}

/// A read to its end; with the most requests of a call.
pub(super) async fn walk(subject: &impl Subject, lab: &Lab, ready: &Ready, mut request: FetchRequest) -> (Walk, usize) {
    let mut walk = Walk { pages: Vec::new(), fault: None };
    let mut most = 0;
    let mut cursors = BTreeSet::new();
    loop {
        lab.begin();
        let called = subject.fetch_findings(&ready.call(), request.clone()).await;
        most = most.max(lab.count());
        match called {
            Ok(response) => {
                let next = response.value.next.clone();
                walk.pages.push(Asked { request: request.clone(), page: response.value });
                match next {
                    NextPage::Complete => break,
                    NextPage::Cursor(next) if walk.pages.len() < MOST_PAGES && cursors.insert(next.clone()) => {
                        request.cursor = Some(next);
                    }
                    // What is being prepared is asked for again, for a while.
                    NextPage::Pending(pending) if walk.pages.len() < MOST_PAGES => {
                        if lab.is_online() {
                            tokio::time::sleep(Duration::from_millis(pending.retry_after_ms).min(LONGEST_WAIT)).await;
                        }
                        request.cursor = Some(pending.cursor);
                    }
                    NextPage::Cursor(next) | NextPage::Pending(Pending { cursor: next, .. }) => {
                        walk.fault = Some(format!("the cursor `{}` again, or too many pages", short(&next)));
                        break;
                    }
                }
            }
            Err(failure) => {
                walk.fault = Some(shown(&failure));
                break;
            }
        }
    }
    (walk, most)
}
