//! What a profile that reads well amounts to all the same: its traps, each with reason and mend.
//!
//! Most traps are of the machinery behind a profile (moby, runc, crun, libseccomp), which takes in
//! silence what does nothing, or something else. Must not know how a profile is compiled.

mod across;
mod arguments;
mod multiplexed;
mod probes;
mod rule;
mod start;
mod verdicts;
mod whole;

use self::verdicts::Verdicts;
use crate::seccomp::{
    arch::Arch,
    dialects::docker::Profile,
    finding::{Finding, Findings, Reading},
};

/// What lints need to know that other parts of this room know.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    /// True if the kernel reads only the lower 32 bits of this argument of the call.
    pub is_32_bit: &'f dyn Fn(Arch, &str, u8) -> bool,
    /// True if a libseccomp that is widely in use does not know this name of a call yet.
    pub is_new_to_libseccomp: &'f dyn Fn(&str) -> bool,
}

impl Facts<'_> {
    /// Nothing known: what needs to know it is silent.
    pub const NONE: Facts<'static> = Facts {
        is_32_bit: &|_, _, _| false,
        is_new_to_libseccomp: &|_| false,
    };
}

/// A reading with the traps of what was read beside its findings, in the order of the text.
#[must_use]
pub fn linted(mut reading: Reading<Profile>, facts: &Facts<'_>) -> Reading<Profile> {
    if let Some(profile) = &reading.value {
        reading.findings.extend(check(profile, facts));
        reading.findings.sort_by_key(Finding::order);
    }
    reading
}

/// Looks for the traps of a profile; in the order of its text.
#[must_use]
pub fn check(profile: &Profile, facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    whole::check(profile, &mut findings);
    for rule in &profile.syscalls {
        rule::check(rule, facts, &mut findings);
        arguments::check(profile, rule, facts, &mut findings);
    }
    across::check(profile, &mut findings);
    multiplexed::check(profile, &mut findings);
    if let Some(verdicts) = Verdicts::of(profile) {
        start::check(profile, &verdicts, &mut findings);
        probes::check(profile, &verdicts, &mut findings);
    }
    findings.into_list()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
