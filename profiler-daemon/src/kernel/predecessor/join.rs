//! One record of the layout before joined into this build's, while the kernel writes to either.
//!
//! Everything is a union, a smallest or a largest value, by atomic operations on the very memory that
//! the kernel uses: done any number of times, or in part, it comes to the same. Must never take away.

use std::{
    mem::offset_of,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use profiler_common::record::{
    BORN, CallBits, CgroupRecord, FILTERS, FILTERS_OVERFLOW, GONE, RAN_BEFORE, STARTED,
};

use super::layout::Record;

/// A record of this build's layout, in memory that others write to.
pub(super) struct Live<'a> {
    words: &'a [AtomicU64; size_of::<CgroupRecord>() / 8],
    changed: bool,
}

impl Live<'_> {
    /// # Safety
    /// There is a record at `begin`, aligned, for as long as this lives, and whoever else writes to it
    /// does so by whole numbers.
    #[expect(unsafe_code, reason = "the map's memory is shared with the kernel")]
    pub(super) unsafe fn new(begin: *mut u8) -> Self {
        Self {
            // SAFETY: the caller promises it; a record is made of whole 64-bit words.
            words: unsafe { &*begin.cast() },
            changed: false,
        }
    }

    fn wide(&self, offset: usize) -> &AtomicU64 {
        let [first, ..] = self.words;
        self.words.get(offset / 8).unwrap_or(first)
    }

    #[expect(unsafe_code, reason = "two numbers of 32 bits lie in one word")]
    fn narrow(&self, offset: usize) -> &AtomicU32 {
        let word: *mut u32 = self.wide(offset).as_ptr().cast();
        // SAFETY: it is the one or the other half of a word of the record.
        unsafe { AtomicU32::from_ptr(word.add(offset % 8 / 4)) }
    }

    fn or(&mut self, offset: usize, bits: u64) {
        let word = self.wide(offset);
        if word.load(Relaxed) & bits != bits {
            word.fetch_or(bits, Relaxed);
            self.changed = true;
        }
    }

    fn or_set(&mut self, offset: usize, set: &CallBits) {
        for (n, bits) in set.iter().enumerate() {
            self.or(offset + n * 8, *bits);
        }
    }

    fn or_narrow(&mut self, offset: usize, bits: u32) {
        let word = self.narrow(offset);
        if word.load(Relaxed) & bits != bits {
            word.fetch_or(bits, Relaxed);
            self.changed = true;
        }
    }

    /// The earlier of two times, of which 0 is none.
    fn earliest(&mut self, offset: usize, time_ns: u64) {
        let earlier = |now: u64| (time_ns != 0 && (now == 0 || time_ns < now)).then_some(time_ns);
        let moved = self.wide(offset).fetch_update(Relaxed, Relaxed, earlier);
        self.changed |= moved.is_ok();
    }

    fn at_least(&mut self, offset: usize, number: u64) {
        let before = self.wide(offset).fetch_max(number, Relaxed);
        self.changed |= before < number;
    }

    fn at_least_narrow(&mut self, offset: usize, number: u32) {
        let before = self.narrow(offset).fetch_max(number, Relaxed);
        self.changed |= before < number;
    }

    fn flags(&self) -> u32 {
        self.narrow(offset_of!(CgroupRecord, flags)).load(Relaxed)
    }

    /// Joins a record of the same cgroup; `settled` once the programs that wrote it are gone. True where
    /// that changed anything.
    pub(super) fn join(mut self, old: &Record, settled: bool) -> bool {
        self.place(old);
        self.sets(old);
        self.filters(old);
        self.numbers(old);
        // Last: what a flag says of the rest must be there by then.
        self.start(old, settled);
        self.or_narrow(
            offset_of!(CgroupRecord, flags),
            old.flags & (GONE | FILTERS_OVERFLOW | STARTED),
        );
        self.changed
    }

    /// The place in the tree never changes, and the kernel writes the same.
    fn place(&mut self, old: &Record) {
        let ancestors = offset_of!(CgroupRecord, ancestors);
        if old.ancestors[0] == 0 || self.wide(ancestors).load(Relaxed) != 0 {
            return;
        }
        let level = self.narrow(offset_of!(CgroupRecord, level));
        level.store(old.level, Relaxed);
        // The root's id is what says that there are any.
        for (n, id) in old.ancestors.iter().enumerate().rev() {
            self.wide(ancestors + n * 8).store(*id, Relaxed);
        }
        self.changed = true;
    }

    /// Where a call came from was not recorded: it is in no set of origins, which is "unknown".
    fn sets(&mut self, old: &Record) {
        self.or_set(offset_of!(CgroupRecord, observed), &old.observed);
        self.or_set(offset_of!(CgroupRecord, reported), &old.reported);
        self.or_set(offset_of!(CgroupRecord, answered), &old.answered);
        self.or_set(offset_of!(CgroupRecord, unsupported), &old.unsupported);
        self.or_set(offset_of!(CgroupRecord, runtime), &old.runtime);
        self.or_set(offset_of!(CgroupRecord, guarded), &old.guarded);
        self.or_set(offset_of!(CgroupRecord, refused), &old.refused);
        let refused = offset_of!(CgroupRecord, runtime_refused);
        self.or_set(refused, &old.runtime_refused);
    }

    /// Filters that are not listed go to the end of the list, as they do when they are installed.
    fn filters(&mut self, old: &Record) {
        let list = offset_of!(CgroupRecord, filters);
        for (n, hash) in old.filters.iter().enumerate() {
            if *hash == 0 {
                break;
            }
            let mut kept = false;
            for place in 0..FILTERS {
                let entry = self.wide(list + place * 8);
                match entry.compare_exchange(0, *hash, Relaxed, Relaxed) {
                    Ok(_) => self.changed = true,
                    Err(other) if other == *hash => {}
                    Err(_) => continue,
                }
                let by_runtime = old.runtime_filters >> n & 1;
                let offset = offset_of!(CgroupRecord, runtime_filters);
                self.or_narrow(offset, by_runtime << place);
                kept = true;
                break;
            }
            if !kept {
                self.or_narrow(offset_of!(CgroupRecord, flags), FILTERS_OVERFLOW);
            }
        }
    }

    /// Both may have counted the same: the larger number is what is certain.
    fn numbers(&mut self, old: &Record) {
        self.earliest(offset_of!(CgroupRecord, first_ns), old.first_ns);
        self.at_least(offset_of!(CgroupRecord, last_new_ns), old.last_new_ns);
        self.earliest(offset_of!(CgroupRecord, gone_ns), old.gone_ns);
        self.at_least(offset_of!(CgroupRecord, out_of_range), old.out_of_range);
        self.or(offset_of!(CgroupRecord, entry_levels), old.entry_levels);
        self.at_least_narrow(offset_of!(CgroupRecord, installs), old.installs);
        // How many processes came in says nothing of how many sessions that were. There was one.
        let entries = u32::from(old.flags & STARTED != 0);
        self.at_least_narrow(offset_of!(CgroupRecord, entries), entries);
    }

    /// Whether its start was seen.
    ///
    /// Our programs do not know of a task that was met before them whether it still is the runtime, and
    /// take it for the container's. So a start that is under way when they come is not called seen: the
    /// kernel then writes down that somebody ran there before, and that stays. Of a cgroup into which nobody
    /// has come yet it is told only when it is settled: somebody may, before our programs are attached.
    fn start(&mut self, old: &Record, settled: bool) {
        let flags = offset_of!(CgroupRecord, flags);
        if old.flags & BORN == 0 {
            if old.first_ns != 0 {
                self.or_narrow(flags, RAN_BEFORE);
            }
            return;
        }
        let may_come = !settled && old.first_ns == 0;
        let under_way = old.flags & STARTED == 0 && (old.entry_levels != 0 || may_come);
        if !under_way && self.flags() & RAN_BEFORE == 0 {
            self.earliest(offset_of!(CgroupRecord, born_ns), old.born_ns);
            self.or_narrow(flags, BORN);
        }
    }
}

const _: () = assert!(size_of::<CgroupRecord>().is_multiple_of(8));
