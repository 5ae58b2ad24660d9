//! The verbs that work on profiles as files: what they print, where, and how they end.
//!
//! A golden file holds a session: commands one after another, run in one directory.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use profiler_daemon::api::protocol::Health;

use super::{Fake, golden, profilectl, text};

/// A profile that runtimes and the document read alike, but for the numbers beyond its last.
const SMALL: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
  "syscalls": [
    {"names": ["read", "write", "exit_group", "chmod"], "action": "SCMP_ACT_ALLOW"},
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]
    },
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
  ]
}
"#;

/// What a program needs and a runtime, for all that LXC and Docker judge.
const WHOLE: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "syscalls": [
    {"names": ["execve", "exit_group", "read", "write"], "action": "SCMP_ACT_ALLOW"},
    {
      "names": ["personality"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]
    }
  ]
}
"#;

/// A supervisor, a flag, and an architecture without a table.
const SUPERVISED: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 38,
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_RISCV64"],
  "flags": ["SECCOMP_FILTER_FLAG_LOG"],
  "listenerPath": "/run/supervisor.sock",
  "listenerMetadata": "who",
  "syscalls": [
    {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"},
    {"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}
  ]
}
"#;

/// Two conditions on one argument, and a slip in a field's name.
const TWICE: &str = r#"{
  "defaultAction": "SCMP_ACT_KILL",
  "sycalls": [],
  "syscalls": [
    {
      "names": ["read"],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
        {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}
      ]
    }
  ]
}
"#;

/// A fake daemon, and a directory with files.
pub(super) struct Desk {
    fake: Fake,
    room: tempfile::TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self {
            fake: Fake::start(Health::Healthy),
            room: tempfile::tempdir().unwrap(),
        };
        let mut unknown = String::new();
        for nr in 0..30 {
            let _ = write!(
                unknown,
                "\n{{\"names\": [\"call_{nr}\"], \"action\": \"SCMP_ACT_ALLOW\"}},"
            );
        }
        for (name, content) in [
            ("small.json", SMALL),
            ("whole.json", WHOLE),
            (
                "less.json",
                &SMALL.replace(", \"chmod\"", "").replace("40", "41"),
            ),
            ("supervised.json", SUPERVISED),
            ("twice.json", TWICE),
            ("off.json", "{}\n"),
            ("open.json", &SMALL.replacen("ERRNO", "LOG", 1)),
            (
                "broken.json",
                "{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n \"syscalls\": [}\n",
            ),
            ("names.txt", "/* a list */\nread\n"),
            (
                "unit.service",
                "[Service]\nSystemCallFilter=read write execve\n",
            ),
            (
                "typos.json",
                &format!(
                    "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{unknown}\n{{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}}]}}"
                ),
            ),
        ] {
            fs::write(desk.room.path().join(name), content).unwrap();
        }
        desk
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = profilectl(&self.fake.socket, arguments);
        command.current_dir(self.room.path());
        command
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        fs::write(self.room.path().join(name), content).unwrap();
    }

    pub(super) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Not every verb reads it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs commands and compares what they printed; each must end as is told, and what is for
    /// people must fit 80 columns.
    pub(super) fn session(&self, name: &str, commands: &[(i32, &str)]) {
        let mut shown = String::new();
        for (status, line) in commands {
            let arguments = words(line);
            let output = self.run(&arguments, SMALL);
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            let _ = write!(shown, "$ profilectl {line}\n{out}");
            if !err.is_empty() {
                let _ = write!(shown, "--- standard error\n{err}");
            }
            let _ = writeln!(shown, "--- exit status {}\n", output.status.code().unwrap());
            assert_eq!(output.status.code(), Some(*status), "{line}\n{out}{err}");
            let is_table = ["audit", "check", "eval", "diff"].contains(&arguments[0])
                && !line.contains("--format json");
            for line in out.lines().filter(|_| is_table) {
                assert!(line.chars().count() <= 80, "too wide: {line}");
            }
            // A sentence about a failure is one line, so that logs can be searched.
            for line in err.lines().filter(|line| !line.starts_with("profilectl: ")) {
                assert!(line.chars().count() <= 80, "too wide: {line}");
            }
        }
        golden(name, &shown);
    }
}

/// As a shell would part them; only single quotes are known.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part);
        } else {
            words.extend(part.split_whitespace());
        }
    }
    words
}

#[test]
fn check_tells_what_is_wrong_and_what_it_costs() {
    Desk::new().session(
        "files-check.txt",
        &[
            (1, "check small.json"),
            (1, "check whole.json --runtime crun --libseccomp 2.6.1"),
            (1, "check docker-default --kernel 6.1"),
            (
                1,
                "check docker-default --kernel 4.7 --cap-add SYS_ADMIN,bpf --cap-drop KILL",
            ),
            (1, "check twice.json"),
            (1, "check off.json"),
            (1, "check unconfined"),
            (0, "check active:job"),
            (1, "check job"),
            (1, "check -"),
            (0, "check unit.service"),
            (2, "check broken.json"),
            (2, "check names.txt"),
            (0, "check names.txt --from mkseccomp"),
            (
                1,
                "check --format json whole.json --runtime crun --libseccomp 2.6.1",
            ),
            (2, "check broken.json --format json"),
        ],
    );
}

#[test]
fn audit_compares_what_a_container_may_do_with_what_it_does() {
    Desk::new().session(
        "audit.txt",
        &[
            (1, "audit job"),
            (1, "audit job --candidate small.json"),
            (0, "audit job --candidate docker-default"),
            (4, "audit web"),
            (4, "audit nosuch"),
            (2, "audit job --candidate broken.json"),
        ],
    );
}

#[test]
fn what_is_loaded_otherwise_than_asked_is_told_with_its_reason() {
    Desk::new().session(
        "audit-loaded.txt",
        &[
            (1, "audit strange"),
            (0, "audit strange --candidate small.json"),
            (1, "audit strange --format json"),
        ],
    );
}

#[test]
fn the_keys_of_an_audit_are_stable() {
    let desk = Desk::new();
    let line = "audit job --candidate small.json --format json";
    let output = desk.run(&words(line), "");
    assert_eq!(output.status.code(), Some(1));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(
        keys(&value),
        [
            "container",
            "name",
            "verdict",
            "safe",
            "source",
            "told",
            "layers",
            "runtime",
            "loader",
            "findings",
            "refused",
            "active",
            "candidate",
            "completeness",
            "abis"
        ]
    );
    assert_eq!(
        keys(&value["layers"][0]),
        ["hash", "by", "who", "instructions"]
    );
    assert_eq!(
        keys(&value["active"]),
        ["used", "unused", "conditional", "contradicted"]
    );
    assert_eq!(
        keys(&value["active"]["used"][0]),
        ["call", "abi", "nr", "first"]
    );
    assert_eq!(
        keys(&value["candidate"]),
        ["profile", "breaks", "may_break", "open"]
    );
    assert_eq!(
        keys(&value["candidate"]["breaks"][0]),
        ["call", "abi", "nr", "answer", "with", "first"]
    );
    assert_eq!(
        keys(&value["active"]["unused"][0]),
        ["call", "abi", "nr", "danger"]
    );
    assert_eq!(value["source"], "copied");
    assert_eq!(value["safe"], false);
}

#[test]
fn eval_answers_for_one_call() {
    Desk::new().session(
        "files-eval.txt",
        &[
            (0, "eval small.json read"),
            (0, "eval small.json x32:read"),
            (1, "eval small.json i386:read"),
            (1, "eval small.json socketcall"),
            (0, "eval small.json socket"),
            (1, "eval small.json socket 40 1"),
            (1, "eval small.json 41 0x100000028"),
            (0, "eval small.json socket -1"),
            (0, "eval small.json socket -- -0x1"),
            (1, "eval small.json socket 0x100000028 --meaning exact"),
            (0, "eval small.json socket 0x100000028 --meaning as-runc"),
            (1, "eval small.json statx --meaning as-runc"),
            (
                1,
                "eval small.json cachestat --meaning as-runc --libseccomp 2.6.1",
            ),
            (
                1,
                "eval small.json cachestat --meaning as-runc --runtime crun --libseccomp 2.6.1",
            ),
            (0, "eval docker-default personality"),
            (0, "eval docker-default mount --cap-add SYS_ADMIN"),
            (1, "eval docker-default ptrace --kernel 4.7"),
            (0, "eval docker-default ptrace --kernel 4.8"),
            (0, "eval docker-default i386:socketcall"),
            (1, "eval active:job mkdir"),
            (0, "eval active:job x32:mkdir 7"),
            (0, "eval job write"),
            (0, "eval unconfined '#999'"),
            (0, "eval - chmod"),
            (1, "eval --format json small.json x32:socket 40"),
            (0, "eval --format json small.json socket"),
            (0, "eval typos.json read"),
        ],
    );
}

#[test]
fn compile_writes_what_the_kernel_takes() {
    let desk = Desk::new();
    desk.session(
        "files-compile.txt",
        &[
            (0, "compile small.json"),
            (0, "compile small.json --format decimal"),
            (0, "compile unconfined --format c"),
            (0, "compile twice.json --meaning as-runc"),
            (0, "compile active:job"),
            (0, "compile small.json --format cbpf -o small.bpf"),
            (0, "diff small.json small.bpf"),
            (0, "eval small.bpf socket"),
            (1, "check small.json --from docker --runtime crun"),
            (0, "check small.bpf"),
        ],
    );
    let bytes = fs::read(desk.room.path().join("small.bpf")).unwrap();
    assert_eq!(bytes.len() % 8, 0);
    assert_eq!(
        bytes,
        desk.run(&["convert", "small.json", "--to", "cbpf"], "")
            .stdout
    );
}

#[test]
fn convert_writes_each_dialect_and_says_what_is_lost() {
    Desk::new().session(
        "files-convert.txt",
        &[
            (0, "convert whole.json"),
            (0, "convert whole.json --to oci"),
            (0, "convert whole.json --to lxc"),
            (0, "convert whole.json --to lxc1"),
            (0, "convert whole.json --to systemd"),
            (0, "convert whole.json --to systemd --looser"),
            (0, "convert whole.json --to spo"),
            (0, "convert supervised.json --to oci"),
            (0, "convert supervised.json --to spo"),
            (2, "convert small.json --to lxc"),
            (0, "convert small.json --to lxc --looser"),
            (0, "convert unit.service"),
            (0, "convert names.txt --from mkseccomp"),
            (0, "convert typos.json --to oci -o /dev/null"),
            (0, "export job --format lxc"),
            (0, "export job --format lxc1"),
            (0, "export job --format systemd"),
            (0, "export job --format spo"),
            (0, "export job --format cbpf -o /dev/null"),
        ],
    );
}

#[test]
fn edit_changes_what_is_wanted_and_diff_shows_just_that() {
    Desk::new().session(
        "files-edit.txt",
        &[
            (0, "edit small.json --deny chmod,mount --allow 'read,socket:a0==40 && a1<3' --allow ioctl:a1==-1 -o edited.json"),
            (1, "diff small.json edited.json"),
            (0, "edit small.json --allow 'clone:a0 & 0x7e020000 == 0'"),
            (0, "edit docker-default --deny chmod,fchmod,fchmodat -o unmodded.json"),
            (1, "diff docker-default unmodded.json"),
            (0, "edit job --allow chmod -o /dev/null"),
            (2, "edit small.json"),
            (2, "edit small.json --deny chmd"),
            (2, "edit small.json --deny read --allow read"),
            (2, "edit small.json --deny socket:a0==1"),
            (2, "edit small.json --allow socket:a0=40"),
            (2, "edit small.json --allow socket:0==40"),
            (2, "edit small.json --allow 'socket:a0>1&&a0<9'"),
            (2, "edit unit.service --deny read"),
            (2, "edit unconfined --deny read"),
            (2, "edit active:job --deny mkdir"),
        ],
    );
}

#[test]
fn diff_tells_by_what_profiles_do() {
    Desk::new().session(
        "files-diff.txt",
        &[
            (0, "diff small.json small.json"),
            (0, "diff - small.json"),
            (1, "diff small.json whole.json"),
            (1, "diff whole.json unit.service"),
            (1, "diff active:job unconfined"),
            (1, "diff unconfined small.json"),
            (
                1,
                "diff small.json less.json --meaning as-runc --libseccomp 2.6.1",
            ),
            (
                0,
                "diff twice.json twice.json --meaning as-runc --runtime crun",
            ),
            (1, "diff --format json small.json less.json"),
            (0, "diff --format json - small.json"),
            (1, "diff --format unified small.json less.json"),
            (0, "diff --format unified small.json small.json"),
            (2, "diff --format unified small.json unconfined"),
        ],
    );
}

#[test]
fn bad_input_ends_with_2_and_what_is_not_there_with_3_or_4() {
    Desk::new().session(
        "files-errors.txt",
        &[
            (2, "check ./none.json"),
            (2, "check /"),
            (2, "eval broken.json read"),
            (2, "check --from lxc small.json"),
            (2, "check --from docker docker-default"),
            (2, "convert --from lxc nowhere"),
            (2, "eval small.json opneat"),
            (2, "eval small.json i386:openaat2"),
            (2, "eval small.json x32:epoll_ctl_old"),
            (2, "eval small.json amd64:read"),
            (2, "eval small.json 999999999999"),
            (2, "eval small.json read 18446744073709551616"),
            (2, "eval small.json read AF_INET"),
            (2, "eval small.json read 1 2 3 4 5 6 7"),
            (2, "eval small.json read --kernel six"),
            (2, "eval small.json read --cap-add SYS_ADMN"),
            (2, "eval small.json read --meaning as-runc --libseccomp x"),
            (2, "eval small.json read --runtime crun"),
            (2, "compile small.json -o /"),
            (2, "compile small.json -o none/small.bpf"),
            (2, "convert active:job"),
            (2, "convert unconfined --to lxc"),
            (2, "convert off.json --to oci"),
            (2, "convert small.json --to yaml"),
            (2, "diff - -"),
            (2, "diff small.json"),
            (4, "eval nowhere read"),
            (4, "diff small.json image:nowhere"),
            (4, "eval active:nowhere read"),
            (4, "eval active:web mkdir"),
            (3, "eval none.json read --socket /nowhere/profilerd.sock"),
            (
                3,
                "diff small.json image:nginx --socket /nowhere/profilerd.sock",
            ),
            (3, "check active:web --socket /nowhere/profilerd.sock"),
            (0, "eval small.json read --socket /nowhere/profilerd.sock"),
        ],
    );
}

#[test]
fn a_terminal_is_spared_a_filters_bytes() {
    let desk = Desk::new();
    let program = desk.command(&[]).get_program().to_owned();
    let inner = format!(
        "{} compile small.json --format cbpf",
        program.to_str().unwrap()
    );
    let output = Command::new("script")
        .args(["-qec", &inner, "/dev/null"])
        .current_dir(desk.room.path())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => {
            assert_eq!(output.status.code(), Some(2));
            assert!(text(&output.stdout).contains("write it to a file with -o"));
        }
        Err(error) => eprintln!("skipped: script(1) is not here ({error})"),
    }
}

#[test]
fn a_reader_that_goes_and_a_disk_that_is_full() {
    let desk = Desk::new();
    for arguments in [
        &["compile", "docker-default"][..],
        &["convert", "docker-default"],
        &["diff", "unconfined", "docker-default"],
        &["check", "docker-default"],
    ] {
        let mut child = desk
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!text(&output.stderr).contains("panicked"));
        if Path::new("/dev/full").exists() {
            let full = fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap();
            let output = desk.command(arguments).stdout(full).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        }
    }
}

#[test]
fn a_circumstance_can_be_said_in_several_ways() {
    let desk = Desk::new();
    let same = |one: &str, other: &str| {
        let (one, other) = (desk.run(&words(one), ""), desk.run(&words(other), ""));
        assert_eq!(one.status.code(), Some(0));
        assert_eq!(one.stdout, other.stdout);
    };
    let allowed = "eval docker-default mount --cap-add";
    same(
        &format!("{allowed} SYS_ADMIN"),
        &format!("{allowed} cap_sys_admin"),
    );
    same(
        &format!("{allowed} ALL"),
        &format!("{allowed} kill,sys_admin"),
    );
    same(
        "eval docker-default ptrace --kernel 6.1",
        "eval docker-default ptrace --kernel 6.1.0-18-amd64",
    );
    same(
        "eval docker-default --arch aarch64 read",
        "eval docker-default --arch arm64 read",
    );
}
