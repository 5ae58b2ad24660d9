//! How the kernel side is to be set up.

use std::path::PathBuf;

use crate::profile::arguments::Recorded;

/// Which hooks to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hooks {
    /// BTF tracepoints where the kernel has BTF, classic ones elsewhere.
    #[default]
    Auto,
    /// BTF tracepoints.
    Btf,
    /// Classic tracepoints.
    Classic,
}

/// Which programs to attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All: the recording is whole.
    #[default]
    All,
    /// All but the one on the return of calls, to measure what that one costs. Nothing that
    /// only a return tells is recorded: no refusals, and not what a call answered.
    EnterOnly,
}

/// What the loader is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which hooks to use.
    pub hooks: Hooks,
    /// Which programs to attach.
    pub programs: Selection,
    /// Where to pin, so that the recording goes on without the daemon; none to end with it.
    pub pin_dir: Option<PathBuf>,
    /// How many cgroups can be recorded at once.
    pub max_cgroups: u32,
    /// Size of the ring of news, bytes; rounded up to a power of two of pages.
    pub ring_bytes: u32,
    /// Count calls and errors.
    pub counting: bool,
    /// Record values of these arguments; empty to record none.
    pub arguments: Vec<Recorded>,
    /// Record one cgroup, which the programs are told of, and nothing else; the first
    /// execution in it is the program's, whatever the mount namespace.
    pub only_cgroup: Option<u64>,
}

impl Settings {
    /// Values of some arguments are recorded.
    pub(super) const fn records_arguments(&self) -> bool {
        !self.arguments.is_empty()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hooks: Hooks::Auto,
            programs: Selection::All,
            pin_dir: Some(PathBuf::from("/sys/fs/bpf/profiler")),
            max_cgroups: 8192,
            ring_bytes: 1 << 20,
            counting: false,
            arguments: Vec::new(),
            only_cgroup: None,
        }
    }
}
