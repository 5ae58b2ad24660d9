//! What a rule set means, in as few lines as it can be said: the ground truth for compiler and evaluator.

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    facts::width,
    policy::Policy,
};

/// The answer of a policy to a call of one of its architectures, in the meaning `exact`.
pub(crate) fn exact(policy: &Policy, arch: Arch, name: &str, args: &[u64; 6]) -> Action {
    let holding = || {
        policy.rules.iter().filter(|rule| {
            rule.names.iter().any(|known| known == name)
                && rule
                    .conditions
                    .iter()
                    .all(|one| holds(*one, arch, name, args))
        })
    };
    let unconditional = holding().find(|rule| rule.conditions.is_empty());
    unconditional
        .or_else(|| holding().min_by_key(|rule| rule.action.rank()))
        .map_or(policy.default, |rule| rule.action)
}

/// Whether a condition holds; where the kernel takes 32 bits, for the lower half of the argument.
pub(crate) fn holds(mut condition: Condition, arch: Arch, name: &str, args: &[u64; 6]) -> bool {
    const UPPER: u64 = !0 << 32;
    let argument = args[usize::from(condition.index)];
    if !width::is_32_bit(arch, name, condition.index) {
        return condition.holds(argument);
    }
    // A constant whose sign was extended means the 32-bit number.
    let low = |constant: u64| {
        let negative = constant >> 31 == !0 >> 31;
        if negative {
            constant & !UPPER
        } else {
            constant
        }
    };
    match condition.operator {
        Operator::Equal | Operator::NotEqual => condition.value = low(condition.value),
        Operator::MaskedEqual => {
            if condition.value & UPPER == UPPER {
                condition.value_two = low(condition.value_two);
            }
            condition.value &= !UPPER;
        }
        _ => {}
    }
    condition.holds(argument & !UPPER)
}
