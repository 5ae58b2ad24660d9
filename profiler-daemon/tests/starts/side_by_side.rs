//! The same work on many things, a few at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many at once: an engine under more starts no more containers a second.
const AT_ONCE: usize = 3;

/// Does the work on every thing; panics if any of it did.
pub(crate) fn side_by_side<T: Sync>(things: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(things.len()) {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(thing);
                }
            });
        }
    });
}
