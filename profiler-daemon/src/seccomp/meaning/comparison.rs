//! A condition as a diagram, for arguments of either width.

use crate::seccomp::{
    condition::{Condition, Operator},
    diagram::{Diagrams, Node, TooLarge, Word},
};

/// What of an argument is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// All 64 bits.
    Whole,
    /// The low word as a number of its own, with the constant as it is written: one that no 32 bits
    /// hold is greater than every argument. Only −1 and its like, written with 64 bits, are meant
    /// as 32-bit numbers.
    Low,
}

/// Where a condition holds.
///
/// # Errors
/// The diagram grows beyond its bound.
pub(super) fn holds(
    diagrams: &mut Diagrams,
    condition: Condition,
    width: Width,
) -> Result<Node, TooLarge> {
    if condition.index > Condition::MAX_INDEX {
        return Ok(Node::FALSE);
    }
    match width {
        Width::Whole => whole(diagrams, condition),
        Width::Low => low(diagrams, condition),
    }
}

const fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

fn whole(diagrams: &mut Diagrams, condition: Condition) -> Result<Node, TooLarge> {
    let (upper_word, lower_word) = (Word::upper(condition.index), Word::lower(condition.index));
    let (upper, lower) = halves(condition.value);
    let mut equal = |mask: u64, value: u64| {
        let ((mask_upper, mask_lower), (upper, lower)) = (halves(mask), halves(value));
        let lower = diagrams.masked_equal(lower_word, mask_lower, lower)?;
        let upper = diagrams.masked_equal(upper_word, mask_upper, upper)?;
        diagrams.and(upper, lower)
    };
    match condition.operator {
        Operator::Equal => equal(u64::MAX, condition.value),
        Operator::MaskedEqual => equal(condition.value, condition.value_two),
        Operator::NotEqual => {
            let equal = equal(u64::MAX, condition.value)?;
            diagrams.not(equal)
        }
        operator => {
            let or_equal = matches!(operator, Operator::GreaterOrEqual | Operator::Less);
            let lower = diagrams.greater(lower_word, lower, or_equal)?;
            let above = diagrams.greater_or(upper_word, upper, lower)?;
            if matches!(operator, Operator::Greater | Operator::GreaterOrEqual) {
                Ok(above)
            } else {
                diagrams.not(above)
            }
        }
    }
}

/// A constant that is a 32-bit negative number in 64 bits.
const fn is_negative(value: u64) -> bool {
    value >= 0xffff_ffff_8000_0000
}

fn low(diagrams: &mut Diagrams, condition: Condition) -> Result<Node, TooLarge> {
    let Condition {
        operator,
        value,
        value_two,
        ..
    } = condition;
    let word = Word::lower(condition.index);
    // As words, if the argument can be such at all.
    let fits = u32::try_from(value).ok();
    let number = fits.or_else(|| is_negative(value).then_some(value as u32));
    match operator {
        Operator::Equal | Operator::NotEqual => {
            let equal = match number {
                Some(value) => diagrams.masked_equal(word, u32::MAX, value)?,
                None => Node::FALSE,
            };
            if operator == Operator::Equal {
                Ok(equal)
            } else {
                diagrams.not(equal)
            }
        }
        Operator::MaskedEqual => {
            let (mask_upper, mask) = halves(value);
            let wanted = u32::try_from(value_two).ok().or_else(|| {
                (mask_upper == u32::MAX && is_negative(value_two)).then_some(value_two as u32)
            });
            match wanted {
                Some(wanted) => diagrams.masked_equal(word, mask, wanted),
                None => Ok(Node::FALSE),
            }
        }
        Operator::Greater | Operator::GreaterOrEqual => match fits {
            Some(value) => diagrams.greater(word, value, operator == Operator::GreaterOrEqual),
            None => Ok(Node::FALSE),
        },
        Operator::Less | Operator::LessOrEqual => match fits {
            Some(value) => {
                let above = diagrams.greater(word, value, operator == Operator::Less)?;
                diagrams.not(above)
            }
            None => Ok(Node::TRUE),
        },
    }
}
