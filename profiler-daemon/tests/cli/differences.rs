//! `diff` for people, for programs and as texts: what became of each call.

use super::{Fake, Health, check, files::Desk};

/// A release, and the next: a call for each thing that can become of one.
const OLD: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
  "syscalls": [
    {"names": ["read", "chmod", "fchmodat", "personality", "setuid"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["getpid"], "action": "SCMP_ACT_LOG"},
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]
    },
    {
      "names": ["prctl"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 15, "op": "SCMP_CMP_EQ"}]
    },
    {"names": ["reboot"], "action": "SCMP_ACT_KILL_PROCESS"}
  ]
}
"#;

const NEW: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
  "syscalls": [
    {
      "names": ["read", "getpid", "setuid32", "ptrace", "landlock_restrict_self"],
      "action": "SCMP_ACT_ALLOW"
    },
    {"names": ["setuid"], "action": "SCMP_ACT_LOG"},
    {
      "names": ["setns"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 1, "value": 131072, "op": "SCMP_CMP_EQ"}]
    },
    {
      "names": ["personality"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]
    },
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]
    },
    {
      "names": ["prctl"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 22, "op": "SCMP_CMP_EQ"}]
    },
    {"names": ["clone3", "openat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    {"names": ["kexec_load"], "action": "SCMP_ACT_KILL_PROCESS"}
  ]
}
"#;

#[test]
fn what_became_of_each_call_is_told_in_groups() {
    let desk = Desk::new();
    desk.write("1.4.json", OLD);
    desk.write("1.5.json", NEW);
    desk.session(
        "diff-groups.txt",
        &[
            (1, "diff 1.4.json 1.5.json"),
            (1, "diff 1.5.json 1.4.json"),
            (1, "diff --format unified 1.4.json 1.5.json"),
        ],
    );
    desk.session(
        "diff-groups.json.txt",
        &[(1, "diff --format json 1.4.json 1.5.json")],
    );
}

#[test]
fn of_versions_it_is_told_who_made_what_is_new() {
    let fake = Fake::start(Health::Healthy);
    check(&fake, "diff-versions.txt", 1, &["diff", "web@2", "web"]);
}
