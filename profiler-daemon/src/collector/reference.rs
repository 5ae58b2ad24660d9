//! Which container a person means: a name, an id, or the beginning of an id.

use std::collections::BTreeMap;

use super::container::Container;
use crate::api::protocol::ErrorBody;

/// The full id of the container that is meant.
///
/// A name that several had, one after the other, means the one that runs, else the newest.
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
                container.identity.running,
                container.identity.created_ms,
                container.changed_ms,
            )
        });
    if let Some(container) = newest {
        return Ok(container.identity.id.clone());
    }
    let mut by_prefix = containers
        .keys()
        .filter(|id| !wanted.is_empty() && id.starts_with(wanted));
    match (by_prefix.next(), by_prefix.next()) {
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
