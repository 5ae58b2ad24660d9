//! rustc as cargo calls it for the kernel objects, with crate hashes that don't depend on where the build happens.
//!
//! Cargo's `-C metadata` of `core` hangs on the absolute path of its source, and every crate's on that of the crates
//! below it. It ends up in symbol names and debug information, and no remapping reaches it. So xtask stands in as
//! `RUSTC_WRAPPER` and puts the crate's name and version in its place.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{build, provenance};

/// Set for the builds whose rustc calls come through here.
const MARK: &str = "PROFILER_XTASK_RUSTC";

/// Makes the builds of a cargo command come through here.
pub(super) fn stand_in(cargo: &mut Command) -> Result<()> {
    cargo
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env(MARK, "1");
    Ok(())
}

/// Whether cargo called us in rustc's place.
pub(crate) fn is_called() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Becomes rustc; returns only when that fails.
pub(crate) fn become_rustc() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    let rustc = words
        .next()
        .context("called as a rustc wrapper, but without rustc's path")?;
    let mut words: Vec<OsString> = words.collect();
    if words.iter().any(|word| word == build::TARGET) {
        let crate_name = words
            .iter()
            .position(|word| word == "--crate-name")
            .and_then(|at| words.get(at + 1).cloned())
            .unwrap_or_default();
        let hash = identity(&crate_name.to_string_lossy());
        for word in &mut words {
            if word.to_string_lossy().starts_with("metadata=") {
                *word = format!("metadata={hash}").into();
            }
        }
    }
    let error = Command::new(&rustc).args(words).exec();
    Err(error).with_context(|| format!("can't run {}", rustc.display()))
}

fn identity(crate_name: &str) -> String {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let mut hash = provenance::hex(&Sha256::digest(format!(
        "{crate_name} {} {}",
        variable("CARGO_PKG_NAME"),
        variable("CARGO_PKG_VERSION")
    )));
    hash.truncate(16);
    hash
}
