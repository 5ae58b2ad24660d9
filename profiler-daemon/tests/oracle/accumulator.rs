//! Which word the accumulator holds at each instruction of a program: one, in a sound filter.

use std::collections::BTreeSet;

use super::interpreter::Instruction;

/// The places of comparisons that can be reached with different words in the accumulator, or differently masked ones.
///
/// For programs of loads, AND, jumps with constants and RET, as libseccomp makes them. Every jump leads forward, so one
/// pass is enough.
pub(crate) fn ambiguous(program: &[Instruction]) -> BTreeSet<usize> {
    let mut held: Vec<BTreeSet<(u32, u32)>> = vec![BTreeSet::new(); program.len()];
    let mut found = BTreeSet::new();
    for (at, &(code, jt, jf, k)) in program.iter().enumerate() {
        let mut after = held[at].clone();
        let next = match code {
            0x20 => {
                after = BTreeSet::from([(k, !0)]);
                vec![at + 1]
            }
            0x54 => {
                after = after.iter().map(|(word, mask)| (*word, mask & k)).collect();
                vec![at + 1]
            }
            0x05 => vec![at + 1 + k as usize],
            0x15 | 0x25 | 0x35 | 0x45 => {
                if after.len() > 1 {
                    found.insert(at);
                }
                vec![at + 1 + usize::from(jt), at + 1 + usize::from(jf)]
            }
            _ => Vec::new(),
        };
        for place in next {
            held[place].extend(&after);
        }
    }
    found
}
