//! How libseccomp joins the rules on one call into a tree of comparisons: a model, defects included.
//!
//! Written from experiments with the library, so that what it answers can be foretold, also where
//! that is not what the rules say. `tests/libseccomp.rs` holds the model against the library. What
//! it leaves out is that the library sometimes compares a word that it did not load, or takes two
//! rules for one another; that file lists when.
//!
//! A condition becomes comparisons of words: of the upper half, and of the lower. Tests of one place
//! make a level, in a fixed order; an answer that leads nowhere goes on to the next test of the
//! level, and behind the last to where the level was entered from. Two rules that make the same
//! test share it.

use rustc_hash::FxHashMap;

use crate::seccomp::{
    action::Action,
    condition::{Condition, Operator},
    diagram::{Diagrams, Node as End, TooLarge, Word},
};

/// A rule: what the filter answers, and when.
pub type Rule = (Action, Vec<Condition>);

/// Why the library gives no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// -EEXIST: the condition is there already, with another action.
    Exists,
    /// It goes round for ever.
    Endless,
}

/// How 2.5 and 2.6.1 differ: whether of two `<` rules with the same upper half and other actions the nearer one is
/// asked where the upper half decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 2.5 and 2.6.0.
    Before261,
    /// 2.6.1 and later.
    From261,
}

/// How wide the library takes the arguments of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Both words of each.
    Bits64,
    /// The low word only.
    Bits32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Masked,
    Greater,
    GreaterOrEqual,
}

/// Where an answer of a test leads: to an action, or to a level, named by one of its tests.
#[derive(Clone, Copy, Debug, Default)]
struct Exit {
    action: Option<Action>,
    next: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    argument: u8,
    upper: bool,
    /// 3: `==`, `!=`, masked; 2: `<`, `<=`; 1: `>`, `>=`. Of the rule that made the test first.
    class: u8,
    test: Test,
    constant: u32,
    mask: u32,
    /// The constant of the rule that made the test first.
    whole: u64,
    yes: Exit,
    no: Exit,
    level: usize,
}

/// The rules on one call.
pub struct Tree {
    release: Release,
    width: Width,
    nodes: Vec<Node>,
    levels: Vec<Vec<usize>>,
    top: Exit,
    unconditional: Option<Action>,
    default: Action,
}

/// True if a rule makes a known one, which does the same under further equalities, superfluous: the
/// library takes that out, so that it is in no other rule's way. Other comparisons are taken out in
/// part only, or not.
fn covers((action, tests): &Rule, (known_action, known): &Rule) -> bool {
    let mut further = known.iter().filter(|one| !tests.contains(one));
    action == known_action
        && tests.len() < known.len()
        && tests.iter().all(|one| known.contains(one))
        && further.all(|one| matches!(one.operator, Operator::Equal | Operator::MaskedEqual))
}

/// An exit of a test, or the way in.
#[derive(Clone, Copy)]
enum Way {
    Top,
    Yes(usize),
    No(usize),
}

impl Tree {
    /// Adds the rules in order, as runc does: not those whose action is the default.
    ///
    /// # Errors
    /// The library refuses the rules, or does not come to an end.
    pub fn of(
        default: Action,
        rules: &[Rule],
        width: Width,
        release: Release,
    ) -> Result<Self, Failure> {
        let mut tree = Self::empty(default, width, release);
        let mut kept: Vec<Rule> = Vec::new();
        for (action, conditions) in rules {
            if *action == default || tree.unconditional.is_some() {
                continue;
            }
            let new = (*action, tree.tests(conditions));
            let before = kept.len();
            kept.retain(|known| !covers(&new, known));
            if kept.len() < before {
                tree = Self::empty(default, width, release);
                for (action, conditions) in &kept {
                    tree.rule(*action, conditions)?;
                }
            }
            tree.rule(new.0, &new.1)?;
            kept.push(new);
        }
        Ok(tree)
    }

    fn empty(default: Action, width: Width, release: Release) -> Self {
        Self {
            release,
            width,
            nodes: Vec::new(),
            levels: Vec::new(),
            top: Exit::default(),
            unconditional: None,
            default,
        }
    }

    /// The conditions by argument, with what the library compares of their constants. A mask of
    /// nothing always holds.
    fn tests(&self, conditions: &[Condition]) -> Vec<Condition> {
        let most = match self.width {
            Width::Bits64 => u64::MAX,
            Width::Bits32 => u64::from(u32::MAX),
        };
        let mut tests: Vec<Condition> = conditions
            .iter()
            .map(|one| match one.operator {
                Operator::MaskedEqual => Condition {
                    value: one.value & most,
                    value_two: one.value & one.value_two & most,
                    ..*one
                },
                _ => Condition {
                    value: one.value & most,
                    value_two: 0,
                    ..*one
                },
            })
            .filter(|one| one.operator != Operator::MaskedEqual || one.value != 0)
            .collect();
        tests.sort_by_key(|one| one.index);
        tests
    }

    /// What the filter answers, if it always compares the word it means to.
    ///
    /// # Errors
    /// It is too intricate to be decided exactly.
    pub fn diagram(&self, diagrams: &mut Diagrams) -> Result<End, TooLarge> {
        let otherwise = diagrams.answer(self.unconditional.unwrap_or(self.default));
        match (self.unconditional, self.top.next) {
            (None, Some(first)) => {
                let level = self.nodes[first].level;
                self.level(diagrams, level, otherwise, &mut FxHashMap::default())
            }
            _ => Ok(otherwise),
        }
    }

    /// A level's diagram, given what comes of a call for which none of its tests leads anywhere.
    fn level(
        &self,
        diagrams: &mut Diagrams,
        level: usize,
        otherwise: End,
        known: &mut FxHashMap<(usize, End), End>,
    ) -> Result<End, TooLarge> {
        if let Some(end) = known.get(&(level, otherwise)) {
            return Ok(*end);
        }
        let mut end = otherwise;
        for node in self.levels[level].iter().rev() {
            let node = &self.nodes[*node];
            let mut ends = [end; 2];
            for (place, exit) in ends.iter_mut().zip([node.yes, node.no]) {
                *place = match (exit.next, exit.action) {
                    (Some(next), _) => self.level(diagrams, self.nodes[next].level, end, known)?,
                    (None, Some(action)) => diagrams.answer(action),
                    (None, None) => end,
                };
            }
            let word = if node.upper {
                Word::upper(node.argument)
            } else {
                Word::lower(node.argument)
            };
            let holds = match node.test {
                Test::Equal => diagrams.masked_equal(word, u32::MAX, node.constant)?,
                Test::Masked => diagrams.masked_equal(word, node.mask, node.constant)?,
                Test::Greater => diagrams.greater(word, node.constant, false)?,
                Test::GreaterOrEqual => diagrams.greater(word, node.constant, true)?,
            };
            end = diagrams.choose(holds, ends[0], ends[1])?;
        }
        known.insert((level, otherwise), end);
        Ok(end)
    }

    /// `conditions` are such as [`Self::tests`] gives.
    fn rule(&mut self, action: Action, conditions: &[Condition]) -> Result<(), Failure> {
        let exit = Exit {
            action: Some(action),
            next: None,
        };
        let chain = conditions
            .iter()
            .rev()
            .fold(exit, |behind, condition| Exit {
                action: None,
                next: Some(self.condition(*condition, behind)),
            });
        match (chain.next, self.top.next) {
            (None, _) => {
                self.unconditional = Some(action);
                Ok(())
            }
            (Some(_), None) => {
                self.top = chain;
                Ok(())
            }
            (Some(first), Some(_)) => self.add(Way::Top, first),
        }
    }

    /// The tests of one condition, all of whose answers that hold lead to `behind`: one level, even if two lead there.
    fn condition(&mut self, condition: Condition, behind: Exit) -> usize {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, MaskedEqual, NotEqual};
        let (whole, mask) = match condition.operator {
            MaskedEqual => (condition.value & condition.value_two, condition.value),
            _ => (condition.value, !0),
        };
        let class = match condition.operator {
            Equal | NotEqual | MaskedEqual => 3,
            Less | LessOrEqual => 2,
            Greater | GreaterOrEqual => 1,
        };
        let holds_if_not = matches!(condition.operator, NotEqual | Less | LessOrEqual);
        let (yes, no) = if holds_if_not {
            (Exit::default(), behind)
        } else {
            (behind, Exit::default())
        };
        let node = |upper, test, yes, no| Node {
            argument: condition.index,
            upper,
            class,
            test,
            constant: (if upper { whole >> 32 } else { whole }) as u32,
            mask: (if upper { mask >> 32 } else { mask }) as u32,
            whole,
            yes,
            no,
            level: 0,
        };
        let to = |next| Exit {
            action: None,
            next: Some(next),
        };
        let test = match condition.operator {
            MaskedEqual => Test::Masked,
            Equal | NotEqual => Test::Equal,
            Greater | LessOrEqual => Test::Greater,
            GreaterOrEqual | Less => Test::GreaterOrEqual,
        };
        let lower = self.alone(node(false, test, yes, no));
        if self.width == Width::Bits32 {
            return lower;
        }
        match test {
            Test::Equal | Test::Masked => self.alone(node(true, test, to(lower), no)),
            Test::Greater | Test::GreaterOrEqual => {
                let equal = self.alone(node(true, Test::Equal, to(lower), no));
                self.alone(node(true, Test::Greater, yes, to(equal)))
            }
        }
    }

    /// A test on a level of its own.
    fn alone(&mut self, mut node: Node) -> usize {
        node.level = self.levels.len();
        self.nodes.push(node);
        self.levels.push(vec![self.nodes.len() - 1]);
        self.nodes.len() - 1
    }

    fn exit(&mut self, way: Way) -> &mut Exit {
        match way {
            Way::Top => &mut self.top,
            Way::Yes(node) => &mut self.nodes[node].yes,
            Way::No(node) => &mut self.nodes[node].no,
        }
    }

    /// True if `one` stands behind `other` on a level.
    fn behind(&self, one: usize, other: usize) -> bool {
        let place = |node: &Node| (node.argument, node.upper, node.class);
        let (one, other) = (&self.nodes[one], &self.nodes[other]);
        place(one) < place(other)
            || place(one) == place(other)
                && if one.class == 2 {
                    one.constant > other.constant
                } else {
                    one.constant < other.constant
                }
    }

    fn same(&self, one: usize, other: usize) -> bool {
        let test = |node: &Node| {
            (
                node.argument,
                node.upper,
                node.test,
                node.constant,
                node.mask,
            )
        };
        test(&self.nodes[one]) == test(&self.nodes[other])
    }

    /// Puts a new test on the level that a way leads to, or joins it with the same test there. The search begins at the
    /// test by which the way knows the level, which may not be its first.
    fn add(&mut self, way: Way, new: usize) -> Result<(), Failure> {
        let Some(start) = self.exit(way).next else {
            return Ok(());
        };
        let level = self.nodes[start].level;
        let first = self.levels[level].iter().position(|node| *node == start);
        for place in first.unwrap_or(0).. {
            let Some(known) = self.levels[level].get(place).copied() else {
                return self.put(level, place, new);
            };
            if self.same(known, new) {
                return self.join(known, new);
            }
            if self.behind(known, new) {
                if start == known {
                    self.exit(way).next = Some(new);
                }
                return self.put(level, place, new);
            }
        }
        Ok(())
    }

    fn put(&mut self, level: usize, place: usize, new: usize) -> Result<(), Failure> {
        // Put on its level a second time, a test comes to be its own neighbour.
        if self.levels[level].contains(&new) {
            return Err(Failure::Endless);
        }
        self.levels[level].insert(place, new);
        self.nodes[new].level = level;
        Ok(())
    }

    fn join(&mut self, known: usize, new: usize) -> Result<(), Failure> {
        let fresh = self.nodes[new];
        let leaf = |node: &Node| node.yes.next.is_none() && node.no.next.is_none();
        for (way, exit) in [(Way::Yes(known), fresh.yes), (Way::No(known), fresh.no)] {
            let Some(action) = exit.action else { continue };
            let here = *self.exit(way);
            match here.action {
                None => {
                    self.agree(here.next, action)?;
                    *self.exit(way) = exit;
                }
                Some(other) if other != action => {
                    let old = self.nodes[known];
                    let nearer = match way {
                        Way::No(_) => fresh.whole < old.whole && self.release == Release::From261,
                        _ => fresh.whole > old.whole,
                    };
                    if fresh.upper && nearer {
                        self.exit(way).action = Some(action);
                    }
                    if leaf(&self.nodes[known]) || leaf(&fresh) {
                        return Err(Failure::Exists);
                    }
                }
                Some(_) => {}
            }
        }
        for (way, exit) in [(Way::Yes(known), fresh.yes), (Way::No(known), fresh.no)] {
            let Some(next) = exit.next else { continue };
            let here = *self.exit(way);
            if here.next.is_some() {
                self.add(way, next)?;
            } else if here.action.is_some() {
                // The known rule is taken for one that holds whenever the new one does; what is left of it is dropped.
                return Ok(());
            } else {
                *self.exit(way) = exit;
            }
        }
        Ok(())
    }

    /// What a broader rule replaces must have its action.
    fn agree(&self, start: Option<usize>, action: Action) -> Result<(), Failure> {
        let Some(start) = start else { return Ok(()) };
        for node in &self.levels[self.nodes[start].level] {
            let Node { yes, no, .. } = self.nodes[*node];
            for exit in [yes, no] {
                if exit.action.is_some_and(|other| other != action) {
                    return Err(Failure::Exists);
                }
                self.agree(exit.next, action)?;
            }
        }
        Ok(())
    }
}
