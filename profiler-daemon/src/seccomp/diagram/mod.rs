//! A filter's whole meaning as one decision diagram: which answer each call gets, bit by bit.
//!
//! A reduced ordered decision diagram over the 512 bits of `struct seccomp_data`, with answers at
//! its ends. It is canonical: two filters, or a filter and a profile, mean the same if and only if
//! they lead to the same node. What a filter says is read off it, compilers are proven by it, and
//! differences are found by walking two of them together. Must not know profiles or instructions.

mod bits;
mod build;
mod loosest;
mod walk;

use rustc_hash::FxHashMap;

pub use bits::Bits;
pub use walk::{Block, Split};

use crate::seccomp::action::Action;

/// A word of `struct seccomp_data`, in the order in which diagrams ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word(u8);

impl Word {
    /// How many there are.
    pub const COUNT: u8 = 16;
    /// The audit number of the architecture.
    pub const ARCH: Self = Self(0);
    /// The call's number.
    pub const NR: Self = Self(1);

    /// The upper half of an argument, 0 to 5.
    #[must_use]
    pub const fn upper(index: u8) -> Self {
        Self(2 + 2 * index)
    }

    /// The lower half of an argument, 0 to 5.
    #[must_use]
    pub const fn lower(index: u8) -> Self {
        Self(3 + 2 * index)
    }

    /// The word at an offset of the data, on a little-endian machine.
    #[must_use]
    pub const fn at(offset: u32) -> Option<Self> {
        Some(match offset {
            0 => Self::NR,
            4 => Self::ARCH,
            8 => Self(15),
            12 => Self(14),
            16..64 if offset.is_multiple_of(4) => {
                let index = ((offset - 16) / 8) as u8;
                if offset.is_multiple_of(8) {
                    Self::lower(index)
                } else {
                    Self::upper(index)
                }
            }
            _ => return None,
        })
    }

    /// Its offset in the data.
    #[must_use]
    pub const fn offset(self) -> u32 {
        match self.0 {
            0 => 4,
            1 => 0,
            14 => 12,
            15 => 8,
            place => {
                let index = (place as u32 - 2) / 2;
                16 + 8 * index + if place % 2 == 0 { 4 } else { 0 }
            }
        }
    }

    /// The argument that it is half of, and whether it is the upper half.
    #[must_use]
    pub const fn argument(self) -> Option<(u8, bool)> {
        match self.0 {
            place @ 2..14 => Some(((place - 2) / 2, place % 2 == 0)),
            _ => None,
        }
    }

    /// The level of a bit, 31 the highest and first.
    const fn level(self, bit: u8) -> u16 {
        self.0 as u16 * 32 + (31 - bit) as u16
    }
}

/// A place in a diagram: an end with an answer, or a question about one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);

/// The bit of a [`Node`] that marks an end.
const END: u32 = 1 << 31;

impl Node {
    /// The end that stands for "no" in diagrams of conditions.
    pub const FALSE: Self = Self(END);
    /// The end that stands for "yes" in diagrams of conditions.
    pub const TRUE: Self = Self(END | 1);

    const fn is_end(self) -> bool {
        self.0 & END != 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Question {
    level: u16,
    low: Node,
    high: Node,
}

/// A diagram grew beyond its bound: nothing can be said exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too intricate to be decided exactly (more than {MOST_NODES} decisions)")]
pub struct TooLarge;

/// Bound on a diagram's nodes: some 50 MB.
const MOST_NODES: usize = 1_000_000;

/// All diagrams of one comparison: nodes of different [`Diagrams`] have nothing in common.
#[derive(Default)]
pub struct Diagrams {
    questions: Vec<Question>,
    known: FxHashMap<Question, Node>,
    ends: Vec<u32>,
    known_ends: FxHashMap<u32, Node>,
    chosen: FxHashMap<(Node, Node, Node), Node>,
    stacked: FxHashMap<(Node, Node), Node>,
}

impl Diagrams {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        let mut diagrams = Self::default();
        // The first two ends are FALSE and TRUE; a verdict may share them, as conditions and
        // verdicts never meet in one diagram.
        diagrams.end(0);
        diagrams.end(1);
        diagrams
    }

    /// The end with a raw value.
    pub(super) fn end(&mut self, value: u32) -> Node {
        if let Some(node) = self.known_ends.get(&value) {
            return *node;
        }
        let place = u32::try_from(self.ends.len()).unwrap_or(u32::MAX) & !END;
        let node = Node(END | place);
        self.ends.push(value);
        self.known_ends.insert(value, node);
        node
    }

    /// The end with an answer; what the kernel takes for the same, as an errno above its greatest, is
    /// the same end.
    pub fn answer(&mut self, action: Action) -> Node {
        self.end(Action::from_return(action.to_return()).to_return())
    }

    /// The answer at a node, if it is the same for every call.
    #[must_use]
    pub fn answer_of(&self, node: Node) -> Option<Action> {
        self.value_of(node).map(Action::from_return)
    }

    fn value_of(&self, node: Node) -> Option<u32> {
        if node.is_end() {
            self.ends.get((node.0 & !END) as usize).copied()
        } else {
            None
        }
    }

    fn question(&self, node: Node) -> Option<Question> {
        if node.is_end() {
            None
        } else {
            self.questions.get(node.0 as usize).copied()
        }
    }

    fn level(&self, node: Node) -> u16 {
        self.question(node)
            .map_or(u16::MAX, |question| question.level)
    }

    /// The node that asks for a bit; no question is asked whose answers agree.
    fn ask(&mut self, level: u16, low: Node, high: Node) -> Result<Node, TooLarge> {
        if low == high {
            return Ok(low);
        }
        let question = Question { level, low, high };
        if let Some(node) = self.known.get(&question) {
            return Ok(*node);
        }
        if self.questions.len() >= MOST_NODES {
            return Err(TooLarge);
        }
        let node = Node(u32::try_from(self.questions.len()).map_err(|_| TooLarge)?);
        self.questions.push(question);
        self.known.insert(question, node);
        Ok(node)
    }

    /// What a node becomes when the bit at `level`, no later than its own, is known.
    fn branches(&self, node: Node, level: u16) -> (Node, Node) {
        match self.question(node) {
            Some(question) if question.level == level => (question.low, question.high),
            _ => (node, node),
        }
    }

    /// `yes` where the condition holds, `no` elsewhere.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn choose(&mut self, condition: Node, yes: Node, no: Node) -> Result<Node, TooLarge> {
        if condition == Node::TRUE || yes == no {
            return Ok(yes);
        }
        if condition == Node::FALSE {
            return Ok(no);
        }
        if yes == Node::TRUE && no == Node::FALSE {
            return Ok(condition);
        }
        let key = (condition, yes, no);
        if let Some(node) = self.chosen.get(&key) {
            return Ok(*node);
        }
        let level = self
            .level(condition)
            .min(self.level(yes))
            .min(self.level(no));
        let (c0, c1) = self.branches(condition, level);
        let (y0, y1) = self.branches(yes, level);
        let (n0, n1) = self.branches(no, level);
        // Depth is bounded by the 512 bits.
        let low = self.choose(c0, y0, n0)?;
        let high = self.choose(c1, y1, n1)?;
        let node = self.ask(level, low, high)?;
        if self.chosen.len() >= 4 * MOST_NODES {
            return Err(TooLarge);
        }
        self.chosen.insert(key, node);
        Ok(node)
    }

    /// What the kernel makes of two filters, of which `newer` was installed later.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn stack(&mut self, newer: Node, older: Node) -> Result<Node, TooLarge> {
        if newer == older {
            return Ok(newer);
        }
        if let (Some(new), Some(old)) = (self.answer_of(newer), self.answer_of(older)) {
            return Ok(self.answer(super::filter::evaluate::stricter(new, old)));
        }
        if let Some(node) = self.stacked.get(&(newer, older)) {
            return Ok(*node);
        }
        let level = self.level(newer).min(self.level(older));
        let (n0, n1) = self.branches(newer, level);
        let (o0, o1) = self.branches(older, level);
        let low = self.stack(n0, o0)?;
        let high = self.stack(n1, o1)?;
        let node = self.ask(level, low, high)?;
        self.stacked.insert((newer, older), node);
        Ok(node)
    }
}
