//! Which dialect a text is in, and reading it, whichever it is.
//!
//! A text is recognised by what no other dialect has; what no dialect has is taken for Docker's, so
//! that a broken profile is answered by what is broken in it.

#[cfg(test)]
pub(super) mod any_policy;
pub mod docker;
pub mod json;
pub mod lxc;
pub mod mkseccomp;
pub mod oci;
pub mod placed;
pub mod printed;
pub mod raw;
pub mod spo;
pub mod strace;
pub mod systemd;
pub(in crate::seccomp) mod text;

use self::docker::Profile;
use self::text::MOST_BYTES;
use super::{
    arch::Arch,
    facts::names,
    filter::program::{Instruction, Program},
    finding::{Finding, Level, Reading},
    policy::Policy,
};

/// A way of writing a profile down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Docker's JSON, and podman's.
    Docker,
    /// `linux.seccomp` of an OCI configuration, alone or within it.
    Oci,
    /// LXC's, versions 1 and 2.
    Lxc,
    /// systemd's `SystemCallFilter=`.
    Systemd,
    /// Names in groups, as the old mkseccomp read them.
    Mkseccomp,
    /// What strace printed: `-c` tables or plain output.
    Strace,
    /// Classic BPF, as bytes.
    Cbpf,
    /// Classic BPF, as text.
    CbpfText,
}

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A profile of which a container decides what holds.
    Profile(Profile),
    /// Rules.
    Policy(Policy),
    /// A filter.
    Program(Program),
}

/// The dialect of a text.
#[must_use]
pub fn recognise(text: &[u8]) -> Dialect {
    // What a text is shows at its beginning; a profile is no longer than that.
    let text = text.get(..MOST_BYTES).unwrap_or(text);
    let words = std::str::from_utf8(text).or_else(|error| match error.error_len() {
        // Cut off within a character.
        None if text.len() == MOST_BYTES => {
            std::str::from_utf8(text.get(..error.valid_up_to()).unwrap_or_default())
        }
        _ => Err(error),
    });
    let Ok(words) = words else {
        // Every filter has bytes that are no text; a profile with such is told where they are.
        return if Program::from_bytes(text).is_ok() {
            Dialect::Cbpf
        } else {
            Dialect::Docker
        };
    };
    let trimmed = words.trim_start();
    let mut lines = trimmed.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let second = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let begins = |line: &str, words: &[&str]| words.iter().any(|word| line.starts_with(word));
    if trimmed.starts_with('{') && first.contains(',') && !first.contains('"') {
        Dialect::CbpfText
    } else if trimmed.starts_with('{') {
        let configuration = ["\"ociVersion\"", "\"linux\""];
        if configuration.iter().any(|key| words.contains(key)) {
            Dialect::Oci
        } else {
            Dialect::Docker
        }
    } else if matches!(first, "1" | "2")
        && begins(second, &["allowlist", "whitelist", "denylist", "blacklist"])
    {
        Dialect::Lxc
    } else if words
        .lines()
        .any(|line| begins(line.trim_start(), &["SystemCall"]))
    {
        Dialect::Systemd
    } else if words.lines().take(400).any(is_of_strace) {
        Dialect::Strace
    } else if !first.is_empty()
        && first
            .chars()
            .all(|letter| letter.is_ascii_digit() || matches!(letter, ' ' | ','))
    {
        Dialect::CbpfText
    } else if words.contains('\0') && Program::from_bytes(text).is_ok() {
        Dialect::Cbpf
    } else if !first.is_empty() && !first.starts_with('[') && words.lines().all(is_of_mkseccomp) {
        Dialect::Mkseccomp
    } else {
        Dialect::Docker
    }
}

/// `% time seconds …`, `openat(…) = 3`, `[pid 7] …`
fn is_of_strace(line: &str) -> bool {
    line.starts_with("% time")
        || line.starts_with("strace: Process ")
        || line
            .split_once('(')
            .is_some_and(|(_, rest)| rest.contains(") = ") || rest.contains("<unfinished"))
}

/// A name, a comment or nothing.
fn is_of_mkseccomp(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.starts_with("//")
        || line
            .split_whitespace()
            .next()
            .is_some_and(names::is_well_formed)
}

/// Reads a text for a machine of `native`.
#[must_use]
pub fn read(text: &[u8], dialect: Dialect, native: Arch) -> Reading<Document> {
    match dialect {
        Dialect::Docker => docker::read(text).map(Document::Profile),
        Dialect::Oci => oci::read(text).map(Document::Profile),
        Dialect::Lxc => lxc::read(text, native).map(Document::Policy),
        Dialect::Systemd => systemd::read(text, native).map(Document::Policy),
        Dialect::Mkseccomp => mkseccomp::read(text, native).map(Document::Policy),
        Dialect::Strace => strace::read(text).map(Document::Policy),
        Dialect::Cbpf => checked(raw::read_bytes(text)),
        Dialect::CbpfText => checked(raw::read_text(text)),
    }
}

/// A program that the kernel would take, or why it would not.
fn checked(reading: Reading<Vec<Instruction>>) -> Reading<Document> {
    let Reading {
        value,
        mut findings,
    } = reading;
    let value = value.and_then(|list| match Program::new(list) {
        Ok(program) => Some(Document::Program(program)),
        Err(error) => {
            findings.push(Finding {
                level: Level::Error,
                place: None,
                code: "no-filter",
                what: format!("the kernel would not take this filter: {error}"),
                mend: "give a whole seccomp filter of classic BPF".to_owned(),
            });
            None
        }
    });
    Reading { value, findings }
}

#[cfg(test)]
mod tests {
    use super::{Arch, Dialect, Document, read, recognise};

    #[test]
    fn each_dialect_is_recognised() {
        for (text, dialect) in [
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", Dialect::Docker),
            ("{\"ociVersion\": \"1.0\", \"linux\": {}}", Dialect::Oci),
            ("2\nallowlist\nread\n", Dialect::Lxc),
            ("1\nwhitelist\n0\n", Dialect::Lxc),
            ("[Service]\nSystemCallFilter=@basic-io\n", Dialect::Systemd),
            ("% time     seconds  usecs/call\n", Dialect::Strace),
            ("12 openat(AT_FDCWD, \"x\") = 3\n", Dialect::Strace),
            ("// files\nread\nwrite // twice\n", Dialect::Mkseccomp),
            ("2,32 0 0 0,6 0 0 0,", Dialect::CbpfText),
            ("{ 0x06, 0, 0, 0x7fff0000 },\n", Dialect::CbpfText),
            ("\u{6}\0\0\0\0\0\0\0", Dialect::Cbpf),
            ("[1, 2", Dialect::Docker),
            ("", Dialect::Docker),
        ] {
            assert_eq!(recognise(text.as_bytes()), dialect, "{text:?}");
        }
        assert_eq!(recognise(&[6, 0, 0, 0, 0, 0, 0xff, 0x7f]), Dialect::Cbpf);
        assert_eq!(recognise(&[0xff, 0xfe]), Dialect::Docker);
    }

    #[test]
    fn a_filter_that_the_kernel_refuses_is_an_error() {
        let refused = read(&[0; 8], Dialect::Cbpf, Arch::X86_64);
        assert!(refused.value.is_none());
        assert!(refused.findings[0].what.contains("must return"));
        let taken = read(&[6, 0, 0, 0, 0, 0, 0xff, 0x7f], Dialect::Cbpf, Arch::X86_64);
        assert!(matches!(taken.value, Some(Document::Program(_))));
    }
}
