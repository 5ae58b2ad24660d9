//! Calls, answers and cases of a policy in words for people, and a case as JSON.
//!
//! Pure: nothing here asks or prints.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    printable::{printable, wrapped},
    table::WIDTH,
    wording,
};
use crate::{
    profile::observation::RefusedWith,
    seccomp::{
        action::Action,
        arch::Arch,
        summary::{Case, number},
    },
};

/// Values of several arguments of one call: `40, 1`.
pub(super) fn combination(values: &[u64]) -> String {
    let values: Vec<String> = values.iter().map(|value| number(*value)).collect();
    values.join(", ")
}

/// An answer: `allow`, `errno EPERM`, `kill process`.
pub(super) fn answer(action: Action) -> String {
    match action {
        Action::Errno(0) => "errno 0, a pretence of success".to_owned(),
        Action::Errno(errno) => {
            let name = wording::refused_with(RefusedWith::Errno(errno));
            if name.starts_with("errno") {
                name
            } else {
                format!("errno {errno} ({name})")
            }
        }
        other => other.to_string(),
    }
}

/// The same of an answer as JSON has it: `errno 1 (EPERM)` for `errno 1`.
pub(super) fn answer_named(word: &str) -> String {
    match word.strip_prefix("errno ").map(str::parse) {
        Some(Ok(errno)) => answer(Action::Errno(errno)),
        _ => printable(word),
    }
}

/// A call as C writes it: `socket(40, 1)`, with its ABI where that is not x86_64.
pub(super) fn call_line(arch: Arch, nr: u32, args: Option<[u64; 6]>) -> String {
    let name = name(arch, nr);
    match args {
        None => name,
        Some(args) => format!("{name}({})", arguments(args)),
    }
}

/// Arguments as C writes them, without zeros at the end.
pub(super) fn arguments(args: [u64; 6]) -> String {
    let last = args.iter().rposition(|arg| *arg != 0).unwrap_or(0);
    let shown: Vec<String> = args.iter().take(last + 1).map(|arg| number(*arg)).collect();
    shown.join(", ")
}

/// `openat`, `i386 socketcall`, `#999`.
fn name(arch: Arch, nr: u32) -> String {
    let name = arch
        .syscall(nr)
        .map_or_else(|| format!("#{nr}"), str::to_owned);
    if arch == Arch::X86_64 {
        name
    } else {
        format!("{} {name}", arch.name())
    }
}

/// A case with stable keys.
pub(super) fn case_value(case: &Case) -> Value {
    json!({
        "answer": case.action.to_string(),
        "when": case.when.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A line a case: `allow if a0 <= 39`.
pub(super) fn cases(cases: &[Case], indent: &str) -> String {
    let mut text = String::new();
    for case in cases {
        let when: Vec<String> = case.when.iter().map(ToString::to_string).collect();
        let line = format!("{} if {}", answer(case.action), when.join(" and "));
        let _ = writeln!(text, "{indent}{}", wrapped(&line, indent.len() + 4, WIDTH));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{answer, answer_named, call_line};
    use crate::seccomp::{action::Action, arch::Arch};

    #[test]
    fn calls_and_answers_read_well() {
        assert_eq!(
            call_line(Arch::X86_64, 41, Some([40, 0x1000, 0, 0, 0, 0])),
            "socket(40, 0x1000)"
        );
        assert_eq!(call_line(Arch::X86, 102, None), "i386 socketcall");
        assert_eq!(answer(Action::Errno(38)), "errno 38 (ENOSYS)");
        assert_eq!(answer_named("errno 38"), "errno 38 (ENOSYS)");
        assert_eq!(answer_named("kill\x1b"), "kill\\x1b");
    }
}
