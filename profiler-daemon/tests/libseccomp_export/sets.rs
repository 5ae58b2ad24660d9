//! Rule sets on one call for libseccomp: made at random, shown to people, and what they mean.

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    meaning::libseccomp_tree,
    policy::{self, Policy},
};

use super::{
    Rule, Set,
    defects::{ALLOW, KILL},
};
use crate::oracle::{interpreter::Data, random::Random, reference};

/// A call all of whose arguments are 64 bits wide.
pub(crate) const NAME: &str = "mmap";

pub(crate) fn of(call: &str, arch: Arch, args: &[u64; 6]) -> Data {
    let half = |argument: u64| argument & 0xffff_ffff;
    Data {
        nr: arch.number(call).expect("a number"),
        arch: arch.audit(),
        args: if arch.has_32_bit_arguments() {
            args.map(half)
        } else {
            *args
        },
    }
}

pub(crate) fn set(default: u32, rules: Vec<(u32, Vec<Condition>)>) -> Set {
    let rules = rules.into_iter().map(|(action, conditions)| Rule {
        action,
        name: NAME,
        conditions,
    });
    Set {
        default,
        arches: Vec::new(),
        optimize: 0,
        rules: rules.collect(),
    }
}

/// The rules as the product's model of the library takes them.
pub(crate) fn plain(set: &Set) -> Vec<libseccomp_tree::Rule> {
    let rules = set.rules.iter();
    rules
        .map(|rule| (Action::from_return(rule.action), rule.conditions.clone()))
        .collect()
}

pub(crate) fn shown(set: &Set) -> String {
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

/// Arguments at and around the constants of a set.
pub(crate) fn points(set: &Set, random: &mut Random, count: usize) -> Vec<[u64; 6]> {
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
                constant.rotate_left(32),
            ]);
        }
    }
    (0..count)
        .map(|_| [0, 1, 2, 3, 4, 5].map(|index: usize| random.one_of(&near[index])))
        .collect()
}

pub(crate) fn random_set(random: &mut Random, actions: &[u32], one_argument: bool) -> Set {
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
pub(crate) fn meant(set: &Set, arch: Arch, with_default: bool, args: &[u64; 6]) -> u32 {
    meant_for(NAME, set, arch, with_default, args)
}

/// The same for any call.
pub(crate) fn meant_for(
    name: &str,
    set: &Set,
    arch: Arch,
    with_default: bool,
    args: &[u64; 6],
) -> u32 {
    let rules = set
        .rules
        .iter()
        .filter(|rule| with_default || rule.action != set.default);
    let policy = Policy {
        default: Action::from_return(set.default),
        native: Arch::X86_64,
        arches: vec![arch],
        rules: rules
            .map(|rule| policy::Rule {
                names: vec![rule.name.to_owned()],
                action: Action::from_return(rule.action),
                conditions: rule.conditions.clone(),
            })
            .collect(),
    };
    reference::exact(&policy, arch, name, args).to_return()
}

/// The set with constants of 32 bits.
pub(crate) fn cut(set: &Set) -> Set {
    let mut set = set.clone();
    for condition in set.rules.iter_mut().flat_map(|rule| &mut rule.conditions) {
        condition.value &= 0xffff_ffff;
        condition.value_two &= 0xffff_ffff;
    }
    set
}
