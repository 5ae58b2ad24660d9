//! The parent while the command runs: passes signals on, answers calls that wait, and waits.
//!
//! One thread and one place to wait at, so that nothing is answered out of turn. Whatever happens to
//! this process, a call that the profile refuses is not carried out: the kernel answers ENOSYS for a
//! supervisor that has gone.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, WaitIdStatus},
};

use super::{
    confinement::{Confinement, Mode},
    listener::{Answer, Listener, Waiting},
    memory,
    outcome::{Attempt, Details, Outcome, PathArgument, Refusals},
    paths,
    signals::Signals,
    spawn::Running,
};
use crate::seccomp::{action::Action, summary::arch_of};

/// What is to become of a call that the profile refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It gets the profile's answer.
    Refuse,
    /// It is carried out.
    Allow,
}

/// Who decides about calls that the profile refuses, in the mode notify.
pub trait Judge {
    /// Decides about one. `waits` tells whether the call still waits for the answer; whoever takes
    /// long asks it again and again.
    ///
    /// Paths were read from the program's memory, where another of its threads may write before the
    /// kernel reads them again: an answer that depends on a path guards against mistakes, not
    /// against a program that wants to get past it.
    fn judge(&mut self, attempt: &Attempt, waits: &mut dyn FnMut() -> bool) -> Decision;
}

/// Until the command has ended.
pub(super) fn supervise(
    running: &mut Running,
    confinement: &Confinement,
    signals: &Signals,
    judge: &mut dyn Judge,
) -> io::Result<Outcome> {
    let mut refusals = Refusals::default();
    let mut listens = true;
    loop {
        let listener = running.listener().filter(|_| listens);
        let (ended, sent, waits) = next_event(running, signals, listener)?;
        if sent {
            pass_on(running, signals);
        }
        if let Some(listener) = listener {
            if waits.contains(PollFlags::IN)
                && let Some(waiting) = listener.receive()?
            {
                let case = Case {
                    running,
                    confinement,
                    signals,
                    listener,
                    waiting,
                };
                case.decide(judge, &mut refusals);
            }
            // Nobody is left under the filter.
            listens = !waits.contains(PollFlags::HUP);
        }
        // Its own calls are all answered by then; those of others, who may go on for ever, need not be.
        if ended {
            break;
        }
    }
    let status = running.wait()?;
    Ok(Outcome {
        status: status.as_ref().and_then(WaitIdStatus::exit_status),
        signal: status.as_ref().and_then(WaitIdStatus::terminating_signal),
        refusals: confinement.is_supervised().then_some(refusals),
        left_running: running.listener().is_some_and(is_in_use),
    })
}

/// Waits; tells whether the command has ended, whether a signal has come, and of the listener.
fn next_event(
    running: &Running,
    signals: &Signals,
    listener: Option<&Listener>,
) -> io::Result<(bool, bool, PollFlags)> {
    let pidfd = running.pidfd();
    let mut fds = vec![
        PollFd::new(&pidfd, PollFlags::IN),
        PollFd::new(signals, PollFlags::IN),
    ];
    fds.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
    rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
    let came = |place: usize| {
        fds.get(place)
            .map_or(PollFlags::empty(), |fd: &PollFd<'_>| fd.revents())
    };
    Ok((!came(0).is_empty(), !came(1).is_empty(), came(2)))
}

/// Whether processes are left that the filter holds for.
fn is_in_use(listener: &Listener) -> bool {
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok()
        && !fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP))
}

fn pass_on(running: &Running, signals: &Signals) {
    while let Some(signal) = signals.next() {
        running.signal(signal);
    }
}

/// One waiting call, and all that it takes to answer it.
struct Case<'a> {
    running: &'a Running,
    confinement: &'a Confinement,
    signals: &'a Signals,
    listener: &'a Listener,
    waiting: Waiting,
}

impl Case<'_> {
    fn decide(&self, judge: &mut dyn Judge, refusals: &mut Refusals) {
        let call = &self.waiting.call;
        let answer = self.confinement.written_answer(call);
        let mode = self.confinement.mode();
        let attempt = Attempt {
            audit: call.arch,
            nr: call.nr,
            args: call.args,
            thread: self.waiting.thread,
            answer,
            // Looked up for the first of a kind, or for whoever has to decide.
            details: if mode == Mode::Notify || !refusals.knows(call.arch, call.nr, answer) {
                self.details()
            } else {
                Details::default()
            },
        };
        let decision = match mode {
            Mode::Log => Decision::Allow,
            Mode::Notify => judge.judge(&attempt, &mut || {
                pass_on(self.running, self.signals);
                self.listener.still_waits(&self.waiting)
            }),
            Mode::Enforce | Mode::Kill => Decision::Refuse,
        };
        refusals.add(attempt, decision == Decision::Allow);
        let answer = match decision {
            Decision::Allow => Answer::GoOn,
            Decision::Refuse => self.refuse(answer),
        };
        self.listener.answer(&self.waiting, answer);
    }

    /// The profile's own answer, as near as a supervisor comes to it.
    fn refuse(&self, answer: Action) -> Answer {
        let signal = match answer {
            Action::Errno(errno) => return Answer::Errno(errno),
            Action::KillProcess | Action::KillThread => Some(Signal::KILL),
            Action::Trap(_) => Some(Signal::SYS),
            _ => None,
        };
        // Before its answer the call waits, and while it waits its number is nobody else's.
        if let Some(signal) = signal.filter(|_| self.listener.still_waits(&self.waiting)) {
            let thread = i32::try_from(self.waiting.thread).ok();
            if let Some(pid) = thread.and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        Answer::Errno(libc::ENOSYS as u16)
    }

    /// Who made the call, and with which paths; nothing of it if the call has gone meanwhile, for
    /// then the thread's number may be another's.
    fn details(&self) -> Details {
        let call = &self.waiting.call;
        let thread = self.waiting.thread;
        let indices = arch_of(call.arch, call.nr)
            .and_then(|arch| arch.syscall(call.nr))
            .map_or(&[][..], paths::of);
        let paths = indices
            .iter()
            .filter_map(|index| {
                let address = *call.args.get(usize::from(*index))?;
                Some(PathArgument {
                    index: *index,
                    text: memory::string_at(thread, address),
                })
            })
            .collect();
        let details = Details {
            executable: memory::executable(thread),
            paths,
        };
        if self.listener.still_waits(&self.waiting) {
            details
        } else {
            Details::default()
        }
    }
}
