//! What this host's runtimes were seen to call under the filter.
//!
//! One start under-records (timing decides what Go's threads call), so every start adds, and what
//! was learned is united with the tables of `needs`, never put in their place. Must not learn what
//! `forbidden` names. Kept by the store as it serializes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::forbidden::is_forbidden;
use crate::profile::{
    call::{Call, CallSet},
    identity::{Identity, Runtime},
    observation::Observation,
    table,
};

/// The circumstances that decide what a runtime calls; none where the engine did not tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// The runtime.
    pub runtime: Option<Runtime>,
    /// `no-new-privileges`.
    pub no_new_privileges: Option<bool>,
}

/// What one setting has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lesson {
    /// Containers learned from.
    starts: u64,
    /// In how many of them each call was seen.
    #[serde(with = "crate::profile::call::pairs")]
    seen: BTreeMap<Call, u64>,
}

/// All that was learned, by setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Setting, Lesson)>", into = "Vec<(Setting, Lesson)>")]
pub struct LearnedBaseline {
    lessons: BTreeMap<Setting, Lesson>,
}

impl LearnedBaseline {
    /// Learns from one container's recording; answers whether a call was new.
    ///
    /// Every container is to be given once, when its program has started: counts add up. A
    /// recording whose start was not seen, or that was made under no filter, teaches nothing.
    pub fn learn(&mut self, identity: &Identity, observation: &Observation) -> bool {
        if !observation.start_seen || observation.guarded.is_empty() {
            return false;
        }
        let lesson = self
            .lessons
            .entry(Setting {
                runtime: identity.runtime.clone(),
                no_new_privileges: identity.no_new_privileges,
            })
            .or_default();
        lesson.starts += 1;
        let mut new = false;
        for call in teachable(&observation.guarded) {
            let count = lesson.seen.entry(call).or_default();
            new |= *count == 0;
            *count += 1;
        }
        new
    }

    /// Adds what another baseline learned from other containers; the order does not matter.
    pub fn merge(&mut self, other: &Self) {
        for (setting, theirs) in &other.lessons {
            let mine = self.lessons.entry(setting.clone()).or_default();
            mine.starts += theirs.starts;
            for (call, count) in &theirs.seen {
                *mine.seen.entry(*call).or_default() += count;
            }
        }
    }

    /// Every call learned, under whichever runtime.
    #[must_use]
    pub fn calls(&self) -> CallSet {
        let seen: CallSet = self
            .lessons
            .values()
            .flat_map(|lesson| lesson.seen.keys().copied())
            .collect();
        // Again, for what was stored by a version with a shorter list.
        teachable(&seen).collect()
    }

    /// The settings learned from, each with its number of starts.
    pub fn settings(&self) -> impl Iterator<Item = (&Setting, u64)> {
        self.lessons
            .iter()
            .map(|(setting, lesson)| (setting, lesson.starts))
    }

    /// In how many starts of a setting a call was seen.
    #[must_use]
    pub fn starts_with(&self, setting: &Setting, call: Call) -> u64 {
        self.lessons
            .get(setting)
            .and_then(|lesson| lesson.seen.get(&call))
            .copied()
            .unwrap_or(0)
    }
}

/// The part of a set of guarded calls that a baseline may hold.
pub(crate) fn teachable(guarded: &BTreeSet<Call>) -> impl Iterator<Item = Call> {
    guarded
        .iter()
        .copied()
        .filter(|call| table::name(*call).is_some_and(|name| !is_forbidden(name)))
}

impl From<Vec<(Setting, Lesson)>> for LearnedBaseline {
    fn from(pairs: Vec<(Setting, Lesson)>) -> Self {
        Self {
            lessons: pairs.into_iter().collect(),
        }
    }
}

impl From<LearnedBaseline> for Vec<(Setting, Lesson)> {
    fn from(learned: LearnedBaseline) -> Self {
        learned.lessons.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{abi::Abi, identity::Engine};

    fn container(runtime: &str, nnp: bool) -> Identity {
        let mut identity = Identity::unnamed("ab".repeat(32), Engine::Docker);
        identity.runtime = Some(Runtime {
            name: runtime.to_owned(),
            version: Some("1.1.5".to_owned()),
            libseccomp: None,
        });
        identity.no_new_privileges = Some(nnp);
        identity
    }

    fn start(guarded: &[&str]) -> Observation {
        Observation {
            start_seen: true,
            guarded: guarded
                .iter()
                .map(|name| table::call(Abi::X86_64, name).unwrap())
                .collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn learns_by_runtime_and_setting_and_never_what_is_forbidden() {
        let mut learned = LearnedBaseline::default();
        assert!(learned.learn(
            &container("runc", false),
            &start(&["read", "mount", "setns"])
        ));
        assert!(!learned.learn(&container("runc", false), &start(&["read"])));
        assert!(learned.learn(&container("crun", true), &start(&["umask"])));
        assert_eq!(learned.settings().count(), 2);
        assert_eq!(learned.calls(), start(&["read", "umask"]).guarded);
        let (setting, starts) = learned
            .settings()
            .find(|(setting, _)| setting.no_new_privileges == Some(false))
            .unwrap();
        assert_eq!(starts, 2);
        assert_eq!(learned.starts_with(setting, Call::new(Abi::X86_64, 0)), 2);
    }

    #[test]
    fn a_start_that_was_not_seen_teaches_nothing() {
        let mut late = start(&["read"]);
        late.start_seen = false;
        let mut learned = LearnedBaseline::default();
        assert!(!learned.learn(&container("runc", false), &late));
        assert!(!learned.learn(&container("runc", false), &start(&[])));
        assert_eq!(learned, LearnedBaseline::default());
    }

    #[test]
    fn merging_commutes_and_survives_storage() {
        let mut one = LearnedBaseline::default();
        one.learn(&container("runc", false), &start(&["read", "futex"]));
        let mut two = LearnedBaseline::default();
        two.learn(&container("runc", false), &start(&["read"]));
        two.learn(&container("crun", true), &start(&["umask"]));
        let mut forward = one.clone();
        forward.merge(&two);
        let mut backward = two;
        backward.merge(&one);
        assert_eq!(forward, backward);
        let stored = serde_json::to_string(&forward).unwrap();
        assert_eq!(
            serde_json::from_str::<LearnedBaseline>(&stored).unwrap(),
            forward
        );
    }
}
