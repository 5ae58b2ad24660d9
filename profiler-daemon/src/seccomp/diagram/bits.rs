//! A 32-bit value that depends on the call: a diagram for each of its bits.
//!
//! Arithmetic on such values is exact. What grows beyond the bound on diagrams is an error, never
//! a guess.

use rustc_hash::FxHashMap;

use super::{Diagrams, Node, TooLarge};
use crate::seccomp::filter::{evaluate, program::code};

/// A value, its lowest bit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits(pub(super) [Node; 32]);

impl Bits {
    /// A value that is the same for every call.
    #[must_use]
    pub fn constant(value: u32) -> Self {
        Self(std::array::from_fn(|bit| {
            if value >> bit & 1 == 1 {
                Node::TRUE
            } else {
                Node::FALSE
            }
        }))
    }

    /// The value, if it is the same for every call.
    #[must_use]
    pub fn as_constant(&self) -> Option<u32> {
        let mut value = 0;
        for (bit, node) in self.0.iter().enumerate() {
            match *node {
                Node::FALSE => {}
                Node::TRUE => value |= 1 << bit,
                _ => return None,
            }
        }
        Some(value)
    }
}

impl Diagrams {
    /// Where a conditional jump's condition holds.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn compare(&mut self, operation: u16, a: &Bits, b: &Bits) -> Result<Node, TooLarge> {
        if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
            return Ok(if evaluate::compare(operation, a, b) {
                Node::TRUE
            } else {
                Node::FALSE
            });
        }
        match operation {
            code::JEQ => {
                let mut node = Node::TRUE;
                for (a, b) in a.0.iter().zip(&b.0) {
                    let differs = self.xor(*a, *b)?;
                    node = self.choose(differs, Node::FALSE, node)?;
                }
                Ok(node)
            }
            code::JGT => self.above(a, b, Node::FALSE),
            code::JGE => self.above(a, b, Node::TRUE),
            _ => {
                let mut node = Node::FALSE;
                for (a, b) in a.0.iter().zip(&b.0) {
                    let both = self.and(*a, *b)?;
                    node = self.choose(both, Node::TRUE, node)?;
                }
                Ok(node)
            }
        }
    }

    /// Where `a` is greater than `b`, and `equal` where they are the same.
    fn above(&mut self, a: &Bits, b: &Bits, equal: Node) -> Result<Node, TooLarge> {
        let mut node = equal;
        for (a, b) in a.0.iter().zip(&b.0) {
            let differs = self.xor(*a, *b)?;
            node = self.choose(differs, *a, node)?;
        }
        Ok(node)
    }

    /// An arithmetic operation whose divisor, if it has one, is not 0. Shifts take the low five
    /// bits of the operand.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn calculate(&mut self, operation: u16, a: &Bits, b: &Bits) -> Result<Bits, TooLarge> {
        if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
            return Ok(Bits::constant(
                evaluate::calculate(operation, a, b).unwrap_or(0),
            ));
        }
        match operation {
            code::ADD => self.sum(a, b, Node::FALSE),
            code::SUB => self.difference(a, b),
            code::MUL => self.product(a, b),
            code::DIV => self.quotient(a, b),
            code::OR => self.bitwise(a, b, |diagrams, a, b| diagrams.choose(a, Node::TRUE, b)),
            code::AND => self.bitwise(a, b, Self::and),
            code::LSH => self.shift(a, b, true),
            code::RSH => self.shift(a, b, false),
            _ => self.bitwise(a, b, Self::xor),
        }
    }

    /// The negative of a value.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn negative(&mut self, a: &Bits) -> Result<Bits, TooLarge> {
        self.difference(&Bits::constant(0), a)
    }

    /// The diagram whose ends are the values themselves.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn value(&mut self, a: &Bits) -> Result<Node, TooLarge> {
        self.gather(a, &mut FxHashMap::default())
    }

    fn gather(&mut self, a: &Bits, known: &mut FxHashMap<Bits, Node>) -> Result<Node, TooLarge> {
        if let Some(value) = a.as_constant() {
            return Ok(self.answer(crate::seccomp::action::Action::from_return(value)));
        }
        if let Some(node) = known.get(a) {
            return Ok(*node);
        }
        if known.len() > 10_000 {
            return Err(TooLarge);
        }
        let level = a.0.iter().map(|bit| self.level(*bit)).min().unwrap_or(0);
        let (mut low, mut high) = (*a, *a);
        for (bit, node) in a.0.iter().enumerate() {
            (low.0[bit], high.0[bit]) = self.branches(*node, level);
        }
        let low = self.gather(&low, known)?;
        let high = self.gather(&high, known)?;
        let node = self.ask(level, low, high)?;
        known.insert(*a, node);
        Ok(node)
    }

    fn xor(&mut self, a: Node, b: Node) -> Result<Node, TooLarge> {
        match (a, b) {
            (_, Node::FALSE) => Ok(a),
            (_, Node::TRUE) => self.not(a),
            _ => {
                let other = self.not(b)?;
                self.choose(a, other, b)
            }
        }
    }

    fn bitwise(
        &mut self,
        a: &Bits,
        b: &Bits,
        mut operation: impl FnMut(&mut Self, Node, Node) -> Result<Node, TooLarge>,
    ) -> Result<Bits, TooLarge> {
        let mut result = *a;
        for (bit, b) in result.0.iter_mut().zip(&b.0) {
            *bit = operation(self, *bit, *b)?;
        }
        Ok(result)
    }

    fn sum(&mut self, a: &Bits, b: &Bits, carry: Node) -> Result<Bits, TooLarge> {
        let mut carry = carry;
        let mut result = *a;
        for (a, b) in result.0.iter_mut().zip(&b.0) {
            let either = self.xor(*a, *b)?;
            let next = self.choose(either, carry, *a)?;
            *a = self.xor(either, carry)?;
            carry = next;
        }
        Ok(result)
    }

    fn difference(&mut self, a: &Bits, b: &Bits) -> Result<Bits, TooLarge> {
        let mut inverse = *b;
        for bit in &mut inverse.0 {
            *bit = self.not(*bit)?;
        }
        self.sum(a, &inverse, Node::TRUE)
    }

    fn product(&mut self, a: &Bits, b: &Bits) -> Result<Bits, TooLarge> {
        let mut result = Bits::constant(0);
        let mut shifted = *a;
        for bit in &b.0 {
            let mut addend = shifted;
            for place in &mut addend.0 {
                *place = self.and(*bit, *place)?;
            }
            result = self.sum(&result, &addend, Node::FALSE)?;
            shifted = left(&shifted, 1);
        }
        Ok(result)
    }

    fn quotient(&mut self, a: &Bits, b: &Bits) -> Result<Bits, TooLarge> {
        let mut rest = Bits::constant(0);
        let mut result = Bits::constant(0);
        for bit in (0..32).rev() {
            // The bit shifted out matters when the divisor is greater than 2^31.
            let overflow = rest.0[31];
            rest = left(&rest, 1);
            rest.0[0] = a.0[bit];
            let reaches = self.above(&rest, b, Node::TRUE)?;
            let takes = self.choose(overflow, Node::TRUE, reaches)?;
            let less = self.difference(&rest, b)?;
            rest = self.choose_bits(takes, &less, &rest)?;
            result.0[bit] = takes;
        }
        Ok(result)
    }

    fn shift(&mut self, a: &Bits, b: &Bits, to_the_left: bool) -> Result<Bits, TooLarge> {
        let mut result = *a;
        for (place, bit) in b.0.iter().take(5).enumerate() {
            let by = 1 << place;
            let shifted = if to_the_left {
                left(&result, by)
            } else {
                right(&result, by)
            };
            result = self.choose_bits(*bit, &shifted, &result)?;
        }
        Ok(result)
    }

    fn choose_bits(&mut self, condition: Node, yes: &Bits, no: &Bits) -> Result<Bits, TooLarge> {
        let mut result = *yes;
        for (bit, no) in result.0.iter_mut().zip(&no.0) {
            *bit = self.choose(condition, *bit, *no)?;
        }
        Ok(result)
    }
}

fn left(a: &Bits, by: usize) -> Bits {
    Bits(std::array::from_fn(|bit| {
        bit.checked_sub(by)
            .and_then(|from| a.0.get(from).copied())
            .unwrap_or(Node::FALSE)
    }))
}

fn right(a: &Bits, by: usize) -> Bits {
    Bits(std::array::from_fn(|bit| {
        a.0.get(bit + by).copied().unwrap_or(Node::FALSE)
    }))
}
