//! Which filter is loaded for a profile, by the mode: what the profile refuses is refused, ends the
//! process, or is handed to the supervisor.
//!
//! Must not load anything. What is let through is let through in every mode by the same
//! instructions, so that the kernel answers it from its bitmap all the same.

use crate::seccomp::{
    action::Action,
    arch::Arch,
    filter::{
        evaluate::{CallData, run},
        program::{Instruction, Program, ProgramError, code},
    },
};

/// What becomes of calls that the profile refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They get the profile's answer.
    Enforce,
    /// They are carried out, and told.
    Log,
    /// Each is shown to a judge, who decides.
    Notify,
    /// They end the process.
    Kill,
}

/// No filter can be made of the profile's for this mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfinementError {
    /// Its answers are not written in it.
    #[error("it computes its answers, so that they cannot be replaced by others")]
    Computed,
    /// The kernel takes no such program.
    #[error("the kernel would refuse it")]
    Invalid,
}

/// A profile's filter, and the one that is loaded for it.
#[derive(Clone, Debug)]
pub struct Confinement {
    written: Program,
    loaded: Program,
    mode: Mode,
    supervised: bool,
}

impl Confinement {
    /// Of a profile's filter for a mode. A `plain` one is loaded as it is written, and nobody
    /// watches.
    ///
    /// # Errors
    /// Its answers cannot be replaced.
    pub fn new(written: Program, mode: Mode, plain: bool) -> Result<Self, ConfinementError> {
        let supervised = match mode {
            Mode::Enforce => !plain,
            Mode::Log | Mode::Notify => true,
            Mode::Kill => false,
        };
        let instructions = written
            .instructions()
            .iter()
            .map(|instruction| match instruction.code {
                code::RET_K => Ok(Instruction {
                    k: loaded(mode, supervised, Action::from_return(instruction.k)).to_return(),
                    ..*instruction
                }),
                code::RET_A => Err(ConfinementError::Computed),
                _ => Ok(*instruction),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let loaded =
            Program::new(instructions).map_err(|_: ProgramError| ConfinementError::Invalid)?;
        Ok(Self {
            written,
            loaded,
            mode,
            supervised,
        })
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// True if somebody is told of what is refused.
    #[must_use]
    pub const fn is_supervised(&self) -> bool {
        self.supervised
    }

    pub(super) const fn loaded(&self) -> &Program {
        &self.loaded
    }

    /// What the profile answers to a call.
    pub(super) fn written_answer(&self, call: &CallData) -> Action {
        Action::from_return(run(&self.written, call).returned)
    }

    /// The profile's answer to the execve that starts the command, if that would keep it from
    /// starting. Nothing is asked of a judge before there is a command.
    pub(super) fn refuses_start(&self, arguments: [u64; 6]) -> Option<Action> {
        let nr = u32::try_from(libc::SYS_execve).ok()?;
        let answer = self.written_answer(&CallData::new(Arch::X86_64, nr, arguments));
        let decided = matches!(self.mode, Mode::Enforce | Mode::Kill);
        (decided && !answer.lets_through()).then_some(answer)
    }
}

/// What the loaded filter answers where the profile's has `written`.
const fn loaded(mode: Mode, supervised: bool, written: Action) -> Action {
    if written.lets_through() {
        return written;
    }
    match (mode, written) {
        (Mode::Kill, _) => Action::KillProcess,
        (Mode::Log | Mode::Notify, _) => Action::Notify,
        // Death and traps are the kernel's to deal out; an errno is the same from either.
        (Mode::Enforce, Action::Errno(_) | Action::Notify | Action::Trace(_)) if supervised => {
            Action::Notify
        }
        (Mode::Enforce, _) => written,
    }
}

#[cfg(test)]
mod tests {
    use super::{Confinement, Mode};
    use crate::seccomp::{
        action::Action,
        filter::program::{Instruction, Program, code},
    };

    const ANSWERS: [Action; 8] = [
        Action::KillProcess,
        Action::KillThread,
        Action::Trap(7),
        Action::Errno(13),
        Action::Notify,
        Action::Trace(1),
        Action::Log,
        Action::Allow,
    ];

    fn loaded(answer: Action, mode: Mode, plain: bool) -> Action {
        let written =
            Program::new(vec![Instruction::plain(code::RET_K, answer.to_return())]).unwrap();
        let confinement = Confinement::new(written, mode, plain).unwrap();
        Action::from_return(confinement.loaded().instructions()[0].k)
    }

    #[test]
    fn a_plain_filter_is_the_one_that_was_written() {
        for answer in ANSWERS {
            assert_eq!(loaded(answer, Mode::Enforce, true), answer);
        }
    }

    #[test]
    fn no_mode_touches_what_is_let_through_and_each_replaces_the_rest() {
        for answer in ANSWERS {
            let by_mode = [Mode::Kill, Mode::Log, Mode::Notify, Mode::Enforce]
                .map(|mode| loaded(answer, mode, false));
            let wanted = match answer {
                Action::Allow | Action::Log => [answer; 4],
                Action::KillProcess | Action::KillThread | Action::Trap(_) => {
                    [Action::KillProcess, Action::Notify, Action::Notify, answer]
                }
                _ => [
                    Action::KillProcess,
                    Action::Notify,
                    Action::Notify,
                    Action::Notify,
                ],
            };
            assert_eq!(by_mode, wanted, "{answer}");
        }
    }

    #[test]
    fn computed_answers_are_refused() {
        let program = Program::new(vec![
            Instruction::plain(code::LD_IMM, 0),
            Instruction::plain(code::RET_A, 0),
        ]);
        assert!(Confinement::new(program.unwrap(), Mode::Log, false).is_err());
    }
}
