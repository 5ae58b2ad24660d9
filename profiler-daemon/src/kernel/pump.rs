//! From the ring to the collector. The ring is the only queue that can overflow.

use aya::maps::{MapData, RingBuf};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{clock::BootTime, decode};
use crate::recording::news::News;

/// The ring of news; before it, what nobody has read of an earlier layout version's.
pub struct Ring {
    unread: Option<RingBuf<MapData>>,
    news: RingBuf<MapData>,
}

impl Ring {
    /// `unread` is filled no more.
    pub(super) fn new(unread: Option<RingBuf<MapData>>, news: RingBuf<MapData>) -> Self {
        Self { unread, news }
    }
}

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
    if let Some(mut unread) = ring.unread
        && !drain_all(&mut unread, &collector, News::without_session).await
    {
        return Ok(());
    }
    let mut ring = register(ring.news)?;
    // What an earlier daemon has left may be there already, and wakes nobody.
    if !drain_all(ring.get_mut(), &collector, |news| news).await {
        return Ok(());
    }
    loop {
        let mut guard = tokio::select! {
            guard = ring.readable_mut() => guard?,
            () = stop.cancelled() => break,
        };
        let batch = drain(guard.get_inner_mut(), |news| news);
        // Readiness is told once: it may be forgotten only when nothing is left.
        if batch.len() < BATCH {
            guard.clear_ready();
        }
        if !batch.is_empty() && collector.send(batch).await.is_err() {
            return Ok(());
        }
    }
    drain_all(ring.get_mut(), &collector, |news| news).await;
    Ok(())
}

/// Lets tokio watch the ring's descriptor.
#[expect(
    unsafe_code,
    reason = "tokio asks that the descriptor stays what it is"
)]
fn register(ring: RingBuf<MapData>) -> std::io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring owns its descriptor, never replaces it, and closes it when dropped.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(|failed| failed.into_parts().1)
}

async fn drain_all(
    ring: &mut RingBuf<MapData>,
    collector: &mpsc::Sender<Vec<News>>,
    told: fn(News) -> News,
) -> bool {
    loop {
        let batch = drain(ring, told);
        if batch.is_empty() {
            return true;
        }
        if collector.send(batch).await.is_err() {
            return false;
        }
    }
}

fn drain(ring: &mut RingBuf<MapData>, told: fn(News) -> News) -> Vec<News> {
    let boot = BootTime::now();
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        let Some(item) = ring.next() else {
            break;
        };
        match decode::decode(&item, boot) {
            Some(news) => batch.push(told(news)),
            None => tracing::warn!(
                bytes = item.len(),
                "the ring holds a record of unknown make"
            ),
        }
    }
    batch
}
