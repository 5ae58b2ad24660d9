//! Names and numbers of system calls, per ABI, up to Linux 6.18.
//!
//! The names are libseccomp's, for they are what a profile is written in. The numbers come from
//! the crate `syscalls`; x32, which it lacks, is here. Must not know what a call does.

use std::{collections::HashMap, sync::LazyLock};

use syscalls::{x86, x86_64};

use super::{abi::Abi, call::Call};

/// The first number that only x32 has.
const X32_FIRST: u32 = 512;

/// The calls from [`X32_FIRST`] on: the x32 forms of calls whose arguments hold pointers or longs.
const X32_OWN: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];

/// 64-bit numbers that x32 does not have: replaced by one of [`X32_OWN`], or never offered. Sorted.
const X32_LACKS: [u32; 50] = [
    13, 15, 16, 19, 20, 45, 46, 47, 54, 55, 59, 101, 127, 128, 129, 131, 134, 156, 174, 177, 178,
    180, 205, 206, 209, 211, 214, 215, 222, 236, 244, 246, 247, 273, 274, 278, 279, 295, 296, 297,
    299, 307, 310, 311, 322, 327, 328, 335, 336, 453,
];

/// One ABI's calls, both ways.
struct Table {
    names: Vec<Option<&'static str>>,
    numbers: HashMap<&'static str, u32>,
}

impl Table {
    fn of(calls: impl Iterator<Item = (u32, &'static str)>) -> Self {
        let mut table = Self {
            names: Vec::new(),
            numbers: HashMap::new(),
        };
        for (nr, name) in calls {
            let place = nr as usize;
            if table.names.len() <= place {
                table.names.resize(place + 1, None);
            }
            table.names[place] = Some(name);
            table.numbers.insert(name, nr);
        }
        table
    }
}

/// In the order of [`Abi::index`].
static TABLES: LazyLock<[Table; 3]> = LazyLock::new(|| {
    let x32 = x86_64_calls()
        .filter(|(nr, _)| X32_LACKS.binary_search(nr).is_err())
        .chain((X32_FIRST..).zip(X32_OWN));
    [
        Table::of(x86_64_calls()),
        Table::of(x32),
        Table::of(i386_calls()),
    ]
});

fn x86_64_calls() -> impl Iterator<Item = (u32, &'static str)> {
    (0..=x86_64::Sysno::last().id().unsigned_abs()).filter_map(|nr| {
        let sysno = x86_64::Sysno::new(nr as usize)?;
        Some((nr, sysno.name()))
    })
}

fn i386_calls() -> impl Iterator<Item = (u32, &'static str)> {
    (0..=x86::Sysno::last().id().unsigned_abs()).filter_map(|nr| {
        let name = x86::Sysno::new(nr as usize)?.name();
        // `break` is a word of Rust's, and the crate has it as `r#break`.
        Some((nr, name.strip_prefix("r#").unwrap_or(name)))
    })
}

fn table_of(abi: Abi) -> &'static Table {
    &TABLES[abi.index() as usize]
}

/// The name of a call, if a table has it.
#[must_use]
pub fn name(call: Call) -> Option<&'static str> {
    let names = &table_of(call.abi).names;
    names.get(call.nr as usize).copied().flatten()
}

/// The number of a name in an ABI's table, without the x32 bit.
#[must_use]
pub fn number(abi: Abi, name: &str) -> Option<u32> {
    table_of(abi).numbers.get(name).copied()
}

/// The call of a name in an ABI's table.
#[must_use]
pub fn call(abi: Abi, name: &str) -> Option<Call> {
    number(abi, name).map(|nr| Call::new(abi, nr))
}

/// The name of a call, or `#nr` for a number that no table names.
#[must_use]
pub fn display_name(call: Call) -> String {
    name(call).map_or_else(|| format!("#{}", call.nr), str::to_owned)
}

/// The calls that a person may mean: a name gives the call of every ABI that has it, a number
/// (`39` or `#39`) that number in every ABI, and `i386:…` narrows either to one ABI.
///
/// Empty when no table has the name. A number is taken even if it is in no table: such calls are
/// recorded too.
#[must_use]
pub fn find(text: &str) -> Vec<Call> {
    let (abis, wanted) = match text.split_once(':') {
        Some((abi, rest)) => (Abi::named(abi).into_iter().collect(), rest),
        None => (Abi::ALL.to_vec(), text),
    };
    let digits = wanted.strip_prefix('#').unwrap_or(wanted);
    if let Ok(nr) = digits.parse::<u32>() {
        return abis.into_iter().map(|abi| Call::new(abi, nr)).collect();
    }
    abis.into_iter()
        .filter_map(|abi| call(abi, wanted))
        .collect()
}

/// Every call that an ABI's table names, by number.
pub fn calls(abi: Abi) -> impl Iterator<Item = Call> {
    (0..)
        .zip(&table_of(abi).names)
        .filter(|(_, name)| name.is_some())
        .map(move |(nr, _)| Call::new(abi, nr))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Where the work's shared copy of Docker's default profile lies; elsewhere it is absent.
    const DOCKER_DEFAULT: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/docker-default.json"
    );

    fn named(abi: Abi, nr: u32) -> Option<&'static str> {
        name(Call::new(abi, nr))
    }

    #[test]
    fn every_name_leads_back_to_its_number() {
        for abi in Abi::ALL {
            for call in calls(abi) {
                let name = name(call).unwrap();
                assert_eq!(number(abi, name), Some(call.nr), "{abi:?} {name}");
            }
        }
    }

    #[test]
    fn the_newest_calls_are_there() {
        for (nr, name) in [
            (335, "uretprobe"),
            (336, "uprobe"),
            (435, "clone3"),
            (462, "mseal"),
            (463, "setxattrat"),
            (466, "removexattrat"),
            (467, "open_tree_attr"),
            (468, "file_getattr"),
            (469, "file_setattr"),
        ] {
            assert_eq!(named(Abi::X86_64, nr), Some(name));
            if nr > 400 {
                assert_eq!(named(Abi::I386, nr), Some(name));
                assert_eq!(named(Abi::X32, nr), Some(name));
            }
        }
        assert_eq!(calls(Abi::X86_64).last().map(|call| call.nr), Some(469));
        assert_eq!(calls(Abi::I386).last().map(|call| call.nr), Some(469));
    }

    #[test]
    fn names_are_those_of_libseccomp() {
        for (nr, name) in [
            (17, "break"),
            (22, "umount"),
            (52, "umount2"),
            (82, "select"),
            (90, "mmap"),
            (102, "socketcall"),
            (119, "sigreturn"),
            (140, "_llseek"),
            (142, "_newselect"),
            (149, "_sysctl"),
            (191, "ugetrlimit"),
            (192, "mmap2"),
            (195, "stat64"),
            (300, "fstatat64"),
            (403, "clock_gettime64"),
        ] {
            assert_eq!(named(Abi::I386, nr), Some(name));
        }
        assert_eq!(named(Abi::X86_64, 262), Some("newfstatat"));
        assert_eq!(named(Abi::X86_64, 166), Some("umount2"));
    }

    #[test]
    fn x32_has_its_own_numbers_and_lacks_those_they_replace() {
        assert_eq!(number(Abi::X32, "rt_sigaction"), Some(512));
        assert_eq!(number(Abi::X32, "pwritev2"), Some(547));
        assert_eq!(named(Abi::X32, 548), None);
        assert_eq!(named(Abi::X32, 13), None);
        assert_eq!(named(Abi::X32, 0), Some("read"));
        assert_eq!(named(Abi::X86_64, 512), None);
        assert!(X32_LACKS.is_sorted());
    }

    #[test]
    fn unknown_numbers_show_as_numbers() {
        assert_eq!(display_name(Call::new(Abi::X86_64, 999)), "#999");
        assert_eq!(display_name(Call::new(Abi::I386, 1)), "exit");
    }

    #[test]
    fn a_call_is_found_by_name_by_number_and_within_one_abi() {
        assert_eq!(
            find("read"),
            [
                Call::new(Abi::X86_64, 0),
                Call::new(Abi::X32, 0),
                Call::new(Abi::I386, 3)
            ]
        );
        assert_eq!(find("socketcall"), [Call::new(Abi::I386, 102)]);
        assert_eq!(find("#39").len(), 3);
        assert_eq!(find("i386:20"), [Call::new(Abi::I386, 20)]);
        assert_eq!(find("x32:ioctl"), [Call::new(Abi::X32, 514)]);
        assert!(find("no_such_call").is_empty());
        assert!(find("arm:read").is_empty());
    }

    #[test]
    fn the_names_of_dockers_default_profile_are_known() {
        let Ok(text) = std::fs::read_to_string(DOCKER_DEFAULT) else {
            eprintln!("skipped: there is no {DOCKER_DEFAULT} here");
            return;
        };
        let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
        let unknown: BTreeSet<&str> = profile["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|rule| rule["names"].as_array().unwrap())
            .filter_map(serde_json::Value::as_str)
            .filter(|name| find(name).is_empty())
            .collect();
        // Calls of other processors only.
        let elsewhere = [
            "arm_fadvise64_64",
            "arm_sync_file_range",
            "breakpoint",
            "cacheflush",
            "recv",
            "riscv_flush_icache",
            "riscv_hwprobe",
            "s390_pci_mmio_read",
            "s390_pci_mmio_write",
            "s390_runtime_instr",
            "send",
            "set_tls",
            "swapcontext",
            "sync_file_range2",
        ];
        assert_eq!(unknown, elsewhere.into_iter().collect());
    }
}
