//! Programs that are long, and meanings that fit into none.

use super::compile;
use crate::seccomp::{
    action::Action,
    arch::Arch,
    condition::{Condition, Operator},
    diagram::Diagrams,
    filter::{
        program::{MAX_INSTRUCTIONS, ProgramError, code},
        symbolic,
    },
    meaning::exact,
    policy::{Policy, Rule},
};

/// A policy in which each call is judged by `conditions` numbers of its own.
fn policy(calls: usize, conditions: u64) -> Policy {
    let rules = Arch::X86_64
        .syscalls()
        .into_iter()
        .take(calls)
        .enumerate()
        .flat_map(|(place, (_, name))| {
            (0..conditions).map(move |number| Rule {
                names: vec![name.to_owned()],
                action: Action::Errno(100 + (place as u64 * conditions + number) as u16 % 3900),
                conditions: vec![Condition {
                    index: 3,
                    operator: Operator::Equal,
                    value: (number * 7 + place as u64) << 20,
                    value_two: 0,
                }],
            })
        })
        .collect();
    Policy {
        default: Action::Allow,
        native: Arch::X86_64,
        arches: vec![Arch::X86_64],
        rules,
    }
}

#[test]
fn jumps_over_more_than_255_instructions_arrive() {
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy(150, 4)).unwrap();
    let program = compile(&diagrams, root).unwrap();
    let length = program.instructions().len();
    assert!((1000..=MAX_INSTRUCTIONS).contains(&length), "{length}");
    let far = program
        .instructions()
        .iter()
        .filter(|one| one.code == code::JA)
        .count();
    assert!(far > 10, "{far}");
    assert_eq!(symbolic::diagram(&mut diagrams, &program), Ok(root));
}

#[test]
fn what_fits_into_no_filter_is_refused() {
    let mut diagrams = Diagrams::new();
    let root = exact::diagram(&mut diagrams, &policy(300, 8)).unwrap();
    assert!(matches!(
        compile(&diagrams, root),
        Err(ProgramError::TooLong(length)) if length > MAX_INSTRUCTIONS
    ));
}

#[test]
fn one_answer_is_one_instruction() {
    let mut diagrams = Diagrams::new();
    let root = diagrams.answer(Action::Log);
    let program = compile(&diagrams, root).unwrap();
    assert_eq!(program.instructions().len(), 1);
}
