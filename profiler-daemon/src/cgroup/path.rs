//! Which container a cgroup path belongs to. Pure: a path in, a verdict out.
//!
//! Engines put a container's 64-digit id into the name of its cgroup, each in its own way;
//! what else is in the path (slices, pods, a parent of the user's choice) is not relied on.

use std::path::{Path, PathBuf};

use crate::profile::identity::Engine;

/// Digits in a container's id.
const ID_DIGITS: usize = 64;

/// What engines write in front of an id, in the name of a container's own cgroup.
///
/// conmon's cgroups (`libpod-conmon-…`, `crio-conmon-…`) hold the engine's monitor and not
/// the container: after the prefix comes no id, so they match nothing.
const PREFIXES: [(&str, Engine); 6] = [
    ("docker-", Engine::Docker),
    ("libpod-payload-", Engine::Podman),
    ("libpod-", Engine::Podman),
    ("cri-containerd-", Engine::Containerd),
    ("nerdctl-", Engine::Containerd),
    ("crio-", Engine::Crio),
];

/// A container, as a cgroup path tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerCgroup {
    /// Who made it; for a bare id under a parent that no engine is known for, Docker.
    pub engine: Engine,
    /// 64 hex digits.
    pub id: String,
    /// The container's topmost cgroup; every cgroup under it belongs to the container.
    pub root: PathBuf,
}

/// The container that a cgroup belongs to; none for a cgroup of the host.
///
/// `path` is as `/proc/PID/cgroup` writes it: below the cgroup v2 mount, with or without the
/// leading slash. Of containers inside a container, the outermost is told: it is the one that
/// this host's engine knows and that a profile is applied to.
#[must_use]
pub fn container_of(path: &Path) -> Option<ContainerCgroup> {
    let mut root = PathBuf::new();
    let mut parents: Vec<&str> = Vec::new();
    for component in path.components() {
        root.push(component);
        // A name that is not UTF-8 is no engine's, but a container may make one inside its own.
        let name = component.as_os_str().to_str().unwrap_or_default();
        if let Some((engine, id)) = container_named(name, &parents) {
            return Some(ContainerCgroup {
                engine,
                id: id.to_owned(),
                root,
            });
        }
        parents.push(name);
    }
    None
}

/// The container whose own cgroup bears this name.
fn container_named<'a>(name: &'a str, parents: &[&str]) -> Option<(Engine, &'a str)> {
    let stem = name.strip_suffix(".scope").unwrap_or(name);
    if is_id(stem) {
        return Some((engine_of_parents(parents), stem));
    }
    for (prefix, engine) in PREFIXES {
        if let Some(id) = stem.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some((engine, id));
        }
    }
    // A systemd triple that reached a runtime which manages cgroups as plain directories:
    // `system.slice:docker:<id>`, `kubepods-….slice:cri-containerd:<id>`.
    let (rest, id) = stem.rsplit_once(':')?;
    let prefix = rest.rsplit(':').next().unwrap_or(rest);
    if !is_id(id) {
        return None;
    }
    PREFIXES
        .iter()
        .find(|(known, _)| known.trim_end_matches('-') == prefix)
        .map(|(_, engine)| (*engine, id))
}

/// Who makes cgroups named by nothing but the id, under these parents.
fn engine_of_parents(parents: &[&str]) -> Engine {
    let under = |wanted: &str| parents.last() == Some(&wanted);
    if under("libpod_parent") {
        return Engine::Podman;
    }
    // containerd's plain layout is `/<namespace>/<id>`: nerdctl uses `default`, Kubernetes
    // `k8s.io`, and its pods live under `kubepods`.
    let in_pod = parents
        .iter()
        .any(|parent| parent.starts_with("kubepods") || parent.contains("-kubepods"));
    if in_pod || under("default") || under("k8s.io") {
        return Engine::Containerd;
    }
    Engine::Docker
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const INNER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    /// `@` stands for an id, `%` for that of a container inside.
    fn told(template: &str) -> Option<(Engine, String, String)> {
        let path = template.replace('@', ID).replace('%', INNER);
        container_of(Path::new(&path)).map(|container| {
            let root = container.root.display().to_string().replace(ID, "@");
            (container.engine, container.id, root)
        })
    }

    #[test]
    fn every_engines_way_of_naming_is_recognised() {
        use Engine::{Containerd, Crio, Docker, Podman};
        for (template, engine, root) in [
            ("/docker/@", Docker, "/docker/@"),
            ("docker/@", Docker, "docker/@"),
            (
                "/system.slice/docker-@.scope",
                Docker,
                "/system.slice/docker-@.scope",
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/docker-@.scope"
                    .replace("user@", "user_")
                    .as_str(),
                Docker,
                "/user.slice/user-1000.slice/user_1000.service/app.slice/docker-@.scope",
            ),
            ("/my/parent/@", Docker, "/my/parent/@"),
            ("/system.slice:docker:@", Docker, "/system.slice:docker:@"),
            (
                "/machine.slice/libpod-@.scope",
                Podman,
                "/machine.slice/libpod-@.scope",
            ),
            (
                "/machine.slice/libpod-@.scope/container",
                Podman,
                "/machine.slice/libpod-@.scope",
            ),
            ("/libpod_parent/libpod-@", Podman, "/libpod_parent/libpod-@"),
            ("/libpod_parent/@/x", Podman, "/libpod_parent/@"),
            (
                "/system.slice/web.service/libpod-payload-@",
                Podman,
                "/system.slice/web.service/libpod-payload-@",
            ),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-@.scope",
                Containerd,
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-@.scope",
            ),
            (
                "/kubepods/besteffort/pod0f/@",
                Containerd,
                "/kubepods/besteffort/pod0f/@",
            ),
            (
                "/kubelet/kubepods/pod0f/@/sub",
                Containerd,
                "/kubelet/kubepods/pod0f/@",
            ),
            (
                "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:@",
                Containerd,
                "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:@",
            ),
            (
                "/kubepods.slice/kubepods-pod1.slice/docker-@.scope",
                Docker,
                "/kubepods.slice/kubepods-pod1.slice/docker-@.scope",
            ),
            (
                "/kubepods.slice/kubepods-pod1.slice/crio-@.scope/container",
                Crio,
                "/kubepods.slice/kubepods-pod1.slice/crio-@.scope",
            ),
            ("/kubepods/pod1/crio-@", Crio, "/kubepods/pod1/crio-@"),
            ("/default/@", Containerd, "/default/@"),
            ("/k8s.io/@", Containerd, "/k8s.io/@"),
            (
                "/system.slice/nerdctl-@.scope",
                Containerd,
                "/system.slice/nerdctl-@.scope",
            ),
        ] {
            assert_eq!(
                told(template),
                Some((engine, ID.to_owned(), root.to_owned())),
                "{template}"
            );
        }
    }

    #[test]
    fn what_is_no_container_is_none() {
        for template in [
            "/",
            "",
            "/docker",
            "/system.slice/docker.service",
            "/system.slice/cron.service",
            "/init.scope",
            "/machine.slice/libpod-conmon-@.scope",
            "/machine.slice/crio-conmon-@.scope",
            "/kubepods.slice/conmon-@.scope",
            "/docker/buildkit/4ux0ezw8rj3ml5v3xcb1ahbqe",
            "/docker/4ux0ezw8rj3ml5v3xcb1ahbqe",
            "/docker/0123456789ab",
            "/docker/@0",
            "/docker/x@",
            "/machine.slice/machine-web.scope",
            "/system.slice/run-@.scope",
            "/system.slice:unknown:@",
            "/a:b",
        ] {
            assert_eq!(told(template), None, "{template}");
        }
        let shouted = format!("/docker/{}", ID.to_uppercase());
        assert_eq!(container_of(Path::new(&shouted)), None);
    }

    #[test]
    fn what_lies_below_belongs_to_it_and_the_outermost_wins() {
        for below in [
            "/docker/@/init",
            "/docker/@/docker/%",
            "/docker/@/system.slice/docker-%.scope",
            "/docker/@/kubelet.slice/kubepods.slice/cri-containerd-%.scope",
            "/docker/@/docker/buildkit/x",
        ] {
            let (engine, id, root) = told(below).expect("a container");
            assert_eq!(
                (engine, id.as_str(), root.as_str()),
                (Engine::Docker, ID, "/docker/@"),
                "{below}"
            );
        }
    }

    #[test]
    fn names_that_are_not_text_are_passed_over() {
        let mut raw = b"/\xff\xfe/".to_vec();
        assert_eq!(
            container_of(Path::new(std::ffi::OsStr::from_bytes(&raw))),
            None
        );
        raw.extend_from_slice(ID.as_bytes());
        let found = container_of(Path::new(std::ffi::OsStr::from_bytes(&raw)));
        assert_eq!(found.map(|container| container.id).as_deref(), Some(ID));
    }
}
