//! The rows of `strace -c`: columns of numbers and one of names, in an order that `-U` decides.

use crate::seccomp::arch::Arch;

/// A line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row<'a> {
    /// A call's.
    Call(&'a str),
    /// Dashes.
    Rule,
    /// The last.
    Total,
    /// None of these.
    Other,
}

/// What begins the table of processes in another mode than strace's own.
pub(super) fn mode(line: &str) -> Option<Arch> {
    match line
        .trim()
        .strip_prefix("System call usage summary for ")?
        .trim_end_matches(':')
    {
        "32 bit mode" => Some(Arch::X86),
        "x32 mode" => Some(Arch::X32),
        "64 bit mode" => Some(Arch::X86_64),
        _ => None,
    }
}

/// True for the line that names the columns.
pub(super) fn is_header(line: &str) -> bool {
    const OTHERS: [&str; 7] = [
        "time",
        "seconds",
        "usecs/call",
        "calls",
        "errors",
        "shortest",
        "longest",
    ];
    let mut words = 0;
    let mut names = 0;
    for word in line.split_ascii_whitespace() {
        words += 1;
        if word == "syscall" {
            names += 1;
        } else if word != "%" && !OTHERS.contains(&word) {
            return false;
        }
    }
    names == 1 && words > 1
}

/// What a line is. Every other column holds numbers, so the name is found wherever it stands.
pub(super) fn row(line: &str) -> Row<'_> {
    let mut name = None;
    let mut numbers = 0;
    let mut dashes = 0;
    for word in line.split_ascii_whitespace() {
        if word.bytes().all(|byte| byte == b'-') {
            dashes += 1;
        } else if is_number(word) {
            numbers += 1;
        } else if name.replace(word).is_some() {
            return Row::Other;
        }
    }
    match name {
        None if dashes > 0 && numbers == 0 => Row::Rule,
        Some("total") if dashes == 0 => Row::Total,
        Some(name) if dashes == 0 && numbers > 0 => Row::Call(name),
        _ => Row::Other,
    }
}

/// `0.000123`, `12`; a share of nothing is `nan`.
fn is_number(word: &str) -> bool {
    matches!(word, "nan" | "-nan")
        || word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_column() {
        let name = "  0.12    0.000012           3         4         1 openat";
        assert_eq!(row(name), Row::Call("openat"));
        assert_eq!(row("openat  4 0.1"), Row::Call("openat"));
        assert_eq!(
            row("   nan    0.000000           0         4           close"),
            Row::Call("close")
        );
        assert_eq!(row("------ ----------- ---------"), Row::Rule);
        assert_eq!(
            row("100.00    0.000357           4        76        22 total"),
            Row::Total
        );
        assert_eq!(row("total 76"), Row::Total);
        for other in ["", "hello", "12 13", "a b 1", "-- 1 x"] {
            assert_eq!(row(other), Row::Other, "{other}");
        }
    }

    #[test]
    fn headers_are_told_from_output() {
        assert!(is_header(
            "% time     seconds  usecs/call     calls    errors syscall"
        ));
        assert!(is_header("syscall              calls   shortest"));
        assert!(!is_header("syscall"));
        assert!(!is_header("syscall calls the kernel"));
        assert_eq!(
            mode("System call usage summary for 32 bit mode:"),
            Some(Arch::X86)
        );
    }
}
