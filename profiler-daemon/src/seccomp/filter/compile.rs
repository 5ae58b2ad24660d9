//! A meaning as a program for the kernel: a diagram's decisions as classic BPF.
//!
//! Each word that decides is loaded once where it is asked for, and its ranges are searched by
//! halves, so that a call whose arguments decide nothing is answered without their being loaded:
//! the kernel then answers it from its bitmap. What leads on alike is written once. The program is
//! written from its end, for jumps only lead forward.

use rustc_hash::FxHashMap;

use crate::seccomp::{
    diagram::{Block, Diagrams, Node, Split, Word},
    filter::program::{Instruction, Program, ProgramError, code},
};

/// Ranges of an argument's word that are searched by halves; more are taken apart by bits.
const MOST_RANGES: usize = 64;

/// Ranges of numbers: as many as fit into a program.
const MOST_NUMBER_RANGES: usize = crate::seccomp::filter::program::MAX_INSTRUCTIONS;

/// The farthest that a conditional jump can skip.
const FARTHEST: usize = u8::MAX as usize;

/// Writes a diagram of answers as a program.
///
/// # Errors
/// It needs more instructions than the kernel takes.
pub fn compile(diagrams: &Diagrams, root: Node) -> Result<Program, ProgramError> {
    let mut writer = Writer {
        diagrams,
        backwards: Vec::new(),
        placed: FxHashMap::default(),
    };
    let start = writer.node(root)?;
    // The root's code was written last, unless it is an end that others share.
    writer.jump_at_start(start)?;
    writer.backwards.reverse();
    Program::new(writer.backwards)
}

/// Where code begins, counted from the program's end: 1 is its last instruction.
type Label = usize;

struct Writer<'a> {
    diagrams: &'a Diagrams,
    backwards: Vec<Instruction>,
    placed: FxHashMap<Node, Label>,
}

/// Where a decision leads: to a node's code, or to code that is no node's.
#[derive(Clone, Copy)]
enum Target {
    Node(Node),
    Code(Label),
}

impl Writer<'_> {
    /// Writes a node's code and all that it leads to.
    fn node(&mut self, node: Node) -> Result<Label, ProgramError> {
        if let Some(label) = self.placed.get(&node) {
            return Ok(*label);
        }
        let label = match self.diagrams.asks_for(node) {
            None => self.end(node)?,
            Some(word) => self.decision(node, word)?,
        };
        self.placed.insert(node, label);
        Ok(label)
    }

    fn end(&mut self, node: Node) -> Result<Label, ProgramError> {
        let answer = self
            .diagrams
            .answer_of(node)
            .unwrap_or(crate::seccomp::action::Action::KillThread);
        self.push(Instruction::plain(code::RET_K, answer.to_return()))
    }

    fn decision(&mut self, node: Node, word: Word) -> Result<Label, ProgramError> {
        let most = if word == Word::NR {
            MOST_NUMBER_RANGES
        } else {
            MOST_RANGES
        };
        match self.diagrams.split(node, Block::word(word), most) {
            Split::Ranges(ranges) => {
                let ranges: Vec<(u32, Node)> = ranges
                    .into_iter()
                    .map(|(start, node)| (start as u32, node))
                    .collect();
                for (_, target) in &ranges {
                    self.node(*target)?;
                }
                if word == Word::ARCH
                    && let Some((singles, rest)) = singles(&ranges)
                {
                    self.chain(&singles, rest)?;
                } else {
                    self.search(&ranges)?;
                }
            }
            Split::Masked {
                mask,
                value,
                yes,
                no,
            } => {
                self.node(no)?;
                self.node(yes)?;
                self.masked(mask as u32, value as u32, yes, no)?;
            }
        }
        self.push(Instruction::plain(code::LD_ABS, word.offset()))
    }

    /// Tests some bits of A.
    fn masked(&mut self, mask: u32, value: u32, yes: Node, no: Node) -> Result<(), ProgramError> {
        let (yes, no) = (Target::Node(yes), Target::Node(no));
        if value == 0 {
            self.branch(code::JSET_K, mask, no, yes)?;
        } else if mask.is_power_of_two() {
            self.branch(code::JSET_K, mask, yes, no)?;
        } else {
            self.branch(code::JEQ_K, value, yes, no)?;
            if mask != u32::MAX {
                self.push(Instruction::plain(code::AND_K, mask))?;
            }
        }
        Ok(())
    }

    /// Searches A in ranges by halves.
    fn search(&mut self, ranges: &[(u32, Node)]) -> Result<Target, ProgramError> {
        let label = match ranges {
            [] => return Ok(Target::Node(Node::FALSE)),
            [(_, only)] => return Ok(Target::Node(*only)),
            [(_, below), (single, at), (above_from, above)]
                if below == above && single.checked_add(1) == Some(*above_from) =>
            {
                self.branch(
                    code::JEQ_K,
                    *single,
                    Target::Node(*at),
                    Target::Node(*below),
                )?
            }
            _ => {
                let (lower, upper) = ranges.split_at(ranges.len() / 2);
                let above = self.search(upper)?;
                let below = self.search(lower)?;
                let start = upper.first().map_or(0, |(start, _)| *start);
                self.branch(code::JGE_K, start, above, below)?
            }
        };
        Ok(Target::Code(label))
    }

    /// Compares A with single values, the last of them first.
    fn chain(&mut self, singles: &[(u32, Node)], rest: Node) -> Result<(), ProgramError> {
        let mut otherwise = Target::Node(rest);
        for (value, node) in singles {
            let label = self.branch(code::JEQ_K, *value, Target::Node(*node), otherwise)?;
            otherwise = Target::Code(label);
        }
        Ok(())
    }

    /// A conditional jump; whatever is too far is brought near first.
    fn branch(
        &mut self,
        code: u16,
        k: u32,
        yes: Target,
        no: Target,
    ) -> Result<Label, ProgramError> {
        // The second may move the first out of reach by the instruction that brings it near.
        let yes = self.near(yes, 1)?;
        let no = self.near(no, 0)?;
        let (jt, jf) = (self.skip(yes), self.skip(no));
        self.push(Instruction {
            code,
            jt: u8::try_from(jt).unwrap_or(u8::MAX),
            jf: u8::try_from(jf).unwrap_or(u8::MAX),
            k,
        })
    }

    /// A target that a conditional jump written after `more` instructions can reach.
    fn near(&mut self, target: Target, more: usize) -> Result<Target, ProgramError> {
        let skip = self.skip(target);
        if skip + more <= FARTHEST {
            return Ok(target);
        }
        let jump = Instruction::plain(code::JA, u32::try_from(skip).unwrap_or(u32::MAX));
        match target {
            Target::Code(_) => Ok(Target::Code(self.push(jump)?)),
            Target::Node(node) => {
                // Whoever comes later is nearer to this than to the first.
                let label = if self.diagrams.asks_for(node).is_none() {
                    self.end(node)?
                } else {
                    self.push(jump)?
                };
                self.placed.insert(node, label);
                Ok(target)
            }
        }
    }

    /// How many instructions lie between the one written next and a target.
    fn skip(&self, target: Target) -> usize {
        let label = match target {
            Target::Code(label) => label,
            Target::Node(node) => self.placed.get(&node).copied().unwrap_or(0),
        };
        self.backwards.len().saturating_sub(label)
    }

    fn jump_at_start(&mut self, start: Label) -> Result<(), ProgramError> {
        let skip = self.backwards.len().saturating_sub(start);
        if skip > 0 {
            let k = u32::try_from(skip).unwrap_or(u32::MAX);
            self.push(Instruction::plain(code::JA, k))?;
        }
        Ok(())
    }

    fn push(&mut self, instruction: Instruction) -> Result<Label, ProgramError> {
        // Bounds the work on a meaning that has no program; the exact limit is checked at the end.
        if self.backwards.len() > 1 << 20 {
            return Err(ProgramError::TooLong(self.backwards.len()));
        }
        self.backwards.push(instruction);
        Ok(self.backwards.len())
    }
}

/// The single values of ranges that otherwise lead to one node; `None` if they are not such.
fn singles(ranges: &[(u32, Node)]) -> Option<(Vec<(u32, Node)>, Node)> {
    let (_, rest) = *ranges.first()?;
    let mut list = Vec::new();
    for (place, (start, node)) in ranges.iter().enumerate() {
        if *node == rest {
            continue;
        }
        let next = ranges.get(place + 1)?;
        if start.checked_add(1) != Some(next.0) {
            return None;
        }
        list.push((*start, *node));
    }
    Some((list, rest))
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
