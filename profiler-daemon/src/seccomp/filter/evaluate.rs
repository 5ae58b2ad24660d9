//! What filters answer to one call: the kernel's interpreter, step by step.
//!
//! Concrete only. What a filter answers to every call is `symbolic`'s to find.

use crate::seccomp::{
    action::Action,
    arch::Arch,
    filter::program::{DATA_BYTES, Instruction, MEMORY_WORDS, Program, code},
};

/// `struct seccomp_data`: all that a filter sees of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallData {
    /// The call's number; x32 has bit 30 set.
    pub nr: u32,
    /// The audit number of the architecture.
    pub arch: u32,
    /// Where it was made.
    pub instruction_pointer: u64,
    /// The argument registers; in 32-bit calls the upper halves are 0.
    pub args: [u64; 6],
}

impl CallData {
    /// A call of an architecture's table.
    #[must_use]
    pub const fn new(arch: Arch, nr: u32, args: [u64; 6]) -> Self {
        Self {
            nr,
            arch: arch.audit(),
            instruction_pointer: 0,
            args,
        }
    }

    /// The 32-bit word at an offset, on a little-endian machine.
    #[must_use]
    pub fn word(&self, offset: u32) -> u32 {
        let half = |value: u64, upper: bool| {
            let bytes = value.to_le_bytes();
            let [a, b, c, d, e, f, g, h] = bytes;
            u32::from_le_bytes(if upper { [e, f, g, h] } else { [a, b, c, d] })
        };
        match offset {
            0 => self.nr,
            4 => self.arch,
            8 | 12 => half(self.instruction_pointer, offset == 12),
            _ => {
                let index = (offset.saturating_sub(16) / 8) as usize;
                let value = self.args.get(index).copied().unwrap_or(0);
                half(value, offset % 8 == 4)
            }
        }
    }
}

/// What came of running a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The raw return value.
    pub returned: u32,
    /// Instructions carried out.
    pub executed: u32,
}

/// Runs one filter on one call.
#[must_use]
pub fn run(program: &Program, call: &CallData) -> Outcome {
    let instructions = program.instructions();
    let mut machine = Machine::default();
    let mut at = 0;
    let mut executed = 0;
    // Jumps only lead forward, so this ends; a checked program ends by a return.
    while let Some(instruction) = instructions.get(at) {
        executed += 1;
        match machine.step(*instruction, call) {
            Step::Next(skip) => at += 1 + skip,
            Step::Return(returned) => return Outcome { returned, executed },
        }
    }
    Outcome {
        returned: Action::KillThread.to_return(),
        executed,
    }
}

/// What the kernel makes of a stack of filters, the newest first: the strictest answer, and of
/// equally strict ones the newest. Without a filter the call is allowed.
#[must_use]
pub fn verdict<'a>(newest_first: impl IntoIterator<Item = &'a Program>, call: &CallData) -> Action {
    newest_first
        .into_iter()
        .map(|program| Action::from_return(run(program, call).returned))
        .reduce(stricter)
        .unwrap_or(Action::Allow)
}

/// Which of two answers the kernel takes; of equally strict ones the newer filter's.
#[must_use]
pub const fn stricter(newer: Action, older: Action) -> Action {
    if older.rank() < newer.rank() {
        older
    } else {
        newer
    }
}

/// Calls that the kernel carries out whatever a filter says: it placed them itself. Source:
/// kernel/seccomp.c, `seccomp_uprobe_exception`; uretprobe since 6.14, uprobe since 6.18.
#[must_use]
pub fn passes_every_filter(arch: Arch, nr: u32) -> bool {
    arch == Arch::X86_64 && matches!(arch.syscall(nr), Some("uretprobe" | "uprobe"))
}

enum Step {
    Next(usize),
    Return(u32),
}

#[derive(Default)]
struct Machine {
    a: u32,
    x: u32,
    memory: [u32; MEMORY_WORDS],
}

impl Machine {
    fn step(&mut self, instruction: Instruction, call: &CallData) -> Step {
        let Instruction { code, jt, jf, k } = instruction;
        let word = (k as usize) % MEMORY_WORDS;
        match code {
            code::LD_ABS => self.a = call.word(k),
            code::LD_LEN => self.a = DATA_BYTES,
            code::LD_IMM => self.a = k,
            code::LD_MEM => self.a = self.memory[word],
            code::LDX_LEN => self.x = DATA_BYTES,
            code::LDX_IMM => self.x = k,
            code::LDX_MEM => self.x = self.memory[word],
            code::ST => self.memory[word] = self.a,
            code::STX => self.memory[word] = self.x,
            code::TAX => self.x = self.a,
            code::TXA => self.a = self.x,
            code::NEG => self.a = self.a.wrapping_neg(),
            code::RET_K => return Step::Return(k),
            code::RET_A => return Step::Return(self.a),
            code::JA => return Step::Next(k as usize),
            _ => {
                let operand = if code & code::X_OPERAND == 0 {
                    k
                } else {
                    self.x
                };
                let operation = code & code::OPERATION;
                if code & code::CLASS == code::CLASS_JMP {
                    let jumps = compare(operation, self.a, operand);
                    return Step::Next(usize::from(if jumps { jt } else { jf }));
                }
                match calculate(operation, self.a, operand) {
                    Some(value) => self.a = value,
                    // Division by 0: the kernel ends the program with 0.
                    None => return Step::Return(0),
                }
            }
        }
        Step::Next(0)
    }
}

/// A conditional jump's condition.
#[must_use]
pub(in crate::seccomp) const fn compare(operation: u16, a: u32, operand: u32) -> bool {
    match operation {
        code::JEQ => a == operand,
        code::JGT => a > operand,
        code::JGE => a >= operand,
        _ => a & operand != 0,
    }
}

/// An arithmetic operation; `None` for a division by 0. Shifts take the low five bits of X.
#[must_use]
pub(in crate::seccomp) const fn calculate(operation: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        code::ADD => a.wrapping_add(operand),
        code::SUB => a.wrapping_sub(operand),
        code::MUL => a.wrapping_mul(operand),
        code::DIV => return a.checked_div(operand),
        code::OR => a | operand,
        code::AND => a & operand,
        code::LSH => a.wrapping_shl(operand),
        code::RSH => a.wrapping_shr(operand),
        _ => a ^ operand,
    })
}

#[cfg(test)]
mod tests {
    use super::{Arch, CallData, Outcome, run, verdict};
    use crate::seccomp::{
        action::Action,
        filter::program::{Instruction, Program, code},
    };

    fn program(list: &[(u16, u8, u8, u32)]) -> Program {
        Program::new(
            list.iter()
                .map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k })
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn words_are_where_the_kernel_has_them() {
        let call = CallData {
            nr: 1,
            arch: 2,
            instruction_pointer: 0x4_0000_0003,
            args: [0x6_0000_0005, 7, 8, 9, 10, 0xc_0000_000b],
        };
        let words: Vec<u32> = (0..64).step_by(4).map(|at| call.word(at)).collect();
        assert_eq!(words, [1, 2, 3, 4, 5, 6, 7, 0, 8, 0, 9, 0, 10, 0, 11, 12]);
    }

    #[test]
    fn steps_are_counted_and_division_by_zero_kills() {
        let divides = program(&[
            (code::LD_ABS, 0, 0, 16),
            (code::TAX, 0, 0, 0),
            (code::LD_IMM, 0, 0, 84),
            (code::CLASS_ALU | code::DIV | code::X_OPERAND, 0, 0, 0),
            (code::RET_A, 0, 0, 0),
        ]);
        let of = |first| {
            let outcome = run(
                &divides,
                &CallData::new(Arch::X86_64, 0, [first, 0, 0, 0, 0, 0]),
            );
            (outcome.returned, outcome.executed)
        };
        assert_eq!(of(2), (42, 5));
        assert_eq!(of(0), (0, 4));
    }

    #[test]
    fn the_strictest_wins_and_of_equals_the_newest() {
        let ret = |action: Action| program(&[(code::RET_K, 0, 0, action.to_return())]);
        let call = CallData::default();
        let stack = [Action::Errno(1), Action::Allow, Action::Errno(2)].map(ret);
        assert_eq!(verdict(&stack, &call), Action::Errno(1));
        let kills = [Action::Errno(1), Action::KillThread, Action::KillProcess].map(ret);
        assert_eq!(verdict(&kills, &call), Action::KillProcess);
        assert_eq!(verdict(&[], &call), Action::Allow);
        assert_eq!(
            run(&kills[0], &call),
            Outcome {
                returned: 0x5_0001,
                executed: 1
            }
        );
    }
}
