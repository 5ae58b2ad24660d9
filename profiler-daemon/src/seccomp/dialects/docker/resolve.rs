//! Decides what of a profile holds for one container on one host, as Docker does it.
//!
//! The order of the steps is moby's (`setupSeccomp`), so that the same profile fails with the same
//! sentence. podman's fields take no part. Whether runc takes the outcome is for `lints`, but for
//! what has no meaning as a policy: that fails with runc's sentence.

use std::collections::BTreeSet;

use super::{
    Conditions, KernelVersion, Profile, Rule,
    vocabulary::{DOCKER_CAPABILITIES, native_arch},
};
use crate::seccomp::{
    arch::{Arch, WITHOUT_TABLE},
    condition::Condition,
    dialects::placed::Placed,
    policy::{self, Policy},
};

/// What decides which rules hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The container's bounding set, `CAP_…`, after `--cap-add`, `--cap-drop` and `--privileged`.
    pub capabilities: BTreeSet<String>,
    /// The machine's own architecture.
    pub arch: Arch,
    /// The first two numbers of the running kernel's version.
    pub kernel: (u32, u32),
}

impl Circumstances {
    /// A container that asks Docker for no capabilities and is given the usual ones.
    #[must_use]
    pub fn usual(arch: Arch, kernel: (u32, u32)) -> Self {
        Self {
            capabilities: DOCKER_CAPABILITIES.map(str::to_owned).into(),
            arch,
            kernel,
        }
    }
}

/// What a kernel is taken for that does not say its version: newer than any that is known.
pub const NEWEST_KERNEL: (u32, u32) = (u32::MAX, 0);

/// The first two numbers of a kernel's release: 6 and 1 of `6.1.0-18-amd64`.
#[must_use]
pub fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|letter: char| !letter.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What a profile comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// No filter at all: the profile has neither a default action nor rules.
    Off,
    /// A filter.
    Filter(Filter),
}

/// A filter as a runtime is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The rules that hold.
    pub policy: Policy,
    /// The flags; Docker passes an empty list on as none.
    pub flags: Option<Vec<String>>,
    /// Listed architectures of which no table is known here, and which `policy` leaves out.
    pub without_table: Vec<String>,
}

/// Why a profile comes to nothing, in the sentences of moby and, from
/// [`ResolveError::NoDefaultAction`] on, runc.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Both lists of architectures.
    #[error(
        "both 'architectures' and 'archMap' are specified in the seccomp profile, use either \
         'architectures' or 'archMap'"
    )]
    BothArchitectures,
    /// Both fields for names in one rule, even in one that would not hold.
    #[error(
        "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"
    )]
    BothNames,
    /// Rules but no default action.
    #[error("string  is not a valid action for seccomp")]
    NoDefaultAction,
    /// No such architecture.
    #[error("string {0} is not a valid arch for seccomp")]
    Architecture(String),
    /// A condition on an argument that no call has.
    #[error(
        "error creating seccomp syscall condition for syscall {name}: syscalls only have up to 6 \
         arguments ({index} given)"
    )]
    Argument {
        /// The rule's first name.
        name: String,
        /// The argument's index.
        index: u64,
    },
}

/// Resolves a profile.
///
/// # Errors
/// Docker or runc refuses the profile under these circumstances.
pub fn resolve(profile: &Profile, circumstances: &Circumstances) -> Result<Resolved, ResolveError> {
    if profile.default_action.is_none() && profile.syscalls.is_empty() {
        return Ok(Resolved::Off);
    }
    if !profile.architectures.is_empty() && !profile.arch_map.is_empty() {
        return Err(ResolveError::BothArchitectures);
    }
    let mut rules = Vec::new();
    for rule in &profile.syscalls {
        if rule.name.is_some() && !rule.names.is_empty() {
            return Err(ResolveError::BothNames);
        }
        if !excluded(&rule.excludes, circumstances) && included(&rule.includes, circumstances) {
            rules.push(rule);
        }
    }
    let default = profile
        .default_action
        .as_ref()
        .ok_or(ResolveError::NoDefaultAction)?;
    let errno = profile.default_errno_ret.as_ref().map(|errno| errno.value);
    let (arches, without_table) = arches(profile, circumstances.arch)?;
    let flags = profile.flags.as_ref().filter(|flags| !flags.is_empty());
    Ok(Resolved::Filter(Filter {
        policy: Policy {
            default: default.with(errno),
            native: circumstances.arch,
            arches,
            rules: rules.into_iter().map(resolved).collect::<Result<_, _>>()?,
        },
        flags: flags.map(|flags| flags.iter().map(|flag| flag.value.clone()).collect()),
        without_table,
    }))
}

fn excluded(conditions: &Conditions, circumstances: &Circumstances) -> bool {
    let Circumstances {
        capabilities,
        arch,
        kernel,
    } = circumstances;
    lists(&conditions.arches, native_arch(*arch))
        || conditions
            .caps
            .iter()
            .any(|cap| capabilities.contains(&cap.value))
        || conditions
            .min_kernel
            .as_ref()
            .is_some_and(|least| is_at_least(*kernel, least.value))
}

fn included(conditions: &Conditions, circumstances: &Circumstances) -> bool {
    let Circumstances {
        capabilities,
        arch,
        kernel,
    } = circumstances;
    (conditions.arches.is_empty() || lists(&conditions.arches, native_arch(*arch)))
        && conditions
            .caps
            .iter()
            .all(|cap| capabilities.contains(&cap.value))
        && conditions
            .min_kernel
            .as_ref()
            .is_none_or(|least| is_at_least(*kernel, least.value))
}

fn lists(words: &[Placed<String>], wanted: &str) -> bool {
    words.iter().any(|word| word.value == wanted)
}

fn is_at_least(kernel: (u32, u32), least: KernelVersion) -> bool {
    kernel >= (u32::from(least.kernel), u32::from(least.major))
}

/// The architectures that are judged, the machine's own first, and those without a table.
fn arches(profile: &Profile, native: Arch) -> Result<(Vec<Arch>, Vec<String>), ResolveError> {
    let mapped = profile
        .arch_map
        .iter()
        .find(|line| line.architecture.value == native.scmp());
    let listed = profile
        .architectures
        .iter()
        .chain(mapped.iter().flat_map(|line| &line.sub_architectures));
    let mut arches = vec![native];
    let mut without_table = Vec::new();
    for word in listed {
        match Arch::named(word) {
            Some(arch) if arches.contains(&arch) => {}
            Some(arch) => arches.push(arch),
            None if !WITHOUT_TABLE.contains(&word.as_str()) => {
                return Err(ResolveError::Architecture(word.value.clone()));
            }
            None if without_table.contains(&word.value) => {}
            None => without_table.push(word.value.clone()),
        }
    }
    Ok((arches, without_table))
}

fn resolved(rule: &Rule) -> Result<policy::Rule, ResolveError> {
    let conditions: Vec<Condition> = rule
        .args
        .iter()
        .map(|argument| {
            argument.condition().ok_or_else(|| ResolveError::Argument {
                name: rule
                    .all_names()
                    .next()
                    .map(|name| name.value.clone())
                    .unwrap_or_default(),
                index: argument.index.value,
            })
        })
        .collect::<Result<_, _>>()?;
    let errno = rule.errno_ret.as_ref().map(|errno| errno.value);
    Ok(policy::Rule {
        names: rule.all_names().map(|name| name.value.clone()).collect(),
        action: rule.action.with(errno),
        conditions,
    })
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
