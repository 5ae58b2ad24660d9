//! A filter held against itself: interpreter, diagram, summary, compiler.

use crate::seccomp::{
    action::Action,
    arch::Arch,
    diagram::{Diagrams, Node},
    filter::{
        compile::compile,
        evaluate::{CallData, run},
        program::{Instruction, Program, code},
        symbolic,
    },
    summary,
};

/// Calls that are tried on a filter.
const CALLS: u32 = 48;

/// Ranges of numbers whose arguments are described.
const RANGES: usize = 64;

/// Longest filter that is made of bytes.
const LONGEST: usize = 64;

/// Every instruction that a filter may hold.
const CODES: [u16; 26] = [
    code::LD_ABS,
    code::LD_ABS,
    code::LD_ABS,
    code::JEQ_K,
    code::JEQ_K,
    code::JGT_K,
    code::JGE_K,
    code::JSET_K,
    code::AND_K,
    code::RET_K,
    code::RET_A,
    code::JA,
    code::LD_IMM,
    code::LD_MEM,
    code::LD_LEN,
    code::LDX_IMM,
    code::LDX_MEM,
    code::ST,
    code::STX,
    code::TAX,
    code::TXA,
    code::NEG,
    code::CLASS_ALU | code::RSH,
    code::CLASS_ALU | code::ADD | code::X_OPERAND,
    code::CLASS_ALU | code::XOR,
    code::CLASS_JMP | code::JGT | code::X_OPERAND,
];

/// A filter that the kernel takes, whatever the bytes: codes are chosen by number, jumps kept
/// within, and a return put at the end.
#[must_use]
pub fn mended(bytes: &[u8]) -> Option<Program> {
    let (chunks, _) = bytes.as_chunks::<{ Instruction::BYTES }>();
    let count = chunks.len().min(LONGEST);
    let mut list: Vec<Instruction> = chunks
        .iter()
        .take(count)
        .enumerate()
        .map(|(at, bytes)| {
            let raw = Instruction::from_bytes(*bytes);
            let left = count - at;
            let code = if CODES.contains(&raw.code) {
                raw.code
            } else {
                CODES[usize::from(raw.code) % CODES.len()]
            };
            let k = match code {
                code::LD_ABS => raw.k % 16 * 4,
                code::LD_MEM | code::LDX_MEM | code::ST | code::STX => raw.k % 16,
                code::JA => raw.k % left as u32,
                other if other == code::CLASS_ALU | code::RSH => raw.k % 32,
                _ => raw.k,
            };
            Instruction {
                code,
                jt: (usize::from(raw.jt) % left) as u8,
                jf: (usize::from(raw.jf) % left) as u8,
                k,
            }
        })
        .collect();
    list.push(Instruction::plain(code::RET_A, 0));
    Program::new(list).ok()
}

/// Calls at the edges of a filter's own constants.
pub fn calls(program: &Program, seed: u64) -> impl Iterator<Item = CallData> {
    let mut edges: Vec<u32> = vec![0, 1, 2, u32::MAX, 1 << 31];
    for arch in Arch::ALL {
        edges.push(arch.audit());
    }
    for instruction in program.instructions() {
        edges.extend([
            instruction.k,
            instruction.k.wrapping_sub(1),
            instruction.k.wrapping_add(1),
        ]);
    }
    let mut state = seed;
    (0..CALLS).map(move |_| {
        let mut word = || {
            // An xorshift: which calls are tried has to follow from the input alone.
            state ^= state << 13 | 1;
            state ^= state >> 7;
            state ^= state << 17;
            edges[(state >> 8) as usize % edges.len()]
        };
        let mut wide = || u64::from(word()) << 32 | u64::from(word());
        let args = [wide(), wide(), wide(), wide(), wide(), wide()];
        let instruction_pointer = wide();
        CallData {
            nr: word(),
            arch: word(),
            instruction_pointer,
            args,
        }
    })
}

/// A number that follows from an input.
#[must_use]
pub fn seed(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The diagram says of a call what the interpreter does with it.
pub fn check_answer(diagrams: &Diagrams, root: Node, program: &Program, call: &CallData) {
    let outcome = run(program, call);
    assert!(outcome.executed as usize <= program.instructions().len());
    assert_eq!(
        diagrams.answer_to(root, call),
        Action::from_return(outcome.returned),
        "{call:x?}"
    );
}

/// Holds a filter's diagram against the interpreter, and what is made of the diagram against it.
pub fn check(program: &Program, seed: u64) {
    let mut diagrams = Diagrams::new();
    let Ok(root) = symbolic::diagram(&mut diagrams, program) else {
        for call in calls(program, seed) {
            let _ = run(program, &call);
        }
        return;
    };
    for call in calls(program, seed) {
        check_answer(&diagrams, root, program, &call);
    }
    if let Ok(compiled) = compile(&diagrams, root) {
        if let Ok(again) = symbolic::diagram(&mut diagrams, &compiled) {
            assert_eq!(again, root);
        }
        for call in calls(program, !seed) {
            check_answer(&diagrams, root, &compiled, &call);
        }
    }
    check_summary(&mut diagrams, root);
}

fn check_summary(diagrams: &mut Diagrams, root: Node) {
    let Ok(sections) = summary::sections(diagrams, root) else {
        return;
    };
    let mut described = 0;
    let mut next = Some(0u32);
    for section in &sections {
        assert_eq!(Some(section.first_audit), next, "a gap between sections");
        next = section.last_audit.checked_add(1);
        assert_eq!(section.ranges.first().map(|range| range.first), Some(0));
        assert_eq!(
            section.ranges.last().map(|range| range.last),
            Some(u32::MAX)
        );
        for range in &section.ranges {
            described += 1;
            if described > RANGES {
                return;
            }
            let Ok(summary::Standing::Conditional(cases)) = summary::standing(diagrams, range.node)
            else {
                continue;
            };
            for case in cases {
                let call = CallData {
                    nr: range.first,
                    arch: section.first_audit,
                    instruction_pointer: 0,
                    args: case.witness,
                };
                // A filter that looks at where the call was made has a witness of that, too.
                if case.when.iter().all(|clause| clause.argument().is_some()) {
                    assert_eq!(diagrams.answer_to(root, &call), case.action, "{case:?}");
                }
            }
        }
    }
    assert_eq!(next, None, "the last section ends early");
}
