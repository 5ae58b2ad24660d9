//! One thing that holds for an argument, as a person reads it.

use std::fmt;

use crate::seccomp::diagram::{Block, Diagrams, Node, TooLarge, Word};

/// What holds for the value of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// It is in one of these ranges, each by its first and last value, in order.
    Within {
        /// Whose value.
        block: Block,
        /// The ranges.
        ranges: Vec<(u64, u64)>,
    },
    /// Some of its bits are such, or are not.
    Masked {
        /// Whose value.
        block: Block,
        /// Which bits.
        mask: u64,
        /// What they are.
        value: u64,
        /// True if they are, false if they are not.
        equal: bool,
    },
}

impl Clause {
    /// Where it holds.
    ///
    /// # Errors
    /// The diagram grows beyond its bound.
    pub fn diagram(&self, diagrams: &mut Diagrams) -> Result<Node, TooLarge> {
        match self {
            Self::Masked {
                block,
                mask,
                value,
                equal,
            } => {
                let holds = masked(diagrams, *block, *mask, *value)?;
                if *equal {
                    Ok(holds)
                } else {
                    diagrams.not(holds)
                }
            }
            Self::Within { block, ranges } => {
                let mut holds = Node::FALSE;
                for (first, last) in ranges {
                    let from = at_least(diagrams, *block, *first)?;
                    let within = match last.checked_add(1) {
                        Some(next) if next >> 1 >> (block.bits() - 1) == 0 => {
                            let beyond = at_least(diagrams, *block, next)?;
                            diagrams.choose(beyond, Node::FALSE, from)?
                        }
                        _ => from,
                    };
                    holds = diagrams.choose(within, Node::TRUE, holds)?;
                }
                Ok(holds)
            }
        }
    }

    /// The argument that it speaks of; `None` for the instruction pointer.
    #[must_use]
    pub fn argument(&self) -> Option<u8> {
        let (Self::Within { block, .. } | Self::Masked { block, .. }) = self;
        block.first().argument().map(|(index, _)| index)
    }
}

/// The upper word of a block of two, and its lower word.
fn words(block: Block) -> (Option<Word>, Word) {
    match block.first().argument() {
        Some((index, true)) if block.bits() == 64 => (Some(block.first()), Word::lower(index)),
        _ => (None, block.first()),
    }
}

fn masked(diagrams: &mut Diagrams, block: Block, mask: u64, value: u64) -> Result<Node, TooLarge> {
    let (upper, lower) = words(block);
    let mut node = diagrams.masked_equal(lower, mask as u32, value as u32)?;
    if let Some(upper) = upper {
        let above = diagrams.masked_equal(upper, (mask >> 32) as u32, (value >> 32) as u32)?;
        node = diagrams.and(above, node)?;
    }
    Ok(node)
}

fn at_least(diagrams: &mut Diagrams, block: Block, value: u64) -> Result<Node, TooLarge> {
    let (upper, lower) = words(block);
    let node = diagrams.greater(lower, value as u32, true)?;
    match upper {
        Some(upper) => diagrams.greater_or(upper, (value >> 32) as u32, node),
        None => Ok(node),
    }
}

/// `a0`, `low32(a0)`, `ip` …
fn subject(block: Block) -> String {
    match block.first().argument() {
        Some((index, _)) if block.bits() == 64 => format!("a{index}"),
        Some((index, false)) => format!("low32(a{index})"),
        Some((index, true)) => format!("high32(a{index})"),
        None if block.first() == Word::ARCH => "arch".to_owned(),
        None if block.first() == Word::NR => "nr".to_owned(),
        None if block.first().offset() == 8 => "low32(ip)".to_owned(),
        None => "high32(ip)".to_owned(),
    }
}

/// Small numbers as people count, others as bits.
#[must_use]
pub fn number(value: u64) -> String {
    if value < 4096 {
        value.to_string()
    } else {
        format!("{value:#x}")
    }
}

impl fmt::Display for Clause {
    /// `a0 == 40`, `low32(a0) <= 39 or >= 41`, `a2 & 0xf == 0x1`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked {
                block,
                mask,
                value,
                equal,
            } => {
                let operator = if *equal { "==" } else { "!=" };
                // Bits of a half are bits of the whole, whatever the other half holds.
                let (subject, shift) = match block.first().argument() {
                    Some((index, upper)) if block.bits() == 32 => {
                        (format!("a{index}"), if upper { 32 } else { 0 })
                    }
                    _ => (subject(*block), 0),
                };
                let (mask, value) = (mask << shift, value << shift);
                write!(out, "{subject} & {mask:#x} {operator} {value:#x}")
            }
            Self::Within { block, ranges } => {
                let greatest = u64::MAX >> (64 - block.bits());
                let subject = subject(*block);
                if let [(0, before), (after, last)] = ranges.as_slice()
                    && *last == greatest
                    && before.checked_add(2) == Some(*after)
                {
                    return write!(out, "{subject} != {}", number(before + 1));
                }
                write!(out, "{subject} ")?;
                for (place, (first, last)) in ranges.iter().enumerate() {
                    if place > 0 {
                        out.write_str(" or ")?;
                    }
                    match (*first, *last) {
                        (0, last) if last == greatest => out.write_str("is anything")?,
                        (first, last) if first == last => write!(out, "== {}", number(first))?,
                        (0, last) => write!(out, "<= {}", number(last))?,
                        (first, last) if last == greatest => {
                            write!(out, ">= {}", number(first))?;
                        }
                        (first, last) => write!(out, "in {}..={}", number(first), number(last))?,
                    }
                }
                Ok(())
            }
        }
    }
}
