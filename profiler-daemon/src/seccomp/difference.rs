//! How two policies differ, by meaning: which calls, in which direction, with a call as proof.
//!
//! Both must be diagrams of the same [`Diagrams`]; equal nodes are equal meanings, so what is not
//! listed does not differ.

use rustc_hash::FxHashSet;

use crate::seccomp::{
    action::Action,
    diagram::{Diagrams, Node, TooLarge},
    filter::evaluate::CallData,
    summary::{Section, sections},
};

/// Which way a change goes. Letting a call through, be it logged, is less strict than not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Some call is let through that was not, and none the other way.
    Loosened,
    /// Some call is no longer let through, and none the other way.
    Tightened,
    /// Some this way, some that.
    Both,
    /// The same calls are let through; the answer to others, or what is logged, changed.
    Answer,
}

/// What became of a call, as a person asks who reads a difference. [`Direction`] looks at what is let
/// through alone; this tells apart, too, what is let through for the first time, and how strict the
/// other answers are: as the kernel ranks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Let through with some arguments, and with none before.
    Added,
    /// Let through with none, and with some before.
    Removed,
    /// Some answers are stricter, and none is less strict.
    Tightened,
    /// Some answers are less strict, and none is stricter.
    Loosened,
    /// Some answers are stricter, others less strict.
    Changed,
    /// As strict as before, with another number: an errno, or what a tracer or a handler gets.
    Errno,
}

impl Group {
    /// Whether a call that is answered so before and after is an example of it.
    fn is_shown_by(self, before: Action, after: Action) -> bool {
        match self {
            Self::Added => after.lets_through(),
            Self::Removed => before.lets_through(),
            Self::Tightened => after.rank() < before.rank(),
            Self::Loosened => after.rank() > before.rank(),
            Self::Changed | Self::Errno => before != after,
        }
    }
}

/// Numbers of an architecture on which two policies differ alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first audit number.
    pub first_audit: u32,
    /// The last.
    pub last_audit: u32,
    /// The first number, as a filter sees it.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// How the first policy judges them.
    pub before: Node,
    /// How the second does.
    pub after: Node,
    /// Which way it goes.
    pub direction: Direction,
    /// What became of it.
    pub group: Group,
    /// A call that they answer differently.
    pub witness: CallData,
    /// The first policy's answer to it.
    pub answered: Action,
    /// The second's.
    pub answers: Action,
}

/// All differences, by audit number and number.
///
/// # Errors
/// One of them treats the numbers in too many ways.
pub fn differences(
    diagrams: &Diagrams,
    before: Node,
    after: Node,
) -> Result<Vec<Difference>, TooLarge> {
    if before == after {
        return Ok(Vec::new());
    }
    let (before, after) = (sections(diagrams, before)?, sections(diagrams, after)?);
    let mut found = Vec::new();
    for ((first_audit, last_audit), one, two) in common(&before, &after, |section: &Section| {
        (section.first_audit, section.last_audit)
    }) {
        for ((first, last), one, two) in
            common(&one.ranges, &two.ranges, |range| (range.first, range.last))
        {
            if one.node == two.node {
                continue;
            }
            let pairs = pairs(diagrams, one.node, two.node);
            let group = group(&pairs);
            let shown = |before, after| group.is_shown_by(before, after);
            let Some(mut witness) = diagrams.witness_of(one.node, two.node, &shown) else {
                continue;
            };
            witness.arch = first_audit;
            witness.nr = first;
            found.push(Difference {
                first_audit,
                last_audit,
                first,
                last,
                before: one.node,
                after: two.node,
                direction: direction(&pairs),
                group,
                witness,
                answered: diagrams.answer_to(one.node, &witness),
                answers: diagrams.answer_to(two.node, &witness),
            });
        }
    }
    Ok(found)
}

/// The overlaps of two lists of ranges that both cover everything.
fn common<'a, T>(
    one: &'a [T],
    two: &'a [T],
    bounds: impl Fn(&T) -> (u32, u32),
) -> Vec<((u32, u32), &'a T, &'a T)> {
    let mut overlaps = Vec::new();
    let (mut at_one, mut at_two) = (0, 0);
    while let (Some(first), Some(second)) = (one.get(at_one), two.get(at_two)) {
        let ((from, to), (other_from, other_to)) = (bounds(first), bounds(second));
        overlaps.push(((from.max(other_from), to.min(other_to)), first, second));
        if to <= other_to {
            at_one += 1;
        }
        if other_to <= to {
            at_two += 1;
        }
    }
    overlaps
}

/// What a call is answered before and after, for all arguments.
type Pairs = FxHashSet<(Action, Action)>;

fn pairs(diagrams: &Diagrams, before: Node, after: Node) -> Pairs {
    let mut pairs = Pairs::default();
    diagrams.answers_together(before, after, &mut FxHashSet::default(), &mut pairs);
    pairs
}

fn direction(pairs: &Pairs) -> Direction {
    let loosened = pairs
        .iter()
        .any(|(before, after)| !before.lets_through() && after.lets_through());
    let tightened = pairs
        .iter()
        .any(|(before, after)| before.lets_through() && !after.lets_through());
    match (loosened, tightened) {
        (true, true) => Direction::Both,
        (true, false) => Direction::Loosened,
        (false, true) => Direction::Tightened,
        (false, false) => Direction::Answer,
    }
}

fn group(pairs: &Pairs) -> Group {
    let was_let_through = pairs.iter().any(|(before, _)| before.lets_through());
    let is_let_through = pairs.iter().any(|(_, after)| after.lets_through());
    match (was_let_through, is_let_through) {
        (false, true) => return Group::Added,
        (true, false) => return Group::Removed,
        (true, true) | (false, false) => {}
    }
    let stricter = pairs
        .iter()
        .any(|(before, after)| after.rank() < before.rank());
    let looser = pairs
        .iter()
        .any(|(before, after)| after.rank() > before.rank());
    match (stricter, looser) {
        (true, true) => Group::Changed,
        (true, false) => Group::Tightened,
        (false, true) => Group::Loosened,
        (false, false) => Group::Errno,
    }
}

#[cfg(test)]
mod tests {
    use super::{Difference, Direction, Group, differences};
    use crate::seccomp::{
        action::Action,
        arch::Arch,
        condition::{Condition, Operator},
        diagram::Diagrams,
        meaning::exact,
        policy::{Policy, Rule},
    };

    fn policy(rules: &[(&str, Action, Option<Operator>)]) -> Policy {
        Policy {
            default: Action::Errno(1),
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: rules
                .iter()
                .map(|(name, action, operator)| Rule {
                    names: vec![(*name).to_owned()],
                    action: *action,
                    conditions: operator
                        .map(|operator| Condition {
                            index: 0,
                            operator,
                            value: 40,
                            value_two: 0,
                        })
                        .into_iter()
                        .collect(),
                })
                .collect(),
        }
    }

    fn between(before: &Policy, after: &Policy) -> Vec<Difference> {
        let mut diagrams = Diagrams::new();
        let before = exact::diagram(&mut diagrams, before).unwrap();
        let after = exact::diagram(&mut diagrams, after).unwrap();
        differences(&diagrams, before, after).unwrap()
    }

    #[test]
    fn each_difference_has_its_direction_and_its_witness() {
        let before = policy(&[
            ("read", Action::Allow, None),
            ("socket", Action::Allow, Some(Operator::NotEqual)),
            ("mount", Action::Errno(1), None),
            ("bpf", Action::Allow, Some(Operator::Less)),
        ]);
        let after = policy(&[
            ("write", Action::Allow, None),
            ("read", Action::Log, None),
            ("socket", Action::Allow, None),
            ("mount", Action::Errno(38), None),
            ("bpf", Action::Allow, Some(Operator::Greater)),
        ]);
        let found = between(&before, &after);
        let seen: Vec<_> = found
            .iter()
            .map(|one| (Arch::X86_64.syscall(one.first).unwrap(), one.direction))
            .collect();
        assert_eq!(
            seen,
            [
                ("read", Direction::Answer),
                ("write", Direction::Loosened),
                ("socket", Direction::Loosened),
                ("mount", Direction::Answer),
                ("bpf", Direction::Both),
            ]
        );
        assert_eq!(found[2].witness.args[0], 40);
        assert_eq!(
            (found[2].answered, found[2].answers),
            (Action::Errno(1), Action::Allow)
        );
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn each_difference_is_in_a_group_by_what_became_of_the_call() {
        let before = policy(&[
            ("read", Action::Allow, None),
            ("open", Action::Allow, Some(Operator::NotEqual)),
            ("socket", Action::Allow, Some(Operator::NotEqual)),
            ("bpf", Action::Allow, Some(Operator::Less)),
            ("mount", Action::Errno(1), None),
            ("chroot", Action::Errno(1), None),
            ("reboot", Action::KillProcess, None),
            ("kexec_load", Action::Trace(1), None),
            ("getpid", Action::Log, None),
        ]);
        let after = policy(&[
            ("read", Action::Log, None),
            ("write", Action::Allow, Some(Operator::Equal)),
            ("socket", Action::Allow, None),
            ("bpf", Action::Allow, Some(Operator::Greater)),
            ("mount", Action::Errno(38), None),
            ("chroot", Action::KillProcess, None),
            ("reboot", Action::Errno(1), None),
            ("kexec_load", Action::Trace(2), None),
            ("getpid", Action::Allow, None),
        ]);
        let mut seen: Vec<_> = between(&before, &after)
            .iter()
            .map(|one| (one.group, Arch::X86_64.syscall(one.first).unwrap()))
            .collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                (Group::Added, "write"),
                (Group::Removed, "open"),
                (Group::Tightened, "chroot"),
                (Group::Tightened, "read"),
                (Group::Loosened, "getpid"),
                (Group::Loosened, "reboot"),
                (Group::Loosened, "socket"),
                (Group::Changed, "bpf"),
                (Group::Errno, "kexec_load"),
                (Group::Errno, "mount"),
            ]
        );
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let one = policy(&[
            ("read", Action::Allow, None),
            ("write", Action::Allow, None),
        ]);
        let two = policy(&[
            ("write", Action::Allow, None),
            ("read", Action::Allow, None),
            ("read", Action::Allow, Some(Operator::Equal)),
        ]);
        assert!(between(&one, &two).is_empty());
    }
}
