//! The kernel's own record of calls that a filter has it log: read from the audit subsystem.
//!
//! The records are multicast to whoever listens, beside an audit daemon and without one, and also
//! while auditing is switched off. What no kernel program of ours sees is in them: that a filter
//! answered LOG. Calls that were refused are in them too, and are told elsewhere. Process and
//! executable are told as the kernel writes them; `comm` is the caller's own choice.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketAddrAny, SocketFlags, SocketType, bind, netlink, recvfrom,
        socket_with, sockopt::set_socket_recv_buffer_size_force,
    },
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::audit_record::{Record, parse};
use crate::{profile::call::Call, recording::news::News};

/// `AUDIT_NLGRP_READLOG` as a bit of the groups that an address names.
const READLOG: u32 = 1;
/// Bytes of a message that are read: a record is a line, of some thousand at most.
const MOST_BYTES: usize = 16 * 1024;
/// Bytes that the kernel keeps for us while we are busy.
const RECEIVE_BYTES: usize = 1024 * 1024;
/// Records that are taken before others may run; those of one call of one process become one news.
const BATCH: usize = 1024;

/// A place where the kernel's log is listened to.
#[derive(Debug)]
pub struct AuditLog {
    socket: OwnedFd,
}

impl AuditLog {
    /// Begins to listen.
    ///
    /// # Errors
    /// The kernel has no audit subsystem, or the daemon lacks `CAP_AUDIT_READ` in the host's own
    /// namespaces.
    pub fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::AUDIT),
        )?;
        // More is kept of a flood; less will do.
        let _ = set_socket_recv_buffer_size_force(&socket, RECEIVE_BYTES);
        bind(&socket, &netlink::SocketAddrNetlink::new(0, READLOG))?;
        Ok(Self { socket })
    }

    /// Sends news of what is logged until told to stop.
    ///
    /// # Errors
    /// The socket can be read no longer.
    pub async fn pump(
        self,
        collector: mpsc::Sender<Vec<News>>,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let socket = register(self.socket)?;
        let mut buffer = vec![0; MOST_BYTES];
        loop {
            let mut guard = tokio::select! {
                guard = socket.readable() => guard?,
                () = stop.cancelled() => return Ok(()),
            };
            let (news, emptied) = take(guard.get_inner(), &mut buffer)?;
            if emptied {
                guard.clear_ready();
            }
            if !news.is_empty() && collector.send(news).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Lets tokio watch the socket.
#[expect(
    unsafe_code,
    reason = "tokio asks that the descriptor stays what it is"
)]
fn register(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor is never replaced, and is closed when dropped.
    let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    registered.map_err(|failed| failed.into_parts().1)
}

/// What there is, up to a batch; true if nothing is left.
fn take(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<(Vec<News>, bool)> {
    let mut told: BTreeMap<(u32, Call), (Record, u64)> = BTreeMap::new();
    let mut lost = false;
    let mut emptied = false;
    for _ in 0..BATCH {
        match recvfrom(socket.as_fd(), &mut *buffer, RecvFlags::empty()) {
            Ok((length, _, Some(sender))) if is_kernel(&sender) => {
                if let Some(record) = buffer.get(..length).and_then(parse) {
                    let place = told.entry((record.pid, record.call));
                    let (last, count) = place.or_insert_with(|| (record.clone(), 0));
                    *last = record;
                    *count += 1;
                }
            }
            Ok(_) => {}
            Err(Errno::AGAIN) => {
                emptied = true;
                break;
            }
            Err(Errno::NOBUFS) => lost = true,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut news: Vec<News> = told
        .into_values()
        .map(|(record, count)| News::Logged {
            at_ms: record.at_ms,
            cgroup: None,
            call: record.call,
            count,
            pid: record.pid,
            exe: record.exe,
            comm: record.comm,
        })
        .collect();
    if lost {
        news.push(News::LogOverrun);
    }
    Ok((news, emptied))
}

/// A process that may can send to this socket too; only the kernel has the number 0.
fn is_kernel(sender: &SocketAddrAny) -> bool {
    netlink::SocketAddrNetlink::try_from(sender.clone()).is_ok_and(|sender| sender.pid() == 0)
}
