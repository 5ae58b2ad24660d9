//! The container runtimes the tests go through: Debian's runc, a current runc, and crun.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Runtime;
use crate::debian::{self, Wanted};
use crate::program;

/// The Debian suite that has a current runc.
const SUITE: &str = "forky";
/// The packages whose files that runc loads.
const PACKAGES: [&str; 3] = ["runc", "libc6", "libseccomp2"];
/// Where the libraries of an unpacked package lie.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// Every runtime by the name it gets in the engine.
pub(super) fn all(cache: &Path) -> Result<BTreeMap<String, Runtime>> {
    let paths = [
        ("runc11", PathBuf::from("/usr/sbin/runc")),
        ("runc13", current_runc(cache)?),
        ("crun", PathBuf::from("/usr/bin/crun")),
    ];
    let mut runtimes = BTreeMap::new();
    for (name, path) in paths {
        let version = version(&path)?;
        runtimes.insert(name.to_owned(), Runtime { path, version });
    }
    Ok(runtimes)
}

/// A current runc with its own libraries, made to run beside the older ones of this machine.
fn current_runc(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join(SUITE);
    let runc = folder.join("usr/sbin/runc-current");
    if version(&runc).is_ok() {
        return Ok(runc);
    }
    super::remove(&folder)?;
    let wanted = PACKAGES.map(|name| Wanted { name, version: "" });
    debian::unpack(SUITE, &wanted, &folder)
        .context("a current runc can't be had, and the tests go through one")?;
    let loader = [
        "usr/lib64/ld-linux-x86-64.so.2",
        "lib64/ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    ]
    .iter()
    .map(|file| folder.join(file))
    .find(|file| file.is_file())
    .with_context(|| format!("libc6 of {SUITE} has no loader below {}", folder.display()))?;
    let libraries: Vec<String> = LIBRARIES
        .iter()
        .map(|library| folder.join(library).display().to_string())
        .collect();
    let original = folder.join("usr/sbin/runc");
    let patched = folder.join("runc-patched");
    std::fs::copy(&original, &patched)
        .with_context(|| format!("can't copy {}", original.display()))?;
    program::run(
        Command::new("patchelf")
            .arg("--set-interpreter")
            .arg(&loader)
            .args(["--set-rpath", &libraries.join(":")])
            .arg(&patched),
    )?;
    // Only under its final name when it is finished.
    std::fs::rename(&patched, &runc)?;
    Ok(runc)
}

fn version(path: &Path) -> Result<String> {
    let said = program::output(Command::new(path).arg("--version"))?;
    said.lines()
        .next()
        .and_then(|line| line.split_whitespace().last())
        .map(str::to_owned)
        .with_context(|| format!("{} --version says nothing", path.display()))
}
