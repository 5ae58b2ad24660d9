//! In which order libseccomp tries two rules that both hold, in the simplest case.

use std::cmp::Ordering;

use profiler_daemon::seccomp::condition::{Condition, Operator};

/// Which of two conditions on one argument each, with constants below 2^32, libseccomp tries first on a 64-bit
/// architecture; `Equal` if it is the one that came first in the document.
pub(crate) fn tried_before(one: &Condition, other: &Condition) -> Ordering {
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
pub(crate) fn collides(one: &Condition, other: &Condition) -> bool {
    one.index == other.index
        && one.operator == other.operator
        && one.value == other.value
        && (one.operator != Operator::MaskedEqual
            || one.value & one.value_two == other.value & other.value_two)
}
