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
    let many = arguments(filters);
    let mut calls = Vec::new();
    for (gate, nr) in numbers() {
        let looks = filters
            .iter()
            .any(|filter| looks_at_arguments(filter, gate, nr));
        let lists: &[&[[u64; 6]]] = if looks { &[&some, &many] } else { &[&some] };
        for args in lists.concat() {
            // The upper halves of 32-bit calls do not get into the kernel.
            let args = match gate {
                Gate::Syscall => args,
                Gate::Int80 => args.map(|arg| arg & 0xffff_ffff),
            };
            calls.push(Call { gate, nr, args });
        }
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

/// Up to its first look at them a filter's way depends on the number alone, so one run tells.
fn looks_at_arguments(filter: &[Instruction], gate: Gate, nr: u32) -> bool {
    let data = Data {
        nr,
        arch: audit(gate),
        args: [0; 6],
    };
    let mut looks = false;
    run_noting(filter, &data, |place, _| {
        let (code, _, _, offset) = filter[place];
        looks |= code == LD_ABS && offset >= FIRST_ARGUMENT;
    });
    looks
}

/// What each half of each argument is compared with, and its neighbours.
fn edges(filters: &[Vec<Instruction>]) -> [[BTreeSet<u32>; 2]; 6] {
    let mut edges: [[BTreeSet<u32>; 2]; 6] = Default::default();
    for filter in filters {
        let mut loaded = None;
        for &(code, _, _, k) in filter {
            match (code, loaded) {
                (LD_ABS, _) => loaded = k.checked_sub(FIRST_ARGUMENT).map(|at| at as usize / 4),
                // The constants of jumps and of `and` follow the load that they are for.
                (0x15 | 0x25 | 0x35 | 0x45 | 0x54, Some(word)) => {
                    let edge = &mut edges[word / 2][word % 2];
                    edge.extend([k, k.wrapping_add(1), k.wrapping_sub(1), !k, k & k.wrapping_neg()]);
                }
                _ => {}
            }
        }
    }
    for argument in &mut edges {
        for half in argument {
            half.extend([0, 1, u32::MAX]);
        }
    }
    edges
}

/// Argument lists that have each argument, all others being 0 or what another is compared with, on each side of each
/// edge.
fn arguments(filters: &[Vec<Instruction>]) -> Vec<[u64; 6]> {
    let edges = edges(filters);
    let values = |index: usize| {
        let [low, high] = &edges[index];
        let pairs = high.iter().flat_map(|high| low.iter().map(move |low| (*high, *low)));
        pairs.map(|(high, low)| u64::from(high) << 32 | u64::from(low))
    };
    let mut lists = BTreeSet::new();
    for first in 0..6 {
        for value in values(first) {
            let mut args = [0; 6];
            args[first] = value;
            lists.insert(args);
            // A rule may have a second condition, on the argument next to it.
            if first < 2 {
                for other in values(first + 1) {
                    args[first + 1] = other;
                    lists.insert(args);
                }
            }
        }
    }
    lists.into_iter().collect()
}
