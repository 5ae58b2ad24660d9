//! A filter as the kernel takes it: classic BPF instructions, and which programs it refuses.
//!
//! Must not run anything; that is `evaluate` and `symbolic`.

/// The most instructions a filter may have. Source: include/uapi/linux/bpf_common.h, `BPF_MAXINSNS`.
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Size of `struct seccomp_data`, in bytes: what a filter can read.
pub const DATA_BYTES: u32 = 64;

/// Words of scratch memory.
pub const MEMORY_WORDS: usize = 16;

/// The instruction codes that a seccomp filter may use. Source: kernel/seccomp.c,
/// `seccomp_check_filter`.
pub mod code {
    /// A ← 32-bit word at offset k.
    pub const LD_ABS: u16 = 0x20;
    /// A ← size of the data.
    pub const LD_LEN: u16 = 0x80;
    /// A ← k.
    pub const LD_IMM: u16 = 0x00;
    /// A ← M[k].
    pub const LD_MEM: u16 = 0x60;
    /// X ← size of the data.
    pub const LDX_LEN: u16 = 0x81;
    /// X ← k.
    pub const LDX_IMM: u16 = 0x01;
    /// X ← M[k].
    pub const LDX_MEM: u16 = 0x61;
    /// M[k] ← A.
    pub const ST: u16 = 0x02;
    /// M[k] ← X.
    pub const STX: u16 = 0x03;
    /// X ← A.
    pub const TAX: u16 = 0x07;
    /// A ← X.
    pub const TXA: u16 = 0x87;
    /// A ← −A.
    pub const NEG: u16 = 0x84;
    /// Return k.
    pub const RET_K: u16 = 0x06;
    /// Return A.
    pub const RET_A: u16 = 0x16;
    /// Jump by k.
    pub const JA: u16 = 0x05;
    /// Jump if A = k.
    pub const JEQ_K: u16 = 0x15;
    /// Jump if A > k.
    pub const JGT_K: u16 = 0x25;
    /// Jump if A ≥ k.
    pub const JGE_K: u16 = 0x35;
    /// Jump if A AND k is not 0.
    pub const JSET_K: u16 = 0x45;
    /// A ← A AND k.
    pub const AND_K: u16 = 0x54;
    /// In an arithmetic or jump code: the operand is X, not k.
    pub const X_OPERAND: u16 = 0x08;
    /// Arithmetic: the operation is in the upper four bits of the low byte.
    pub const CLASS_ALU: u16 = 0x04;
    /// Jumps.
    pub const CLASS_JMP: u16 = 0x05;
    /// The bits of a code that name its class.
    pub const CLASS: u16 = 0x07;
    /// The bits of a code that name its operation.
    pub const OPERATION: u16 = 0xf0;
    /// Operations of [`CLASS_ALU`].
    pub const ADD: u16 = 0x00;
    /// A − operand.
    pub const SUB: u16 = 0x10;
    /// A × operand.
    pub const MUL: u16 = 0x20;
    /// A ÷ operand.
    pub const DIV: u16 = 0x30;
    /// A OR operand.
    pub const OR: u16 = 0x40;
    /// A AND operand.
    pub const AND: u16 = 0x50;
    /// A shifted left.
    pub const LSH: u16 = 0x60;
    /// A shifted right.
    pub const RSH: u16 = 0x70;
    /// A XOR operand.
    pub const XOR: u16 = 0xa0;
    /// Operations of [`CLASS_JMP`].
    pub const JEQ: u16 = 0x10;
    /// A > operand.
    pub const JGT: u16 = 0x20;
    /// A ≥ operand.
    pub const JGE: u16 = 0x30;
    /// A AND operand.
    pub const JSET: u16 = 0x40;
}

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// Instructions to skip if a condition holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// Its constant.
    pub k: u32,
}

impl Instruction {
    /// Bytes of one instruction.
    pub const BYTES: usize = 8;

    /// An instruction that jumps nowhere.
    #[must_use]
    pub const fn plain(code: u16, k: u32) -> Self {
        Self {
            code,
            jt: 0,
            jf: 0,
            k,
        }
    }

    /// A program's instructions from its words, in this machine's byte order.
    #[must_use]
    pub fn list(words: Vec<u64>) -> Vec<Self> {
        words
            .into_iter()
            .map(|word| Self::from_bytes(word.to_ne_bytes()))
            .collect()
    }

    /// As the kernel takes it, in this machine's byte order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..2].copy_from_slice(&self.code.to_ne_bytes());
        bytes[2] = self.jt;
        bytes[3] = self.jf;
        bytes[4..].copy_from_slice(&self.k.to_ne_bytes());
        bytes
    }

    /// Reads what [`Instruction::to_bytes`] wrote.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = bytes;
        Self {
            code: u16::from_ne_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_ne_bytes([k0, k1, k2, k3]),
        }
    }
}

/// Why the kernel refuses a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Not a whole number of instructions.
    #[error("{0} bytes are no whole number of instructions of 8 bytes")]
    Torn(usize),
    /// No instruction at all.
    #[error("a filter needs at least one instruction")]
    Empty,
    /// More than [`MAX_INSTRUCTIONS`].
    #[error("{0} instructions; the kernel takes at most {MAX_INSTRUCTIONS}")]
    TooLong(usize),
    /// An instruction that no seccomp filter may use.
    #[error("instruction {at}: the kernel takes no code {code:#x} in a seccomp filter")]
    Code {
        /// Its index.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A constant that its code does not take.
    #[error("instruction {at}: {what}")]
    Constant {
        /// Its index.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A jump beyond the end.
    #[error("instruction {0}: jumps beyond the end of the filter")]
    Jump(usize),
    /// The last instruction is no return.
    #[error("the last instruction must return")]
    NoReturn,
    /// Scratch memory is read on a path on which nothing was stored there.
    #[error("instruction {at}: reads M[{word}], which may not have been written")]
    Unwritten {
        /// Its index.
        at: usize,
        /// The word.
        word: u32,
    },
}

/// A program that the kernel would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    /// Checks a program as the kernel does when it is installed.
    ///
    /// # Errors
    /// What the kernel would refuse, with the instruction's index.
    pub fn new(instructions: Vec<Instruction>) -> Result<Self, ProgramError> {
        check(&instructions)?;
        Ok(Self { instructions })
    }

    /// Reads instructions as the kernel takes them, in this machine's byte order.
    ///
    /// # Errors
    /// As [`Program::new`], or the bytes end within an instruction.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        let chunks = bytes.as_chunks::<{ Instruction::BYTES }>();
        if !chunks.1.is_empty() {
            return Err(ProgramError::Torn(bytes.len()));
        }
        // Longer programs are refused below; there is no need to hold them first.
        if chunks.0.len() > MAX_INSTRUCTIONS {
            return Err(ProgramError::TooLong(chunks.0.len()));
        }
        Self::new(
            chunks
                .0
                .iter()
                .copied()
                .map(Instruction::from_bytes)
                .collect(),
        )
    }

    /// The instructions as the kernel takes them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.instructions
            .iter()
            .flat_map(|instruction| instruction.to_bytes())
            .collect()
    }

    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

fn check(program: &[Instruction]) -> Result<(), ProgramError> {
    if program.is_empty() {
        return Err(ProgramError::Empty);
    }
    if program.len() > MAX_INSTRUCTIONS {
        return Err(ProgramError::TooLong(program.len()));
    }
    for (at, instruction) in program.iter().enumerate() {
        check_one(at, *instruction, program.len())?;
    }
    let last = program[program.len() - 1].code;
    if last != code::RET_K && last != code::RET_A {
        return Err(ProgramError::NoReturn);
    }
    check_memory(program)
}

fn check_one(at: usize, instruction: Instruction, length: usize) -> Result<(), ProgramError> {
    let Instruction { code, jt, jf, k } = instruction;
    let constant = |what| Err(ProgramError::Constant { at, what });
    let lands = |skip: u64| (at as u64) + 1 + skip < length as u64;
    match code {
        code::LD_ABS if k >= DATA_BYTES || !k.is_multiple_of(4) => {
            constant("loads from beyond struct seccomp_data, or not a whole word of it")
        }
        code::LD_MEM | code::LDX_MEM | code::ST | code::STX if k as usize >= MEMORY_WORDS => {
            constant("there are 16 words of scratch memory")
        }
        code::JA if !lands(u64::from(k)) => Err(ProgramError::Jump(at)),
        code::LD_ABS
        | code::LD_LEN
        | code::LD_IMM
        | code::LD_MEM
        | code::LDX_LEN
        | code::LDX_IMM
        | code::LDX_MEM
        | code::ST
        | code::STX
        | code::TAX
        | code::TXA
        | code::NEG
        | code::RET_K
        | code::RET_A
        | code::JA => Ok(()),
        _ => match (code & code::CLASS, code & code::OPERATION) {
            _ if code & !(code::CLASS | code::OPERATION | code::X_OPERAND) != 0 => {
                Err(ProgramError::Code { at, code })
            }
            (code::CLASS_JMP, code::JEQ | code::JGT | code::JGE | code::JSET) => {
                if lands(u64::from(jt)) && lands(u64::from(jf)) {
                    Ok(())
                } else {
                    Err(ProgramError::Jump(at))
                }
            }
            (code::CLASS_ALU, code::DIV) if code & code::X_OPERAND == 0 && k == 0 => {
                constant("divides by 0")
            }
            (code::CLASS_ALU, code::LSH | code::RSH) if code & code::X_OPERAND == 0 && k >= 32 => {
                constant("shifts by 32 bits or more")
            }
            (
                code::CLASS_ALU,
                code::ADD
                | code::SUB
                | code::MUL
                | code::DIV
                | code::OR
                | code::AND
                | code::LSH
                | code::RSH
                | code::XOR,
            ) => Ok(()),
            _ => Err(ProgramError::Code { at, code }),
        },
    }
}

/// Scratch memory must be written on every path before it is read. Source: net/core/filter.c,
/// `check_load_and_stores`.
fn check_memory(program: &[Instruction]) -> Result<(), ProgramError> {
    // For each instruction the words that are written on every path to it.
    let mut written = vec![u16::MAX; program.len()];
    let mut here: u16 = 0;
    for (at, instruction) in program.iter().enumerate() {
        here &= written[at];
        let mut join = |skip: u64, here: u16| {
            let target = usize::try_from(skip)
                .ok()
                .and_then(|skip| at.checked_add(1 + skip));
            if let Some(state) = target.and_then(|target| written.get_mut(target)) {
                *state &= here;
            }
        };
        match instruction.code {
            code::ST | code::STX => here |= 1 << instruction.k,
            code::LD_MEM | code::LDX_MEM if here & (1 << instruction.k) == 0 => {
                return Err(ProgramError::Unwritten {
                    at,
                    word: instruction.k,
                });
            }
            code::JA => {
                join(u64::from(instruction.k), here);
                here = u16::MAX;
            }
            code::RET_K | code::RET_A => here = u16::MAX,
            other if other & code::CLASS == code::CLASS_JMP => {
                join(u64::from(instruction.jt), here);
                join(u64::from(instruction.jf), here);
                here = u16::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Instruction, Program, ProgramError, code};

    fn program(list: &[(u16, u8, u8, u32)]) -> Result<Program, ProgramError> {
        Program::new(
            list.iter()
                .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k })
                .collect(),
        )
    }

    #[test]
    fn bytes_lead_back() {
        let one = program(&[(code::LD_ABS, 0, 0, 4), (code::RET_K, 0, 0, 0x7fff_0000)]).unwrap();
        assert_eq!(Program::from_bytes(&one.to_bytes()), Ok(one));
        assert_eq!(Program::from_bytes(&[0; 9]), Err(ProgramError::Torn(9)));
        assert_eq!(Program::from_bytes(&[]), Err(ProgramError::Empty));
    }

    #[test]
    fn what_the_kernel_refuses_is_refused() {
        let ret = (code::RET_K, 0, 0, 0);
        for (bad, ret) in [
            ((code::LD_ABS, 0, 0, 64), ret),
            ((code::LD_ABS, 0, 0, 2), ret),
            ((0x28, 0, 0, 0), ret),  // LD half-word
            ((0x94, 0, 0, 2), ret),  // MOD
            ((0x34, 0, 0, 0), ret),  // divide by 0
            ((0x64, 0, 0, 32), ret), // shift by 32
            ((code::ST, 0, 0, 16), ret),
            ((code::LD_MEM, 0, 0, 3), ret),
            ((code::JA, 0, 0, 1), ret),
            ((code::JEQ_K, 1, 0, 1), ret),
            ((code::LD_IMM, 0, 0, 1), (code::LD_IMM, 0, 0, 0)),
            ((0x1015, 0, 0, 0), ret),
        ] {
            assert!(program(&[bad, ret]).is_err(), "{bad:?}");
        }
        assert!(program(&[ret]).is_ok());
    }

    #[test]
    fn memory_must_be_written_on_every_path() {
        let tail = [(code::LD_MEM, 0, 0, 3), (code::RET_A, 0, 0, 0)];
        let both = [(code::JEQ_K, 0, 0, 1), (code::ST, 0, 0, 3)];
        assert!(program(&[&both[..], &tail].concat()).is_ok());
        let one = [(code::JEQ_K, 1, 0, 1), (code::ST, 0, 0, 3)];
        assert_eq!(
            program(&[&one[..], &tail].concat()),
            Err(ProgramError::Unwritten { at: 2, word: 3 })
        );
    }
}
