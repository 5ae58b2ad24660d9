//! Shadows of small programs, against the programs run for each call.

use super::{Forecast, NUMBERS, Shadow};
use crate::{
    profile::{
        abi::Abi,
        arguments::Values,
        call::{Call, CallSet},
        table,
    },
    seccomp::{
        action::Action,
        arch::Arch,
        filter::program::{Instruction, Program, code},
    },
};

fn jump(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

fn answer(action: Action) -> Instruction {
    Instruction::plain(code::RET_K, action.to_return())
}

fn program(instructions: Vec<Instruction>) -> Program {
    Program::new(instructions).unwrap()
}

fn call(abi: Abi, name: &str) -> Call {
    table::call(abi, name).unwrap()
}

/// chmod: EPERM; socket: EAFNOSUPPORT of one family and death of another; all else is let through.
fn chmod_and_some_sockets() -> Program {
    program(vec![
        Instruction::plain(code::LD_ABS, 4),
        jump(code::JEQ_K, 0, 7, Arch::X86_64.audit()),
        Instruction::plain(code::LD_ABS, 0),
        jump(code::JEQ_K, 6, 0, 90),
        jump(code::JEQ_K, 0, 4, 41),
        Instruction::plain(code::LD_ABS, 16),
        jump(code::JEQ_K, 4, 0, 40),
        jump(code::JEQ_K, 4, 0, 16),
        answer(Action::Log),
        answer(Action::Allow),
        answer(Action::Errno(1)),
        answer(Action::Errno(97)),
        answer(Action::KillProcess),
    ])
}

#[test]
fn what_would_be_refused_is_told_apart_from_what_may_be() {
    let shadow = Shadow::of_programs(&[chmod_and_some_sockets()]).unwrap();
    let chmod = Forecast {
        answer: Action::Errno(1),
        certain: true,
    };
    let socket = Forecast {
        answer: Action::KillProcess,
        certain: false,
    };
    assert_eq!(shadow.forecast(call(Abi::X86_64, "chmod")), Some(chmod));
    assert_eq!(shadow.forecast(call(Abi::X86_64, "socket")), Some(socket));
    for (abi, name) in [
        (Abi::X86_64, "read"),
        (Abi::I386, "chmod"),
        (Abi::X32, "chmod"),
    ] {
        assert_eq!(shadow.forecast(call(abi, name)), None, "{name}");
    }
    let made: CallSet = ["chmod", "socket", "read"]
        .map(|name| call(Abi::X86_64, name))
        .into();
    assert_eq!(
        shadow.certain(&made),
        [call(Abi::X86_64, "chmod")].into(),
        "arguments may let a socket through"
    );
}

#[test]
fn of_several_filters_the_strictest_counts_and_none_refuses_nothing() {
    let deny_all = program(vec![answer(Action::Errno(38))]);
    let shadow = Shadow::of_programs(&[chmod_and_some_sockets(), deny_all]).unwrap();
    let read = shadow.forecast(call(Abi::I386, "read")).unwrap();
    assert_eq!((read.answer, read.certain), (Action::Errno(38), true));
    let socket = shadow.forecast(call(Abi::X86_64, "socket")).unwrap();
    assert_eq!(
        (socket.answer, socket.certain),
        (Action::KillProcess, true),
        "refused whatever its arguments"
    );
    let kernel_own = call(Abi::X86_64, "uretprobe");
    assert_eq!(shadow.forecast(kernel_own), None, "no filter is asked");
    let none = Shadow::of_programs(&[]).unwrap();
    assert_eq!(none.forecast(call(Abi::X86_64, "chmod")), None);
}

#[test]
fn numbers_without_a_name_are_decided_too() {
    let deny_all = program(vec![answer(Action::Trap(0))]);
    let shadow = Shadow::of_programs(&[deny_all]).unwrap();
    for abi in Abi::ALL {
        let last = Call::new(abi, NUMBERS - 1);
        assert_eq!(shadow.forecast(last).unwrap().answer, Action::Trap(0));
    }
}

#[test]
fn values_of_arguments_decide_where_they_are_known() {
    let shadow = Shadow::of_programs(&[chmod_and_some_sockets()]).unwrap();
    let socket = call(Abi::X86_64, "socket");
    let with = |family| {
        let values = Values {
            places: vec![0, 1],
            seen: Some([vec![family, 1]].into()),
        };
        shadow.forecast_of(socket, Some(&values))
    };
    assert_eq!(with(2), None);
    for (family, answer) in [(40, Action::Errno(97)), (16, Action::KillProcess)] {
        let certain = true;
        assert_eq!(with(family), Some(Forecast { answer, certain }));
    }
    let known = |families: &[u64]| Values {
        places: vec![0],
        seen: Some(families.iter().map(|family| vec![*family]).collect()),
    };
    assert_eq!(shadow.forecast_of(socket, Some(&known(&[1, 2]))), None);
    let some = shadow.forecast_of(socket, Some(&known(&[2, 16]))).unwrap();
    assert_eq!((some.answer, some.certain), (Action::KillProcess, true));
    assert!(!shadow.forecast_of(socket, None).unwrap().certain);
}
