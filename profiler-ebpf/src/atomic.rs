//! Atomic OR and addition on map values.
//!
//! rustc holds that BPF has no read-modify-write atomics and leaves these methods out
//! of `core::sync::atomic`; the instruction set has them since version 3, and the
//! compiler's intrinsics lower to them.

use core::intrinsics::{AtomicOrdering, atomic_or, atomic_xadd};

/// `*word |= bits`
#[inline(always)]
pub unsafe fn or(word: *mut u64, bits: u64) {
    atomic_or::<u64, u64, { AtomicOrdering::Relaxed }>(word, bits);
}

/// `*count += n`
#[inline(always)]
pub unsafe fn add(count: *mut u64, n: u64) {
    atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(count, n);
}

/// `*count += 1`, and what it was before.
///
/// A relaxed addition is compiled to the instruction that fetches nothing, and then answers its own
/// operand; only a stronger order makes the one that fetches.
#[inline(always)]
pub unsafe fn next(count: *mut u32) -> u32 {
    atomic_xadd::<u32, u32, { AtomicOrdering::SeqCst }>(count, 1)
}

/// The same with 64 bits.
#[inline(always)]
pub unsafe fn next_wide(count: *mut u64) -> u64 {
    atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(count, 1)
}
