//! The measured loop: getppid, which does next to nothing in the kernel, and which no libc caches.

use std::{hint::black_box, time::Instant};

/// Calls in one timed stretch: short, so that some stretch is not interrupted.
const STRETCH: u32 = 4000;

/// Nanoseconds per call, the least of many stretches of `STRETCH` calls.
pub(crate) fn quick() -> f64 {
    // Warms caches and the branch predictor, and makes every first sighting.
    least(STRETCH, 2);
    least(STRETCH, 60)
}

/// Nanoseconds per call, the least of `stretches` stretches of `calls` calls.
pub(crate) fn least(calls: u32, stretches: u32) -> f64 {
    (0..stretches)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..calls {
                black_box(rustix::process::getppid());
            }
            begin.elapsed().as_nanos() as f64 / f64::from(calls)
        })
        .fold(f64::INFINITY, f64::min)
}
