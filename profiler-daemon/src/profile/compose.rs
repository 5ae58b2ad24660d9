//! What a profile holds: the rules by which an observation becomes verdicts, each with its reasons.
//!
//! A call is observed under one ABI, but a rule of Docker's dialect holds for its name under every
//! architecture that the profile lists. So verdicts are settled by name, allowing wins, and what a
//! name allows beyond what was seen is counted as widened. Must not know how a profile is written
//! down: that is `seccomp::exported`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{
    abi::Abi,
    arguments::{Arguments, Values},
    baseline::{self, learned},
    call::{Call, CallSet},
    kernel_calls::kernel_calls,
    libc_probes::libc_probes,
    observation::{Observation, RefusedWith},
    origin::{Origin, Selection},
    reason::Reason,
    table,
};

/// The errno that says "this kernel has no such call".
pub const ENOSYS: u16 = 38;

/// What a profile does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Lets it through, whatever its arguments.
    Allow,
    /// Answers this errno, by a rule of its own.
    Errno(u16),
    /// Has no rule for it: it gets the profile's default.
    Refuse,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => out.write_str("allow"),
            Self::Errno(errno) => write!(out, "errno {errno}"),
            Self::Refuse => out.write_str("refuse"),
        }
    }
}

/// What the person who exports may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Allow what was refused so far.
    pub include_refused: bool,
    /// Allow calls with the values only that their arguments were seen with, where all are known.
    pub arguments: bool,
    /// Which of the observed calls to allow, by where they come from.
    pub selection: Selection,
}

/// Everything that a profile is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// One container's recording, or that of several ([`Observation::united`]).
    pub observation: &'a Observation,
    /// What this host's runtimes were seen to call.
    pub learned: &'a learned::LearnedBaseline,
    /// Choices.
    pub options: Options,
}

/// A call that a profile has a rule for because of itself, not because of a namesake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was settled for its name.
    pub verdict: Verdict,
    /// Why, without repeats, sorted.
    pub reasons: Vec<Reason>,
    /// What the runtime baseline says of it.
    pub baseline_label: Option<&'static str>,
}

/// How much of what; names, unless it says calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Allowed.
    pub allowed: u64,
    /// Of those, observed.
    pub observed: u64,
    /// Of those, there for the runtime or the kernel only.
    pub baseline: u64,
    /// Answered with an errno by a rule of their own.
    pub errno: u64,
    /// Calls (not names) that were refused and are not allowed.
    pub refused_left_out: u64,
    /// Calls (not names) that are allowed only because another ABI's namesake is.
    pub widened: u64,
    /// Allowed with some values of their arguments only.
    pub narrowed: u64,
}

/// A profile before it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The ABIs seen. Always x86_64 too: the runtime executes the program there.
    pub abis: BTreeSet<Abi>,
    /// Every call with a reason of its own.
    pub entries: BTreeMap<Call, Entry>,
    /// Refused to the container's programs when recorded, and not allowed now.
    pub left_out: CallSet,
    /// Both made and refused, so that the filter in force looked at arguments. They are allowed
    /// whatever their arguments, which is more than that filter did.
    pub partly_refused: CallSet,
    /// Observed, but with a number that no table names: no profile can hold these.
    pub unnamed: CallSet,
    /// Observed, and left out for where they come from; no namesake is allowed.
    pub elsewhere: CallSet,
    /// Observed calls that are held because it is not known of them where they come from.
    pub unknown_origin: CallSet,
    /// Of the names that are allowed, those with some values of their arguments only.
    pub narrowed: BTreeMap<&'static str, Values>,
    /// How much of what.
    pub counts: Counts,
    by_name: BTreeMap<&'static str, Verdict>,
}

impl Composed {
    /// What the profile does with any call, by its name's rule. A call of an ABI that is not
    /// listed is refused, in libseccomp's case by ending the thread.
    #[must_use]
    pub fn verdict(&self, call: Call) -> Verdict {
        table::name(call)
            .filter(|_| self.abis.contains(&call.abi))
            .and_then(|name| self.by_name.get(name).copied())
            .unwrap_or(Verdict::Refuse)
    }

    /// Why the profile has the call; empty if only a namesake of another ABI brought it in.
    #[must_use]
    pub fn reasons(&self, call: Call) -> &[Reason] {
        self.entries.get(&call).map_or(&[], |entry| &entry.reasons)
    }

    /// Every name with a rule, and the rule's verdict.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, Verdict)> {
        self.by_name.iter().map(|(name, verdict)| (*name, *verdict))
    }

    /// Entries by name: what a rule for that name rests on.
    #[must_use]
    pub fn grounds(&self) -> BTreeMap<&'static str, Vec<(Abi, &Entry)>> {
        let mut grounds: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (call, entry) in &self.entries {
            if let Some(name) = table::name(*call) {
                grounds.entry(name).or_default().push((call.abi, entry));
            }
        }
        grounds
    }
}

/// Makes a profile.
#[must_use]
pub fn compose(inputs: &Inputs<'_>) -> Composed {
    let seen = Seen::of(inputs);
    let mut draft = Draft::default();
    draft.allow_all(&seen.made, Reason::Observed);
    if inputs.options.include_refused {
        draft.allow_all(&seen.refused_otherwise, Reason::IncludedRefused);
    }
    for abi in &seen.abis {
        for call in kernel_calls(*abi) {
            draft.allow(call, Reason::Kernel);
        }
    }
    for (name, label) in baseline::united() {
        if let Some(call) = table::call(Abi::X86_64, name) {
            draft.allow(call, Reason::RuntimeTable);
            draft.labels.insert(call, label);
        }
    }
    let learned = inputs.learned.calls();
    for call in learned::teachable(&(&learned | &inputs.observation.guarded)) {
        // A runtime of another ABI than the container's would be strange; it widens nothing.
        if seen.abis.contains(&call.abi) {
            draft.allow(call, Reason::RuntimeSeen);
        }
    }
    let probed = seen.abis.iter().flat_map(|abi| libc_probes(*abi));
    draft.answer_enosys(probed, Reason::LibcProbe);
    draft.answer_enosys(seen.probes.iter().copied(), Reason::Probe);
    let kept = seen.refused_enosys.iter().copied();
    draft.answer_enosys(
        kept.filter(|call| seen.abis.contains(&call.abi)),
        Reason::KeptEnosys,
    );
    let narrowed = if inputs.options.arguments {
        draft.narrowed(&seen.made, &inputs.observation.arguments)
    } else {
        BTreeMap::new()
    };
    draft.settle(seen, narrowed)
}

/// An observation, sorted into what the rules tell apart.
struct Seen {
    abis: BTreeSet<Abi>,
    /// By the container's programs, and answered by more than ENOSYS.
    made: CallSet,
    probes: CallSet,
    /// Refused, to programs or runtime, with nothing but ENOSYS; never made.
    refused_enosys: CallSet,
    /// Refused to programs in another way; never made.
    refused_otherwise: CallSet,
    partly_refused: CallSet,
    unnamed: CallSet,
    /// Made, and left out for where they come from.
    elsewhere: CallSet,
    unknown_origin: CallSet,
}

impl Seen {
    fn of(inputs: &Inputs<'_>) -> Self {
        let observation = inputs.observation;
        let selection = inputs.options.selection;
        let (observed, elsewhere): (CallSet, CallSet) = (&observation.observed
            | &observation.in_flight)
            .into_iter()
            .partition(|call| selection.keeps(&observation.origins.of(*call)));
        let unknown_origin = if selection.is_everything() {
            CallSet::new()
        } else {
            let nobodys = |call: &Call| observation.origins.of(*call) == [Origin::Unknown];
            observed.iter().copied().filter(nobodys).collect()
        };
        // A call in flight has not answered yet, so it can't be taken for a probe.
        let probes = &(&observation.probes() & &observed) - &observation.in_flight;
        let (unnamed, made): (CallSet, CallSet) = (&observed - &probes)
            .into_iter()
            .partition(|call| table::name(*call).is_none());
        let mut refused = observation.refused.clone();
        let mut answers: BTreeMap<Call, BTreeSet<RefusedWith>> = BTreeMap::new();
        for refusal in &observation.refusals {
            answers
                .entry(refusal.call)
                .or_default()
                .insert(refusal.with);
            if !refusal.by_runtime {
                refused.insert(refusal.call);
            }
        }
        let only_enosys = |call: &Call| {
            // A refusal whose news was lost has no errno here, and counts as any other.
            answers
                .get(call)
                .is_some_and(|with| with.iter().all(|with| *with == RefusedWith::Errno(ENOSYS)))
        };
        let refused_enosys = (&refused | &observation.runtime_refused)
            .into_iter()
            .filter(|call| only_enosys(call) && !observed.contains(call))
            .collect();
        let refused_otherwise: CallSet = refused
            .iter()
            .filter(|call| !only_enosys(call) && !observed.contains(call))
            .copied()
            .collect();
        let mut abis: BTreeSet<Abi> = observed.iter().map(|call| call.abi).collect();
        abis.insert(Abi::X86_64);
        if inputs.options.include_refused {
            abis.extend(refused_otherwise.iter().map(|call| call.abi));
        }
        Self {
            abis,
            partly_refused: &made & &refused,
            made,
            probes,
            refused_enosys,
            refused_otherwise,
            unnamed,
            elsewhere,
            unknown_origin,
        }
    }
}

/// Verdicts in the making: reasons by call, and names allowed so far.
#[derive(Default)]
struct Draft {
    reasons: BTreeMap<Call, BTreeSet<Reason>>,
    labels: BTreeMap<Call, &'static str>,
    allowed: BTreeSet<&'static str>,
    enosys: BTreeSet<&'static str>,
}

impl Draft {
    fn allow(&mut self, call: Call, reason: Reason) {
        if let Some(name) = table::name(call) {
            self.allowed.insert(name);
            self.reasons.entry(call).or_default().insert(reason);
        }
    }

    fn allow_all(&mut self, calls: &CallSet, reason: Reason) {
        for call in calls {
            self.allow(*call, reason);
        }
    }

    /// To be called when all that is to be allowed is: allowing wins, in every ABI.
    fn answer_enosys(&mut self, calls: impl Iterator<Item = Call>, reason: Reason) {
        for call in calls {
            if let Some(name) = table::name(call).filter(|name| !self.allowed.contains(name)) {
                self.enosys.insert(name);
                self.reasons.entry(call).or_default().insert(reason);
            }
        }
    }

    /// The names that are allowed for no other reason than that the container made them, and of
    /// which all values are known, in every ABI in which it did.
    fn narrowed(&self, made: &CallSet, arguments: &Arguments) -> BTreeMap<&'static str, Values> {
        let only_observed = BTreeSet::from([Reason::Observed]);
        let mut wide = BTreeSet::new();
        for (call, reasons) in &self.reasons {
            if let Some(name) = table::name(*call).filter(|_| *reasons != only_observed) {
                wide.insert(name);
            }
        }
        let mut narrowed: BTreeMap<&'static str, Values> = BTreeMap::new();
        for call in made {
            let Some(name) = table::name(*call) else {
                continue;
            };
            let values = arguments.of(*call).filter(|known| known.seen.is_some());
            let joined = match (values, narrowed.get(name)) {
                (Some(values), None) => Some(values.clone()),
                (Some(values), Some(others)) if values.places == others.places => {
                    Some(values.joined(others)).filter(|all| all.seen.is_some())
                }
                _ => None,
            };
            match joined {
                Some(joined) => {
                    narrowed.insert(name, joined);
                }
                None => {
                    wide.insert(name);
                }
            }
        }
        narrowed.retain(|name, _| !wide.contains(name));
        narrowed
    }

    fn settle(self, seen: Seen, narrowed: BTreeMap<&'static str, Values>) -> Composed {
        let allows =
            |call: &Call| table::name(*call).is_some_and(|name| self.allowed.contains(name));
        let left_out: CallSet = seen
            .refused_otherwise
            .iter()
            .filter(|call| !allows(call) || !seen.abis.contains(&call.abi))
            .copied()
            .collect();
        let elsewhere = seen
            .elsewhere
            .iter()
            .filter(|call| !allows(call) || !seen.abis.contains(&call.abi))
            .copied()
            .collect();
        let widened = seen
            .abis
            .iter()
            .flat_map(|abi| {
                self.allowed
                    .iter()
                    .filter_map(|name| table::call(*abi, name))
            })
            .filter(|call| !self.reasons.contains_key(call))
            .count();
        let named_for = |wanted: &[Reason]| -> BTreeSet<&'static str> {
            self.reasons
                .iter()
                .filter(|(_, reasons)| wanted.iter().any(|reason| reasons.contains(reason)))
                .filter_map(|(call, _)| table::name(*call))
                .collect()
        };
        let observed = named_for(&[Reason::Observed]);
        let programs = named_for(&[Reason::Observed, Reason::IncludedRefused]);
        let counts = Counts {
            allowed: self.allowed.len() as u64,
            observed: observed.len() as u64,
            baseline: self.allowed.difference(&programs).count() as u64,
            errno: self.enosys.len() as u64,
            refused_left_out: left_out.len() as u64,
            widened: widened as u64,
            narrowed: narrowed.len() as u64,
        };
        let entries = self
            .reasons
            .iter()
            .map(|(call, reasons)| {
                let verdict = if allows(call) {
                    Verdict::Allow
                } else {
                    Verdict::Errno(ENOSYS)
                };
                let entry = Entry {
                    verdict,
                    reasons: reasons.iter().copied().collect(),
                    baseline_label: self.labels.get(call).copied(),
                };
                (*call, entry)
            })
            .collect();
        let by_name = self
            .allowed
            .iter()
            .map(|name| (*name, Verdict::Allow))
            .chain(
                self.enosys
                    .iter()
                    .map(|name| (*name, Verdict::Errno(ENOSYS))),
            )
            .collect();
        Composed {
            abis: seen.abis,
            entries,
            left_out,
            partly_refused: seen.partly_refused,
            unnamed: seen.unnamed,
            elsewhere,
            unknown_origin: seen.unknown_origin,
            narrowed,
            counts,
            by_name,
        }
    }
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
