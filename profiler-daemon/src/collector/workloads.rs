//! Which workload a person means by an image's name, and which others its image is run as.
//!
//! A tag moves from image to image. What it means is the image that was run last under it on this host;
//! what was imported counts only where nothing was recorded here, and what is kept as versions alone only
//! where no container is known any more.

use std::collections::BTreeMap;

use super::{Collector, answers::internal, container::Container};
use crate::{
    api::protocol::{ErrorBody, workloads::ImageWorkload},
    profile::{
        version::Subject,
        workload::{Entrypoint, Named, Workload},
    },
};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// The workload's key.
    pub(super) key: String,
    /// What to call it: the image's reference, with the entrypoint if that is not the image's own.
    pub(super) name: String,
}

/// How late a container ran that is of an image: those of this host go before imported ones.
fn lateness(container: &Container) -> (bool, u64, u64) {
    let identity = &container.identity;
    let created = identity.created_ms;
    match &identity.origin {
        // When a tag stood for which image, the making of its containers tells: an older one may run on.
        None => (
            true,
            created.unwrap_or(container.changed_ms),
            container.changed_ms,
        ),
        Some(origin) => (false, origin.imported_ms, created.unwrap_or_default()),
    }
}

/// Reads a name of an image, with or without an entrypoint.
pub(super) fn named(wanted: &str) -> Result<Named, ErrorBody> {
    Named::read(wanted).map_err(|error| ErrorBody {
        code: "bad_request".into(),
        message: format!("image:{wanted}: {error}"),
    })
}

impl Collector {
    /// The workload that a name means.
    pub(super) fn workload_meant(&mut self, wanted: &str) -> Result<Meant, ErrorBody> {
        let named = named(wanted)?;
        if let Some(meant) = self.run_last(&named).remove(&named.other) {
            return Ok(meant);
        }
        let kept = self.keep.images();
        let kept = kept.map_err(|error| internal(&error.to_string()))?;
        let kept = kept.into_iter().find_map(|(key, reference)| {
            let of = Named::read(&key).ok()?;
            let image = crate::profile::identity::Image {
                reference,
                id: of.image,
            };
            let fits = of.other == named.other && named.is_image(&image);
            fits.then(|| Meant {
                name: Named {
                    image: image.reference,
                    other: of.other,
                }
                .to_string(),
                key,
            })
        });
        kept.ok_or_else(|| self.nothing_run_as(&named))
    }

    /// What an image's name means with each entrypoint that containers of it had; the one that is meant
    /// by the name as it is comes first.
    pub(super) fn workloads_of(&mut self, wanted: &str) -> Result<Vec<ImageWorkload>, ErrorBody> {
        let named = named(wanted)?;
        let mut found: Vec<ImageWorkload> = self
            .run_last(&named)
            .into_iter()
            .map(|(other, meant)| {
                let ids = self.recorded_of(&meant.key);
                let imported = ids.iter().filter(|id| self.is_imported(id)).count();
                ImageWorkload {
                    name: named.with(other.as_ref()).to_string(),
                    meant: other == named.other,
                    id: meant.key,
                    entrypoint: other,
                    containers: ids.len() as u64,
                    imported: imported as u64,
                }
            })
            .collect();
        if found.is_empty() {
            return Err(self.nothing_run_as(&named));
        }
        found.sort_by(|a, b| (!a.meant, &a.name).cmp(&(!b.meant, &b.name)));
        Ok(found)
    }

    /// Of each entrypoint with which an image of this name was run, the workload that was run last.
    fn run_last(&self, named: &Named) -> BTreeMap<Option<Entrypoint>, Meant> {
        let mut last: BTreeMap<Option<Entrypoint>, &Container> = BTreeMap::new();
        for container in self.containers.values().filter(|one| one.has_record()) {
            let identity = &container.identity;
            if !identity.image.as_ref().is_some_and(|it| named.is_image(it)) {
                continue;
            }
            let newest = last.entry(identity.entrypoint.clone()).or_insert(container);
            if lateness(newest) < lateness(container) {
                *newest = container;
            }
        }
        last.into_iter()
            .filter_map(|(other, container)| {
                let identity = &container.identity;
                let meant = Meant {
                    key: Workload::of(identity)?.key().into_owned(),
                    name: identity.run_as()?,
                };
                Some((other, meant))
            })
            .collect()
    }

    /// Containers of a workload of which there is a record.
    fn recorded_of(&self, key: &str) -> Vec<String> {
        let mut ids = self.ids_of(&Subject::Image(key.to_owned()));
        ids.retain(|id| self.containers.get(id).is_some_and(Container::has_record));
        ids
    }

    /// That no container is of the workload, and of which others some are.
    pub(super) fn nothing_run_as(&self, named: &Named) -> ErrorBody {
        let others: Vec<String> = self
            .run_last(named)
            .into_iter()
            .map(|(other, meant)| {
                let count = self.recorded_of(&meant.key).len();
                let name = named.with(other.as_ref());
                let noun = if count == 1 {
                    "container"
                } else {
                    "containers"
                };
                format!("image:{name} ({count} {noun})")
            })
            .collect();
        let message = if others.is_empty() {
            let image = &named.image;
            format!(
                "no container of the image {image:?} was recorded: `profilectl list` shows those that were"
            )
        } else {
            let entrypoint = named.other.as_ref().map_or_else(
                || "its own entrypoint".to_owned(),
                |other| format!("the entrypoint {other}"),
            );
            format!(
                "no container of the image {:?} was recorded that ran it with {entrypoint}; others \
                 were: {}",
                named.image,
                others.join(", ")
            )
        };
        ErrorBody {
            code: "not_found".into(),
            message,
        }
    }
}
