//! The trees that images are made of, as tars in the cache, keyed by what goes into them.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{debian, program, workspace};

/// The servers that the Debian images run.
const PACKAGES: [&str; 7] = [
    "apache2",
    "curl",
    "libapache2-mod-php",
    "nginx-light",
    "python3",
    "redis-server",
    "redis-tools",
];

/// What the servers serve, and the program that starts threads.
const FILES: [(&str, &str); 3] = [
    (
        "var/www/html/index.html",
        "<!doctype html><title>page</title><p>It works\n",
    ),
    (
        "var/www/html/index.php",
        "<?php echo 'php ', 6 * 7, \"\\n\";\n",
    ),
    ("srv/threads.py", include_str!("threads.py")),
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n";
const GROUP: &str = "root:x:0:\napp:x:1000:\n";
const BUSYBOX: &str = "/bin/busybox";

/// A packed tree.
pub(super) struct Tree {
    pub(super) tar: PathBuf,
    /// Changes whenever something else goes into the tree.
    pub(super) key: String,
}

/// A short hash over what a thing is made from.
pub(super) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(format!("{}\0{part}", part.len()));
    }
    let hash = hash.finalize();
    hash[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A static busybox with every applet, a page and a user `app` with id 1000.
pub(super) fn busybox(cache: &Path) -> Result<Tree> {
    let version = program::output(Command::new(BUSYBOX).arg("--help"))?;
    let key = key(&[&version, PASSWD, GROUP, FILES[0].1]);
    packed(cache, "busybox", key, |tree| {
        for folder in [
            "bin", "etc", "home/app", "root", "tmp", "var/www", "dev", "proc", "sys",
        ] {
            workspace::folder(&tree.join(folder))?;
        }
        std::fs::copy(BUSYBOX, tree.join("bin/busybox")).with_context(|| {
            format!("{BUSYBOX} can't be copied: apt-get install busybox-static")
        })?;
        for applet in program::output(Command::new(BUSYBOX).arg("--list"))?.lines() {
            if applet != "busybox" {
                symlink("busybox", tree.join("bin").join(applet))?;
            }
        }
        workspace::write(&tree.join("etc/passwd"), PASSWD)?;
        workspace::write(&tree.join("etc/group"), GROUP)?;
        workspace::write(&tree.join("var/www/index.html"), FILES[0].1)?;
        std::os::unix::fs::chown(tree.join("home/app"), Some(1000), Some(1000))?;
        std::fs::set_permissions(tree.join("tmp"), PermissionsExt::from_mode(0o1777))?;
        Ok(())
    })
}

/// The host's own Debian release with the servers in it; a minute or two the first time.
pub(super) fn debian(cache: &Path) -> Result<Tree> {
    let suite = debian::codename()?;
    let mut parts = vec![suite.as_str()];
    parts.extend(PACKAGES);
    parts.extend(FILES.iter().map(|(_, content)| *content));
    let key = key(&parts);
    packed(cache, "debian", key, |tree| {
        eprintln!(
            "testbed: making a Debian {suite} with {}",
            PACKAGES.join(", ")
        );
        program::quietly(
            Command::new("debootstrap")
                .arg("--variant=minbase")
                .arg(format!("--include={}", PACKAGES.join(",")))
                .args([&suite, &tree.display().to_string(), &debian::mirror()?]),
        )?;
        for spared in [
            "var/cache/apt/archives",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
        ] {
            super::remove(&tree.join(spared))?;
        }
        for (name, content) in FILES {
            workspace::write(&tree.join(name), content)?;
        }
        let passwd = tree.join("etc/passwd");
        let users = String::from_utf8(workspace::read(&passwd)?)?;
        workspace::write(
            &passwd,
            format!("{users}app:x:1000:1000:app:/tmp:/bin/sh\n"),
        )
    })
}

fn packed(
    cache: &Path,
    name: &str,
    key: String,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<Tree> {
    let tar = cache.join(format!("{name}-{key}.tar"));
    if tar.is_file() {
        return Ok(Tree { tar, key });
    }
    let work = tempfile::Builder::new().prefix(name).tempdir_in(cache)?;
    let tree = work.path().join("root");
    workspace::folder(&tree)?;
    fill(&tree).with_context(|| format!("the tree of the {name} images can't be made"))?;
    let unfinished = work.path().join("tar");
    program::quietly(
        Command::new("tar")
            .args(["--numeric-owner", "--one-file-system", "-C"])
            .arg(&tree)
            .arg("-cf")
            .arg(&unfinished)
            .arg("."),
    )?;
    std::fs::rename(&unfinished, &tar)?;
    Ok(Tree { tar, key })
}
