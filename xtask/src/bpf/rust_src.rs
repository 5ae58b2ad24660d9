//! The source of `core`, which a build for bpfel needs: rustup's component, or Debian's package of the same release.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tools;
use crate::debian::{self, Wanted};
use crate::{program, workspace};

/// Debian's suite that carries the Rust releases this workspace pins.
const SUITE: &str = "trixie-backports";

/// The folder that holds `core`, for exactly this release of rustc.
pub(super) fn library(sysroot: &Path, release: &str) -> Result<PathBuf> {
    let library = tools()?.join(format!("rust-src-{release}"));
    if is_library(&library) {
        return Ok(library);
    }
    // Moved into place when it is whole, so that an interrupted copy is never taken for the source.
    let unpacked = tools()?.join("rust-src-unpacked");
    if unpacked.exists() {
        std::fs::remove_dir_all(&unpacked)?;
    }
    workspace::folder(&unpacked)?;
    let component = sysroot.join("lib/rustlib/src/rust/library");
    let source = if is_library(&component) {
        let copy = unpacked.join("library");
        program::run(Command::new("cp").arg("-r").args([&component, &copy]))?;
        copy
    } else {
        from_debian(release, &unpacked)?
    };
    std::fs::rename(&source, &library)
        .with_context(|| format!("can't move {} to {}", source.display(), library.display()))?;
    std::fs::remove_dir_all(&unpacked)?;
    Ok(library)
}

fn from_debian(release: &str, folder: &Path) -> Result<PathBuf> {
    let version = format!("{release}+");
    let package = Wanted {
        name: "rust-src",
        version: &version,
    };
    debian::unpack(SUITE, &[package], folder).with_context(|| {
        format!(
            "the source of Rust {release}'s core is not here, and Debian's package could not be had: \
             run `rustup component add rust-src`"
        )
    })?;
    let library = folder.join(format!("usr/src/rustc-{release}/library"));
    if !is_library(&library) {
        bail!(
            "Debian's rust-src has no {}: run `rustup component add rust-src`",
            library.display()
        );
    }
    Ok(library)
}

fn is_library(folder: &Path) -> bool {
    folder.join("core/src/lib.rs").is_file()
}
