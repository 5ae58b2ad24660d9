//! That an image was run with other entrypoints than the one that is told of. `image:REF` means the
//! image's own; who does not know that a shell was kept apart would miss its calls.

use super::{printable::wrapped, table::WIDTH, terminal::Terminal, version_of, wording::counted};
use crate::{
    api::{client::Client, protocol::workloads::ImageWorkload},
    profile::{version::Subject, workload::SEPARATOR},
};

/// Tells on standard error what an operand leaves out, if it is an image's.
pub(super) async fn tell(operand: &str, client: &Client, terminal: &Terminal) {
    if let Subject::Image(image) = version_of::named(operand)
        && let Some(told) = of_image(&image, client).await
    {
        terminal.remark(&told);
    }
}

/// What an image's name leaves out, in words. That the daemon has no answer is no failure: this only
/// adds to one.
pub(super) async fn of_image(image: &str, client: &Client) -> Option<String> {
    if image.contains(SEPARATOR) {
        return None;
    }
    let workloads = client.workloads(image).await.ok()?;
    Some(wrapped(&words(image, &workloads)?, 2, WIDTH))
}

fn words(image: &str, workloads: &[ImageWorkload]) -> Option<String> {
    let meant = workloads.iter().find(|one| one.meant)?;
    let image_of = |one: &ImageWorkload| one.id.split(SEPARATOR).next().map(str::to_owned);
    // What an older image of that name was run as is nothing beside this one.
    let others: Vec<&ImageWorkload> = workloads
        .iter()
        .filter(|one| !one.meant && image_of(one) == image_of(meant))
        .collect();
    let containers = counted(
        others.iter().map(|one| one.containers).sum(),
        "container",
        "containers",
    );
    match others.as_slice() {
        [] => None,
        [only] => Some(format!(
            "{image}: {containers} ran it with another entrypoint: image:{}",
            only.name
        )),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|one| format!("image:{} ({})", one.name, one.containers))
                .collect();
            Some(format!(
                "{image}: {containers} ran it with other entrypoints: {}",
                names.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::{api::protocol::workloads::ImageWorkload, profile::workload::Named};

    fn workload(id: &str, name: &str, containers: u64) -> ImageWorkload {
        let entrypoint = Named::read(name).expect("a name").other;
        ImageWorkload {
            name: name.to_owned(),
            id: id.to_owned(),
            meant: entrypoint.is_none(),
            entrypoint,
            containers,
            imported: 0,
        }
    }

    #[test]
    fn what_is_left_out_is_named() {
        let own = workload("sha256:a", "web:1", 3);
        let shell = workload("sha256:a#/bin/sh", "web:1#/bin/sh", 2);
        let job = workload("sha256:a#/job", "web:1#/job", 1);
        let older = workload("sha256:b#/old", "web:1#/old", 9);
        let told = |all: &[&ImageWorkload]| {
            let all: Vec<ImageWorkload> = all.iter().copied().cloned().collect();
            words("web:1", &all)
        };
        assert_eq!(told(&[&own]), None);
        assert_eq!(told(&[&own, &older]), None);
        assert_eq!(
            told(&[&own, &shell, &older]).as_deref(),
            Some("web:1: 2 containers ran it with another entrypoint: image:web:1#/bin/sh")
        );
        assert_eq!(
            told(&[&own, &shell, &job]).as_deref(),
            Some(
                "web:1: 3 containers ran it with other entrypoints: image:web:1#/bin/sh (2), \
                 image:web:1#/job (1)"
            )
        );
    }
}
