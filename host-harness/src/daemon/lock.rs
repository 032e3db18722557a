//! One daemon per data folder.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use appsec_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::Error, harness::Harness, host::machine};
use appsec_grant::files::{check_folder, create_private_dir, open_private, read_bounded, write_private};

/// Bytes of what a daemon says of itself: a line.
const MAX_INFO_BYTES: u64 = 64 << 10;

/// A running daemon.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct DaemonInfo {
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Since when.
    pub started_at: Timestamp,
    /// Syncs that it makes at one time.
    pub parallel: usize,
}

/// Keeps other daemons from a data folder; the system lets go of it also when
/// this process is killed.
pub(super) struct DaemonLock {
    info: PathBuf,
    _lock: File,
}

fn open(folder: &Path) -> Result<Result<File, TryLockError>, Error> {
    let path = folder.join("daemon.lock");
    let failed = |error| Error::Lock(path.clone(), error);
    let file = open_private(&path).map_err(failed)?;
    Ok(match file.try_lock() {
        Ok(()) => Ok(file),
        Err(error) => Err(error),
    })
}

fn read(folder: &Path) -> Option<DaemonInfo> {
    serde_json::from_slice(&read_bounded(&folder.join("daemon.json"), MAX_INFO_BYTES).ok()?).ok()
}

impl DaemonLock {
    pub fn take(folder: &Path, parallel: usize, now: Timestamp) -> Result<Self, Error> {
        let info = folder.join("daemon.json");
        check_folder(folder).map_err(Error::exposed(folder))?;
        create_private_dir(folder).map_err(|error| Error::Lock(folder.join("daemon.lock"), error))?;
        match open(folder)? {
            Ok(lock) => {
                let told = DaemonInfo { pid: std::process::id(), host: machine(), started_at: now, parallel };
                let text = serde_json::to_vec(&told).unwrap_or_default();
                write_private(&info, &text).map_err(|error| Error::Lock(info.clone(), error))?;
                Ok(Self { info, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => Err(Error::DaemonRuns(match read(folder) {
                Some(other) => format!("process {} on {}", other.pid, other.host),
                None => "another process".to_owned(),
            })),
            Err(TryLockError::Error(error)) => Err(Error::Lock(folder.join("daemon.lock"), error)),
        }
    }
}

impl Drop for DaemonLock {
    fn drop(&mut self) {
        // What stays behind is told from a daemon that lives by the lock.
        let _ = fs::remove_file(&self.info);
    }
}

impl Harness {
    /// The daemon running on the data directory; none if no daemon is running.
    pub fn daemon(&self) -> Result<Option<DaemonInfo>, Error> {
        let folder = self.data_dir();
        if !folder.join("daemon.lock").exists() {
            return Ok(None);
        }
        Ok(match open(folder)? {
            Ok(_lock) => None,
            Err(_) => read(folder),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appsec_grant::{Code, TenantId};
    use tokio_util::sync::CancellationToken;

    use super::{DaemonLock, Error, Timestamp};
    use crate::{
        daemon::{Daemon, DaemonOptions},
        harness::Harness,
        host::Options,
    };

    #[test]
    fn a_second_daemon_is_refused_and_the_first_one_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let harness = Harness::new(Options::new(folder.path().to_owned()));
        assert!(harness.daemon().unwrap().is_none());
        let take = || DaemonLock::take(folder.path(), 3, Timestamp::from_micros(7));
        let first = take().unwrap();
        let error = take().err().unwrap();
        assert!(matches!(error, Error::DaemonRuns(_)));
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        assert_eq!(harness.daemon().unwrap().unwrap().parallel, 3);
        drop(first);
        assert!(harness.daemon().unwrap().is_none());
        take().unwrap();
    }

    #[test]
    fn a_folder_on_a_network_file_system_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (data, mounts) = (folder.path().join("data"), folder.path().join("mounts"));
        let on = |kind: &str| {
            std::fs::write(&mounts, format!("36 35 0:9 / / rw shared:1 - {kind} server:/export rw\n")).unwrap();
            Harness::new(Options { mounts: mounts.clone(), ..Options::new(data.clone()) })
        };
        let daemon = |harness: Harness| {
            let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
            let progress = Arc::new(|_| {});
            Daemon::new(harness, DaemonOptions { parallel: 1, once: true, stop, abort, listen: None, progress })
        };
        let tenant = "acme".parse::<TenantId>().unwrap();
        for kind in ["nfs4", "cifs", "fuse.sshfs"] {
            let error = on(kind).tenant(tenant.clone()).err().unwrap();
            assert_eq!(error.code(), Code::NetworkFileSystem);
            assert!(error.to_string().contains(kind), "{error}");
            let error = daemon(on(kind)).err().unwrap();
            assert_eq!(error.code(), Code::NetworkFileSystem);
            assert!(!data.exists(), "something was written before");
        }
        on("ext4").tenant(tenant).unwrap();
        daemon(on("ext4")).unwrap();
    }

    #[test]
    fn what_a_killed_daemon_left_behind_is_no_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let left = r#"{"pid":1,"host":"h","started_at":"2026-01-01T00:00:00Z","parallel":1}"#;
        std::fs::write(folder.path().join("daemon.json"), left).unwrap();
        std::fs::write(folder.path().join("daemon.lock"), "").unwrap();
        let harness = Harness::new(Options::new(folder.path().to_owned()));
        assert!(harness.daemon().unwrap().is_none());
    }
}
