//! What a daemon tells, a line each.

use std::{fmt, sync::Arc};

use appsec_exports::text::joined;
use appsec_grant::counted;
use appsec_model::Timestamp;
use serde::Serialize;

use crate::moment::moment;
use crate::webhook::EventSync;

/// What `daemon` and `sync --due` print, line by line.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DaemonEvent")]
pub struct TimedEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: DaemonEvent,
}

/// What happens in a daemon.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum DaemonEvent {
    /// It begins.
    Started {
        /// Its process.
        pid: u32,
        /// Syncs at one time.
        parallel: usize,
    },
    /// A tenant is there whose instances are to be synced.
    Tenant {
        /// Its name.
        tenant: String,
    },
    /// A tenant cannot be looked at; it is tried again.
    Broken {
        /// Its name.
        tenant: String,
        /// Why.
        why: String,
    },
    /// A sync begins.
    SyncStarted {
        /// Tenant and instance.
        instance_path: String,
        /// Whether everything is read.
        full: bool,
        /// Since when it is due.
        due_at: Timestamp,
    },
    /// A sync came to its end.
    SyncEnded {
        /// Tenant and instance.
        instance_path: String,
        /// Its run.
        run: i64,
        /// `full` or `incremental`.
        mode: String,
        /// `complete` or `partial`.
        state: String,
        /// Records that were not known.
        new: u64,
        /// Records that are not what they were.
        changed: u64,
        /// Findings that vanished.
        vanished: u64,
        /// Records that could not be used.
        rejected: u64,
        /// Why it is not complete.
        why: Option<String>,
        /// When the next one is due.
        next_at: Option<Timestamp>,
    },
    /// A sync failed.
    SyncFailed {
        /// Tenant and instance.
        instance_path: String,
        /// Why.
        why: String,
        /// How often in a row.
        failures: u32,
        /// When it is tried again.
        again_at: Timestamp,
    },
    /// A sync waits, because the instance is locked by another process.
    Postponed {
        /// Tenant and instance.
        instance_path: String,
        /// Who.
        why: String,
        /// When it is tried again.
        again_at: Timestamp,
    },
    /// A sync was stopped between two pages; the next daemon resumes it.
    SyncStopped {
        /// Tenant and instance.
        instance_path: String,
    },
    /// It listens for events of vendors.
    Listening {
        /// The address.
        address: String,
    },
    /// It says how it is.
    Metrics {
        /// The address.
        address: String,
    },
    /// A sync of what events named came to its end.
    EventsSynced {
        /// Tenant and instance.
        instance_path: String,
        /// Its run.
        run: i64,
        /// How it ended.
        state: String,
        /// Records that were not known.
        new: u64,
        /// Records that are not what they were.
        changed: u64,
        /// Records that could not be used.
        rejected: u64,
        /// Why it is not complete.
        why: Option<String>,
    },
    /// Events were not synced.
    EventsFailed {
        /// Tenant and instance.
        instance_path: String,
        /// Why.
        why: String,
    },
    /// It was asked to stop.
    Stopping {
        /// Syncs under way.
        running: usize,
    },
    /// It ends.
    Ended {
        /// Syncs that came to their end, those of events included.
        synced: u64,
        /// Syncs that failed.
        failed: u64,
    },
}

impl DaemonEvent {
    /// What a sync that events led to came to, where there is something to tell.
    pub(super) fn of_events(ended: &EventSync) -> Option<Self> {
        let instance_path = format!("{}/{}", ended.tenant, ended.instance);
        match &ended.outcome {
            Ok(None) => None,
            // The events go on waiting.
            Err(error) if error.is_for_later() => None,
            Ok(Some(run)) => Some(Self::EventsSynced {
                instance_path,
                run: run.id,
                state: run.state.as_str().to_owned(),
                new: run.counts.new,
                changed: run.counts.changed,
                rejected: run.counts.rejected,
                why: run.message.clone(),
            }),
            Err(error) => Some(Self::EventsFailed { instance_path, why: error.to_string() }),
        }
    }
}

/// Where events go.
pub type DaemonProgress = Arc<dyn Fn(DaemonEvent) + Send + Sync>;

impl fmt::Display for DaemonEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { pid, parallel } => {
                write!(out, "started: process {pid}, {} at one time", counted(*parallel as u64, "sync"))
            }
            Self::Tenant { tenant } => write!(out, "{tenant}: has schedules"),
            Self::Broken { tenant, why } => write!(out, "{tenant}: cannot be looked at: {}", joined(why)),
            Self::SyncStarted { instance_path, full, due_at } => {
                let what = if *full { "full sync" } else { "sync" };
                write!(out, "{instance_path}: {what} begins, due at {}", moment(*due_at))
            }
            Self::SyncEnded { instance_path, run, mode, state, new, changed, vanished, rejected, why, next_at } => {
                write!(
                    out,
                    "{instance_path}: {mode} run {run} is {state}: {new} new, {changed} changed, {vanished} vanished"
                )?;
                if *rejected > 0 {
                    write!(out, ", {rejected} rejected")?;
                }
                if let Some(why) = why {
                    write!(out, "; {}", joined(why))?;
                }
                match next_at {
                    Some(at) => write!(out, "; next at {}", moment(*at)),
                    None => Ok(()),
                }
            }
            Self::SyncFailed { instance_path, why, failures, again_at } => {
                let again = moment(*again_at);
                write!(out, "{instance_path}: sync failed, {failures} in a row, again at {again}: {}", joined(why))
            }
            Self::Postponed { instance_path, why, again_at } => {
                write!(out, "{instance_path}: sync waits, again at {}: {}", moment(*again_at), joined(why))
            }
            Self::SyncStopped { instance_path } => {
                write!(out, "{instance_path}: sync stopped between two pages; it will be resumed")
            }
            Self::Listening { address } => {
                write!(out, "listens for events at http://{address}/webhooks/TENANT/INSTANCE")
            }
            Self::Metrics { address } => write!(out, "answers http://{address}/metrics, /healthz and /readyz"),
            Self::EventsSynced { instance_path, run, state, new, changed, rejected, why } => {
                write!(
                    out,
                    "{instance_path}: run {run} of what events named is {state}: {new} new, {changed} changed"
                )?;
                if *rejected > 0 {
                    write!(out, ", {rejected} rejected")?;
                }
                why.iter().try_for_each(|why| write!(out, "; {}", joined(why)))
            }
            Self::EventsFailed { instance_path, why } => {
                write!(out, "{instance_path}: events were not synced: {}", joined(why))
            }
            Self::Stopping { running } => {
                write!(out, "stopping: {} under way, until the end of their pages", counted(*running as u64, "sync"))
            }
            Self::Ended { synced, failed } => write!(out, "ended: {}, {failed} failed", counted(*synced, "sync")),
        }
    }
}
