//! A profile in Docker's dialect, as it is exported: the same bytes for the same profile.
//!
//! It holds no more than every engine and runtime takes. No `flags`: runc before 1.2 refuses any.
//! No `defaultErrnoRet`: the default of all runtimes is the EPERM that is wanted, and older readers
//! do not know the field. No `args`, `includes` or `excludes`: a recording tells neither arguments
//! nor capabilities. Each name is in exactly one rule, for libseccomp lets the first of two rules
//! without arguments win. Must not decide what is allowed; that is `profile::compose`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::profile::{
    abi::Abi,
    baseline,
    compose::{Composed, Entry, Verdict},
    kernel_calls, libc_probes,
    reason::Reason,
};

/// What to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Let it through.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// Answer an errno: the rule's, or EPERM.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
}

/// One rule: names that are treated alike for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names of calls, sorted.
    pub names: Vec<String>,
    /// What to do.
    pub action: Action,
    /// The errno of [`Action::Errno`].
    #[serde(rename = "errnoRet", default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u16>,
    /// Why the names are here. Runtimes ignore it.
    pub comment: String,
}

/// A whole profile. Reads back what it prints, and nothing else of Docker's dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// For every call without a rule.
    #[serde(rename = "defaultAction")]
    pub default_action: Action,
    /// libseccomp's names of the ABIs, sorted.
    pub architectures: Vec<String>,
    /// The rules: what is allowed, the strongest reason first, then what is answered ENOSYS.
    pub syscalls: Vec<Rule>,
}

impl Document {
    /// Writes a profile down.
    #[must_use]
    pub fn of(composed: &Composed) -> Self {
        let grounds = composed.grounds();
        let mut rules: BTreeMap<(Verdict, Why), Vec<String>> = BTreeMap::new();
        for (name, verdict) in composed.names() {
            let grounds = grounds.get(name).map_or(&[][..], Vec::as_slice);
            let why = Why::of(grounds, composed.abis.len() > 1);
            rules
                .entry((verdict, why))
                .or_default()
                .push(name.to_owned());
        }
        let mut architectures: Vec<String> = composed
            .abis
            .iter()
            .map(|abi| abi.scmp().to_owned())
            .collect();
        architectures.sort();
        Self {
            default_action: Action::Errno,
            architectures,
            syscalls: rules
                .into_iter()
                .map(|((verdict, why), names)| rule(verdict, why, names))
                .collect(),
        }
    }

    /// As the text of a file, with a newline at its end.
    ///
    /// # Errors
    /// None in practice: every part has a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As a JSON value, its fields in the order in which they are printed.
    ///
    /// # Errors
    /// None in practice: every part has a JSON form.
    pub fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self)
    }

    /// Reads what [`Document::to_text`] printed.
    ///
    /// # Errors
    /// The text is no JSON, or has anything that is never printed here; the place is told.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

fn rule(verdict: Verdict, why: Why, names: Vec<String>) -> Rule {
    let (action, errno_ret) = match verdict {
        Verdict::Allow => (Action::Allow, None),
        Verdict::Errno(errno) => (Action::Errno, Some(errno)),
        Verdict::Refuse => (Action::Errno, None),
    };
    Rule {
        names,
        action,
        errno_ret,
        comment: why.comment,
    }
}

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
#[path = "document_tests.rs"]
mod tests;
