//! **Right**: what is observed is what was called: call by call, each under its own ABI.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use shown::{Shown, at_probe, bare_probe, names, read_json, rule_of};
use testbed::{Container, Daemon, Testbed, eventually, run, strace_names};

const UNCONFINED: &str = "--security-opt=seccomp=unconfined";

/// Calls of x86_64 with arguments that do no harm: mostly -1, which is no file, and 0, which is no address.
const KNOWN: [(u32, &str); 48] = [
    (0, "-1,0,0"),
    (1, "-1,0,0"),
    (3, "-1,0,0"),
    (5, "-1,0,0"),
    (8, "-1,0,0"),
    (9, "0,0,0"),
    (11, "0,0,0"),
    (16, "-1,0,0"),
    (17, "-1,0,0"),
    (19, "-1,0,0"),
    (20, "-1,0,0"),
    (24, "0,0,0"),
    (26, "0,0,0"),
    (28, "0,0,0"),
    (32, "-1,0,0"),
    (39, "0,0,0"),
    (63, "0,0,0"),
    (72, "-1,0,0"),
    (73, "-1,0,0"),
    (74, "-1,0,0"),
    (77, "-1,0,0"),
    (79, "0,0,0"),
    (81, "-1,0,0"),
    (91, "-1,0,0"),
    (95, "18,0,0"),
    (98, "0,0,0"),
    (99, "0,0,0"),
    (100, "0,0,0"),
    (102, "0,0,0"),
    (104, "0,0,0"),
    (107, "0,0,0"),
    (108, "0,0,0"),
    (110, "0,0,0"),
    (121, "0,0,0"),
    (124, "0,0,0"),
    (140, "0,0,0"),
    (143, "0,0,0"),
    (145, "0,0,0"),
    (157, "-1,0,0"),
    (186, "0,0,0"),
    (202, "0,99,0"),
    (217, "-1,0,0"),
    (233, "-1,0,0"),
    (234, "0,0,0"),
    (257, "-1,0,0"),
    (262, "-1,0,0"),
    (267, "-1,0,0"),
    (309, "0,0,0"),
];

/// A program that makes the known calls, the n-th of them n % 3 + 1 times.
fn known_calls() -> std::path::PathBuf {
    let mut body = String::new();
    for (place, (nr, arguments)) in KNOWN.iter().enumerate() {
        for _ in 0..=place % 3 {
            writeln!(body, "sys({nr},{arguments});").expect("text can be added");
        }
    }
    bare_probe(&(body + "return 7;"), &[])
}

/// strace's own count of each call, the first execve left out: the runtime makes it.
fn strace_counts(program: &Path) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("strace");
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-e", "signal=none", "-o"])
        .arg(&file)
        .arg(program);
    let ended = run(&mut strace, Duration::from_secs(30));
    assert_eq!(
        ended.status,
        Some(7),
        "strace {}: {ended}",
        program.display()
    );
    let text = std::fs::read_to_string(&file).expect("strace's output");
    let mut counts = BTreeMap::new();
    for name in text
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once('(')?.0))
    {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}

fn strace_set(program: &Path) -> BTreeSet<String> {
    let mut set = strace_names(&[&program.display().to_string()]);
    assert!(
        set.remove("execve"),
        "strace sees the execve that starts the program"
    );
    set
}

/// Runs a probe to its end in a container; its exit status and its record.
fn record(
    testbed: &Testbed,
    daemon: &Daemon,
    program: &Path,
    options: &[&str],
) -> (i32, Shown, Container) {
    let volume = at_probe(program);
    let mut words = options.to_vec();
    words.extend([volume.as_str(), "pb-busybox", "/probe"]);
    let container = Container::run(testbed, &words);
    let status = container.wait();
    let shown = Shown::ended(daemon, &container.name);
    (status, shown, container)
}

#[test]
fn a_known_list_is_observed_call_by_call_and_as_often_as_strace_counts() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start_with(&testbed, &["--count"]);
    let program = known_calls();
    let mut expected = strace_counts(&program);
    assert_eq!(
        expected.len(),
        KNOWN.len() + 1,
        "the known calls and exit_group: {expected:?}"
    );

    for options in [
        &[UNCONFINED][..],
        &[],
        &["--runtime=crun"],
        &["--runtime=runc13"],
    ] {
        let (status, shown, _container) = record(&testbed, &daemon, &program, options);
        assert_eq!(status, 7, "{options:?}");
        let observed = shown.observed("x86_64");
        assert_eq!(observed, strace_set(&program), "{options:?}");
        assert_eq!(observed, expected.keys().cloned().collect(), "{options:?}");
        assert!(shown.observed("i386").is_empty() && shown.observed("x32").is_empty());
        assert_eq!(shown.refused(), BTreeMap::new(), "{options:?}");
        assert_eq!(shown.shortfalls(), names(&[]), "{options:?}");
        let tallies = shown.tallies();
        // It never returns, and what is counted are calls that returned.
        let leaving = expected.remove("exit_group");
        assert_eq!(tallies, expected, "{options:?}");
        expected.extend(leaving.map(|count| ("exit_group".to_owned(), count)));
    }
}

#[test]
fn a_32_bit_program_is_named_under_i386_and_runs_under_its_profile() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    // getpid, getuid32, dup, write, uname, sched_yield: as 64-bit numbers writev, fremovexattr,
    // recvfrom, stat, getxattr… .
    let program = bare_probe(
        "if (int80(20,0,0,0) < 1) return 1; int80(199,0,0,0); int80(41,-1,0,0); int80(4,-1,0,0);
         int80(122,0,0,0); int80(158,0,0,0); return 9;",
        &["-m32"],
    );
    let (status, shown, container) = record(&testbed, &daemon, &program, &[]);
    assert_eq!(status, 9);
    assert_eq!(shown.observed("i386"), strace_set(&program));
    assert_eq!(
        shown.observed("i386"),
        names(&[
            "dup",
            "exit_group",
            "getpid",
            "getuid32",
            "sched_yield",
            "uname",
            "write"
        ])
    );
    assert_eq!(
        shown.observed("x86_64"),
        names(&[]),
        "never as their 64-bit namesakes"
    );
    assert_eq!(shown.refused(), BTreeMap::new());
    runs_under_its_profile(&testbed, &daemon, &container, &program, 9);
}

#[test]
fn int_0x80_from_64_bit_code_is_named_under_i386() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = bare_probe(
        "long pid = sys(39,0,0,0); if (int80(20,0,0,0) != pid) return 1;
         int80(41,-1,0,0); sys(24,0,0,0); int80(63,-1,-1,0); return 9;",
        &[],
    );
    let (status, shown, container) = record(&testbed, &daemon, &program, &[]);
    assert_eq!(status, 9);
    assert_eq!(shown.observed("i386"), names(&["dup", "dup2", "getpid"]));
    assert_eq!(
        shown.observed("x86_64"),
        names(&["exit_group", "getpid", "sched_yield"])
    );
    assert_eq!(shown.observed("x32"), names(&[]));
    assert_eq!(shown.refused(), BTreeMap::new());
    runs_under_its_profile(&testbed, &daemon, &container, &program, 9);
}

fn runs_under_its_profile(
    testbed: &Testbed,
    daemon: &Daemon,
    container: &Container,
    program: &Path,
    wanted: i32,
) {
    let profile = daemon.export(&container.name, "profile.json");
    let architectures = read_json(&profile)["architectures"].clone();
    assert_eq!(
        architectures,
        serde_json::json!(["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"])
    );
    let confined = format!("--security-opt=seccomp={}", profile.display());
    for runtime in ["--runtime=runc11", "--runtime=runc13", "--runtime=crun"] {
        let (status, shown, _container) = record(testbed, daemon, program, &[&confined, runtime]);
        assert_eq!(status, wanted, "{runtime}");
        assert_eq!(shown.refused(), BTreeMap::new(), "{runtime}");
    }
}

#[test]
fn x32_numbers_unknown_numbers_and_calls_that_answer_enosys() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = bare_probe(
        "const long x32 = 1L << 30; int status = 9;
         if (sys(x32 | 39,0,0,0) != -38) status = 1;
         if (sys(x32 | 514,0,0,0) != -38) status = 2;
         for (int n = 0; n < 5; n++) if (sys(5000 + n,0,0,0) != -38) status = 3;
         if (sys(180,0,0,0) != -38 || sys(183,0,0,0) != -38) status = 4;
         return status;",
        &[],
    );
    let (status, shown, container) = record(&testbed, &daemon, &program, &[UNCONFINED]);
    assert_eq!(status, 9, "this kernel answers ENOSYS to all of them");
    // 514 is x32's own ioctl.
    assert_eq!(shown.observed("x32"), names(&["getpid", "ioctl"]));
    assert_eq!(
        shown.observed("x86_64"),
        names(&["afs_syscall", "exit_group", "nfsservctl"])
    );
    assert_eq!(shown.observed("i386"), names(&[]));
    assert_eq!(shown.shortfalls(), names(&["unknown_numbers"]));
    let shortfalls = shown.0["summary"]["completeness"]["shortfalls"].to_string();
    assert!(
        shortfalls.contains("5 calls"),
        "five numbers beyond every table: {shortfalls}"
    );

    let profile = daemon.export(&container.name, "profile.json");
    for probe in ["afs_syscall", "nfsservctl"] {
        let wanted = ("SCMP_ACT_ERRNO".to_owned(), Some(38));
        assert_eq!(rule_of(&profile, probe), Some(wanted), "{probe}");
    }
    assert_eq!(
        rule_of(&profile, "exit_group"),
        Some(("SCMP_ACT_ALLOW".to_owned(), None))
    );
}

#[test]
fn a_call_through_the_vsyscall_page_is_observed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let maps = std::fs::read_to_string("/proc/self/maps").expect("our own maps");
    assert!(
        maps.contains("[vsyscall]"),
        "a kernel without the page has nothing to be observed: vsyscall=none"
    );
    let daemon = Daemon::start(&testbed);
    let program = bare_probe(
        "long tv[2]; long (*gettimeofday)(long *, void *) = (void *)0xffffffffff600000;
         long (*getcpu)(void *, void *, void *) = (void *)0xffffffffff600800;
         if (gettimeofday(tv, (void *)0) != 0 || tv[0] < 1) return 1;
         return getcpu((void *)0, (void *)0, (void *)0) == 0 ? 9 : 2;",
        &[],
    );
    for options in [&[UNCONFINED][..], &[]] {
        let (status, shown, _container) = record(&testbed, &daemon, &program, options);
        assert_eq!(status, 9);
        assert_eq!(
            shown.observed("x86_64"),
            names(&["exit_group", "getcpu", "gettimeofday"])
        );
        assert_eq!(shown.refused(), BTreeMap::new());
    }
}

#[test]
fn a_call_that_never_returns_is_observed() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = bare_probe("sys(34,0,0,0); return 1;", &[]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    let syscall = format!("/proc/{}/syscall", container.pid());
    eventually("the probe is in pause", Duration::from_secs(20), || {
        std::fs::read_to_string(&syscall)
            .ok()
            .filter(|line| line.starts_with("34 "))
    });
    testbed.docker_ok(&["kill", &container.name]);
    assert_eq!(container.wait(), 137);
    let shown = Shown::ended(&daemon, &container.name);
    assert_eq!(shown.observed("x86_64"), names(&["pause"]));
    let profile = daemon.export(&container.name, "profile.json");
    assert_eq!(
        rule_of(&profile, "pause"),
        Some(("SCMP_ACT_ALLOW".to_owned(), None))
    );
}
