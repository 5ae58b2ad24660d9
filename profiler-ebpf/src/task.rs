//! What is kept of a task between two of its system calls.

/// Runs the container's own programs.
pub const PROGRAM: u32 = 0;
/// Came in from outside, and has not executed the container's program yet.
pub const RUNTIME: u32 = 1;

/// In [`TaskState::entered`]: a call is in flight, and its position is in the low bits.
pub const IN_FLIGHT: u32 = 1 << 31;
/// A call is in flight that must not be judged when it returns: its entry was not seen, or its number is in no table.
pub const UNJUDGED: u32 = 1 << 30;
/// The call in flight installs a filter, which is in [`TaskState::pending_filter`].
pub const INSTALLS: u32 = 1 << 29;
/// The call was made in the phase [`PROGRAM`].
pub const BY_PROGRAM: u32 = 1 << 28;
/// The bits that hold the position.
pub const POSITION: u32 = 0xffff;

/// In [`TaskState::origin`]: it descends from the container's own start, or from whoever ran there before
/// the recording began.
pub const OWN: u32 = 0;
/// It came in later, as an exec session or as a health check.
pub const LATER: u32 = 1;
/// It came in later, for the container's health check.
pub const LATER_HEALTH: u32 = 2;
/// It came in later, and not for the health check.
pub const LATER_EXEC: u32 = 3;

/// A task's state. Its children inherit it at fork; it goes when the task does.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TaskState {
    /// The cgroup in which its last call was recorded, 0 for none yet.
    pub cgroup: u64,
    /// The execution that it descends from, 0 when that is older than the recording.
    pub exec_id: u64,
    /// Hash of the filter that the call in flight installs.
    pub pending_filter: u64,
    /// Element of `RECORDS` for `cgroup`, 0 for none.
    pub slot: u32,
    /// The call in flight.
    pub entered: u32,
    /// [`PROGRAM`] or [`RUNTIME`].
    pub phase: u32,
    /// Which entry from outside it descends from: 1 the container's own start, 0 unknown.
    pub session: u32,
    /// Mount namespace from which it came in; the runtime may execute itself there.
    pub outside_mntns: u32,
    /// Executions since it came in.
    pub execs: u32,
    /// It installed a filter since it came in.
    pub filtered: u32,
    /// Length of the pending filter.
    pub pending_len: u32,
    /// While in [`RUNTIME`]: the deepest level down to which its cgroup's ancestors are those of
    /// the cgroup in which it last was a program.
    pub home: u32,
    /// Flags of seccomp(2) for the pending filter.
    pub pending_flags: u32,
    /// [`OWN`] or one of its siblings.
    pub origin: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

#[cfg(not(feature = "classic"))]
mod keeping {
    //! Task storage: found without hashing, freed by the kernel with its task.

    use aya_ebpf::{
        bindings::{BPF_F_NO_PREALLOC, bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE, task_struct},
        helpers::generated::{bpf_get_current_task_btf, bpf_task_storage_get},
        macros::btf_map,
    };

    use super::TaskState;
    use crate::typed;

    /// What a task is found by.
    pub type Task = *mut task_struct;

    /// The shape of a BTF map definition, which the loader reads from the object's BTF.
    #[repr(C)]
    pub struct TaskStorage {
        r#type: *const [i32; BPF_MAP_TYPE_TASK_STORAGE as usize],
        key: *const i32,
        value: *const TaskState,
        max_entries: *const [i32; 0],
        map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
    }

    // SAFETY: the fields are never read; they are types for the loader.
    unsafe impl Sync for TaskStorage {}

    #[btf_map]
    static TASKS: TaskStorage = TaskStorage {
        r#type: core::ptr::null(),
        key: core::ptr::null(),
        value: core::ptr::null(),
        max_entries: core::ptr::null(),
        map_flags: core::ptr::null(),
    };

    const CREATE: u64 = 1;

    #[inline(always)]
    unsafe fn get(task: Task, flags: u64) -> Option<*mut TaskState> {
        let map = core::ptr::from_ref(&TASKS).cast_mut().cast();
        let state: *mut TaskState =
            bpf_task_storage_get(map, task, core::ptr::null_mut(), flags).cast();
        if state.is_null() { None } else { Some(state) }
    }

    /// The current task. A call into the kernel, so that a hook asks once.
    #[inline(always)]
    pub unsafe fn this() -> Task {
        bpf_get_current_task_btf()
    }

    /// The id of a task's cgroup.
    #[inline(always)]
    pub unsafe fn cgroup(task: Task) -> u64 {
        typed::cgroup(task)
    }

    /// A task's state, if it has one.
    #[inline(always)]
    pub unsafe fn known(task: Task) -> Option<*mut TaskState> {
        get(task, 0)
    }

    /// A task's state, made if it has none.
    #[inline(always)]
    pub unsafe fn known_or_new(task: Task) -> Option<*mut TaskState> {
        match get(task, 0) {
            Some(state) => Some(state),
            None => get(task, CREATE),
        }
    }

    /// A new child's state.
    #[inline(always)]
    pub unsafe fn child(task: Task) -> Option<*mut TaskState> {
        get(task, CREATE)
    }
}

#[cfg(feature = "classic")]
mod keeping {
    //! A hash map by thread id; an entry is deleted when its thread exits.

    use aya_ebpf::{
        btf_maps::HashMap,
        helpers::{bpf_get_current_pid_tgid, generated::bpf_get_current_cgroup_id},
        macros::btf_map,
    };

    use super::{OWN, TaskState};

    /// What a task is found by: its thread id.
    pub type Task = u32;

    #[btf_map]
    static TASKS: HashMap<u32, TaskState, 65536, 1> = HashMap::new();

    static NEW: TaskState = TaskState {
        cgroup: 0,
        exec_id: 0,
        pending_filter: 0,
        slot: 0,
        entered: 0,
        phase: 0,
        session: 0,
        outside_mntns: 0,
        execs: 0,
        filtered: 0,
        pending_len: 0,
        home: 0,
        pending_flags: 0,
        origin: OWN,
        pad: 0,
    };

    /// The current task.
    #[inline(always)]
    pub unsafe fn this() -> Task {
        bpf_get_current_pid_tgid() as u32
    }

    /// The id of the current task's cgroup; another task's cannot be asked for.
    #[inline(always)]
    pub unsafe fn cgroup(_current: Task) -> u64 {
        bpf_get_current_cgroup_id()
    }

    /// A task's state, if it has one.
    #[inline(always)]
    pub unsafe fn known(task: Task) -> Option<*mut TaskState> {
        TASKS.get_ptr_mut(task)
    }

    /// A task's state, made if it has none.
    #[inline(always)]
    pub unsafe fn known_or_new(task: Task) -> Option<*mut TaskState> {
        match known(task) {
            Some(state) => Some(state),
            None => child(task),
        }
    }

    /// A new child's state.
    #[inline(always)]
    pub unsafe fn child(task: Task) -> Option<*mut TaskState> {
        let _ = TASKS.insert(task, &NEW, 0);
        TASKS.get_ptr_mut(task)
    }

    /// Forgets the current task, which exits.
    #[inline(always)]
    pub unsafe fn forget() {
        let _ = TASKS.remove(this());
    }
}

pub use keeping::*;

/// The current task's state, if it has one.
#[inline(always)]
pub unsafe fn current() -> Option<*mut TaskState> {
    known(this())
}

/// What a new child starts with: all that its parent has.
#[inline(always)]
pub unsafe fn inherit(parent: Option<*mut TaskState>, child: *mut TaskState, mntns: u32) {
    match parent {
        Some(parent) => {
            *child = *parent;
            if (*parent).phase == PROGRAM {
                (*child).outside_mntns = mntns;
            }
        }
        // The parent forks in a call whose entry was not seen; so does its child return from it.
        None => (*child).entered = IN_FLIGHT | UNJUDGED,
    }
}
