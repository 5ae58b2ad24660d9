//! One line of a difference: a call under one ABI, or numbers without a name.

use serde_json::{Value, json};

use crate::{
    ctl::{exit::Failure, policy_wording::case_value},
    seccomp::{
        action::Action,
        arch::{Arch, X32_BIT},
        diagram::Diagrams,
        difference::{Difference, Direction, Group},
        facts::purpose::purpose,
        summary::{Standing, arch_of, standing},
    },
};

/// Numbers without a name that are listed one by one.
const MOST_NAMELESS: u32 = 4;

/// What a line is about, to be sorted: whether no table names it, its number if so, and its name.
pub(super) type Sorted = (bool, u32, String);

/// One call, or numbers without a name, on which the profiles differ.
pub(in crate::ctl) struct Line {
    pub direction: Direction,
    pub(super) group: Group,
    /// None for audit numbers that no table has.
    pub(super) arch: Option<Arch>,
    /// The first number, as a filter sees it.
    pub(super) first: u32,
    last: u32,
    pub(super) before: Standing,
    pub(super) after: Standing,
    /// The arguments of a call that is answered differently, and both answers.
    pub(super) witness: [u64; 6],
    pub(super) answered: Action,
    pub(super) answers: Action,
}

/// A line for each name, and for each range of numbers without one.
pub(in crate::ctl) fn lines(
    diagrams: &mut Diagrams,
    found: &[Difference],
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for one in found {
        let before = standing(diagrams, one.before)?;
        let after = standing(diagrams, one.after)?;
        for (arch, first, last) in parts(one) {
            lines.push(Line {
                direction: one.direction,
                group: one.group,
                arch,
                first,
                last,
                before: before.clone(),
                after: after.clone(),
                witness: one.witness.args,
                answered: one.answered,
                answers: one.answers,
            });
        }
    }
    Ok(lines)
}

/// A difference by the names in it, and the numbers between them.
fn parts(one: &Difference) -> Vec<(Option<Arch>, u32, u32)> {
    if one.first_audit != one.last_audit {
        return across_audits(one);
    }
    let Some(arch) = arch_of(one.first_audit, one.first) else {
        return vec![(None, one.first, one.last)];
    };
    // x86_64's numbers and x32's share a range where both are treated alike.
    if arch == Arch::X86_64 && one.last & X32_BIT != 0 && one.first < X32_BIT {
        let halves = [(one.first, X32_BIT - 1), (X32_BIT, one.last)];
        return halves
            .into_iter()
            .flat_map(|(first, last)| {
                parts(&Difference {
                    first,
                    last,
                    ..one.clone()
                })
            })
            .collect();
    }
    let mut parts = Vec::new();
    let mut from = Some(one.first);
    for (nr, _) in arch.syscalls() {
        if nr < one.first || nr > one.last {
            continue;
        }
        if let Some(from) = from.filter(|from| *from < nr) {
            nameless(arch, from, nr - 1, &mut parts);
        }
        parts.push((Some(arch), nr, nr));
        from = nr.checked_add(1);
    }
    if let Some(from) = from.filter(|from| *from <= one.last) {
        nameless(arch, from, one.last, &mut parts);
    }
    parts
}

/// The parts of a difference in calls of several audit numbers: under each that is known, and under
/// all others. Every number of all of them is one part.
fn across_audits(one: &Difference) -> Vec<(Option<Arch>, u32, u32)> {
    let mut parts_of_all = vec![(None, one.first, one.last)];
    if (one.first, one.last) == (0, u32::MAX) {
        return parts_of_all;
    }
    for arch in Arch::ALL {
        let audit = arch.audit();
        // x32 shares its audit number with x86_64, under which both are parted.
        if arch != Arch::X32 && (one.first_audit..=one.last_audit).contains(&audit) {
            parts_of_all.extend(parts(&Difference {
                first_audit: audit,
                last_audit: audit,
                ..one.clone()
            }));
        }
    }
    parts_of_all
}

fn nameless(arch: Arch, first: u32, last: u32, parts: &mut Vec<(Option<Arch>, u32, u32)>) {
    if last - first < MOST_NAMELESS {
        parts.extend((first..=last).map(|nr| (Some(arch), nr, nr)));
    } else {
        parts.push((Some(arch), first, last));
    }
}

impl Line {
    /// What it is about, without its ABI.
    pub(super) fn subject(&self) -> String {
        match self.arch {
            // Such is no call's number, and every ABI has it.
            Some(_) if self.first == u32::MAX => "number -1".to_owned(),
            Some(arch) if self.first == self.last => arch
                .syscall(self.first)
                .map_or_else(|| format!("#{}", self.bare(self.first)), str::to_owned),
            _ if self.first == 0 && self.last == u32::MAX => "every call".to_owned(),
            _ if self.first == self.last => format!("#{}", self.first),
            _ if self.is_to_the_end() => format!("numbers from {} on", self.bare(self.first)),
            _ => format!(
                "numbers {} to {}",
                self.bare(self.first),
                self.bare(self.last)
            ),
        }
    }

    /// As it is sorted: names by letter, then numbers by size.
    pub(super) fn sorted(&self) -> Sorted {
        let is_nameless = !self.is_named();
        let number = if is_nameless {
            self.bare(self.first)
        } else {
            0
        };
        (is_nameless, number, self.subject())
    }

    /// True if it is one call, and a table has its name.
    pub(super) fn is_named(&self) -> bool {
        self.name().is_some()
    }

    /// The name of the one call that it is about.
    fn name(&self) -> Option<&'static str> {
        let arch = self.arch.filter(|_| self.first == self.last)?;
        arch.syscall(self.first)
    }

    /// True if no number of the ABI is greater, but for -1.
    fn is_to_the_end(&self) -> bool {
        match self.arch {
            Some(Arch::X86_64) => self.last >= X32_BIT - 1,
            _ => self.last >= u32::MAX - 1,
        }
    }

    /// A number without the bit that marks it as x32's.
    pub(super) fn bare(&self, nr: u32) -> u32 {
        self.arch.map_or(nr, |arch| arch.in_table(nr))
    }

    /// The one call that it is about, by the number in its ABI's table.
    pub(super) fn call(&self) -> Option<(Arch, u32)> {
        let arch = self.arch.filter(|_| self.first == self.last)?;
        Some((arch, self.bare(self.first)))
    }

    pub(super) fn is_conditional(&self) -> bool {
        matches!(self.before, Standing::Conditional(_))
            || matches!(self.after, Standing::Conditional(_))
    }

    /// With stable keys.
    pub(in crate::ctl) fn value(&self) -> Value {
        let side = |standing: &Standing| match standing {
            Standing::Always(action) => Value::from(action.to_string()),
            Standing::Conditional(list) => list.iter().map(case_value).collect(),
        };
        json!({
            "group": group_word(self.group),
            "change": word(self.direction),
            "abi": self.arch.map(Arch::name),
            "first": self.bare(self.first),
            "last": self.bare(self.last),
            "name": self.name(),
            "purpose": self.name().and_then(purpose),
            "before": side(&self.before),
            "after": side(&self.after),
            "witness": {
                "args": self.witness,
                "before": self.answered.to_string(),
                "after": self.answers.to_string(),
            },
        })
    }
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Loosened => "loosened",
        Direction::Tightened => "tightened",
        Direction::Both => "both",
        Direction::Answer => "answer",
    }
}

const fn group_word(group: Group) -> &'static str {
    match group {
        Group::Added => "added",
        Group::Removed => "removed",
        Group::Tightened => "tightened",
        Group::Loosened => "loosened",
        Group::Changed => "changed",
        Group::Errno => "errno",
    }
}
