//! The union of two policies by meaning: of two answers to a call, the one that refuses less.

use rustc_hash::FxHashMap;

use super::{Diagrams, Node, TooLarge};
use crate::seccomp::filter::evaluate::stricter;

impl Diagrams {
    /// To each call the looser of the two answers, by the kernel's ranking.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn loosest(&mut self, one: Node, other: Node) -> Result<Node, TooLarge> {
        self.looser(one, other, &mut FxHashMap::default())
    }

    fn looser(
        &mut self,
        one: Node,
        other: Node,
        known: &mut FxHashMap<(Node, Node), Node>,
    ) -> Result<Node, TooLarge> {
        if one == other {
            return Ok(one);
        }
        if let (Some(first), Some(second)) = (self.answer_of(one), self.answer_of(other)) {
            return Ok(if stricter(first, second) == first {
                other
            } else {
                one
            });
        }
        if let Some(node) = known.get(&(one, other)) {
            return Ok(*node);
        }
        // Depth is bounded by the 512 bits.
        let level = self.level(one).min(self.level(other));
        let (one_low, one_high) = self.branches(one, level);
        let (other_low, other_high) = self.branches(other, level);
        let low = self.looser(one_low, other_low, known)?;
        let high = self.looser(one_high, other_high, known)?;
        let node = self.ask(level, low, high)?;
        known.insert((one, other), node);
        Ok(node)
    }
}
