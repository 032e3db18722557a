//! E1 and E2: what a host with a store sees over more than one sync.

use super::{Book, Trial};
use crate::{
    fault::Fault,
    lab::Lab,
    stage::{Stage, Synced},
};

pub async fn check(book: &mut Book<'_>, stage: &impl Stage, lab: &Lab) {
    stages(book, stage, lab).await;
    lab.end_walk();
}

/// A sync, which reads from the first page on.
async fn synced(stage: &impl Stage, lab: &Lab) -> Result<Synced, String> {
    lab.begin_walk();
    stage.sync().await
}

async fn stages(book: &mut Book<'_>, stage: &impl Stage, lab: &Lab) {
    let (mut twice, again) = (book.open("E1"), book.open("E2"));
    if twice.is_none() && again.is_none() {
        return;
    }
    lab.begin();
    let first = async {
        stage.reset().await?;
        synced(stage, lab).await
    };
    let first = first.await;
    if let Some(trial) = &mut twice {
        whole(trial, "the first sync", &first);
        same(trial, "the second sync", &synced(stage, lab).await);
    }
    if let Some(mut trial) = again {
        let changed = stage.renormalize().await;
        trial.case(changed == Ok(0), "all that is stored, normalized again", "the same findings", || match changed {
            Ok(changed) => format!("{changed} others"),
            Err(error) => error,
        });
        book.close(trial);
    }
    let Some(mut trial) = twice else { return };
    if let Ok(first) = first
        && first.requests > 1
    {
        // In the middle of what the first one asked for. To connect asks, too.
        let middle = usize::try_from(first.requests / 2).unwrap_or(1);
        lab.begin();
        let connected = stage.reset().await;
        trial.case(connected.is_ok(), "another connection", "a connection", || connected.err().unwrap_or_default());
        lab.begin_with(middle, Fault::Reset);
        let cut = synced(stage, lab).await;
        if lab.count() > middle {
            let is_told = !cut.is_ok_and(|it| it.is_complete);
            trial.case(is_told, "a sync that is interrupted", "a part of it", || "everything".to_owned());
        } else {
            trial.note = Some("no sync could be interrupted: this one asked for less than the first".to_owned());
        }
        lab.begin();
        let resumed = synced(stage, lab).await;
        whole(&mut trial, "a sync after one that was interrupted", &resumed);
        let last = synced(stage, lab).await;
        same(&mut trial, "a sync after that", &last);
        if let Ok(last) = last {
            let all = first.new + first.unchanged;
            trial.case(last.unchanged == all, "a sync after that", format!("all {all} findings"), || {
                format!("{} of them", last.unchanged)
            });
        }
    }
    book.close(trial);
}

fn whole(trial: &mut Trial, case: &str, synced: &Result<Synced, String>) {
    let is_whole = synced.as_ref().is_ok_and(|synced| synced.is_complete);
    trial.case(is_whole, case, "everything", || match synced {
        Ok(_) => "a part of it".to_owned(),
        Err(error) => error.clone(),
    });
}

fn same(trial: &mut Trial, case: &str, synced: &Result<Synced, String>) {
    let is_same = synced.as_ref().is_ok_and(|it| it.is_complete && (it.new, it.changed, it.vanished) == (0, 0, 0));
    trial.case(is_same, case, "no change", || match synced {
        Ok(it) => format!("{} new, {} changed, {} vanished", it.new, it.changed, it.vanished),
        Err(error) => error.clone(),
    });
}
