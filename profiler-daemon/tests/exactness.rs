//! Compiled policies against what their rules say, on random rule sets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

mod rules;

use std::thread;

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    compile::compile,
    diagram::Diagrams,
    evaluate::{CallData, run},
    meaning::exact,
    policy::Policy,
    symbolic,
};
use rules::{ACTIONS, Random, arguments, meant, rules};

/// Calls of which each policy judges some: with 64-bit and with 32-bit arguments.
const NAMES: [&str; 16] = [
    "read",
    "mmap",
    "socket",
    "personality",
    "clone",
    "ioctl",
    "prctl",
    "setsockopt",
    "openat",
    "ptrace",
    "keyctl",
    "unshare",
    "fcntl",
    "bpf",
    "mprotect",
    "kill",
];

const POLICIES: u64 = 500;

/// Whether any of a policy's programs differs from its rules; counts rule sets and calls.
fn check(seed: u64, counted: &mut (u64, u64)) {
    let mut random = Random::new(seed);
    let mut policy = Policy {
        default: random.of(&ACTIONS),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64, Arch::X86, Arch::X32],
        rules: Vec::new(),
    };
    for name in NAMES {
        policy.rules.extend(rules(&mut random, name));
        counted.0 += 1;
    }
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy).unwrap();
    let program = compile(&diagrams, root).unwrap();
    // The program means what it was made from, for every call that there is.
    assert_eq!(
        symbolic::diagram(&mut diagrams, &program),
        Ok(root),
        "seed {seed}"
    );
    for name in NAMES {
        let own: Vec<_> = policy
            .rules
            .iter()
            .filter(|rule| rule.names[0] == name)
            .cloned()
            .collect();
        for arch in [
            Arch::X86_64,
            Arch::X86_64,
            Arch::X86_64,
            Arch::X86,
            Arch::X32,
        ] {
            let mut args = arguments(&mut random, &own);
            if arch == Arch::X86 {
                args = args.map(|argument| argument & 0xffff_ffff);
            }
            let call = CallData::new(arch, arch.number(name).unwrap(), args);
            let answered = Action::from_return(run(&program, &call).returned);
            let expected = meant(&policy, arch, name, &call);
            assert_eq!(
                answered, expected,
                "seed {seed}: {arch:?} {name} {args:x?}\n{own:#?}"
            );
            counted.1 += 1;
        }
    }
}

#[test]
fn two_hundred_thousand_rule_sets_are_compiled_exactly() {
    let halves = [0..POLICIES / 2, POLICIES / 2..POLICIES];
    let workers = halves.map(|seeds| {
        thread::spawn(move || {
            let mut counted = (0, 0);
            seeds.for_each(|seed| check(seed, &mut counted));
            counted
        })
    });
    let mut total = (0, 0);
    for worker in workers {
        let counted = worker.join().expect("a difference was found");
        total = (total.0 + counted.0, total.1 + counted.1);
    }
    println!("{} rule sets, {} calls, no difference", total.0, total.1);
    assert!(total.0 >= 200_000);
}
