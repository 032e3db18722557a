//! A read from its first page to its last.

use std::{collections::BTreeSet, time::Duration};

use appsec_model::{FetchRequest, Kind, NextPage, Pending, RawPage};

use super::{Ready, short, shown};
use crate::{lab::Lab, subject::Subject};

/// Most pages of one read: a read that goes on after them is taken to be one
/// that never ends.
pub(super) const MOST_PAGES: usize = 1_000;

/// Shortest and longest wait for what a vendor prepares, and the longest of a read.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_PREPARATION: Duration = Duration::from_secs(600);

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

/// Whether a page says that the vendor is preparing what comes.
pub(super) fn is_pending(page: &RawPage) -> bool {
    matches!(page.next, NextPage::Pending(_))
}

/// Whether a page is the one from before. Of what was being prepared that is not
/// known: it may be ready by now, and who begins anew may be given another one.
pub(super) fn is_same(before: &RawPage, again: &RawPage) -> bool {
    before == again || is_pending(before)
}

/// The first request of a read that has records, for each kind.
pub(super) fn first_of_each(walks: &[(Kind, Walk)]) -> Vec<(Kind, FetchRequest)> {
    let mut first: Vec<(Kind, FetchRequest)> = Vec::new();
    for (kind, walk) in walks {
        if let Some(asked) = walk.pages.iter().find(|asked| !asked.page.records.is_empty())
            && first.iter().all(|(known, _)| known != kind)
        {
            first.push((kind.clone(), asked.request.clone()));
        }
    }
    first
}

/// A read to its end; with the most requests of a call.
pub(super) async fn walk(subject: &impl Subject, lab: &Lab, ready: &Ready, request: FetchRequest) -> (Walk, usize) {
    lab.begin_walk();
    let walked = pages(subject, lab, ready, request).await;
    lab.end_walk();
    walked
}

async fn pages(subject: &impl Subject, lab: &Lab, ready: &Ready, mut request: FetchRequest) -> (Walk, usize) {
    let mut walk = Walk { pages: Vec::new(), fault: None };
    let (mut most, mut waited) = (0, Duration::ZERO);
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
                    // What is being prepared is asked for again, for a while. What is
                    // recorded comes at once.
                    NextPage::Pending(pending) if walk.pages.len() < MOST_PAGES => {
                        if lab.is_online() {
                            let asked = Duration::from_millis(pending.retry_after_ms);
                            let wait = asked.clamp(SHORTEST_WAIT, LONGEST_WAIT);
                            waited += wait;
                            if waited > LONGEST_PREPARATION {
                                walk.fault = Some("what is being prepared is not ready after 10 minutes".to_owned());
                                break;
                            }
                            tokio::time::sleep(wait).await;
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
