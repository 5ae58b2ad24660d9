//! Compiled policies against what their rules say, on random rule sets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

#[cfg(target_arch = "x86_64")]
mod kernel_oracle;
mod oracle;
mod rules;

use std::thread;

use oracle::{random::Random, reference};
use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    diagram::Diagrams,
    filter::{
        compile::compile,
        evaluate::{CallData, run},
        program::Program,
        symbolic,
    },
    meaning::exact,
    policy::{Policy, Rule},
};
use rules::{ACTIONS, arguments, rules};

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

/// Policies; each judges all of [`NAMES`] by rule sets of their own.
const POLICIES: u64 = 12_500;

/// A random policy, and its program.
fn compiled(random: &mut Random, seed: u64, arches: &[Arch]) -> (Policy, Program) {
    let mut policy = Policy {
        default: random.one_of(&ACTIONS),
        native: Arch::X86_64,
        arches: arches.to_vec(),
        rules: Vec::new(),
    };
    for name in NAMES {
        policy.rules.extend(rules(random, name));
    }
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy).unwrap();
    let program = compile(&diagrams, root).unwrap();
    // Of some it is proven that they mean what they were made from, for every call that there is.
    if seed.is_multiple_of(ALL_ARCHES_EACH) {
        assert_eq!(
            symbolic::diagram(&mut diagrams, &program),
            Ok(root),
            "seed {seed}"
        );
    }
    (policy, program)
}

/// Every so many policies one is judged under all architectures, and proven; it takes longer.
const ALL_ARCHES_EACH: u64 = 8;

/// All architectures that this machine has.
const ARCHES: [Arch; 3] = [Arch::X86_64, Arch::X86, Arch::X32];

/// The rules of one name.
fn own(policy: &Policy, name: &str) -> Vec<Rule> {
    let names = policy.rules.iter();
    names
        .filter(|rule| rule.names[0] == name)
        .cloned()
        .collect()
}

/// A call of a name, at the edges of its rules.
fn call(random: &mut Random, arch: Arch, name: &str, own: &[Rule]) -> CallData {
    let mut args = arguments(random, own);
    if arch == Arch::X86 {
        args = args.map(|argument| argument & 0xffff_ffff);
    }
    CallData::new(arch, arch.number(name).unwrap(), args)
}

/// Whether a program differs from its rules; counts rule sets and calls.
fn check(seed: u64, counted: &mut (u64, u64)) {
    let mut random = Random::new(seed);
    let arches = if seed.is_multiple_of(ALL_ARCHES_EACH) {
        &ARCHES[..]
    } else {
        &ARCHES[..1]
    };
    let (policy, program) = compiled(&mut random, seed, arches);
    for name in NAMES {
        let own = own(&policy, name);
        counted.0 += 1;
        for turn in 0..6 {
            let arch = arches[turn % arches.len()];
            let call = call(&mut random, arch, name, &own);
            let answered = Action::from_return(run(&program, &call).returned);
            let expected = reference::exact(&policy, arch, name, &call.args);
            assert_eq!(
                answered, expected,
                "seed {seed}: {arch:?} {name} {:x?}\n{own:#?}",
                call.args
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

#[cfg(target_arch = "x86_64")]
#[test]
fn the_real_kernel_answers_what_the_rules_say() {
    use kernel_oracle::{Call, Gate, answers};

    let mut total = 0;
    // None of the policies of the other test.
    for seed in 1_000_000..1_000_160 {
        let mut random = Random::new(seed);
        let (policy, program) = compiled(&mut random, seed, &ARCHES);
        let (mut calls, mut expected) = (Vec::new(), Vec::new());
        for name in NAMES {
            let own = own(&policy, name);
            for turn in 0..44 {
                let (arch, gate) = match turn % 4 {
                    0 | 1 => (Arch::X86_64, Gate::Syscall),
                    2 => (Arch::X86, Gate::Int80),
                    _ => (Arch::X32, Gate::Syscall),
                };
                let call = call(&mut random, arch, name, &own);
                expected.push(reference::exact(&policy, arch, name, &call.args));
                calls.push(Call {
                    gate,
                    nr: call.nr,
                    args: call.args,
                });
            }
        }
        let instructions: Vec<_> = program
            .instructions()
            .iter()
            .map(|one| (one.code, one.jt, one.jf, one.k))
            .collect();
        let answered = answers(&instructions, &calls);
        for ((call, answered), expected) in calls.iter().zip(answered).zip(expected) {
            assert_eq!(
                Action::from_return(answered),
                expected,
                "seed {seed}: {call:x?}"
            );
            total += 1;
        }
    }
    println!("{total} calls of the real kernel, no difference");
    assert!(total >= 100_000);
}
