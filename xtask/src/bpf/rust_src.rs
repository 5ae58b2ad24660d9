//! The source of `core`, which a build for bpfel needs: rustup's component, or Debian's package of the same release.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::tools;
use crate::debian::{self, Wanted};

/// Debian's suite that carries the Rust releases this workspace pins.
const SUITE: &str = "trixie-backports";

/// The folder that holds `core`, for exactly this release of rustc.
pub(super) fn library(sysroot: &Path, release: &str) -> Result<PathBuf> {
    let component = sysroot.join("lib/rustlib/src/rust/library");
    if is_library(&component) {
        return Ok(component);
    }
    let folder = tools()?.join(format!("rust-src-{release}"));
    let library = folder.join(format!("usr/src/rustc-{release}/library"));
    if is_library(&library) {
        return Ok(library);
    }
    let version = format!("{release}+");
    let package = Wanted {
        name: "rust-src",
        version: &version,
    };
    debian::unpack(SUITE, &[package], &folder).with_context(|| {
        format!(
            "the source of Rust {release}'s core is not here, and Debian's package could not be had: \
             run `rustup component add rust-src`"
        )
    })?;
    if !is_library(&library) {
        anyhow::bail!("Debian's rust-src has no {}", library.display());
    }
    Ok(library)
}

fn is_library(folder: &Path) -> bool {
    folder.join("core/src/lib.rs").is_file()
}
