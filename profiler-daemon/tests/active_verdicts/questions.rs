//! What filters are asked: every number of every ABI, and where a filter looks at arguments, with arguments on each
//! side of everything that it compares them with.

use std::collections::BTreeSet;

use super::{
    kernel_oracle::{Call, Gate, Instruction, NEVER_FILTERED},
    oracle::interpreter::{Data, run_noting},
};

/// Above every table, which end below 480 now.
const LAST: u32 = 640;
/// Numbers far beyond; not -1, by which the kernel means no call at all.
const BEYOND: [u32; 4] = [0x3ff, 0x1000, 0xffff, 0x3fff_ffff];
const X32: u32 = 0x4000_0000;
const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_I386: u32 = 0x4000_0003;
/// Loads a word of the call.
const LD_ABS: u16 = 0x20;
/// From here on these words are of arguments, two for each, the lower half first.
const FIRST_ARGUMENT: u32 = 16;

/// The architecture by which a filter knows how a call came in.
pub(crate) fn audit(gate: Gate) -> u32 {
    match gate {
        Gate::Syscall => AUDIT_X86_64,
        Gate::Int80 => AUDIT_I386,
    }
}

/// Every call with some arguments, and with many where one of the filters looks at them.
pub(crate) fn all(filters: &[Vec<Instruction>]) -> Vec<Call> {
    let some = [[0; 6], [u64::MAX; 6], [1, 2, 3, 4, 5, 6]];
    let mut calls = Vec::new();
    for (gate, nr) in numbers() {
        let mut lists = BTreeSet::from(some);
        for filter in filters {
            lists.extend(arguments(filter, gate, nr));
        }
        // The upper halves of 32-bit calls do not get into the kernel.
        let get_through = |args: [u64; 6]| match gate {
            Gate::Syscall => args,
            Gate::Int80 => args.map(|arg| arg & 0xffff_ffff),
        };
        let lists: BTreeSet<[u64; 6]> = lists.into_iter().map(get_through).collect();
        calls.extend(lists.into_iter().map(|args| Call { gate, nr, args }));
    }
    calls
}

fn numbers() -> impl Iterator<Item = (Gate, u32)> {
    let numbers = || (0..=LAST).chain(BEYOND);
    let native = numbers().filter(|nr| !NEVER_FILTERED.contains(nr));
    native
        .map(|nr| (Gate::Syscall, nr))
        .chain(numbers().map(|nr| (Gate::Syscall, nr | X32)))
        .chain(numbers().map(|nr| (Gate::Int80, nr)))
}

/// What each half of each argument is compared with.
type Constants = [[BTreeSet<u32>; 2]; 6];

/// Argument lists for what a filter asks of this call. What it asks of one argument may hang on another, so what is
/// found out with some lists makes further ones.
fn arguments(filter: &[Instruction], gate: Gate, nr: u32) -> Vec<[u64; 6]> {
    let mut constants = Constants::default();
    loop {
        let lists = lists(&constants);
        let before = constants.clone();
        for args in &lists {
            note_constants(filter, gate, nr, *args, &mut constants);
        }
        if constants == before {
            return lists;
        }
    }
}

/// Adds the constants that a filter compares arguments with on its way through this call.
fn note_constants(
    filter: &[Instruction],
    gate: Gate,
    nr: u32,
    args: [u64; 6],
    constants: &mut Constants,
) {
    let data = Data {
        nr,
        arch: audit(gate),
        args,
    };
    let mut loaded = None;
    run_noting(filter, &data, |place, _| {
        let (code, _, _, k) = filter[place];
        match (code, loaded) {
            (LD_ABS, _) => loaded = k.checked_sub(FIRST_ARGUMENT).map(|at| at as usize / 4),
            // Jumps if equal, greater, greater or equal, or any bit is set; and `and`.
            (0x15 | 0x25 | 0x35 | 0x45 | 0x54, Some(word)) => {
                constants[word / 2][word % 2].insert(k);
            }
            _ => {}
        }
    });
}

/// Everything that a half is compared with, and what lies about it.
fn widened(half: &BTreeSet<u32>) -> BTreeSet<u32> {
    let about = |k: &u32| {
        [
            *k,
            k.wrapping_add(1),
            k.wrapping_sub(1),
            !*k,
            k & k.wrapping_neg(),
        ]
    };
    half.iter().flat_map(about).chain([0]).collect()
}

fn whole([low, high]: &[BTreeSet<u32>; 2]) -> BTreeSet<u64> {
    let with_zero = |half: &BTreeSet<u32>| -> Vec<u64> {
        let values = half.iter().map(|value| u64::from(*value));
        values.chain([0]).collect()
    };
    let (low, high) = (with_zero(low), with_zero(high));
    high.iter()
        .flat_map(|high| low.iter().map(move |low| high << 32 | low))
        .collect()
}

/// Argument lists in which one argument is on each side of each constant, and another 0 or one of its constants.
fn lists(constants: &Constants) -> Vec<[u64; 6]> {
    let mut lists = BTreeSet::from([[0; 6]]);
    for one in 0..6 {
        let halves = [0, 1].map(|half| widened(&constants[one][half]));
        if constants[one].iter().all(BTreeSet::is_empty) {
            continue;
        }
        for value in whole(&halves) {
            let mut args = [0; 6];
            args[one] = value;
            lists.insert(args);
            for other in (0..6).filter(|other| *other != one) {
                for value in whole(&constants[other]) {
                    let mut args = args;
                    args[other] = value;
                    lists.insert(args);
                }
            }
        }
    }
    lists.into_iter().collect()
}
