//! The judges of filters judged: the real kernel and the interpreter give the same answers to random programs.

#![cfg(target_arch = "x86_64")]

mod kernel_oracle;
mod oracle;

use std::time::Instant;

use kernel_oracle::{Call, Gate, Instruction, answers, try_answers};
use oracle::{
    interpreter::{Data, run},
    random::Random,
};

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// What a filter sees of a call.
fn data(call: &Call) -> Data {
    match call.gate {
        Gate::Syscall => Data {
            nr: call.nr,
            arch: X86_64,
            args: call.args,
        },
        Gate::Int80 => Data {
            nr: call.nr,
            arch: I386,
            args: call.args.map(|argument| argument & 0xffff_ffff),
        },
    }
}

fn call(random: &mut Random) -> Call {
    let gate = random.one_of(&[Gate::Syscall, Gate::Int80]);
    let nr = random.one_of(&[
        0,
        1,
        2,
        41,
        102,
        334,
        337,
        450,
        0x4000_0000,
        0x4000_0001,
        0x4000_0200,
        0x7fff_ffff,
        u32::MAX,
    ]);
    Call {
        gate,
        nr,
        args: [(); 6].map(|()| random.boundary()),
    }
}

/// A program of every kind of instruction that the kernel takes.
fn program(random: &mut Random) -> Vec<Instruction> {
    const ALU: [u16; 17] = [
        0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x74, 0x84,
        0xa4, 0xac,
    ];
    const JUMPS: [u16; 8] = [0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d];
    const ANSWERS: usize = 6;
    // Memory has to be written before it is read, or the kernel refuses the program.
    let mut program = vec![(0x00, 0, 0, 7), (0x02, 0, 0, 0), (0x03, 0, 0, 1)];
    let length = 8 + random.below(40) as usize;
    while program.len() < length {
        let k = random.boundary() as u32;
        // To one of the last instructions, or of the answers behind them.
        let left = (length - program.len() + ANSWERS - 1) as u64;
        program.push(match random.below(10) {
            0 => (0x20, 0, 0, random.one_of(&[0, 4])),
            1..=3 => (0x20, 0, 0, 16 + 4 * random.below(12) as u32),
            4 => (
                random.one_of(&[0x60, 0x61, 0x02, 0x03]),
                0,
                0,
                random.below(2) as u32,
            ),
            5 => (
                random.one_of(&[0x00, 0x01, 0x07, 0x87, 0x80, 0x81]),
                0,
                0,
                k,
            ),
            6 => {
                let code = random.one_of(&ALU);
                let k = match code {
                    0x34 => k | 1,
                    0x64 | 0x74 => k & 31,
                    _ => k,
                };
                (code, 0, 0, k)
            }
            7 => (0x05, 0, 0, random.below(left) as u32),
            _ => {
                let mut jump = || random.below(left) as u8;
                let (jt, jf) = (jump(), jump());
                (random.one_of(&JUMPS), jt, jf, k)
            }
        });
    }
    for _ in 0..ANSWERS {
        program.push((
            0x06,
            0,
            0,
            random.one_of(&[0x7fff_0000, 0x0005_0001, 0, 0x8000_0000]),
        ));
    }
    program
}

#[test]
fn the_kernel_and_the_interpreter_answer_alike() {
    let mut random = Random::new(1);
    let (mut calls_made, mut several) = (0, 0);
    for _ in 0..150 {
        let program = program(&mut random);
        let calls: Vec<Call> = (0..200).map(|_| call(&mut random)).collect();
        let got = answers(&program, &calls);
        for (call, got) in calls.iter().zip(&got) {
            assert_eq!(*got, run(&program, &data(call)), "{call:x?}\n{program:x?}");
        }
        calls_made += calls.len();
        several += usize::from(got.iter().any(|answer| *answer != got[0]));
    }
    println!("{calls_made} calls, {several} of 150 programs gave different answers");
    assert!(several > 20, "the programs tell nothing apart");
}

#[test]
fn each_gate_shows_its_architecture_number_and_width() {
    // The two words of argument 5, the number and the architecture, each against a constant.
    let seen = |offset, k| {
        [
            (0x20, 0, 0, offset),
            (0x15, 0, 1, k),
            (0x06, 0, 0, 1),
            (0x06, 0, 0, 2),
        ]
    };
    let wide = [0, 0, 0, 0, 0, 0xdead_beef_0000_0007];
    let at = |gate, nr| Call {
        gate,
        nr,
        args: wide,
    };
    let calls = [at(Gate::Syscall, 39), at(Gate::Int80, 39)];
    assert_eq!(answers(&seen(4, X86_64), &calls), [1, 2]);
    assert_eq!(answers(&seen(4, I386), &calls), [2, 1]);
    assert_eq!(answers(&seen(0, 39), &calls), [1, 1]);
    assert_eq!(answers(&seen(56, 7), &calls), [1, 1]);
    assert_eq!(answers(&seen(60, 0xdead_beef), &calls), [1, 2]);
    let x32 = [at(Gate::Syscall, 0x4000_0027), at(Gate::Syscall, u32::MAX)];
    assert_eq!(answers(&seen(0, 0x4000_0027), &x32), [1, 2]);
    assert_eq!(answers(&seen(0, u32::MAX), &x32), [2, 1]);
}

#[test]
fn a_hundred_thousand_calls_take_one_child() {
    let program = [
        (0x20, 0, 0, 16),
        (0x25, 0, 1, 49_999),
        (0x06, 0, 0, 0x7fff_0000),
        (0x06, 0, 0, 0),
    ];
    let calls: Vec<Call> = (0..100_000)
        .map(|number| Call {
            gate: if number % 2 == 0 {
                Gate::Syscall
            } else {
                Gate::Int80
            },
            nr: 1,
            args: [number, 0, 0, 0, 0, 0],
        })
        .collect();
    let begin = Instant::now();
    let got = answers(&program, &calls);
    println!("{} calls in {:?}", calls.len(), begin.elapsed());
    assert_eq!(got.iter().filter(|answer| **answer == 0).count(), 50_000);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let call = Call {
        gate: Gate::Syscall,
        nr: 39,
        args: [0; 6],
    };
    let why = |program: &[Instruction], call| try_answers(program, &[call]).unwrap_err();
    assert!(why(&[(0x16, 0, 0, 0)], call).contains("accumulator"));
    assert!(why(&[(0x20, 0, 0, 0)], call).contains("can't be installed"));
    let uretprobe = Call { nr: 335, ..call };
    assert!(why(&[(0x06, 0, 0, 0)], uretprobe).contains("whatever a filter says"));
}
