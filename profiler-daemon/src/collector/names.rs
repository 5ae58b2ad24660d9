//! Names of programs, each held once however many containers and executions have it.

use std::{collections::HashSet, sync::Arc};

/// Names that are held before it is looked for the first time which of them nobody needs.
const FEW: usize = 1024;

/// Names that are in use, and some that were.
#[derive(Debug)]
pub(super) struct Names {
    held: HashSet<Arc<str>>,
    /// With as many, those that nobody needs any more are dropped.
    full: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            held: HashSet::new(),
            full: FEW,
        }
    }
}

impl Names {
    /// The one copy of a name.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(held) = self.held.get(name) {
            return Arc::clone(held);
        }
        if self.held.len() >= self.full {
            self.held.retain(|held| Arc::strong_count(held) > 1);
            self.full = FEW.max(self.held.len() * 2);
        }
        let name: Arc<str> = name.into();
        self.held.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{FEW, Names};

    #[test]
    fn a_name_is_held_once() {
        let mut names = Names::default();
        let (one, other) = (names.shared("/bin/true"), names.shared("/bin/true"));
        assert!(Arc::ptr_eq(&one, &other));
        assert_ne!(one, names.shared("/bin/false"));
    }

    #[test]
    fn names_that_nobody_needs_do_not_add_up() {
        let mut names = Names::default();
        let needed: Vec<_> = (0..2 * FEW)
            .map(|number| names.shared(&format!("/needed/{number}")))
            .collect();
        for number in 0..10 * FEW {
            names.shared(&format!("/made-up/{number}"));
        }
        assert!(names.held.len() <= 2 * needed.len(), "{}", names.held.len());
        for name in needed {
            assert!(Arc::ptr_eq(&names.shared(&name), &name));
        }
    }
}
