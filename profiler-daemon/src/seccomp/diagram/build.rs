//! Diagrams of comparisons and of tables by number.

use super::{Bits, Diagrams, Node, TooLarge, Word};

impl Diagrams {
    /// Where `word AND mask` equals `value`.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn masked_equal(&mut self, word: Word, mask: u32, value: u32) -> Result<Node, TooLarge> {
        if value & !mask != 0 {
            return Ok(Node::FALSE);
        }
        let mut node = Node::TRUE;
        for bit in (0..32).filter(|bit| mask >> bit & 1 == 1) {
            node = if value >> bit & 1 == 1 {
                self.ask(word.level(bit), Node::FALSE, node)?
            } else {
                self.ask(word.level(bit), node, Node::FALSE)?
            };
        }
        Ok(node)
    }

    /// Where a word, zero-extended, is greater than a value, or equal if `or_equal`.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn greater(&mut self, word: Word, value: u32, or_equal: bool) -> Result<Node, TooLarge> {
        let end = if or_equal { Node::TRUE } else { Node::FALSE };
        self.greater_or(word, value, end)
    }

    /// Where a word is greater than a value, and where it equals it what `equal` says.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn greater_or(&mut self, word: Word, value: u32, equal: Node) -> Result<Node, TooLarge> {
        let mut node = equal;
        for bit in 0..32 {
            node = if value >> bit & 1 == 1 {
                self.ask(word.level(bit), Node::FALSE, node)?
            } else {
                self.ask(word.level(bit), node, Node::TRUE)?
            };
        }
        Ok(node)
    }

    /// The other way round.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn not(&mut self, condition: Node) -> Result<Node, TooLarge> {
        self.choose(condition, Node::FALSE, Node::TRUE)
    }

    /// Where both hold.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn and(&mut self, one: Node, two: Node) -> Result<Node, TooLarge> {
        self.choose(one, two, Node::FALSE)
    }

    /// A table over a word: each range starts at its number and goes to the next one's. The first
    /// must start at 0, and they must be in order.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn ranges(&mut self, word: Word, ranges: &[(u32, Node)]) -> Result<Node, TooLarge> {
        self.range_tree(word, 32, 0, ranges)
    }

    /// `ranges` holds what applies to the `2^bits` numbers from `base` on.
    fn range_tree(
        &mut self,
        word: Word,
        bits: u8,
        base: u32,
        ranges: &[(u32, Node)],
    ) -> Result<Node, TooLarge> {
        let (Some((_, first)), true) = (ranges.first(), ranges.len() > 1 && bits > 0) else {
            return Ok(ranges.first().map_or(Node::FALSE, |(_, node)| *node));
        };
        let bit = bits - 1;
        let middle = base | 1 << bit;
        let split = ranges.partition_point(|(start, _)| *start < middle);
        let low = self.range_tree(word, bit, base, &ranges[..split])?;
        let starts_at_middle = ranges.get(split).is_some_and(|(start, _)| *start == middle);
        let upper = &ranges[split..];
        let high = if starts_at_middle {
            self.range_tree(word, bit, middle, upper)?
        } else {
            // The range that is in force at the middle began before it.
            let before = ranges[..split].last().map_or(*first, |(_, node)| *node);
            let mut list = Vec::with_capacity(upper.len() + 1);
            list.push((middle, before));
            list.extend_from_slice(upper);
            self.range_tree(word, bit, middle, &list)?
        };
        self.ask(word.level(bit), low, high)
    }

    /// The bits of a word of the data.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn word(&mut self, word: Word) -> Result<Bits, TooLarge> {
        let mut bits = Bits::constant(0);
        for bit in 0..32 {
            bits.0[usize::from(bit)] = self.ask(word.level(bit), Node::FALSE, Node::TRUE)?;
        }
        Ok(bits)
    }
}
