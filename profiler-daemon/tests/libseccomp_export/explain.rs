//! Why a filter of libseccomp's answers otherwise than its rules mean: a defect, or a custom.

use std::collections::BTreeSet;

use profiler_daemon::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    diagram::{Diagrams, Node},
    facts::libseccomp::Version,
    filter::evaluate::CallData,
    meaning::libseccomp_tree::{self, Failure, Release, Tree, Width},
};

use super::{
    Library, Rule, Set, defects,
    sets::{NAME, cut, meant, of, plain, shown},
};
use crate::oracle::interpreter::{Instruction, run_noting};

pub(crate) fn release(library: &Library) -> Release {
    if library.version < Version::new(2, 6, 1) {
        Release::Before261
    } else {
        Release::From261
    }
}

/// How the library compares arguments of an architecture.
pub(crate) fn width(arch: Arch) -> Width {
    match arch {
        Arch::X86_64 | Arch::Aarch64 => Width::Bits64,
        Arch::X32 | Arch::X86 | Arch::Arm => Width::Bits32,
    }
}

/// What the product's model foretells of rules on one call.
pub(crate) fn foretold(
    diagrams: &mut Diagrams,
    default: u32,
    rules: &[libseccomp_tree::Rule],
    width: Width,
    release: Release,
) -> Result<Node, Failure> {
    let tree = Tree::of(Action::from_return(default), rules, width, release)?;
    Ok(tree.diagram(diagrams).expect("seven rules are no maze"))
}

/// True if two rules can come to share a comparison while one of them goes on behind it: what the defects of joining need.
fn may_share(set: &Set) -> bool {
    let pairs = |one: &Rule, other: &Rule| {
        one.conditions.len() + other.conditions.len() > 2
            && one.conditions.iter().any(|here| {
                let there = other.conditions.iter();
                there
                    .clone()
                    .any(|there| here.index == there.index && here.value >> 32 == there.value >> 32)
            })
    };
    let rules = &set.rules;
    (0..rules.len()).any(|one| (0..one).any(|other| pairs(&rules[one], &rules[other])))
}

/// The rules that can be dropped because they are mistaken for one another: both of each pair of which one has a like to
/// each condition of the other, and at least one that is a like only.
fn mistaken(set: &Set) -> Vec<usize> {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, MaskedEqual, NotEqual};
    // A mask of nothing is no test.
    let tests = |rule: &Rule| {
        let conditions = rule.conditions.iter().copied();
        conditions
            .filter(|one| one.operator != MaskedEqual || one.value != 0)
            .collect()
    };
    let rules: Vec<Vec<Condition>> = set.rules.iter().map(tests).collect();
    let opposite = |one: &Condition, other: &Condition| {
        one.value == other.value
            && matches!(
                (one.operator, other.operator),
                (Less, GreaterOrEqual)
                    | (GreaterOrEqual, Less)
                    | (LessOrEqual, Greater)
                    | (Greater, LessOrEqual)
            )
    };
    // The same test, or one for the upper half; how they go on from there differs.
    let swapped = |one: &Condition, other: &Condition| {
        let equality = |one: &Condition| matches!(one.operator, Equal | NotEqual);
        one != other
            && one.index == other.index
            && (opposite(one, other)
                || one.value >> 32 == other.value >> 32 && (equality(one) || equality(other)))
    };
    let covers = |short: &[Condition], long: &[Condition]| {
        short.len() <= long.len()
            && short
                .iter()
                .any(|one| long.iter().any(|other| swapped(one, other)))
            && short
                .iter()
                .all(|one| long.iter().any(|other| one == other || swapped(one, other)))
    };
    (0..rules.len())
        .filter(|one| {
            (0..rules.len()).any(|other| {
                *one != other
                    && (covers(&rules[*one], &rules[other]) || covers(&rules[other], &rules[*one]))
            })
        })
        .collect()
}

/// What becomes of the set without some of its mistaken rules, in every way that is possible.
pub(crate) fn without_mistaken(
    diagrams: &mut Diagrams,
    set: &Set,
    arch: Arch,
    release: Release,
) -> Vec<Result<Node, Failure>> {
    let suspects = match width(arch) {
        Width::Bits64 => mistaken(set),
        Width::Bits32 => mistaken(&cut(set)),
    };
    let without = |dropped: u32| {
        let kept = |index: &usize| {
            let suspect = suspects.iter().position(|suspect| suspect == index);
            suspect.is_none_or(|bit| dropped >> bit & 1 == 0)
        };
        let rules = plain(set).into_iter().enumerate();
        let rules = rules.filter(|(index, _)| kept(index));
        let rules: Vec<libseccomp_tree::Rule> = rules.map(|(_, rule)| rule).collect();
        foretold(diagrams, set.default, &rules, width(arch), release)
    };
    (1u32..1 << suspects.len()).map(without).collect()
}

/// What the model makes of a set on one architecture.
pub(crate) struct Model {
    /// Before 2.6.1, and from then on.
    pub(crate) trees: [Result<Node, Failure>; 2],
    /// Without some of the mistaken rules: made when it is asked for.
    without: Option<Vec<Node>>,
    release: Release,
}

impl Model {
    pub(crate) fn of(diagrams: &mut Diagrams, set: &Set, arch: Arch, release: Release) -> Self {
        let rules = plain(set);
        let trees = [Release::Before261, Release::From261]
            .map(|release| foretold(diagrams, set.default, &rules, width(arch), release));
        Self {
            trees,
            without: None,
            release,
        }
    }

    /// What the release at hand makes of it.
    pub(crate) fn tree(&self) -> Result<Node, Failure> {
        let [before, from] = self.trees;
        match self.release {
            Release::Before261 => before,
            Release::From261 => from,
        }
    }

    /// What becomes of it without some of its mistaken rules, where that is a filter.
    pub(crate) fn without(&mut self, diagrams: &mut Diagrams, set: &Set, arch: Arch) -> &[Node] {
        self.without.get_or_insert_with(|| {
            without_mistaken(diagrams, set, arch, self.release)
                .into_iter()
                .flatten()
                .collect()
        })
    }
}

/// Why a filter answers what it does; `None` if it answers what the rules mean, `Err` if nothing explains it.
pub(crate) fn explain(
    diagrams: &mut Diagrams,
    set: &Set,
    arch: Arch,
    program: &[Instruction],
    places: &BTreeSet<usize>,
    model: &mut Model,
    args: &[u64; 6],
) -> Result<Option<&'static str>, String> {
    let mut stale = false;
    let data = of(NAME, arch, args);
    let got = run_noting(program, &data, |at, _| stale |= places.contains(&at));
    let exact = meant(set, arch, true, args);
    if got == exact {
        return Ok(None);
    }
    let (whole, short) = (set, cut(set));
    let set = if arch.has_32_bit_arguments() {
        if got == meant(&short, arch, true, args) {
            return Ok(Some("custom: a constant is cut to 32 bits"));
        }
        &short
    } else {
        set
    };
    let args = &data.args;
    let call = CallData::new(arch, data.nr, *args);
    let [before, from] = model.trees.map(|tree| {
        let tree = tree.ok()?;
        Some(diagrams.answer_to(tree, &call).to_return())
    });
    let foretold = match model.release {
        Release::Before261 => before,
        Release::From261 => from,
    };
    let text = || {
        format!(
            "{}: {args:x?}: got {got:x}, meant {exact:x}, foretold {foretold:x?}",
            shown(set)
        )
    };
    if Some(got) != foretold {
        return if stale {
            Ok(Some(defects::STALE_WORD))
        } else if model
            .without(diagrams, whole, arch)
            .iter()
            .any(|tree| diagrams.answer_to(*tree, &call).to_return() == got)
        {
            Ok(Some(defects::MISTAKEN_FOR_EACH_OTHER))
        } else {
            Err(text())
        };
    }
    if got == meant(set, arch, false, args) {
        return Ok(Some("custom: a rule with the default's action is none"));
    }
    let holds = |rule: &&Rule| {
        let mut conditions = rule.conditions.iter();
        conditions.all(|one| one.holds(args[usize::from(one.index)]))
    };
    let acting = || {
        set.rules
            .iter()
            .filter(|rule| rule.action != set.default)
            .filter(holds)
    };
    if model.release == Release::Before261 && before != from {
        Ok(Some(defects::FARTHER_BOUND))
    } else if acting().any(|rule| rule.action == got) {
        Ok(Some("custom: the more specific rule counts"))
    } else if !may_share(set) {
        Err(text())
    } else if got == set.default {
        Ok(Some(defects::LOST_REMAINDER))
    } else {
        Ok(Some(defects::SHARED_CONTINUATION))
    }
}
