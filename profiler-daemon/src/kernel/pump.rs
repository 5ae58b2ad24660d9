//! From the ring to the collector. The ring is the only queue that can overflow.

use aya::maps::{MapData, RingBuf};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{clock::BootTime, decode};
use crate::recording::news::News;

/// The ring of news.
pub type Ring = RingBuf<MapData>;

/// Records taken from the ring at once, before others may run.
const BATCH: usize = 512;

/// Sends news until told to stop; then what is still in the ring.
///
/// The channel holds the pump back when the collector is slow, so that what cannot be
/// kept is lost in the kernel, where it is counted.
///
/// # Errors
/// The ring cannot be polled.
pub async fn pump(
    ring: Ring,
    collector: mpsc::Sender<Vec<News>>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let mut ring = register(ring)?;
    // What an earlier daemon has left may be there already, and wakes nobody.
    if !drain_all(ring.get_mut(), &collector).await {
        return Ok(());
    }
    loop {
        let mut guard = tokio::select! {
            guard = ring.readable_mut() => guard?,
            () = stop.cancelled() => break,
        };
        let batch = drain(guard.get_inner_mut());
        // Readiness is told once: it may be forgotten only when nothing is left.
        if batch.len() < BATCH {
            guard.clear_ready();
        }
        if !batch.is_empty() && collector.send(batch).await.is_err() {
            return Ok(());
        }
    }
    drain_all(ring.get_mut(), &collector).await;
    Ok(())
}

/// Lets tokio watch the ring's descriptor.
#[expect(
    unsafe_code,
    reason = "tokio asks that the descriptor stays what it is"
)]
fn register(ring: Ring) -> std::io::Result<AsyncFd<Ring>> {
    // SAFETY: the ring owns its descriptor, never replaces it, and closes it when dropped.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(|failed| failed.into_parts().1)
}

async fn drain_all(ring: &mut Ring, collector: &mpsc::Sender<Vec<News>>) -> bool {
    loop {
        let batch = drain(ring);
        if batch.is_empty() {
            return true;
        }
        if collector.send(batch).await.is_err() {
            return false;
        }
    }
}

fn drain(ring: &mut Ring) -> Vec<News> {
    let boot = BootTime::now();
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        let Some(item) = ring.next() else {
            break;
        };
        match decode::decode(&item, boot) {
            Some(news) => batch.push(news),
            None => tracing::warn!(
                bytes = item.len(),
                "the ring holds a record of unknown make"
            ),
        }
    }
    batch
}
