//! Programs as they travel in JSON: an instruction is a list of its four numbers.

use super::program::{Instruction, Program, ProgramError};

/// An instruction: code, jt, jf, k.
pub type Words = (u16, u8, u8, u32);

/// Instructions of all programs together that the kernel lets one task have.
pub const MOST_TOGETHER: usize = 32_768;

impl From<Words> for Instruction {
    fn from((code, jt, jf, k): Words) -> Self {
        Self { code, jt, jf, k }
    }
}

impl From<Instruction> for Words {
    fn from(Instruction { code, jt, jf, k }: Instruction) -> Self {
        (code, jt, jf, k)
    }
}

/// The program that was sent.
///
/// # Errors
/// What the kernel would refuse, with the instruction's index.
pub fn program(words: &[Words]) -> Result<Program, ProgramError> {
    Program::new(words.iter().copied().map(Instruction::from).collect())
}

/// A program to send.
#[must_use]
pub fn words(program: &Program) -> Vec<Words> {
    let instructions = program.instructions().iter();
    instructions.copied().map(Words::from).collect()
}
