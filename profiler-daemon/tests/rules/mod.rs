//! Random rule sets, calls on their edges, and what the rules say, in as few lines as possible.
//!
//! The reference shares nothing with the compiler but the types of a rule.

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    facts::width::is_32_bit,
    filter::evaluate::CallData,
    policy::{Policy, Rule},
};

/// A small generator of random numbers (xorshift64*), the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    pub(crate) fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Around 0, 2^31, 2^32 and 2^63, and now and then anything.
    pub(crate) fn constant(&mut self) -> u64 {
        let edge = self.of(&[0_u64, 1 << 31, 1 << 32, 1 << 63, 0xffff_ffff_8000_0000]);
        match self.below(10) {
            0 => self.next(),
            1 => self.next() & 0xff,
            2 => edge | 1 << self.below(64),
            _ => edge.wrapping_add(self.below(7) as u64).wrapping_sub(3),
        }
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
    let palette: Vec<u64> = (0..3).map(|_| random.constant()).collect();
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
                    _ => random.of(&ACTIONS),
                },
                conditions: (0..conditions)
                    .map(|_| Condition {
                        index: random.of(&[0, 0, 0, 1, 1, 2, 3, 4, 5]),
                        operator: random.of(&Operator::ALL),
                        value: match random.below(3) {
                            0 => random.constant(),
                            _ => random.of(&palette),
                        },
                        value_two: match random.below(2) {
                            0 => random.constant(),
                            _ => random.of(&palette),
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
            return random.constant();
        }
        let near = random.of(&own);
        let near = match random.below(8) {
            0 => near ^ 1 << random.below(64),
            1 => near & 0xffff_ffff,
            2 => near << 32 | near & 0xffff_ffff,
            3 => near | 1 << 32,
            _ => near,
        };
        near.wrapping_add(random.below(3) as u64).wrapping_sub(1)
    })
}

/// What a policy says of a call of one of its architectures: the reference.
pub(crate) fn meant(policy: &Policy, arch: Arch, name: &str, call: &CallData) -> Action {
    let holds = |condition: &Condition| {
        let (mut argument, mut value, mut two) = (
            call.args[usize::from(condition.index)],
            condition.value,
            condition.value_two,
        );
        if is_32_bit(arch, name, condition.index) {
            argument &= 0xffff_ffff;
            // A 64-bit −1 stands for a 32-bit one where equality is asked.
            let negative =
                |value: u64| (value as u32 as i32 as i64 as u64 == value) && value >> 63 == 1;
            let low = |value: u64| {
                if negative(value) {
                    value & 0xffff_ffff
                } else {
                    value
                }
            };
            match condition.operator {
                Operator::Equal | Operator::NotEqual => value = low(value),
                Operator::MaskedEqual if value >> 32 == 0xffff_ffff => two = low(two),
                _ => {}
            }
            if condition.operator == Operator::MaskedEqual {
                value &= 0xffff_ffff;
            }
        }
        match condition.operator {
            Operator::NotEqual => argument != value,
            Operator::Less => argument < value,
            Operator::LessOrEqual => argument <= value,
            Operator::Equal => argument == value,
            Operator::GreaterOrEqual => argument >= value,
            Operator::Greater => argument > value,
            Operator::MaskedEqual => argument & value == two,
        }
    };
    let named = || {
        policy
            .rules
            .iter()
            .filter(|rule| rule.names.iter().any(|known| known == name))
    };
    let always = named().find(|rule| rule.conditions.is_empty());
    let matching = named().filter(|rule| rule.conditions.iter().all(holds));
    always
        .or_else(|| matching.min_by_key(|rule| rule.action.rank()))
        .map_or(policy.default, |rule| rule.action)
}
