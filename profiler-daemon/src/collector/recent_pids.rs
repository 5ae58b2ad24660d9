//! Which cgroup a process was in that has ended since. Bounded: the oldest are forgotten.

use std::collections::{HashMap, VecDeque};

/// Processes remembered at most.
const LIMIT: usize = 4096;

/// Cgroups by process.
#[derive(Debug, Default)]
pub(super) struct RecentPids {
    cgroups: HashMap<u32, u64>,
    order: VecDeque<u32>,
}

impl RecentPids {
    /// News came of a process in a cgroup. A number that was given out anew means the newer process.
    pub(super) fn insert(&mut self, pid: u32, cgroup: u64) {
        if self.cgroups.insert(pid, cgroup).is_some() {
            return;
        }
        self.order.push_back(pid);
        if self.order.len() > LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.cgroups.remove(&oldest);
        }
    }

    /// Where it was seen last.
    pub(super) fn get(&self, pid: u32) -> Option<u64> {
        self.cgroups.get(&pid).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, RecentPids};

    #[test]
    fn remembers_the_newest_within_the_bound() {
        let mut recent = RecentPids::default();
        for pid in 0..(LIMIT as u32 + 10) {
            recent.insert(pid, 7);
        }
        recent.insert(20, 8);
        assert_eq!((recent.get(9), recent.get(10)), (None, Some(7)));
        assert_eq!(recent.get(20), Some(8), "the newer process counts");
        assert_eq!(recent.order.len(), LIMIT);
    }
}
