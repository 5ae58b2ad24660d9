//! Profiles under which a container starts and that make a runtime do all that it does with profiles.

use profiler_daemon::seccomp::{
    arch::Arch,
    dialects::docker::{self, Indent},
};
use serde_json::{Value, json};

const ALL_X86: [&str; 3] = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];

/// Every call with a name but these: whatever the default answers, a container starts.
fn all_but(names: &[&str]) -> Vec<&'static str> {
    let calls = Arch::X86_64.syscalls().into_iter();
    calls
        .map(|(_, name)| name)
        .filter(|name| !names.contains(name))
        .collect()
}

fn allow(names: &[&str]) -> Value {
    json!({"names": names, "action": "SCMP_ACT_ALLOW"})
}

fn profile(default: &str, architectures: &[&str], rules: &[Value]) -> String {
    json!({"defaultAction": default, "architectures": architectures, "syscalls": rules}).to_string()
}

fn argument(index: u32, operator: &str, value: u64, value_two: u64) -> Value {
    json!({"index": index, "op": operator, "value": value, "valueTwo": value_two})
}

/// Title and text.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let errno = "SCMP_ACT_ERRNO";
    let most = allow(&all_but(&["times", "personality", "socket", "ptrace"]));
    let on = |name: &str, action: &str, args: &[Value]| json!({"names": [name], "action": action, "args": args});
    let by_old_name: Vec<Value> = all_but(&["times"])
        .iter()
        .map(|name| json!({"name": name, "action": "SCMP_ACT_ALLOW", "args": []}))
        .collect();
    vec![
        (
            "docker-default",
            docker::print(&docker::docker_default(), Indent::Spaces),
        ),
        (
            "one-architecture",
            profile(errno, &["SCMP_ARCH_X86_64"], std::slice::from_ref(&most)),
        ),
        (
            "no-architecture",
            profile(errno, &[], std::slice::from_ref(&most)),
        ),
        (
            "foreign-architecture",
            profile(
                errno,
                &["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
                std::slice::from_ref(&most),
            ),
        ),
        (
            "kill-process",
            profile(
                "SCMP_ACT_KILL_PROCESS",
                &ALL_X86,
                std::slice::from_ref(&most),
            ),
        ),
        (
            "log",
            profile(
                "SCMP_ACT_LOG",
                &ALL_X86,
                &[most.clone(), on("times", errno, &[])],
            ),
        ),
        (
            "errnos",
            profile(
                errno,
                &ALL_X86,
                &[
                    most.clone(),
                    json!({"names": ["times", "mseal"], "action": errno, "errnoRet": 99}),
                    json!({"names": ["ptrace"], "action": errno, "errnoRet": 0}),
                    // The default once more: no rule.
                    json!({"names": ["personality"], "action": errno, "errnoRet": 1}),
                ],
            ),
        ),
        ("old-names", profile(errno, &ALL_X86, &by_old_name)),
        (
            "arguments",
            profile(
                errno,
                &ALL_X86,
                &[
                    most,
                    // One index twice: a rule of each condition.
                    on(
                        "personality",
                        "SCMP_ACT_ALLOW",
                        &[
                            argument(0, "SCMP_CMP_EQ", 8, 0),
                            argument(0, "SCMP_CMP_EQ", 0xffff_ffff, 0),
                        ],
                    ),
                    on(
                        "ptrace",
                        "SCMP_ACT_TRACE",
                        &[
                            argument(0, "SCMP_CMP_MASKED_EQ", 0xff, 7),
                            argument(1, "SCMP_CMP_GT", 1 << 32, 0),
                        ],
                    ),
                    // Through socketcall too under i386.
                    on(
                        "socket",
                        "SCMP_ACT_ALLOW",
                        &[argument(0, "SCMP_CMP_NE", 40, 0)],
                    ),
                    on("no_such_call", "SCMP_ACT_KILL", &[]),
                ],
            ),
        ),
    ]
}
