//! Which container a person means: a name, an id, or the beginning of an id.

use std::collections::BTreeMap;

use super::container::Container;
use crate::api::protocol::ErrorBody;

/// The full id of the container that is meant.
///
/// A name that several had, one after the other, means the one that runs, else the newest. What was
/// recorded here goes before what was imported: no document can take the place of a container.
pub(super) fn resolve(
    containers: &BTreeMap<String, Container>,
    reference: &str,
) -> Result<String, ErrorBody> {
    let wanted = reference.strip_prefix('/').unwrap_or(reference);
    if containers.contains_key(wanted) {
        return Ok(wanted.to_owned());
    }
    let newest = containers
        .values()
        .filter(|container| container.identity.name.as_deref() == Some(wanted))
        .max_by_key(|container| {
            (
                container.identity.origin.is_none(),
                container.identity.running,
                // Not when they were made, by the clock of then.
                container.met_ms,
                container.identity.created_ms,
                container.changed_ms,
            )
        });
    if let Some(container) = newest {
        return Ok(container.identity.id.clone());
    }
    let by_prefix = |imported: bool| {
        let mut fitting = containers.iter().filter(move |(id, container)| {
            !wanted.is_empty()
                && id.starts_with(wanted)
                && container.identity.origin.is_some() == imported
        });
        (
            fitting.next().map(|(id, _)| id),
            fitting.next().map(|(id, _)| id),
        )
    };
    let found = match by_prefix(false) {
        (None, _) => by_prefix(true),
        recorded_here => recorded_here,
    };
    match found {
        (Some(id), None) => Ok(id.clone()),
        (Some(_), Some(_)) => Err(ErrorBody {
            code: "ambiguous".into(),
            message: format!(
                "several containers have ids that begin with {wanted:?}: write more of it"
            ),
        }),
        (None, _) => Err(ErrorBody {
            code: "not_found".into(),
            message: format!(
                "no container {wanted:?} was seen: `profilectl list` shows those that were"
            ),
        }),
    }
}
