//! That one container is moved by one process at a time.
//!
//! The hold is the name of an abstract socket: it needs no file and no permission, and the kernel
//! gives it back when its holder dies, however that dies.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    time::Duration,
};

/// How often is tried to get it.
const PACE: Duration = Duration::from_millis(100);

/// The right to move a container; given back when it is dropped.
#[derive(Debug)]
pub struct Hold {
    _listener: UnixListener,
}

impl Hold {
    /// Takes it; none if somebody else has it. `engine` is the path of the engine's socket.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that.
    pub fn take(engine: &str, container: &str) -> io::Result<Option<Self>> {
        let name = format!("profilectl-apply\n{engine}\n{container}");
        // A name may have 107 bytes; two long ones that begin alike would exclude one another,
        // which is safe.
        let name = &name.as_bytes()[..name.len().min(107)];
        match UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) {
            Ok(listener) => Ok(Some(Self {
                _listener: listener,
            })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until it can be had, for so long.
    ///
    /// # Errors
    /// As for [`Hold::take`].
    pub async fn wait(engine: &str, container: &str, limit: Duration) -> io::Result<Option<Self>> {
        let mut waited = Duration::ZERO;
        loop {
            let taken = Self::take(engine, container)?;
            if taken.is_some() || waited >= limit {
                return Ok(taken);
            }
            tokio::time::sleep(PACE).await;
            waited += PACE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hold;

    #[test]
    fn one_at_a_time_and_none_left_behind() {
        let engine = format!("/hold-test/{}", std::process::id());
        let first = Hold::take(&engine, "web").unwrap();
        assert!(first.is_some());
        assert!(Hold::take(&engine, "web").unwrap().is_none());
        assert!(Hold::take(&engine, "db").unwrap().is_some());
        drop(first);
        assert!(Hold::take(&engine, "web").unwrap().is_some());
    }
}
