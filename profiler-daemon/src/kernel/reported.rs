//! Taking back what was reported: the kernel tells of these calls once more when they are made.
//!
//! The kernel sets bits of a record at any moment, so nothing may be written to it but by atomic
//! operations on the very memory that the kernel uses. That is mapped for the moment it takes.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering},
};

use profiler_common::{
    abi::CALL_LIMIT,
    record::{CallBits, CgroupRecord},
};
use rustix::{
    mm::{MapFlags, ProtFlags, mmap, munmap},
    param::page_size,
};

use crate::profile::call::CallSet;

/// Clears the bits of `calls` in the set `reported` of one element of the map `RECORDS`.
///
/// # Errors
/// The map cannot be mapped.
#[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
pub(super) fn take_back(records: impl AsFd, slot: u32, calls: &CallSet) -> io::Result<()> {
    let begin =
        slot as usize * size_of::<CgroupRecord>() + std::mem::offset_of!(CgroupRecord, reported);
    let page = begin / page_size() * page_size();
    let within = begin - page;
    let length = (within + size_of::<CallBits>()).next_multiple_of(page_size());
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let mapped = unsafe {
        mmap(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            records,
            page as u64,
        )
    }?;
    for call in calls.iter().filter(|call| call.nr < CALL_LIMIT) {
        let position = (call.abi.index() * CALL_LIMIT + call.nr) as usize;
        // SAFETY: the word lies within the mapping, whose length was made for the whole set, and
        // is aligned, as records are; the kernel changes it by atomic operations only.
        let word = unsafe {
            let bits: *mut u64 = mapped.cast::<u8>().add(within).cast();
            AtomicU64::from_ptr(bits.add(position / 64))
        };
        word.fetch_and(!(1 << (position % 64)), Ordering::Relaxed);
    }
    // SAFETY: made above, and no reference to it is left.
    unsafe { munmap(mapped, length) }.map_err(io::Error::from)
}

/// Elements lie in the map one after another, without padding.
const _: () = assert!(size_of::<CgroupRecord>().is_multiple_of(8));
