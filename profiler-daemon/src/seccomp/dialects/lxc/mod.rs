//! LXC's profiles, versions 1 (numbers) and 2 (names), read and printed.
//!
//! The grammar is that of LXC 5.0.2 as it behaves, tried line by line under `lxc-execute`; where the
//! manual says otherwise a finding says so. What LXC itself calls under a profile is in [`needs`].

pub mod needs;
pub mod v1;
pub mod v2;
mod v2_line;
mod v2_print;

use crate::seccomp::{
    arch::Arch,
    dialects::text::{Line, lines},
    finding::{Findings, Reading},
    policy::Policy,
};

/// The greatest errno that libseccomp takes in a rule.
const MAX_ERRNO: u16 = 4094;

/// Reads either version, as the first number of the text says, for a machine of `native`.
#[must_use]
pub fn read(text: &[u8], native: Arch) -> Reading<Policy> {
    let mut findings = Findings::default();
    let lines = lines(text, &mut findings);
    let Some((version, rest)) = version(&lines, &mut findings) else {
        return Reading {
            value: None,
            findings: findings.reading(()).findings,
        };
    };
    if version == 1 {
        v1::read(rest, native, findings)
    } else {
        v2::read(rest, native, findings)
    }
}

/// The architectures whose calls a version 2 profile judges. Its sections do not narrow them.
#[must_use]
pub fn arches(native: Arch) -> Vec<Arch> {
    match native {
        Arch::X86_64 => vec![Arch::X86_64, Arch::X86, Arch::X32],
        Arch::Aarch64 => vec![Arch::Aarch64, Arch::Arm],
        alone => vec![alone],
    }
}

/// The version, and the lines from the policy line on: blank lines before that are passed over.
fn version<'a, 'b>(lines: &'b [Line<'a>], findings: &mut Findings) -> Option<(u8, &'b [Line<'a>])> {
    let Some(first) = lines.iter().position(|line| !line.text.trim().is_empty()) else {
        // What is no text, or too long, was told.
        if !findings.failed() {
            findings.error(
                None,
                "no-version",
                "the text is empty: a profile begins with its version",
                "write 2 on the first line and allowlist or denylist on the second",
            );
        }
        return None;
    };
    let line = lines[first];
    let version = match line.text.trim() {
        "1" => 1,
        "2" => 2,
        other => {
            findings.error(
                line.place(other),
                "bad-version",
                "LXC knows the versions 1 and 2 only",
                "write 2 on the first line",
            );
            return None;
        }
    };
    let after = lines.get(first + 1..).unwrap_or_default();
    let policy = after.iter().position(|line| !line.text.trim().is_empty());
    let rest = policy.and_then(|at| after.get(at..)).unwrap_or_default();
    if rest.is_empty() {
        findings.error(
            line.start(),
            "no-policy-line",
            "there is no line after the version, so LXC refuses the profile",
            "write allowlist or denylist on the second line",
        );
        return None;
    }
    Some((version, rest))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
