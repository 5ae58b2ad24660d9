//! Who decides about a call in the mode notify: a rule for all, or a person at the terminal.
//!
//! A question is put to the terminal itself, for standard input and output are the command's.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read, Write},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::getpgrp,
    termios::{QueueSelector, tcflush, tcgetpgrp},
};

use super::{args::AnswerName, report::call};
use crate::{
    ctl::{
        policy_wording::answer,
        printable::{printable, wrapped},
        table::WIDTH,
        terminal::Terminal,
    },
    sandbox::{Attempt, Decision, Judge},
};

/// How long we wait for a person before we look whether the call still waits: 0.2 s.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Decides, and tells on standard error what came of it.
pub(super) struct Asking {
    answer: AnswerName,
    terminal: Terminal,
    tty: Option<File>,
    /// What was said for good, by ABI and number.
    for_good: BTreeMap<(u32, u32), Decision>,
}

impl Asking {
    pub(super) fn new(answer: AnswerName, terminal: Terminal) -> Self {
        let tty = || OpenOptions::new().read(true).write(true).open("/dev/tty");
        Self {
            answer,
            terminal,
            tty: (answer == AnswerName::Ask).then(|| tty().ok()).flatten(),
            for_good: BTreeMap::new(),
        }
    }

    /// What a person says; refused where none is there to be asked.
    fn ask(&mut self, attempt: &Attempt, waits: &mut dyn FnMut() -> bool) -> Decision {
        let key = (attempt.audit, attempt.nr);
        if let Some(decision) = self.for_good.get(&key) {
            return *decision;
        }
        let Some(tty) = &mut self.tty else {
            return Decision::Refuse;
        };
        // Another job has the terminal: what is typed there is not for us.
        if tcgetpgrp(&*tty).ok() != Some(getpgrp()) {
            return Decision::Refuse;
        }
        // What was typed before the question is no answer to it.
        let _ = tcflush(&*tty, QueueSelector::IFlush);
        let question = format!(
            "{}: allow it? y(es), n(o), a(lways), (ne)v(er) ",
            told(attempt)
        );
        if write!(tty, "{}", wrapped(&question, 2, WIDTH)).is_err() || write!(tty, " ").is_err() {
            return Decision::Refuse;
        }
        let (decision, for_good) = match typed(tty, waits) {
            Some(b'y' | b'Y') => (Decision::Allow, false),
            Some(b'a' | b'A') => (Decision::Allow, true),
            Some(b'v' | b'V') => (Decision::Refuse, true),
            _ => (Decision::Refuse, false),
        };
        if for_good {
            self.for_good.insert(key, decision);
        }
        decision
    }
}

impl Judge for Asking {
    fn judge(&mut self, attempt: &Attempt, waits: &mut dyn FnMut() -> bool) -> Decision {
        let decision = match self.answer {
            AnswerName::Refuse => Decision::Refuse,
            AnswerName::Allow => Decision::Allow,
            AnswerName::Ask => self.ask(attempt, waits),
        };
        let word = match decision {
            Decision::Allow => "allowed".to_owned(),
            Decision::Refuse => format!("refused: {}", answer(attempt.answer)),
        };
        let line = format!("{}: {word}", told(attempt));
        self.terminal.remark(&wrapped(&line, 2, WIDTH));
        decision
    }
}

/// `/bin/mkdir (thread 4711): mkdir("/tmp/x", 0x1ff, …)`
fn told(attempt: &Attempt) -> String {
    let executable = attempt.details.executable.as_deref().unwrap_or("?");
    format!(
        "{} (thread {}): {}",
        printable(executable),
        attempt.thread,
        call(attempt)
    )
}

/// The first letter that is typed; nothing if the call has gone, or the terminal.
fn typed(tty: &mut File, waits: &mut dyn FnMut() -> bool) -> Option<u8> {
    loop {
        let mut fds = [PollFd::new(&*tty, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| poll(&mut fds, Some(&LOOK))).ok()?;
        if ready == 0 {
            if waits() {
                continue;
            }
            return None;
        }
        let mut bytes = [0; 256];
        let read = tty.read(&mut bytes).ok()?;
        return bytes.get(..read)?.first().copied();
    }
}
