//! What of a runtime's calls under the filter a start cannot do without.
//!
//! `needs` lists what makes a start work as if there were no filter; this is about the opposite: a
//! filter that was not made with the runtime in mind. Measured with runc 1.1.5 and 1.3.6 by leaving
//! out one call at a time; of crun as its code tells.

use super::{needs::Family, version::Version};
use crate::profile::identity::Runtime;

/// Calls without which starts of one kind fail, each time.
#[derive(Clone, Copy, Debug)]
pub struct Required {
    /// The runtime.
    pub family: Family,
    versions: fn(Version) -> bool,
    /// Only without no-new-privileges.
    pub only_without_nnp: bool,
    /// What the runtime cannot do, and in which versions.
    pub fails: &'static str,
    /// The calls.
    pub names: &'static [&'static str],
}

fn all(_: Version) -> bool {
    true
}

/// All that is known.
pub const REQUIRED: [Required; 4] = [
    Required {
        family: Family::Runc,
        versions: all,
        only_without_nnp: false,
        fails: "cannot start a container, with no-new-privileges or without",
        names: &["close", "fstatfs", "getdents64", "openat", "write"],
    },
    Required {
        family: Family::Runc,
        versions: all,
        only_without_nnp: true,
        fails: "cannot start a container without no-new-privileges",
        names: &[
            "capget",
            "capset",
            "chdir",
            "fstat",
            "getcwd",
            "getppid",
            "newfstatat",
            "prctl",
            "read",
            "setgid",
            "setgroups",
            "setuid",
        ],
    },
    Required {
        family: Family::Runc,
        versions: Version::runc_opens_proc_safely,
        only_without_nnp: false,
        fails: "since 1.2.8 and 1.3.3 cannot start a container",
        names: &["statx"],
    },
    Required {
        family: Family::Crun,
        versions: all,
        only_without_nnp: true,
        fails: "cannot start a container without no-new-privileges",
        names: &["capset", "prctl", "read", "setresgid", "setresuid"],
    },
];

/// Calls of the Go runtime within runc that a start makes or not, as timing has it. Measured:
/// without them one start in six fails.
pub const SPORADIC: [&str; 2] = ["futex", "rt_sigreturn"];

/// Calls that runtimes try and do without if they get an errno. A filter that kills for them kills
/// the start.
pub const TOLERATED: [&str; 12] = [
    "close_range",
    "epoll_ctl",
    "faccessat",
    "faccessat2",
    "fcntl",
    "fsconfig",
    "fsmount",
    "fsopen",
    "getpid",
    "open_tree",
    "openat2",
    "readlinkat",
];

impl Required {
    /// Whether it is about starts by this runtime; `None` if that hangs on a version that is not
    /// known.
    #[must_use]
    pub fn concerns(&self, runtime: &Runtime, no_new_privileges: bool) -> Option<bool> {
        if self.only_without_nnp && no_new_privileges {
            return Some(false);
        }
        match Family::of(&runtime.name) {
            Some(family) if family != self.family => Some(false),
            None => None,
            Some(_) => match runtime.version.as_deref().and_then(Version::parse) {
                Some(version) => Some((self.versions)(version)),
                // What holds for all of them holds for this one.
                None => [(1, 0, 0), (u32::MAX, 0, 0)]
                    .into_iter()
                    .all(|(major, minor, patch)| {
                        (self.versions)(Version {
                            major,
                            minor,
                            patch,
                        })
                    })
                    .then_some(true),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{abi::Abi, baseline, table};

    fn runtime(name: &str, version: Option<&str>) -> Runtime {
        Runtime {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            libseccomp: None,
        }
    }

    #[test]
    fn what_a_start_cannot_do_without_is_in_the_baseline() {
        for required in &REQUIRED {
            let name = required.family.name();
            let baseline = baseline::of(&runtime(name, None), Some(false));
            for call in required.names {
                assert!(baseline.contains_key(call), "{name} {call}");
            }
        }
        for call in SPORADIC {
            assert!(baseline::united().contains_key(call));
        }
        for call in TOLERATED {
            assert!(table::number(Abi::X86_64, call).is_some(), "{call}");
        }
        assert!(TOLERATED.is_sorted());
    }

    #[test]
    fn a_requirement_concerns_its_runtime_version_and_setting_alone() {
        let statx = &REQUIRED[2];
        for (version, concerned) in [
            (Some("1.1.5+ds1"), Some(false)),
            (Some("1.2.7"), Some(false)),
            (Some("1.3.6"), Some(true)),
            (None, None),
        ] {
            assert_eq!(statx.concerns(&runtime("runc", version), true), concerned);
        }
        assert_eq!(
            statx.concerns(&runtime("crun", Some("1.8.1")), false),
            Some(false)
        );
        assert_eq!(statx.concerns(&runtime("youki", None), false), Some(false));
        assert_eq!(statx.concerns(&runtime("mine", None), false), None);
        let privileges = &REQUIRED[1];
        let runc = runtime("runc", None);
        assert_eq!(privileges.concerns(&runc, false), Some(true));
        assert_eq!(privileges.concerns(&runc, true), Some(false));
    }
}
