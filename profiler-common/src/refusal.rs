//! Refused calls, counted where they happen.

/// Refused by death: `SECCOMP_RET_KILL_*` or `SECCOMP_RET_TRAP`, seen as SIGSYS.
pub const ERRNO_SIGSYS: i32 = -1;

/// Key of the map `REFUSALS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalKey {
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// As in [`crate::abi`].
    pub abi: u32,
    /// The call's number, without the x32 bit.
    pub nr: u32,
    /// The errno that the caller got, 0 where a supervisor made it succeed, [`ERRNO_SIGSYS`].
    pub errno: i32,
    /// 1 where the runtime was the caller, 0 for the container's own programs.
    pub by_runtime: u32,
}

/// Value of the map `REFUSALS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// How often.
    pub count: u64,
    /// First time, nanoseconds since boot.
    pub first_ns: u64,
    /// Last time, nanoseconds since boot.
    pub last_ns: u64,
    /// When it was last told, nanoseconds since boot.
    pub told_ns: u64,
    /// The execution that made the first one; see [`crate::news::ExecNews`].
    pub exec_id: u64,
    /// The process that made the first one.
    pub tgid: u32,
    /// Explicit padding, 0.
    pub pad: u32,
    /// The caller's name for itself, the first time; it can be forged.
    pub comm: [u8; 16],
}

/// Key of the map `COUNTS` (optional counting).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountKey {
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// As in [`crate::abi`].
    pub abi: u32,
    /// The call's number, without the x32 bit.
    pub nr: u32,
}

/// Value of the map `COUNTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Calls that returned.
    pub calls: u64,
    /// Calls that returned an errno.
    pub errors: u64,
}

const _: () = {
    assert!(size_of::<RefusalKey>() == 24);
    assert!(size_of::<Refusal>() == 64);
    assert!(size_of::<CountKey>() == 16);
    assert!(size_of::<Count>() == 16);
};
