//! Where things lie in the checkout, and what is built from it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout this xtask was built from.
pub(crate) fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("xtask has no parent folder: run it from a checkout with `cargo xtask`")
}

/// Where build products go: `CARGO_TARGET_DIR`, or `target` in the checkout.
pub(crate) fn target() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(&folder)
            .with_context(|| format!("CARGO_TARGET_DIR={}", folder.display())),
        None => Ok(root()?.join("target")),
    }
}

/// The cargo that runs us, so that a build inside uses the same toolchain.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Makes a folder and its parents.
pub(crate) fn folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("can't make the folder {}", path.display()))
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// Writes a file whole.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).with_context(|| format!("can't write {}", path.display()))
}
