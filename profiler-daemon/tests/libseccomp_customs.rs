//! What libseccomp makes of rules by design: which of two counts, which it refuses, and what i386 and x32 get.

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod kernel_oracle;
mod libseccomp_export;
mod oracle;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::cmp::Ordering;

use libseccomp_export::{
    Exported, Library, Rule, Set,
    defects::{self, ALLOW, ERRNO_5, KILL},
    explain::release,
    sets::{NAME, of, points, set, shown},
};
use oracle::{
    interpreter::{Data, Instruction, run},
    order::{collides, tried_before},
    random::Random,
};
use profiler_daemon::seccomp::{
    arch::Arch,
    condition::{Condition, Operator},
    meaning::libseccomp_tree::Release,
};
use testbed::Testbed;

#[test]
fn of_two_single_conditions_the_more_specific_is_tried_first() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut random = Random::new(2);
    let condition = |random: &mut Random| {
        let operator = random.one_of(&Operator::ALL);
        let small = |random: &mut Random| random.below(6) | random.one_of(&[0, 0, 0, 0xffff_fff0]);
        let value = small(random).max(u64::from(operator == Operator::MaskedEqual));
        Condition {
            index: random.one_of(&[0, 0, 0, 1]),
            operator,
            value,
            value_two: small(random),
        }
    };
    let sets: Vec<Set> = (0..20_000)
        .map(|_| {
            let rules = [ERRNO_5, ALLOW].map(|action| (action, vec![condition(&mut random)]));
            set(KILL, rules.into())
        })
        .collect();
    for library in Library::all() {
        let (mut both, mut collisions) = (0, 0);
        for (set, exported) in sets.iter().zip(library.export(&sets)) {
            let [first, second] = [0, 1].map(|rule| set.rules[rule].conditions[0]);
            let program = match exported {
                Exported::Program(program) => program,
                other => {
                    assert_eq!(other, Exported::Refused(1, libc::EEXIST), "{}", shown(set));
                    assert!(collides(&first, &second), "{}", shown(set));
                    collisions += 1;
                    continue;
                }
            };
            assert!(!collides(&first, &second), "{}", shown(set));
            for args in points(set, &mut random, 24) {
                let holds = |condition: &Condition| {
                    let wanted = Condition {
                        value_two: condition.value & condition.value_two,
                        ..*condition
                    };
                    wanted.holds(args[usize::from(condition.index)])
                };
                let expected = match (holds(&first), holds(&second)) {
                    (false, false) => KILL,
                    (true, false) => ERRNO_5,
                    (false, true) => ALLOW,
                    (true, true) => {
                        both += 1;
                        let mut order = tried_before(&first, &second);
                        let different = |condition: &Condition| {
                            condition.operator == Operator::NotEqual
                                && args[usize::from(condition.index)] >> 32 != 0
                        };
                        // Where the upper half alone says that both numbers differ, the smaller one counts; before
                        // 2.6.1 the first.
                        if first.index == second.index && different(&first) && different(&second) {
                            order = match release(&library) {
                                Release::Before261 => Ordering::Equal,
                                Release::From261 => order.reverse(),
                            };
                        }
                        if order == Ordering::Greater {
                            ALLOW
                        } else {
                            ERRNO_5
                        }
                    }
                };
                let got = run(&program, &of(NAME, Arch::X86_64, &args));
                assert_eq!(
                    got,
                    expected,
                    "{:?}: {}: {args:x?}",
                    library.version,
                    shown(set)
                );
            }
        }
        println!(
            "{:?}: {} sets, both conditions held for {both} calls, {collisions} collisions",
            library.version,
            sets.len()
        );
        assert!(both > 50_000 && collisions > 20);
    }
}

/// What a filter for several architectures answers to a call of one of them.
fn judged(program: &[Instruction], arch: u32, nr: u32, args: [u64; 6]) -> u32 {
    run(program, &Data { nr, arch, args })
}

fn single(name: &'static str, arch: Arch, conditions: Vec<Condition>) -> Set {
    Set {
        default: KILL,
        arches: vec![arch],
        optimize: 0,
        rules: vec![Rule {
            action: ALLOW,
            name,
            conditions,
        }],
    }
}

fn exported(library: &Library, set: Set) -> Vec<Instruction> {
    match library.export(&[set]).remove(0) {
        Exported::Program(program) => program,
        other => panic!("{other:?}"),
    }
}

fn on(index: u8, operator: Operator, value: u64) -> Condition {
    Condition {
        index,
        operator,
        value,
        value_two: 0,
    }
}

#[test]
fn i386_gets_a_second_rule_through_socketcall_or_ipc() {
    const I386: u32 = 0x4000_0003;
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    for library in Library::all() {
        // The call's own number where there is one, the multiplexer and the number behind it.
        for (name, own, through, id) in [
            ("socket", Some(359), 102, 1),
            ("accept", None, 102, 5),
            ("sendmmsg", Some(345), 102, 20),
            ("shmget", Some(395), 117, 23),
            ("semop", None, 117, 1),
        ] {
            let mut set = single(name, Arch::X86, Vec::new());
            let alone = exported(&library, set.clone());
            set.rules
                .extend(single("read", Arch::X86, Vec::new()).rules);
            let program = exported(&library, set);
            let answer = |nr, first| judged(&program, I386, nr, [first, 7, 7, 7, 7, 7]);
            assert_eq!(answer(through, id), ALLOW, "{name}");
            assert_eq!(answer(through, id + 1), KILL, "{name}");
            // A defect, `defects::UNREAD_NUMBER`: a call without a number of its own leaves the section, if no
            // other call without conditions is there, comparing the architecture.
            let alone = judged(&alone, I386, through, [id, 0, 0, 0, 0, 0]);
            if let Some(own) = own {
                assert_eq!(answer(own, 7), ALLOW, "{name}");
                assert_eq!(alone, ALLOW, "{name}");
            } else {
                assert_eq!(alone, KILL, "{name}: {}", defects::UNREAD_NUMBER);
            }
        }
        let family = on(0, Operator::NotEqual, 40);
        let program = exported(&library, single("socket", Arch::X86, vec![family]));
        let answer =
            |nr, args: [u64; 2]| judged(&program, I386, nr, [args[0], args[1], 0, 0, 0, 0]);
        // The condition on the first argument is replaced: every socketcall(1, …) is let through.
        assert_eq!([answer(359, [40, 0]), answer(359, [2, 0])], [KILL, ALLOW]);
        assert_eq!([answer(102, [1, 0]), answer(102, [40, 0])], [ALLOW, KILL]);
        // One on another argument stays, and is compared with the address of the arguments.
        let kind = on(1, Operator::Equal, 3);
        let program = exported(&library, single("socket", Arch::X86, vec![kind]));
        let answer =
            |nr, args: [u64; 2]| judged(&program, I386, nr, [args[0], args[1], 0, 0, 0, 0]);
        assert_eq!([answer(359, [9, 3]), answer(359, [9, 4])], [ALLOW, KILL]);
        assert_eq!([answer(102, [1, 3]), answer(102, [1, 4])], [ALLOW, KILL]);
        // A constant is cut to 32 bits.
        let big = on(1, Operator::Equal, 1 << 32 | 3);
        let program = exported(&library, single("read", Arch::X86, vec![big]));
        assert_eq!(judged(&program, I386, 3, [0, 3, 0, 0, 0, 0]), ALLOW);
        assert_eq!(
            judged(&program, Arch::X86_64.audit(), 0, [0, 3, 0, 0, 0, 0]),
            KILL
        );
        // So is one of an order: `a < 2^32` never holds.
        let all = on(1, Operator::Less, 1 << 32);
        let program = exported(&library, single("read", Arch::X86, vec![all]));
        assert_eq!(judged(&program, I386, 3, [0, 3, 0, 0, 0, 0]), KILL);
    }
}

#[test]
fn x32_shares_the_section_of_x86_64() {
    const X86_64: u32 = 0xc000_003e;
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    for library in Library::all() {
        let address = on(0, Operator::Equal, 5);
        let program = exported(&library, single("mmap", Arch::X32, vec![address]));
        let high = [1 << 32 | 5, 0, 0, 0, 0, 0];
        let low = [5, 0, 0, 0, 0, 0];
        assert_eq!(judged(&program, X86_64, 9, low), ALLOW);
        assert_eq!(judged(&program, X86_64, 9, high), KILL);
        assert_eq!(judged(&program, X86_64, 0x4000_0009, low), ALLOW);
        // All arguments of x32 are compared by their lower halves.
        assert_eq!(judged(&program, X86_64, 0x4000_0009, high), ALLOW);
        // Numbers of x32's own, and no others.
        let program = exported(&library, single("ioctl", Arch::X32, Vec::new()));
        for (nr, answer) in [
            (16, ALLOW),
            (0x4000_0202, ALLOW),
            (0x4000_0010, KILL),
            (514, KILL),
        ] {
            assert_eq!(judged(&program, X86_64, nr, low), answer, "{nr:#x}");
        }
        // Without x32 its numbers are another architecture's, which kill the thread, but for -1.
        let mut set = single("ioctl", Arch::X86_64, Vec::new());
        set.default = ERRNO_5;
        let program = exported(&library, set.clone());
        for (arch, nr, answer) in [
            (X86_64, 0x3fff_ffff, ERRNO_5),
            (X86_64, 0x4000_0000, KILL),
            (X86_64, 0xffff_fffe, KILL),
            (X86_64, u32::MAX, ERRNO_5),
            (0xc000_00b7, 16, KILL),
        ] {
            assert_eq!(judged(&program, arch, nr, low), answer, "{nr:#x}");
        }
        // With x32 they get the default.
        set.arches = vec![Arch::X32];
        let program = exported(&library, set);
        for nr in [0x4000_0000, 0xffff_fffe, u32::MAX] {
            assert_eq!(judged(&program, X86_64, nr, low), ERRNO_5, "{nr:#x}");
        }
    }
}

#[test]
fn customs_of_the_library_are_as_runc_meets_them() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let small = || vec![on(0, Operator::Equal, 1)];
    let both = || vec![on(0, Operator::Equal, 1), on(1, Operator::Equal, 2)];
    let masked = || {
        vec![Condition {
            index: 0,
            operator: Operator::MaskedEqual,
            value: 1,
            value_two: 3,
        }]
    };
    const OTHER: u32 = 0x0005_0006;
    for library in Library::all() {
        // Rules, then the answer to (1, 2), or the rule that is refused.
        for (rules, expected) in [
            // The first unconditional rule stays, whatever comes before or after it.
            (vec![(ERRNO_5, vec![]), (OTHER, vec![])], Ok(ERRNO_5)),
            (vec![(ERRNO_5, small()), (OTHER, vec![])], Ok(OTHER)),
            (vec![(OTHER, vec![]), (ERRNO_5, small())], Ok(OTHER)),
            // One condition has one action.
            (vec![(ERRNO_5, small()), (OTHER, small())], Err(1)),
            (vec![(ERRNO_5, small()), (ERRNO_5, small())], Ok(ERRNO_5)),
            // A longer rule behind a shorter one is dropped, before it it is refused.
            (vec![(ERRNO_5, small()), (OTHER, both())], Ok(ERRNO_5)),
            (vec![(OTHER, both()), (ERRNO_5, small())], Err(1)),
            // A rule with the default's action makes no exception.
            (vec![(ALLOW, both()), (ERRNO_5, small())], Ok(ERRNO_5)),
            // What a mask leaves out is left out of the number too.
            (vec![(ERRNO_5, masked())], Ok(ERRNO_5)),
            // One index twice is refused; runc makes a rule of each.
            (vec![(ERRNO_5, [small(), small()].concat())], Err(0)),
        ] {
            let set = set(ALLOW, rules);
            let got = match library.export(std::slice::from_ref(&set)).remove(0) {
                Exported::Program(program) => {
                    Ok(run(&program, &of(NAME, Arch::X86_64, &[1, 2, 0, 0, 0, 0])))
                }
                Exported::Refused(rule, _) => Err(rule),
                Exported::Hang => panic!("{}", shown(&set)),
            };
            assert_eq!(got, expected, "{:?}: {}", library.version, shown(&set));
        }
    }
}
