//! What a container wrote into its own file system, outside of its volumes: its successor has none of
//! it. Pure.

use serde_json::Value;

/// Folders for what nobody relies on once a program has ended.
const PASSING: [&str; 5] = ["/run", "/tmp", "/var/cache", "/var/run", "/var/tmp"];

/// Where the engine mounts the process that `--init` puts first.
const INIT: &str = "/sbin/docker-init";

/// Paths that the container added, changed or removed and that are gone with it, of all that the
/// engine tells; what is mounted into it is not, and neither is what lies where nobody relies on it.
#[must_use]
pub fn written(changed: &[String], container: &Value) -> Vec<String> {
    let mounts = container["Mounts"].as_array().into_iter().flatten();
    let tmpfs = container["HostConfig"]["Tmpfs"].as_object().into_iter();
    let init = (container["HostConfig"]["Init"] == true).then_some(INIT);
    let mounts: Vec<&str> = mounts
        .filter_map(|mount| mount["Destination"].as_str())
        .chain(tmpfs.flat_map(|folders| folders.keys().map(String::as_str)))
        .chain(init)
        .collect();
    let leaves_nothing = |path: &str| {
        let spared = mounts.iter().chain(&PASSING);
        spared.into_iter().any(|folder| is_within(path, folder))
            // A folder is told as changed when something in it is, and a mount point was made.
            || changed.iter().any(|other| other != path && is_within(other, path))
            || mounts.iter().any(|mount| is_within(mount, path))
    };
    let mut own: Vec<String> = changed
        .iter()
        .filter(|path| !leaves_nothing(path))
        .cloned()
        .collect();
    own.sort();
    own
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(changed: &[&str]) -> Vec<String> {
        let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
        let container = json!({
            "Mounts": [{"Destination": "/data"}, {"Destination": "/srv/deep/in"}],
            "HostConfig": {"Tmpfs": {"/scratch": "size=1m"}, "Init": true},
        });
        written(&changed, &container)
    }

    #[test]
    fn what_is_nowhere_else_is_told_by_its_own_path() {
        let changed = ["/etc", "/etc/app.conf", "/var", "/var/lib", "/var/lib/app"];
        assert_eq!(own(&changed), ["/etc/app.conf", "/var/lib/app"]);
        assert_eq!(own(&["/database"]), ["/database"]);
    }

    #[test]
    fn mounts_and_passing_files_are_no_loss() {
        assert_eq!(own(&[]), Vec::<String>::new());
        let mounted = ["/data", "/data/file", "/srv", "/srv/deep", "/srv/deep/in"];
        assert_eq!(own(&mounted), Vec::<String>::new());
        let made = ["/scratch", "/sbin", "/sbin/docker-init"];
        assert_eq!(own(&made), Vec::<String>::new());
        let passing = ["/run", "/run/nginx.pid", "/tmp", "/var", "/var/cache/x/y"];
        assert_eq!(own(&passing), Vec::<String>::new());
    }
}
