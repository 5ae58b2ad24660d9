//! First sightings as they are held: 16 bytes each, for there are some hundred of each of a thousand
//! containers.
//!
//! Who made calls is written down once for each program of a container, its names once for the whole
//! daemon. Nothing of a sighting may be lost by it: what is asked for is what was noted.

use std::{collections::BTreeMap, sync::Arc};

use super::names::Names;
use crate::profile::{call::Call, observation::Sighting};

/// When a call was seen first, and by whom it was made.
#[derive(Clone, Copy, Debug)]
struct FirstSeen {
    /// Milliseconds since the epoch.
    at_ms: u64,
    /// The process, in the host's numbering.
    pid: u32,
    /// The place of who made it in [`FirstSightings::makers`].
    maker: u32,
}

/// A program, by the names that a sighting has, in one session.
#[derive(Clone, Debug, PartialEq)]
struct Maker {
    exe: Option<Arc<str>>,
    comm: Arc<str>,
    session: u32,
}

impl Maker {
    fn made(&self, sighting: &Sighting) -> bool {
        self.session == sighting.session
            && *self.comm == sighting.comm
            && self.exe.as_deref() == sighting.exe.as_deref()
    }
}

/// The first sightings of one container's calls.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstSightings {
    /// By call, sorted: a map would have gaps.
    seen: Vec<(Call, FirstSeen)>,
    makers: Vec<Maker>,
}

impl FirstSightings {
    /// Holds what was kept.
    pub(super) fn of(sightings: &BTreeMap<Call, Sighting>, names: &mut Names) -> Self {
        let mut makers = Vec::new();
        let seen = sightings
            .iter()
            .map(|(call, one)| (*call, first_seen(one, &mut makers, names)))
            .collect();
        makers.shrink_to_fit();
        Self { seen, makers }
    }

    /// Notes a sighting, unless there was one of that call before.
    pub(super) fn note(&mut self, call: Call, sighting: &Sighting, names: &mut Names) {
        if let Err(place) = self.place_of(call) {
            let seen = first_seen(sighting, &mut self.makers, names);
            self.seen.insert(place, (call, seen));
        }
    }

    /// When a call was seen first, milliseconds since the epoch.
    pub(super) fn at_ms(&self, call: Call) -> Option<u64> {
        let place = self.place_of(call).ok()?;
        self.seen.get(place).map(|(_, seen)| seen.at_ms)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Takes in others: of two of one call the earlier stays.
    pub(super) fn join(&mut self, others: Self) {
        for (call, seen) in others.seen {
            let Some(maker) = others.makers.get(seen.maker as usize) else {
                continue;
            };
            let place = self.place_of(call);
            if place.is_ok_and(|place| {
                self.seen
                    .get(place)
                    .is_some_and(|(_, mine)| mine.at_ms <= seen.at_ms)
            }) {
                continue;
            }
            let known = self.makers.iter().rposition(|known| known == maker);
            let maker = known.unwrap_or_else(|| {
                self.makers.push(maker.clone());
                self.makers.len() - 1
            });
            let seen = FirstSeen {
                maker: maker as u32,
                ..seen
            };
            match place {
                Ok(place) => self.seen.splice(place..=place, [(call, seen)]),
                Err(place) => self.seen.splice(place..place, [(call, seen)]),
            };
        }
    }

    /// Takes out those of which this says so, by the call and when it was seen.
    pub(super) fn take_out(&mut self, goes: impl Fn(Call, u64) -> bool) -> Self {
        let all = std::mem::take(&mut self.seen);
        let (gone, left) = all
            .into_iter()
            .partition(|(call, seen)| goes(*call, seen.at_ms));
        self.seen = left;
        Self {
            seen: gone,
            makers: self.makers.clone(),
        }
    }

    /// Where a call is, or where it would be.
    fn place_of(&self, call: Call) -> Result<usize, usize> {
        self.seen.binary_search_by_key(&call, |(call, _)| *call)
    }

    /// All of them as they were noted.
    pub(super) fn sightings(&self) -> BTreeMap<Call, Sighting> {
        let seen = self.seen.iter();
        seen.filter_map(|(call, seen)| Some((*call, self.sighting(*seen)?)))
            .collect()
    }

    fn sighting(&self, seen: FirstSeen) -> Option<Sighting> {
        let maker = self.makers.get(seen.maker as usize)?;
        Some(Sighting {
            at_ms: seen.at_ms,
            exe: maker.exe.as_deref().map(str::to_owned),
            comm: maker.comm.as_ref().to_owned(),
            pid: seen.pid,
            session: maker.session,
        })
    }
}

/// A sighting as it is held, with who made it among the makers.
fn first_seen(sighting: &Sighting, makers: &mut Vec<Maker>, names: &mut Names) -> FirstSeen {
    // The one that made the last call most likely made the next one too.
    let known = makers.iter().rposition(|known| known.made(sighting));
    let maker = known.unwrap_or_else(|| {
        makers.push(Maker {
            exe: sighting.exe.as_deref().map(|exe| names.shared(exe)),
            comm: names.shared(&sighting.comm),
            session: sighting.session,
        });
        makers.len() - 1
    });
    FirstSeen {
        at_ms: sighting.at_ms,
        pid: sighting.pid,
        maker: maker as u32,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::{FirstSeen, FirstSightings};
    use crate::{
        collector::names::Names,
        profile::{
            abi::Abi,
            call::Call,
            observation::{Observation, Sighting},
        },
    };

    fn sighting(at_ms: u64, exe: Option<&str>, comm: &str, pid: u32, session: u32) -> Sighting {
        Sighting {
            at_ms,
            exe: exe.map(str::to_owned),
            comm: comm.to_owned(),
            pid,
            session,
        }
    }

    /// Sightings that differ in one thing each, and in what is at the end of its range.
    fn various() -> BTreeMap<Call, Sighting> {
        let all = [
            sighting(0, None, "", 0, 0),
            sighting(5, Some(""), "", 0, 0),
            sighting(5, Some("/bin/sh"), "sh", 7, 1),
            sighting(5, Some("/bin/sh"), "sh", 8, 1),
            sighting(5, Some("/bin/sh"), "sh", 7, 2),
            sighting(5, Some("/bin/sh"), "/bin/sh", 7, 1),
            sighting(6, Some("/bin/sh"), "sh", 7, 1),
            sighting(u64::MAX, None, "é\u{0}", u32::MAX, u32::MAX),
        ];
        let calls = (0..).map(|nr| Call::new(Abi::X86_64, nr));
        calls.zip(all).collect()
    }

    fn seen_in(sightings: BTreeMap<Call, Sighting>) -> Observation {
        Observation {
            sightings,
            ..Observation::default()
        }
    }

    #[test]
    fn one_takes_16_bytes() {
        assert_eq!(size_of::<FirstSeen>(), 16);
    }

    #[test]
    fn what_is_asked_for_is_what_was_noted() {
        let mut names = Names::default();
        let held = FirstSightings::of(&various(), &mut names);
        assert_eq!(held.sightings(), various());
        let mut noted = FirstSightings::default();
        // In any order.
        for (call, one) in various().into_iter().rev() {
            noted.note(call, &one, &mut names);
            assert_eq!(noted.at_ms(call), Some(one.at_ms));
        }
        assert_eq!(noted.sightings(), various());
        assert_eq!(noted.at_ms(Call::new(Abi::I386, 0)), None);
    }

    #[test]
    fn the_first_one_stays() {
        let mut names = Names::default();
        let call = Call::new(Abi::X86_64, 1);
        let mut held = FirstSightings::default();
        let first = sighting(9, Some("/bin/first"), "first", 1, 1);
        held.note(call, &first, &mut names);
        held.note(call, &sighting(3, None, "second", 2, 2), &mut names);
        assert_eq!(held.sightings(), [(call, first)].into());
    }

    #[test]
    fn what_is_taken_out_and_joined_again_is_what_there_was() {
        let mut names = Names::default();
        let mut held = FirstSightings::of(&various(), &mut names);
        let out = held.take_out(|call, at_ms| call.nr % 2 == 0 || at_ms == u64::MAX);
        assert_eq!((held.sightings().len(), out.sightings().len()), (3, 5));
        let mut other = out.clone();
        other.join(held.clone());
        held.join(out);
        assert_eq!(held.sightings(), various());
        assert_eq!(other.sightings(), various());
        // The earlier stays, whichever comes to the other.
        let call = Call::new(Abi::X86_64, 6);
        let early = sighting(1, None, "early", 1, 1);
        let early = FirstSightings::of(&[(call, early)].into(), &mut names);
        let mut late = held.clone();
        late.join(early.clone());
        let mut first = early;
        first.join(held);
        for joined in [late, first] {
            assert_eq!(joined.at_ms(call), Some(1));
            assert_eq!(joined.sightings().len(), various().len());
            assert_eq!(joined.sightings()[&call].comm, "early");
        }
    }

    #[test]
    fn which_of_two_counts_as_the_first_is_as_it_was() {
        let mut names = Names::default();
        let call = Call::new(Abi::X86_64, 1);
        let mut held = |one: &Sighting| {
            let one = [(call, one.clone())].into();
            FirstSightings::of(&one, &mut names).sightings()
        };
        for one in various().values() {
            for other in various().values() {
                let mut plain = seen_in([(call, one.clone())].into());
                plain.absorb(seen_in([(call, other.clone())].into()));
                let mut through = seen_in(held(one));
                through.absorb(seen_in(held(other)));
                assert_eq!(through, plain);
            }
        }
    }

    #[test]
    fn a_program_is_held_once_in_all_containers() {
        let mut names = Names::default();
        let seen = |from| {
            let calls = (from..from + 300).map(|nr| Call::new(Abi::X86_64, nr));
            calls
                .map(|call| {
                    (
                        call,
                        sighting(u64::from(call.nr), Some("/app"), "app", 7, 1),
                    )
                })
                .collect::<BTreeMap<_, _>>()
        };
        let one = FirstSightings::of(&seen(0), &mut names);
        let other = FirstSightings::of(&seen(100), &mut names);
        let ([one], [other]) = (one.makers.as_slice(), other.makers.as_slice()) else {
            panic!("{one:?} {other:?}");
        };
        assert!(Arc::ptr_eq(&one.comm, &other.comm));
        let exes = one.exe.as_ref().zip(other.exe.as_ref());
        assert!(exes.is_some_and(|(one, other)| Arc::ptr_eq(one, other)));
    }
}
