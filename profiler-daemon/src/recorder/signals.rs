//! Signals that are sent to the recorder while it records.
//!
//! They are caught before the cgroup is made, for a recorder that died of one would leave it behind.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a program to end.
pub(super) struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Number {
        tokio::select! {
            _ = self.terminate.recv() => Number::TERM,
            _ = self.hangup.recv() => Number::HUP,
            _ = self.interrupt.recv() => Number::INT,
            _ = self.quit.recv() => Number::QUIT,
        }
    }

    /// One that has come already.
    pub(super) async fn pending(&mut self) -> Option<Number> {
        tokio::select! {
            biased;
            number = self.next() => Some(number),
            // A timer, for only a turn of the runtime's driver brings the news of a signal.
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => None,
        }
    }
}
