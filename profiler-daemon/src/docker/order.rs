//! The order of events: one at a time for each container, any number of containers at once.
//!
//! An event stays here until it is told, so that a lost connection loses none.

use std::collections::{HashMap, VecDeque};

use super::event::ContainerEvent;

/// Events that are still to be told.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By container, the one being worked on first.
    queues: HashMap<String, VecDeque<ContainerEvent>>,
    /// Containers with events of which none is being worked on.
    ready: VecDeque<String>,
}

impl Order {
    /// Takes in an event.
    pub(super) fn push(&mut self, event: ContainerEvent) {
        let queue = self.queues.entry(event.id.clone()).or_default();
        if queue.is_empty() {
            self.ready.push_back(event.id.clone());
        }
        queue.push_back(event);
    }

    /// The next event to work on; its container's others wait for [`Self::done`]. One that
    /// needs a question to the engine is passed over while no more may be asked.
    pub(super) fn next(&mut self, may_ask: bool) -> Option<ContainerEvent> {
        let place = self.ready.iter().position(|id| {
            let first = self.queues.get(id).and_then(VecDeque::front);
            first.is_some_and(|event| may_ask || !event.asks_for_identity())
        })?;
        let id = self.ready.remove(place)?;
        self.queues.get(&id)?.front().cloned()
    }

    /// The event that was handed out for this container is told.
    pub(super) fn done(&mut self, id: &str) {
        let Some(queue) = self.queues.get_mut(id) else {
            return;
        };
        queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(id);
        } else {
            self.ready.push_back(id.to_owned());
        }
    }

    /// Work on all events was given up: hand them out again.
    pub(super) fn restart(&mut self) {
        self.ready = self.queues.keys().cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, action: &str) -> ContainerEvent {
        let json = serde_json::json!({"Action": action, "Actor": {"ID": id}});
        ContainerEvent::read(serde_json::from_value(json).expect("read")).expect("wanted")
    }

    #[test]
    fn one_container_waits_and_others_do_not() {
        let mut order = Order::default();
        for (id, action) in [("a", "start"), ("a", "die"), ("b", "start"), ("c", "die")] {
            order.push(event(id, action));
        }
        assert_eq!(order.next(true), Some(event("a", "start")));
        // No more may be asked: b waits, c goes first, a is being worked on.
        assert_eq!(order.next(false), Some(event("c", "die")));
        assert_eq!(order.next(false), None);
        assert_eq!(order.next(true), Some(event("b", "start")));
        assert_eq!(order.next(true), None);

        order.done("a");
        assert_eq!(order.next(false), Some(event("a", "die")));
        order.push(event("a", "destroy"));
        assert_eq!(order.next(true), None);
        order.done("a");
        assert_eq!(order.next(true), Some(event("a", "destroy")));
        order.done("a");
        order.done("b");
        order.done("c");
        assert!(order.queues.is_empty() && order.ready.is_empty());
    }

    #[test]
    fn what_was_given_up_is_handed_out_again() {
        let mut order = Order::default();
        order.push(event("a", "start"));
        assert!(order.next(true).is_some());
        assert_eq!(order.next(true), None);
        order.restart();
        assert_eq!(order.next(true), Some(event("a", "start")));
    }
}
