//! Calls that libcs, language runtimes and container runtimes ask for, and do without when the
//! answer is ENOSYS.
//!
//! Refused with EPERM they fail in place of falling back: EPERM is an answer, ENOSYS is the word
//! for "not here". So a profile names them, even though it refuses them. Naming a call also moves
//! the bound above which runc answers ENOSYS by itself (it is the highest number that a profile
//! names), and crun has no such bound at all; only with every newer call named is the answer the
//! same under both. Must not hold a call that a program needs: those are observed.

use super::{abi::Abi, call::Call, table};

/// What a profile says of these entries.
pub const LABEL: &str =
    "libc probe: answered ENOSYS so that a libc or a runtime falls back to an older call";

/// The first call of the numbers that all ABIs share (Linux 5.1). Whoever uses one of these or a
/// later one has to expect a kernel without it.
const FIRST_SHARED: u32 = 424;

/// The calls of i386 that take 64-bit times: musl and glibc try them first, then the old ones.
const I386_TIME64: std::ops::RangeInclusive<u32> = 403..=423;

/// Older calls with a fallback in a libc or a language runtime.
const OLDER: [&str; 15] = [
    // glibc and musl emulate it by renameat.
    "renameat2",
    // glibc, OpenSSL and Go read /dev/urandom in its stead.
    "getrandom",
    // Loaders and language runtimes use a temporary file in its stead.
    "memfd_create",
    // fexecve goes through /proc/self/fd in its stead.
    "execveat",
    // Userspace RCU and JIT compilers use signals or mprotect in its stead.
    "membarrier",
    // glibc uses mlock in its stead.
    "mlock2",
    // coreutils, Go and Rust copy by read and write.
    "copy_file_range",
    // glibc and musl use preadv and pwritev.
    "preadv2",
    "pwritev2",
    // glibc uses mprotect.
    "pkey_mprotect",
    // glibc's tests for protection keys.
    "pkey_alloc",
    "pkey_free",
    // glibc, musl and Rust use fstatat.
    "statx",
    // libaio uses io_getevents.
    "io_pgetevents",
    // glibc starts every thread with it and takes a refusal for an old kernel.
    "rseq",
];

/// The probes of an ABI, by number.
pub fn libc_probes(abi: Abi) -> impl Iterator<Item = Call> {
    table::calls(abi).filter(move |call| {
        // From 512 on x32 has the old calls again.
        let shared = (FIRST_SHARED..512).contains(&call.nr);
        let time64 = abi == Abi::I386 && I386_TIME64.contains(&call.nr);
        shared || time64 || table::name(*call).is_some_and(|name| OLDER.contains(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(abi: Abi) -> Vec<&'static str> {
        libc_probes(abi).filter_map(table::name).collect()
    }

    #[test]
    fn what_libcs_are_known_to_probe_is_there() {
        for abi in Abi::ALL {
            let names = names(abi);
            for name in [
                "clone3",
                "openat2",
                "faccessat2",
                "statx",
                "close_range",
                "rseq",
                "futex_waitv",
                "fchmodat2",
                "fsopen",
                "open_tree",
            ] {
                assert!(names.contains(&name), "{abi:?} {name}");
            }
        }
        assert!(names(Abi::X86_64).contains(&"map_shadow_stack"));
        assert!(names(Abi::I386).contains(&"clock_gettime64"));
    }

    #[test]
    fn x32s_own_old_calls_are_no_probes() {
        assert!(!names(Abi::X32).contains(&"ioctl"));
        assert!(!names(Abi::X32).contains(&"rt_sigaction"));
    }

    #[test]
    fn every_older_name_exists() {
        for name in OLDER {
            assert!(table::number(Abi::X86_64, name).is_some(), "{name}");
            assert!(table::number(Abi::I386, name).is_some(), "{name}");
        }
    }
}
