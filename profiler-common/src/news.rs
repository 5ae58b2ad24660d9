//! Ring buffer records. Each begins with [`Header`]; news only, never the truth.

/// [`CallNews`]
pub const CALL: u32 = 1;
/// [`ExecNews`]
pub const EXEC: u32 = 2;
/// [`LifeNews`]: a cgroup was made.
pub const BORN: u32 = 3;
/// [`LifeNews`]: a cgroup was removed.
pub const GONE: u32 = 4;
/// [`FilterNews`]
pub const FILTER: u32 = 5;

/// An observed call's first sighting.
pub const OBSERVED: u32 = 0;
/// A refused call, for the first time or again after a second.
pub const REFUSED: u32 = 1;
/// An observed call's arguments were seen with these values for the first time.
pub const ARGUMENTS: u32 = 2;

/// Length of a path in [`ExecNews`], with its NUL.
pub const PATH_LEN: usize = 160;

/// What every record begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// [`CALL`] and its siblings.
    pub kind: u32,
    /// Size of the whole record.
    pub len: u32,
    /// Nanoseconds since boot.
    pub time_ns: u64,
    /// The cgroup v2 id.
    pub cgroup: u64,
}

/// A call was seen in its cgroup: for the first time, as the constants from [`OBSERVED`] on say.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallNews {
    /// Kind [`CALL`].
    pub header: Header,
    /// As in [`crate::abi`].
    pub abi: u32,
    /// The number, without the x32 bit.
    pub nr: u32,
    /// [`OBSERVED`], [`REFUSED`] or [`ARGUMENTS`].
    pub what: u32,
    /// As [`crate::refusal::RefusalKey::errno`]; 0 unless refused.
    pub errno: i32,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// Which entry from outside the caller descends from: 1 is the container's own start, 0 unknown.
    pub session: u32,
    /// How often it was refused by then. Of [`ARGUMENTS`] 1 where no more values are kept. Else 0.
    pub count: u32,
    /// The execution the caller descends from, 0 when it is older than the recording.
    pub exec_id: u64,
    /// As [`crate::argument::ArgumentKey::values`]; 0 unless it is news of them.
    pub values: [u64; crate::argument::ARGUMENTS],
    /// The caller's name for itself; it can be forged.
    pub comm: [u8; 16],
}

/// A program was executed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExecNews {
    /// Kind [`EXEC`].
    pub header: Header,
    /// Names this execution in [`CallNews::exec_id`].
    pub exec_id: u64,
    /// The execution that it came from.
    pub parent_exec_id: u64,
    /// The process.
    pub tgid: u32,
    /// As [`CallNews::session`].
    pub session: u32,
    /// 1 where this ended the runtime's part: the container's program begins.
    pub begins: u32,
    /// Bytes of `path`, without the NUL.
    pub path_len: u32,
    /// The path as the caller gave it, cut at [`PATH_LEN`].
    pub path: [u8; PATH_LEN],
}

/// A cgroup was made or removed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LifeNews {
    /// Kind [`BORN`] or [`GONE`].
    pub header: Header,
    /// The cgroup's depth.
    pub level: u32,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// A seccomp filter was installed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FilterNews {
    /// Kind [`FILTER`].
    pub header: Header,
    /// Key in the map `FILTERS`.
    pub hash: u64,
    /// Instructions.
    pub len: u32,
    /// Flags of seccomp(2).
    pub flags: u32,
    /// The process.
    pub tgid: u32,
    /// 1 where the runtime installed it: the container's own filter.
    pub by_runtime: u32,
}

const _: () = {
    assert!(size_of::<Header>() == 24);
    assert!(size_of::<CallNews>() == 24 + 32 + 8 + 24 + 16);
    assert!(size_of::<ExecNews>() == 24 + 32 + PATH_LEN);
    assert!(size_of::<LifeNews>() == 32);
    assert!(size_of::<FilterNews>() == 48);
};
