//! Resolution, step by step, with moby's own sentences.

use proptest::prelude::*;

use super::*;
use crate::seccomp::{
    action::Action,
    dialects::docker::{docker_default, read},
};

fn profile(text: &str) -> Profile {
    let reading = read(text.as_bytes());
    reading
        .value
        .unwrap_or_else(|| panic!("{:?}", reading.findings))
}

fn resolved(text: &str, caps: &[&str], arch: Arch, kernel: (u32, u32)) -> Filter {
    let circumstances = Circumstances {
        capabilities: caps.iter().map(|cap| (*cap).to_owned()).collect(),
        arch,
        kernel,
    };
    match resolve(&profile(text), &circumstances) {
        Ok(Resolved::Filter(filter)) => filter,
        other => panic!("{other:?}"),
    }
}

fn refusal(text: &str) -> String {
    let usual = Circumstances::usual(Arch::X86_64, (6, 18));
    resolve(&profile(text), &usual).unwrap_err().to_string()
}

#[test]
fn without_default_and_rules_there_is_no_filter() {
    let usual = Circumstances::usual(Arch::X86_64, (6, 18));
    for text in [
        "{}",
        r#"{"defaultActon": "SCMP_ACT_ERRNO", "syscalls": null}"#,
    ] {
        assert_eq!(resolve(&profile(text), &usual), Ok(Resolved::Off));
    }
}

#[test]
fn what_docker_refuses_is_refused_in_its_words() {
    let rule = r#""defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "read",
        "names": ["write"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}]"#;
    assert!(refusal(&format!("{{{rule}}}")).starts_with("both 'name' and 'names' are specified"));
    let arches = r#""architectures": ["SCMP_ARCH_X86"],
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}]"#;
    // The first of the two is told.
    assert!(
        refusal(&format!("{{{arches}, {rule}}}")).starts_with("both 'architectures' and 'archMap'")
    );
    assert_eq!(
        refusal(r#"{"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#),
        "string  is not a valid action for seccomp"
    );
    assert_eq!(
        refusal(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"],
               "action": "SCMP_ACT_ALLOW",
               "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#
        ),
        "error creating seccomp syscall condition for syscall read: syscalls only have up to 6 \
         arguments (6 given)"
    );
    assert_eq!(
        refusal(r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_NATIVE"]}"#),
        "string SCMP_ARCH_NATIVE is not a valid arch for seccomp"
    );
}

/// One rule on `read` with this condition, and whether it holds.
fn holds(conditions: &str, caps: &[&str], arch: Arch, kernel: (u32, u32)) -> bool {
    let text = format!(
        r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {{"names": ["read"], "action": "SCMP_ACT_ALLOW", {conditions}}}]}}"#
    );
    !resolved(&text, caps, arch, kernel).policy.rules.is_empty()
}

#[test]
fn includes_need_all_capabilities_and_excludes_any() {
    let admin = ["CAP_SYS_ADMIN"];
    let both = ["CAP_SYS_ADMIN", "CAP_BPF"];
    let x86 = |conditions: &str, caps: &[&str]| holds(conditions, caps, Arch::X86_64, (6, 18));
    let includes = r#""includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}"#;
    assert!(x86(includes, &both) && !x86(includes, &admin) && !x86(includes, &[]));
    let excludes = r#""excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]}"#;
    assert!(!x86(excludes, &both) && !x86(excludes, &admin) && x86(excludes, &[]));
    let never = r#""includes": {"caps": ["CAP_BPF"]}, "excludes": {"caps": ["CAP_BPF"]}"#;
    assert!(!x86(never, &both) && !x86(never, &[]));
}

#[test]
fn arches_and_kernels_are_the_hosts() {
    let on = |conditions: &str, arch, kernel| holds(conditions, &[], arch, kernel);
    let amd64 = r#""includes": {"arches": ["amd64", "x32"]}"#;
    assert!(on(amd64, Arch::X86_64, (6, 18)) && !on(amd64, Arch::Aarch64, (6, 18)));
    let x32 = r#""includes": {"arches": ["x32", "SCMP_ARCH_X86_64", "x86_64"]}"#;
    assert!(!on(x32, Arch::X86_64, (6, 18)));
    let not_arm = r#""excludes": {"arches": ["arm64"]}"#;
    assert!(on(not_arm, Arch::X86_64, (6, 18)) && !on(not_arm, Arch::Aarch64, (6, 18)));
    let new = r#""includes": {"minKernel": "4.8"}"#;
    assert!(on(new, Arch::X86_64, (4, 8)) && on(new, Arch::X86_64, (5, 0)));
    assert!(!on(new, Arch::X86_64, (4, 7)) && !on(new, Arch::X86_64, (3, 19)));
    let old = r#""excludes": {"minKernel": "4.8"}"#;
    assert!(!on(old, Arch::X86_64, (4, 8)) && on(old, Arch::X86_64, (4, 7)));
    let any = r#""includes": {"minKernel": ""}"#;
    assert!(on(any, Arch::X86_64, (2, 6)));
    let none = r#""excludes": {"minKernel": null, "caps": null, "arches": []}"#;
    assert!(on(none, Arch::X86_64, (6, 18)));
}

#[test]
fn architectures_begin_with_the_machines_own() {
    let listed = |fields: &str, arch| {
        let text = format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", {fields}}}"#);
        let filter = resolved(&text, &[], arch, (6, 18));
        assert_eq!(filter.policy.native, arch);
        (filter.policy.arches, filter.without_table)
    };
    let list = r#""architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
        "SCMP_ARCH_RISCV64", "SCMP_ARCH_RISCV64"]"#;
    let riscv = vec!["SCMP_ARCH_RISCV64".to_owned()];
    assert_eq!(
        listed(list, Arch::X86_64),
        (vec![Arch::X86_64, Arch::X86], riscv.clone())
    );
    assert_eq!(
        listed(list, Arch::Aarch64),
        (vec![Arch::Aarch64, Arch::X86, Arch::X86_64], riscv)
    );
    // Of several lines for one machine the first counts.
    let map = r#""archMap": [
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X32"]},
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]"#;
    assert_eq!(
        listed(map, Arch::X86_64),
        (vec![Arch::X86_64, Arch::X32], vec![])
    );
    assert_eq!(listed(map, Arch::Arm), (vec![Arch::Arm], vec![]));
}

#[test]
fn actions_take_their_errnos_and_flags_are_passed_on() {
    let filter = resolved(
        r#"{"defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 38, "defaultErrno": "EIO",
            "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [
            {"name": "read", "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS"},
            {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 65574},
            {"names": [], "action": "SCMP_ACT_KILL", "errnoRet": 5}]}"#,
        &[],
        Arch::X86_64,
        (6, 18),
    );
    assert_eq!(
        filter.flags,
        Some(vec!["SECCOMP_FILTER_FLAG_LOG".to_owned()])
    );
    assert_eq!(filter.policy.default, Action::Trace(38));
    let rules: Vec<_> = filter
        .policy
        .rules
        .iter()
        .map(|rule| (rule.names.concat(), rule.action))
        .collect();
    assert_eq!(
        rules,
        [
            ("read".to_owned(), Action::Errno(1)),
            ("write".to_owned(), Action::Errno(38)),
            (String::new(), Action::KillThread),
        ]
    );
    let empty = r#"{"defaultAction": "SCMP_ACT_ERRNO", "flags": []}"#;
    assert_eq!(resolved(empty, &[], Arch::X86_64, (6, 18)).flags, None);
}

#[test]
fn a_policy_written_down_resolves_to_itself() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let usual = Circumstances::usual(arch, (6, 18));
        let Ok(Resolved::Filter(filter)) = resolve(&docker_default(), &usual) else {
            panic!("it resolves");
        };
        let mut policy = filter.policy;
        policy.default = Action::Trace(38);
        let none = Circumstances {
            capabilities: BTreeSet::new(),
            arch,
            kernel: (3, 10),
        };
        let again = resolve(&Profile::from(&policy), &none);
        let Ok(Resolved::Filter(again)) = again else {
            panic!("{again:?}");
        };
        assert_eq!(again.policy, policy);
    }
}

proptest! {
    /// A capability more never takes an allowed name of the default away, but for what clone's
    /// rules trade.
    #[test]
    fn more_capabilities_never_allow_less(
        fewer in proptest::collection::btree_set(0usize..41, 0..6),
        more in proptest::collection::btree_set(0usize..41, 0..6),
    ) {
        let caps = super::super::vocabulary::CAPABILITIES;
        let set = |places: &BTreeSet<usize>| -> BTreeSet<String> {
            places.iter().map(|place| caps[*place].to_owned()).collect()
        };
        let allowed = |capabilities| {
            let circumstances = Circumstances { capabilities, arch: Arch::X86_64, kernel: (6, 18) };
            let Ok(Resolved::Filter(filter)) = resolve(&docker_default(), &circumstances) else {
                panic!("it resolves");
            };
            let rules = filter.policy.rules.into_iter();
            rules
                .filter(|rule| rule.action == Action::Allow)
                .flat_map(|rule| rule.names)
                .collect::<BTreeSet<_>>()
        };
        let less = allowed(set(&fewer));
        let union = allowed(set(&fewer).union(&set(&more)).cloned().collect());
        prop_assert!(less.is_subset(&union));
    }
}
