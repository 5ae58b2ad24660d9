//! What the daemon does not need any more is given back to the kernel. One long answer, or a start beside a
//! thousand kept containers, would otherwise be paid for as long as the daemon runs.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::kernel::memory::give_back;

/// How often. It takes about a millisecond, in which nobody gets memory.
const EVERY: Duration = Duration::from_secs(30);

/// Gives memory back until told to stop: at once, for the daemon has just begun, and now and then.
pub(super) async fn tend(stop: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => give_back(),
            () = stop.cancelled() => return,
        }
    }
}
