//! A model of how libseccomp joins the rules on one call into a tree of comparisons.
//!
//! Written from experiments and from reading how its database works, so that what the library answers can be foretold,
//! defects included: a disagreement that the model foretells is explained. What it leaves out is in
//! `defects::MISTAKEN_FOR_EACH_OTHER` and, since it always loads the word it compares, `defects::STALE_WORD`.
//!
//! A condition becomes comparisons of words: a test of the upper half, and one of the lower; on a 32-bit architecture, to
//! which x32 is counted, one of the lower alone. Tests of one place make a level, in a fixed order; an answer that leads nowhere goes on to the next test of the level, and behind the last to
//! where the level was entered from. Two rules that make the same test share it.

use profiler_daemon::seccomp::condition::{Condition, Operator};

/// A rule: what the filter returns, and when.
pub(crate) type Rule = (u32, Vec<Condition>);

/// Why the library gives no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// -EEXIST: the condition is there already, with another action.
    Exists,
    /// It goes round for ever.
    Hang,
}

/// How 2.5 and 2.6.1 differ: whether of two `<` rules with the same upper half and other actions the nearer one is
/// asked where the upper half decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Before261,
    From261,
}

/// How wide the library takes the arguments of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Bits64,
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
    action: Option<u32>,
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
pub(crate) struct Tree {
    release: Release,
    width: Width,
    nodes: Vec<Node>,
    levels: Vec<Vec<usize>>,
    top: Exit,
    unconditional: Option<u32>,
    default: u32,
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
    pub(crate) fn of(
        default: u32,
        rules: &[Rule],
        width: Width,
        release: Release,
    ) -> Result<Self, Failure> {
        let mut tree = Self {
            release,
            width,
            nodes: Vec::new(),
            levels: Vec::new(),
            top: Exit::default(),
            unconditional: None,
            default,
        };
        for (action, conditions) in rules {
            if *action != default && tree.unconditional.is_none() {
                tree.rule(*action, conditions)?;
            }
        }
        Ok(tree)
    }

    /// What the filter returns, if it always compares the word it means to.
    pub(crate) fn answer(&self, args: &[u64; 6]) -> u32 {
        let conditional = || self.top.next.and_then(|first| self.walk(first, args));
        self.unconditional
            .or_else(conditional)
            .unwrap_or(self.default)
    }

    fn walk(&self, start: usize, args: &[u64; 6]) -> Option<u32> {
        let level = &self.levels[self.nodes[start].level];
        level.iter().find_map(|node| {
            let node = &self.nodes[*node];
            let argument = args[usize::from(node.argument)];
            let word = (if node.upper { argument >> 32 } else { argument }) as u32;
            let exit = match node.test {
                Test::Equal => word == node.constant,
                Test::Masked => word & node.mask == node.constant,
                Test::Greater => word > node.constant,
                Test::GreaterOrEqual => word >= node.constant,
            };
            let exit = if exit { node.yes } else { node.no };
            exit.next.map_or(exit.action, |next| self.walk(next, args))
        })
    }

    fn rule(&mut self, action: u32, conditions: &[Condition]) -> Result<(), Failure> {
        let mut conditions = conditions.to_vec();
        conditions.sort_by_key(|condition| condition.index);
        // A mask of nothing always holds.
        let nothing = |mask: u64| match self.width {
            Width::Bits64 => mask == 0,
            Width::Bits32 => mask as u32 == 0,
        };
        conditions.retain(|one| one.operator != Operator::MaskedEqual || !nothing(one.value));
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
            return Err(Failure::Hang);
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
    fn agree(&self, start: Option<usize>, action: u32) -> Result<(), Failure> {
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
