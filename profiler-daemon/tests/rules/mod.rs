//! Random rule sets, and calls on their edges.

use profiler_daemon::seccomp::{
    action::Action,
    condition::{Condition, Operator},
    policy::Rule,
};

use crate::oracle::random::Random;

/// Around 0, 2^31, 2^32 and 2^63, and now and then anything.
fn constant(random: &mut Random) -> u64 {
    let edge = random.one_of(&[0_u64, 1 << 31, 1 << 32, 1 << 63, 0xffff_ffff_8000_0000]);
    match random.below(10) {
        0 => random.next(),
        1 => random.next() & 0xff,
        2 => edge | 1 << random.below(64),
        _ => edge.wrapping_add(random.below(7)).wrapping_sub(3),
    }
}

/// The default action and those of rules.
pub(crate) const ACTIONS: [Action; 8] = [
    Action::KillProcess,
    Action::KillThread,
    Action::Trap(0),
    Action::Errno(5),
    Action::Notify,
    Action::Trace(9),
    Action::Log,
    Action::Allow,
];

/// One to six rules for a name, each with up to three conditions.
pub(crate) fn rules(random: &mut Random, name: &str) -> Vec<Rule> {
    let palette: Vec<u64> = (0..3).map(|_| constant(random)).collect();
    (0..=random.below(6))
        .map(|_| {
            let conditions = match random.below(12) {
                0 => 0,
                other => 1 + other % 3,
            };
            Rule {
                names: vec![name.to_owned()],
                action: match random.below(8) {
                    0 => Action::Errno(random.below(4096) as u16),
                    _ => random.one_of(&ACTIONS),
                },
                conditions: (0..conditions)
                    .map(|_| Condition {
                        index: random.one_of(&[0, 0, 0, 1, 1, 2, 3, 4, 5]),
                        operator: random.one_of(&Operator::ALL),
                        value: match random.below(3) {
                            0 => constant(random),
                            _ => random.one_of(&palette),
                        },
                        value_two: match random.below(2) {
                            0 => constant(random),
                            _ => random.one_of(&palette),
                        },
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Arguments at and beside the constants of a call's rules, in both halves.
pub(crate) fn arguments(random: &mut Random, rules: &[Rule]) -> [u64; 6] {
    let conditions: Vec<&Condition> = rules.iter().flat_map(|rule| &rule.conditions).collect();
    std::array::from_fn(|index| {
        let own: Vec<u64> = conditions
            .iter()
            .filter(|condition| usize::from(condition.index) == index)
            .flat_map(|condition| [condition.value, condition.value_two])
            .collect();
        if own.is_empty() || random.below(16) == 0 {
            return constant(random);
        }
        let near = random.one_of(&own);
        let near = match random.below(8) {
            0 => near ^ 1 << random.below(64),
            1 => near & 0xffff_ffff,
            2 => near << 32 | near & 0xffff_ffff,
            3 => near | 1 << 32,
            _ => near,
        };
        near.wrapping_add(random.below(3)).wrapping_sub(1)
    })
}
