//! A resolved policy, of whatever dialect, as a profile: nothing in it depends on the container.

use super::{ActionName, Argument, Profile, Rule};
use crate::seccomp::policy::Policy;

impl From<&Policy> for Profile {
    fn from(policy: &Policy) -> Self {
        let (default_action, default_errno) = ActionName::of(policy.default);
        Self {
            default_action: Some(default_action.into()),
            default_errno_ret: default_errno.map(Into::into),
            architectures: policy
                .arches
                .iter()
                .map(|arch| arch.scmp().into())
                .collect(),
            syscalls: policy
                .rules
                .iter()
                .map(|rule| {
                    let (action, errno) = ActionName::of(rule.action);
                    Rule {
                        errno_ret: errno.map(Into::into),
                        args: rule
                            .conditions
                            .iter()
                            .map(|one| Argument::from(*one))
                            .collect(),
                        ..Rule::of(action, rule.names.clone())
                    }
                })
                .collect(),
            ..Self::default()
        }
    }
}
