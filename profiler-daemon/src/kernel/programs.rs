//! Which programs there are, on which hooks, and in which order they are attached.

/// One program of an object and its hook.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProgramSpec {
    /// The program's name in the object.
    pub(super) name: &'static str,
    /// Name of the tracepoint.
    pub(super) hook: &'static str,
    /// Category of the tracepoint, where it is a classic one.
    pub(super) category: &'static str,
    /// Without it the recording is poorer, but right; the sentence says what is missing.
    pub(super) optional: Option<&'static str>,
    /// It takes a return without an entry for a refusal: there must never be two of it.
    pub(super) judges_returns: bool,
}

const fn required(name: &'static str, category: &'static str) -> ProgramSpec {
    ProgramSpec {
        name,
        hook: name,
        category,
        optional: None,
        judges_returns: false,
    }
}

/// Ancestry first, so that no task is met without it; the return of calls last, so that a
/// call whose entry was not seen is not mistaken for a refused one.
pub(super) const PROGRAMS: [ProgramSpec; 8] = [
    required("sched_process_fork", "sched"),
    required("sched_process_exec", "sched"),
    required("cgroup_mkdir", "cgroup"),
    required("cgroup_rmdir", "cgroup"),
    required("sys_enter", "raw_syscalls"),
    ProgramSpec {
        name: "signal_generate",
        hook: "signal_generate",
        category: "signal",
        optional: Some("calls that a filter answers with a signal are not seen"),
        judges_returns: false,
    },
    ProgramSpec {
        name: "emulate_vsyscall",
        hook: "emulate_vsyscall",
        category: "vsyscall",
        optional: Some("calls through the legacy vsyscall page are not seen"),
        judges_returns: false,
    },
    ProgramSpec {
        judges_returns: true,
        ..required("sys_exit", "raw_syscalls")
    },
];

/// The programs for classic tracepoints: task state must be forgotten by hand, and there are
/// two layouts of what a fork tells.
pub(super) fn classic(fork_located: bool) -> Vec<ProgramSpec> {
    let mut programs = PROGRAMS.to_vec();
    if fork_located {
        for program in &mut programs {
            if program.name == "sched_process_fork" {
                program.name = "sched_process_fork_located";
            }
        }
    }
    programs.push(required("sched_process_exit", "sched"));
    programs
}

/// All maps that outlive the daemon, by name.
pub(super) const PINNED_MAPS: [&str; 13] = [
    "RECORDS",
    "SLOTS",
    "FREE_SLOTS",
    "NEWS",
    "REFUSALS",
    "COUNTS",
    "FILTERS",
    "LOSSES",
    "TASKS",
    "FILTER_SCRATCH",
    "ARGUMENT_SPECS",
    "ARGUMENT_ROOM",
    "ARGUMENTS",
];
