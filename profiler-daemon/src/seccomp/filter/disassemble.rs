//! A program as text: an instruction a line, where its jumps lead, and what its numbers mean.
//!
//! What a number means is said only where every way to the instruction agrees on it.

use std::fmt::Write as _;

use crate::seccomp::{
    action::Action,
    arch::{Arch, X32_BIT},
    diagram::Word,
    filter::program::{Instruction, Program, code},
    summary::arch_of,
};

/// What is known of the accumulator and the call before an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    holds: Holds,
    /// The audit number, where it was compared for.
    arch: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Unknown,
    Word(Word),
    Part(Word),
}

impl Known {
    fn joined(self, other: Self) -> Self {
        Self {
            holds: if self.holds == other.holds {
                self.holds
            } else {
                Holds::Unknown
            },
            arch: self.arch.filter(|arch| other.arch == Some(*arch)),
        }
    }
}

/// The text of a program.
#[must_use]
pub fn disassemble(program: &Program) -> String {
    let instructions = program.instructions();
    let mut known: Vec<Option<Known>> = vec![None; instructions.len()];
    if let Some(first) = known.first_mut() {
        *first = Some(Known {
            holds: Holds::Unknown,
            arch: None,
        });
    }
    let targets = targets(instructions);
    let mut text = String::new();
    for (at, instruction) in instructions.iter().enumerate() {
        let here = known.get(at).copied().flatten();
        for (target, state) in onwards(at, *instruction, here) {
            if let Some(place) = known.get_mut(target) {
                *place = Some(place.map_or(state, |before| before.joined(state)));
            }
        }
        let arrow = if targets.get(at) == Some(&true) {
            '→'
        } else {
            ' '
        };
        let (what, meaning) = line(at, *instruction, here);
        let line = format!("{at:>4} {arrow} {what:<34} {meaning}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Which instructions are jumped to, not only come upon.
fn targets(instructions: &[Instruction]) -> Vec<bool> {
    let mut targets = vec![false; instructions.len()];
    let mut mark = |at: usize, skip: u32| {
        if skip > 0
            && let Some(place) = targets.get_mut(at + 1 + skip as usize)
        {
            *place = true;
        }
    };
    for (at, instruction) in instructions.iter().enumerate() {
        if instruction.code == code::JA {
            mark(at, instruction.k);
        } else if instruction.code & code::CLASS == code::CLASS_JMP {
            mark(at, u32::from(instruction.jt));
            mark(at, u32::from(instruction.jf));
        }
    }
    targets
}

/// Where an instruction leads, and what is known there.
fn onwards(at: usize, instruction: Instruction, here: Option<Known>) -> Vec<(usize, Known)> {
    // An instruction that nothing leads to leads nowhere.
    let Some(here) = here else {
        return Vec::new();
    };
    let Instruction { code, jt, jf, k } = instruction;
    let next = |holds| vec![(at + 1, Known { holds, ..here })];
    match code {
        code::RET_K | code::RET_A => Vec::new(),
        code::JA => vec![(at + 1 + k as usize, here)],
        code::LD_ABS => next(Word::at(k).map_or(Holds::Unknown, Holds::Word)),
        code::AND_K => next(match here.holds {
            Holds::Word(word) | Holds::Part(word) => Holds::Part(word),
            Holds::Unknown => Holds::Unknown,
        }),
        code::ST | code::STX | code::TAX | code::LDX_IMM | code::LDX_MEM | code::LDX_LEN => {
            vec![(at + 1, here)]
        }
        _ if code & code::CLASS == code::CLASS_JMP => {
            let mut yes = here;
            if code == code::JEQ_K && here.holds == Holds::Word(Word::ARCH) {
                yes.arch = Some(k);
            }
            vec![
                (at + 1 + usize::from(jt), yes),
                (at + 1 + usize::from(jf), here),
            ]
        }
        _ => next(Holds::Unknown),
    }
}

fn line(at: usize, instruction: Instruction, here: Option<Known>) -> (String, String) {
    let Instruction { code, jt, jf, k } = instruction;
    let none = String::new;
    match code {
        code::LD_ABS => (format!("ld   [{k}]"), format!("A = {}", word(k))),
        code::LD_LEN => ("ld   len".to_owned(), none()),
        code::LD_IMM => (format!("ld   #{k:#x}"), none()),
        code::LD_MEM => (format!("ld   M[{k}]"), none()),
        code::LDX_LEN => ("ldx  len".to_owned(), none()),
        code::LDX_IMM => (format!("ldx  #{k:#x}"), none()),
        code::LDX_MEM => (format!("ldx  M[{k}]"), none()),
        code::ST => (format!("st   M[{k}]"), none()),
        code::STX => (format!("stx  M[{k}]"), none()),
        code::TAX => ("tax".to_owned(), none()),
        code::TXA => ("txa".to_owned(), none()),
        code::NEG => ("neg".to_owned(), none()),
        code::RET_A => ("ret  A".to_owned(), none()),
        code::RET_K => (
            format!("ret  #{k:#010x}"),
            Action::from_return(k).to_string(),
        ),
        code::JA => (format!("ja   → {}", at + 1 + k as usize), none()),
        _ => {
            let operand = if code & code::X_OPERAND == 0 {
                format!("#{k:#x}")
            } else {
                "x".to_owned()
            };
            let name = mnemonic(code);
            if code & code::CLASS == code::CLASS_JMP {
                let (yes, no) = (at + 1 + usize::from(jt), at + 1 + usize::from(jf));
                let meaning = here.map_or_else(String::new, |here| number(code, k, here));
                (format!("{name:<4} {operand} → {yes} else {no}"), meaning)
            } else {
                (format!("{name:<4} {operand}"), none())
            }
        }
    }
}

const fn mnemonic(code: u16) -> &'static str {
    let jump = code & code::CLASS == code::CLASS_JMP;
    match (jump, code & code::OPERATION) {
        (true, code::JEQ) => "jeq",
        (true, code::JGT) => "jgt",
        (true, code::JGE) => "jge",
        (true, _) => "jset",
        (false, code::ADD) => "add",
        (false, code::SUB) => "sub",
        (false, code::MUL) => "mul",
        (false, code::DIV) => "div",
        (false, code::OR) => "or",
        (false, code::AND) => "and",
        (false, code::LSH) => "lsh",
        (false, code::RSH) => "rsh",
        (false, _) => "xor",
    }
}

/// What a word of the data is.
fn word(offset: u32) -> String {
    match Word::at(offset).map(|word| (word, word.argument())) {
        Some((Word::ARCH, _)) => "arch".to_owned(),
        Some((Word::NR, _)) => "nr".to_owned(),
        Some((_, Some((index, true)))) => format!("high32(a{index})"),
        Some((_, Some((index, false)))) => format!("low32(a{index})"),
        _ if offset == 8 => "low32(ip)".to_owned(),
        _ => "high32(ip)".to_owned(),
    }
}

/// What a number stands for that the accumulator is compared with.
fn number(code: u16, k: u32, here: Known) -> String {
    let sign = match code & code::OPERATION {
        code::JEQ => "=",
        code::JGT => ">",
        code::JGE => "≥",
        _ => "has a bit of",
    };
    match here.holds {
        Holds::Word(Word::ARCH) => {
            arch_of(k, 0).map_or_else(String::new, |arch| format!("arch {sign} {}?", arch.name()))
        }
        Holds::Word(Word::NR) if k == X32_BIT => format!("nr {sign} x32's bit?"),
        Holds::Word(Word::NR) if code != code::JSET_K => {
            let named = here.arch.and_then(|audit| arch_of(audit, k));
            match named.and_then(|arch| Some((arch, arch.syscall(k)?))) {
                Some((Arch::X32, name)) => format!("nr {sign} x32 {name}?"),
                Some((_, name)) => format!("nr {sign} {name}?"),
                None => format!("nr {sign} {}?", k.cast_signed()),
            }
        }
        Holds::Word(held) => format!("{} {sign} {k:#x}?", word(held.offset())),
        Holds::Part(held) => format!("bits of {} {sign} {k:#x}?", word(held.offset())),
        Holds::Unknown => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::disassemble;
    use crate::seccomp::{
        action::Action,
        arch::Arch,
        condition::{Condition, Operator},
        diagram::Diagrams,
        filter::compile::compile,
        meaning::exact,
        policy::{Policy, Rule},
    };

    #[test]
    fn names_and_arrows() {
        let rule = |name: &str, conditions: Vec<Condition>| Rule {
            names: vec![name.to_owned()],
            action: Action::Allow,
            conditions,
        };
        let family = Condition {
            index: 0,
            operator: Operator::NotEqual,
            value: 40,
            value_two: 0,
        };
        let policy = Policy {
            default: Action::Errno(1),
            native: Arch::X86_64,
            arches: vec![Arch::X86_64],
            rules: vec![rule("read", vec![]), rule("socket", vec![family])],
        };
        let mut diagrams = Diagrams::new();
        let root = exact::diagram(&mut diagrams, &policy).unwrap();
        let program = compile(&diagrams, root).unwrap();
        let text = disassemble(&program);
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/disassembly.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(file).unwrap());
    }
}
