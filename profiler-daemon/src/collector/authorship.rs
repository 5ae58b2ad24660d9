//! Who a version is by: of this host's recorder, or of records that were made elsewhere and brought here.
//!
//! It is told by what is known when the version is made, not by what happened last: so it is told the
//! same by a daemon that begins between an import and its version.

use crate::profile::{basis::Basis, identity::Origin, version::Author};

/// Origins that a version names.
const MOST_ORIGINS: usize = 8;

/// What was recorded here, and what each imported record brings; empty where none is imported.
#[derive(Default)]
pub(super) struct Shares {
    recorded: Basis,
    imported: Vec<(Origin, Basis)>,
}

impl Shares {
    /// Adds one container's; its origin if its record was imported.
    pub(super) fn add(&mut self, origin: Option<Origin>, basis: Basis) {
        match origin {
            Some(origin) => self.imported.push((origin, basis)),
            None => self.recorded = std::mem::take(&mut self.recorded).united(basis),
        }
    }

    /// Who a version after this one is by, and from where what is new in it was brought.
    pub(super) fn author(&self, before: &Basis) -> (Author, Vec<Origin>) {
        let adds = |basis: &Basis| before.clone().united(basis.clone()) != *before;
        let mut origins: Vec<Origin> = self
            .imported
            .iter()
            .filter(|(_, basis)| adds(basis))
            .map(|(origin, _)| origin.clone())
            .collect();
        let author = if origins.is_empty() || adds(&self.recorded) {
            Author::Recorder
        } else {
            Author::Import
        };
        origins.sort_by(|a, b| {
            (b.imported_ms, &a.host, &a.file).cmp(&(a.imported_ms, &b.host, &b.file))
        });
        origins.dedup_by(|a, b| (&a.host, &a.file) == (&b.host, &b.file));
        origins.truncate(MOST_ORIGINS);
        (author, origins)
    }
}
