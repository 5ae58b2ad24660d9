//! The runtime baseline: what container runtimes call under the filter before the program runs.
//!
//! A runtime loads the filter first and executes the program after that, so a profile without
//! these calls starts nothing. Tables in `needs` (what is known), `learned` (what this host's
//! runtime was seen to call), `forbidden` (what neither may bring in) and `starts` (what a start
//! fails without). Must not look at what
//! the container's own programs called.

pub mod forbidden;
pub mod learned;
pub mod needs;
pub mod starts;
mod version;

use std::collections::BTreeMap;

use self::needs::{Family, NEEDS, Need};
use super::identity::Runtime;

/// Names of calls, each with what a profile says of it.
pub type Labelled = BTreeMap<&'static str, &'static str>;

/// What a profile says of a call that only this host's recordings brought in.
pub const SEEN_LABEL: &str = "runtime baseline: this host's runtime was seen to call it";

/// The baseline of every runtime that an exported profile promises to start under: runc, all
/// versions, and crun, with and without no-new-privileges.
///
/// Which runtime will start a container from the file is not known when it is written, and one
/// engine's upgrade changes it, so the default is the union.
#[must_use]
pub fn united() -> Labelled {
    labelled(|need| need.family != Family::Youki)
}

/// The baseline of one runtime and one no-new-privileges setting; what is not known narrows
/// nothing.
#[must_use]
pub fn of(runtime: &Runtime, no_new_privileges: Option<bool>) -> Labelled {
    let family = Family::of(&runtime.name);
    let version = runtime.version.as_deref().and_then(version::Version::parse);
    labelled(|need| {
        family.is_none_or(|family| family == need.family)
            && version.is_none_or(|version| (need.versions)(version))
            && !(need.only_without_nnp && no_new_privileges == Some(true))
    })
}

fn labelled(wanted: impl Fn(&Need) -> bool) -> Labelled {
    let mut names = Labelled::new();
    for need in NEEDS.iter().filter(|need| wanted(need)) {
        for name in need.names {
            // Several needs share a name; the first in the table speaks for it.
            names.entry(name).or_insert(need.label);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{abi::Abi, table};

    fn runtime(name: &str, version: Option<&str>) -> Runtime {
        Runtime {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            libseccomp: None,
        }
    }

    /// What was measured or read of each runtime as a must, by runtime and no-new-privileges.
    #[test]
    fn holds_what_each_runtime_was_measured_to_need() {
        let runc_1_1 = runtime("runc", Some("1.1.5+ds1"));
        let with_nnp = "close execve fstat fstatfs getdents64 openat write futex";
        let without = "capget capset capset chdir close execve fstat fstatfs getcwd getdents64 \
                       getppid newfstatat openat prctl read setgid setgroups setuid write futex";
        for (names, table) in [
            (with_nnp, of(&runc_1_1, Some(true))),
            (without, of(&runc_1_1, Some(false))),
            (
                "statx readlinkat fcntl",
                of(&runtime("runc", Some("1.3.6")), Some(true)),
            ),
            (
                "close prctl setresgid setresuid capset rt_sigaction rt_sigprocmask select \
                 pselect6 read write execve umask fchown setgroups chdir",
                of(&runtime("crun", Some("1.8.1")), Some(false)),
            ),
        ] {
            for name in names.split_whitespace() {
                assert!(table.contains_key(name), "{name}");
                assert!(united().contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn is_narrower_where_more_is_known() {
        let nnp = of(&runtime("runc", Some("1.1.5")), Some(true));
        assert!(!nnp.contains_key("setuid"));
        assert!(!nnp.contains_key("statx"));
        assert!(of(&runtime("runc", Some("1.1.5")), None).contains_key("setuid"));
        assert!(of(&runtime("runc", None), Some(true)).contains_key("statx"));
        assert!(!united().contains_key("accept4"));
        assert!(of(&runtime("youki", None), None).contains_key("accept4"));
    }

    #[test]
    fn holds_known_and_permitted_names_only() {
        for name in NEEDS.iter().flat_map(|need| need.names) {
            assert!(table::number(Abi::X86_64, name).is_some(), "{name}");
            assert!(!forbidden::is_forbidden(name), "{name}");
        }
        for tolerated in ["fsopen", "fsconfig", "fsmount", "open_tree", "openat2"] {
            assert!(!united().contains_key(tolerated), "{tolerated}");
        }
    }
}
