//! libseccomp against what rules mean: where its filters answer otherwise, a listed defect or a listed custom explains it.

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

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use kernel_oracle::{Call, Gate, Instruction, answers};
use libseccomp_export::{
    Exported, Library, Rule, Set,
    defects::{self, ALLOW, ERRNO_5, KILL},
};
use oracle::{
    accumulator::ambiguous,
    interpreter::{Data, run, run_noting},
    random::Random,
    reference,
    tree::{self, Failure, Release, Tree},
};
use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    libseccomp::{Resolved, Version, resolve},
    policy::{self, Policy},
};
use testbed::Testbed;

/// A call all of whose arguments are 64 bits wide.
const NAME: &str = "mmap";

fn of(call: &str, arch: Arch, args: &[u64; 6]) -> Data {
    Data {
        nr: arch.number(call).expect("a number"),
        arch: arch.audit(),
        args: *args,
    }
}

fn release(library: &Library) -> Release {
    if library.version < Version::new(2, 6, 1) {
        Release::Before261
    } else {
        Release::From261
    }
}

fn set(default: u32, rules: Vec<(u32, Vec<Condition>)>) -> Set {
    let rules = rules.into_iter().map(|(action, conditions)| Rule {
        action,
        name: NAME,
        conditions,
    });
    Set {
        default,
        arches: Vec::new(),
        rules: rules.collect(),
    }
}

fn plain(set: &Set) -> Vec<tree::Rule> {
    let rules = set.rules.iter();
    rules
        .map(|rule| (rule.action, rule.conditions.clone()))
        .collect()
}

fn shown(set: &Set) -> String {
    let rules = set.rules.iter().map(|rule| {
        let conditions: Vec<String> = rule.conditions.iter().map(ToString::to_string).collect();
        let action = Action::from_return(rule.action);
        format!("{action}: {}", conditions.join(" and "))
    });
    let rules: Vec<String> = rules.collect();
    format!(
        "default {}; {}",
        Action::from_return(set.default),
        rules.join("; ")
    )
}

#[test]
fn names_resolve_as_the_facts_say() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut names: BTreeSet<&str> =
        ["listns", "rseq_slice_yield", "s390_sthyi", "no_such_call"].into();
    for arch in Arch::ALL {
        names.extend(arch.syscalls().into_iter().map(|(_, name)| name));
    }
    for library in Library::all() {
        let asked: Vec<(Arch, &str)> = Arch::ALL
            .into_iter()
            .flat_map(|arch| names.iter().map(move |name| (arch, *name)))
            .collect();
        let version = match library.version {
            version if version == Version::new(2, 5, 4) => Version::DEBIAN_12,
            version => version,
        };
        let mut wrong = Vec::new();
        for ((arch, name), got) in asked.iter().zip(library.resolve(&asked)) {
            let fits = match resolve(version, *arch, name) {
                Resolved::Number(nr) => got == nr.cast_signed(),
                Resolved::Multiplexed { through, call } => {
                    let base = if through == "ipc" { 200 } else { 100 };
                    got == -(base + i32::from(call))
                }
                Resolved::Elsewhere => got < -1000 || got < -1 && *arch != Arch::X86,
                Resolved::Unknown => got == -1,
            };
            if !fits {
                wrong.push((*arch, *name, got, resolve(version, *arch, name)));
            }
        }
        println!("{:?}: {} answers", library.version, asked.len());
        assert!(wrong.is_empty(), "{:?}: {wrong:?}", library.version);
    }
}

/// Which of two conditions on one argument each, with constants below 2^32, libseccomp tries first on a 64-bit
/// architecture; `Equal` if it is the one that came first in the document.
fn tried_before(one: &Condition, other: &Condition) -> Ordering {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, MaskedEqual, NotEqual};
    let class = |condition: &Condition| match condition.operator {
        Equal | NotEqual | MaskedEqual => 0,
        Less | LessOrEqual => 1,
        Greater | GreaterOrEqual => 2,
    };
    let masked = |condition: &Condition| condition.operator == MaskedEqual;
    let place = |condition: &Condition| (255 - condition.index, class(condition));
    place(one)
        .cmp(&place(other))
        .then_with(|| match class(one) {
            0 if masked(one) != masked(other) => Ordering::Equal,
            0 if masked(one) => {
                // A mask of an upper half makes a test of its own there.
                if one.value >> 32 != other.value >> 32 {
                    return Ordering::Equal;
                }
                let wanted = |condition: &Condition| condition.value & condition.value_two;
                wanted(other).cmp(&wanted(one))
            }
            1 => one.value.cmp(&other.value),
            _ => other.value.cmp(&one.value),
        })
}

/// Whether libseccomp refuses the second of two such conditions, if their actions differ: -EEXIST.
fn collides(one: &Condition, other: &Condition) -> bool {
    one.index == other.index
        && one.operator == other.operator
        && one.value == other.value
        && (one.operator != Operator::MaskedEqual
            || one.value & one.value_two == other.value & other.value_two)
}

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

/// Arguments at and around the constants of a set.
fn points(set: &Set, random: &mut Random, count: usize) -> Vec<[u64; 6]> {
    let mut near = [(); 6].map(|()| vec![0, 1, 1 << 32, u64::MAX]);
    for condition in set.rules.iter().flat_map(|rule| &rule.conditions) {
        let numbers = &mut near[usize::from(condition.index)];
        for constant in [condition.value, condition.value_two] {
            numbers.extend([
                constant,
                constant.wrapping_add(1),
                constant.wrapping_sub(1),
                constant.wrapping_add(1 << 32),
                constant & 0xffff_ffff,
                constant >> 32,
                constant << 32 | constant >> 32,
            ]);
        }
    }
    (0..count)
        .map(|_| [0, 1, 2, 3, 4, 5].map(|index: usize| random.one_of(&near[index])))
        .collect()
}

fn random_set(random: &mut Random, actions: &[u32], one_argument: bool) -> Set {
    let small = random.below(2) == 0;
    let number = |random: &mut Random| {
        if small {
            random.below(4)
        } else {
            random.boundary()
        }
    };
    let rules = (0..=random.below(6)).map(|_| {
        let most = if one_argument { 1 } else { 3 };
        let mut free: Vec<u8> = if one_argument {
            vec![0, 0, 0, 1]
        } else {
            vec![0, 1, 2]
        };
        let mut conditions: Vec<Condition> = Vec::new();
        // One rule in forty has no condition.
        let count = if random.below(40) == 0 {
            0
        } else {
            1 + random.below(most)
        };
        for _ in 0..count {
            let index = free.remove(random.below(free.len() as u64) as usize);
            let operator = random.one_of(&Operator::ALL);
            let (mut value, mut value_two) = (number(random), 0);
            if operator == Operator::MaskedEqual {
                value = random.one_of(&[value, 1, 3, 0xff, 0xffff_ffff, 1 << 32, u64::MAX]);
                value_two = number(random) & value;
            }
            conditions.push(Condition {
                index,
                operator,
                value,
                value_two,
            });
        }
        (random.one_of(actions), conditions)
    });
    let rules = rules.collect();
    set(random.one_of(&[ALLOW, KILL]), rules)
}

/// What the rules mean, those with the default's action among them or not.
fn meant(set: &Set, with_default: bool, args: &[u64; 6]) -> u32 {
    let rules = set
        .rules
        .iter()
        .filter(|rule| with_default || rule.action != set.default);
    let policy = Policy {
        default: Action::from_return(set.default),
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules: rules
            .map(|rule| policy::Rule {
                names: vec![rule.name.to_owned()],
                action: Action::from_return(rule.action),
                conditions: rule.conditions.clone(),
            })
            .collect(),
    };
    reference::exact(&policy, Arch::X86_64, NAME, args).to_return()
}

/// True if two rules can come to share a comparison while one of them goes on behind it: what the defects of joining need.
fn may_share(set: &Set) -> bool {
    let pairs = |one: &Rule, other: &Rule| {
        one.conditions.len() + other.conditions.len() > 2
            && one.conditions.iter().any(|here| {
                let there = other.conditions.iter();
                there
                    .clone()
                    .any(|there| here.index == there.index && here.value >> 32 == there.value >> 32)
            })
    };
    let rules = &set.rules;
    (0..rules.len()).any(|one| (0..one).any(|other| pairs(&rules[one], &rules[other])))
}

/// The rules that can be dropped because they are mistaken for one another: both of each pair of which one has a like to
/// each condition of the other, and at least one that is a like only.
fn mistaken(set: &Set) -> Vec<usize> {
    use Operator::{Equal, NotEqual};
    let rules: Vec<Vec<Condition>> = set
        .rules
        .iter()
        .map(|rule| rule.conditions.clone())
        .collect();
    // Both test one number, or an upper half, for being equal; how they go on from there differs.
    let swapped = |one: &Condition, other: &Condition| {
        one != other
            && one.index == other.index
            && one.value >> 32 == other.value >> 32
            && [one, other]
                .iter()
                .any(|one| matches!(one.operator, Equal | NotEqual))
    };
    let covers = |short: &[Condition], long: &[Condition]| {
        short.len() <= long.len()
            && short
                .iter()
                .any(|one| long.iter().any(|other| swapped(one, other)))
            && short
                .iter()
                .all(|one| long.iter().any(|other| one == other || swapped(one, other)))
    };
    (0..rules.len())
        .filter(|one| {
            (0..rules.len()).any(|other| {
                *one != other
                    && (covers(&rules[*one], &rules[other]) || covers(&rules[other], &rules[*one]))
            })
        })
        .collect()
}

/// True if the answer is that of the set without some of its mistaken rules.
fn explained_by_a_mistaken_rule(set: &Set, release: Release, args: &[u64; 6], got: u32) -> bool {
    let suspects = mistaken(set);
    (1u32..1 << suspects.len()).any(|dropped| {
        let rules: Vec<tree::Rule> = plain(set)
            .into_iter()
            .enumerate()
            .filter(|(index, _)| {
                let suspect = suspects.iter().position(|suspect| suspect == index);
                suspect.is_none_or(|bit| dropped >> bit & 1 == 0)
            })
            .map(|(_, rule)| rule)
            .collect();
        Tree::of(set.default, &rules, release).is_ok_and(|tree| tree.answer(args) == got)
    })
}

/// Why a filter answers what it does; `None` if it answers what the rules mean, `Err` if nothing explains it.
fn explain(
    set: &Set,
    program: &[Instruction],
    places: &BTreeSet<usize>,
    trees: &[Tree; 2],
    release: Release,
    args: &[u64; 6],
) -> Result<Option<&'static str>, String> {
    let mut stale = false;
    let data = of(NAME, Arch::X86_64, args);
    let got = run_noting(program, &data, |at, _| stale |= places.contains(&at));
    let exact = meant(set, true, args);
    if got == exact {
        return Ok(None);
    }
    let [before, from] = trees.each_ref().map(|tree| tree.answer(args));
    let foretold = match release {
        Release::Before261 => before,
        Release::From261 => from,
    };
    let text = || {
        format!(
            "{}: {args:x?}: got {got:x}, meant {exact:x}, foretold {foretold:x}",
            shown(set)
        )
    };
    if got != foretold {
        return if stale {
            Ok(Some(defects::STALE_WORD))
        } else if explained_by_a_mistaken_rule(set, release, args, got) {
            Ok(Some(defects::MISTAKEN_FOR_EACH_OTHER))
        } else {
            Err(text())
        };
    }
    if got == meant(set, false, args) {
        return Ok(Some("custom: a rule with the default's action is none"));
    }
    let holds = |rule: &&Rule| {
        let mut conditions = rule.conditions.iter();
        conditions.all(|one| one.holds(args[usize::from(one.index)]))
    };
    let acting = || {
        set.rules
            .iter()
            .filter(|rule| rule.action != set.default)
            .filter(holds)
    };
    if release == Release::Before261 && before != from {
        Ok(Some(defects::FARTHER_BOUND))
    } else if acting().any(|rule| rule.action == got) {
        Ok(Some("custom: the more specific rule counts"))
    } else if !may_share(set) {
        Err(text())
    } else if got == set.default {
        Ok(Some(defects::LOST_REMAINDER))
    } else {
        Ok(Some(defects::SHARED_CONTINUATION))
    }
}

#[test]
fn every_disagreement_is_explained() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    let mut random = Random::new(3);
    let mut sets = Vec::new();
    for actions in [
        &[ERRNO_5][..],
        &[ERRNO_5, 0x0005_0006, ALLOW, 0x0003_0000, KILL],
    ] {
        sets.extend((0..3000).map(|_| random_set(&mut random, actions, true)));
        sets.extend((0..1500).map(|_| random_set(&mut random, actions, false)));
    }
    for library in Library::all() {
        let release = release(&library);
        let mut found: BTreeMap<&str, (usize, String)> = BTreeMap::new();
        let mut note = |why, set: &Set| {
            let (count, smallest) = found.entry(why).or_default();
            *count += 1;
            let text = shown(set);
            if smallest.is_empty() || text.len() < smallest.len() {
                *smallest = text;
            }
        };
        let mut unexplained = Vec::new();
        for (set, exported) in sets.iter().zip(library.export(&sets)) {
            let rules = plain(set);
            let tree = |release| Tree::of(set.default, &rules, release);
            let program = match (exported, tree(release).map(|_| ())) {
                (Exported::Program(program), Ok(())) => program,
                (Exported::Hang, Err(Failure::Hang)) => {
                    note(defects::ENDLESS, set);
                    continue;
                }
                (Exported::Refused(_, libc::EEXIST), Err(Failure::Exists)) => {
                    note("custom: one condition has one action", set);
                    continue;
                }
                (exported, foretold) => {
                    let exported = match exported {
                        Exported::Program(_) => "a filter".to_owned(),
                        other => format!("{other:?}"),
                    };
                    unexplained.push(format!("{}: {exported}, foretold {foretold:?}", shown(set)));
                    continue;
                }
            };
            let trees = [Release::Before261, Release::From261]
                .map(|release| tree(release).unwrap_or_else(|_| panic!("{}", shown(set))));
            let places = ambiguous(&program);
            let mut reasons = BTreeSet::new();
            for args in points(set, &mut random, 100) {
                match explain(set, &program, &places, &trees, release, &args) {
                    Ok(why) => reasons.extend(why),
                    Err(text) => unexplained.push(text),
                }
            }
            for why in reasons {
                note(why, set);
            }
        }
        println!("{:?}: {} sets", library.version, sets.len());
        for (why, (count, smallest)) in &found {
            println!("  {count:5} {why}: {smallest}");
        }
        unexplained.sort_by_key(String::len);
        assert!(
            unexplained.is_empty(),
            "{} unexplained, the shortest: {:#?}",
            unexplained.len(),
            &unexplained[..unexplained.len().min(5)]
        );
        for defect in &defects::ALL {
            let here = defect.fixed.is_none_or(|fixed| library.version < fixed);
            assert_eq!(found.contains_key(defect.name), here, "{}", defect.name);
        }
    }
}

#[test]
fn the_kept_cases_show_their_defects_on_the_kernel_too() {
    let Some(_testbed) = Testbed::get() else {
        return;
    };
    for library in Library::all() {
        for defect in &defects::ALL {
            let rules = defect.rules.iter();
            let rules = rules.map(|(action, conditions)| (*action, conditions.to_vec()));
            let set = set(defect.default, rules.collect());
            assert_eq!(
                meant(&set, true, &defect.args),
                defect.right,
                "{}",
                defect.name
            );
            let call = Call {
                gate: Gate::Syscall,
                nr: 9,
                args: defect.args,
            };
            let got = match library.export(&[set]).remove(0) {
                Exported::Program(program) => Some(answers(&program, &[call])[0]),
                other => {
                    assert_eq!(other, Exported::Hang, "{}", defect.name);
                    None
                }
            };
            let fixed = defect.fixed.is_some_and(|fixed| library.version >= fixed);
            let expected = if fixed {
                Some(defect.right)
            } else {
                defect.wrong
            };
            assert_eq!(got, expected, "{} in {:?}", defect.name, library.version);
            assert!(!defect.because.is_empty());
        }
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
