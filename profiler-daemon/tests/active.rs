//! The filter in force for real containers, and how it is known: copied, from the OCI bundle, by ptrace.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "active/known.rs"]
mod known;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod shown;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{fs, time::Duration};

use known::{active, audited, known_as, meaning};
use profiler_daemon::{
    audit::active::{Installer, Source},
    seccomp::diagram::Diagrams,
};
use shown::at_probe;
use testbed::{Container, Daemon, Testbed, compile_c, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Conditions, a name too new for libseccomp 2.5.4, an index that occurs twice, and 32-bit x86.
const CUSTOM: &str = r#"{
  "defaultAction": "SCMP_ACT_ALLOW",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "syscalls": [
    {"names": ["keyctl", "mseal"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
    {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
    {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [
      {"index": 0, "value": 7, "op": "SCMP_CMP_GE"}, {"index": 0, "value": 9, "op": "SCMP_CMP_LE"}]}
  ]
}"#;

/// Installs a filter of its own that refuses keyctl with 77, tells so, and waits.
const OWN_FILTER: &str = r#"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    struct sock_filter list[] = {
        {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_keyctl}, {0x06, 0, 0, 0x0005004d}, {0x06, 0, 0, 0x7fff0000},
    };
    struct sock_fprog program = {4, list};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, 1, 0, &program)) return 1;
    write(1, "installed\n", 10);
    for (;;) pause();
}
"#;

/// Waits again and again, and tells now and then that it did, and each time that it could not.
const WAITS: &str = r#"
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
int main(void) {
    int fd = epoll_create1(0);
    struct epoll_event event;
    setvbuf(stdout, 0, _IONBF, 0);
    for (int n = 0; ; n++) {
        if (epoll_wait(fd, &event, 1, 100) < 0) printf("error %d\n", errno);
        else if (n % 5 == 0) printf("waited\n");
    }
}
"#;

#[test]
fn of_containers_older_than_the_daemon_the_bundle_tells_what_ptrace_reads() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("custom.json");
    fs::write(&file, CUSTOM).expect("the profile can be written");
    let custom = format!("--security-opt=seccomp={}", file.display());
    let mut containers = Vec::new();
    for runtime in ["runc11", "runc13", "crun"] {
        for (title, options) in [
            ("default", vec![]),
            ("custom", vec![custom.as_str()]),
            ("unconfined", vec!["--security-opt=seccomp=unconfined"]),
            (
                "dropped",
                vec!["--cap-drop=ALL", "--security-opt=no-new-privileges"],
            ),
        ] {
            let with = format!("--runtime={runtime}");
            let mut words = vec![with.as_str()];
            words.extend(options);
            words.extend(["pb-busybox", "sleep", "600"]);
            containers.push((runtime, title, Container::run(&testbed, &words)));
        }
    }
    let daemon = Daemon::start(&testbed);
    for (runtime, title, container) in &containers {
        let what = format!("{title} under {runtime}");
        let wanted = if *title == "unconfined" {
            Source::None
        } else {
            Source::Bundle
        };
        let foretold = known_as(&daemon, &container.name, wanted);
        let read = active(&daemon, &container.name, true).expect("it is known");
        let mut diagrams = Diagrams::new();
        assert_eq!(
            meaning(&mut diagrams, &foretold),
            meaning(&mut diagrams, &read),
            "{what}"
        );
        let library = foretold
            .runtime
            .as_ref()
            .and_then(|one| one.libseccomp.clone());
        assert_eq!(library.is_some(), *runtime != "crun", "{what}: {library:?}");
        assert_eq!(
            foretold.loader.assumed.is_some(),
            *runtime == "crun",
            "{what}"
        );
        assert_eq!(
            foretold.bundle.is_some(),
            wanted == Source::Bundle,
            "{what}"
        );
        let told = audited(&daemon, &container.name);
        let codes: Vec<&str> = told.iter().map(|one| one.code.as_str()).collect();
        let expected: &[&str] = match (*title, *runtime) {
            ("unconfined", _) => &[],
            // Debian's 2.5.4 does not know mseal, 2.6.1 does.
            ("custom", "runc13") => &["duplicate_index", "multiplexed", "passed_by_dropped_bits"],
            ("custom", _) => &[
                "name_too_new",
                "duplicate_index",
                "multiplexed",
                "passed_by_dropped_bits",
            ],
            // Of personality and clone all 64 bits are compared.
            (_, "crun") => &["dropped_bits"],
            _ => &["dropped_bits", "enosys_bound"],
        };
        assert_eq!(codes, expected, "{what}: {told:#?}");
        if wanted == Source::None {
            assert_eq!(
                (read.source, read.layers.len()),
                (Source::None, 0),
                "{what}"
            );
        } else {
            assert_eq!(
                (read.source, read.layers.len()),
                (Source::Ptrace, 1),
                "{what}"
            );
            assert_eq!(read.layers[0].by, Installer::Runtime, "{what}");
        }
    }
}

#[test]
fn ptrace_reads_what_was_copied_and_the_process_goes_on() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = compile_c(WAITS, &["-static"]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    let copied = known_as(&daemon, &container.name, Source::Copied);
    assert_eq!(copied.layers.len(), 1, "{copied:?}");
    eventually("it waits", PATIENCE, || {
        container.logs().contains("waited").then_some(())
    });
    assert!(!container.logs().contains("error"), "asking stops nobody");

    let read = active(&daemon, &container.name, true).expect("it is known");
    assert_eq!(read.source, Source::Ptrace);
    assert_eq!(
        read.layers, copied.layers,
        "the same filter, known by its hash"
    );

    let waited = container.logs().matches("waited").count();
    eventually("it goes on", PATIENCE, || {
        (container.logs().matches("waited").count() > waited).then_some(())
    });
    let status = fs::read_to_string(format!("/proc/{}/status", container.pid())).expect("it runs");
    assert!(status.contains("TracerPid:\t0"), "{status}");
}

#[test]
fn a_programs_own_filter_is_listed_beside_the_containers() {
    let Some(testbed) = Testbed::get() else {
        return;
    };
    let daemon = Daemon::start(&testbed);
    let program = compile_c(OWN_FILTER, &["-static"]);
    let container = Container::run(&testbed, &[&at_probe(&program), "pb-busybox", "/probe"]);
    eventually("its filter is installed", PATIENCE, || {
        container.logs().contains("installed").then_some(())
    });
    for ptrace in [false, true] {
        let found = eventually("both filters are known", PATIENCE, || {
            active(&daemon, &container.name, ptrace).filter(|found| found.layers.len() == 2)
        });
        let by: Vec<Installer> = found.layers.iter().map(|layer| layer.by).collect();
        assert_eq!(by, [Installer::Program, Installer::Runtime], "{found:?}");
        assert_eq!(found.layers[0].who.as_deref(), Some("/probe"), "{found:?}");
        assert_eq!(found.layers[0].instructions.as_ref().map(Vec::len), Some(4));
        assert_eq!(found.programs().expect("known").len(), 1, "never stacked");
    }
    assert!(
        audited(&daemon, &container.name)
            .iter()
            .all(|one| one.code != "not_what_was_asked")
    );
    // What the container may do is what its own filter says.
    let verdict = daemon.ctl(&["eval", &format!("active:{}", container.name), "setns"]);
    assert!(verdict.stdout.contains("errno"), "{verdict}");
    let verdict = daemon.ctl(&["eval", &format!("active:{}", container.name), "keyctl"]);
    assert!(!verdict.stdout.contains("77"), "{verdict}");
}
