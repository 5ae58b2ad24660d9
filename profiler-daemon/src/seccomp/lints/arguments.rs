//! Traps of a rule's conditions on arguments.

use std::collections::BTreeSet;

use super::Facts;
use crate::seccomp::{
    arch::Arch,
    condition::{Condition, Operator},
    dialects::docker::{Argument, Profile, Rule},
    finding::{Findings, Level},
};

const LOW: u64 = 0xffff_ffff;

pub(super) fn check(profile: &Profile, rule: &Rule, facts: &Facts<'_>, findings: &mut Findings) {
    let narrow = narrow_architecture(profile);
    let mut seen = BTreeSet::new();
    let mut told = false;
    for argument in &rule.args {
        let first = seen.insert(argument.index.value);
        if !first && !told {
            told = true;
            duplicate_index(argument, findings);
        }
        let Some(condition) = argument.condition() else {
            beyond(argument, findings);
            continue;
        };
        shape(argument, condition, findings);
        if let Some(arch) = narrow
            && (condition.value > LOW || used_value_two(condition) > LOW)
        {
            findings.add(Level::Note, "value-beyond-32-bits", argument.value.place, || {
                (
                    format!(
                        "\"{condition}\" has a number of more than 32 bits, and on {} libseccomp \
                         compares the lower 32 alone: it is {} there",
                        arch.name(),
                        lower(condition),
                    ),
                    String::new(),
                )
            });
        }
        // Once an argument: a rule may have many conditions on one, and many names.
        if first {
            width(rule, argument, condition, facts, findings);
        }
    }
}

/// A listed architecture whose arguments libseccomp compares as 32 bits.
fn narrow_architecture(profile: &Profile) -> Option<Arch> {
    let mapped = profile
        .arch_map
        .iter()
        .flat_map(|line| &line.sub_architectures);
    profile
        .architectures
        .iter()
        .chain(mapped)
        .filter_map(|word| Arch::named(word))
        .find(|arch| matches!(arch, Arch::X86 | Arch::X32 | Arch::Arm))
}

fn used_value_two(condition: Condition) -> u64 {
    if condition.operator == Operator::MaskedEqual {
        condition.value_two
    } else {
        0
    }
}

fn lower(condition: Condition) -> Condition {
    Condition {
        value: condition.value & LOW,
        value_two: condition.value_two & LOW,
        ..condition
    }
}

fn duplicate_index(argument: &Argument, findings: &mut Findings) {
    findings.add(Level::Warning, "duplicate-index", argument.index.place, || {
        (
            format!(
                "argument {} has more than one condition here, so runc, crun and youki make each \
                 condition of the rule a rule of its own: it holds if any of them does, not all",
                argument.index.value
            ),
            "if any is meant write a rule for each; all cannot be had for one argument: try \
             SCMP_CMP_MASKED_EQ"
                .to_owned(),
        )
    });
}

fn beyond(argument: &Argument, findings: &mut Findings) {
    findings.add(Level::Error, "no-such-argument", argument.index.place, || {
        (
            format!(
                "a call has 6 arguments, 0 to 5; runc says \"syscalls only have up to 6 arguments \
                 ({} given)\"",
                argument.index.value
            ),
            "write 0 for the first argument".to_owned(),
        )
    });
}

/// Conditions that do not depend on the argument, or not on all they say.
fn shape(argument: &Argument, condition: Condition, findings: &mut Findings) {
    let Condition {
        operator,
        value,
        value_two,
        ..
    } = condition;
    if operator != Operator::MaskedEqual && value_two != 0 {
        findings.add(
            Level::Warning,
            "value-two-ignored",
            argument.value_two.place,
            || {
                (
                    format!("{} looks at \"value\" alone", operator.scmp()),
                    "remove \"valueTwo\", or write SCMP_CMP_MASKED_EQ with the mask in \"value\""
                        .to_owned(),
                )
            },
        );
    }
    if operator == Operator::MaskedEqual && value_two & !value != 0 {
        findings.add(
            Level::Warning,
            "bits-outside-mask",
            argument.value_two.place,
            || {
                (
                    format!(
                        "\"{condition}\" never holds as it is written, for the mask clears bits \
                         that are wanted set; libseccomp makes it a{} & {value:#x} == {:#x}",
                        condition.index,
                        value_two & value
                    ),
                    format!(
                        "write {} in \"valueTwo\", or widen the mask",
                        value_two & value
                    ),
                )
            },
        );
        return;
    }
    let never = matches!(
        (operator, value),
        (Operator::Less, 0) | (Operator::Greater, u64::MAX)
    );
    let always = matches!(
        (operator, value),
        (Operator::GreaterOrEqual | Operator::MaskedEqual, 0) | (Operator::LessOrEqual, u64::MAX)
    );
    if never {
        findings.add(Level::Warning, "never-holds", argument.op.place, || {
            (
                format!("\"{condition}\" holds for no argument: numbers have no sign here"),
                "remove the rule, or mend the number".to_owned(),
            )
        });
    }
    if always {
        findings.add(Level::Warning, "always-holds", argument.op.place, || {
            (
                format!("\"{condition}\" holds for every argument: numbers have no sign here"),
                "remove the condition, or mend the number".to_owned(),
            )
        });
    }
}

/// The kernel cuts an `int` off at 32 bits, a filter sees the whole register.
fn width(
    rule: &Rule,
    argument: &Argument,
    condition: Condition,
    facts: &Facts<'_>,
    findings: &mut Findings,
) {
    let wide = [Arch::X86_64, Arch::Aarch64];
    let Some(name) = rule.all_names().find(|name| {
        wide.iter()
            .any(|arch| (facts.is_32_bit)(*arch, name, condition.index))
    }) else {
        return;
    };
    let index = condition.index;
    if condition.value > LOW || used_value_two(condition) > LOW {
        findings.add(
            Level::Warning,
            "wider-than-argument",
            argument.value.place,
            || {
                (
                    format!(
                        "argument {index} of {} has 32 bits, and \"{condition}\" compares more: \
                         what the kernel makes of the call does not depend on them",
                        name.value
                    ),
                    "write a number of up to 32 bits; -1 is 4294967295".to_owned(),
                )
            },
        );
        return;
    }
    // With upper bits set an argument is greater than, and unlike, every number of 32 bits.
    let greater = matches!(
        condition.operator,
        Operator::NotEqual | Operator::GreaterOrEqual | Operator::Greater
    );
    let smaller = matches!(
        condition.operator,
        Operator::Equal | Operator::Less | Operator::LessOrEqual
    );
    let lets_through = rule.action.with(None).lets_through();
    if (lets_through && greater) || (!lets_through && smaller) {
        findings.add(Level::Warning, "upper-bits-slip", argument.op.place, || {
            (
                format!(
                    "argument {index} of {} has 32 bits, but libseccomp compares 64: a caller who \
                     sets bits above them passes by \"{condition}\" with any argument",
                    name.value
                ),
                if lets_through {
                    "allow single values, with SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ".to_owned()
                } else {
                    "refuse with SCMP_CMP_MASKED_EQ and the mask 4294967295".to_owned()
                },
            )
        });
    }
}
