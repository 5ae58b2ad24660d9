//! All maps. The loader sizes those whose number of entries depends on the host.

use aya_ebpf::{
    btf_maps::{Array, HashMap, PerCpuArray, Queue, RingBuf},
    macros::btf_map,
};
use profiler_common::{
    abi::{ABIS, CALL_LIMIT},
    argument::{ArgumentKey, ArgumentRoom, ArgumentSpec},
    filter::Filter,
    loss::CAUSES,
    record::CgroupRecord,
    refusal::{Count, CountKey, Refusal, RefusalKey},
};

const NO_PREALLOC: usize = 1;
const MMAPABLE: usize = 1024;

/// The truth. Written here only by atomic OR (sets) and plain stores (times); the daemon
/// reads it, and zeroes an element when it frees the slot of a removed cgroup. Through its mapping the
/// daemon takes bits out of `reported`, atomically too, and writes `phase` and `expects`.
#[btf_map]
pub static RECORDS: Array<CgroupRecord, 8192, MMAPABLE> = Array::new();

/// Cgroup id → its element of `RECORDS`. Inserted here, deleted by the daemon.
#[btf_map]
pub static SLOTS: HashMap<u64, u32, 8192> = HashMap::new();

/// Elements of `RECORDS` that nobody holds. Filled by the daemon, emptied here;
/// when it is empty a new cgroup's calls are counted as lost.
#[btf_map]
pub static FREE_SLOTS: Queue<u32, 8192> = Queue::new();

/// News for the daemon. When it is full, the news is counted as lost and tried again.
#[btf_map]
pub static NEWS: RingBuf<u64, 1_048_576> = RingBuf::new();

/// Refused calls with errno and count. When it is full, the set still holds the call.
#[btf_map]
pub static REFUSALS: HashMap<RefusalKey, Refusal, 16384, NO_PREALLOC> = HashMap::new();

/// Calls and errors, when counting is on.
#[btf_map]
pub static COUNTS: HashMap<CountKey, Count, 65536, NO_PREALLOC> = HashMap::new();

/// Which arguments of which calls are recorded, by position. Written by the daemon, read here.
#[btf_map]
pub static ARGUMENT_SPECS: Array<ArgumentSpec, { ABIS * CALL_LIMIT as usize }> = Array::new();

/// Combinations of values that were seen, when recording them is on; what they map to says nothing.
/// Inserted here, deleted by the daemon with their cgroup's record. When it is full, the calls
/// concerned count as made with any values.
#[btf_map]
pub static ARGUMENTS: HashMap<ArgumentKey, u32, 65536, NO_PREALLOC> = HashMap::new();

/// How many combinations there are of a cgroup's call. Without an entry none is known, which
/// must not be taken for "none was used".
#[btf_map]
pub static ARGUMENT_ROOM: HashMap<CountKey, ArgumentRoom, 65536, NO_PREALLOC> = HashMap::new();

/// Installed filters by hash. Inserted here, deleted by the daemon once it has a copy.
#[btf_map]
pub static FILTERS: HashMap<u64, Filter, 64> = HashMap::new();

/// Where a filter is put together before its hash is known: an element a CPU, since a
/// per-CPU map takes no values as large as this.
#[btf_map]
pub static FILTER_SCRATCH: Array<Filter, 1> = Array::new();

/// What could not be recorded, by cause (`profiler_common::loss`).
#[btf_map]
pub static LOSSES: PerCpuArray<u64, { CAUSES as usize }> = PerCpuArray::new();
