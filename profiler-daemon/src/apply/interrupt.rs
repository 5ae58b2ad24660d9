//! The wish to stop: told once, heard between steps and while a container is watched.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::sync::Notify;

/// A signal that was received, or none yet.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    signal: AtomicU8,
    told: Notify,
}

impl Interrupt {
    /// Tells of a signal, by its number.
    pub fn raise(&self, signal: u8) {
        self.inner.signal.store(signal, Ordering::SeqCst);
        self.inner.told.notify_waiters();
        // For somebody who begins to wait after this.
        self.inner.told.notify_one();
    }

    /// The signal's number.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        match self.inner.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Waits for one.
    pub(super) async fn raised(&self) {
        while self.signal().is_none() {
            self.inner.told.notified().await;
        }
    }
}
