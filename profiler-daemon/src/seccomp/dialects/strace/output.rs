//! One line of strace's plain output: whose it is, and which call it tells of.

use crate::seccomp::arch::Arch;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A call by name, begun or resumed.
    Call(&'a str),
    /// A call that strace has no name for.
    Number(u32),
    /// A process runs in this mode from here on.
    Mode(u32, Arch),
    /// Something of strace's that is no call: a signal, an end, a message.
    Nothing,
    /// Nothing that strace writes.
    Unknown,
}

/// Reads a line: the process, if it is told, and what it tells.
pub(super) fn event(line: &str) -> (Option<u32>, Event<'_>) {
    let line = line.trim();
    if line.is_empty() || line.starts_with("strace: ") {
        return (None, Event::Nothing);
    }
    if let Some(event) = mode(line) {
        return (None, event);
    }
    let (process, rest) = process(line);
    if let Some(event) = mode(rest) {
        return (process, event);
    }
    (process, what(without_decorations(rest)))
}

/// `[ Process PID=12 runs in 32 bit mode. ]`
fn mode(text: &str) -> Option<Event<'_>> {
    let inside = text.strip_prefix("[ Process PID=")?;
    let (process, rest) = inside.split_once(' ')?;
    let arch = match rest.strip_prefix("runs in ")?.split(" mode").next()? {
        "32 bit" => Arch::X86,
        "x32" => Arch::X32,
        "64 bit" => Arch::X86_64,
        _ => return None,
    };
    Some(Event::Mode(process.parse().ok()?, arch))
}

/// `[pid 12] …`, or `12  …` as in a file.
fn process(text: &str) -> (Option<u32>, &str) {
    let parsed = |digits: &str| digits.trim().parse::<u32>().ok();
    if let Some(inside) = text.strip_prefix("[pid ")
        && let Some((digits, rest)) = inside.split_once(']')
        && let Some(process) = parsed(digits)
    {
        return (Some(process), rest.trim_start());
    }
    if let Some((digits, rest)) = text.split_once(' ')
        && let Some(process) = parsed(digits)
    {
        return (Some(process), rest.trim_start());
    }
    (None, text)
}

/// Cuts times (`-t`, `-r`: digits, dots, colons, a sign) and addresses and numbers in brackets (`-i`, `-n`).
fn without_decorations(mut text: &str) -> &str {
    loop {
        let Some((word, rest)) = text.split_once(' ') else {
            return text;
        };
        let time = word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".:+()".contains(&byte))
            && !word.starts_with("+++");
        if time {
            text = rest.trim_start();
            continue;
        }
        let bracketed = text
            .strip_prefix('[')
            .and_then(|inside| inside.split_once(']'))
            .filter(|(inside, _)| {
                inside
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || b"? ".contains(&byte))
            });
        match bracketed {
            Some((_, rest)) => text = rest.trim_start(),
            None => return text,
        }
    }
}

fn what(text: &str) -> Event<'_> {
    if text.is_empty() || text.starts_with("--- ") || text.starts_with("+++ ") {
        return Event::Nothing;
    }
    // Frames of -k, and what is left of a call that another line broke into.
    if ["> ", ") ", "<unfinished "]
        .iter()
        .any(|begin| text.starts_with(begin))
    {
        return Event::Nothing;
    }
    if let Some(resumed) = text.strip_prefix("<... ") {
        return match resumed.split_once(" resumed") {
            Some((name, _)) if is_name(name) => named(name),
            _ => Event::Unknown,
        };
    }
    match text.split_once('(') {
        Some((name, _)) if is_name(name) => named(name),
        _ => Event::Unknown,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn named(name: &str) -> Event<'_> {
    let Some(number) = name.strip_prefix("syscall_0x") else {
        return Event::Call(name);
    };
    u32::from_str_radix(number, 16).map_or(Event::Unknown, Event::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_call_is_understood() {
        for line in [
            "close(3) = 0",
            "12    close(3) = 0",
            "[pid    12] close(3) = 0",
            "[pid 12] 10:11:12.123456 close(3) = 0",
            "12 1700000000.123456 close(3) = 0",
            "     0.000123 close(3) = 0",
            "10:11:12 (+     0.000123) close(3) = 0",
            "[00007f0011223344] close(3) = 0",
            "[   3] close(3) = 0",
            "[pid 12] [????????????????] close(3 <unfinished ...>",
            "12 <... close resumed>) = 0",
            "close() = ?",
        ] {
            assert_eq!(event(line).1, Event::Call("close"), "{line}");
        }
        assert_eq!(event("[pid  12] close(3)").0, Some(12));
        assert_eq!(event("syscall_0x1b7(0x1, 0x2) = 0").1, Event::Number(0x1b7));
        assert_eq!(
            event("strace: [ Process PID=12 runs in 32 bit mode. ]").1,
            Event::Nothing
        );
        assert_eq!(
            event("[ Process PID=12 runs in 32 bit mode. ]").1,
            Event::Mode(12, Arch::X86)
        );
    }

    #[test]
    fn what_is_no_call_is_none() {
        for line in [
            "",
            "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---",
            "12 +++ exited with 0 +++",
            "strace: Process 12 attached",
            "[pid 12] +++ killed by SIGSYS (core dumped) +++",
            " > /lib/libc.so.6(close+0x17) [0x10]",
        ] {
            assert_eq!(event(line).1, Event::Nothing, "{line}");
        }
        for line in [
            "hello",
            "Hello (world)",
            "syscall_0xzz(1)",
            "<... x",
            "a b(c)",
        ] {
            assert_eq!(event(line).1, Event::Unknown, "{line}");
        }
    }
}
