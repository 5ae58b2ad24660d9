//! What the daemon writes into a record that the kernel is using: calls that it wants to be told of once
//! more, and what it knows of the container from its engine.
//!
//! The kernel sets bits of a record at any moment, so nothing may be written to it but by atomic
//! operations on the very memory that the kernel uses. That is mapped for the moment it takes.

use std::{
    ffi::c_void,
    io,
    mem::offset_of,
    os::fd::AsFd,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use profiler_common::{
    abi::CALL_LIMIT,
    origin,
    record::{CallBits, CgroupRecord},
};
use rustix::{
    mm::{MapFlags, ProtFlags, mmap, munmap},
    param::page_size,
};

use crate::profile::{call::CallSet, engine_news::SessionKind, origin::Phase};

/// A few bytes of the map `RECORDS`, in this process's memory for as long as this lives.
pub(super) struct Mapped {
    begin: *mut c_void,
    length: usize,
    within: usize,
}

impl Mapped {
    /// `size` bytes from `offset` on in one element.
    #[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
    pub(super) fn new(
        records: impl AsFd,
        slot: u32,
        offset: usize,
        size: usize,
    ) -> io::Result<Self> {
        let begin = slot as usize * size_of::<CgroupRecord>() + offset;
        let page = begin / page_size() * page_size();
        let within = begin - page;
        let length = (within + size).next_multiple_of(page_size());
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
        Ok(Self {
            begin: mapped,
            length,
            within,
        })
    }

    /// Where the bytes begin.
    pub(super) fn bytes(&self) -> *mut u8 {
        self.begin.cast::<u8>().wrapping_add(self.within)
    }
}

impl Drop for Mapped {
    #[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
    fn drop(&mut self) {
        // SAFETY: made by `new`, and no reference to it outlives this. It cannot fail for what mmap gave.
        let _ = unsafe { munmap(self.begin, self.length) };
    }
}

/// Clears the bits of `calls` in the set `reported` of one element of the map `RECORDS`.
///
/// # Errors
/// The map cannot be mapped.
#[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
pub(super) fn take_back(records: impl AsFd, slot: u32, calls: &CallSet) -> io::Result<()> {
    let offset = offset_of!(CgroupRecord, reported);
    let mapped = Mapped::new(records, slot, offset, size_of::<CallBits>())?;
    for call in calls.iter().filter(|call| call.nr < CALL_LIMIT) {
        let position = (call.abi.index() * CALL_LIMIT + call.nr) as usize;
        // SAFETY: the word lies within the mapping, whose length was made for the whole set, and
        // is aligned, as records are; the kernel changes it by atomic operations only.
        let word = unsafe {
            let bits: *mut u64 = mapped.bytes().cast();
            AtomicU64::from_ptr(bits.add(position / 64))
        };
        word.fetch_and(!(1 << (position % 64)), Ordering::Relaxed);
    }
    Ok(())
}

#[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
fn store(records: impl AsFd, slot: u32, offset: usize, value: u32) -> io::Result<()> {
    let mapped = Mapped::new(records, slot, offset, size_of::<u32>())?;
    // SAFETY: the number lies within the mapping and is aligned, as records are; the kernel reads and
    // writes it whole.
    let number = unsafe { AtomicU32::from_ptr(mapped.bytes().cast()) };
    number.store(value, Ordering::Relaxed);
    Ok(())
}

/// Says in which phase a container is.
///
/// # Errors
/// The map cannot be mapped.
pub(super) fn set_phase(records: impl AsFd, slot: u32, phase: Phase) -> io::Result<()> {
    let number = match phase {
        Phase::Start => origin::START,
        Phase::Run => origin::RUN,
        Phase::Shutdown => origin::SHUTDOWN,
    };
    store(records, slot, offset_of!(CgroupRecord, phase), number)
}

/// Says who comes in next.
///
/// # Errors
/// The map cannot be mapped.
pub(super) fn expect(records: impl AsFd, slot: u32, kind: Option<SessionKind>) -> io::Result<()> {
    let number = match kind {
        None => origin::EXPECTS_EITHER,
        Some(SessionKind::Exec) => origin::EXPECTS_EXEC,
        Some(SessionKind::Health) => origin::EXPECTS_HEALTH,
    };
    store(records, slot, offset_of!(CgroupRecord, expects), number)
}

/// Elements lie in the map one after another, without padding.
const _: () = assert!(size_of::<CgroupRecord>().is_multiple_of(8));
