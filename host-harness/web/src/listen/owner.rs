//! Which user of this machine has the other end of a connection.

use std::net::SocketAddr;

/// The two ends of the connection that a request came over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Of who asks.
    pub peer: SocketAddr,
    /// Of this server.
    pub own: SocketAddr,
}

impl Ends {
    /// Whether the user that this process runs as has the other end, as far as the
    /// system tells.
    #[cfg(target_os = "linux")]
    pub fn are_of_one_user(self) -> bool {
        use procfs::{
            net::{tcp, tcp6},
            process::Process,
        };
        let entries = || tcp().into_iter().flatten().chain(tcp6().into_iter().flatten());
        let own = Process::myself().and_then(|it| it.uid());
        own.is_ok_and(|own| user(entries(), self) == Some(own))
    }

    /// The same where no system tells.
    #[cfg(not(target_os = "linux"))]
    pub fn are_of_one_user(self) -> bool {
        false
    }
}

/// Who has the other end of a connection that is open. One that was closed is nobody's,
/// which the table says as if it were the administrator's.
#[cfg(target_os = "linux")]
fn user(mut entries: impl Iterator<Item = procfs::net::TcpNetEntry>, ends: Ends) -> Option<u32> {
    let is_theirs = |it: &procfs::net::TcpNetEntry| {
        it.state == procfs::net::TcpState::Established && it.local_address == ends.peer && it.remote_address == ends.own
    };
    entries.find(is_theirs).map(|it| it.uid)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use procfs::{FromBufReadSI, current_system_info, net::TcpNetEntries};

    use super::{Ends, user};

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    fn the_other_end_belongs_to_the_user_that_the_system_names() {
        // 127.0.0.1:40000 to 127.0.0.1:7373, open; and the same from another port, closed.
        let table = format!(
            "{HEAD}   0: 0100007F:1CCD 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1\n   \
             1: 0100007F:9C40 0100007F:1CCD 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 20 4 30 10 -1\n   \
             2: 0100007F:9C41 0100007F:1CCD 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0\n"
        );
        let of = |port: u16| {
            let TcpNetEntries(entries) = TcpNetEntries::from_buf_read(table.as_bytes(), current_system_info()).unwrap();
            user(entries.into_iter(), Ends { peer: ([127, 0, 0, 1], port).into(), own: ([127, 0, 0, 1], 7373).into() })
        };
        assert_eq!((of(40000), of(40001), of(40002)), (Some(1001), None, None));
    }
}
