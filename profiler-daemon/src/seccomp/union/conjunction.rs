//! Conditions that must hold together, and what is left of them where others must not hold.
//!
//! Only what a rule of a profile can say: where a difference cannot be said exactly, there is none.

use crate::seccomp::condition::{Condition, Operator};

/// Conditions of one rule, sorted and without repeats; none is always.
pub(super) type Conjunction = Vec<Condition>;

/// The conditions of a rule.
pub(super) fn of(conditions: &[Condition]) -> Conjunction {
    let mut all = conditions.to_vec();
    all.sort();
    all.dedup();
    all
}

/// Where one holds, the other does.
pub(super) fn implies(one: &Conjunction, other: &Conjunction) -> bool {
    other.iter().all(|condition| one.contains(condition))
}

/// Where `whole` holds and `part` does not, as conjunctions of which at least one holds there; `None`
/// if that cannot be said by conditions of which no two look at one argument. (Two in one rule are
/// either enough for runc.)
pub(super) fn without(whole: &Conjunction, part: &Conjunction) -> Option<Vec<Conjunction>> {
    let mut left = Vec::new();
    for condition in part {
        let inverse = inverse(*condition)?;
        match whole.iter().find(|one| one.index == condition.index) {
            None => {
                let mut narrower = whole.clone();
                narrower.push(inverse);
                narrower.sort();
                left.push(narrower);
            }
            // The same question: never both.
            Some(known) if known == condition => {}
            Some(known)
                if known.operator == Operator::Equal && known.value <= u64::from(u32::MAX) =>
            {
                if inverse.holds(known.value) {
                    left.push(whole.clone());
                }
            }
            Some(_) => return None,
        }
    }
    Some(left)
}

/// The condition that holds where this one does not.
fn inverse(condition: Condition) -> Option<Condition> {
    let operator = match condition.operator {
        Operator::NotEqual => Operator::Equal,
        Operator::Equal => Operator::NotEqual,
        Operator::Less => Operator::GreaterOrEqual,
        Operator::GreaterOrEqual => Operator::Less,
        Operator::LessOrEqual => Operator::Greater,
        Operator::Greater => Operator::LessOrEqual,
        // One bit is the other value or this one; several are many other values.
        Operator::MaskedEqual if condition.value.is_power_of_two() => {
            let other = condition.value_two ^ condition.value;
            return (condition.value_two & !condition.value == 0).then_some(Condition {
                value_two: other,
                ..condition
            });
        }
        Operator::MaskedEqual => return None,
    };
    Some(Condition {
        operator,
        ..condition
    })
}

#[cfg(test)]
mod tests {
    use super::{implies, of, without};
    use crate::seccomp::condition::Condition;

    fn conditions(text: &str) -> Vec<Condition> {
        of(&text
            .split(" && ")
            .filter(|part| !part.is_empty())
            .map(|part| Condition::parse(part).unwrap())
            .collect::<Vec<_>>())
    }

    #[test]
    fn what_is_left_is_said_exactly_or_not_at_all() {
        for (whole, part, left) in [
            ("a0==1", "a1==2", Some(vec!["a0==1 && a1!=2"])),
            ("a0==1", "a0==1 && a1==2", Some(vec!["a0==1 && a1!=2"])),
            ("a0==1", "a0==1", Some(vec![])),
            ("a0==1", "a0<4", Some(vec![])),
            ("a0==1", "a0<1", Some(vec!["a0==1"])),
            ("", "a0==1 && a1<2", Some(vec!["a0!=1", "a1>=2"])),
            ("a0==1", "a1&4==4", Some(vec!["a0==1 && a1&4==0"])),
            ("a0==1", "a1&6==4", None),
            ("a0<9", "a0==1", None),
        ] {
            let left = left.map(|left| left.into_iter().map(conditions).collect::<Vec<_>>());
            assert_eq!(
                without(&conditions(whole), &conditions(part)),
                left,
                "{whole} without {part}"
            );
        }
    }

    #[test]
    fn more_conditions_imply_fewer() {
        assert!(implies(&conditions("a0==1 && a1==2"), &conditions("a1==2")));
        assert!(implies(&conditions("a0==1"), &conditions("")));
        assert!(!implies(&conditions("a0==1"), &conditions("a0==2")));
    }
}
