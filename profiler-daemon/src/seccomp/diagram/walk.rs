//! Reading diagrams: one call's answer, the ways on from a word, a call on which two differ.

use rustc_hash::FxHashSet;

use super::{Diagrams, Node, Word};
use crate::seccomp::{action::Action, arch::Arch, filter::evaluate::CallData};

/// Some bits that are read together: one word, or both halves of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    first: Word,
    words: u8,
}

impl Block {
    /// One word.
    #[must_use]
    pub const fn word(word: Word) -> Self {
        Self {
            first: word,
            words: 1,
        }
    }

    /// All 64 bits of an argument.
    #[must_use]
    pub const fn argument(index: u8) -> Self {
        Self {
            first: Word::upper(index),
            words: 2,
        }
    }

    /// Its first word.
    #[must_use]
    pub const fn first(self) -> Word {
        self.first
    }

    /// 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.words * 32
    }

    const fn start(self) -> u16 {
        self.first.level(31)
    }

    const fn end(self) -> u16 {
        self.start() + self.bits() as u16
    }
}

/// How a diagram goes on from a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// By ranges of its value: each starts at its number and goes to the next one's. The first
    /// starts at 0. All nodes lie behind the block.
    Ranges(Vec<(u64, Node)>),
    /// By some of its bits. The nodes may ask for other bits of the block.
    Masked {
        /// Which bits.
        mask: u64,
        /// What they must be.
        value: u64,
        /// Where they are.
        yes: Node,
        /// Where they are not.
        no: Node,
    },
}

impl Diagrams {
    /// What is left when a word is known.
    #[must_use]
    pub fn select(&self, node: Node, word: Word, value: u32) -> Node {
        let mut node = node;
        while let Some(question) = self.question(node) {
            let Some(bit) =
                (question.level / 32 == u16::from(word.0)).then(|| 31 - question.level % 32)
            else {
                break;
            };
            node = if value >> bit & 1 == 1 {
                question.high
            } else {
                question.low
            };
        }
        node
    }

    /// What is left when the architecture and the number are known.
    #[must_use]
    pub fn select_call(&self, node: Node, arch: Arch, nr: u32) -> Node {
        let node = self.select(node, Word::ARCH, arch.audit());
        self.select(node, Word::NR, nr)
    }

    /// The answer to one call.
    #[must_use]
    pub fn answer_to(&self, node: Node, call: &CallData) -> Action {
        let mut node = node;
        while let Some(question) = self.question(node) {
            let word = Word((question.level / 32) as u8);
            node = self.select(node, word, call.word(word.offset()));
        }
        self.answer_of(node).unwrap_or(Action::KillThread)
    }

    /// The answers that are left when some words are known, in whatever order they are asked for.
    #[must_use]
    pub fn answers_where(&self, node: Node, known: &[(Word, u32)]) -> FxHashSet<Action> {
        let mut answers = FxHashSet::default();
        let mut visited = FxHashSet::default();
        let mut ahead = vec![node];
        while let Some(node) = ahead.pop() {
            if !visited.insert(node) {
                continue;
            }
            let Some(question) = self.question(node) else {
                answers.extend(self.answer_of(node));
                continue;
            };
            let word = Word((question.level / 32) as u8);
            match known.iter().find(|(known, _)| *known == word) {
                Some((_, value)) => ahead.push(self.select(node, word, *value)),
                None => ahead.extend([question.low, question.high]),
            }
        }
        answers
    }

    /// The word that a node asks for first.
    #[must_use]
    pub fn asks_for(&self, node: Node) -> Option<Word> {
        self.question(node)
            .map(|question| Word((question.level / 32) as u8))
    }

    /// The ranges of a block's value that lead on alike, at most `most` of them; `None` if there
    /// are more. Nothing before the block may be asked for.
    #[must_use]
    pub fn ranges_of(&self, node: Node, block: Block, most: usize) -> Option<Vec<(u64, Node)>> {
        let mut ranges = Vec::new();
        self.collect(node, block, block.start(), 0, most, &mut ranges)
            .then_some(ranges)
    }

    /// Every step that does not add a range goes one bit down, so there are at most 64 times
    /// `most` of them.
    fn collect(
        &self,
        node: Node,
        block: Block,
        level: u16,
        base: u64,
        most: usize,
        ranges: &mut Vec<(u64, Node)>,
    ) -> bool {
        if self.level(node) >= block.end() {
            if ranges.last().is_none_or(|(_, last)| *last != node) {
                ranges.push((base, node));
            }
            return ranges.len() <= most;
        }
        let (low, high) = self.branches(node, level);
        let bit = block.end() - 1 - level;
        self.collect(low, block, level + 1, base, most, ranges)
            && self.collect(high, block, level + 1, base | 1 << bit, most, ranges)
    }

    /// How a node leads on from the block that it asks for. `most` bounds the ranges that are
    /// thought simpler than tests of single bits.
    #[must_use]
    pub fn split(&self, node: Node, block: Block, most: usize) -> Split {
        let ranges = self.ranges_of(node, block, most);
        let masked = self.longest_mask(node, block);
        match (ranges, masked) {
            (Some(ranges), Some((masked, whole))) if whole && ranges.len() > 3 => masked,
            (Some(ranges), _) => Split::Ranges(ranges),
            (None, Some((masked, _))) => masked,
            (None, None) => Split::Ranges(vec![(0, node)]),
        }
    }

    /// The longest run of bits from a node on that must all be right, and whether both ways on
    /// lie behind the block.
    fn longest_mask(&self, node: Node, block: Block) -> Option<(Split, bool)> {
        let question = self.question(node)?;
        [question.low, question.high]
            .into_iter()
            .map(|no| self.mask_towards(node, no, block))
            .max_by_key(|(length, _, _)| *length)
            .map(|(_, split, whole)| (split, whole))
    }

    fn mask_towards(&self, node: Node, no: Node, block: Block) -> (u32, Split, bool) {
        let (mut mask, mut value) = (0_u64, 0_u64);
        let mut yes = node;
        while let Some(question) = self.question(yes) {
            if question.level >= block.end() {
                break;
            }
            let bit = 1_u64 << (block.end() - 1 - question.level);
            if question.low == no {
                value |= bit;
                yes = question.high;
            } else if question.high == no {
                yes = question.low;
            } else {
                break;
            }
            mask |= bit;
        }
        let whole = self.level(yes) >= block.end() && self.level(no) >= block.end();
        let split = Split::Masked {
            mask,
            value,
            yes,
            no,
        };
        (mask.count_ones(), split, whole)
    }

    /// The answers that two diagrams give to the same calls.
    pub fn answers_together(
        &self,
        one: Node,
        two: Node,
        seen: &mut FxHashSet<(Node, Node)>,
        answers: &mut FxHashSet<(Action, Action)>,
    ) {
        if !seen.insert((one, two)) {
            return;
        }
        if let (Some(one), Some(two)) = (self.answer_of(one), self.answer_of(two)) {
            answers.insert((one, two));
            return;
        }
        let level = self.level(one).min(self.level(two));
        let (one_low, one_high) = self.branches(one, level);
        let (two_low, two_high) = self.branches(two, level);
        self.answers_together(one_low, two_low, seen, answers);
        self.answers_together(one_high, two_high, seen, answers);
    }

    /// A call that two diagrams answer differently; `None` if there is none.
    #[must_use]
    pub fn witness(&self, one: Node, two: Node) -> Option<CallData> {
        if one == two {
            return None;
        }
        let mut words = [0_u32; Word::COUNT as usize];
        let (mut one, mut two) = (one, two);
        loop {
            let level = self.level(one).min(self.level(two));
            if level == u16::MAX {
                return Some(assemble(&words));
            }
            let (one_low, one_high) = self.branches(one, level);
            let (two_low, two_high) = self.branches(two, level);
            // Diagrams are canonical: where two differ, at least one of their halves does.
            if one_low == two_low {
                if let Some(word) = words.get_mut(usize::from(level / 32)) {
                    *word |= 1 << (31 - level % 32);
                }
                (one, two) = (one_high, two_high);
            } else {
                (one, two) = (one_low, two_low);
            }
        }
    }
}

impl Diagrams {
    /// A call whose answers by two diagrams are as `wanted`; `None` if there is none.
    #[must_use]
    pub fn witness_of(
        &self,
        one: Node,
        two: Node,
        wanted: &dyn Fn(Action, Action) -> bool,
    ) -> Option<CallData> {
        let mut words = [0_u32; Word::COUNT as usize];
        self.leads((one, two), wanted, &mut FxHashSet::default(), &mut words)
            .then(|| assemble(&words))
    }

    /// Whether some way down from here ends as wanted; its bits are set then. `dead` are those that
    /// do not.
    fn leads(
        &self,
        (one, two): (Node, Node),
        wanted: &dyn Fn(Action, Action) -> bool,
        dead: &mut FxHashSet<(Node, Node)>,
        words: &mut [u32; Word::COUNT as usize],
    ) -> bool {
        if dead.contains(&(one, two)) {
            return false;
        }
        let level = self.level(one).min(self.level(two));
        if level == u16::MAX {
            let answers = self.answer_of(one).zip(self.answer_of(two));
            return answers.is_some_and(|(before, after)| wanted(before, after));
        }
        let (one_low, one_high) = self.branches(one, level);
        let (two_low, two_high) = self.branches(two, level);
        if self.leads((one_low, two_low), wanted, dead, words) {
            return true;
        }
        let (place, bit) = (usize::from(level / 32), 1 << (31 - level % 32));
        if let Some(word) = words.get_mut(place) {
            *word |= bit;
        }
        if self.leads((one_high, two_high), wanted, dead, words) {
            return true;
        }
        if let Some(word) = words.get_mut(place) {
            *word &= !bit;
        }
        dead.insert((one, two));
        false
    }
}

fn assemble(words: &[u32; Word::COUNT as usize]) -> CallData {
    let word = |word: Word| words.get(usize::from(word.0)).copied().unwrap_or(0);
    let argument =
        |index: u8| u64::from(word(Word::upper(index))) << 32 | u64::from(word(Word::lower(index)));
    CallData {
        nr: word(Word::NR),
        arch: word(Word::ARCH),
        instruction_pointer: u64::from(word(Word(14))) << 32 | u64::from(word(Word(15))),
        args: std::array::from_fn(|index| argument(index as u8)),
    }
}
