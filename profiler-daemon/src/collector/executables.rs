//! Which executable an execution was of. Bounded: the oldest are forgotten.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::names::Names;

/// Executions remembered at most. A forgotten one costs a name in later evidence.
const LIMIT: usize = 16_384;

/// Paths by execution.
#[derive(Debug, Default)]
pub struct Executables {
    paths: HashMap<u64, Arc<str>>,
    order: VecDeque<u64>,
    /// The paths, and what else is known of programs by name.
    pub(super) names: Names,
}

impl Executables {
    /// Remembers one.
    pub fn insert(&mut self, exec_id: u64, path: &str) {
        if path.is_empty() {
            return;
        }
        let path = self.names.shared(path);
        if self.paths.insert(exec_id, path).is_some() {
            return;
        }
        self.order.push_back(exec_id);
        if self.order.len() > LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.paths.remove(&oldest);
        }
    }

    /// The path that was executed, if it is remembered.
    pub fn get(&self, exec_id: u64) -> Option<&str> {
        self.paths.get(&exec_id).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::{Executables, LIMIT};

    #[test]
    fn remembers_the_newest_within_the_bound() {
        let mut executables = Executables::default();
        for id in 0..(LIMIT as u64 + 10) {
            executables.insert(id, "/bin/true");
        }
        assert_eq!(executables.get(9), None);
        assert_eq!(executables.get(10), Some("/bin/true"));
        assert_eq!(executables.paths.len(), LIMIT);
    }
}
