//! What several starts under a profile amount to. Pure.
//!
//! What an image does without the profile is the measure: a program that ignores SIGTERM is no fault
//! of the profile's, and a check that never succeeds is one of the check.

use std::collections::BTreeMap;

use crate::{
    profile::{
        call::Call,
        identity::Runtime,
        observation::{Refusal, RefusedWith},
    },
    seccomp::preflight::{Effect, Obstacle},
    trial::{
        check::Work,
        proof::Proof,
        round::{Round, Stop},
    },
};

/// What is said of one that had to be killed.
pub(super) const NOT_STOPPED: &str = "it did not stop when it was told to";

/// The errno by which a libc falls back: what it is refused with it is asked for and not needed.
const ENOSYS: RefusedWith = RefusedWith::Errno(38);

/// What is known of a profile under one runtime.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// The engine's name for the runtime.
    pub name: String,
    /// What that is.
    pub runtime: Runtime,
    /// What keeps it from starting anything, as far as that is known without trying.
    pub obstacles: Vec<Obstacle>,
    /// How the image behaves under the engine's default; none if that was not tried.
    pub control: Option<Tally>,
    /// How it behaves under the profile; none if it was not started.
    pub tally: Option<Tally>,
    /// Whether the filter that was loaded is what the profile says.
    pub proof: Option<Proof>,
}

/// Several starts, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub rounds: u64,
    pub started: u64,
    pub worked: u64,
    /// Of those that started: not killed for being too slow to end.
    pub stopped: u64,
    /// The longest that one took to stop when it was told to, milliseconds.
    pub slowest_stop_ms: Option<u64>,
    /// What failed, in words, and how often.
    pub failures: BTreeMap<String, u64>,
    /// What one that failed wrote last.
    pub last_words: String,
    /// Refused calls, by call and answer; none if nobody recorded.
    pub refusals: Option<BTreeMap<Key, Refusal>>,
}

/// What tells one refusal from another, and whether the runtime met it.
pub(super) type Key = (bool, Call, RefusedWith);

impl Tally {
    pub(super) fn add(&mut self, round: Round) {
        let Round {
            identity: _,
            start,
            proof: _,
            work,
            stop,
            refusals,
            last_words,
        } = round;
        self.rounds += 1;
        let mut failed = |what: String| *self.failures.entry(what).or_default() += 1;
        match start {
            Ok(()) => self.started += 1,
            Err(said) => failed(format!("it did not start: {said}")),
        }
        match work {
            Some(Work::Done) => self.worked += 1,
            Some(Work::Failed(why)) => failed(format!("it did not work: {why}")),
            None => {}
        }
        match stop {
            Some(Stop::Killed) => failed(NOT_STOPPED.to_owned()),
            Some(Stop::Itself(_)) => self.stopped += 1,
            Some(Stop::Told(took)) => {
                self.stopped += 1;
                let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.slowest_stop_ms = self.slowest_stop_ms.max(Some(took));
            }
            None => {}
        }
        if !last_words.is_empty() {
            self.last_words = last_words;
        }
        for refusal in refusals.iter().flatten() {
            let all = self.refusals.get_or_insert_default();
            let key = (refusal.by_runtime, refusal.call, refusal.with);
            all.entry(key)
                .and_modify(|known| known.count += refusal.count)
                .or_insert_with(|| refusal.clone());
        }
        if refusals.is_some() {
            self.refusals.get_or_insert_default();
        }
    }

    /// Each start worked.
    pub(super) const fn works(&self) -> bool {
        self.rounds > 0 && self.worked == self.rounds
    }

    /// Each that started ended when it was told to.
    pub(super) const fn stops(&self) -> bool {
        self.stopped == self.started
    }
}

impl Verdict {
    /// Refused under the profile, to the container's own programs, and not under the engine's default.
    /// Calls that are answered ENOSYS are left out.
    pub(super) fn refused_anew(&self) -> Vec<&Refusal> {
        let before = self
            .control
            .as_ref()
            .and_then(|tally| tally.refusals.as_ref());
        self.refused(false)
            .filter(|refusal| refusal.with != ENOSYS)
            .filter(|refusal| {
                before
                    .is_none_or(|before| !before.contains_key(&(false, refusal.call, refusal.with)))
            })
            .collect()
    }

    /// Refused under the profile, to the runtime or to the container's own programs.
    pub(super) fn refused(&self, by_runtime: bool) -> impl Iterator<Item = &Refusal> {
        self.tally
            .iter()
            .filter_map(|tally| tally.refusals.as_ref())
            .flat_map(BTreeMap::values)
            .filter(move |refusal| refusal.by_runtime == by_runtime)
    }

    /// Something that is known without trying keeps every start from succeeding.
    pub(super) fn cannot_start(&self) -> bool {
        self.obstacles
            .iter()
            .any(|obstacle| obstacle.effect == Effect::Fails)
    }

    /// The image does not work under the engine's default either: nothing can be said of a profile.
    pub(super) fn is_no_test(&self) -> bool {
        self.control.as_ref().is_some_and(|tally| !tally.works())
    }

    /// Why the profile does not hold what it is to hold, under this runtime; the worst first. Empty
    /// if it does.
    pub(super) fn faults(&self) -> Vec<&'static str> {
        if self.is_no_test() {
            return vec!["the image does not work under the engine's default either"];
        }
        let Some(tally) = &self.tally else {
            return vec!["no start can succeed"];
        };
        let control = self.control.as_ref();
        let loosens = matches!(&self.proof, Some(Proof::Read { findings, .. })
            if findings.iter().any(|finding| finding.loosens));
        [
            (tally.started < tally.rounds, "not every start succeeds"),
            (tally.worked < tally.started, "it does not always work"),
            (
                !tally.stops() && control.is_none_or(Tally::stops),
                "it does not stop when it is told to",
            ),
            (
                loosens,
                "the filter that is loaded lets through more than the profile says",
            ),
            (
                !self.refused_anew().is_empty(),
                "it is refused calls that it makes",
            ),
            (
                !self.obstacles.is_empty(),
                "starts fail by chance, or with other versions of the runtime",
            ),
        ]
        .into_iter()
        .filter_map(|(holds, fault)| holds.then_some(fault))
        .collect()
    }

    /// The profile holds what it is to hold, under this runtime.
    pub(super) fn is_good(&self) -> bool {
        self.faults().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::profile::abi::Abi;

    fn round(work: Work, stop: Stop, refused: &[(u32, u16)]) -> Round {
        let refusal = |(nr, errno): &(u32, u16)| Refusal {
            call: Call::new(Abi::X86_64, *nr),
            with: RefusedWith::Errno(*errno),
            by_runtime: false,
            count: 1,
            first_ms: 0,
            last_ms: 0,
            exe: None,
            comm: String::new(),
            pid: 1,
        };
        Round {
            identity: None,
            start: Ok(()),
            proof: None,
            work: Some(work),
            stop: Some(stop),
            refusals: Some(refused.iter().map(refusal).collect()),
            last_words: String::new(),
        }
    }

    fn verdict(control: Vec<Round>, rounds: Vec<Round>) -> Verdict {
        let tally = |rounds: Vec<Round>| {
            let mut tally = Tally::default();
            rounds.into_iter().for_each(|round| tally.add(round));
            tally
        };
        Verdict {
            name: "runc".to_owned(),
            runtime: Runtime {
                name: "runc".to_owned(),
                version: None,
                libseccomp: None,
            },
            obstacles: Vec::new(),
            control: (!control.is_empty()).then(|| tally(control)),
            tally: Some(tally(rounds)),
            proof: None,
        }
    }

    const TOLD: Stop = Stop::Told(Duration::from_millis(7));

    #[test]
    fn what_fails_once_is_no_good_and_counted() {
        let failed = round(Work::Failed("no".to_owned()), Stop::Itself(1), &[]);
        let verdict = verdict(Vec::new(), vec![round(Work::Done, TOLD, &[]), failed]);
        let tally = verdict.tally.as_ref().unwrap();
        assert_eq!((tally.rounds, tally.started, tally.worked), (2, 2, 1));
        assert_eq!(tally.slowest_stop_ms, Some(7));
        assert_eq!(tally.failures["it did not work: no"], 1);
        assert!(!verdict.is_good() && !verdict.is_no_test());
    }

    #[test]
    fn the_image_is_measured_against_itself() {
        let killed = || round(Work::Done, Stop::Killed, &[(90, 1)]);
        assert!(verdict(vec![killed()], vec![killed()]).is_good());
        let quick = round(Work::Done, TOLD, &[(90, 1)]);
        assert!(!verdict(vec![quick], vec![killed()]).is_good());
        let broken = round(Work::Failed(String::new()), TOLD, &[]);
        assert!(verdict(vec![broken], vec![killed()]).is_no_test());
    }

    #[test]
    fn calls_that_the_default_refuses_too_or_that_fall_back_do_not_count() {
        let control = || vec![round(Work::Done, TOLD, &[(90, 1)])];
        let tried = |refused| verdict(control(), vec![round(Work::Done, TOLD, refused)]);
        assert!(tried(&[(90, 1), (435, 38)]).is_good());
        let worse = tried(&[(90, 1), (91, 1)]);
        assert!(!worse.is_good());
        assert_eq!(worse.refused_anew()[0].call.nr, 91);
    }

    #[test]
    fn an_obstacle_is_enough() {
        let mut verdict = verdict(Vec::new(), vec![round(Work::Done, TOLD, &[])]);
        assert!(verdict.is_good());
        verdict.obstacles.push(Obstacle {
            effect: Effect::ByChance,
            what: String::new(),
            calls: Vec::new(),
        });
        assert!(!verdict.is_good() && !verdict.cannot_start());
    }
}
