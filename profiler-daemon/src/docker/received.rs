//! Which events were received, so that after a cut they are asked for from the right time on,
//! and those that come twice are told once.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    mem,
};

use super::event::ContainerEvent;

/// Events can be stamped in another order than they are sent: go back this far to resume.
const OVERLAP_NS: u64 = 1_000_000_000;

/// Received events that are remembered; Docker itself keeps 256 to send again.
const REMEMBERED: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Received {
    last: VecDeque<u64>,
    hasher: RandomState,
    resume_ns: u64,
}

impl Received {
    /// Since when events are wanted, nanoseconds since the epoch: since the first connection,
    /// or since just before the last event received.
    pub(super) fn resume_from(&mut self, now_ns: u64) -> u64 {
        if self.resume_ns == 0 {
            self.resume_ns = now_ns;
        }
        self.resume_ns
    }

    /// Gives up events of the past, of which one can't be read and would end every connection.
    pub(super) fn skip_to(&mut self, now_ns: u64) {
        self.resume_ns = now_ns;
    }

    /// Takes note of an event; false when it was noted before.
    pub(super) fn is_new(&mut self, event: &ContainerEvent) -> bool {
        let word = mem::discriminant(&event.happening);
        let key = self.hasher.hash_one((&event.id, event.at_ns, word));
        if self.last.contains(&key) {
            return false;
        }
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(key);
        let before = event.at_ns.saturating_sub(OVERLAP_NS);
        self.resume_ns = self.resume_ns.max(before);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, action: &str, at_ns: u64) -> ContainerEvent {
        let json = serde_json::json!({"Action": action, "timeNano": at_ns, "Actor": {"ID": id}});
        ContainerEvent::read(serde_json::from_value(json).expect("read")).expect("wanted")
    }

    #[test]
    fn events_that_come_twice_are_new_once() {
        let mut received = Received::default();
        assert_eq!(received.resume_from(7), 7);
        assert_eq!(received.resume_from(9), 7);
        let second = 1_000_000_000;
        let events = [
            event("a", "start", 5 * second),
            event("a", "die", 5 * second),
            event("b", "die", 5 * second - 1),
        ];
        for event in &events {
            assert!(received.is_new(event));
        }
        for event in &events {
            assert!(!received.is_new(event));
        }
        assert_eq!(received.resume_from(0), 4 * second);
        received.skip_to(9 * second);
        assert_eq!(received.resume_from(0), 9 * second);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut received = Received::default();
        for n in 0..2000 {
            assert!(received.is_new(&event("c", "die", n)));
        }
        assert_eq!(received.last.len(), REMEMBERED);
    }
}
