//! Calls that a filter lets through and has the kernel log: told at most once a second for each
//! container and call, with how many there were.

use super::{Collector, Owner, clock::Moment};
use crate::{
    api::protocol::Event,
    profile::{call::Call, identity::Identity, observation::Sighting, table},
    recording::{news::News, source::LossCount},
};

/// Between two events of one call of one container, milliseconds.
const APART_MS: u64 = 1000;
/// Numbers from here on are in no table, and are counted as one: a container can make up as many
/// as it likes.
const NUMBERS: u32 = 1024;

/// What is known of the kernel's log as a whole.
#[derive(Debug, Default)]
pub(super) struct KernelLog {
    /// Something was held back, and is to be told.
    pub(super) waits: bool,
    /// Records of processes that were gone before anybody could tell whose they were.
    nameless: u64,
    /// How often records came too fast.
    pub(super) overruns: u64,
}

impl KernelLog {
    /// What of it could not be told.
    pub(super) fn losses(&self) -> [LossCount; 2] {
        let loss = |cause, count, meaning| LossCount {
            cause,
            count,
            loses_calls: false,
            meaning,
        };
        [
            loss(
                "log_nameless",
                self.nameless,
                "calls that a filter had logged, of processes that were gone before anybody could \
                 tell whose they were",
            ),
            loss(
                "log_overrun",
                self.overruns,
                "times that calls were logged faster than they could be read; the counts of logged \
                 calls are too low",
            ),
        ]
    }
}

/// What is known of one logged call of one container.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    /// Records since the last event.
    untold: u64,
    /// When it was last told of, milliseconds since boot.
    told_ms: Option<u64>,
    last: Sighting,
}

impl Logged {
    /// The event, if there is something to tell and it is time.
    fn event(&mut self, call: Call, identity: &Identity, now: Moment) -> Option<Event> {
        let early = self
            .told_ms
            .is_some_and(|told| now.boot_ms.saturating_sub(told) < APART_MS);
        if self.untold == 0 || early {
            return None;
        }
        self.told_ms = Some(now.boot_ms);
        Some(Event::Logged {
            at_ms: now.wall_ms,
            id: identity.id.clone(),
            name: identity.display_name().to_owned(),
            abi: call.abi.name().into(),
            call: table::display_name(call),
            count: std::mem::take(&mut self.untold),
            last: self.last.clone(),
        })
    }
}

impl Collector {
    /// Takes in what the kernel logged of one call of one process.
    pub(super) fn on_logged(&mut self, news: News) {
        let News::Logged {
            at_ms,
            cgroup,
            call,
            count,
            pid,
            exe,
            comm,
        } = news
        else {
            return;
        };
        let place = cgroup
            .or_else(|| self.places.cgroup_of(pid))
            .or_else(|| self.recent.get(pid));
        let Some(cgroup) = place else {
            self.log.nameless += count;
            return;
        };
        let Owner::Container(id) = self.owner(cgroup) else {
            return;
        };
        let now = self.now();
        let Some(container) = self.containers.get_mut(&id) else {
            return;
        };
        let call = Call::new(call.abi, call.nr.min(NUMBERS));
        let last = Sighting {
            at_ms,
            exe,
            comm,
            pid,
            session: 0,
        };
        let logged = container.logged.entry(call).or_insert_with(|| Logged {
            untold: 0,
            told_ms: None,
            last: last.clone(),
        });
        logged.untold += count;
        logged.last = last;
        match logged.event(call, &container.identity, now) {
            Some(event) => drop(self.events.send(event)),
            None => self.log.waits = true,
        }
    }

    /// Tells what was held back, where it is time.
    pub(super) fn tell_logged(&mut self) {
        if !self.log.waits {
            return;
        }
        self.log.waits = false;
        let now = self.now();
        for container in self.containers.values_mut() {
            for (call, logged) in &mut container.logged {
                match logged.event(*call, &container.identity, now) {
                    Some(event) => drop(self.events.send(event)),
                    None => self.log.waits |= logged.untold > 0,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Logged, Moment};
    use crate::{
        api::protocol::Event,
        profile::{
            abi::Abi,
            call::Call,
            identity::{Engine, Identity},
            observation::Sighting,
        },
    };

    #[test]
    fn a_flood_is_one_event_a_second_and_no_record_is_left_out() {
        let identity = Identity::unnamed("c0ffee".into(), Engine::Docker);
        let call = Call::new(Abi::X86_64, 39);
        let mut logged = Logged {
            untold: 0,
            told_ms: None,
            last: Sighting {
                at_ms: 1,
                exe: None,
                comm: "probe".into(),
                pid: 7,
                session: 0,
            },
        };
        let mut told = Vec::new();
        let mut tell = |logged: &mut Logged, boot_ms| {
            // Of the wall clock nothing depends.
            let now = Moment {
                wall_ms: 9_999 - boot_ms,
                boot_ms,
            };
            if let Some(Event::Logged { count, .. }) = logged.event(call, &identity, now) {
                told.push(count);
            }
        };
        for hundredth in 0..250 {
            logged.untold += 4;
            tell(&mut logged, 1_000 + hundredth * 10);
        }
        tell(&mut logged, 4_000);
        tell(&mut logged, 9_000);
        assert_eq!(told, [4, 400, 400, 196]);
    }
}
