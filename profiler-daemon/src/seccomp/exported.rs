//! A composed profile as a document in Docker's dialect: the same rules for the same observations.
//!
//! It holds no more than every engine and runtime takes. No `flags`: runc before 1.2 refuses any.
//! No `defaultErrnoRet`: the default of all runtimes is the EPERM that is wanted, and older readers
//! do not know the field. No `includes` or `excludes`: a recording tells nothing of capabilities.
//! Each name is in exactly one rule, for libseccomp lets the first of two rules without arguments
//! win; one that is narrowed to values of its arguments has a rule for each combination, and no
//! other. Must not decide what is allowed; that is `profile::compose`.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::{
    abi::Abi,
    arguments::Values,
    baseline,
    compose::{Composed, Entry, Verdict},
    kernel_calls, libc_probes,
    reason::Reason,
    table,
};
use crate::seccomp::{
    arch::Arch,
    condition::{Condition, Operator},
    dialects::docker::{ActionName, Argument, Profile, Rule},
    facts::width,
};

/// Writes a profile down: what is allowed, the strongest reason first, then what is answered
/// ENOSYS; names and architectures sorted.
#[must_use]
pub fn document(composed: &Composed) -> Profile {
    let grounds = composed.grounds();
    let mut rules: BTreeMap<(Verdict, Why), Vec<String>> = BTreeMap::new();
    let wide = composed
        .names()
        .filter(|(name, _)| !composed.narrowed.contains_key(name));
    for (name, verdict) in wide {
        let grounds = grounds.get(name).map_or(&[][..], Vec::as_slice);
        let why = Why::of(grounds, composed.abis.len() > 1);
        rules
            .entry((verdict, why))
            .or_default()
            .push(name.to_owned());
    }
    let mut architectures: Vec<&str> = composed.abis.iter().map(|abi| abi.scmp()).collect();
    architectures.sort_unstable();
    Profile {
        default_action: Some(ActionName::Errno.into()),
        architectures: architectures.into_iter().map(Into::into).collect(),
        syscalls: rules
            .into_iter()
            .map(|((verdict, why), names)| rule(verdict, why, names))
            .chain(
                composed
                    .narrowed
                    .iter()
                    .flat_map(|(name, values)| narrowed(name, values, &composed.abis)),
            )
            .collect(),
        ..Profile::default()
    }
}

fn rule(verdict: Verdict, why: Why, names: Vec<String>) -> Rule {
    let (action, errno) = match verdict {
        Verdict::Allow => (ActionName::Allow, None),
        Verdict::Errno(errno) => (ActionName::Errno, Some(u64::from(errno).into())),
        Verdict::Refuse => (ActionName::Errno, None),
    };
    Rule {
        errno_ret: errno,
        comment: why.comment,
        ..Rule::of(action, names)
    }
}

/// A rule for each combination of values.
fn narrowed<'a>(
    name: &'a str,
    values: &'a Values,
    abis: &'a BTreeSet<Abi>,
) -> impl Iterator<Item = Rule> + 'a {
    let condition = move |(place, value): (&u8, &u64)| {
        // Of a 32-bit argument the kernel takes the lower word, so nothing else must decide.
        let narrow = abis
            .iter()
            .filter(|abi| table::number(**abi, name).is_some())
            .all(|abi| width::is_32_bit(Arch::from(*abi), name, *place));
        let (operator, first, second) = if narrow {
            (Operator::MaskedEqual, u64::from(u32::MAX), *value)
        } else {
            (Operator::Equal, *value, 0)
        };
        Argument::from(Condition {
            index: *place,
            operator,
            value: first,
            value_two: second,
        })
    };
    values.seen.iter().flatten().map(move |combination| Rule {
        args: values
            .places
            .iter()
            .zip(combination)
            .map(condition)
            .collect(),
        comment: NARROWED_LABEL.to_owned(),
        ..Rule::of(ActionName::Allow, [name.to_owned()])
    })
}

const NARROWED_LABEL: &str = "observed in the container with these arguments";

/// The reason that speaks for a rule, and how it is put. Rules are sorted by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Why {
    place: usize,
    comment: String,
}

const KEPT_LABEL: &str = "the filter in force answered ENOSYS: kept so that the caller falls back";

const PROBE_LABEL: &str =
    "the kernel only ever answered ENOSYS: kept so that the caller falls back";

/// Which reason speaks for a name that has several: first what the container did itself.
const PRECEDENCE: [Reason; 8] = [
    Reason::Observed,
    Reason::IncludedRefused,
    Reason::Kernel,
    Reason::RuntimeTable,
    Reason::RuntimeSeen,
    Reason::KeptEnosys,
    Reason::Probe,
    Reason::LibcProbe,
];

impl Why {
    fn of(grounds: &[(Abi, &Entry)], several_abis: bool) -> Self {
        let strongest = PRECEDENCE.iter().enumerate().find(|(_, reason)| {
            grounds
                .iter()
                .any(|(_, entry)| entry.reasons.contains(reason))
        });
        let Some((place, reason)) = strongest else {
            return Self {
                place: PRECEDENCE.len(),
                comment: String::new(),
            };
        };
        let speaking = || {
            grounds
                .iter()
                .filter(|(_, entry)| entry.reasons.contains(reason))
        };
        // A rule can't be held to one of several architectures, so it says where it comes from.
        let (under, scope) = if several_abis {
            let abis: Vec<&str> = speaking().map(|(abi, _)| abi.name()).collect();
            (
                format!(" under {}", abis.join(" and ")),
                "; the rule holds for every architecture listed",
            )
        } else {
            (String::new(), "")
        };
        let comment = match reason {
            Reason::Observed => format!("observed in the container{under}{scope}"),
            Reason::IncludedRefused => {
                format!("refused{under} when it was recorded, allowed on request{scope}")
            }
            Reason::Kernel => kernel_calls::LABEL.to_owned(),
            Reason::RuntimeTable => speaking()
                .find_map(|(_, entry)| entry.baseline_label)
                .unwrap_or(baseline::SEEN_LABEL)
                .to_owned(),
            Reason::RuntimeSeen => baseline::SEEN_LABEL.to_owned(),
            Reason::KeptEnosys => KEPT_LABEL.to_owned(),
            Reason::Probe => PROBE_LABEL.to_owned(),
            Reason::LibcProbe => libc_probes::LABEL.to_owned(),
        };
        Self { place, comment }
    }
}

#[cfg(test)]
#[path = "exported_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "exported_arguments_tests.rs"]
mod arguments_tests;
