//! Calls that the kernel makes on a program's behalf, or that end one.
//!
//! They may be missing from any one recording: a signal comes or does not, a stopped wait is
//! restarted or not, a program is killed before it can exit. A program that is refused them hangs,
//! dies or spins, so every profile allows them. Must not hold anything a program chooses to call.

use super::{abi::Abi, call::Call, table};

/// What a profile says of these entries.
pub const LABEL: &str =
    "kernel: ends a task, returns from a signal handler or resumes an interrupted call";

const EVERYWHERE: [&str; 4] = ["restart_syscall", "rt_sigreturn", "exit", "exit_group"];

/// The kernel calls of an ABI.
pub fn kernel_calls(abi: Abi) -> impl Iterator<Item = Call> {
    // i386 returns from handlers that were installed without SA_SIGINFO by a call of its own.
    let own = (abi == Abi::I386).then_some("sigreturn");
    EVERYWHERE
        .into_iter()
        .chain(own)
        .filter_map(move |name| table::call(abi, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abi_has_its_own_numbers() {
        let numbers = |abi| kernel_calls(abi).map(|call| call.nr).collect::<Vec<_>>();
        assert_eq!(numbers(Abi::X86_64), [219, 15, 60, 231]);
        assert_eq!(numbers(Abi::X32), [219, 513, 60, 231]);
        assert_eq!(numbers(Abi::I386), [0, 173, 1, 252, 119]);
    }
}
