//! The report at the end of a run: how the command ended, what the profile refused, and who failed.
//!
//! Pure: renders, and asks nobody.

use std::{ffi::OsString, fmt::Write as _};

use serde_json::{Value, json};

use super::{args::ModeName, verdict::Verdict};
use crate::{
    ctl::{
        exit::Failure,
        format::Format,
        policy_wording::answer,
        printable::{printable, wrapped},
        table::WIDTH,
        terminal::json,
        wording::{counted, qualified, times},
    },
    sandbox::{Attempt, Kind, Outcome, Refusals},
    seccomp::{arch::Arch, summary::arch_of},
};

/// Kinds of calls that a table shows.
const MOST_SHOWN: usize = 20;

/// Names of signals, from 1 on. Source: signal(7), x86.
const SIGNALS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// What is reported.
pub(super) struct Report<'a> {
    pub(super) command: &'a [OsString],
    pub(super) profile: &'a str,
    pub(super) mode: ModeName,
    pub(super) outcome: &'a Outcome,
}

impl Verdict {
    fn of_command(outcome: &Outcome) -> Self {
        let refused = outcome.refusals.as_ref().map(Refusals::refused);
        let sigsys = outcome.signal == Some(libc::SIGSYS);
        Self::of(outcome.status == Some(0), sigsys, refused)
    }
}

impl Report<'_> {
    pub(super) fn rendered(&self, format: Format) -> Result<String, Failure> {
        match format {
            Format::Table => Ok(self.text()),
            Format::Json => json(&self.value()),
        }
    }

    fn name(&self) -> String {
        let name = self.command.first().map(|name| name.to_string_lossy());
        printable(&name.unwrap_or_default())
    }

    /// One line that says who failed, and a few for each kind of call.
    fn text(&self) -> String {
        let outcome = self.outcome;
        let ended = match (outcome.status, outcome.signal) {
            (Some(status), _) => format!("ended with {status}"),
            (None, Some(signal)) => format!("was ended by {}", signal_name(signal)),
            (None, None) => "ended".to_owned(),
        };
        let line = format!("{}: {ended}; {}", self.name(), self.summary());
        let mut text = wrapped(&line, 2, WIDTH);
        text.push('\n');
        if let Some(refusals) = &outcome.refusals {
            for kind in refusals.kinds().iter().take(MOST_SHOWN) {
                text.push_str(&kind_text(kind));
            }
            let left = refusals.kinds().len().saturating_sub(MOST_SHOWN);
            if left > 0 {
                let _ = writeln!(text, "  and {left} more; --format json has all");
            }
        }
        if outcome.left_running {
            let line = format!(
                "{} left processes running, which nobody watches any more: what the profile \
                 refuses them is answered ENOSYS",
                self.name()
            );
            let _ = writeln!(text, "{}", wrapped(&line, 2, WIDTH));
        }
        text
    }

    fn summary(&self) -> String {
        let Some(refusals) = &self.outcome.refusals else {
            return match (Verdict::of_command(self.outcome), self.mode) {
                (Verdict::Profile, _) => {
                    "the profile ended it for a call; --mode log tells for which".to_owned()
                }
                (Verdict::Succeeded, ModeName::Kill) => "the profile refused it nothing".to_owned(),
                _ => "nobody watched what the profile refused; --mode log tells".to_owned(),
            };
        };
        let (total, refused) = (refusals.total(), refusals.refused());
        let calls = |count| counted(count, "call", "calls");
        let told = match (total, refused) {
            (0, _) => "the profile refused nothing".to_owned(),
            (_, 0) if self.mode == ModeName::Log => {
                format!("the profile would have refused {}", calls(total))
            }
            (_, 0) => format!("the profile refuses {}, which were allowed", calls(total)),
            _ if refused == total => format!("the profile refused {}", calls(total)),
            _ => format!(
                "the profile refuses {}, of which {} allowed",
                calls(total),
                total - refused
            ),
        };
        match Verdict::of_command(self.outcome) {
            Verdict::Profile if self.outcome.signal == Some(libc::SIGSYS) && refused == 0 => {
                "the profile ended it for a call; --mode log tells for which".to_owned()
            }
            Verdict::Profile => format!("{told}, which may be why"),
            Verdict::Program => format!("{told}, so the program itself failed"),
            Verdict::Succeeded | Verdict::Unknown => told,
        }
    }

    fn value(&self) -> Value {
        let outcome = self.outcome;
        let command = self.command.iter().map(|word| word.to_string_lossy());
        json!({
            "command": command.collect::<Vec<_>>(),
            "profile": self.profile,
            "mode": match self.mode {
                ModeName::Enforce => "enforce",
                ModeName::Log => "log",
                ModeName::Notify => "notify",
                ModeName::Kill => "kill",
            },
            "outcome": Verdict::of_command(outcome).word(),
            "status": outcome.status,
            "signal": outcome.signal.map(signal_name),
            "refused": outcome.refusals.as_ref().map(|refusals| json!({
                "calls": refusals.total(),
                "carried_out": refusals.total() - refusals.refused(),
                "kinds": refusals.kinds().iter().map(kind_value).collect::<Vec<_>>(),
                "of_further_kinds": refusals.beyond(),
            })),
            "left_running": outcome.left_running,
        })
    }
}

fn signal_name(signal: i32) -> String {
    usize::try_from(signal - 1)
        .ok()
        .and_then(|place| SIGNALS.get(place))
        .map_or_else(|| format!("signal {signal}"), |name| (*name).to_owned())
}

/// The name of a call, with its ABI where that is not the machine's first.
fn name(attempt: &Attempt) -> String {
    let Some(arch) = arch_of(attempt.audit, attempt.nr) else {
        return format!("call {} of ABI {:#x}", attempt.nr, attempt.audit);
    };
    let name = arch
        .syscall(attempt.nr)
        .map_or_else(|| format!("#{}", arch.in_table(attempt.nr)), str::to_owned);
    qualified(arch.name(), &name)
}

/// `mkdir("/tmp/x", 0x1ff, 0x0, 0x0, 0x0, 0x0)`: the registers, and the paths that they lead to.
pub(super) fn call(attempt: &Attempt) -> String {
    let arguments: Vec<String> = (0..)
        .zip(attempt.args)
        .map(|(index, value)| {
            let path = attempt
                .details
                .paths
                .iter()
                .find(|path| path.index == index);
            match path.and_then(|path| path.text.as_ref()) {
                Some(text) => format!("\"{}\"", printable(text)),
                None => format!("{value:#x}"),
            }
        })
        .collect();
    format!("{}({})", name(attempt), arguments.join(", "))
}

fn kind_text(kind: &Kind) -> String {
    let first = &kind.first;
    let carried_out = match kind.allowed {
        0 => String::new(),
        all if all == kind.count => ", carried out".to_owned(),
        some => format!(", {some} of them carried out"),
    };
    let executable = first.details.executable.as_deref().unwrap_or("?");
    let head = format!(
        "  {}: {} {}{carried_out}",
        name(first),
        answer(first.answer),
        times(kind.count)
    );
    let evidence = format!(
        "first {} by {} (thread {})",
        call(first),
        printable(executable),
        first.thread
    );
    format!("{head}\n    {}\n", wrapped(&evidence, 6, WIDTH))
}

fn kind_value(kind: &Kind) -> Value {
    let first = &kind.first;
    let arch = arch_of(first.audit, first.nr);
    let paths = first.details.paths.iter();
    json!({
        "abi": arch.map(Arch::name),
        "nr": arch.map_or(first.nr, |arch| arch.in_table(first.nr)),
        "name": arch.and_then(|arch| arch.syscall(first.nr)),
        "answer": first.answer.to_string(),
        "count": kind.count,
        "carried_out": kind.allowed,
        "first": {
            "args": first.args.map(|value| format!("{value:#x}")),
            "paths": paths
                .map(|path| json!({"argument": path.index, "path": path.text}))
                .collect::<Vec<_>>(),
            "executable": first.details.executable,
            "thread": first.thread,
        },
    })
}
