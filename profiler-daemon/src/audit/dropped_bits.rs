//! Differences between two filters that are in bits only that the kernel drops.
//!
//! Not all of them are harmless: a call that is to be refused is the same call to the kernel with
//! such a bit set, and may get through so.

use crate::seccomp::{
    action::Action,
    arch::Arch,
    diagram::{Diagrams, Node, TooLarge, Word},
    facts::width,
};

/// True if two filters answer a call alike whenever the upper halves are 0 of those arguments of
/// which the kernel takes the lower half.
///
/// # Errors
/// The filters are too intricate.
pub(super) fn alike_without(
    diagrams: &mut Diagrams,
    arch: Arch,
    nr: u32,
    one: Node,
    two: Node,
) -> Result<bool, TooLarge> {
    let Some(name) = arch.syscall(nr) else {
        return Ok(false);
    };
    let mut usual = Node::TRUE;
    for index in 0..6 {
        if width::is_32_bit(arch, name, index) {
            let zero = diagrams.masked_equal(Word::upper(index), u32::MAX, 0)?;
            usual = diagrams.and(usual, zero)?;
        }
    }
    let elsewhere = diagrams.answer(Action::Allow);
    let one = diagrams.choose(usual, one, elsewhere)?;
    let two = diagrams.choose(usual, two, elsewhere)?;
    Ok(one == two)
}
