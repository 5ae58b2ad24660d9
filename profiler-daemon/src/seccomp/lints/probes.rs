//! Refusals that a C library takes for the call's own answer.
//!
//! It tries a new call first and falls back to an older one if the answer is ENOSYS. EPERM is an
//! answer, and the program fails.

use super::verdicts::Verdicts;
use crate::seccomp::{
    action::Action,
    dialects::docker::Profile,
    finding::{Findings, Level},
};

const ENOSYS: u16 = 38;

/// Calls that glibc falls back from on ENOSYS only, and that many programs make. Each is also in
/// `profile::libc_probes`.
const PROBES: [&str; 4] = ["clone3", "faccessat2", "fchmodat2", "statx"];

pub(super) fn check(profile: &Profile, verdicts: &Verdicts, findings: &mut Findings) {
    let misleading: Vec<&str> = PROBES
        .into_iter()
        .filter(|name| matches!(verdicts.verdict(name), Action::Errno(errno) if errno != ENOSYS))
        .collect();
    if misleading.is_empty() {
        return;
    }
    let place = profile
        .default_action
        .as_ref()
        .and_then(|action| action.place);
    findings.add(Level::Warning, "refused-not-enosys", place, || {
        (
            format!(
                "glibc tries {} and does without on ENOSYS, but with another errno the program \
                 fails; runc answers ENOSYS by itself for calls newer than all that the profile \
                 names, crun never",
                misleading.join(", ")
            ),
            "allow them, or add a rule with SCMP_ACT_ERRNO and errnoRet 38".to_owned(),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::PROBES;
    use crate::profile::{abi::Abi, libc_probes::libc_probes, table};

    #[test]
    fn they_are_probes() {
        let known: Vec<_> = libc_probes(Abi::X86_64).filter_map(table::name).collect();
        assert!(PROBES.iter().all(|name| known.contains(name)));
    }
}
