//! Which file system a folder is on.

use std::path::Path;

/// File systems that other machines write to as well.
const NETWORK: &[&str] =
    &["9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "lustre", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"];

/// The same in user space, where the name begins with `fuse.`. Others there are
/// local, such as those that encrypt a folder.
const NETWORK_IN_USER_SPACE: &[&str] =
    &["ceph-fuse", "gcsfuse", "glusterfs", "goofys", "juicefs", "mount-s3", "rclone", "s3fs", "sshfs"];

/// The network file system that a folder is on; none where it is on a disk of
/// this machine. `mounts` is what Linux lists in `/proc/self/mountinfo`. The
/// folder need not be there yet.
pub fn network_file_system<'a>(folder: &Path, mounts: &'a str) -> Option<&'a str> {
    let there = std::path::absolute(folder).ok()?;
    let there = there.ancestors().find_map(|path| path.canonicalize().ok())?;
    let mounted = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = unescaped(before.split(' ').nth(4)?);
        let kind = after.split(' ').next()?;
        there.starts_with(&point).then(|| (Path::new(&point).components().count(), kind))
    });
    // Of two mounts at one place the later one is seen.
    let (_, kind) = mounted.max_by_key(|(depth, _)| *depth)?;
    let network = match kind.strip_prefix("fuse.") {
        Some(kind) => NETWORK_IN_USER_SPACE.contains(&kind),
        None => NETWORK.contains(&kind),
    };
    network.then_some(kind)
}

/// A mount point as it is, where the list has blanks and the like as `\040`.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, sign)| text.replace(escaped, sign))
}

#[cfg(test)]
mod tests {
    use super::{Path, network_file_system};

    #[test]
    fn the_file_system_of_a_folder_is_that_of_its_nearest_mount() {
        let folder = std::env::temp_dir().canonicalize().unwrap();
        let folder = folder.to_str().unwrap();
        let check = |folder: &str, mounts: &[(&str, &str)], expect: Option<&str>| {
            let line = |(point, kind): &(&str, &str)| {
                format!(
                    "36 35 98:0 / {} rw,relatime shared:1 - {kind} server:/export rw\n",
                    point.replace(' ', "\\040")
                )
            };
            let mounts: String = mounts.iter().map(line).collect();
            assert_eq!(network_file_system(Path::new(folder), &mounts), expect, "{folder}: {mounts}");
        };
        check(folder, &[("/", "ext4")], None);
        check(folder, &[("/", "nfs4")], Some("nfs4"));
        check(folder, &[("/", "nfs4"), (folder, "ext4")], None);
        check(folder, &[("/", "ext4"), (folder, "cifs")], Some("cifs"));
        check(folder, &[("/", "ext4"), (folder, "xfs"), (folder, "ceph")], Some("ceph"));
        check(&format!("{folder}/not/there"), &[(folder, "fuse.sshfs")], Some("fuse.sshfs"));
        check(folder, &[("/", "ext4"), ("/elsewhere", "nfs"), (&folder[..folder.len() - 1], "nfs")], None);
        check(folder, &[("/", "fuse.gocryptfs")], None);
        check(folder, &[("/a b", "nfs"), ("/", "btrfs")], None);
        check(folder, &[], None);
    }
}
