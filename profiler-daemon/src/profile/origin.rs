//! Where the calls of a container's own programs come from: its start, its steady work, its shutdown,
//! or whoever came in later. And which of them a profile is to hold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::call::{Call, CallSet};

/// Where one call comes from. A call may come from several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The container's own programs while they started up.
    Start,
    /// The container's own programs, from then on.
    Run,
    /// The container's own programs after they were told to stop.
    Shutdown,
    /// Whoever came in later, as by `docker exec`.
    Exec,
    /// The container's health check.
    Health,
    /// Nobody recorded it.
    Unknown,
}

impl Origin {
    /// All, in their order.
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::Run,
        Self::Shutdown,
        Self::Exec,
        Self::Health,
        Self::Unknown,
    ];
}

/// What the container's own programs are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// They start up.
    #[default]
    Start,
    /// They do what they are there for.
    Run,
    /// They were told to stop.
    Shutdown,
}

/// Observed calls by where they come from. Whoever came in later and may have been either a session
/// or the health check is in both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origins {
    /// [`Origin::Start`]
    pub start: CallSet,
    /// [`Origin::Run`]
    pub run: CallSet,
    /// [`Origin::Shutdown`]
    pub shutdown: CallSet,
    /// [`Origin::Exec`]
    pub exec: CallSet,
    /// [`Origin::Health`]
    pub health: CallSet,
    /// Observed where origins were not recorded. An observed call that is in no set is unknown too.
    pub unknown: CallSet,
}

impl Origins {
    fn sets(&self) -> [(Origin, &CallSet); 6] {
        [
            (Origin::Start, &self.start),
            (Origin::Run, &self.run),
            (Origin::Shutdown, &self.shutdown),
            (Origin::Exec, &self.exec),
            (Origin::Health, &self.health),
            (Origin::Unknown, &self.unknown),
        ]
    }

    /// Where an observed call comes from; never empty.
    #[must_use]
    pub fn of(&self, call: Call) -> Vec<Origin> {
        let known: Vec<Origin> = self
            .sets()
            .into_iter()
            .filter(|(_, set)| set.contains(&call))
            .map(|(origin, _)| origin)
            .collect();
        if known.is_empty() {
            vec![Origin::Unknown]
        } else {
            known
        }
    }

    /// No origin of any call was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets().iter().all(|(_, set)| set.is_empty())
    }

    /// With those observed calls that are in no set among the unknown ones.
    fn explicit(mut self, observed: &CallSet) -> Self {
        let unknown: CallSet = observed
            .iter()
            .filter(|call| !self.sets().iter().any(|(_, set)| set.contains(call)))
            .copied()
            .collect();
        self.unknown.extend(unknown);
        self
    }

    /// The origins of two observations together. What one of them does not know of a call stays
    /// unknown, whatever the other knows.
    #[must_use]
    pub fn united(self, observed: &CallSet, other: Self, other_observed: &CallSet) -> Self {
        let mut all = self.explicit(observed);
        let other = other.explicit(other_observed);
        all.start.extend(other.start);
        all.run.extend(other.run);
        all.shutdown.extend(other.shutdown);
        all.exec.extend(other.exec);
        all.health.extend(other.health);
        all.unknown.extend(other.unknown);
        all
    }

    /// The container has no health check: whoever came in later was a session.
    pub fn without_health_check(&mut self) {
        self.exec.append(&mut self.health);
    }
}

/// Who made the calls that a profile is to hold; unknown ones always count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callers {
    /// The container's own start, in whichever phase.
    pub own: bool,
    /// Sessions from outside.
    pub exec: bool,
    /// The health check.
    pub health: bool,
}

/// In which phases the calls were made that a profile is to hold. Whoever came in later counts as
/// part of [`Phase::Run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// [`Phase::Start`]
    pub start: bool,
    /// [`Phase::Run`]
    pub run: bool,
    /// [`Phase::Shutdown`]
    pub shutdown: bool,
}

/// Which calls a profile is to hold, by where they come from; everything unless told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// By whom.
    pub callers: Callers,
    /// When.
    pub phases: Phases,
}

impl Selection {
    /// Whether a call with these origins is to be held.
    #[must_use]
    pub fn keeps(&self, origins: &[Origin]) -> bool {
        let Self { callers, phases } = self;
        origins.iter().any(|origin| match origin {
            Origin::Start => callers.own && phases.start,
            Origin::Run => callers.own && phases.run,
            Origin::Shutdown => callers.own && phases.shutdown,
            Origin::Exec => callers.exec && phases.run,
            Origin::Health => callers.health && phases.run,
            Origin::Unknown => true,
        })
    }

    /// Nothing is left out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            own: true,
            exec: true,
            health: true,
        }
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            start: true,
            run: true,
            shutdown: true,
        }
    }
}

/// A list of words with commas, each of them once or more often; an error names the words there are.
fn chosen<const N: usize>(text: &str, words: [&str; N]) -> Result<[bool; N], String> {
    let mut chosen = [false; N];
    for word in text.split(',') {
        let place = words.iter().position(|known| *known == word.trim());
        match place.and_then(|place| chosen.get_mut(place)) {
            Some(place) => *place = true,
            None => {
                return Err(format!(
                    "{word:?} is none of {}, which are written with commas between them",
                    words.join(", ")
                ));
            }
        }
    }
    Ok(chosen)
}

fn written<const N: usize>(
    out: &mut fmt::Formatter<'_>,
    words: [&str; N],
    chosen: [bool; N],
) -> fmt::Result {
    let words: Vec<&str> = words
        .into_iter()
        .zip(chosen)
        .filter_map(|(word, wanted)| wanted.then_some(word))
        .collect();
    out.write_str(&words.join(","))
}

const CALLERS: [&str; 3] = ["own", "exec", "health"];
const PHASES: [&str; 3] = ["start", "run", "shutdown"];

impl FromStr for Callers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [own, exec, health] = chosen(text, CALLERS)?;
        Ok(Self { own, exec, health })
    }
}

impl fmt::Display for Callers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        written(out, CALLERS, [self.own, self.exec, self.health])
    }
}

impl FromStr for Phases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [start, run, shutdown] = chosen(text, PHASES)?;
        Ok(Self {
            start,
            run,
            shutdown,
        })
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        written(out, PHASES, [self.start, self.run, self.shutdown])
    }
}

#[cfg(test)]
mod tests {
    use super::{Callers, Origin, Origins, Phases, Selection};
    use crate::profile::{
        abi::Abi,
        call::{Call, CallSet},
    };

    fn set(numbers: &[u32]) -> CallSet {
        numbers
            .iter()
            .map(|nr| Call::new(Abi::X86_64, *nr))
            .collect()
    }

    fn origins() -> Origins {
        Origins {
            start: set(&[1]),
            run: set(&[1, 2]),
            exec: set(&[2, 3]),
            health: set(&[3, 4]),
            ..Origins::default()
        }
    }

    fn kept(origin: &str, phase: &str) -> Vec<u32> {
        let selection = Selection {
            callers: origin.parse().unwrap(),
            phases: phase.parse().unwrap(),
        };
        let origins = origins();
        set(&[1, 2, 3, 4, 5])
            .into_iter()
            .filter(|call| selection.keeps(&origins.of(*call)))
            .map(|call| call.nr)
            .collect()
    }

    #[test]
    fn an_unknown_call_is_always_kept_and_either_is_kept_with_one_of_both() {
        const ALL: &str = "start,run,shutdown";
        assert_eq!(kept("own", ALL), [1, 2, 5]);
        assert_eq!(kept("own,health", ALL), [1, 2, 3, 4, 5]);
        assert_eq!(kept("exec", ALL), [2, 3, 5]);
        assert_eq!(kept("own,exec,health", "start"), [1, 5]);
        assert_eq!(kept("own", "run"), [1, 2, 5]);
        assert_eq!(kept("own,exec,health", "shutdown"), [5]);
        assert!(Selection::default().is_everything());
    }

    #[test]
    fn what_one_observation_does_not_know_stays_unknown() {
        let one = (Origins::default(), set(&[3]));
        let two = (origins(), set(&[1, 2, 3, 4]));
        let forth = one.0.clone().united(&one.1, two.0.clone(), &two.1);
        let back = two.0.united(&two.1, one.0, &one.1);
        assert_eq!(forth, back);
        let three = Call::new(Abi::X86_64, 3);
        assert_eq!(
            forth.of(three),
            [Origin::Exec, Origin::Health, Origin::Unknown]
        );
    }

    #[test]
    fn words_are_read_and_written_and_others_refused() {
        let callers: Callers = "health, own".parse().unwrap();
        assert_eq!(callers.to_string(), "own,health");
        assert_eq!(Phases::default().to_string(), "start,run,shutdown");
        for bad in ["", "own,", "Own", "all"] {
            assert!(bad.parse::<Callers>().is_err(), "{bad:?}");
        }
    }
}
