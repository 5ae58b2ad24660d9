//! The values of the protocol in words for people.
//!
//! Pure: nothing here asks or prints.

use syscalls::Errno;

use super::{clock::absolute, printable::printable};
use crate::{
    api::protocol::Reason,
    profile::{
        call::Call,
        completeness::Completeness,
        observation::{Refusal, RefusedWith},
        origin::Origin,
        table,
    },
};

/// What the caller of a refused call got: `EPERM`, `SIGSYS`.
pub(super) fn refused_with(with: RefusedWith) -> String {
    match with {
        RefusedWith::Errno(0) => "pretence".to_owned(),
        RefusedWith::Errno(number) => errno(number),
        RefusedWith::Sigsys => "SIGSYS".to_owned(),
    }
}

fn errno(number: u16) -> String {
    Errno::new(i32::from(number))
        .name()
        .map_or_else(|| format!("errno {number}"), str::to_owned)
}

/// What a profile does with a call: `allowed`, `answered ENOSYS`, `refused`.
pub(super) fn verdict(verdict: &str) -> String {
    match verdict {
        "allow" => "allowed".to_owned(),
        "refuse" => "refused".to_owned(),
        other => match other.strip_prefix("errno ").map(str::parse) {
            Some(Ok(number)) => format!("answered {}", errno(number)),
            _ => other.to_owned(),
        },
    }
}

/// Why a call is in a profile.
pub(super) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Observed => "the container's own programs made it",
        Reason::RuntimeSeen => "the runtime made it under the filter, on this host",
        Reason::RuntimeTable => "runtimes are known to make it under the filter",
        Reason::Kernel => "the kernel makes it on a program's behalf",
        Reason::Probe => "it only ever answered ENOSYS, and libcs fall back on that",
        Reason::KeptEnosys => "the active filter answers ENOSYS, and libcs fall back on that",
        Reason::LibcProbe => "libcs ask for it, and fall back when it answers ENOSYS",
        Reason::IncludedRefused => "refused so far, and allowed on request",
    }
}

/// Where a call comes from.
pub(super) const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Start => "start-up",
        Origin::Run => "steady work",
        Origin::Shutdown => "shutdown",
        Origin::Exec => "exec sessions",
        Origin::Health => "the health check",
        Origin::Unknown => "unknown",
    }
}

/// Where a call comes from, all of it; nothing where that is not known.
pub(super) fn origins(origins: &[Origin]) -> Option<String> {
    if origins.is_empty() || origins == [Origin::Unknown] {
        return None;
    }
    let words: Vec<&str> = origins.iter().map(|one| origin(*one)).collect();
    Some(words.join(", "))
}

/// The verdict in a word or two: `yes`, or the first reason against.
pub(super) fn complete(verdict: &Completeness) -> String {
    if verdict.complete {
        return "yes".to_owned();
    }
    let code = verdict
        .shortfalls
        .first()
        .map_or("no", |first| first.code.as_str());
    match code {
        "start_not_seen" => "no start",
        "stop_not_seen" => "no stop",
        "calls_lost" => "lost calls",
        "calls_refused" => "refusals",
        "still_discovering" => "learning",
        "no_program" => "no program",
        "not_recorded" => "unrecorded",
        "unknown_numbers" => "unknown nr",
        other => other,
    }
    .to_owned()
}

/// A call's name with its ABI where that is not the machine's first.
pub(super) fn qualified(abi: &str, name: &str) -> String {
    if abi == "x86_64" {
        name.to_owned()
    } else {
        format!("{name} ({abi})")
    }
}

/// The name of a call, with its ABI where that is not the machine's first.
pub(super) fn call_name(call: Call) -> String {
    qualified(call.abi.name(), &table::display_name(call))
}

/// When a version was promoted, and by whom if that is known.
pub(super) fn promoted(at_ms: u64, by: Option<&str>) -> String {
    let by = by.map_or_else(String::new, |by| format!(" by {}", printable(by)));
    format!("promoted {}{by}", absolute(at_ms))
}

/// A number and its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// All refusals in a few words: `EPERM 3 times, ENOSYS once`.
pub(super) fn refusals(refusals: &[Refusal]) -> String {
    let parts: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("{} {}", refused_with(refusal.with), times(refusal.count)))
        .collect();
    parts.join(", ")
}

/// `once`, `3 times`
pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Which entry into the container a process descends from.
pub(super) fn session(number: u32) -> String {
    match number {
        0 => "session unknown".to_owned(),
        1 => "session 1, the container's own start".to_owned(),
        _ => format!("session {number}, an exec or a health check"),
    }
}

#[cfg(test)]
mod tests {
    use super::{refused_with, verdict};
    use crate::profile::observation::RefusedWith;

    #[test]
    fn errnos_have_names() {
        assert_eq!(refused_with(RefusedWith::Errno(1)), "EPERM");
        assert_eq!(refused_with(RefusedWith::Errno(4000)), "errno 4000");
        assert_eq!(verdict("errno 38"), "answered ENOSYS");
        assert_eq!(verdict("kill"), "kill");
    }
}
