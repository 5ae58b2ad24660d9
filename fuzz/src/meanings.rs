//! A policy's meanings: each compiles to a filter that means the same.

use crate::{
    filter,
    seccomp::{
        action::Action,
        diagram::Diagrams,
        facts::libseccomp::Version,
        filter::{compile::compile, symbolic},
        meaning::{self, Host, Meaning, MeaningError, Runtime},
        policy::Policy,
    },
};

const HOSTS: [Host; 3] = [
    Host {
        runtime: Runtime::Runc,
        libseccomp: Version::DEBIAN_12,
    },
    Host {
        runtime: Runtime::Runc,
        libseccomp: Version::new(2, 6, 1),
    },
    Host {
        runtime: Runtime::Crun,
        libseccomp: Version::DEBIAN_12,
    },
];

/// Holds the meanings of a policy against the filters they compile to.
pub fn check(policy: &Policy, seed: u64) {
    let meanings = HOSTS.into_iter().map(Meaning::AsRunc);
    for meaning in [Meaning::Exact].into_iter().chain(meanings) {
        let mut diagrams = Diagrams::new();
        let root = match meaning::diagram(&mut diagrams, policy, meaning) {
            Ok(root) => root,
            Err(MeaningError::TooLarge(_) | MeaningError::Refused(_)) => continue,
        };
        let Ok(program) = compile(&diagrams, root) else {
            continue;
        };
        let again = symbolic::diagram(&mut diagrams, &program);
        if let Ok(again) = again {
            assert_eq!(again, root, "{meaning:?} of {policy:?}");
        }
        for call in filter::calls(&program, seed) {
            filter::check_answer(&diagrams, root, &program, &call);
        }
    }
}

/// The data of `SCMP_ACT_TRAP` has no field in a profile.
#[must_use]
pub fn without_trap_data(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    let plain = |action: &mut Action| {
        if let Action::Trap(data) = action {
            *data = 0;
        }
    };
    plain(&mut policy.default);
    for rule in &mut policy.rules {
        plain(&mut rule.action);
    }
    policy
}
