//! Diagrams against the interpreter, on programs that use every instruction.

use proptest::prelude::*;

use super::diagram;
use crate::seccomp::{
    action::Action,
    diagram::Diagrams,
    filter::{
        compile::compile,
        evaluate::{CallData, run},
        program::{Instruction, Program, code},
    },
};

/// Constants at which something may change.
const EDGES: [u32; 12] = [
    0,
    1,
    2,
    3,
    31,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
    0x4000_0000,
    0xc000_003e,
];

fn constant() -> impl Strategy<Value = u32> {
    prop_oneof![proptest::sample::select(&EDGES[..]), any::<u32>(), 0u32..8]
}

/// What filters are made of.
fn common() -> impl Strategy<Value = (u16, u32)> {
    prop_oneof![
        (Just(code::LD_ABS), (0u32..16).prop_map(|word| word * 4)),
        (Just(code::AND_K), constant()),
        (
            proptest::sample::select(&[code::JEQ_K, code::JGT_K, code::JGE_K, code::JSET_K][..]),
            constant()
        ),
        (Just(code::RET_K), 0u32..9),
        (Just(code::JA), 0u32..3),
    ]
}

/// What a filter may be made of besides.
fn rare() -> impl Strategy<Value = (u16, u32)> {
    const ALU: [u16; 7] = [
        code::ADD,
        code::SUB,
        code::OR,
        code::AND,
        code::XOR,
        code::LSH,
        code::RSH,
    ];
    const JUMPS: [u16; 4] = [code::JEQ, code::JGT, code::JGE, code::JSET];
    prop_oneof![
        (
            proptest::sample::select(&[code::LD_IMM, code::LDX_IMM][..]),
            constant()
        ),
        (
            proptest::sample::select(&[code::ST, code::STX, code::LD_MEM, code::LDX_MEM][..]),
            0u32..3
        ),
        (
            proptest::sample::select(
                &[code::TAX, code::TXA, code::NEG, code::LD_LEN, code::LDX_LEN][..]
            ),
            Just(0)
        ),
        (
            proptest::sample::select(&ALU[..]).prop_map(|op| code::CLASS_ALU | op),
            (0u32..32)
        ),
        (
            proptest::sample::select(&ALU[..])
                .prop_map(|op| code::CLASS_ALU | op | code::X_OPERAND),
            Just(0)
        ),
        (
            proptest::sample::select(&JUMPS[..])
                .prop_map(|op| code::CLASS_JMP | op | code::X_OPERAND),
            Just(0)
        ),
        // Multiplied and divided by little, or it is rightly undecided.
        (
            proptest::sample::select(&[code::MUL, code::DIV][..])
                .prop_map(|op| code::CLASS_ALU | op),
            1u32..4
        ),
        (Just(code::CLASS_ALU | code::DIV | code::X_OPERAND), Just(0)),
        (Just(code::RET_A), Just(0)),
    ]
}

/// A program: whatever the kernel takes of random instructions before a return.
fn program(share_of_rare: u32) -> impl Strategy<Value = Program> {
    let instruction = prop_oneof![
        8 => common().boxed(),
        share_of_rare => rare().boxed(),
    ];
    let list = proptest::collection::vec((instruction, 0u8..4, 0u8..4), 1..24);
    list.prop_filter_map("the kernel refuses it", |list| {
        let mut instructions: Vec<Instruction> = list
            .iter()
            .map(|((code, k), jt, jf)| Instruction {
                code: *code,
                jt: *jt,
                jf: *jf,
                k: *k,
            })
            .collect();
        let length = instructions.len() as u32;
        for (at, instruction) in instructions.iter_mut().enumerate() {
            let room = length - at as u32 - 1;
            if instruction.code & code::CLASS == code::CLASS_JMP {
                instruction.jt = instruction.jt.min(room as u8);
                instruction.jf = instruction.jf.min(room as u8);
                if instruction.code == code::JA {
                    instruction.k = instruction.k.min(room);
                }
            } else {
                (instruction.jt, instruction.jf) = (0, 0);
            }
        }
        instructions.push(Instruction::plain(code::RET_K, 0x7fff_0000));
        Program::new(instructions).ok()
    })
}

fn call() -> impl Strategy<Value = CallData> {
    let word = || constant().boxed();
    proptest::collection::vec(word(), 16).prop_map(|words| {
        let pair = |at: usize| u64::from(words[at + 1]) << 32 | u64::from(words[at]);
        CallData {
            nr: words[0],
            arch: words[1],
            instruction_pointer: pair(2),
            args: std::array::from_fn(|index| pair(4 + 2 * index)),
        }
    })
}

fn agrees(program: &Program, calls: &[CallData]) -> Result<(), TestCaseError> {
    let mut diagrams = Diagrams::new();
    let Ok(root) = diagram(&mut diagrams, program) else {
        // Undecided is an honest answer; how often it may be given is asserted elsewhere.
        return Ok(());
    };
    let again = compile(&diagrams, root);
    for call in calls {
        let expected = Action::from_return(run(program, call).returned);
        prop_assert_eq!(diagrams.answer_to(root, call), expected);
        if let Ok(again) = &again {
            prop_assert_eq!(Action::from_return(run(again, call).returned), expected);
        }
    }
    // What is written from a diagram means the same: not on samples, but for every call.
    if let Ok(again) = &again {
        prop_assert_eq!(diagram(&mut diagrams, again), Ok(root));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn common_programs_are_decided_exactly(
        program in program(0), calls in proptest::collection::vec(call(), 24),
    ) {
        let mut diagrams = Diagrams::new();
        prop_assert!(diagram(&mut diagrams, &program).is_ok());
        agrees(&program, &calls)?;
    }

    #[test]
    fn programs_with_arithmetic_are_decided_exactly_or_not_at_all(
        program in program(6), calls in proptest::collection::vec(call(), 24),
    ) {
        agrees(&program, &calls)?;
    }
}

#[test]
fn sums_and_shifts_are_decided() {
    // ((a0 + 3) << 2) == 20 allows
    let instructions = [
        (code::LD_ABS, 0, 16),
        (code::CLASS_ALU | code::ADD, 0, 3),
        (code::CLASS_ALU | code::LSH, 0, 2),
        (code::JEQ_K, 1, 20),
        (code::RET_K, 0, Action::Errno(1).to_return()),
        (code::RET_K, 0, Action::Allow.to_return()),
    ]
    .map(|(code, jt, k)| Instruction { code, jt, jf: 0, k });
    let program = Program::new(instructions.to_vec()).unwrap();
    let mut diagrams = Diagrams::new();
    let root = diagram(&mut diagrams, &program).unwrap();
    for (argument, allowed) in [(2_u64, true), (3, false), (0x4000_0002, true), (0, false)] {
        let call = CallData {
            args: [argument, 0, 0, 0, 0, 0],
            ..CallData::default()
        };
        assert_eq!(diagrams.answer_to(root, &call).lets_through(), allowed);
    }
}

#[test]
fn a_product_of_two_arguments_is_undecided_soon() {
    let instructions = [
        (code::LD_ABS, 16),
        (code::TAX, 0),
        (code::LD_ABS, 24),
        (code::CLASS_ALU | code::MUL | code::X_OPERAND, 0),
        (code::RET_A, 0),
    ]
    .map(|(code, k)| Instruction::plain(code, k));
    let program = Program::new(instructions.to_vec()).unwrap();
    assert!(diagram(&mut Diagrams::new(), &program).is_err());
}
