//! Profiles in LXC's language under the real `lxc-execute`: ours start a container and refuse what they
//! leave out, the reader takes just the lines that LXC takes, and LXC calls what its table says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its ground gives way"
)]

mod testbed;

#[path = "lxc/container.rs"]
mod container;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    dialects::{lxc, printed::Leaning, strace},
    finding::Level,
    policy::{Policy, Rule},
};

use container::Lxc;
use testbed::{Testbed, run, strace_names};

/// What the container runs: a shell that starts another program.
const SCRIPT: &str = "chmod 700 /tmp && echo done";

/// A policy for LXC that allows these names, and answers EPERM to all others.
fn policy(names: impl IntoIterator<Item = String>) -> Policy {
    Policy {
        default: Action::Errno(1),
        native: Arch::X86_64,
        arches: lxc::arches(Arch::X86_64),
        rules: vec![Rule {
            names: names.into_iter().collect(),
            action: Action::Allow,
            conditions: Vec::new(),
        }],
    }
}

fn needs() -> impl Iterator<Item = String> {
    lxc::needs::names(true).map(str::to_owned)
}

/// What the script needs, by strace, and what LXC does.
fn needed() -> BTreeSet<String> {
    let busybox = Lxc::busybox();
    let folder = tempfile::tempdir().unwrap();
    let script = SCRIPT.replace("/tmp", &folder.path().display().to_string());
    let mut names = strace_names(&[&busybox.display().to_string(), "sh", "-c", &script]);
    names.extend(needs());
    names
}

fn version_2(policy: &Policy) -> String {
    lxc::v2::print(policy, Leaning::Stricter)
        .value
        .expect("LXC's own architectures")
}

#[test]
fn our_profile_starts_a_container_and_refuses_what_it_leaves_out() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let names = needed();
    assert!(names.contains("chmod"), "{names:?}");
    let ended = lxc.run(&version_2(&policy(names.clone())), SCRIPT);
    assert!(ended.success() && ended.stdout == "done\n", "{ended}");

    let without = names.iter().filter(|name| *name != "chmod").cloned();
    let ended = lxc.run(&version_2(&policy(without)), SCRIPT);
    assert!(!ended.success(), "{ended}");
    assert!(
        ended.stderr.contains("Operation not permitted") && ended.stdout.is_empty(),
        "{ended}"
    );
}

#[test]
fn version_1_starts_it_too_and_kills() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    // Where death is the answer, what is tried and done without counts too.
    let mut names = needed();
    names.extend(["exit", "restart_syscall"].map(str::to_owned));
    let text = |names: BTreeSet<String>| {
        lxc::v1::print(&policy(names), Leaning::Stricter)
            .value
            .unwrap()
    };
    let ended = lxc.run(&text(names.clone()), SCRIPT);
    assert!(ended.success() && ended.stdout == "done\n", "{ended}");

    names.remove("chmod");
    let ended = lxc.run(&text(names), SCRIPT);
    assert!(!ended.success() && ended.stdout.is_empty(), "{ended}");
}

#[test]
fn a_condition_on_an_argument_holds() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let text = |mode: u32| {
        format!("2\ndenylist allow\nchmod errno 5 [1,{mode},SCMP_CMP_MASKED_EQ,0777]\n")
    };
    let again = |text: &str| {
        let policy = lxc::read(text.as_bytes(), Arch::X86_64).value.unwrap();
        version_2(&policy)
    };
    let refused = lxc.run(&again(&text(0o700)), SCRIPT);
    assert!(refused.stderr.contains("Input/output error"), "{refused}");
    let allowed = lxc.run(&again(&text(0o600)), SCRIPT);
    assert!(allowed.success(), "{allowed}");
}

#[test]
fn nothing_starts_without_what_lxc_needs() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let names = needed();
    for need in lxc::needs::LXC_NEEDS {
        for left_out in need.names {
            let rest = names.iter().filter(|name| name != left_out).cloned();
            let ended = lxc.run(&version_2(&policy(rest)), "echo done");
            let works = ended.success() && ended.stdout == "done\n";
            assert_eq!(works, !need.required, "without {left_out}: {ended}");
        }
    }
}

#[test]
fn lxc_calls_nothing_that_its_table_lacks() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let known = needed();
    for more in [
        "",
        "lxc.mount.auto = proc\nlxc.cap.drop = sys_admin\nlxc.init.uid = 1000\nlxc.init.gid = 1000\nlxc.no_new_privs = 1\n",
    ] {
        let seen = lxc.seen_under_the_filter(more);
        assert!(seen.contains("setgroups"), "{seen:?}");
        let unknown: Vec<&String> = seen.difference(&known).collect();
        assert!(unknown.is_empty(), "{more}: {unknown:?}");
    }
}

#[test]
fn what_strace_counted_runs_under_the_profile_made_of_it() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("counted");
    let script = "ls | wc -l; chmod 700 . && echo done";
    for flags in [
        &["-f", "-c"][..],
        &["-f"],
        &["-f", "-c", "-U", "calls,name,max-time"],
    ] {
        let mut command = Command::new("strace");
        command
            .current_dir(folder.path())
            .args(flags)
            .arg("-o")
            .arg(&file);
        command.arg(Lxc::busybox()).args(["sh", "-c", script]);
        let ended = run(&mut command, Duration::from_secs(60));
        assert!(ended.success(), "{ended}");
        let reading = strace::read(&std::fs::read(&file).unwrap());
        let mut seen = reading.value.expect("calls");
        let mut names: BTreeSet<String> = seen.rules.remove(0).names.into_iter().collect();
        names.extend(needs());
        let ended = lxc.run(&version_2(&policy(names.clone())), script);
        assert!(
            ended.success() && ended.stdout.ends_with("done\n"),
            "{ended}"
        );
        names.remove("chmod");
        let ended = lxc.run(&version_2(&policy(names)), script);
        let refused = ended.stderr.contains("Operation not permitted");
        assert!(refused, "{flags:?}: {ended}");
    }
}

/// Lines after which LXC 5.0.2 starts a container, or does not.
const LINES: [&str; 38] = [
    "chmod log",
    "chmod kill_process",
    "chmod errno 1 [1,0777,SCMP_CMP_EQ] ",
    "chmod errno 1 [1,0777,SCMP_CMP_EQ]",
    "chmod [1,0777,SCMP_CMP_EQ]",
    "chmod allow",
    "nosuchcall errno 1",
    " chmod errno 1",
    "chmod\terrno 1",
    "[sparc]",
    "[arm]",
    "[x86_64]",
    "[x86_64] ",
    "[ALL]",
    "[All]",
    "chmod errno",
    "chmod errno 4094",
    "chmod errno 4095",
    "chmod errno -1",
    "chmod errno 0x5",
    "chmod errno 1 [1, 511,SCMP_CMP_EQ]",
    "chmod errno 1 [1,511,==][1,5,>]",
    "chmod errno 1 [1,511,==] [0,1,>]",
    "chmod errno 1 [1,511,==,]",
    "chmod errno 1 [1,0777,&=,0777]",
    "chmod errno 1 # see [1]",
    "chmod # why",
    "chmod errno 1 [1,-1,==]",
    "chmod errno 1[1,511,==]",
    "chmod errno 1 [6,1,==]",
    "chmod errno 1 [0,1,SCMP_CMP_XX]",
    "chmod errno 1 [ 1 , 0777,==]",
    "chmod errno 1 [0x1,0777,==]",
    "chmod errno 1 trailing",
    "chmod errno 1\nchmod errno 2",
    "chmod errno 1 [0,1,==]\nchmod errno 2 [0,1,==]",
    "reject_force_umount # x",
    "",
];

#[test]
fn the_reader_takes_just_what_lxc_takes() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let rules = LINES.map(|line| format!("2\ndenylist allow\n{line}\n"));
    let all_numbers: String = (0..=460).map(|number| format!("{number}\n")).collect();
    let policies = [
        "2\nallowlist log\n".to_owned(),
        "2\ndenylist allow debug\n".to_owned(),
        "2\nlist\n".to_owned(),
        "3\nallowlist\n".to_owned(),
        "2\n\n\ndenylist  allow\n".to_owned(),
        "2\nblacklist allow # note\n".to_owned(),
        format!("1\n\nallowlist\n{all_numbers}"),
        format!("1\nallowlist\n{all_numbers}\n"),
        format!("1\nallowlist\n# zero\n{all_numbers}"),
        format!("1\ndenylist\n{all_numbers}"),
    ];
    for text in rules.iter().chain(&policies) {
        let ours = lxc::read(text.as_bytes(), Arch::X86_64);
        let ended = lxc.run(text, "echo done");
        let end: String = text.chars().take(60).collect();
        assert_eq!(
            ours.value.is_some(),
            ended.success(),
            "{end:?}: {ended}\n{:?}",
            ours.findings
        );
    }
    // Only old versions take this; the reader takes it with a warning.
    let old = format!("1\nwhitelist\n{all_numbers}");
    let ours = lxc::read(old.as_bytes(), Arch::X86_64);
    assert_eq!(ours.findings[0].level, Level::Warning);
    assert!(!lxc.run(&old, "echo done").success());
}

#[test]
fn a_section_narrows_nothing() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let lxc = Lxc::new();
    let ended = lxc.run("2\ndenylist allow\n[x86]\nchmod errno 5\n", SCRIPT);
    assert!(
        ended.stderr.contains("Input/output error"),
        "LXC narrows by sections now: lxc::v2 has to learn it: {ended}"
    );
}
